"""Five hundred statements that try to see the other tenant's rows, on both databases: none shows, in a row or a message.

And the other way round: with what keeps tenants apart taken out, the same statements show them.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from tests.unit.sql.attacks import CONFINED, REFUSED, VALUES, listed

from dueprocess.databases import PostgresDatabase, SqliteDatabase
from dueprocess.errors import NotAllowed
from dueprocess.sql import Checked, Database, Dialect, Failed, Limits, Refused, Rows, check
from dueprocess.testing.postgres import make_database, reached
from dueprocess.testing.two_tenants import OWN, leaks_in, postgres_script, scope, sqlite_file

ATTACKS = listed()
SOON = Limits(timeout_ms=10_000)
GIVEN = frozenset(str(value).lower() for value in VALUES.values())


def values_of(sql: str) -> dict[str, object]:
    names = set(re.findall(r"(?<![:\w]):([a-z]\w*)", sql))
    return {name: VALUES[name] for name in names if name in VALUES}


def shown(found: Rows | Failed | Refused) -> list[str]:
    """Everything of an answer that a model could read, without what it gave itself."""
    if isinstance(found, Rows):
        return [str(value) for row in (found.columns, *found.rows) for value in row if str(value).lower() not in GIVEN]
    return [found.reason]


def answered(database: Database, sql: str) -> Rows | Failed | Refused:
    values = values_of(sql)
    found = check(database.scope, sql, values=values)
    return found if isinstance(found, Refused) else database.query(found, values, tenant=OWN)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_file(tmp_path_factory.mktemp("apart") / "shop.db")


@pytest.fixture(scope="module")
def conninfo(postgres: str) -> str:
    return make_database(postgres, "apart", role="analyst", script=postgres_script(role="analyst"))


@pytest.fixture(scope="module")
def sqlite_shop(file: Path) -> Database:
    database = SqliteDatabase(file, scope=scope(Dialect.SQLITE), limits=SOON)
    database.verify()
    return database


@pytest.fixture(scope="module")
def postgres_shop(conninfo: str) -> Iterator[Database]:
    database = PostgresDatabase(conninfo, scope=scope(Dialect.POSTGRES), limits=SOON)
    database.verify()
    yield database
    database.close()


def test_there_are_enough_attacks_and_no_two_are_the_same():
    assert len({sql for _, sql, _ in ATTACKS}) == len(ATTACKS) >= 500
    assert len(REFUSED) + len(CONFINED) >= 30


@pytest.mark.parametrize("dialect", Dialect, ids=lambda dialect: dialect.value)
def test_what_must_be_refused_is_refused_and_what_is_refused_is_told_without_data(dialect: Dialect):
    passed = []
    for _, sql, must in ATTACKS:
        found = check(scope(dialect), sql, values=values_of(sql))
        if must and isinstance(found, Checked):
            passed.append(sql)
        if isinstance(found, Refused):
            assert leaks_in([found.reason]) == [], sql
            assert found.reason
    assert passed == []


def test_nothing_of_a_refused_statement_is_logged(caplog: pytest.LogCaptureFixture):
    caplog.set_level(0)
    for _, sql, _ in ATTACKS:
        for dialect in Dialect:
            check(scope(dialect), sql, values=values_of(sql))
    assert {record.getMessage() for record in caplog.records} <= {"Applying array index offset (-1)"}


@pytest.mark.parametrize("name", ["sqlite_shop", "postgres_shop"])
def test_no_statement_shows_a_row_of_the_other_tenant(name: str, request: pytest.FixtureRequest):
    database: Database = request.getfixturevalue(name)
    ran = 0
    for kind, sql, _ in ATTACKS:
        found = answered(database, sql)
        ran += isinstance(found, Rows)
        assert leaks_in(shown(found)) == [], (kind, sql)
    assert ran >= 60, "the confined statements are to be run, not refused"


def test_each_confined_statement_runs_on_one_of_them(sqlite_shop: Database, postgres_shop: Database):
    shops = (sqlite_shop, postgres_shop)
    for kind, lines in CONFINED.items():
        if kind != "errors that might tell":
            for sql in lines:
                assert any(isinstance(answered(shop, sql), Rows) for shop in shops), sql


# Postgres alone, without the checker


def raw(connection: psycopg.Connection, sql: str) -> list[str]:
    """What Postgres itself answers a tenant's read-only transaction: the columns' values, or its whole message."""
    bound = re.sub(r"(?<![:\w]):([a-z]\w*)", r"%(\1)s", sql.replace("%", "%%").replace("\x00", ""))
    line = bound.encode("utf-8", "replace")
    connection.execute("BEGIN READ ONLY; SET LOCAL statement_timeout = 500; SET LOCAL due.tenant = 'acme'")
    cursor = connection.cursor()
    try:
        if line.lstrip().startswith(b"COPY"):
            with cursor.copy(line) as copied:
                return [bytes(block).decode() for block in copied]
        # With values it goes by the extended protocol, which takes one statement: so a driver sends what a model wrote.
        cursor.execute(line, {**VALUES})
        return [str(value) for row in cursor.fetchmany(500) for value in row] if cursor.description else []
    except psycopg.Error as error:
        return [str(error)]
    finally:
        # The deadline holds for the end as well: on a busy machine it may need a second word.
        while connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            with suppress(psycopg.errors.QueryCanceled):
                connection.execute("ROLLBACK")
        connection.execute("RESET ALL")


def seen_by(conninfo: str) -> dict[str, list[str]]:
    """The statements whose answer holds something of the other tenant. What is not listed is the checker's matter alone."""
    seen: dict[str, list[str]] = {}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for _, sql, _ in ATTACKS:
            own = [value for value in raw(connection, sql) if value.lower() not in GIVEN]
            leaks = leaks_in(own, unlisted=False)
            if leaks:
                seen[sql] = leaks
    return seen


