"""Amounts: which argument is one, and what of it is read. Everything that is not exactly an amount is denied."""

from decimal import Decimal

import pytest
from tests.unit.policy.policies import DENY, REFUND, ask, decided, refund_policy, refund_refused, said, tool

from dueprocess.policy import Verdict
from dueprocess.policy.arguments import with_plain_amount

NO_AMOUNTS = [
    "null",
    "true",
    "false",
    "-1",
    "-0",
    "-900",
    "1e1",
    "1E1",
    "5e0",
    "100e-1",
    "1.234",
    "25.000",
    "1000000000000",
    "0.001",
    "[25]",
    '{"amount": 25}',
    '""',
    '"900 USD"',
    '"9,000"',
    '"$25"',
    '"+25"',
    '"-25"',
    '" 25"',
    '"25 "',
    '"25\\n"',
    '"25."',
    '".5"',
    '"1e1"',
    '"NaN"',
    '"Infinity"',
    '"0x10"',
    '"2_5"',
    '"２５"',
    '"٢٥"',
    '"25.123"',
    '"1000000000000"',
    '"25,00"',
    '"25.00.00"',
]


@pytest.mark.parametrize("written", NO_AMOUNTS)
def test_what_is_no_amount_is_denied_by_each_rule_that_needs_it(written: str):
    policy = refund_policy("max_amount_usd: 999999999999\nrequire_approval_over_usd: 999999999998")

    findings = ask(policy, f'{{"amount_usd": {written}}}')

    assert said(findings) == [
        ("issue_refund.max_amount_usd", DENY),
        ("issue_refund.require_approval_over_usd", DENY),
    ]
    assert all("no amount of USD; expected digits with at most two decimals" in f.reason for f in findings)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("null", "amount_usd is null, no amount of USD"),
        ("true", "amount_usd is true, no amount of USD"),
        ("[900]", "amount_usd is [900], no amount of USD"),
        ('"900 USD"', "amount_usd is the text '900 USD', no amount of USD"),
        ("-900", "amount_usd is -900, no amount of USD"),
    ],
)
def test_the_reason_says_what_was_got_and_what_was_expected(written: str, reason: str):
    (finding,) = ask(refund_policy("max_amount_usd: 50"), f'{{"amount_usd": {written}}}')

    assert finding.reason == f"{reason}; expected digits with at most two decimals, such as 25 or 25.50"


def test_a_missing_amount_is_denied():
    (finding,) = ask(refund_policy("require_approval_over_usd: 25"), {})

    assert (finding.rule, finding.decision) == ("issue_refund.require_approval_over_usd", Verdict.DENY)
    assert finding.reason.startswith("amount_usd is missing; expected ")
    assert list(finding.compared) == ["require_approval_over_usd"]


@pytest.mark.parametrize(
    "written", ["0", "25", "25.0", "25.00", '"25"', '"25.0"', '"25.00"', '"025"', '"0000000025.5"', "49.99", "50.00"]
)
def test_what_is_an_amount_within_the_limit_is_allowed(written: str):
    policy = refund_policy("max_amount_usd: 50")

    assert ask(policy, f'{{"amount_usd": {written}}}') == ()


@pytest.mark.parametrize(
    "written", ["50.01", "51", '"50.01"', '"51"', '"000000000051"', "999999999999", "999999999999.99"]
)
def test_what_is_more_is_denied_however_it_is_written(written: str):
    assert decided(ask(refund_policy("max_amount_usd: 50"), f'{{"amount_usd": {written}}}')) == DENY


@pytest.mark.parametrize(
    ("limit", "within", "beyond"), [("0", "0", "0.01"), ("0.01", "0.01", "0.02"), ("49.99", "49.99", "50")]
)
def test_a_limit_is_exact_to_the_cent(limit: str, within: str, beyond: str):
    policy = refund_policy(f"max_amount_usd: {limit}")

    assert ask(policy, f'{{"amount_usd": {within}}}') == ()
    assert decided(ask(policy, f'{{"amount_usd": {beyond}}}')) == DENY


