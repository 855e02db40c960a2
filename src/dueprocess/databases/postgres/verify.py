"""What is proved of a Postgres database before anything is asked: that it keeps tenants apart for this role.

The order, numbered at the code; the first that does not hold is told, with what to run:
1 the role is no superuser, has no BYPASSRLS, and is no member of a role that is or has
2 each listed table is an ordinary or partitioned table with the listed columns, which the role may read and neither owns
  nor belongs to the owner of
3 row security is enabled on it, and forced
4 it has a policy for reading, and every permissive one compares with the tenant's setting: they are joined with OR
5 tried out: for a tenant that nobody can have, and for none at all, it has no row
What remains to the operator: that the policy compares the right column. Two tenants' rows and a look at them tell.
"""

import secrets
from typing import TYPE_CHECKING, Final, cast

from dueprocess.databases.postgres.session import SET_CONFIG, may_set_config
from dueprocess.errors import NotAllowed
from dueprocess.sql import RowSecurity, Scope, Standing, Table

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Query

SETTING: Final = "due.tenant"
_ROLES: Final = """
SELECT r.rolname FROM pg_catalog.pg_roles r
WHERE (r.rolsuper OR r.rolbypassrls)
  AND (pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER') OR pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER'))
ORDER BY r.rolname = current_user DESC, r.rolname
"""
_TABLE: Final = """
SELECT c.oid::int8, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity,
       pg_catalog.pg_has_role(current_user, c.relowner, 'MEMBER'),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
"""
_COLUMNS: Final = """
SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = %s::oid AND attnum > 0 AND NOT attisdropped
"""
_POLICIES: Final = """
SELECT p.polname, coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') FROM pg_catalog.pg_policy p
WHERE p.polrelid = %s::oid AND p.polpermissive AND p.polcmd IN ('*', 'r')
  AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) AS r(oid)
              WHERE r.oid = 0 OR pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER'))
"""
_GRANT: Final = "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON {name} TO {role}"
_PLAIN: Final = frozenset({"r", "p"})
_SET_CONFIG_REMARK: Final = (
    f"the checker alone keeps a statement from changing the tenant; so would the database after: REVOKE EXECUTE ON FUNCTION {SET_CONFIG} "
    "FROM PUBLIC"
)


def standing(connection: "psycopg.Connection", scope: Scope, *, setting: str) -> Standing:
    """What is right with the database, in the order above.

    Raises:
        NotAllowed: row security does not hold. psycopg.Error: it could not be asked.
    """
    role = str(_one(connection, "SELECT current_user")[0])
    above = connection.execute(_ROLES).fetchone()  # 1
    if above is not None:
        told = "is" if above[0] == role else f"belongs to {above[0]}, which is"
        raise NotAllowed(
            f"the role {role} {told} above row security (superuser or BYPASSRLS); expected a role of its own for this: "
            f"CREATE ROLE analyst LOGIN NOSUPERUSER NOBYPASSRLS"
        )
    remarks = [remark for table in scope.tables for remark in _table(connection, table, scope, role, setting)]
    if may_set_config(connection):
        remarks.append(_SET_CONFIG_REMARK)
    return Standing(row_security=RowSecurity.NATIVE, remarks=tuple(remarks))


def _table(connection: "psycopg.Connection", table: Table, scope: Scope, role: str, setting: str) -> list[str]:
    name = f"{scope.schema_of(table)}.{table.name}"
    found = connection.execute(_TABLE, (scope.schema_of(table), table.name)).fetchone()  # 2
    if found is None:
        raise NotAllowed(f"there is no table {name}; expected each table of the scope")
    oid, kind, enabled, forced, owns, reads, writes = found
    if kind not in _PLAIN:
        raise NotAllowed(
            f"{name} is a view or a foreign table, on which no row security holds; list its tables instead"
        )
    columns = {str(row[0]) for row in connection.execute(_COLUMNS, (oid,))}
    missing = sorted({*table.columns, table.tenant} - columns)
    if missing:
        raise NotAllowed(f"{name} has no column {', '.join(missing)}; expected each column of the scope")
    if owns:
        raise NotAllowed(f"the role {role} owns {name}, or belongs to its owner; expected a role that does not")
    if not reads:
        raise NotAllowed(
            f"the role {role} may not read {name}; run: {_GRANT.format(schema=scope.schema_of(table), name=name, role=role)}"
        )
    if not enabled or not forced:  # 3
        which = "ENABLE" if not enabled else "FORCE"
        raise NotAllowed(
            f"row security of {name} is not {which.lower()}d; run: ALTER TABLE {name} {which} ROW LEVEL SECURITY"
        )
    _policies(connection, int(oid), name=name, table=table, setting=setting)  # 4
    _probe(connection, scope, table, setting=setting)  # 5
    return [f"{role} may write to {name}; a reader needs SELECT alone"] if writes else []


def _policies(connection: "psycopg.Connection", oid: int, *, name: str, table: Table, setting: str) -> None:
    rows = cast("list[tuple[str, str]]", connection.execute(_POLICIES, (oid,)).fetchall())
    run = f"CREATE POLICY tenant ON {name} USING ({table.tenant} = current_setting('{setting}', true))"
    if not rows:
        raise NotAllowed(f"{name} has no policy for reading; run: {run}")
    for policy, condition in rows:
        if f"current_setting('{setting}'::text" not in condition:
            raise NotAllowed(
                f"the policy {policy} of {name} does not compare with the setting {setting}, and any one policy is enough to "
                f"see a row; drop it, and run: {run}"
            )


def _probe(connection: "psycopg.Connection", scope: Scope, table: Table, *, setting: str) -> None:
    import psycopg
    from psycopg import sql

    ask = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(scope.schema_of(table), table.name))
    name = sql.Identifier(*setting.split("."))
    for tenant in (secrets.token_hex(16), ""):
        connection.execute("BEGIN READ ONLY")
        try:
            connection.execute(sql.SQL("SET LOCAL {} = {}").format(name, sql.Literal(tenant)))
            seen = connection.execute(ask).fetchone()
        except psycopg.errors.DataError:
            seen = None  # the setting is cast to a number or a uuid, which this is none of: no row either
        finally:
            connection.execute("ROLLBACK")
        if seen is not None:
            raise NotAllowed(
                f"{table.name} shows rows to a tenant that there is not; expected a policy that compares {table.tenant} with "
                f"current_setting('{setting}', true) and nothing else"
            )


def _one(connection: "psycopg.Connection", query: "Query") -> tuple[object, ...]:
    row = connection.execute(query).fetchone()
    return () if row is None else tuple(row)
