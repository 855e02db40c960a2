"""A tool's entry: paths, rules, rate, keys that name arguments, the reviewed schema, and how all is carried."""

from dataclasses import replace

import pytest
from tests.unit.policy.policies import REFUND, TOOLS, loads, refund_policy, refund_refused, tool

from dueprocess.errors import FileInvalid
from dueprocess.policy import Rate, Rule, ToolPolicy, Verdict
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import digest_json, seconds


def test_everything_a_tool_may_say_is_carried():
    policy = refund_policy(
        """
        bind: {amount: $.amount_usd, subject: $.customer_id}
        rate: {count: 30, window: 1m}
        idempotency_key: [$.order_id, $.customer_id]
        redact: [$.card]
        egress: external
        rules:
          - {id: usd-only, when: "has(args.currency) && args.currency != 'USD'", then: deny, why: "USD only"}
          - {id: big, when: "args.amount_usd > 40", then: hold}
        """,
        tools=TOOLS,
    )
    one = policy.tools["issue_refund"]

    assert one.subject == ("customer_id",)
    assert one.amount == ("amount_usd",)
    assert one.rate == Rate(count=30, window=seconds(60))
    assert one.idempotency_key == (("order_id",), ("customer_id",))
    assert one.redact == (("card",),)
    assert one.egress is not None
    assert one.rules == (
        Rule(
            id="usd-only",
            when="has(args.currency) && args.currency != 'USD'",
            then=Verdict.DENY,
            why="USD only",
        ),
        Rule(id="big", when="args.amount_usd > 40", then=Verdict.HOLD),
    )


def test_what_a_tool_does_not_say_is_nothing():
    one = loads("tools: {issue_refund: {allowed: true}}").tools["issue_refund"]

    assert (one.amount, one.fields, one.subject, one.rate, one.egress, one.tier) == (None,) * 6
    assert (one.roles, one.environments, one.allowed_fields, one.approvers) == (None,) * 4
    assert (one.idempotency_key, one.redact, one.rules, one.limits) == ((),) * 4
    assert one.allowed is True
    assert one.require_citation is False


NESTED = tool(
    "issue_refund",
    {
        "order": {"type": "object", "properties": {"id": {"type": "string"}, "meta": {"type": "object"}}},
        "note": {"type": "string"},
        "ref": {"$ref": "#/$defs/ref"},
        "either": {"anyOf": [{"type": "object", "properties": {"left": {}}}, {"properties": {"right": {}}}]},
    },
    **{"$defs": {"ref": {"type": "object", "properties": {"code": {}}}}},
)


@pytest.mark.parametrize("key", ["idempotency_key: [{}]", "redact: [{}]", "bind: {{subject: {}}}"])
@pytest.mark.parametrize(
    "path",
    [
        "$.note",
        "$.order",
        "$.order.id",
        "$.order.meta",
        "$.order.meta.any.thing",
        "$.ref.code",
        "$.either.left",
        "$.either.right",
    ],
)
def test_a_path_leads_to_a_declared_argument_or_below_an_open_object(key: str, path: str):
    refund_policy(key.format(path), tools={"issue_refund": NESTED})


@pytest.mark.parametrize("key", ["idempotency_key: [{}]", "redact: [{}]", "bind: {{subject: {}}}"])
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("$.ordr", "unknown argument '$.ordr'; did you mean 'order'?"),
        ("$.order.idd", "unknown argument '$.order.idd'; did you mean 'id'?"),
        ("$.ref.x", "unknown argument '$.ref.x'; expected one of: code"),
        ("$.either.middle", "unknown argument '$.either.middle'; expected one of: left, right"),
        ("$.note.x", "$.note is not an object; nothing lies under it"),
    ],
)
def test_a_path_to_an_unknown_argument_does_not_load(key: str, path: str, problem: str):
    (found,) = refund_refused(key.format(path), tools={"issue_refund": NESTED})
    assert found.endswith(f": {problem}")


