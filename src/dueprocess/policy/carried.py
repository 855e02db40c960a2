"""Keys that this version reads and cannot enforce: their shape is checked, and which tools they deny is told.

Nothing of them is kept.

Rule 1. A tool's key denies every call of the tool.
Rule 2. `row_level_security: false` asks for nothing and denies nothing.
"""

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.origins import tool_name
from dueprocess.policy.reader import Spot
from dueprocess.policy.syntax import parse_condition

CARRIED_KEYS: Final = ("mode", "row_level_security", "checks")


class SqlMode(Enum):
    """How a tool that takes SQL may be used."""

    PARAMETERIZED_ONLY = "parameterized_only"


def read_carried(entries: Mapping[str, Spot], *, tools: Collection[str] | None) -> tuple[str, ...]:
    """Checks the shape of a tool's keys and returns those that deny its calls."""
    found: list[str] = []
    for key in CARRIED_KEYS:
        spot = entries.get(key)
        if spot is None:
            continue
        asks = True
        match key:
            case "mode":
                spot.choice(SqlMode)
            case "row_level_security":
                asks = spot.boolean() is not False
            case _:
                spot.listed(lambda item: _check(item, tools), empty=True)
        if asks:
            found.append(key)
    return tuple(found)


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
