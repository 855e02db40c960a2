"""What a file says of where values come from: the labels of sources, and what each argument of a tool is for.

What follows is decided in the gate.

Rule 1. A source is named as the tool that brings its text. A name that no tool has labels nothing: what it was meant
        for stays untrusted.
Rule 2. An argument is control, bounded or content, in one of the lists at most.
Rule 3. What is bounded is the bound amount: thresholds and limits bound nothing else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.finding import Verdict
from dueprocess.policy.reader import Spot, named_tables
from dueprocess.policy.source import Listing
from dueprocess.tool.schema import Type
from dueprocess.values.foreign import quoted
from dueprocess.values.trust import Audience, Integrity, Label, Source

ORIGIN_KEYS: Final = ("control", "bounded", "content")


class Restraint(Enum):
    """What follows where a limit is passed or a sequence is wrong."""

    HOLD = "hold"
    DENY = "deny"

    @property
    def verdict(self) -> Verdict:
        """The decision it asks for."""
        return Verdict.HOLD if self is Restraint.HOLD else Verdict.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What a tool's arguments are for; `control` of None: the file lists none."""

    control: tuple[str, ...] | None = None
    bounded: tuple[str, ...] = ()
    content: tuple[str, ...] = ()


def read_arguments(keys: Mapping[str, Spot], *, arguments: Type | None, amount: ArgumentPath | None) -> Arguments:
    """The lists of a tool's entry (rules 2 and 3)."""
    found: dict[str, tuple[str, ...]] = {}
    for key in ORIGIN_KEYS:
        spot = keys.get(key)
        if spot is None:
            continue
        names = spot.distinct(lambda item: argument_name(item, arguments), empty=True) or ()
        for other, listed in found.items():
            for name in names:
                if name in listed:
                    spot.wrong(f"the argument {quoted(name)} is listed as {other} too; expected it in one of the lists")
        found[key] = names
    for name in found.get("bounded", ()):
        if amount is not None and name != amount[0]:
            keys["bounded"].wrong(
                f"{quoted(name)} is not the bound amount ({quoted(amount[0])}): nothing bounds it; list it as control"
            )
    return Arguments(control=found.get("control"), bounded=found.get("bounded", ()), content=found.get("content", ()))


def read_sources(spot: Spot | None) -> Mapping[str, Source]:
    """`sources`: the label of what each tool brings back, and of the values at some places in it."""
    found: dict[str, Source] = {}
    for name, entry in named_tables(spot, "the name of a source").items():
        keys = entry.table(("integrity", "audience", "fields"))
        integrity = keys["integrity"].choice(Integrity) if "integrity" in keys else None
        audience = keys["audience"].choice(Audience) if "audience" in keys else None
        label = Label(integrity=integrity or Integrity.UNTRUSTED, audience=audience or Audience.INTERNAL)
        found[name] = Source(label=label, fields=_fields(keys.get("fields")))
    return found


def _fields(spot: Spot | None) -> tuple[tuple[ArgumentPath, Integrity], ...]:
    found: list[tuple[ArgumentPath, Integrity]] = []
    for written, entry in ((spot.entries() or {}) if spot is not None else {}).items():
        path = entry.path_in(written)
        integrity = entry.choice(Integrity)
        if path is not None and integrity is not None:
            found.append((path, integrity))
    return tuple(found)


def argument_name(spot: Spot, arguments: Type | None) -> str | None:
    """The name of one of the tool's arguments."""
    name = spot.text("the name of an argument")
    names = arguments.names() if arguments is not None else None
    if name is not None and names is not None and name not in names:
        spot.unknown("argument", name, names)
    return name


def tool_names(spot: Spot, tools: Collection[str] | None) -> tuple[str, ...] | None:
    """One tool that exists, or a list of such: any of them is meant."""
    if isinstance(spot.node, Listing):
        return spot.distinct(lambda item: tool_name(item, tools))
    name = tool_name(spot, tools)
    return (name,) if name is not None else None


def tool_name(spot: Spot, tools: Collection[str] | None) -> str | None:
    """The name of a tool that exists."""
    name = spot.name("the name of a tool")
    if name is not None and tools is not None and name not in tools:
        spot.unknown("tool", name, tools)
    return name