@pytest.mark.parametrize(
    "path", ["note", "$", "$.", "$..a", "$.a.", "$.a b", "$['a']", "$.a[0]", "'$.a'.b", "1", "", "[]", "$.a$b"]
)
def test_what_is_no_path_does_not_load(path: str):
    (found,) = refund_refused(f"redact: [{path!r}]" if "'" not in path else f'redact: ["{path}"]')
    assert found.endswith("expected a path into the arguments, such as $.customer_id")


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("idempotency_key: $.a", "idempotency_key: got the text '$.a'; expected a list"),
        ("idempotency_key: []", "idempotency_key: got an empty list; expected at least one entry"),
        ("idempotency_key: [$.a, $.b, $.a]", "idempotency_key: 'a' is listed twice; expected each entry once"),
        ("redact: [$.a.b, $.a.b]", "redact: 'a.b' is listed twice; expected each entry once"),
        ("bind: {amout: $.a}", "bind.amout: unknown key 'amout'; did you mean 'amount'?"),
        ("bind: [$.a]", "bind: got a list; expected a mapping"),
        ("rate: {count: 1}", "rate: the key window is missing"),
        ("rate: {window: 1m}", "rate: the key count is missing"),
        ("rate: {count: -1, window: 1m}", "rate.count: got '-1'; expected a whole number from 0"),
        ("rate: {count: 1, window: 60}", "rate.window: got '60'; expected a duration above 0"),
        ("rate: {count: 1, window: 0m}", "rate.window: got the text '0m'; expected a duration above 0"),
        ("rate: 30", "rate: got '30'; expected a mapping"),
        ("require_citation: 'true'", "require_citation: got the text 'true'; expected true or false"),
        ("rules: {}", "rules: got a mapping; expected a list"),
        ("rules: [{when: 'true', then: deny}]", "rules[0]: the key id is missing"),
        ("rules: [{id: a, then: deny}]", "rules[0]: the key when is missing"),
        ("rules: [{id: a, when: 'true'}]", "rules[0]: the key then is missing"),
        (
            "rules: [{id: a, when: 'true', then: allow}]",
            "rules[0].then: unknown value 'allow'; expected one of: deny, hold",
        ),
        ("rules: [{id: a, when: true, then: deny}]", "rules[0].when: got 'true'; expected a condition"),
        ("rules: [{id: a, when: '', then: deny}]", "rules[0].when: got the text ''; expected a condition"),
        ("rules: [{id: 1, when: 'true', then: deny}]", "rules[0].id: got '1'; expected the id of a rule"),
        ("rules: [{id: 'a b', when: 'true', then: deny}]", "rules[0].id: 'a b' is not the id of a rule"),
        ("rules: [{id: a, when: 'true', then: deny, why: 1}]", "rules[0].why: got '1'; expected text"),
        ("rules: [{id: a, when: 'true', then: deny, whi: x}]", "rules[0].whi: unknown key 'whi'; did you mean 'why'?"),
        (
            "rules: [{id: a, when: 'true', then: deny}, {id: a, when: 'false', then: hold}]",
            "rules[1].id: the rule 'a' is there twice; expected each id once",
        ),
        ("rules: [{id: a, when: 'args.', then: deny}]", "rules[0].when: got the end at character 6; expected the name"),
    ],
)
def test_an_entry_that_cannot_be_does_not_load(key: str, problem: str):
    (found,) = refund_refused(key)
    assert found.startswith(f"line 4: tools.issue_refund.{problem}")


def test_no_rules_and_a_rate_of_none_load():
    policy = refund_policy("rules: []\nrate: {count: 0, window: 1d}")

    assert policy.tools["issue_refund"].rules == ()
    assert policy.tools["issue_refund"].rate == Rate(count=0, window=seconds(86400))


def test_the_reviewed_schema_must_be_the_one_in_use():
    digest = digest_json(REFUND.parameters)
    assert refund_policy(f"schema_digest: {digest}", tools=TOOLS).tools["issue_refund"].allowed
    changed = ToolSpec(name="issue_refund", parameters={**REFUND.parameters, "required": ["order_id"]})

    (problem,) = refund_refused(f"schema_digest: {digest}", tools={"issue_refund": changed})
    assert problem == (
        f"line 4: tools.issue_refund.schema_digest: the tool's schema has changed since this was reviewed: got '{digest}', "
        f"it is now {digest_json(changed.parameters)}; review the tool, then write that digest"
    )
    assert refund_policy("schema_digest: anything").tools["issue_refund"].allowed
    (problem,) = refund_refused("schema_digest: 1")
    assert problem.endswith("schema_digest: got '1'; expected the digest of the tool's schema")


def test_the_reserved_name_of_citations_cannot_be_an_argument_of_the_tool():
    own = {"issue_refund": tool("issue_refund", {"citations": {"type": "array"}})}

    (problem,) = refund_refused("require_citation: true", tools=own)
    assert problem == (
        "line 4: tools.issue_refund.require_citation: the tool has an argument citations of its own; "
        "that name is reserved where citations are required"
    )
    refund_policy("require_citation: false", tools=own)
    refund_policy("require_citation: true", tools=TOOLS)


def test_a_policy_record_made_by_hand_is_a_write_that_asks_for_nothing():
    made = ToolPolicy(name="t", allowed=True)

    assert made.effect is Effect.WRITE
    assert (made.rate, made.max_amount, made.parameterized_only, made.require_citation) == (None, None, False, False)


def test_argument_names_are_checked_only_where_a_schema_is_known():
    assert refund_policy("redact: [$.anything.at.all]").tools["issue_refund"].redact == (("anything", "at", "all"),)


def test_a_policy_holds_its_records_and_no_compiled_rule_in_what_is_compared():
    text = "tools: {issue_refund: {allowed: true, max_amount_usd: 5}}"

    assert loads(text) == loads(text)
    assert "compiled" not in repr(loads(text))
    with pytest.raises(TypeError):
        loads(text).tools["other"] = loads(text).tools["issue_refund"]


TAKEN_BACK = """
tools:
  issue_refund: {allowed: true, redact: [$.card, $.order_id]}
  issue_refund.compensate: {allowed: true, max_amount_usd: 5, redact: [$.customer_id, $.card]}
"""


def test_the_taking_back_of_a_tool_is_listed_where_the_tool_says_how():
    tools = {"issue_refund": replace(REFUND, compensate=True)}
    one = loads(TAKEN_BACK, tools=tools).tools["issue_refund.compensate"]
    assert (one.amount, one.effect) == (("amount_usd",), Effect.WRITE)
    with pytest.raises(FileInvalid, match=r"issue_refund\.compensate"):
        loads(TAKEN_BACK, tools=TOOLS)


def test_the_taking_back_hides_what_the_tool_hides_and_the_tool_not_what_that_hides():
    policy = loads(TAKEN_BACK, tools=None)
    assert policy.tools["issue_refund"].redact == (("card",), ("order_id",))
    assert policy.tools["issue_refund.compensate"].redact == (("card",), ("order_id",), ("customer_id",))
    alone = loads(
        "tools: {a.compensate: {allowed: true, redact: [$.x]}, a.compensate.compensate: {allowed: true}}", tools=None
    )
    assert [each.redact for each in alone.tools.values()] == [(("x",),), (("x",),)]
