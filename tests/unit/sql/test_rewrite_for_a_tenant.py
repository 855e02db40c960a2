"""Each table of a statement is confined where it stands; what was made is looked at again and is never taken on trust."""

# ruff: noqa: ISC004 - long statements are written over several lines

from dataclasses import replace
from importlib import import_module

import pytest
from tests.unit.sql.attacks import CONFINED, VALUES

from dueprocess.errors import Defect
from dueprocess.sql import Checked, Dialect, Scope, Table, check, confine, rewrite
from dueprocess.testing.two_tenants import scope

# By its name: the room's face has a function of the same one.
REWRITING = import_module("dueprocess.sql.rewrite")
SMALL = {
    dialect: Scope(dialect=dialect, tables=(Table(name="orders", columns=("id", "note"), tenant="owner"),))
    for dialect in Dialect
}


def checked(shop: Scope, sql: str) -> Checked:
    names = {name: value for name, value in VALUES.items() if f":{name}" in sql}
    for left in [dict(names), *({key: value for key, value in names.items() if key != drop} for drop in names)]:
        found = check(shop, sql, values=left)
        if isinstance(found, Checked):
            return found
    raise AssertionError(sql)


def test_a_table_becomes_a_query_of_its_listed_columns_and_the_tenant_s_rows():
    found = checked(SMALL[Dialect.SQLITE], "SELECT * FROM orders")
    assert rewrite(found, SMALL[Dialect.SQLITE]).sql == (
        'SELECT * FROM (SELECT "due_base"."id", "due_base"."note" FROM "main"."orders" AS "due_base" '
        'WHERE "due_base"."owner" = :due_tenant COLLATE BINARY LIMIT -1) AS "orders"'
    )
    found = checked(SMALL[Dialect.POSTGRES], "SELECT * FROM orders")
    assert rewrite(found, SMALL[Dialect.POSTGRES]).sql == (
        'SELECT * FROM (SELECT "due_base"."id", "due_base"."note" FROM "public"."orders" AS "due_base" '
        'WHERE "due_base"."owner" = :due_tenant OFFSET 0) AS "orders"'
    )


def test_where_the_database_keeps_tenants_apart_only_the_columns_are_confined():
    found = checked(SMALL[Dialect.POSTGRES], "SELECT o.id FROM orders o")
    confined = confine(found, SMALL[Dialect.POSTGRES])
    assert confined.tenant == ""
    assert confined.sql == (
        'SELECT "o"."id" FROM (SELECT "due_base"."id", "due_base"."note" FROM "public"."orders" AS "due_base") AS "o"'
    )


@pytest.mark.parametrize("dialect", Dialect, ids=lambda dialect: dialect.value)
def test_every_table_of_every_statement_is_confined_once(dialect: Dialect):
    shop, seen = scope(dialect), 0
    for sql in (line for lines in CONFINED.values() for line in lines):
        names = {name: value for name, value in VALUES.items() if f":{name}" in sql}
        found = check(shop, sql, values=names)
        if isinstance(found, Checked):
            written = rewrite(found, shop).sql
            schema = f'"{shop.schema_of(shop.tables[0])}".'
            assert written.count(schema) == found.sql.count(schema) == written.count("= :due_tenant"), sql
            assert written.count(f'{schema}"orders" AS "due_base" WHERE') == found.sql.count(f'{schema}"orders"'), sql
            seen += 1
    assert seen >= 60


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT * FROM "orders" AS "orders"',
        "SELECT * FROM orders",
        'SELECT * FROM "main"."payroll" AS "p"',
        'SELECT * FROM "temp"."orders" AS "orders"',
        'SELECT "id" FROM "main"."orders" AS "orders"; DELETE FROM orders',
        'SELECT "id" FROM "main"."orders" AS "orders" WHERE "note" = \'x\'',
        'SELECT "id" FROM "main"."orders"',
        "SELECT 1",
        "DELETE FROM orders",
        "not even sql (",
    ],
)
def test_what_was_never_checked_is_a_defect(sql: str):
    forged = Checked(sql=sql, dialect=Dialect.SQLITE, tables=(), parameters=(), values={})
    for confining in (rewrite, confine):
        with pytest.raises(Defect):
            confining(forged, SMALL[Dialect.SQLITE])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('SELECT * FROM "main"."orders" AS "orders"', "stands bare"),
        (
            'SELECT * FROM (SELECT "due_base"."id", "due_base"."note" FROM "main"."orders" AS "due_base") AS "orders"',
            "confines",
        ),
        (
            'SELECT * FROM (SELECT "due_base"."id", "due_base"."note" FROM "main"."orders" AS "due_base" '
            'WHERE "due_base"."note" = :due_tenant LIMIT -1) AS "orders"',
            "confines",
        ),
        (
            'SELECT * FROM (SELECT "due_base"."id", "due_base"."note" FROM "main"."orders" AS "due_base" '
            'WHERE "due_base"."owner" = :due_tenant OR "due_base"."id" = "due_base"."id" LIMIT -1) AS "orders"',
            "confines",
        ),
        (
            'SELECT * FROM (SELECT "due_base"."id", "due_base"."note" FROM "main"."orders" AS "due_base" '
            'WHERE "due_base"."owner" = :due_tenant COLLATE BINARY LIMIT -1) AS "other"',
            "not the checked one",
        ),
        ("SELECT * FROM 'x'", "not of its form"),
    ],
)
def test_a_rewrite_that_went_wrong_is_found_out(text: str, message: str):
    shop = SMALL[Dialect.SQLITE]
    found = checked(shop, "SELECT * FROM orders")
    with pytest.raises(Defect, match=message):
        REWRITING._check(text, found.sql, scope=shop, tenant="due_tenant")


def test_a_scope_that_is_not_the_one_it_was_checked_with_is_a_defect():
    found = checked(scope(Dialect.SQLITE), "SELECT * FROM customers")
    with pytest.raises(Defect, match="not among the tables"):
        rewrite(found, SMALL[Dialect.SQLITE])
    other = replace(SMALL[Dialect.SQLITE].tables[0], name="customers", schema="temp")
    with pytest.raises(Defect, match="not among the tables"):
        rewrite(found, Scope(dialect=Dialect.SQLITE, tables=(other,)))
