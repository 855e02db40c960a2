"""What a statement is read as, what is made of it, and how a refusal tells what to change."""

# ruff: noqa: ISC004, S608 - long statements are written over several lines

from decimal import Decimal

import pytest

from dueprocess.sql import Checked, Dialect, Refusal, Refused, Scope, Table, check, judge
from dueprocess.sql.text import foreign_in, lost_from
from dueprocess.testing.two_tenants import scope

SQLITE, POSTGRES = scope(Dialect.SQLITE), scope(Dialect.POSTGRES)
BOTH = pytest.mark.parametrize("shop", [SQLITE, POSTGRES], ids=["sqlite", "postgres"])


def made(shop: Scope, sql: str, **values: object) -> str:
    found = check(shop, sql, values=values)
    assert isinstance(found, Checked), found
    return found.sql


def refused(shop: Scope, sql: str, **values: object) -> Refused:
    found = check(shop, sql, values=values)
    assert isinstance(found, Refused), found
    return found


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("select ID from Orders", 'SELECT "id" FROM "main"."orders" AS "orders"'),
        ("SELECT o.* FROM orders o", 'SELECT "o".* FROM "main"."orders" AS "o"'),
        (
            "select id from orders where status=:s and not total<:n limit 5",
            'SELECT "id" FROM "main"."orders" AS "orders" WHERE "status" = :s AND NOT "total" < :n LIMIT 5',
        ),
        (
            "WITH orders AS (SELECT * FROM orders) SELECT id FROM orders",
            'WITH "due_cte_1" AS (SELECT * FROM "main"."orders" AS "orders") SELECT "id" FROM "due_cte_1" AS "orders"',
        ),
        (
            "WITH a AS (WITH a AS (SELECT id FROM orders) SELECT id FROM a) SELECT id FROM a",
            'WITH "due_cte_2" AS (WITH "due_cte_1" AS (SELECT "id" FROM "main"."orders" AS "orders") '
            'SELECT "id" FROM "due_cte_1" AS "a") SELECT "id" FROM "due_cte_2" AS "a"',
        ),
        (
            "SELECT count(*) AS n FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.city HAVING count(*) > :n",
            'SELECT count(*) AS "n" FROM "main"."customers" AS "c" JOIN "main"."orders" AS "o" ON "o"."customer_id" = "c"."id" '
            'GROUP BY "c"."city" HAVING count(*) > :n',
        ),
        (
            "SELECT substr(note, :a, :b) FROM orders",
            'SELECT substring("note", :a, :b) FROM "main"."orders" AS "orders"',
        ),
        ("SELECT id -- why\nFROM orders;", 'SELECT "id" FROM "main"."orders" AS "orders"'),
    ],
)
def test_a_statement_is_written_anew_with_every_name_in_full(sql: str, written: str):
    assert made(SQLITE, sql, **{name: 1 for name in "absn" if f":{name}" in sql}) == written


@BOTH
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM orders WHERE total BETWEEN :a AND :b ORDER BY id DESC NULLS LAST LIMIT :n OFFSET 2",
        "WITH x(i) AS (SELECT id FROM orders) SELECT i FROM x UNION ALL SELECT id FROM customers",
        "SELECT id, rank() OVER (PARTITION BY status ORDER BY total DESC) AS r FROM orders",
        "SELECT CASE WHEN total > :a THEN :b ELSE note END FROM orders WHERE note IS NOT NULL",
        "SELECT CAST(total AS TEXT) FROM orders WHERE id IN (SELECT id FROM customers) AND id IN (:a, :b)",
    ],
)
def test_checking_what_was_written_gives_the_same_again(shop: Scope, sql: str):
    names = [name for name in "abn" if f":{name}" in sql]
    once = made(shop, sql, **dict.fromkeys(names))
    assert made(shop, once, **dict.fromkeys(names)) == once


def test_what_was_checked_is_told():
    found = judge(SQLITE, {"sql": "SELECT o.id FROM orders o, customers WHERE o.id = :n", "parameters": {"n": 5}})
    assert isinstance(found, Checked)
    assert (found.tables, found.parameters, found.dialect) == (("customers", "orders"), ("n",), Dialect.SQLITE)
    assert found.arguments == {"sql": found.sql, "parameters": {"n": 5}}
    assert judge(SQLITE, found.arguments) == found


