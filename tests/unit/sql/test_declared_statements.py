"""A declaration is enough to judge a call: no database, no code of the tool, and twice the same."""

import pytest
from tests.unit.sql.attacks import VALUES, listed

from dueprocess.errors import BadValue
from dueprocess.sql import (
    Checked,
    Dialect,
    Refusal,
    Refused,
    Scope,
    Template,
    arguments_that_run,
    check,
    declaration,
    judge,
)
from dueprocess.testing.two_tenants import TABLES, scope
from dueprocess.values import canonical, parse

PAID = Template(
    name="paid",
    sql="SELECT id FROM orders WHERE status = :status AND total > :least",
    description="Paid orders.",
    parameters={"least": {"type": "integer"}},
    constants={"status": "paid"},
)


@pytest.mark.parametrize("dialect", Dialect, ids=lambda dialect: dialect.value)
def test_a_call_is_judged_by_the_declaration_as_by_the_scope_itself(dialect: Dialect):
    shop = scope(dialect)
    carried = parse(canonical(declaration(shop)), max_depth=64)
    for _, sql, _ in listed():
        arguments = {"sql": sql, "parameters": {name: value for name, value in VALUES.items() if f":{name}" in sql}}
        expected = judge(shop, arguments)
        found = arguments_that_run(carried, arguments)
        assert found == (expected.arguments if isinstance(expected, Checked) else expected), sql
        if isinstance(found, dict):
            assert arguments_that_run(carried, found) == found, sql


def test_the_statement_is_replaced_by_what_runs():
    found = arguments_that_run(
        declaration(scope(Dialect.SQLITE)), {"sql": "select id from orders where id=:n", "parameters": {"n": 1}}
    )
    assert found == {
        "sql": 'SELECT "id" FROM "main"."orders" AS "orders" WHERE "id" = :n',
        "parameters": {"n": 1},
    }


def test_a_call_of_a_template_stays_as_it_is():
    carried = declaration(scope(Dialect.SQLITE), (PAID,))
    call = {"template": "paid", "parameters": {"least": 5}}
    assert arguments_that_run(carried, call) == call
    refused = arguments_that_run(carried, {"template": "paid", "parameters": {"least": 5, "status": "open"}})
    assert isinstance(refused, Refused)
    assert refused.rule is Refusal.PARAMETER
    assert isinstance(arguments_that_run(carried, {"sql": "SELECT id FROM orders", "parameters": {}}), Refused)


def test_functions_that_were_taken_away_stay_away():
    few = Scope(dialect=Dialect.POSTGRES, tables=TABLES, functions=frozenset({"count"}))
    call = {"sql": "SELECT max(id) FROM orders", "parameters": {}}
    assert isinstance(arguments_that_run(declaration(few), call), Refused)
    assert isinstance(check(scope(Dialect.POSTGRES), call["sql"], values={}), Checked)


@pytest.mark.parametrize(
    "change",
    [
        {"scope": None},
        {"scope": {}},
        {"templates": {}},
        {"templates": [5]},
        {"templates": [{"name": "x"}]},
        {"scope": {"dialect": "oracle", "tables": [], "functions": []}},
        {"scope": {"dialect": "sqlite", "tables": [], "functions": []}},
        {"scope": {"dialect": "sqlite", "tables": [{"name": "orders"}], "functions": []}},
        {"scope": {"dialect": "sqlite", "tables": ["orders"], "functions": []}},
        {"scope": {**declaration(scope(Dialect.SQLITE))["scope"], "functions": ["pg_sleep"]}},
    ],
)
def test_what_is_no_declaration_judges_nothing(change: dict[str, object]):
    carried = {**declaration(scope(Dialect.SQLITE)), **change}
    with pytest.raises(BadValue):
        arguments_that_run(carried, {"sql": "SELECT id FROM orders", "parameters": {}})