@pytest.mark.parametrize("key", ["max_amount_usd", "require_approval_over_usd"])
@pytest.mark.parametrize(
    "wrong",
    [
        "'50'",
        "-1",
        "5e1",
        ".5",
        "50.",
        "+50",
        "0x32",
        "true",
        "null",
        "50.001",
        "1_000",
        "1:30",
        "50 USD",
        "[50]",
        "{}",
    ],
)
def test_a_limit_that_is_no_amount_does_not_load(key: str, wrong: str):
    (problem,) = refund_refused(f"{key}: {wrong}")

    assert problem.startswith(f"line 4: tools.issue_refund.{key}: got ")
    assert problem.endswith(
        "expected an amount of USD: a number with at most 12 digits and 2 decimals, such as 25 or 25.50"
    )


@pytest.mark.parametrize("wrong", [".nan", ".inf", "-.Inf", ".NAN"])
def test_a_limit_that_is_no_number_at_all_does_not_load(wrong: str):
    assert refund_refused(f"max_amount_usd: {wrong}") == [
        f"line 4: tools.issue_refund.max_amount_usd: {wrong} is no quantity; expected a finite number"
    ]


@pytest.mark.parametrize(("maximum", "threshold"), [("50", "50"), ("50", "50.01"), ("0", "0")])
def test_an_approval_that_nothing_can_reach_does_not_load(maximum: str, threshold: str):
    (problem,) = refund_refused(f"max_amount_usd: {maximum}\nrequire_approval_over_usd: {threshold}")

    assert problem.startswith("line 5: tools.issue_refund.require_approval_over_usd: approval is unreachable")


def test_an_approval_just_below_the_limit_loads():
    assert (
        refund_policy("max_amount_usd: 50\nrequire_approval_over_usd: 49.99").tools["issue_refund"].name
        == "issue_refund"
    )


def refund_tool(**properties: object):
    return {"issue_refund": tool("issue_refund", properties)}


NUMBER = {"type": "number"}


def test_the_amount_is_the_argument_named_amount_usd():
    policy = refund_policy("max_amount_usd: 50", tools={"issue_refund": REFUND})

    assert policy.tools["issue_refund"].amount == ("amount_usd",)


def test_an_argument_named_amount_is_usd_only_by_bind():
    tools = refund_tool(amount=NUMBER, reason={"type": "string"})

    (problem,) = refund_refused("max_amount_usd: 50", tools=tools)
    assert problem == (
        "line 2: tools.issue_refund: the amount is missing: no argument is named amount_usd "
        "(did you mean 'amount'?); say which one it is, bind: {amount: $.NAME}"
    )
    policy = refund_policy("max_amount_usd: 50\nbind: {amount: $.amount}", tools=tools)
    assert decided(ask(policy, {"amount": 51})) == DENY
    assert ask(policy, {"amount": 50}) == ()


def test_an_amount_beside_amount_usd_is_not_ambiguous():
    policy = refund_policy("max_amount_usd: 50", tools=refund_tool(amount=NUMBER, amount_usd=NUMBER))

    assert policy.tools["issue_refund"].amount == ("amount_usd",)


@pytest.mark.parametrize(
    "properties",
    [
        {"amount_usd": NUMBER, "fees": {"type": "object", "properties": {"amount_usd": NUMBER}}},
        {"amount_usd": NUMBER, "lines": {"type": "array", "items": {"properties": {"amount_usd": NUMBER}}}},
        {"lines": {"type": "array", "items": {"properties": {"amount_usd": NUMBER}}}},
        {"refund": {"type": "object", "properties": {"amount_usd": NUMBER}}},
        {"a": {"properties": {"b": {"properties": {"amount_usd": NUMBER}}}}, "amount_usd": NUMBER},
    ],
)
def test_an_amount_in_several_places_or_only_below_does_not_load(properties: dict[str, object]):
    (problem,) = refund_refused("max_amount_usd: 50", tools=refund_tool(**properties))

    assert problem.startswith("line 2: tools.issue_refund: the amount is ambiguous: $.")
    assert problem.endswith("say which one it is, bind: {amount: $.NAME}")


