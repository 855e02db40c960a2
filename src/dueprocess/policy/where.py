"""`where` of a check or a selector: arguments by name, each a value or a path into the call that is decided."""

import re

from dueprocess.policy.binding import path_to
from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.reader import Spot
from dueprocess.policy.source import Scalar, plain_json
from dueprocess.tool.schema import Type
from dueprocess.values import Json

_PATH = re.compile(r"\$(\.[^\s.\[\]\"'$]+)+")

Where = tuple[tuple[str, Json | ArgumentPath], ...]


def read_where(spot: Spot, arguments: Type | None = None) -> Where | None:
    """The entries; None where any is not of its form. `arguments`: of the call that is decided, where it is known."""
    entries = spot.entries()
    if entries is None:
        return None
    found: list[tuple[str, Json | ArgumentPath]] = []
    for name, entry in entries.items():
        if not isinstance(entry.node, Scalar):
            entry.expected("a value, or a path into the call such as $.customer_id")
            return None
        value = plain_json(entry.node)
        if isinstance(value, str) and _PATH.fullmatch(value) is not None:
            path = path_to(entry, arguments)
            if path is None:
                return None
            found.append((name, path))
        else:
            found.append((name, value))
    return tuple(found)
