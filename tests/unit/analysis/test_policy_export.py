import json

import pytest
from click.testing import CliRunner
from tests.unit.analysis.test_policy_diff import TOOLS, policy, rules

from dueprocess.analysis.cedar import to_cedar
from dueprocess.analysis.cedar_condition import in_cedar
from dueprocess.cli.main import due
from dueprocess.errors import BadValue
from dueprocess.tool.schema import type_of_arguments


@pytest.mark.parametrize(
    "entry",
    [
        "{allowed: true, rate: {count: 3, window: 1m}}",
        "{allowed: true, control: [note]}",
        "{allowed: true, idempotency_key: [$.order_id]}",
        "{allowed: true, row_level_security: true}",
        "{allowed: true, bind: {fields: $.changes}, allowed_fields: [a.b]}",
        rules("{id: a, when: 'args.amount_usd > 3', then: hold}"),
        rules("{id: a, when: 'size(args.note) > 3', then: deny}"),
    ],
)
def test_a_tool_with_a_restriction_that_cedar_cannot_say_is_forbidden_unless_the_loss_is_asked_for(entry: str):
    strict = to_cedar(policy(entry), TOOLS, lossy=False)
    assert strict.forbidden == ("refund",)
    assert strict.policies.count("permit (") == 1  # the other tool
    lossy = to_cedar(policy(entry), TOOLS, lossy=True)
    assert lossy.forbidden == ()
    assert lossy.policies.count("permit (") == 2
    assert "LOSSY" in lossy.policies
    assert [each for each in lossy.missing if each.startswith("refund: ")]


def test_rules_over_the_order_of_calls_forbid_every_tool():
    ordered = policy("{allowed: true}", "temporal: [{id: t, at_most: 1, of: {tool: refund}, effect: deny}]")
    assert to_cedar(ordered, TOOLS, lossy=False).forbidden == ("look", "refund")


def test_a_tool_that_is_not_allowed_is_forbidden_and_misses_nothing():
    found = to_cedar(policy("{allowed: false, control: [note]}"), TOOLS, lossy=False)
    assert found.forbidden == ()
    assert not [each for each in found.missing if each.startswith("refund: ")]
    assert "// allowed: false" in found.policies


@pytest.mark.parametrize(
    "when",
    [
        "args.note < 'b'",
        "args.note == args.tags[0]",
        "domain(args.email) == 'a.b'",
        "args.tags.exists(t, t.startsWith('a'))",
        "args.changes.a == 'x'",
        "args.note in args.tags",
        "args.tags == ['a']",
        "args.amount_usd == 1",
    ],
)
def test_what_cedar_cannot_say_is_refused(when: str):
    with pytest.raises(BadValue):
        in_cedar(when, type_of_arguments(TOOLS["refund"].parameters))


def test_foreign_text_stays_text():
    arguments = type_of_arguments({"type": "object", "properties": {'a"b\\': {"type": "string"}}})
    said = in_cedar("args['a\"b\\\\'].startsWith('*\\u00e9\"')", arguments)
    assert said.holds == (
        '(context.args has "a\\u{22}b\\u{5c}" && context.args["a\\u{22}b\\u{5c}"] like "\\*\\u{e9}\\u{22}*")'
    )


def test_the_verb_prints_policies_and_says_what_is_missing(tmp_path):
    tools = [{"name": tool.name, "parameters": tool.parameters, "kind": tool.effect.value} for tool in TOOLS.values()]
    (tmp_path / "tools.json").write_text(json.dumps({"tools": tools}), encoding="utf-8")
    (tmp_path / "policy.yaml").write_text("tools: {refund: {allowed: true, control: [note]}, look: {allowed: true}}")
    words = [
        "policy",
        "export",
        str(tmp_path / "policy.yaml"),
        "--tools",
        str(tmp_path / "tools.json"),
        "--to",
        "cedar",
    ]
    done = CliRunner().invoke(due, [*words, "--schema", str(tmp_path / "schema")], standalone_mode=False)
    assert done.return_value == 0
    assert "not exported: refund: control\n" in done.stderr
    assert "forbidden, since a restriction of it is not exported: refund\n" in done.stderr
    assert 'permit (principal, action in [Action::"request:look", Action::"run:look"], resource);' in done.stdout
    assert "resource);  // not exported: control\n" in done.stdout
    assert 'action "request:look", "run:look" appliesTo' in (tmp_path / "schema").read_text(encoding="utf-8")