def test_a_bound_amount_may_lie_deeper():
    tools = refund_tool(payment={"type": "object", "properties": {"value": NUMBER}})
    policy = refund_policy("max_amount_usd: 50\nbind: {amount: $.payment.value}", tools=tools)

    assert ask(policy, {"payment": {"value": 50}}) == ()
    (finding,) = ask(policy, {"payment": {"value": 51}})
    assert finding.reason.startswith("payment.value 51.00 is over")
    assert finding.compared["payment.value"] == 51
    for missing in ({}, {"payment": None}, {"payment": []}, {"payment": {}}, {"payment": 50}, {"payment.value": 5}):
        assert decided(ask(policy, missing)) == DENY


def test_bind_amount_beats_amount_usd():
    tools = refund_tool(total=NUMBER, amount_usd=NUMBER)
    policy = refund_policy("max_amount_usd: 50\nbind: {amount: $.total}", tools=tools)

    assert ask(policy, {"total": 1, "amount_usd": 99}) == ()
    assert decided(ask(policy, {"total": 99, "amount_usd": 1})) == DENY


@pytest.mark.parametrize("schema", [{"type": "boolean"}, {"type": "array"}, {"type": "object"}, {"enum": [None, True]}])
def test_an_amount_that_can_be_neither_number_nor_text_does_not_load(schema: object):
    (problem,) = refund_refused("max_amount_usd: 50", tools=refund_tool(amount_usd=schema))
    assert problem == (
        "line 2: tools.issue_refund: the argument amount_usd is neither a number nor text; an amount is one of them"
    )
    (problem,) = refund_refused("bind: {amount: $.total}", tools=refund_tool(total=schema))
    assert problem == (
        "line 4: tools.issue_refund.bind.amount: $.total is neither a number nor text; an amount is one of them"
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": ["number", "null"]},
        {},
        True,
        {"anyOf": [NUMBER, {"type": "null"}]},
    ],
)
def test_an_amount_that_may_be_a_number_or_text_loads(schema: object):
    refund_policy("max_amount_usd: 50", tools=refund_tool(amount_usd=schema))


def test_a_sum_of_amounts_needs_an_amount_too():
    limits = "limits: [{sum: amount, max_usd: 100, per: [], window: 30d, over: deny}]"

    (problem,) = refund_refused(limits, tools=refund_tool(total=NUMBER))
    assert "the amount is missing" in problem
    counted = "limits: [{count: 3, per: [], window: 24h, over: hold}]"
    refund_policy(counted, tools=refund_tool(total=NUMBER))


def test_a_tool_without_limits_needs_no_amount():
    assert (
        refund_policy("require_citation: false", tools=refund_tool(total=NUMBER)).tools["issue_refund"].amount is None
    )


def test_a_schema_that_contains_itself_is_searched_to_an_end():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "amount_usd": NUMBER}}
    tools = {"issue_refund": tool("issue_refund", {"first": {"$ref": "#/$defs/node"}}, **{"$defs": {"node": node}})}

    (problem,) = refund_refused("max_amount_usd: 50", tools=tools)
    assert "ambiguous: $.first.amount_usd" in problem


@pytest.mark.parametrize("written", [25, Decimal("25.00"), "25", "25.00"])
def test_an_amount_is_one_however_it_is_written(written: object):
    arguments = {"a": {"b": written, "c": 1}, "d": written}
    assert with_plain_amount(arguments, ("d",)) == {"a": {"b": written, "c": 1}, "d": Decimal(25)}  # type: ignore[arg-type]
    assert type(with_plain_amount(arguments, ("d",))["d"]) is Decimal  # type: ignore[arg-type]
    nested = with_plain_amount(arguments, ("a", "b"))  # type: ignore[arg-type]
    assert nested == {"a": {"b": Decimal(25), "c": 1}, "d": written}
    assert type(nested["a"]["b"]) is Decimal  # type: ignore[index, call-overload]


@pytest.mark.parametrize("path", [None, ("x",), ("d", "b"), ("a", "x"), ("n",)])
def test_what_holds_no_amount_stays_as_it_is(path: tuple[str, ...] | None):
    arguments = {"a": {"b": 1}, "d": 2, "n": "many"}
    assert with_plain_amount(arguments, path) == arguments  # type: ignore[arg-type]
