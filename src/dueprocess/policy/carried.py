"""Keys that this version reads and cannot enforce: their shape is checked, and which tools they deny is told.

Nothing of them is kept.

Rule 1. A tool's key denies every call of the tool; a tier's key the tools of the tier.
Rule 2. An entry of a top-level key denies the tools it names. One that names none denies every write, and where it
        speaks of egress also the tools declared so. A top-level key without entries names none.
Rule 3. `row_level_security: false` asks for nothing and denies nothing; so does `egress` alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.reader import Spot, named_tables
from dueprocess.policy.syntax import parse_condition
from dueprocess.tool.schema import Type

TOOL_KEYS: Final = ("mode", "row_level_security", "control", "bounded", "content", "limits", "checks")


class SqlMode(Enum):
    """How a tool that takes SQL may be used."""

    PARAMETERIZED_ONLY = "parameterized_only"


class Integrity(Enum):
    """How far what a source says may be trusted."""

    OPERATOR = "operator"
    USER = "user"
    ENDORSED = "endorsed"
    DIRECTORY = "directory"
    SYSTEM_ID = "system_id"
    UNTRUSTED = "untrusted"


class Audience(Enum):
    """Who may see what a source says."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class Restraint(Enum):
    """What follows where a limit is passed or a sequence is wrong."""

    HOLD = "hold"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which tools a top-level key denies: those named, every write, those declared an egress (rule 2)."""

    names: frozenset[str] = frozenset()
    every_write: bool = False
    every_egress: bool = False


def read_tool_keys(
    entries: Mapping[str, Spot], *, arguments: Type | None, tools: Collection[str] | None
) -> tuple[str, ...]:
    """Checks the shape of a tool's keys and returns those that deny its calls."""
    found: list[str] = []
    for key in TOOL_KEYS:
        spot = entries.get(key)
        if spot is None:
            continue
        asks = True
        match key:
            case "mode":
                spot.choice(SqlMode)
            case "row_level_security":
                asks = spot.boolean() is not False
            case "limits":
                spot.listed(_limit, empty=True)
            case "checks":
                spot.listed(lambda item: _check(item, tools), empty=True)
            case _:
                spot.distinct(lambda item: argument_name(item, arguments), empty=True)
        if asks:
            found.append(key)
    return tuple(found)


def argument_name(spot: Spot, arguments: Type | None) -> str | None:
    """The name of one of the tool's arguments."""
    name = spot.text("the name of an argument")
    names = arguments.names() if arguments is not None else None
    if name is not None and names is not None and name not in names:
        spot.unknown("argument", name, names)
    return name


def tool_name(spot: Spot, tools: Collection[str] | None) -> str | None:
    """The name of a tool that exists."""
    name = spot.name("the name of a tool")
    if name is not None and tools is not None and name not in tools:
        spot.unknown("tool", name, tools)
    return name


def read_sources(spot: Spot, *, tools: Collection[str] | None) -> Reach:
    """Checks the shape of `sources` and returns what it denies.

    A source need not be a tool: retrievers and mailboxes bring text too. Naming no tool, it denies every write.
    """
    found = named_tables(spot, "the name of a source")
    for source in found.values():
        entries = source.table(("integrity", "audience", "fields"))
        if "integrity" in entries:
            entries["integrity"].choice(Integrity)
        if "audience" in entries:
            entries["audience"].choice(Audience)
        for field in (entries["fields"].entries() or {}).values() if "fields" in entries else ():
            field.choice(Integrity)
    named = frozenset(found) if tools is None else frozenset(found) & frozenset(tools)
    return Reach(names=named, every_write=not named)


def read_temporal(spot: Spot, *, tools: Collection[str] | None) -> Reach:
    """Checks the shape of `temporal` and returns what it denies."""
    reaches = spot.listed(lambda item: _sequence(item, tools), empty=True) or ()
    return Reach(
        names=frozenset[str]().union(*(reach.names for reach in reaches)),
        every_write=not reaches or any(reach.every_write for reach in reaches),
        every_egress=any(reach.every_egress for reach in reaches),
    )


def _limit(spot: Spot) -> bool:
    entries = spot.table(("count", "sum", "max_usd", "per", "window", "over"), required=("per", "window", "over"))
    if ("count" in entries) == ("sum" in entries):
        spot.wrong("expected either count, or sum with max_usd")
    if ("sum" in entries) != ("max_usd" in entries):
        spot.wrong("sum and max_usd belong together")
    if "count" in entries:
        entries["count"].count(least=1)
    if "sum" in entries and entries["sum"].text() not in (None, "amount"):
        entries["sum"].expected("amount, the bound amount")
    if "max_usd" in entries:
        entries["max_usd"].amount()
    if "per" in entries:
        entries["per"].distinct(Spot.path_to, empty=True)
    if "window" in entries:
        entries["window"].duration()
    if "over" in entries:
        entries["over"].choice(Restraint)
    return True


def _check(spot: Spot, tools: Collection[str] | None) -> bool:
    entries = spot.table(("name", "from", "where", "assert", "max_age"), required=("name", "from", "assert"))
    if "name" in entries:
        entries["name"].name()
    if "from" in entries:
        tool_name(entries["from"], tools)
    if "where" in entries:
        entries["where"].entries()
    source = entries["assert"].text("a condition") if "assert" in entries else None
    if source is not None:
        try:
            parse_condition(source)
        except BadValue as error:
            entries["assert"].wrong(str(error))
    if "max_age" in entries:
        entries["max_age"].duration()
    return True


_SEQUENCE_KEYS: Final = ("id", "never", "before", "require", "at_most", "of", "effect")


def _sequence(spot: Spot, tools: Collection[str] | None) -> Reach:
    entries = spot.table(_SEQUENCE_KEYS, required=("id", "effect"))
    forms = [key for key in ("never", "before", "at_most") if key in entries]
    if len(forms) != 1:
        spot.wrong("expected exactly one of: never, before, at_most")
    for key, partner in (("before", "require"), ("at_most", "of")):
        if (key in entries) != (partner in entries):
            spot.wrong(f"{key} and {partner} belong together")
    if "id" in entries:
        entries["id"].name()
    if "effect" in entries:
        entries["effect"].choice(Restraint)
    if "at_most" in entries:
        entries["at_most"].count()
    selectors = [entries[key] for key in ("require", "of") if key in entries]
    if "never" in entries:
        selectors.extend(entries["never"].table(("after", "then"), required=("after", "then")).values())
    names: set[str] = set()
    if "before" in entries:
        names.add(tool_name(entries["before"], tools) or "")
    egress = False
    for selector in selectors:
        chosen = selector.table(("tool", "where", "within", "same", "audience", "egress"))
        if "tool" in chosen:
            names.add(tool_name(chosen["tool"], tools) or "")
        if "within" in chosen:
            chosen["within"].duration()
        egress = egress or "egress" in chosen
    return Reach(names=frozenset(names - {""}), every_write=not names, every_egress=egress)
