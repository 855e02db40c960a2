"""A call that carries a statement: what is decided and run is the statement as it was written anew, or nothing."""

from dataclasses import replace

import pytest

from dueprocess.gate.judge import Judgement, RawCall, judge
from dueprocess.policy import Verdict, load
from dueprocess.sql import Dialect, Scope, Table, declaration
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json, parse

SCOPE = Scope(
    dialect=Dialect.SQLITE,
    tables=(Table(name="orders", columns=("id", "total"), tenant="shop"),),
    functions=frozenset({"count"}),
)
SPEC = ToolSpec(
    name="ask",
    effect=Effect.READ,
    parameters={"type": "object", "properties": {"sql": {"type": "string"}, "parameters": {"type": "object"}}},
    statements=declaration(SCOPE),
    row_security="rewrite",
)
POLICY = b"tools: {ask: {allowed: true, mode: parameterized_only, row_level_security: true}}"


def asked(sql: str, parameters: dict[str, Json] | None = None, *, spec: ToolSpec = SPEC) -> Judgement:
    policy = load(POLICY, name="p.yaml", tools={"ask": spec})
    return judge(
        policy, {"ask": spec}, call=RawCall(tool="ask", arguments={"sql": sql, "parameters": parameters or {}})
    )


def rules(judged: Judgement) -> list[tuple[str, Verdict]]:
    return [(each.rule, each.decision) for each in judged.findings]


def test_what_is_decided_is_the_statement_as_it_was_written_anew():
    judged = asked("select  id -- all of them\n from ORDERS where total > :least", {"least": 5})
    assert rules(judged) == []
    arguments = parse(judged.arguments)
    assert isinstance(arguments, dict)
    assert "--" not in str(arguments["sql"])
    again = asked(str(arguments["sql"]), {"least": 5})
    assert again.arguments == judged.arguments


@pytest.mark.parametrize(
    "sql",
    [
        "select id from orders where total > 5",
        "select * from secrets",
        "delete from orders",
        "select 1; select 2",
        "select",
        "",
    ],
)
def test_what_may_not_be_asked_is_denied_by_rule_and_without_a_value(sql: str):
    judged = asked(sql)
    assert rules(judged)[-1] == ("ask.mode", Verdict.DENY)
    assert set(judged.findings[-1].compared) == {"rule"}


def test_a_tool_that_declares_nothing_is_denied():
    bare = replace(SPEC, statements=None, row_security="")
    assert rules(asked("select id from orders", spec=bare)) == [
        ("ask.row_level_security", Verdict.DENY),
        ("ask.mode", Verdict.DENY),
    ]


def test_a_declaration_that_cannot_be_read_denies():
    broken = replace(SPEC, statements={"scope": 5})
    assert rules(asked("select id from orders", spec=broken)) == [("ask.mode", Verdict.DENY)]


def test_shadow_does_not_lift_it():
    text = b"environments: {test: {mode: shadow}}\n" + POLICY
    policy = load(text, name="p.yaml", tools={"ask": SPEC})
    call = RawCall(tool="ask", arguments={"sql": "delete from orders", "parameters": {}}, environment="test")
    assert judge(policy, {"ask": SPEC}, call=call).verdict is Verdict.DENY


def test_what_is_declared_is_part_of_what_a_reviewer_of_the_tool_relies_on():
    other = replace(SPEC, statements=declaration(replace(SCOPE, functions=frozenset())))
    assert SPEC.digest != other.digest
    assert replace(SPEC, statements=None).digest == replace(SPEC, statements=None, row_security="x").digest
