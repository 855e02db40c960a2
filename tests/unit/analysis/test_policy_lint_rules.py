import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.analysis.test_policy_diff import REFUND, TOOLS, policy, rules

from dueprocess.analysis.idle import Doubt, idle
from dueprocess.cli.main import due
from dueprocess.gate.judge import RawCall, judge
from dueprocess.policy import load
from dueprocess.tool import ToolSpec


def doubts(entry: str, *further: str) -> list[Doubt]:
    return [doubt for doubt in idle(policy(entry, *further), TOOLS) if doubt.message != "no test calls it"]


def rule(when: str, then: str = "deny", *, name: str = "r") -> str:
    return f'{{id: {name}, when: "{when}", then: {then}}}'


@pytest.mark.parametrize(
    "when",
    [
        "args.order_id == 'a' && args.order_id == 'b'",
        "args.amount_usd > 5 && args.amount_usd < 5",
        "size(args.order_id) < 0",
        "args.order_id.startsWith('ab') && !args.order_id.startsWith('a')",
        "has(args.tags) && args.tags.exists(t, t == 'a') && args.tags.all(t, t == 'b')",
        "has(args.email) && domain(args.email) == 'Corp.com'",
    ],
)
def test_a_condition_that_never_holds_is_a_problem(when: str):
    found = [doubt for doubt in doubts(rules(rule(when))) if doubt.problem and "holds for no call" in doubt.message]
    assert [doubt.path for doubt in found] == ["tools.refund.rules.r"]


def test_a_condition_that_always_holds_is_a_problem():
    (found,) = doubts(rules(rule("args.amount_usd > 5 || args.amount_usd <= 5", "hold")))
    assert found.problem
    assert "every call" in found.message


def test_what_the_schema_admits_counts_and_nothing_else():
    assert doubts(rules(rule("args.amount_usd < 0"))) == []
    bounded = {**REFUND.parameters["properties"], "amount_usd": {"type": "number", "minimum": 0}}  # type: ignore[dict-item]
    schema = {**REFUND.parameters, "properties": bounded}
    tools = {**TOOLS, "refund": type(REFUND)(name="refund", parameters=schema)}  # type: ignore[arg-type]
    (found,) = [doubt for doubt in idle(policy(rules(rule("args.amount_usd < 0"))), tools) if doubt.problem]
    assert "holds for no call" in found.message


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("args.note == 'x'", "args.note is missing"),
        ("args.changes.a == 'x'", "args.changes is missing"),
        ("has(args.email) && domain(args.email) == 'corp.com'", "neither a plain e-mail address"),
        ("has(args.tags) && args.tags[0] == 'x'", "is missing"),
    ],
)
def test_a_condition_that_a_fitting_call_makes_fail_is_shown_with_that_call(when: str, says: str):
    (found,) = doubts(rules(rule(when)))
    assert found.problem
    assert says in found.message
    assert found.witness is not None
    call = RawCall(tool="refund", arguments=dict(found.witness.arguments))
    findings = judge(policy(rules(rule(when))), TOOLS, call=call).findings
    assert [finding.rule for finding in findings] == ["refund.rules.r"]


def test_a_guard_is_enough():
    assert doubts(rules(rule("has(args.note) && args.note == 'x'"))) == []


def test_of_rules_that_cover_each_other_the_later_is_told():
    found = doubts(
        rules(
            rule("args.order_id.startsWith('ab')", name="b"),
            rule("args.order_id.startsWith('abc')", "hold", name="c"),
            rule("args.order_id.startsWith('ab')", name="a"),
        )
    )
    assert [(doubt.path, doubt.problem) for doubt in found] == [
        ("tools.refund.rules.b", True),
        ("tools.refund.rules.c", True),
    ]
    assert "'refund.rules.a'" in found[0].message


def test_a_hold_covers_no_denial():
    ours = (
        rule("args.order_id == 'a'", name="a"),
        rule("args.order_id == 'a' || args.order_id == 'b'", "hold", name="b"),
    )
    assert doubts(rules(*ours)) == []


def test_a_rule_may_be_covered_by_several_together():
    (found,) = doubts(
        rules(
            rule("args.amount_usd < 10", name="a"),
            rule("args.amount_usd > 5", name="b"),
            rule("args.amount_usd > 1", name="c"),
        )
    )
    assert found.path == "tools.refund.rules.c"
    assert "'refund.rules.a', 'refund.rules.b'" in found.message


def test_a_threshold_that_a_rule_covers_is_told_as_the_rule_that_comes_later():
    (found,) = doubts("{allowed: true, max_amount_usd: 50, rules: [" + rule("args.amount_usd > 60") + "]}")
    assert found.path == "tools.refund.rules.r"
    assert "max_amount_usd" in found.message


