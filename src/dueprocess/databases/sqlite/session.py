"""A connection to a SQLite file that can only read, and only what is listed.

Rule 1. Read-only three times over: the file is opened so, the connection is told so, and the authorizer lets nothing else.
Rule 2. The authorizer is asked by SQLite itself for every table, column and function that a statement would use, whatever
        the statement looked like to us. It answers from the scope; what it does not know is denied.
Rule 3. Time is measured by SQLite's own steps: a statement that never returns a row is ended too.
"""

import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from dueprocess.sql import Scope

_STEPS: Final = 1_000  # of the virtual machine between two looks at the clock: some tens of microseconds
_MAX_TEXT: Final = 4_000_000  # bytes of one value; more than every `||` that is allowed can make
_ALLOWED: Final = sqlite3.SQLITE_OK
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: _MAX_TEXT,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 200_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 20,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 200,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_INSIDE: Final = frozenset({"like"})  # the function behind the operator


def opened(path: Path) -> sqlite3.Connection:
    """A read-only connection; there is no file made where there is none.

    Raises:
        sqlite3.Error: it is not there or cannot be read.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=1.0, check_same_thread=False)
    try:
        # What is sorted or set aside goes to temporary files: in memory, five seconds of a join fill a gigabyte.
        for setting in ("query_only=ON", "trusted_schema=OFF", "cell_size_check=ON", "temp_store=FILE"):
            connection.execute(f"PRAGMA {setting}")
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def guarded(connection: sqlite3.Connection, scope: Scope, *, deadline: float) -> None:
    """Lets a connection read what the scope lists, until a moment of the monotonic clock."""
    columns = {table.name: {*table.columns, table.tenant} for table in scope.tables}
    functions = scope.callable | _INSIDE

    def authorize(action: int, first: str | None, second: str | None, database: str | None, _inside: str | None) -> int:
        match action:
            case sqlite3.SQLITE_SELECT:
                return _ALLOWED
            case sqlite3.SQLITE_READ if database == "main" or not second:
                # No column (and then no database): the table is read for its number of rows only.
                listed = columns.get((first or "").lower(), set[str]())
                known = (second or "").lower() in listed or (bool(listed) and not second)
                return _ALLOWED if known else sqlite3.SQLITE_DENY
            case sqlite3.SQLITE_FUNCTION if (second or "").lower() in functions:
                return _ALLOWED
            case _:
                return sqlite3.SQLITE_DENY

    connection.set_authorizer(authorize)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
