"""A Postgres database that answers checked statements for one tenant at a time. What is proved at start is in `verify`.

Rule 1. Postgres keeps tenants apart: the statement runs as it was checked, with the listed columns of each table only.
Rule 2. A statement is alone in a read-only transaction that is rolled back; tenant and limits hold in it and no longer
        (`session`). Row security is asked for again in it; and if, after all rows were read, the tenant is not the same any
        more, nothing of them is given.
Rule 3. No message of Postgres is passed on (`failure`): some carry values of a row.
Rule 4. One connection, one statement at a time. A connection made anew is proved anew.
"""

import re
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from dueprocess.databases.postgres.failure import failure
from dueprocess.databases.postgres.session import begin, connected, is_secured, may_set_config, tenant_now
from dueprocess.databases.postgres.verify import SETTING, standing
from dueprocess.databases.rows import taken
from dueprocess.errors import BadValue, CallerError, NotAllowed, StoreUnavailable
from dueprocess.sql import (
    Checked,
    Dialect,
    Failed,
    Limits,
    Rows,
    Scope,
    Standing,
    confine,
)
from dueprocess.values import Json

if TYPE_CHECKING:
    import psycopg

_PARAMETER: Final = re.compile(r":([a-z_][a-z0-9_]*)")
_NAMES: Final = b"SELECT * FROM (%s) AS due_rows LIMIT 0"
_SETTING: Final = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", re.ASCII)


class PostgresDatabase:
    """A database and what may be seen of it. Making one connects to nothing: `verify` comes first.

    `conninfo` names the server and a role that may only read. `setting` is what the policies compare the tenant column with.

    Raises:
        BadValue: the scope is of another dialect, or the setting's name is none. CallerError: the driver is not installed.
    """

    def __init__(self, conninfo: str, *, scope: Scope, limits: Limits | None = None, setting: str = SETTING) -> None:
        if find_spec("psycopg") is None:
            raise CallerError("Postgres needs its driver; install it: dueprocess[postgres]")
        if scope.dialect is not Dialect.POSTGRES:
            raise BadValue(f"a scope of {scope.dialect.value} for Postgres; expected {Dialect.POSTGRES.value}")
        if _SETTING.fullmatch(setting) is None:
            raise BadValue(f"the setting {setting!a}; expected two plain names with a dot, such as {SETTING}")
        self._conninfo = conninfo
        self._scope = scope
        self._limits = limits or Limits()
        self._setting = setting
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._verified = False
        self._settable = True

    @property
    def scope(self) -> Scope:
        """What it was opened for."""
        return self._scope

    def verify(self) -> Standing:
        """Proves that row security holds for this role and every listed table (see `verify`).

        Raises:
            NotAllowed: it does not; says what to run. StoreUnavailable: the server cannot be reached.
        """
        import psycopg

        with self._lock:
            self._verified = False
            self._leave()
            try:
                found = self._connect()
            except psycopg.Error as error:
                self._leave()
                raise _unavailable(error) from None
            self._verified = True
            return found

    def query(self, statement: Checked, parameters: Mapping[str, Json], *, tenant: str) -> Rows | Failed:
        """Runs a checked statement for a tenant."""
        import psycopg

        if not self._verified or not tenant or "\x00" in tenant:
            raise NotAllowed(
                "a query without verify() or without a tenant; expected verify() first, and a tenant's name"
            )
        confined = confine(statement, self._scope)
        with self._lock:
            try:
                if self._connection is None:
                    self._connect()
                return self._run(confined.sql, parameters, tenant)
            except psycopg.Error as error:
                if self._connection is None or self._connection.broken or self._connection.closed:
                    self._leave()
                    raise _unavailable(error) from None
                return failure(error)
            finally:
                self._roll_back()

    def close(self) -> None:
        """Closes the connection. Again is no change."""
        with self._lock:
            self._leave()

    def _run(self, sql: str, parameters: Mapping[str, Json], tenant: str) -> Rows | Failed:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("the connection to Postgres was closed")
        begin(connection, setting=self._setting, tenant=tenant, limits=self._limits, settable=self._settable)
        if not is_secured(connection, self._scope):
            self._verified = False
            raise NotAllowed("row security does not hold any more for a listed table; verify() says why")
        values = dict(parameters)
        with connection.cursor() as cursor:
            with closing(_streamed(cursor, _bound(sql), values)) as rows:
                found = taken((), rows, limits=self._limits)
            if cursor.description is None:
                # A stream that gave no row does not tell the names of its columns.
                cursor.execute(_NAMES.replace(b"%s", _bound(sql)), values)
            columns = tuple(column.name for column in cursor.description or ())
        if not found.cut and tenant_now(connection, self._setting) != tenant:
            return Failed(code="TENANT", reason="the statement changed whose rows it reads: nothing of it is given")
        return Rows(columns=columns, rows=found.rows, cut=found.cut)

    def _connect(self) -> Standing:
        connection = connected(self._conninfo)
        try:
            found = standing(connection, self._scope, setting=self._setting)
            self._settable = may_set_config(connection)
        except BaseException:
            # One that was not proved is not kept: the next statement would be run on it.
            connection.close()
            raise
        self._connection = connection
        return found

    def _roll_back(self) -> None:
        import psycopg

        if self._connection is not None:
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.Error:
                # What cannot be rolled back is not used again.
                self._leave()

    def _leave(self) -> None:
        import psycopg

        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


def _streamed(
    cursor: "psycopg.Cursor", sql: bytes, values: Mapping[str, Json]
) -> Generator[tuple[object, ...], None, None]:
    # Row by row: what is over the limits is never here. Closing it early cancels the statement.
    yield from cursor.stream(sql, values)


def _bound(sql: str) -> bytes:
    # In a confined statement a colon stands before a parameter's name only (`sql.text`, rule 1).
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%")).encode()


def _unavailable(error: "psycopg.Error") -> StoreUnavailable:
    code = failure(error).code
    return StoreUnavailable(f"Postgres cannot be reached: {code}; expected a server at the place that conninfo names")
