"""SQLite's errors in our words. Its own messages are never passed on: some hold the text of a row."""

import sqlite3
from typing import Final

from dueprocess.sql import Failed

_OTHER: Final = "the database did not run the statement to its end"
_REASONS: Final = {
    "SQLITE_ERROR": "the database does not take the statement: look at names, at the number of columns on both sides of a "
    "UNION, and at what is aggregated",
    "SQLITE_AUTH": "the statement reads what is not listed",
    "SQLITE_INTERRUPT": "the statement took too long and was ended: ask for less",
    "SQLITE_TOOBIG": "a value became too large",
    "SQLITE_NOMEM": "the statement needs too much memory",
    "SQLITE_BUSY": "the database is being written to: ask again",
    "SQLITE_LOCKED": "the database is being written to: ask again",
    "SQLITE_MISMATCH": "a value has the wrong type: LIMIT and OFFSET take whole numbers",
    "SQLITE_CORRUPT": "the database file is damaged",
    "SQLITE_NOTADB": "the file is no database",
    "SQLITE_CANTOPEN": "the file cannot be opened",
}


def failure(error: sqlite3.Error) -> Failed:
    """The error's name and a fixed sentence. One without a name comes from the driver: a text that is not UTF-8, for one."""
    name = getattr(error, "sqlite_errorname", None)
    code = name if isinstance(name, str) and name.startswith("SQLITE_") else "DRIVER"
    base = "_".join(code.split("_")[:2])
    return Failed(code=code, reason=_REASONS.get(base, _OTHER))
