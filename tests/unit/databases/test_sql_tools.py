"""Tools over a database, behind the gate: what they offer, whose rows they read, what of it is on the record."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dueprocess import DeniedCall, Guarded, SucceededCall, guard
from dueprocess.databases import PostgresDatabase, SqliteDatabase, sql_tool, template_tool
from dueprocess.errors import BadValue, NotAllowed, ToolInvalid
from dueprocess.gate import ActionSettled
from dueprocess.sql import Database, Dialect, Limits, Template
from dueprocess.testing.postgres import make_database
from dueprocess.testing.two_tenants import OTHER, OWN, postgres_script, scope, sqlite_file
from dueprocess.tool import Effect, Tool
from dueprocess.wiring.home import open_home

POLICY = "agent: {max_tool_calls: 50}\ntools: {ask: {allowed: true}}\n"
TEMPLATES = (
    Template(
        name="orders_of",
        sql="SELECT id, total FROM orders WHERE customer_id = :customer ORDER BY id",
        description="The orders of one customer.",
        parameters={"customer": {"type": "integer"}},
    ),
    Template(name="cities", sql="SELECT city, count(*) AS n FROM customers GROUP BY city ORDER BY city"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return SqliteDatabase(sqlite_file(tmp_path_factory.mktemp("tools") / "shop.db"), scope=scope(Dialect.SQLITE))


@pytest.fixture
def guarded(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Guarded]:
    tool: Tool = request.getfixturevalue(request.param)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with guard(tool, policy=policy, store=tmp_path / "store", on_behalf_of=f"user:{OWN}") as guarded:
        yield guarded


@pytest.fixture
def free(shop: Database) -> Tool:
    return sql_tool("ask", shop, tenant=OWN)


@pytest.fixture
def reviewed(shop: Database) -> Tool:
    return template_tool("ask", shop, templates=TEMPLATES, tenant=OWN)


@pytest.fixture
def requester(shop: Database) -> Tool:
    """One that reads the rows of whoever it is asked for."""
    return sql_tool("ask", shop, tenant=lambda attempt: (attempt.on_behalf_of or "").removeprefix("user:"))


def value_of(done: object) -> dict[str, object]:
    assert isinstance(done, SucceededCall), done
    assert isinstance(done.value, dict)
    return done.value


def test_a_tool_is_a_read_that_tells_a_model_what_it_may_ask(free: Tool):
    assert (free.spec.effect, free.name) == (Effect.READ, "ask")
    assert set(free.spec.properties) == {"sql", "parameters"}
    for word in (
        "- orders(id, customer_id, total, status, note, placed)",
        "One SQLite query",
        ":name",
        "Functions: abs, avg",
    ):
        assert word in free.spec.description
    for word in ("secret", "margin", "payroll", OWN):
        assert word not in free.spec.description


@pytest.mark.parametrize("guarded", ["free"], indirect=True)
def test_an_answer_has_rows_and_says_what_kept_tenants_apart(guarded: Guarded):
    done = guarded("SELECT id, total FROM orders WHERE total >= :least ORDER BY id", {"least": 110})
    assert value_of(done) == {
        "columns": ["id", "total"],
        "rows": [[111, 110], [112, 120]],
        "cut": False,
        "failed": "",
        "ran": 'SELECT "id", "total" FROM "main"."orders" AS "orders" WHERE "total" >= :least ORDER BY "id"',
        "reason": "",
        "refused": "",
        "row_security": "rewrite",
    }


@pytest.mark.parametrize("guarded", ["free"], indirect=True)
def test_a_statement_that_is_refused_or_fails_is_answered_with_a_reason(guarded: Guarded):
    refused = value_of(guarded("SELECT * FROM payroll", {}))
    assert (refused["refused"], refused["rows"]) == ("table", [])
    assert "expected customers, orders" in str(refused["reason"])
    failed = value_of(guarded("SELECT id, name FROM customers UNION SELECT id FROM orders", {}))
    assert (failed["failed"], failed["rows"]) == ("SQLITE_ERROR", [])


@pytest.mark.parametrize("guarded", ["free"], indirect=True)
def test_whose_rows_is_no_argument(guarded: Guarded):
    for extra in ({"tenant": OTHER}, {"due_tenant": OTHER}):
        assert isinstance(guarded("SELECT id FROM orders", {}, **extra), DeniedCall)
        assert value_of(guarded("SELECT id FROM orders", extra))["refused"] == "parameter"
    assert isinstance(guarded("SELECT id FROM orders", {"x": [1]}), DeniedCall)


@pytest.fixture
def nobody(shop: Database) -> Tool:
    return sql_tool("ask", shop, tenant=lambda attempt: "")


@pytest.mark.parametrize("guarded", ["nobody"], indirect=True)
def test_a_requester_without_a_tenant_is_refused(guarded: Guarded):
    found = value_of(guarded("SELECT count(*) FROM orders", {}))
    assert (found["refused"], found["rows"], found["ran"]) == ("tenant", [], "")


@pytest.mark.parametrize("guarded", ["requester"], indirect=True)
def test_whose_rows_may_come_from_the_attempt(guarded: Guarded):
    assert value_of(guarded("SELECT count(*) AS n, max(id) AS m FROM orders", {}))["rows"] == [[12, 112]]


@pytest.mark.parametrize("guarded", ["requester"], indirect=True)
def test_what_kept_tenants_apart_and_what_ran_is_on_the_record(guarded: Guarded, tmp_path: Path):
    guarded("SELECT count(*) FROM orders", {})
    guarded.close()
    home = open_home(tmp_path / "store", {})
    events = home.store.read(lambda tx: list(tx.events(guarded.run)))
    settled = [event.record for event in events if isinstance(event.record, ActionSettled)]
    home.store.close()
    (result,) = [json.loads(record.result) for record in settled]
    assert result["row_security"] == "rewrite"
    assert result["ran"] == 'SELECT count(*) FROM "main"."orders" AS "orders"'


@pytest.mark.parametrize("guarded", ["reviewed"], indirect=True)
def test_a_template_is_chosen_by_name_and_filled_in(guarded: Guarded):
    assert value_of(guarded("orders_of", {"customer": 2}))["rows"] == [[101, 10], [107, 70]]
    assert value_of(guarded("cities"))["rows"] == [["Bonn", 3], ["Ulm", 3]]
    assert isinstance(guarded("payroll"), DeniedCall)
    assert isinstance(guarded("orders_of", {"customer": "2"}), DeniedCall)
    assert isinstance(guarded("orders_of", {"customer": 2, "tenant": OTHER}), DeniedCall)
    assert value_of(guarded("cities", {"customer": 2}))["refused"] == "parameter"


def test_a_template_tool_offers_a_list_of_names(reviewed: Tool):
    assert reviewed.spec.properties["template"] == {"type": "string", "enum": ["orders_of", "cities"]}
    assert "- orders_of(customer): The orders of one customer." in reviewed.spec.description
    assert "SELECT" not in reviewed.spec.description


def test_no_tool_is_made_of_a_database_that_does_not_keep_tenants_apart(postgres: str):
    loose = [(line, values) for line, values in postgres_script(role="loose") if "FORCE ROW" not in line]
    database = PostgresDatabase(
        make_database(postgres, "loose", role="loose", script=loose), scope=scope(Dialect.POSTGRES)
    )
    for make in (
        lambda: sql_tool("ask", database, tenant=OWN),
        lambda: template_tool("ask", database, templates=TEMPLATES, tenant=OWN),
    ):
        with pytest.raises(NotAllowed, match=r"ALTER TABLE public\.customers FORCE ROW LEVEL SECURITY"):
            make()
    database.close()


def test_the_same_tool_over_postgres_says_native(postgres: str, tmp_path: Path):
    conninfo = make_database(postgres, "tools", role="analyst", script=postgres_script(role="analyst"))
    database = PostgresDatabase(conninfo, scope=scope(Dialect.POSTGRES), limits=Limits(rows=2))
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with guard(sql_tool("ask", database, tenant=OWN), policy=policy, store=tmp_path / "store") as guarded:
        found = value_of(guarded("SELECT id, placed FROM orders WHERE total > :n ORDER BY id", {"n": "50"}))
    assert found["rows"] == [[106, "2026-06-01"], [107, "2026-07-01"]]
    assert (found["cut"], found["row_security"]) == (True, "native")
    database.close()


def test_a_name_or_a_template_that_is_none_is_refused(shop: Database):
    with pytest.raises(ToolInvalid, match="no name for a tool"):
        sql_tool("ask me", shop, tenant=OWN)
    with pytest.raises(BadValue, match="the template x is refused"):
        template_tool("ask", shop, templates=(Template(name="x", sql="SELECT wage FROM payroll"),), tenant=OWN)
