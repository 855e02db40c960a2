"""Every Python block of the page about SQL tools runs, one after the other, and its SQL makes a database that is verified."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from dueprocess.databases import PostgresDatabase
from dueprocess.sql import FUNCTIONS, Dialect, Refusal, RowSecurity, Scope, Table
from dueprocess.testing.postgres import make_database, reached

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "sql.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_is_of_a_kind_that_a_test_here_runs():
    assert len(blocks("python")) + len(blocks("sql")) == PAGE.count("\n```") // 2


def test_its_python_says_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.executescript(
            "CREATE TABLE orders (shop TEXT NOT NULL, id INT, total_cents INT, status TEXT, card TEXT);"
            "INSERT INTO orders VALUES ('north', 1, 500, 'paid', 'x'), ('north', 2, 700, 'open', 'x'), ('south', 3, 900, 'open', 'x')"
        )
    Path("policy.yaml").write_text("tools: {query_shop: {allowed: true}}\n")
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "sql.md", "exec"), names)  # noqa: S102 - the page's own words


def test_its_sql_makes_a_database_that_is_verified(postgres: str):
    (block,) = blocks("sql")
    table = "CREATE TABLE orders (shop TEXT NOT NULL, id INT); CREATE ROLE owner_of_orders; ALTER TABLE orders OWNER TO owner_of_orders"
    conninfo = make_database(postgres, "page", role="nobody", script=[(table, ())])
    with psycopg.connect(reached(postgres, name="page"), autocommit=True) as above:
        above.execute(block.replace("analyst", "page_analyst").encode())
    listed = Scope(dialect=Dialect.POSTGRES, tables=(Table(name="orders", columns=("id",), tenant="shop"),))
    database = PostgresDatabase(conninfo.replace("nobody", "page_analyst"), scope=listed)
    assert database.verify().row_security is RowSecurity.NATIVE
    database.close()


@pytest.mark.parametrize("name", [*sorted(FUNCTIONS), *(rule.value for rule in Refusal)])
def test_every_function_and_every_rule_is_on_the_page(name: str):
    assert f"`{name}`" in PAGE