def test_a_threshold_above_what_the_schema_admits_is_a_problem():
    bounded = {**REFUND.parameters["properties"], "amount_usd": {"type": "number", "maximum": 40}}  # type: ignore[dict-item]
    tools = {**TOOLS, "refund": type(REFUND)(name="refund", parameters={**REFUND.parameters, "properties": bounded})}  # type: ignore[arg-type]
    found = [doubt.path for doubt in idle(policy("{allowed: true, max_amount_usd: 50}"), tools) if doubt.problem]
    assert found == ["tools.refund.max_amount_usd"]


def test_names_that_nothing_uses_and_tools_without_a_test_are_warnings():
    frame = 'roles: {a: {members: ["agent:a"]}}', 'approvers: {b: {any_of: ["group:b"]}}', "tiers: {c: {effect: read}}"
    found = idle(policy("{allowed: true}", *frame), TOOLS)
    assert [(doubt.path, doubt.problem) for doubt in found] == [
        ("roles.a", False),
        ("approvers.b", False),
        ("tiers.c", False),
        ("tools.look", False),
        ("tools.refund", False),
    ]


def test_what_cannot_be_decided_is_said():
    (found,) = doubts(rules(rule("has(args.changes) && args.changes == args.changes")))
    assert not found.problem
    assert "two objects compared" in found.message


def lint(folder: Path, text: str, *words: str) -> tuple[int, str]:
    tools = [{"name": tool.name, "parameters": tool.parameters, "kind": tool.effect.value} for tool in TOOLS.values()]
    (folder / "tools.json").write_text(json.dumps({"tools": tools}), encoding="utf-8")
    (folder / "policy.yaml").write_text(text, encoding="utf-8")
    paths = [str(folder / "policy.yaml"), "--tools", str(folder / "tools.json")]
    done = CliRunner().invoke(due, ["policy", "lint", *paths, *words], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.return_value, done.output


def test_the_verb_ends_with_3_for_a_problem_and_not_for_a_warning(tmp_path):
    dead = (
        "tools:\n  refund:\n    allowed: true\n    rules:\n      - " + rule("args.amount_usd < args.amount_usd") + "\n"
    )
    code, output = lint(tmp_path, dead)
    assert code == 3
    assert "problem: line 5: tools.refund.rules.r: it holds for no call" in output
    code, output = lint(tmp_path, "tools: {refund: {allowed: true}}", "--json")
    assert (code, json.loads(output)["ok"]) == (0, True)


def test_the_verb_says_what_check_says_of_a_file_that_does_not_load(tmp_path):
    code, output = lint(tmp_path, "tools: {refund: {allowed: true, max_amout_usd: 5}}")
    assert code == 3
    assert "did you mean 'max_amount_usd'?" in output


@pytest.mark.parametrize(
    ("schema", "when"),
    [
        ({"enum": ["a", "b"]}, "args.x == 'c'"),
        ({"enum": [1, True, None, "a"]}, "args.x == 2 || args.x == false || args.x == 'b'"),
        ({"const": 3}, "args.x == 4"),
        ({"type": "integer"}, "args.x > 1 && args.x < 2"),
        ({"type": ["integer", "null"]}, "args.x != null && args.x > 1 && args.x < 2"),
        ({"type": "number", "maximum": 5}, "args.x > 5"),
        ({"type": "number", "exclusiveMaximum": 5}, "args.x >= 5"),
        ({"type": "number", "minimum": 5}, "args.x < 5"),
        ({"type": "number", "exclusiveMinimum": 5}, "args.x <= 5"),
        ({"type": "string", "maxLength": 3}, "size(args.x) > 3"),
        ({"type": "string", "minLength": 3}, "args.x == 'ab'"),
        ({"type": "array", "maxItems": 2}, "size(args.x) > 2"),
        ({"type": "array", "minItems": 5, "items": {"type": "string"}}, "size(args.x) < 5"),
        ({"$ref": "#/$defs/it"}, "args.x == 'c'"),
        ({"allOf": [{"type": "number"}, {"minimum": 5}]}, "args.x == 4"),
        ({"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]}, "!has(args.x.k)"),
        ({"type": "object", "properties": {"k": {}}}, "size(args.x) > 1"),
        ({"type": "array", "items": {"enum": ["a"]}}, "args.x.exists(v, v == 'b')"),
    ],
    ids=str,
)
def test_what_a_schema_excludes_never_happens(schema, when: str):
    parameters = {
        "type": "object",
        "properties": {"x": schema},
        "required": ["x"],
        "$defs": {"it": {"enum": ["a", "b"]}},
    }
    tools = {"act": ToolSpec(name="act", parameters=parameters)}
    loaded = load(f"tools: {{act: {{allowed: true, rules: [{rule(when)}]}}}}".encode(), name="policy", tools=tools)
    found = [doubt for doubt in idle(loaded, tools) if "holds for no call" in doubt.message]
    assert [doubt.path for doubt in found] == ["tools.act.rules.r"]
