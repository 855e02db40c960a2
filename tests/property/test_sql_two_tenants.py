"""For any query that a small grammar can say: a tenant gets the same beside another tenant as alone, on both databases."""

# ruff: noqa: S608 - queries are what is written here

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dueprocess.databases import PostgresDatabase, SqliteDatabase
from dueprocess.sql import Checked, Database, Dialect, Failed, Limits, Refused, Rows, Scope, check, confine, rewrite
from dueprocess.testing.postgres import make_database
from dueprocess.testing.two_tenants import OWN, leaks_in, postgres_script, scope, sqlite_file

COLUMNS = {table.name: table.columns for table in scope(Dialect.SQLITE).tables}
NUMBERS = {"id", "customer_id", "total"}
VALUES = {"n": 3, "m": 105, "big": 770_000_003, "t": "paid", "o": "zulu", "w": "%o%"}
SOON = Limits(rows=2_000, bytes=10_000_000, timeout_ms=10_000)


class Author:
    """Writes queries: each table under an alias, so that every column can be named."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._aliases = 0

    def query(self, depth: int = 2, outer: dict[str, str] | None = None) -> str:
        return self._random.choice([self._plain, self._plain, self._grouped, self._set, self._with])(depth, outer or {})

    def scalar(self, depth: int, outer: dict[str, str]) -> str:
        """A query of one value."""
        tables, sources = self._sources(depth, outer)
        return f"SELECT {self._aggregate(tables)} FROM {sources}{self._where(depth, {**outer, **tables})}"

    def _plain(self, depth: int, outer: dict[str, str]) -> str:
        tables, sources = self._sources(depth, outer)
        shown = self._random.choice(["*", *[", ".join(self._names(tables, self._random.randint(1, 3)))] * 3])
        distinct = self._random.choice(["", "", "DISTINCT "])
        return f"SELECT {distinct}{shown} FROM {sources}{self._where(depth, {**outer, **tables})}"

    def _grouped(self, depth: int, outer: dict[str, str]) -> str:
        tables, sources = self._sources(depth, outer)
        (by,) = self._names(tables, 1)
        having = self._random.choice(["", " HAVING count(*) > :n"])
        where = self._where(depth, {**outer, **tables})
        return f"SELECT {by}, {self._aggregate(tables)} AS v FROM {sources}{where} GROUP BY {by}{having}"

    def _set(self, depth: int, outer: dict[str, str]) -> str:
        word = self._random.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])
        return f"SELECT id FROM {self._table()} {word} SELECT id FROM {self._table()}{self._where(depth, {})}"

    def _with(self, depth: int, outer: dict[str, str]) -> str:
        if depth == 0:
            return self._plain(depth, outer)
        # A WITH query may have a table's name; inside, the table is meant.
        table = self._random.choice(list(COLUMNS))
        name = self._random.choice([table, "customers", "orders", "q"])
        inside = f"SELECT id, id AS other FROM {table} AS i{self._where(depth - 1, {'i': table})}"
        again = self._random.choice(
            [
                f"SELECT * FROM {name}",
                f"SELECT a.id, b.other FROM {name} a JOIN {name} b ON a.id = b.id",
                f"SELECT id FROM {name} UNION ALL SELECT id FROM {table}",
            ]
        )
        return f"WITH {name} AS ({inside}) {again}"

    def _sources(self, depth: int, outer: dict[str, str]) -> tuple[dict[str, str], str]:
        tables: dict[str, str] = {}
        parts: list[str] = []
        for _ in range(self._random.choice([1, 1, 2])):
            table, alias = self._table(), self._alias()
            source = f"{table} AS {alias}"
            if depth and self._random.random() < 0.3:
                source = f"(SELECT * FROM {table} AS {alias}{self._where(depth - 1, {alias: table})}) AS {alias}"
            if parts:
                word = self._random.choice(["JOIN", "LEFT JOIN", "CROSS JOIN"])
                on = "" if word == "CROSS JOIN" else f" ON {self._comparison({**tables, alias: table}, joins=True)}"
                parts.append(f" {word} {source}{on}")
            else:
                parts.append(source)
            tables[alias] = table
        return tables, "".join(parts)

    def _where(self, depth: int, tables: dict[str, str]) -> str:
        if not tables or self._random.random() < 0.3:
            return ""
        parts = [self._condition(depth, tables) for _ in range(self._random.randint(1, 3))]
        return " WHERE " + self._random.choice([" AND ", " OR "]).join(parts)

    def _condition(self, depth: int, tables: dict[str, str]) -> str:
        kind = self._random.randint(0, 7)
        number = self._number(tables)
        if depth and kind == 0:
            alias, table = self._alias(), self._table()
            return f"EXISTS (SELECT {alias}.id FROM {table} AS {alias} WHERE {alias}.id <> {number})"
        if depth and kind == 1:
            return f"{number} IN (SELECT id FROM {self._table()}{self._where(0, {})})"
        if depth and kind == 2:
            return f"{number} <= ({self.scalar(depth - 1, tables)})"
        if kind == 3:
            return f"NOT ({self._comparison(tables)})"
        if kind == 4:
            return f"{self._text(tables)} IS {self._random.choice(['', 'NOT '])}NULL"
        if kind == 5:
            return f"{self._text(tables)} LIKE :w"
        return self._comparison(tables)

    def _comparison(self, tables: dict[str, str], *, joins: bool = False) -> str:
        sign = self._random.choice(["=", "<>", "<", ">="])
        if joins or self._random.random() < 0.4:
            return f"{self._number(tables)} {sign} {self._number(tables)}"
        if self._random.random() < 0.5:
            return f"{self._text(tables)} {sign} {self._random.choice([':t', ':o'])}"
        return f"{self._number(tables)} {sign} {self._random.choice([':n', ':m', ':big'])}"

    def _aggregate(self, tables: dict[str, str]) -> str:
        word = self._random.choice(["count(*)", "sum({})", "min({})", "max({})", "count(DISTINCT {})"])
        return word.format(self._number(tables))

    def _names(self, tables: dict[str, str], count: int) -> list[str]:
        every = [f"{alias}.{column}" for alias, table in tables.items() for column in COLUMNS[table]]
        return self._random.sample(every, count)

    def _number(self, tables: dict[str, str]) -> str:
        return self._random.choice([f"{a}.{c}" for a, table in tables.items() for c in COLUMNS[table] if c in NUMBERS])

    def _text(self, tables: dict[str, str]) -> str:
        names = [f"{a}.{c}" for a, table in tables.items() for c in COLUMNS[table] if c not in {*NUMBERS, "placed"}]
        return self._random.choice(names)

    def _table(self) -> str:
        return self._random.choice(list(COLUMNS))

    def _alias(self) -> str:
        self._aliases += 1
        return f"a{self._aliases}"


@pytest.fixture(scope="module")
def shops(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Database, Database]]]:
    """Of each database one with two tenants, and one with the first alone."""
    folder: Path = tmp_path_factory.mktemp("property")
    found: dict[str, list[Database]] = {"sqlite": [], "postgres": []}
    for name, only in (("property_both", None), ("property_alone", (OWN,))):
        who = {} if only is None else {"tenants": only}
        path = sqlite_file(folder / f"{name}.db", **who)
        found["sqlite"].append(SqliteDatabase(path, scope=scope(Dialect.SQLITE), limits=SOON))
        conninfo = make_database(postgres, name, role="analyst", script=postgres_script(role="analyst", **who))
        found["postgres"].append(PostgresDatabase(conninfo, scope=scope(Dialect.POSTGRES), limits=SOON))
    for pair in found.values():
        for shop in pair:
            shop.verify()
    yield {name: (pair[0], pair[1]) for name, pair in found.items()}
    for pair in found.values():
        for shop in pair:
            shop.close()


def checked(sql: str, shop: Scope) -> Checked:
    found = check(shop, sql, values={name: value for name, value in VALUES.items() if f":{name}" in sql})
    assert isinstance(found, Checked), (sql, found)
    return found


def answer(shop: Database, found: Checked) -> object:
    rows = shop.query(found, found.values, tenant=OWN)
    return sorted(map(repr, rows.rows)) if isinstance(rows, Rows) else rows


@pytest.mark.parametrize("name", ["sqlite", "postgres"])
@settings(max_examples=80)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_a_tenant_gets_the_same_beside_another_as_alone(
    name: str, seed: int, shops: dict[str, tuple[Database, Database]]
):
    both, alone = shops[name]
    found = checked(Author(seed).query(), both.scope)
    beside = both.query(found, found.values, tenant=OWN)
    assert not (isinstance(beside, Rows) and beside.cut)
    if isinstance(beside, Rows):
        assert leaks_in(value for row in beside.rows for value in row if value != VALUES["o"]) == []
    assert answer(both, found) == answer(alone, found)


def test_the_queries_that_are_tried_mostly_run_and_mostly_find_something(shops: dict[str, tuple[Database, Database]]):
    for both, _ in shops.values():
        queries = [checked(Author(seed).query(), both.scope) for seed in range(60)]
        answers = [both.query(found, found.values, tenant=OWN) for found in queries]
        assert sum(isinstance(each, Rows) for each in answers) >= 57, [
            each for each in answers if isinstance(each, Failed)
        ]
        assert sum(isinstance(each, Rows) and len(each.rows) > 1 for each in answers) >= 20


def test_what_runs_means_what_was_written(shops: dict[str, tuple[Database, Database]]):
    """The tool's answer beside another tenant is the database's own answer to the text as it was given, on the tenant alone."""
    for name, (both, alone) in shops.items():
        compared = 0
        for seed in range(80):
            sql = Author(seed).query()
            if sql.startswith(("SELECT *", "SELECT DISTINCT *")):
                continue  # as given it shows what is not listed, too
            beside = answer(both, checked(sql, both.scope))
            as_given = given_to_sqlite(alone, sql) if name == "sqlite" else given_to_postgres(alone, sql)
            if as_given is not None:
                assert beside == as_given, sql
                compared += 1
        assert compared >= 40, f"{name}: {compared}"


def given_to_sqlite(shop: SqliteDatabase, sql: str) -> list[str] | None:
    with closing(sqlite3.connect(shop._path)) as connection:
        try:
            return sorted(map(repr, connection.execute(sql, VALUES).fetchall()))
        except sqlite3.OperationalError:
            return None  # a WITH query of the name of the table that it reads: SQLite alone takes that for a circle


def given_to_postgres(shop: PostgresDatabase, sql: str) -> list[str] | None:
    with psycopg.connect(shop._conninfo) as connection:
        connection.execute("SELECT set_config('due.tenant', %s, false)", (OWN,))
        try:
            bound = re.sub(r":([a-z]+)", r"%(\1)s", sql)
            return sorted(map(repr, connection.execute(bound, VALUES).fetchall()))
        except psycopg.Error:
            return None


def test_without_the_rewrite_the_same_queries_would_tell(shops: dict[str, tuple[Database, Database]]):
    both, alone = shops["sqlite"]
    different = 0
    for seed in range(100):
        found = checked(Author(seed).query(), both.scope)
        results = []
        for shop in (both, alone):
            with closing(sqlite3.connect(shop._path)) as connection:
                results.append(sorted(map(repr, connection.execute(found.sql, found.values).fetchmany(5_000))))
        different += results[0] != results[1]
    assert different >= 50


WORDS = st.sampled_from(
    "SELECT FROM WHERE orders customers payroll id secret tenant * , ( ) = :n :tenant ' \" -- /* */ ; UNION ALL WITH AS x "
    "JOIN ON LATERAL ONLY TABLESAMPLE 1 'a' $$ :: | || . [ ] count lower pg_sleep ORDER BY LIMIT GROUP HAVING EXISTS IN "
    "CASE WHEN THEN END CAST regclass NULL IS NOT OVER PARTITION main public due_tenant due_cte_1 RECURSIVE".split()
)


@settings(max_examples=300)
@given(
    text=st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map(" ".join)), dialect=st.sampled_from(Dialect)
)
def test_any_text_is_refused_or_checked_and_what_is_checked_can_be_confined(text: str, dialect: Dialect):
    shop = scope(dialect)
    for values in ({}, {"n": 1}, {"tenant": "zeta"}, {"n": 1, "tenant": "zeta"}):
        found = check(shop, text, values=values)
        if isinstance(found, Refused):
            assert found.reason
            continue
        assert check(shop, found.sql, values=values) == found
        tables = found.sql.count(f'"{shop.schema_of(shop.tables[0])}".')
        assert rewrite(found, shop).sql.count("= :due_tenant") == tables > 0
        assert ":due_tenant" not in confine(found, shop).sql
