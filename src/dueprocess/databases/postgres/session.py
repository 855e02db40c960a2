"""A connection to Postgres, and the transaction of one statement.

Rule 1. A transaction is read-only, has a deadline, and finds functions and operators in `pg_catalog` alone: one of the same
        name in another schema is never called.
Rule 2. The tenant is set for the transaction, as a bound value. Where the role may not call `set_config` (so that no
        statement can), `SET LOCAL` says the same, with the value quoted by the driver.
Rule 3. What was proved at start is asked for again in each transaction, in one short question.
"""

from typing import TYPE_CHECKING, Final

from dueprocess.sql import Limits, Scope

if TYPE_CHECKING:
    import psycopg

_SECURED: Final = """
SELECT pg_catalog.bool_and(pg_catalog.row_security_active(name::pg_catalog.regclass)) FROM pg_catalog.unnest(%s::text[]) AS t(name)
"""
_CONNECT_S: Final = 5
_SILENT_MS: Final = 15_000  # a server that does not take what is sent for so long is gone: nobody waits for it for ever
SET_CONFIG: Final = "pg_catalog.set_config(text,text,boolean)"


def connected(conninfo: str) -> "psycopg.Connection":
    """A connection that is in no transaction.

    Raises:
        psycopg.Error: the server is not there, or lets this role not in.
    """
    import psycopg

    return psycopg.connect(
        conninfo,
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=_CONNECT_S,
        tcp_user_timeout=_SILENT_MS,
    )


def begin(connection: "psycopg.Connection", *, setting: str, tenant: str, limits: Limits, settable: bool) -> None:
    """Begins the transaction of one statement (rules 1 and 2)."""
    from psycopg import sql

    deadline = sql.SQL("{}ms").format(limits.timeout_ms).as_string(connection)
    connection.execute(
        sql.SQL(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {deadline}; "
            "SET LOCAL lock_timeout = {deadline}; SET LOCAL search_path = pg_catalog; SET LOCAL row_security = on; "
            "SET LOCAL max_parallel_workers_per_gather = 0"
        ).format(deadline=sql.Literal(deadline))
    )
    if settable:
        connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (setting, tenant))
    else:
        name = sql.Identifier(*setting.split("."))
        connection.execute(sql.SQL("SET LOCAL {} = {}").format(name, sql.Literal(tenant)))


def is_secured(connection: "psycopg.Connection", scope: Scope) -> bool:
    """Whether Postgres itself says that row security holds for this role on every listed table, at this moment."""
    names = [f"{scope.schema_of(table)}.{table.name}" for table in scope.tables]
    row = connection.execute(_SECURED, (names,)).fetchone()
    return row is not None and row[0] is True


def tenant_now(connection: "psycopg.Connection", setting: str) -> str | None:
    """The tenant of the transaction, as Postgres has it."""
    row = connection.execute("SELECT pg_catalog.current_setting(%s, true)", (setting,)).fetchone()
    return None if row is None else str(row[0])


def may_set_config(connection: "psycopg.Connection") -> bool:
    """Whether a statement of this role could change a setting, were it let."""
    row = connection.execute("SELECT pg_catalog.has_function_privilege(%s, 'EXECUTE')", (SET_CONFIG,)).fetchone()
    return row is None or bool(row[0])
