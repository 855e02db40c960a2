"""What keeps a SQLite connection from doing more than reading what is listed, each guard alone."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dueprocess.databases import SqliteDatabase
from dueprocess.databases.sqlite.failure import failure
from dueprocess.databases.sqlite.session import guarded, opened
from dueprocess.errors import BadValue, NotAllowed, StoreUnavailable
from dueprocess.sql import Dialect, Failed, Limits, Rows, RowSecurity, Scope, Table, check
from dueprocess.testing.two_tenants import OWN, scope, sqlite_file

SHOP = scope(Dialect.SQLITE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return sqlite_file(tmp_path / "shop.db")


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(opened(file)) as connection:
        guarded(connection, SHOP, deadline=time.monotonic() + 5)
        yield connection


DENIED = [
    "SELECT wage FROM payroll",
    "SELECT secret FROM customers",
    "SELECT rowid FROM customers",
    "SELECT count(*) FROM payroll",
    "SELECT name FROM sqlite_master",
    "SELECT * FROM everything",
    "SELECT replace(name, 'a', 'b') FROM customers",
    "SELECT random()",
    "SELECT randomblob(10)",
    "SELECT sqlite_version()",
    "SELECT json_array(note) FROM orders",
    "SELECT * FROM pragma_table_info('orders')",
    "SELECT * FROM json_each('[1]')",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r LIMIT 3",
    "INSERT INTO payroll (tenant) VALUES ('x')",
    "UPDATE orders SET total = 0",
    "DELETE FROM orders",
    "CREATE TABLE x (y)",
    "CREATE TEMP TABLE x (y)",
    "DROP TABLE orders",
    "ALTER TABLE orders ADD COLUMN x",
    "ATTACH ':memory:' AS other",
    "PRAGMA query_only = OFF",
    "PRAGMA table_info(orders)",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "SAVEPOINT s",
]


@pytest.mark.parametrize("sql", DENIED)
def test_the_authorizer_lets_nothing_else(connection: sqlite3.Connection, sql: str):
    with pytest.raises(sqlite3.DatabaseError) as error:
        connection.execute(sql)
    assert failure(error.value).code in {"SQLITE_AUTH", "SQLITE_ERROR", "SQLITE_SCHEMA"}


@pytest.mark.parametrize("sql", DENIED)
def test_what_the_authorizer_denies_would_run_without_it(file: Path, sql: str):
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM (SELECT id, name, email, city FROM customers WHERE tenant = 'acme')",
        "SELECT count(*) FROM orders",
        "SELECT ID, Name FROM Customers",
        "SELECT lower(name), substring(name, 1, 2), name LIKE 'A%' FROM customers",
        "SELECT rank() OVER (ORDER BY id), max(id) OVER (), lag(id) OVER (ORDER BY id) FROM orders",
        "SELECT strftime('%Y', placed), total(total), round(total, 1) FROM orders",
        "WITH x AS (SELECT id FROM orders) SELECT * FROM x UNION SELECT id FROM customers ORDER BY 1",
    ],
)
def test_the_authorizer_lets_what_is_listed(connection: sqlite3.Connection, sql: str):
    assert connection.execute(sql).fetchall()


def test_a_connection_is_read_only_without_the_authorizer_too(file: Path):
    with closing(opened(file)) as connection:
        for sql in ("DELETE FROM orders", "CREATE TABLE x (y)"):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                connection.execute(sql)
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("ATTACH ':memory:' AS other")


def test_an_extension_cannot_be_loaded(connection: sqlite3.Connection):
    with pytest.raises((sqlite3.OperationalError, sqlite3.NotSupportedError, AttributeError, sqlite3.DatabaseError)):
        connection.load_extension("anything")


def test_no_file_is_made_where_there_is_none(tmp_path: Path):
    database = SqliteDatabase(tmp_path / "none.db", scope=SHOP)
    with pytest.raises(StoreUnavailable, match="SQLITE_CANTOPEN"):
        database.verify()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_goes_away_is_told(file: Path):
    database = SqliteDatabase(file, scope=SHOP)
    database.verify()
    file.unlink()
    with pytest.raises(StoreUnavailable, match="SQLITE_CANTOPEN"):
        database.query(check(SHOP, "SELECT id FROM orders", values={}), {}, tenant=OWN)


def test_truth_is_bound_as_sqlite_has_it(file: Path):
    database = SqliteDatabase(file, scope=SHOP)
    database.verify()
    for value, count in ((True, 12), (False, 0), (None, 0)):
        found = check(SHOP, "SELECT count(*) FROM orders WHERE :x IS TRUE", values={"x": value})
        assert database.query(found, found.values, tenant=OWN).rows == ((count,),)
    found = check(SHOP, "SELECT count(*) FROM orders WHERE :x IS NULL", values={"x": 1})
    with pytest.raises(BadValue, match="no plain value"):
        database.query(found, {"x": [1]}, tenant=OWN)


def test_a_file_that_is_no_database_is_told(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("zulu " * 1_000)
    with pytest.raises(StoreUnavailable) as error:
        SqliteDatabase(path, scope=SHOP).verify()
    assert "zulu" not in str(error.value)


@pytest.mark.parametrize("name", ["odd ?mode=rwc&x.db", "ordinary#x.db", "a%20b.db", "é.db"])
def test_a_file_of_an_odd_name_is_opened_read_only(tmp_path: Path, name: str):
    database = SqliteDatabase(sqlite_file(tmp_path / name), scope=SHOP)
    assert database.verify().row_security is RowSecurity.REWRITE
    with closing(opened(tmp_path / name)) as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM orders")


def changed(path: Path, sql: str) -> SqliteDatabase:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return SqliteDatabase(path, scope=SHOP)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DROP TABLE orders", "orders is not there"),
        ("ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS SELECT * FROM base", "a view or a virtual table"),
        (
            "DROP TABLE orders; CREATE VIRTUAL TABLE orders USING fts5(id, customer_id, total, status, note, placed, tenant)",
            "a view",
        ),
        ("ALTER TABLE orders RENAME COLUMN tenant TO owner", "orders has no column tenant"),
        ("ALTER TABLE orders DROP COLUMN note", "orders has no column note"),
    ],
)
def test_a_file_whose_tables_are_not_what_is_listed_is_refused(file: Path, sql: str, message: str):
    database = changed(file, sql)
    with pytest.raises(NotAllowed, match=message):
        database.verify()
    with pytest.raises(NotAllowed, match="without verify"):
        database.query(check(SHOP, "SELECT id FROM orders", values={}), {}, tenant=OWN)


def test_a_tenant_s_column_that_may_be_empty_is_remarked_and_such_rows_are_nobody_s(tmp_path: Path):
    path = tmp_path / "loose.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE notes (tenant TEXT, id INT); INSERT INTO notes VALUES (NULL, 1), ('acme', 2), ('', 3)"
        )
    loose = Scope(dialect=Dialect.SQLITE, tables=(Table(name="notes", columns=("id",), tenant="tenant"),))
    database = SqliteDatabase(path, scope=loose)
    assert "may be NULL" in " ".join(database.verify().remarks)
    found = check(loose, "SELECT id FROM notes", values={})
    assert database.query(found, {}, tenant="acme").rows == ((2,),)


def test_tenants_that_differ_by_case_or_blanks_are_two_also_where_the_column_ignores_that(tmp_path: Path):
    path = tmp_path / "loose.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE notes (tenant TEXT NOT NULL COLLATE NOCASE, id INT); CREATE INDEX t ON notes (tenant);"
            "CREATE TABLE lines (tenant TEXT NOT NULL COLLATE RTRIM, id INT);"
            "INSERT INTO notes VALUES ('acme', 1), ('ACME', 2); INSERT INTO lines VALUES ('acme', 1), ('acme  ', 2)"
        )
    tables = tuple(Table(name=name, columns=("id",), tenant="tenant") for name in ("notes", "lines"))
    loose = Scope(dialect=Dialect.SQLITE, tables=tables)
    database = SqliteDatabase(path, scope=loose)
    database.verify()
    for sql in ("SELECT id FROM notes", "SELECT id FROM lines"):
        found = check(loose, sql, values={})
        assert database.query(found, {}, tenant="acme").rows == ((1,),)


@pytest.mark.parametrize("tenant", ["7", "8"])
def test_a_tenant_that_is_a_number_in_the_table_is_found_by_its_text(tmp_path: Path, tenant: str):
    path = tmp_path / "numbers.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE notes (tenant INTEGER NOT NULL, id INT); INSERT INTO notes VALUES (7, 7), (8, 8)"
        )
    numbers = Scope(dialect=Dialect.SQLITE, tables=(Table(name="notes", columns=("id",), tenant="tenant"),))
    database = SqliteDatabase(path, scope=numbers)
    database.verify()
    assert database.query(check(numbers, "SELECT id FROM notes", values={}), {}, tenant=tenant).rows == (
        (int(tenant),),
    )


def test_limits_are_positive():
    for limits in ({"rows": 0}, {"bytes": -1}, {"timeout_ms": 0}):
        with pytest.raises(BadValue, match="at least 1"):
            Limits(**limits)


def test_a_text_that_is_not_utf_8_is_a_failure_that_does_not_show_it(file: Path):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE customers SET name = CAST(x'7a756c75ff' AS TEXT)")
        connection.commit()
    database = SqliteDatabase(file, scope=SHOP)
    database.verify()
    found = database.query(check(SHOP, "SELECT name FROM customers", values={}), {}, tenant=OWN)
    assert isinstance(found, Failed)
    assert "zulu" not in f"{found.code} {found.reason}"


def test_bytes_are_told_by_their_length(file: Path):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE customers SET name = x'00ff' WHERE id = 1")
        connection.commit()
    database = SqliteDatabase(file, scope=SHOP)
    database.verify()
    found = database.query(
        check(SHOP, "SELECT name FROM customers WHERE id = :n", values={"n": 1}), {"n": 1}, tenant=OWN
    )
    assert found == Rows(columns=("name",), rows=(("<2 bytes>",),), cut=False)


def test_a_value_that_grows_too_large_is_a_failure(file: Path):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE customers SET name = printf('%.*c', 1500000, 'x') WHERE id = 1")
        connection.commit()
    database = SqliteDatabase(file, scope=SHOP, limits=Limits(bytes=10_000_000))
    database.verify()
    found = database.query(check(SHOP, "SELECT name || name || name FROM customers", values={}), {}, tenant=OWN)
    assert isinstance(found, Failed)
    assert found.code == "SQLITE_TOOBIG"


def test_a_condition_is_not_tried_on_another_tenant_s_row(tmp_path: Path):
    """`abs` of the smallest integer is an error: if it were computed on another's row, that would tell of it."""
    path = tmp_path / "edge.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE notes (tenant TEXT NOT NULL, id INT, n INT); CREATE INDEX by_n ON notes (abs(n)) WHERE n > 0;"
            "INSERT INTO notes VALUES ('acme', 1, 5), ('zeta', 2, -9223372036854775808)"
        )
    edge = Scope(dialect=Dialect.SQLITE, tables=(Table(name="notes", columns=("id", "n"), tenant="tenant"),))
    database = SqliteDatabase(path, scope=edge)
    database.verify()
    for sql in (
        "SELECT id FROM notes WHERE abs(n) > :x",
        "SELECT max(abs(n)) FROM notes",
        "SELECT a.id FROM notes a JOIN notes b ON abs(a.n) = abs(b.n) AND a.id = b.id",
        "SELECT id FROM notes ORDER BY abs(n)",
        "SELECT count(*) FROM notes GROUP BY abs(n)",
    ):
        values = {"x": 0} if ":x" in sql else {}
        found = database.query(check(edge, sql, values=values), values, tenant="acme")
        assert isinstance(found, Rows), sql
        assert len(found.rows) == 1, sql
    other = database.query(check(edge, "SELECT max(abs(n)) FROM notes", values={}), {}, tenant="zeta")
    assert isinstance(other, Failed)


