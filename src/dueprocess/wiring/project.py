"""The project file `due.yaml`, read whole or not at all. What is built from it is in `build`.

Rule 1. Strict as a policy file: an unknown key, a wrong type or a missing one anywhere, and nothing is used; the message
        names line, path, what was got and what was expected.
Rule 2. Names of tenants, agents and environments stand in every event in the clear: short, plain ASCII, no `@`.
Rule 3. Paths are relative to the folder of the file. Whether they lead somewhere is found out when they are read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dueprocess.errors import NotFound, StoreUnavailable
from dueprocess.meter import ScopeKind
from dueprocess.model import Price
from dueprocess.policy import DEFAULT_ENVIRONMENT
from dueprocess.policy.reader import Problems, Spot, nearest
from dueprocess.policy.source import Listing, read_nodes
from dueprocess.release.manifest import Mode
from dueprocess.values import Money
from dueprocess.values.foreign import quoted
from dueprocess.wiring.sub_agents import SubAgentEntry, read_sub_agents

PROJECT_FILE: Final = "due.yaml"
DEFAULT_TENANT: Final = "default"
VERSION: Final = 1
_MAX_OUTPUT_TOKENS: Final = 1024  # where the file does not say: enough for an answer and a few calls
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
SECTION_KEYS: Final = ("project", "tenant", "environment", "agents", "spend_limits", "prices")
AGENT_KEYS: Final = (
    "tools",
    "prompt",
    "policy",
    "model",
    "max_output_tokens",
    "clarifies",
    "workflow",
    "mode",
    "sub_agents",
)
PRICE_KEYS: Final = ("input_usd", "output_usd", "cached_input_usd")
_SCOPES: Final = {kind.value: kind for kind in (ScopeKind.TENANT, ScopeKind.AGENT, ScopeKind.SESSION, ScopeKind.TASK)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEntry:
    """One agent of the file. `tools` and `workflow` are `PLACE[:NAME]`, where a place is a module or a `.py` file.

    `mode`: how one without a workflow works.
    """

    name: str
    tools: tuple[str, ...]
    prompt: Path
    policy: Path
    model: str
    max_output_tokens: int = _MAX_OUTPUT_TOKENS
    clarifies: bool = False
    workflow: str = ""
    sub_agents: tuple[SubAgentEntry, ...] = ()
    mode: Mode = Mode.TOOL_LOOP


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A whole project file. `spend_limits`: limits on model spend of scopes wider than the run; `prices`: by model name."""

    folder: Path
    tenant: str = DEFAULT_TENANT
    environment: str = DEFAULT_ENVIRONMENT
    agents: Mapping[str, AgentEntry]
    spend_limits: Mapping[ScopeKind, Money] = field(default_factory=dict[ScopeKind, Money])
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])

    def agent(self, name: str) -> AgentEntry:
        """The agent of this name; the only one, where the name is empty.

        Raises:
            NotFound: there is no such agent, or there are several and none was named.
        """
        if name in self.agents:
            return self.agents[name]
        if name:
            raise NotFound(f"no agent {quoted(name)} in {PROJECT_FILE}; {nearest(name, self.agents)}")
        if len(self.agents) != 1:
            raise NotFound(f"{PROJECT_FILE} has several agents; name one: --agent {'|'.join(sorted(self.agents))}")
        return next(iter(self.agents.values()))


def load_project(folder: Path) -> Project:
    """Reads the project file of a folder.

    Raises:
        FileInvalid: it is not of its form. StoreUnavailable: it cannot be read.
    """
    path = folder / PROJECT_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StoreUnavailable(f"{path} is not there; `due init {folder}` makes a small project") from None
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}") from None
    return read_project(content, folder=folder)


def read_project(content: bytes, *, folder: Path) -> Project:
    """Reads the bytes of a project file (rule 1).

    Raises:
        FileInvalid: with every problem.
    """
    problems = Problems()
    top = Spot(read_nodes(content, name=PROJECT_FILE), "", problems=problems)
    sections = top.table(SECTION_KEYS, required=("project", "agents"))
    if "project" in sections and sections["project"].count() not in (None, VERSION):
        sections["project"].expected(f"{VERSION}, the version of the project file that is read here")
    tenant = _plain(sections["tenant"], "a tenant") if "tenant" in sections else None
    environment = _plain(sections["environment"], "an environment") if "environment" in sections else None
    agents = _agents(sections["agents"]) if "agents" in sections else {}
    limits = _limits(sections["spend_limits"]) if "spend_limits" in sections else {}
    prices = _prices(sections["prices"]) if "prices" in sections else {}
    problems.refuse(PROJECT_FILE)
    return Project(
        folder=folder,
        tenant=tenant or DEFAULT_TENANT,
        environment=environment or DEFAULT_ENVIRONMENT,
        agents=MappingProxyType(agents),
        spend_limits=MappingProxyType(limits),
        prices=MappingProxyType(prices),
    )


