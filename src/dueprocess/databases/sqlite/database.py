"""A SQLite file that answers checked statements for one tenant at a time. What is proved at start is in `verify`.

Rule 1. SQLite knows no tenants: every statement is rewritten, and only the rewritten one is run.
Rule 2. A connection lives for one statement. It is opened in `session`, read-only, with its own guards.
Rule 3. No message of SQLite is passed on (`failure`): some carry the text of a row.
"""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from dueprocess.databases.rows import taken
from dueprocess.databases.sqlite.failure import failure
from dueprocess.databases.sqlite.session import guarded, opened
from dueprocess.databases.sqlite.verify import standing
from dueprocess.errors import BadValue, NotAllowed, StoreUnavailable
from dueprocess.sql import (
    TENANT_PARAMETER,
    Checked,
    Dialect,
    Failed,
    Limits,
    Rows,
    Scope,
    Standing,
    rewrite,
)
from dueprocess.values import Json


class SqliteDatabase:
    """A file and what may be seen of it. Opening reads nothing: `verify` comes first."""

    def __init__(self, path: Path | str, *, scope: Scope, limits: Limits | None = None) -> None:
        if scope.dialect is not Dialect.SQLITE:
            raise BadValue(f"a scope of {scope.dialect.value} for a SQLite file; expected {Dialect.SQLITE.value}")
        self._path = Path(path)
        self._scope = scope
        self._limits = limits or Limits()
        self._verified = False

    @property
    def scope(self) -> Scope:
        """What it was opened for."""
        return self._scope

    def verify(self) -> Standing:
        """Proves that the listed tables are plain tables with the listed columns.

        Raises:
            NotAllowed: one is missing, a view, virtual, or without a listed column. StoreUnavailable: no readable database.
        """
        self._verified = False
        try:
            with closing(opened(self._path)) as connection:
                found = standing(connection, self._scope)
        except sqlite3.Error as error:
            raise self._unavailable(error) from None
        self._verified = True
        return found

    def query(self, statement: Checked, parameters: Mapping[str, Json], *, tenant: str) -> Rows | Failed:
        """Runs a checked statement for a tenant, rewritten for it."""
        if not self._verified or not tenant:
            raise NotAllowed(
                "a query without verify() or without a tenant; expected verify() first, and a tenant's name"
            )
        confined = rewrite(statement, self._scope)
        values = {name: _bound(value) for name, value in parameters.items()}
        values[TENANT_PARAMETER] = tenant
        try:
            connection = opened(self._path)
        except sqlite3.Error as error:
            raise self._unavailable(error) from None
        with closing(connection):
            try:
                guarded(connection, self._scope, deadline=time.monotonic() + self._limits.timeout_ms / 1000)
                cursor = connection.execute(_exact(confined.sql), values)
                columns = [str(column[0]).replace("`", "") for column in cursor.description or ()]
                return taken(columns, cursor, limits=self._limits)
            except sqlite3.Error as error:
                return failure(error)

    def close(self) -> None:
        """Nothing is open between two statements."""

    def _unavailable(self, error: sqlite3.Error) -> StoreUnavailable:
        code = failure(error).code
        return StoreUnavailable(
            f"{self._path} cannot be read as a SQLite database: {code}; expected a file that is one"
        )


def _exact(sql: str) -> str:
    # SQLite takes a name in double quotes that it does not find for a text; in backticks it is a name or an error. In a
    # confined statement a double quote stands around names only (`sql.text`, rule 1).
    return sql.replace('"', "`")


def _bound(value: Json) -> str | int | float | None:
    match value:
        case bool():
            return int(value)
        case Decimal():
            # SQLite has no exact decimals: it would compare a text with a number, and no row would be equal.
            return float(value)
        case None | int() | str():
            return value
        case _:
            raise BadValue("a parameter that is no plain value")