@pytest.fixture(scope="module")
def closed(postgres: str) -> str:
    """The same database, in which nobody but its superuser may call `set_config`."""
    conninfo = make_database(postgres, "closed", role="analyst", script=postgres_script(role="analyst"))
    with psycopg.connect(reached(postgres, name="closed"), autocommit=True) as above:
        above.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC")
    return conninfo


def test_row_security_alone_shows_no_row_of_the_other_tenant_where_set_config_is_closed(closed: str):
    assert seen_by(closed) == {}


def test_where_it_is_not_closed_row_security_alone_fails_for_statements_that_call_it_and_no_other(conninfo: str):
    seen = seen_by(conninfo)
    assert len(seen) >= 2
    assert [sql for sql in seen if "set_config(" not in sql] == []
    # The checker refuses them all, and an operator is told.
    assert [
        sql for sql in seen if isinstance(check(scope(Dialect.POSTGRES), sql, values=values_of(sql)), Checked)
    ] == []
    database = PostgresDatabase(conninfo, scope=scope(Dialect.POSTGRES))
    assert "REVOKE EXECUTE ON FUNCTION pg_catalog.set_config" in " ".join(database.verify().remarks)
    database.close()


def test_where_set_config_is_closed_the_tenant_is_set_all_the_same(closed: str):
    database = PostgresDatabase(closed, scope=scope(Dialect.POSTGRES))
    assert database.verify().remarks == ()
    for tenant, count in ((OWN, 12), ("acme' OR '1'='1", 0), ("a\\'b", 0), ("%s", 0)):
        found = check(database.scope, "SELECT count(*) FROM orders", values={})
        assert database.query(found, {}, tenant=tenant).rows == ((count,),)
    database.close()


# Negative controls: the same statements, with what keeps tenants apart taken out


def test_without_row_security_the_same_statements_show_rows_of_the_other_tenant(postgres: str, closed: str):
    with psycopg.connect(reached(postgres, name="closed"), autocommit=True) as above:
        above.execute("CREATE ROLE beyond LOGIN BYPASSRLS IN ROLE analyst")
    seen = seen_by(reached(postgres, name="closed", role="beyond"))
    assert len(seen) >= 100
    database = PostgresDatabase(reached(postgres, name="closed", role="beyond"), scope=scope(Dialect.POSTGRES))
    with pytest.raises(NotAllowed, match="above row security"):
        database.verify()
    database.close()


def test_without_the_rewrite_the_same_statements_show_rows_of_the_other_tenant(file: Path):
    seen = []
    with closing(sqlite3.connect(file)) as connection:
        for _, sql, _ in ATTACKS:
            values = values_of(sql)
            found = check(scope(Dialect.SQLITE), sql, values=values)
            if isinstance(found, Checked):
                try:
                    rows = connection.execute(found.sql, values).fetchmany(500)
                except (sqlite3.Error, OverflowError):
                    continue
                if leaks_in(value for row in rows for value in row if str(value).lower() not in GIVEN):
                    seen.append(sql)
    assert len(seen) >= 60


@pytest.mark.parametrize(
    "kind", ["comments", "unions with what is not listed", "views and tables not listed", "columns not listed"]
)
def test_without_the_checker_the_same_statements_show_what_is_not_listed(kind: str, file: Path):
    seen = []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        for sql in REFUSED[kind]:
            try:
                rows = connection.execute(sql, VALUES).fetchmany(500)
            except (sqlite3.Error, sqlite3.Warning):
                continue
            if leaks_in(value for row in rows for value in row):
                seen.append(sql)
    assert len(seen) >= 2


# One tenant's rows beside another's, and alone


@pytest.fixture(scope="module")
def alone(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Database]]:
    """The same shops with nobody else in them."""
    only = (OWN,)
    path = sqlite_file(tmp_path_factory.mktemp("alone") / "shop.db", tenants=only)
    conninfo = make_database(postgres, "alone", role="analyst", script=postgres_script(role="analyst", tenants=only))
    shops: dict[str, Database] = {
        "sqlite_shop": SqliteDatabase(path, scope=scope(Dialect.SQLITE), limits=SOON),
        "postgres_shop": PostgresDatabase(conninfo, scope=scope(Dialect.POSTGRES), limits=SOON),
    }
    for shop in shops.values():
        shop.verify()
    yield shops
    for shop in shops.values():
        shop.close()


@pytest.mark.parametrize("name", ["sqlite_shop", "postgres_shop"])
def test_every_answer_is_the_one_that_a_tenant_alone_would_get(
    name: str, request: pytest.FixtureRequest, alone: dict[str, Database]
):
    database: Database = request.getfixturevalue(name)
    for _, sql, must in ATTACKS:
        if not must:
            assert in_any_order(answered(database, sql)) == in_any_order(answered(alone[name], sql)), sql


def in_any_order(found: Rows | Failed | Refused) -> object:
    return (found.columns, sorted(map(repr, found.rows)), found.cut) if isinstance(found, Rows) else found