GROWTH = """
import resource, sys
from dueprocess.databases import SqliteDatabase
from dueprocess.sql import Dialect, Failed, Limits, check
from dueprocess.testing.two_tenants import scope

shop = SqliteDatabase(sys.argv[1], scope=scope(Dialect.SQLITE), limits=Limits(timeout_ms=1_500))
shop.verify()
found = check(shop.scope, "SELECT a.note FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g, orders h "
                          "ORDER BY a.total + b.total * c.total + h.total", values={})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert shop.query(found, {}, tenant="acme").code == "SQLITE_INTERRUPT"
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_what_a_statement_sorts_does_not_fill_the_memory(file: Path):
    done = subprocess.run([sys.executable, "-c", GROWTH, str(file)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 50  # megabytes; with temp_store=MEMORY some hundreds


def test_what_it_is_made_of_is_checked(file: Path):
    with pytest.raises(BadValue, match="expected sqlite"):
        SqliteDatabase(file, scope=scope(Dialect.POSTGRES))
    other = Scope(
        dialect=Dialect.SQLITE, tables=(Table(name="orders", columns=("id",), tenant="tenant", schema="temp"),)
    )
    with pytest.raises(NotAllowed, match="reads `main` alone"):
        SqliteDatabase(file, scope=other).verify()
