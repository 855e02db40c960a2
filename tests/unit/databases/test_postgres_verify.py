"""Postgres is asked only where it keeps tenants apart; where not, the message says what to run, and running it mends it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from dueprocess.databases import PostgresDatabase
from dueprocess.errors import BadValue, NotAllowed, StoreUnavailable
from dueprocess.sql import Dialect, Failed, Limits, RowSecurity, Scope, Table, check
from dueprocess.testing.postgres import make_database, reached
from dueprocess.testing.two_tenants import OTHER, OWN, postgres_script, scope

NUMBERS = itertools.count(1)


@dataclass
class Shop:
    """A database of its own, its reader, and a way to change it as its superuser."""

    database: PostgresDatabase
    conninfo: str
    role: str
    run: Callable[[str], None]


@contextmanager
def made(postgres: str) -> Iterator[Shop]:
    role = f"reader_{next(NUMBERS)}"
    conninfo = make_database(postgres, role, role=role, script=postgres_script(role=role))
    database = PostgresDatabase(conninfo, scope=scope(Dialect.POSTGRES))

    def run(sql: str) -> None:
        with psycopg.connect(reached(postgres, name=role), autocommit=True) as above:
            above.execute(sql.replace("{me}", role).encode())

    yield Shop(database=database, conninfo=conninfo, role=role, run=run)
    database.close()


@pytest.fixture
def shop(postgres: str) -> Iterator[Shop]:
    with made(postgres) as shop:
        yield shop


@pytest.fixture(scope="module")
def mended_shop(postgres: str) -> Iterator[Shop]:
    """One for the tests that break it and mend it again."""
    with made(postgres) as shop:
        yield shop


def test_a_database_as_it_should_be_is_verified_as_native(mended_shop: Shop):
    assert mended_shop.database.verify().row_security is RowSecurity.NATIVE


BROKEN = [
    ("ALTER ROLE {me} SUPERUSER", "above row security", "ALTER ROLE {me} NOSUPERUSER"),
    ("ALTER ROLE {me} BYPASSRLS", "above row security", "ALTER ROLE {me} NOBYPASSRLS"),
    (
        "CREATE ROLE {me}_above BYPASSRLS; GRANT {me}_above TO {me}",
        "belongs to {me}_above, which is above row security",
        "REVOKE {me}_above FROM {me}",
    ),
    (
        "ALTER TABLE orders OWNER TO {me}",
        "owns public.orders",
        "ALTER TABLE orders OWNER TO postgres; GRANT SELECT ON orders TO {me}",
    ),
    (
        "CREATE ROLE {me}_owner; ALTER TABLE orders OWNER TO {me}_owner; GRANT {me}_owner TO {me}",
        "or belongs to its owner",
        "REVOKE {me}_owner FROM {me}",
    ),
    ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "is not enabled", "ALTER TABLE orders ENABLE ROW LEVEL SECURITY"),
    ("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY", "is not forced", "ALTER TABLE orders FORCE ROW LEVEL SECURITY"),
    (
        "DROP POLICY tenant ON orders",
        "has no policy for reading",
        "CREATE POLICY tenant ON orders USING (tenant = current_setting('due.tenant', true))",
    ),
    (
        "CREATE POLICY all_rows ON orders FOR SELECT USING (status = 'paid')",
        "does not compare with the setting due.tenant",
        "DROP POLICY all_rows ON orders",
    ),
    (
        "ALTER POLICY tenant ON orders USING (tenant = current_setting('other.tenant', true))",
        "does not compare with the setting due.tenant",
        "ALTER POLICY tenant ON orders USING (tenant = current_setting('due.tenant', true))",
    ),
    (
        "ALTER POLICY tenant ON orders USING (tenant = current_setting('due.tenant', true) OR total > 0)",
        "shows rows to a tenant that there is not",
        "ALTER POLICY tenant ON orders USING (tenant = current_setting('due.tenant', true))",
    ),
    (
        "ALTER POLICY tenant ON orders USING (current_setting('due.tenant', true) = '' OR tenant = current_setting('due.tenant', true))",
        "shows rows to a tenant that there is not",
        "ALTER POLICY tenant ON orders USING (tenant = current_setting('due.tenant', true))",
    ),
    (
        "ALTER TABLE orders RENAME COLUMN note TO remark",
        "has no column note",
        "ALTER TABLE orders RENAME remark TO note",
    ),
    ("ALTER TABLE orders RENAME TO older", "there is no table public.orders", "ALTER TABLE older RENAME TO orders"),
    ("REVOKE SELECT ON orders FROM {me}", "may not read public.orders", "GRANT SELECT ON orders TO {me}"),
    (
        "ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS SELECT * FROM base; GRANT SELECT ON orders TO {me}",
        "is a view or a foreign table",
        "DROP VIEW orders; ALTER TABLE base RENAME TO orders",
    ),
]


@pytest.mark.parametrize(("broken", "message", "mended"), BROKEN, ids=[broken[:60] for broken, _, _ in BROKEN])
def test_it_does_not_start_without_row_security_and_does_once_that_is_mended(
    mended_shop: Shop, broken: str, message: str, mended: str
):
    database, run = mended_shop.database, mended_shop.run
    run(broken)
    with pytest.raises(NotAllowed) as refused:
        database.verify()
    assert message.replace("{me}", mended_shop.role) in str(refused.value)
    found = check(database.scope, "SELECT id FROM orders", values={})
    with pytest.raises(NotAllowed, match="without verify"):
        database.query(found, {}, tenant=OWN)
    run(mended)
    assert database.verify().row_security is RowSecurity.NATIVE


def test_a_policy_for_another_role_is_not_counted(shop: Shop):
    database, run = shop.database, shop.run
    run("CREATE POLICY clerks ON orders FOR SELECT TO pg_monitor USING (true)")
    assert database.verify().row_security is RowSecurity.NATIVE


def test_a_policy_that_casts_the_setting_is_verified_and_works(shop: Shop):
    run = shop.run
    run("ALTER TABLE orders ADD COLUMN number int DEFAULT 7")
    run("ALTER POLICY tenant ON orders USING (number = nullif(current_setting('due.tenant', true), '')::int)")
    one = Table(name="orders", columns=("id",), tenant="number")
    numbered = PostgresDatabase(shop.conninfo, scope=Scope(dialect=Dialect.POSTGRES, tables=(one,)))
    numbered.verify()
    found = check(numbered.scope, "SELECT count(*) FROM orders", values={})
    assert numbered.query(found, {}, tenant="7").rows == ((24,),)
    assert numbered.query(found, {}, tenant="8").rows == ((0,),)
    assert isinstance(numbered.query(found, {}, tenant="x"), Failed)
    numbered.close()


def test_what_a_role_may_do_besides_reading_is_remarked(shop: Shop):
    database, run = shop.database, shop.run
    run("GRANT DELETE ON orders TO {me}")
    assert any("may write to public.orders" in remark for remark in database.verify().remarks)


def test_even_a_role_that_may_write_writes_nothing(shop: Shop):
    database, run = shop.database, shop.run
    run("GRANT DELETE, UPDATE, INSERT ON orders TO {me}")
    run(
        "CREATE FUNCTION pg_catalog_lower(text) RETURNS text LANGUAGE sql AS $$ DELETE FROM public.orders; SELECT $1 $$"
    )
    database.verify()
    connection = database._connection
    from dueprocess.databases.postgres.session import begin

    begin(connection, setting="due.tenant", tenant=OWN, limits=Limits(), settable=True)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("SELECT public.pg_catalog_lower('x')")
    connection.execute("ROLLBACK")


def test_a_function_of_the_same_name_elsewhere_is_not_called(shop: Shop):
    database, run = shop.database, shop.run
    run("CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'taken' $$")
    run("ALTER ROLE {me} SET search_path = public, pg_catalog")
    database.verify()
    found = check(database.scope, "SELECT lower(name) FROM customers WHERE id = :n", values={"n": 1})
    assert database.query(found, {"n": 1}, tenant=OWN).rows == (("ann 1",),)


def test_rows_read_while_the_tenant_was_changed_are_not_given(shop: Shop):
    shop.database.verify()
    # No checked statement calls it: this looks behind the door, at what a statement that we read wrongly would get.
    sql = "SELECT set_config('due.tenant', 'zeta', true), o.id FROM public.orders o"
    found = shop.database._run(sql, {}, OWN)
    shop.database._roll_back()
    assert found == Failed(code="TENANT", reason="the statement changed whose rows it reads: nothing of it is given")


def test_a_lost_connection_is_told_and_made_and_proved_anew(shop: Shop):
    database, run = shop.database, shop.run
    database.verify()
    found = check(database.scope, "SELECT count(*) FROM orders", values={})
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{me}'")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        database.query(found, {}, tenant=OTHER)
    assert database.query(found, {}, tenant=OTHER).rows == ((12,),)
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{me}'")
    run("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY")
    with pytest.raises(StoreUnavailable):
        database.query(found, {}, tenant=OTHER)
    for _ in range(2):
        with pytest.raises(NotAllowed, match="is not forced"):
            database.query(found, {}, tenant=OTHER)
    run("ALTER TABLE orders FORCE ROW LEVEL SECURITY")
    assert database.query(found, {}, tenant=OTHER).rows == ((12,),)


@pytest.mark.parametrize(
    ("loosened", "mended"),
    [
        ("ALTER TABLE customers DISABLE ROW LEVEL SECURITY", "ALTER TABLE customers ENABLE ROW LEVEL SECURITY"),
        ("ALTER ROLE {me} BYPASSRLS", "ALTER ROLE {me} NOBYPASSRLS"),
        ("ALTER ROLE {me} SUPERUSER", "ALTER ROLE {me} NOSUPERUSER"),
    ],
)
def test_what_is_loosened_while_it_runs_stops_it_at_the_next_statement(shop: Shop, loosened: str, mended: str):
    shop.database.verify()
    found = check(shop.database.scope, "SELECT count(*) FROM orders", values={})
    assert shop.database.query(found, {}, tenant=OWN).rows == ((12,),)
    shop.run(loosened)
    for _ in range(2):
        with pytest.raises(NotAllowed):
            shop.database.query(found, {}, tenant=OWN)
    shop.run(mended)
    with pytest.raises(NotAllowed, match="without verify"):
        shop.database.query(found, {}, tenant=OWN)
    shop.database.verify()
    assert shop.database.query(found, {}, tenant=OWN).rows == ((12,),)


def test_a_server_that_is_not_there_is_told_without_its_address(postgres: str):
    database = PostgresDatabase("postgresql://nobody:secret@127.0.0.1:1/none", scope=scope(Dialect.POSTGRES))
    with pytest.raises(StoreUnavailable) as error:
        database.verify()
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


def test_what_it_is_made_of_is_checked():
    with pytest.raises(BadValue, match="expected postgres"):
        PostgresDatabase("", scope=scope(Dialect.SQLITE))
    with pytest.raises(BadValue, match="expected two plain names"):
        PostgresDatabase("", scope=scope(Dialect.POSTGRES), setting="tenant; DROP")
