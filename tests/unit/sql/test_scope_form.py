"""A scope or a template that cannot be kept is refused when it is made."""

from dataclasses import replace

import pytest

from dueprocess.errors import BadValue
from dueprocess.sql import FUNCTIONS, Checked, Dialect, Refusal, Refused, Scope, Table, Template, Templates
from dueprocess.testing.two_tenants import TABLES, scope

SHOP = scope(Dialect.SQLITE)


def table(**changed: object) -> Table:
    return Table(**{"name": "t", "columns": ("id",), "tenant": "owner", **changed})


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ((), "without tables"),
        ((table(name="Orders"),), "'Orders' is no name"),
        ((table(name="due_x"),), "begins with due_"),
        ((table(name="x" * 64),), "at most 63"),
        ((table(name='t"; DROP'),), "is no name"),
        ((table(columns=("a b",)),), "'a b' is no name"),
        ((table(columns=()),), "are none"),
        ((table(columns=("id", "id")),), "twice"),
        ((table(tenant=""),), "'' is no name"),
        ((table(schema="a.b"),), "'a.b' is no name"),
        ((table(), table(schema="other")), "two tables are named t"),
    ],
)
def test_a_scope_that_is_none_is_refused(tables: tuple[Table, ...], message: str):
    with pytest.raises(BadValue, match=message):
        Scope(dialect=Dialect.SQLITE, tables=tables)


def test_no_function_can_be_added_to_those_that_were_looked_at():
    with pytest.raises(BadValue, match="functions 'pg_sleep'"):
        Scope(dialect=Dialect.POSTGRES, tables=TABLES, functions=FUNCTIONS | {"pg_sleep"})


PAID = Template(
    name="by_status",
    sql="SELECT id, total FROM orders WHERE status = :status AND total > :least",
    description="Orders of a status above an amount.",
    parameters={"status": {"type": "string", "enum": ["paid", "open"]}, "least": {"type": "integer", "minimum": 0}},
)
CITIES = Template(name="cities", sql="SELECT city, count(*) AS n FROM customers GROUP BY city")
SET = Templates(scope=SHOP, templates=(PAID, CITIES))


def test_a_set_of_templates_offers_their_names_and_typed_parameters():
    assert SET.parameters == {
        "type": "object",
        "properties": {
            "template": {"type": "string", "enum": ["by_status", "cities"]},
            "parameters": {
                "type": "object",
                "properties": {
                    "status": {"type": "string", "enum": ["paid", "open"]},
                    "least": {"type": "integer", "minimum": 0},
                },
                "additionalProperties": False,
            },
        },
        "required": ["template"],
        "additionalProperties": False,
    }


def test_a_call_runs_the_statement_of_the_template_with_its_values():
    found = SET.judge({"template": "by_status", "parameters": {"status": "paid", "least": 5}})
    assert isinstance(found, Checked)
    assert found.sql == (
        'SELECT "id", "total" FROM "main"."orders" AS "orders" WHERE "status" = :status AND "total" > :least'
    )
    assert found.values == {"status": "paid", "least": 5}
    assert isinstance(SET.judge({"template": "cities"}), Checked)


def test_a_constant_is_bound_in_every_call_and_no_call_sets_it():
    fixed = Template(name="paid", sql="SELECT id FROM orders WHERE status = :status", constants={"status": "paid"})
    templates = Templates(scope=SHOP, templates=(fixed,))
    found = templates.judge({"template": "paid"})
    assert isinstance(found, Checked)
    assert found.values == {"status": "paid"}
    assert templates.properties == {}
    assert isinstance(templates.judge({"template": "paid", "parameters": {"status": "open"}}), Refused)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"template": "other"}, Refusal.ARGUMENTS),
        ({"template": None}, Refusal.ARGUMENTS),
        ({"template": "cities", "sql": "SELECT id FROM orders"}, Refusal.ARGUMENTS),
        ({"template": "cities", "parameters": []}, Refusal.ARGUMENTS),
        ({"template": "cities", "parameters": {"status": "paid"}}, Refusal.PARAMETER),
        ({"template": "by_status", "parameters": {"status": "paid"}}, Refusal.PARAMETER),
        ({"template": "by_status", "parameters": {"status": ["paid"], "least": 1}}, Refusal.PARAMETER),
    ],
)
def test_a_call_that_does_not_fit_its_template_is_refused(arguments: dict[str, object], rule: Refusal):
    found = SET.judge(arguments)
    assert isinstance(found, Refused)
    assert found.rule is rule


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ((), "without templates"),
        ((CITIES, CITIES), "there twice"),
        ((Template(name="No", sql=CITIES.sql),), "'No' is no name"),
        ((Template(name="x", sql="DELETE FROM orders"),), "the template x is refused: DELETE belongs"),
        ((Template(name="x", sql="SELECT id FROM orders WHERE id = :n"),), "no value is given for: n"),
        ((replace(PAID, constants={"least": 1}),), "least as parameter and as constant"),
        ((Template(name="x", sql=CITIES.sql, constants={"n": 1}),), "1 values are given"),
        ((Template(name="x", sql=CITIES.sql, parameters={"n": {"type": "integer"}}),), "1 values are given"),
        ((Template(name="x", sql="SELECT id FROM orders WHERE id = :n", parameters={"n": {}}),), "expected a type of"),
        (
            (
                Template(
                    name="x",
                    sql="SELECT id FROM orders WHERE id = :n",
                    parameters={"n": {"type": "string", "$ref": "#"}},
                ),
            ),
            "expected only",
        ),
        (
            (
                PAID,
                Template(
                    name="x", sql="SELECT id FROM orders WHERE id = :least", parameters={"least": {"type": "string"}}
                ),
            ),
            "least has two schemas",
        ),
    ],
)
def test_a_set_that_cannot_be_kept_is_refused(templates: tuple[Template, ...], message: str):
    with pytest.raises(BadValue, match=message):
        Templates(scope=SHOP, templates=templates)
