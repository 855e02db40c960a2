"""The sub-agents of an agent in the project file, as they are written. What they are is in `agent.sub_agents`.

Rule 1. A sub-agent says what it is for, in words for the model of its agent, and which of its agent's tools it has: none is
        taken for granted. An empty list is a sub-agent that only thinks.
Rule 2. A sub-agent has no sub-agents.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dueprocess.agent.sub_agents import MAX_TURNS, MOST_TURNS, SUB_AGENT_NAME
from dueprocess.policy.reader import Spot
from dueprocess.values.foreign import quoted

_KEYS: Final = ("prompt", "describe", "tools", "model", "max_turns")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAgentEntry:
    """One sub-agent of the file. `model` is empty where it is its agent's; `line` and `place`: where its tools are named."""

    name: str
    prompt: Path
    describe: str
    tools: tuple[str, ...]
    model: str = ""
    max_turns: int = MAX_TURNS
    line: int
    place: str


def read_sub_agents(spot: Spot) -> tuple[SubAgentEntry, ...]:
    """The sub-agents in file order; what is wrong with one is noted."""
    found = [_sub_agent(name, entry) for name, entry in (spot.entries() or {}).items()]
    return tuple(entry for entry in found if entry is not None)


def _sub_agent(name: str, spot: Spot) -> SubAgentEntry | None:
    if SUB_AGENT_NAME.fullmatch(name) is None:
        spot.wrong(
            f"{quoted(name)} is no name of a sub-agent; expected 1 to 64 letters, digits, - and _, the first no digit"
        )
        return None
    if spot.holds("sub_agents"):
        spot.wrong("a sub-agent has no sub_agents of its own; expected one level of them")
        return None
    keys = spot.table(_KEYS, required=("prompt", "describe", "tools"))
    prompt = keys["prompt"].text("the path of a file") if "prompt" in keys else None
    describe = keys["describe"].text("what it is for, in words for the model") if "describe" in keys else None
    tools = keys["tools"].distinct(_tool, empty=True) if "tools" in keys else None
    model = keys["model"].text("a model's name, or scripted:PLACE:NAME") if "model" in keys else ""
    turns = _turns(keys["max_turns"]) if "max_turns" in keys else MAX_TURNS
    if prompt is None or describe is None or tools is None or model is None or turns is None:
        return None
    return SubAgentEntry(
        name=name,
        prompt=Path(prompt),
        describe=describe,
        tools=tools,
        model=model,
        max_turns=turns,
        line=keys["tools"].line,
        place=keys["tools"].path,
    )


def _tool(spot: Spot) -> str | None:
    return spot.name("the name of a tool")


def _turns(spot: Spot) -> int | None:
    turns = spot.count(least=1)
    if turns is None or turns <= MOST_TURNS:
        return turns
    spot.expected(f"at most {MOST_TURNS} turns")
    return None
