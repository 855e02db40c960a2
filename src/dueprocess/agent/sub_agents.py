"""What a release says of the sub-agents of its agent. How one is at work in a run is in `agent.frames`.

Rule 1. A sub-agent is no agent of its own: it has some of its agent's tools, and the run, limits and policy of its agent.
Rule 2. It has no sub-agents: a chain is at most two long.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from dueprocess.agent.workflow import Workflow
from dueprocess.errors import BadValue, RecordInvalid, ToolInvalid
from dueprocess.model import OfferedTool
from dueprocess.values import Json, of_python, parse
from dueprocess.values.foreign import kind_of, quoted

MAX_TURNS: Final = 10  # where the file does not say: a search or two, and an answer
MOST_TURNS: Final = 1000  # more is a task of its own
SUB_AGENT_NAME: Final = re.compile(
    r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII
)  # what every provider takes as a function's name


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAgent:
    """A sub-agent as its release declares it. `model` is empty where it is its agent's. Valid from birth.

    Raises:
        BadValue: a name that no provider takes, no word of what it is for, a tool named twice, or turns out of bounds.
    """

    name: str
    prompt: str
    describe: str
    tools: tuple[str, ...] = ()
    model: str = ""
    max_turns: int = MAX_TURNS

    def __post_init__(self) -> None:
        if SUB_AGENT_NAME.fullmatch(self.name) is None:
            raise BadValue(
                f"{quoted(self.name)} is no name of a sub-agent; expected 1 to 64 letters, digits, - and _, the first no digit"
            )
        if not self.describe.strip():
            raise BadValue(f"sub-agent {self.name} has no describe; expected what it is for, for the model to read")
        if len(set(self.tools)) != len(self.tools):
            raise BadValue(f"sub-agent {self.name} names a tool twice; expected each once")
        if not 1 <= self.max_turns <= MOST_TURNS:
            raise BadValue(f"sub-agent {self.name} has {self.max_turns} turns; expected 1 to {MOST_TURNS}")

    @property
    def offered(self) -> OfferedTool:
        """How the model of its agent is told of it."""
        return OfferedTool(
            name=self.name,
            description=f"{self.describe} It knows nothing but the task that you give it.",
            parameters={
                "type": "object",
                "properties": {"task": {"type": "string"}},
                "required": ["task"],
                "additionalProperties": False,
            },
        )


def principal_of(agent: str, sub_agent: str) -> str:
    """The name by which a policy names a sub-agent: `agent:support/researcher`. No agent is called so."""
    return f"agent:{agent}/{sub_agent}"


def task_of(arguments: str) -> str:
    """The task in a request for a sub-agent.

    Raises:
        BadValue: it is not one text and nothing else.
    """
    found = parse(arguments)
    if not isinstance(found, dict) or found.keys() != {"task"}:
        raise BadValue('the arguments are not of the form; expected {"task": TEXT} and nothing else')
    task = found["task"]
    if not isinstance(task, str) or not task.strip():
        raise BadValue(f"the task is {kind_of(task)}; expected a text that says what is to be done")
    return task


def misfits(sub_agents: Mapping[str, SubAgent], tools: Collection[str], *, others: Collection[str]) -> dict[str, str]:
    """What is wrong with these sub-agents beside their agent's tools, and beside `others` that can be asked for, by name."""
    found: dict[str, str] = {}
    known = ", ".join(sorted(tools)) or "none"
    for name, sub_agent in sub_agents.items():
        foreign = ", ".join(quoted(tool) for tool in sub_agent.tools if tool not in tools)
        if name in tools or name in others:
            means = "is a tool of its agent" if name in tools else "can be asked for by every agent"
            found[name] = f"{name} {means}; expected another name for the sub-agent"
        elif foreign:
            found[name] = f"sub-agent {name} has {foreign}; expected tools of its agent alone: {known}"
    return found


def refuse_misfit(
    sub_agents: Mapping[str, SubAgent],
    tools: Collection[str],
    *,
    others: Collection[str],
    workflow: Workflow | None,
) -> None:
    """Refuses sub-agents that no run could use as they are declared.

    Raises:
        ToolInvalid: naming each of them (`misfits`), or that a workflow, which asks its model for no calls, has any.
    """
    problems = [*misfits(sub_agents, tools, others=others).values()]
    if sub_agents and workflow is not None:
        problems.append("an agent with a workflow asks its model for decisions alone; expected no sub_agents beside it")
    if problems:
        raise ToolInvalid("; ".join(problems))


def sub_agents_to_json(sub_agents: Mapping[str, SubAgent]) -> Json:
    """The JSON form, by name; None for none."""
    listed: list[Json] = [of_python(msgspec.to_builtins(sub_agents[name])) for name in sorted(sub_agents)]
    return listed or None


def sub_agents_from_json(value: Json) -> Mapping[str, SubAgent]:
    """The sub-agents of a JSON form.

    Raises:
        RecordInvalid: it is not one of this version. BadValue: what it says cannot be.
    """
    stored: Any = [] if value is None else value
    try:
        listed: list[dict[str, Any]] = [{**each, "tools": tuple(each["tools"])} for each in stored]
        found = [SubAgent(**fields) for fields in listed]
    except (KeyError, TypeError) as error:
        raise RecordInvalid(f"stored sub-agents do not have the fields of this version: {error!r}") from None
    return MappingProxyType({sub.name: sub for sub in found})