RULES = [
    ("SELECT 1; SELECT 2", Refusal.STATEMENT, "2 statements"),
    ("DELETE FROM orders", Refusal.STATEMENT, "DELETE belongs to another kind of statement"),
    ("PRAGMA user_version", Refusal.STATEMENT, "PRAGMA belongs"),
    ("nonsense", Refusal.STATEMENT, "does not begin with SELECT or WITH"),
    ("SELECT FROM WHERE", Refusal.SYNTAX, "no statement of sqlite"),
    ("SELECT id FROM orders WHERE status = 'paid'", Refusal.LITERAL, "write :name"),
    ("SELECT id FROM orders WHERE TRUE", Refusal.LITERAL, "only after IS"),
    ("SELECT id FROM orders LIMIT 1 + 1", Refusal.NODE, "a whole number or a parameter"),
    ("SELECT id FROM orders GROUP BY ROLLUP (id)", Refusal.NODE, "Rollup is no part"),
    ("SELECT note ->> :a FROM orders", Refusal.NODE, "JSONExtractScalar is no part"),
    ("SELECT id FROM orders WHERE note ILIKE :a", Refusal.NODE, "LIKE ignores case already"),
    ("SELECT id FROM ordres", Refusal.TABLE, "ordres is not among the tables; expected customers, orders"),
    ("SELECT id FROM temp.orders", Refusal.TABLE, "temp.orders"),
    ("SELECT :a", Refusal.TABLE, "it reads no table"),
    ("SELECT nme FROM customers", Refusal.COLUMN, "expected of customers(id, name, email, city)"),
    ("SELECT x.id FROM orders o", Refusal.COLUMN, "x is no table or alias"),
    ("SELECT random() FROM orders", Refusal.NODE, "Rand"),
    ("SELECT changes() FROM orders", Refusal.FUNCTION, "changes is not among the functions"),
    ('SELECT "é" FROM orders', Refusal.NAME, "letters a to z"),
    ("SELECT id AS due_x FROM orders", Refusal.NAME, "kept for this library"),
    ("SELECT id FROM orders WHERE id = :due_tenant", Refusal.PARAMETER, "kept for this library"),
    ("SELECT id FROM orders WHERE id = ?", Refusal.PARAMETER, "expected :name"),
    ("SELECT id FROM orders TABLESAMPLE (10)", Refusal.NODE, "Table with sample"),
    ("SELECT id FROM orders AS o(a)", Refusal.LOST, "no way to write"),
    ("SELECT CAST(note AS DATE) FROM orders", Refusal.NODE, "expected DOUBLE, FLOAT, INT"),
    ("SELECT " + "(" * 40 + "id" + ")" * 40 + " FROM orders", Refusal.SIZE, "nested too deep"),
    ("SELECT id FROM orders" + " " * 9_000, Refusal.SIZE, "expected at most 8000"),
    ("SELECT " + " || ".join(["note"] * 10) + " FROM orders", Refusal.SIZE, "stands 9 times"),
    ("SELECT " + ", ".join(["id"] * 900) + " FROM orders", Refusal.SIZE, "parts; expected at most"),
]


@pytest.mark.parametrize(("sql", "rule", "reason"), RULES, ids=[sql[:50] for sql, _, _ in RULES])
def test_a_refusal_names_its_rule_and_says_what_to_change(sql: str, rule: Refusal, reason: str):
    found = refused(SQLITE, sql, a=1) if ":a" in sql else refused(SQLITE, sql)
    assert (found.rule, reason in found.reason) == (rule, True), found


def test_every_rule_of_refusal_has_a_case_here():
    assert {rule for _, rule, _ in RULES} | {Refusal.ARGUMENTS} == set(Refusal)


def test_a_refusal_shows_no_value_of_the_text():
    for sql in (
        "SELECT id FROM orders WHERE note = 'zulu secret'",
        "SELECT 'zulu' FROM orders",
        "zulu secret",
        "SELECT $$zulu$$",
    ):
        assert "zulu" not in refused(POSTGRES, sql).reason.lower()


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("SELECT id FROM ONLY orders", "ONLY"),
        ("SELECT id FROM orders TABLESAMPLE SYSTEM (:n)", "TABLESAMPLE"),
        ("SELECT DISTINCT id FROM orders", "DISTINCT"),
        ("SELECT id FROM orders WHERE note", "WHERE"),
    ],
)
def test_a_word_that_the_reader_passes_over_is_noticed(given: str, word: str):
    written = "SELECT id FROM orders"
    lost = lost_from(given, written, Dialect.POSTGRES)
    assert lost is not None
    assert (lost.rule, lost.reason.split()[0]) == (Refusal.LOST, word)
    assert lost_from("SELECT id AS id FROM orders", "SELECT id FROM orders AS id", Dialect.POSTGRES) is None


