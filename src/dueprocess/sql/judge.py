"""Whether a statement may be run, and as what. Values in, values out; what runs it is in `databases`.

The order, numbered at the code; nothing is raised for what a call holds:
1 the arguments are one text and one object of plain values
2 the text is one query (`text`), made of allowed parts (`grammar`)
3 its names are tables, columns and functions of the scope (`names`)
4 its parameters are exactly those that values are given for
5 it is written anew; the text is looked at once more without the reader, and no word that was given is lost
6 what was written is read, checked and written again: the same text comes out
What remains: the tenant's rows. That is the database's (`RowSecurity.NATIVE`) or `rewrite`'s.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from dueprocess.sql.grammar import ROOTS, refusal_in
from dueprocess.sql.names import resolve
from dueprocess.sql.scope import NAME, Scope
from dueprocess.sql.statement import PARAMETERS, SQL, Checked, Refusal, Refused
from dueprocess.sql.text import foreign_in, lost_from, read, write
from dueprocess.values import Json
from dueprocess.values.foreign import kind_of

MAX_PARAMETERS: Final = 50
MAX_VALUE: Final = 4_096  # characters of a text: with every `||` that is allowed it becomes a megabyte at most
_UNSENDABLE: Final = re.compile("[\x00\ud800-\udfff]")  # NUL ends a text for C, and half a surrogate pair is no text
_LONGEST_INTEGER: Final = 63  # bits: what a database takes for a whole number
_LONGEST_DECIMAL: Final = 60  # digits
_KEPT: Final = 256  # statements whose reading is kept: two megabytes at most


def judge(scope: Scope, arguments: Mapping[str, Json]) -> Checked | Refused:
    """Judges the arguments of a call, in the order above. `parameters` may be left out where there are none."""
    sql, values = arguments.get(SQL), arguments.get(PARAMETERS, {})  # 1
    if not isinstance(sql, str) or not isinstance(values, dict) or arguments.keys() - {SQL, PARAMETERS}:
        return Refused(
            rule=Refusal.ARGUMENTS,
            reason=f"got {SQL}: {kind_of(sql)}, {PARAMETERS}: {kind_of(values)}; expected one text and one object",
        )
    return check(scope, sql, values=values)


def check(scope: Scope, sql: str, *, values: Mapping[str, Json]) -> Checked | Refused:
    """Checks a statement with the values of its parameters: steps 2 to 6."""
    refused = _values(values)
    if refused is not None:
        return refused
    first = _pass(scope, sql)
    if isinstance(first, Refused):
        return first
    missing, left = first.parameters - values.keys(), values.keys() - first.parameters  # 4
    if missing:
        return Refused(rule=Refusal.PARAMETER, reason=f"no value is given for: {', '.join(sorted(missing))}")
    if left:
        return Refused(rule=Refusal.PARAMETER, reason=f"{len(left)} values are given that the statement does not name")
    again = _pass(scope, first.sql)  # 6
    if isinstance(again, Refused) or again.sql != first.sql:
        return Refused(rule=Refusal.LOST, reason="written anew it is read differently")
    return Checked(
        sql=first.sql,
        dialect=scope.dialect,
        tables=tuple(sorted(first.tables)),
        parameters=tuple(sorted(first.parameters)),
        values=dict(values),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A statement after one pass: what it is written as, what it reads, what it binds."""

    sql: str
    tables: frozenset[str]
    parameters: frozenset[str]


# Kept by its content: a call is judged before it is decided, when it is decided, and by the function that runs it.
@lru_cache(maxsize=_KEPT)
def _pass(scope: Scope, sql: str) -> _Written | Refused:
    tree = read(sql, scope.dialect)  # 2
    if isinstance(tree, Refused):
        return tree
    if not isinstance(tree, ROOTS):
        return Refused(rule=Refusal.STATEMENT, reason=f"{type(tree).__name__} is no query; expected one SELECT")
    refused = refusal_in(tree, scope)
    if refused is not None:
        return refused
    plain = write(tree, scope.dialect)  # 5, before the names are written out: those are words that nobody gave
    if isinstance(plain, Refused):
        return plain
    found = resolve(tree, scope)  # 3
    if isinstance(found, Refused):
        return found
    if not found.tables:
        return Refused(rule=Refusal.TABLE, reason="it reads no table")
    written = write(tree, scope.dialect)  # 5
    if isinstance(written, Refused):
        return written
    return (
        foreign_in(written, scope)
        or lost_from(sql, plain, scope.dialect)
        or _Written(sql=written, tables=frozenset(found.tables), parameters=frozenset(found.parameters))
    )


def _values(values: Mapping[str, Json]) -> Refused | None:
    if len(values) > MAX_PARAMETERS:
        return Refused(rule=Refusal.SIZE, reason=f"{len(values)} parameters; expected at most {MAX_PARAMETERS}")
    for name, value in values.items():
        if NAME.fullmatch(name) is None:
            return Refused(rule=Refusal.PARAMETER, reason="a parameter without a plain name")
        match value:
            case bool() | None:
                fits = True
            case int():
                fits = value.bit_length() <= _LONGEST_INTEGER
            case Decimal():
                fits = (
                    value.is_finite() and len(str(value)) <= _LONGEST_DECIMAL and len(f"{value:f}") <= _LONGEST_DECIMAL
                )
            case str():
                fits = len(value) <= MAX_VALUE and _UNSENDABLE.search(value) is None
            case _:
                fits = False
        if not fits:
            return Refused(
                rule=Refusal.PARAMETER,
                reason=f"{name} is {kind_of(value)}; expected one plain value of ordinary size: text, number, true, false or null",
            )
    return None
