"""A policy file, read whole or not at all: sections, names, defaults, and the rules compiled.

Tools' entries are in `entry`.

Rule 1. Whatever is unknown, ambiguous or of the wrong type anywhere: the file does not load, and says everything that
        is wrong.
Rule 2. With a catalogue of tools every name is checked against it; without one, what needs a schema is not checked.
Rule 3. The digest is that of the file's exact bytes.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from dueprocess.policy.approvers import read_approvers
from dueprocess.policy.call import DEFAULT_ENVIRONMENT
from dueprocess.policy.compile import compile_tool
from dueprocess.policy.document import (
    AgentLimits,
    CompiledTool,
    Environment,
    Escalation,
    Mode,
    Policy,
    Role,
    Tier,
    ToolPolicy,
)
from dueprocess.policy.entry import Entry, Names, read_entry, read_retries
from dueprocess.policy.lint import Groups, Written, lint
from dueprocess.policy.origins import ORIGIN_KEYS, Restraint, read_sources
from dueprocess.policy.reader import Problems, Spot, named_tables
from dueprocess.policy.source import read_nodes
from dueprocess.policy.temporal import read_temporal
from dueprocess.policy.trials import read_tests
from dueprocess.tool import COMPENSATE, Effect, ToolSpec, with_compensations
from dueprocess.values import digest_bytes
from dueprocess.values.foreign import quoted

VERSION: Final = 1
_SECTIONS: Final = (
    "policy",
    "agent",
    "roles",
    "environments",
    "tiers",
    "approvers",
    "sources",
    "tools",
    "temporal",
    "tests",
)
_INCLUDES: Final = "include_suspension"
_ASKS_ORIGINS: Final = frozenset({*ORIGIN_KEYS, "egress"})


def load(content: bytes, *, name: str, tools: Mapping[str, ToolSpec] | None, groups: Groups | None = None) -> Policy:
    """Reads a policy.

    `tools` is the catalogue it is checked against, by name; a tool with a compensate may be listed as `NAME.compensate`
    too. None leaves out every check that needs it. `groups` are the
    people (`user:ann`) of each group (`group:finance`), where identities are known.

    Raises:
        FileInvalid: with every problem: line, path, what was got, what was expected, the nearest valid name.
    """
    problems = Problems()
    tools = with_compensations(tools) if tools is not None else None
    sections = Spot(read_nodes(content, name=name), "", problems=problems).table(_SECTIONS)
    if "policy" in sections and sections["policy"].count() != VERSION:
        sections["policy"].expected(f"{VERSION}, the version of the policy language that is read here")
    agent = _agent(sections.get("agent"))
    roles = _roles(sections.get("roles"))
    environments = _environments(sections.get("environments"))
    tiers = _tiers(sections.get("tiers"))
    approvers = read_approvers(sections.get("approvers"))
    names = Names(
        roles=roles,
        environments={*environments, DEFAULT_ENVIRONMENT},
        tiers=tiers,
        approvers=approvers,
        tools=tools,
        retries=agent.retries,
    )
    entries = _entries(sections.get("tools"), names)
    entries = {key: replace(entry, policy=_hiding(entry.policy, entries)) for key, entry in entries.items()}
    known = None if tools is None else {*tools, *entries}
    sources = read_sources(sections.get("sources"))
    temporal = read_temporal(sections.get("temporal"), tools=known)
    tests = read_tests(sections.get("tests"))
    written = Written(
        sections=sections, entries=entries, roles=roles, approvers=approvers, tests=tests, sources=sources
    )
    warnings = lint(written, tools=tools, groups=groups, problems=problems)
    problems.refuse(name)
    return Policy(
        name=name,
        digest=digest_bytes(content),
        source=content.decode("utf-8"),
        agent=agent,
        roles=MappingProxyType(roles),
        environments=MappingProxyType(environments),
        tiers=MappingProxyType(tiers),
        approvers=MappingProxyType(approvers),
        tools=MappingProxyType({key: entry.policy for key, entry in entries.items()}),
        sources=MappingProxyType(dict(sources)),
        asks_origins=_asks_origins(sections, entries, tiers),
        temporal=temporal,
        tests=tests,
        warnings=warnings,
        compiled=MappingProxyType(_compiled(entries, roles)),
    )


def _compiled(entries: Mapping[str, Entry], roles: Mapping[str, Role]) -> dict[str, CompiledTool]:
    return {
        key: compile_tool(entry.policy, roles=roles, conditions=entry.conditions, assertions=entry.assertions)
        for key, entry in entries.items()
    }


def _agent(spot: Spot | None) -> AgentLimits:
    default = AgentLimits()
    if spot is None:
        return default
    keys = spot.table(
        ("max_wall_clock_seconds", "max_tool_calls", "max_model_spend_usd", "escalation", "clock", "retries")
    )
    clock = keys["max_wall_clock_seconds"].seconds() if "max_wall_clock_seconds" in keys else None
    calls = keys["max_tool_calls"].count() if "max_tool_calls" in keys else None
    spend = keys["max_model_spend_usd"].spend() if "max_model_spend_usd" in keys else None
    if "clock" in keys and keys["clock"].text() not in (None, _INCLUDES):
        keys["clock"].expected(f"{_INCLUDES}, or nothing")
    escalation = (
        keys["escalation"].table(("on_budget_exceeded", "on_tool_error_retries_exhausted"))
        if "escalation" in keys
        else {}
    )
    budget, retried = (
        escalation[key].choice(Escalation) if key in escalation else None
        for key in ("on_budget_exceeded", "on_tool_error_retries_exhausted")
    )
    return AgentLimits(
        max_wall_clock=default.max_wall_clock if clock is None else clock,
        max_tool_calls=default.max_tool_calls if calls is None else calls,
        max_model_spend=default.max_model_spend if spend is None else spend,
        on_budget_exceeded=budget or default.on_budget_exceeded,
        on_tool_error_retries_exhausted=retried or default.on_tool_error_retries_exhausted,
        clock_includes_suspension="clock" in keys,
        retries=read_retries(keys["retries"], default=default.retries) if "retries" in keys else default.retries,
    )


def _roles(spot: Spot | None) -> dict[str, Role]:
    found: dict[str, Role] = {}
    for name, entry in named_tables(spot, "the name of a role").items():
        keys = entry.table(("members", "on_behalf_of"), required=("members",))
        members = keys["members"].distinct(_member) if "members" in keys else None
        if "on_behalf_of" in keys and keys["on_behalf_of"].text() not in (None, "required"):
            keys["on_behalf_of"].expected("required, or nothing")
        found[name] = Role(name=name, members=frozenset(members or ()), on_behalf_of_required="on_behalf_of" in keys)
    return found


def _member(spot: Spot) -> str | None:
    member = spot.name("a principal")
    if member is None:
        return None
    kind, _, rest = member.partition(":")
    if kind not in ("agent", "user") or not rest or "@" in member:
        spot.wrong(
            f"{quoted(member)} is not a member; expected agent:NAME or user:NAME, without the part from @ on, "
            "since membership is by what stands before it"
        )
        return None
    return member


def _environments(spot: Spot | None) -> dict[str, Environment]:
    found: dict[str, Environment] = {}
    for name, entry in named_tables(spot, "the name of an environment").items():
        keys = entry.table(("mode",))
        mode = keys["mode"].choice(Mode) if "mode" in keys else None
        found[name] = Environment(name=name, mode=mode or Mode.ENFORCE)
    return found


def _tiers(spot: Spot | None) -> dict[str, Tier]:
    found: dict[str, Tier] = {}
    for name, entry in named_tables(spot, "the name of a tier").items():
        keys = entry.table(("effect", "on_untrusted_control"))
        effect = keys["effect"].choice(Effect) if "effect" in keys else None
        control = keys["on_untrusted_control"].choice(Restraint) if "on_untrusted_control" in keys else None
        found[name] = Tier(
            name=name, effect=effect, on_untrusted_control=control.verdict if control is not None else None
        )
    return found


def _entries(spot: Spot | None, names: Names) -> dict[str, Entry]:
    tools = named_tables(spot, "the name of a tool")
    return {name: read_entry(entry, name=name, names=names) for name, entry in tools.items()}


def _asks_origins(sections: Mapping[str, Spot], entries: Mapping[str, Entry], tiers: Mapping[str, Tier]) -> bool:
    # A file that says nothing of where values come from means exactly what it says.
    return (
        "sources" in sections
        or any(tier.on_untrusted_control is not None for tier in tiers.values())
        or any(entry.spot.holds(key) for entry in entries.values() for key in _ASKS_ORIGINS)
    )


def _hiding(policy: ToolPolicy, entries: Mapping[str, Entry]) -> ToolPolicy:
    # What is hidden of an action is hidden of its taking back, which has the same arguments.
    original = entries.get(policy.name.removesuffix(COMPENSATE))
    hidden = original.policy.redact if original is not None else ()
    return replace(policy, redact=tuple(dict.fromkeys((*hidden, *policy.redact))))
