"""Postgres' errors in our words. Its own messages are never passed on: some hold values of a row."""

from typing import TYPE_CHECKING, Final

from dueprocess.sql import Failed

if TYPE_CHECKING:
    import psycopg

_OTHER: Final = "the database did not run the statement to its end"
_REASONS: Final = {
    "57014": "the statement took too long and was ended: ask for less",
    "42501": "the statement reads what this role may not read",
    "42703": "a column is not there: look at the tables and their columns, and at which alias has which",
    "42P01": "a table is not there",
    "42883": "no function or operator takes values of these types: cast one of them",
    "42803": "a column is neither grouped by nor aggregated",
    "42P18": "the type of a parameter cannot be told: cast it, as in CAST(:name AS TEXT)",
    "22012": "something is divided by zero",
    "22P02": "a value is not of the form that its type asks for",
}
_CLASSES: Final = {
    "08": "the connection was lost",
    "22": "a value does not fit where it is used",
    "25": "the statement would change something, and nothing can be changed here",
    "28": "the role is not let in",
    "42": "the database does not take the statement: look at names and types",
    "53": "the database has not enough memory or space for it",
    "54": "the statement is too large for the database",
    "55": "the database cannot do this now: ask again",
    "57": "the database ended the statement",
}


def failure(error: "psycopg.Error") -> Failed:
    """The error's SQLSTATE and a fixed sentence. One without a code comes from the driver or the connection."""
    code = error.sqlstate or "DRIVER"
    return Failed(code=code, reason=_REASONS.get(code) or _CLASSES.get(code[:2], _OTHER))
