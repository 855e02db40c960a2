"""How rows are taken from a cursor: so many, so large, each value plain. Where they come from is the adapter's.

Rule 1. What is more than the limits is not read, and the result says that it was cut.
Rule 2. A value is text, number, boolean, date or nothing; bytes are told by their length, everything else by its text.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from dueprocess.sql import Limits, Rows


def taken(columns: Sequence[str], rows: Iterable[Sequence[object]], *, limits: Limits) -> Rows:
    """The rows that the limits let through (rule 1)."""
    found: list[tuple[object, ...]] = []
    left = limits.bytes
    for row in rows:
        values = tuple(_plain(value) for value in row)
        left -= sum(len(str(value).encode("utf-8", "replace")) for value in values)
        if len(found) == limits.rows or left < 0:
            return Rows(columns=tuple(columns), rows=tuple(found), cut=True)
        found.append(values)
    return Rows(columns=tuple(columns), rows=tuple(found), cut=False)


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float() | Decimal() | str() | date():
            return value
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case _:
            return str(value)
