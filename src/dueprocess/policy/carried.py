"""Keys that this version reads and cannot enforce: their shape is checked, and which tools they deny is told.

Nothing of them is kept.

Rule 1. A tool's key denies every call of the tool.
Rule 2. `row_level_security: false` asks for nothing and denies nothing.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from dueprocess.policy.reader import Spot

CARRIED_KEYS: Final = ("mode", "row_level_security")


class SqlMode(Enum):
    """How a tool that takes SQL may be used."""

    PARAMETERIZED_ONLY = "parameterized_only"


def read_carried(entries: Mapping[str, Spot]) -> tuple[str, ...]:
    """Checks the shape of a tool's keys and returns those that deny its calls."""
    found: list[str] = []
    for key in CARRIED_KEYS:
        spot = entries.get(key)
        if spot is None:
            continue
        asks = True
        if key == "mode":
            spot.choice(SqlMode)
        else:
            asks = spot.boolean() is not False
        if asks:
            found.append(key)
    return tuple(found)
