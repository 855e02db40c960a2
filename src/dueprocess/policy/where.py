"""`where` of a check or a selector: arguments by name, each a value, a path into the call, or into what a check is given."""

import re
from collections.abc import Collection

from dueprocess.policy.binding import path_to
from dueprocess.policy.document import ArgumentPath, GivenPath
from dueprocess.policy.reader import Spot
from dueprocess.policy.source import Scalar, plain_json
from dueprocess.tool.schema import Type
from dueprocess.values import Json

_PATH = re.compile(r"\$(\.[^\s.\[\]\"'$]+)+")
_GIVEN = re.compile(r"\$([A-Za-z_]\w*)((?:\.[^\s.\[\]\"'$]+)*)", re.ASCII)

Where = tuple[tuple[str, Json | ArgumentPath], ...]
WhereGiven = tuple[tuple[str, Json | ArgumentPath | GivenPath], ...]


def read_where(spot: Spot, arguments: Type | None = None) -> Where | None:
    """The entries; None where any is not of its form. `arguments`: of the call that is decided, where it is known."""
    found = read_where_given(spot, arguments, given=())
    if found is None:
        return None
    return tuple((name, value) for name, value in found if not isinstance(value, GivenPath))


def read_where_given(spot: Spot, arguments: Type | None, *, given: Collection[str]) -> WhereGiven | None:
    """As `read_where`, with the names of what the check is given: `$who` is one of them, `$who.id` a part of it."""
    entries = spot.entries()
    if entries is None:
        return None
    found: list[tuple[str, Json | ArgumentPath | GivenPath]] = []
    for name, entry in entries.items():
        if not isinstance(entry.node, Scalar):
            entry.expected("a value, or a path into the call such as $.customer_id")
            return None
        value = plain_json(entry.node)
        read = _path(entry, value, arguments, given) if isinstance(value, str) else value
        if read is None and value is not None:
            return None
        found.append((name, read))
    return tuple(found)


def _path(
    entry: Spot, value: str, arguments: Type | None, given: Collection[str]
) -> str | ArgumentPath | GivenPath | None:
    """What a text stands for: a path, or itself; None where it is a path that leads nowhere."""
    if _PATH.fullmatch(value) is not None:
        return path_to(entry, arguments)
    of = _GIVEN.fullmatch(value)
    if of is None:
        return value
    if of[1] not in given:
        entry.unknown("name", of[1], given)
        return None
    return GivenPath(name=of[1], path=tuple(of[2].split(".")[1:]))