def _plain(spot: Spot, what: str) -> str | None:
    text = spot.text(f"the name of {what}")
    if text is not None and _NAME.fullmatch(text) is None:
        spot.wrong(
            f"{quoted(text)} is no name of {what}; expected 1 to 64 letters, digits, dots, dashes and underscores"
        )
        return None
    return text


def _agents(spot: Spot) -> dict[str, AgentEntry]:
    found: dict[str, AgentEntry] = {}
    entries = spot.entries()
    if entries is not None and not entries:
        spot.wrong("got no agent; expected at least one")
    for name, entry in (entries or {}).items():
        if _NAME.fullmatch(name) is None:
            entry.wrong(f"{quoted(name)} is no name of an agent; expected 1 to 64 letters, digits, dots, dashes and _")
            continue
        agent = _agent(name, entry)
        if agent is not None:
            found[name] = agent
    return found


def _agent(name: str, spot: Spot) -> AgentEntry | None:
    keys = spot.table(AGENT_KEYS, required=("tools", "prompt", "policy", "model"))
    tools = _places(keys["tools"]) if "tools" in keys else None
    prompt = keys["prompt"].text("the path of a file") if "prompt" in keys else None
    policy = keys["policy"].text("the path of a file") if "policy" in keys else None
    model = keys["model"].text("a model's name, or scripted:PLACE:NAME") if "model" in keys else None
    tokens = keys["max_output_tokens"].count(least=1) if "max_output_tokens" in keys else _MAX_OUTPUT_TOKENS
    clarifies = keys["clarifies"].boolean() if "clarifies" in keys else False
    workflow = _place(keys["workflow"]) if "workflow" in keys else ""
    sub_agents = read_sub_agents(keys["sub_agents"]) if "sub_agents" in keys else ()
    mode = keys["mode"].choice(Mode) if "mode" in keys else Mode.TOOL_LOOP
    if mode is Mode.PLAN_FIRST and workflow:
        keys["mode"].wrong("an agent with a workflow has its plan already; expected one of mode and workflow")
    if mode is Mode.PLAN_FIRST and sub_agents:
        keys["mode"].wrong("an agent that plans asks for its own calls alone; expected no sub_agents beside it")
    if None in (tools, prompt, policy, model, tokens, clarifies, workflow, mode):
        return None
    return AgentEntry(
        name=name,
        tools=tools or (),
        prompt=Path(prompt or ""),
        policy=Path(policy or ""),
        model=model or "",
        max_output_tokens=tokens or _MAX_OUTPUT_TOKENS,
        clarifies=bool(clarifies),
        workflow=workflow or "",
        sub_agents=sub_agents,
        mode=mode or Mode.TOOL_LOOP,
    )


def _places(spot: Spot) -> tuple[str, ...] | None:
    if isinstance(spot.node, Listing):
        return spot.distinct(_place)
    place = _place(spot)
    return None if place is None else (place,)


def _place(spot: Spot) -> str | None:
    return spot.text("a module or a file, such as tools.py or my.tools:TOOLS")


def _limits(spot: Spot) -> dict[ScopeKind, Money]:
    read = {name: entry.spend() for name, entry in spot.table(_SCOPES).items()}
    return {_SCOPES[name]: limit for name, limit in read.items() if limit is not None}


def _prices(spot: Spot) -> dict[str, Price]:
    found: dict[str, Price] = {}
    for model, entry in (spot.entries() or {}).items():
        keys = entry.table(PRICE_KEYS, required=("input_usd", "output_usd"))
        read = {name: keys[name].spend() for name in PRICE_KEYS if name in keys}
        fresh, output, cached = (read.get(name) for name in PRICE_KEYS)
        if fresh is None or output is None:
            continue
        if cached is not None and cached > fresh:
            keys["cached_input_usd"].expected("at most input_usd")
        found[model] = Price(input=fresh, output=output, cached_input=cached)
    return found