@pytest.mark.parametrize(
    "text", ["a; b", "-- x", "a /* x */", "'x'", '"Ab"', '"a""b"', "$1", "a::b", "pg_sleep", "`a`", "\\", "é"]
)
def test_a_written_text_of_another_form_is_noticed_without_the_reader(text: str):
    assert foreign_in(text, POSTGRES) is not None
    assert foreign_in('SELECT count("a") FROM "b" WHERE "c" <> :d LIMIT 5', POSTGRES) is None


# Parameters


def test_values_are_given_for_each_parameter_and_no_other():
    assert "no value is given for: a, b" in refused(SQLITE, "SELECT id FROM orders WHERE id = :b OR id = :a").reason
    assert "2 values are given" in refused(SQLITE, "SELECT id FROM orders", a=1, b=2).reason


@pytest.mark.parametrize("value", ["text", "x" * 4_096, 5, -(2**62), Decimal("12.50"), True, None, ""])
def test_a_plain_value_is_bound(value: object):
    assert made(SQLITE, "SELECT id FROM orders WHERE id = :x", x=value)


@pytest.mark.parametrize(
    "value", [[1], {"a": 1}, 2**63, "x" * 4_097, "a\x00b", "\ud800", Decimal("1e400"), Decimal("NaN")]
)
def test_any_other_value_is_refused_by_its_kind(value: object):
    found = refused(SQLITE, "SELECT id FROM orders WHERE id = :x", x=value)
    assert (found.rule, "x is " in found.reason) == (Refusal.PARAMETER, True)


def test_too_many_values_or_one_with_an_odd_name_are_refused():
    many = {f"p{number}": 1 for number in range(51)}
    assert refused(SQLITE, "SELECT id FROM orders", **many).rule is Refusal.SIZE
    assert refused(SQLITE, "SELECT id FROM orders", **{"a b": 1}).rule is Refusal.PARAMETER


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"sql": 5},
        {"sql": "SELECT id FROM orders", "parameters": []},
        {"sql": "SELECT id FROM orders", "parameters": {}, "tenant": "zeta"},
        {"sql": None, "parameters": {}},
    ],
)
def test_arguments_of_another_form_are_refused(arguments: dict[str, object]):
    found = judge(SQLITE, arguments)
    assert isinstance(found, Refused)
    assert found.rule is Refusal.ARGUMENTS


# Scopes


def test_functions_can_be_taken_away():
    few = Scope(dialect=Dialect.SQLITE, tables=SQLITE.tables, functions=frozenset({"count"}))
    assert made(few, "SELECT count(*) FROM orders")
    found = refused(few, "SELECT max(total) FROM orders")
    assert (found.rule, found.reason) == (Refusal.FUNCTION, "max is not among the functions; expected count")


def test_a_function_of_the_other_dialect_is_not_among_them():
    assert refused(POSTGRES, "SELECT julianday(placed) FROM orders").rule is Refusal.FUNCTION
    assert refused(SQLITE, "SELECT to_char(placed, :f) FROM orders", f="x").rule is Refusal.NODE
    assert made(POSTGRES, "SELECT to_char(placed, :f) FROM orders", f="x")


def test_names_fold_as_the_dialect_folds_them():
    assert made(SQLITE, 'SELECT "ID" FROM "ORDERS"') == made(SQLITE, "SELECT id FROM orders")
    assert refused(POSTGRES, 'SELECT "ID" FROM orders').rule is Refusal.NAME
    assert made(POSTGRES, "SELECT ID FROM ORDERS") == made(POSTGRES, 'SELECT "id" FROM "orders"')


def test_a_table_of_another_schema_is_written_with_it():
    sales = Table(name="orders", columns=("id",), tenant="tenant", schema="sales")
    shop = Scope(dialect=Dialect.POSTGRES, tables=(sales,))
    assert made(shop, "SELECT id FROM orders") == 'SELECT "id" FROM "sales"."orders" AS "orders"'
    assert made(shop, "SELECT id FROM sales.orders") == made(shop, "SELECT id FROM orders")
    assert refused(shop, "SELECT id FROM public.orders").rule is Refusal.TABLE


def test_a_scope_is_a_value_with_a_digest():
    assert SQLITE.digest != POSTGRES.digest
    assert (
        Scope.of(Dialect.SQLITE, {"orders": ("tenant", ["id"])}).digest
        == Scope.of(Dialect.SQLITE, {"orders": ("tenant", ("id",))}).digest
    )
    assert Scope.of(Dialect.SQLITE, {"orders": ("tenant", ["id"])}).as_json()["tables"] == [
        {"name": "orders", "schema": "main", "columns": ["id"], "tenant": "tenant"}
    ]
