"""Keys that this version reads and cannot enforce: they deny the calls they concern, and only those."""

import pytest
from tests.unit.policy.policies import DENY, TOOLS, ask, loads, refund_policy, refund_refused, refused, said

from dueprocess.tool import Effect, ToolSpec

SHAPES = {
    "mode": "mode: parameterized_only",
    "row_level_security": "row_level_security: true",
    "control": "control: [order_id, customer_id]",
    "content": "content: [currency]",
    "limits": "limits: [{count: 3, per: [$.customer_id], window: 24h, over: hold}]",
    "checks": "checks: [{name: recent, from: run_sql_query, where: {id: $.order_id}, assert: 'result.a <= 1', max_age: 1m}]",
}


@pytest.mark.parametrize(("key", "written"), SHAPES.items())
def test_each_key_denies_every_call_of_its_tool_and_no_other(key: str, written: str):
    policy = loads(
        f"tools:\n  issue_refund:\n    allowed: true\n    {written}\n  run_sql_query: {{allowed: true}}\n", tools=TOOLS
    )

    (finding,) = ask(policy, {})
    assert said((finding,)) == [(f"unenforceable:{key}", DENY)]
    assert finding.reason == f"the policy asks for {key}, which this version reads but cannot enforce"
    assert finding.compared == {"key": key}
    assert ask(policy, {}, tool="run_sql_query") == ()
    assert [str(w) for w in policy.warnings] == [
        f"line 2: tools.issue_refund: {key} is read but not enforced by this version: every call is denied"
    ]


@pytest.mark.parametrize("written", ["control: []", "content: []", "limits: []", "checks: []"])
def test_a_key_that_lists_nothing_is_still_not_enforced(written: str):
    assert said(ask(refund_policy(written), {})) == [(f"unenforceable:{written.split(':', maxsplit=1)[0]}", DENY)]


def test_bounded_denies_and_needs_both_bounds():
    limits = "limits: [{sum: amount, max_usd: 100, per: [], window: 30d, over: deny}]"
    policy = refund_policy(f"bounded: [amount_usd]\nmax_amount_usd: 50\n{limits}", tools=TOOLS)
    assert said(ask(policy, {"amount_usd": 1})) == [("unenforceable:bounded", DENY), ("unenforceable:limits", DENY)]
    refund_policy(f"bounded: [amount_usd]\nrequire_approval_over_usd: 50\n{limits}", tools=TOOLS)

    both = "line 2: tools.issue_refund: what is bounded needs both bounds: a threshold (max_amount_usd) and limits"
    assert refund_refused("bounded: [amount_usd]", tools=TOOLS) == [both]
    assert refund_refused("bounded: [amount_usd]\nmax_amount_usd: 50", tools=TOOLS) == [both]
    assert refund_refused(f"bounded: [amount_usd]\n{limits}", tools=TOOLS) == [both]


def test_row_level_security_false_asks_for_nothing():
    assert ask(refund_policy("row_level_security: false"), {}) == ()


def test_egress_alone_denies_nothing():
    assert ask(refund_policy("egress: external"), {}) == ()


def test_a_tier_hands_its_key_down_to_its_tools():
    policy = loads(
        """
        tiers: {read: {effect: read}, critical: {effect: write, on_untrusted_control: deny}}
        tools: {a: {allowed: true, tier: critical}, b: {allowed: true, tier: read}, c: {allowed: true}}
        """
    )

    assert said(ask(policy, {}, tool="a")) == [("unenforceable:on_untrusted_control", DENY)]
    assert ask(policy, {}, tool="b") == ()
    assert ask(policy, {}, tool="c") == ()


READS = {
    name: ToolSpec(name=name, effect=Effect.WRITE if name.startswith("w") else Effect.READ)
    for name in ("r1", "r2", "w1", "w2")
}
ALL_TOOLS = (
    "tools: {r1: {allowed: true}, r2: {allowed: true, egress: external}, w1: {allowed: true}, w2: {allowed: true}}"
)


def denied(top: str) -> dict[str, list[str]]:
    policy = loads(f"{top}\n{ALL_TOOLS}", tools=READS)
    found = {name: [rule for rule, _ in said(ask(policy, {}, tool=name))] for name in READS}
    return {name: rules for name, rules in found.items() if rules}


T, S = ["unenforceable:temporal"], ["unenforceable:sources"]


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ("sources: {r1: {integrity: operator}}", {"r1": S}),
        ("sources: {r1: {}, w2: {audience: internal, fields: {'$.id': system_id}}}", {"r1": S, "w2": S}),
        ("sources: {}", {"w1": S, "w2": S}),
        ("sources: {kb.search: {integrity: operator}}", {"w1": S, "w2": S}),
        ("sources: {kb.search: {integrity: operator}, r1: {}}", {"r1": S}),
        ("temporal: [{id: a, at_most: 1, of: {tool: w1, same: [x]}, effect: hold}]", {"w1": T}),
        (
            "temporal: [{id: a, before: w1, require: {tool: r1, where: {a: $.a}, within: 15m}, effect: deny}]",
            {"w1": T, "r1": T},
        ),
        ("temporal: [{id: a, never: {after: {tool: r1}, then: {tool: w2}}, effect: deny}]", {"r1": T, "w2": T}),
        (
            "temporal: [{id: a, never: {after: {audience: '>=confidential'}, then: {egress: external}}, effect: deny}]",
            {"w1": T, "w2": T, "r2": T},
        ),
        (
            "temporal: [{id: a, never: {after: {tool: r1}, then: {egress: external}}, effect: deny}]",
            {"r1": T, "r2": T},
        ),
        ("temporal: [{id: a, at_most: 1, of: {audience: internal}, effect: hold}]", {"w1": T, "w2": T}),
        ("temporal: []", {"w1": T, "w2": T}),
        (
            "temporal: [{id: a, at_most: 1, of: {tool: w1}, effect: hold}, {id: b, at_most: 0, of: {audience: x}, effect: deny}]",
            {"w1": T, "w2": T},
        ),
        (
            "temporal: [{id: a, at_most: 1, of: {tool: w1}, effect: hold}, {id: b, at_most: 1, of: {tool: r1}, effect: deny}]",
            {"w1": T, "r1": T},
        ),
    ],
)
def test_a_top_level_key_denies_the_tools_it_names_or_every_write(top: str, expected: dict[str, list[str]]):
    assert denied(top) == expected


def test_several_keys_are_several_findings():
    policy = refund_policy("control: [order_id]\nmode: parameterized_only", above="sources: {issue_refund: {}}\n")

    assert [rule for rule, _ in said(ask(policy, {}))] == [
        "unenforceable:mode",
        "unenforceable:control",
        "unenforceable:sources",
    ]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("mode: raw", "mode: unknown value 'raw'; expected one of: parameterized_only"),
        ("row_level_security: yes", "row_level_security: got the text 'yes'; expected true or false"),
        ("control: [ordr_id]", "control[0]: unknown argument 'ordr_id'; did you mean 'order_id'?"),
        ("content: [a]", "content[0]: unknown argument 'a'; expected one of: amount_usd, card, "),
        ("control: order_id", "control: got the text 'order_id'; expected a list"),
        ("control: [order_id, order_id]", "control: 'order_id' is listed twice; expected each entry once"),
        ("control: [1]", "control[0]: got '1'; expected the name of an argument"),
        ("limits: {}", "limits: got a mapping; expected a list"),
        ("limits: [{per: [], window: 1h, over: deny}]", "limits[0]: expected either count, or sum with max_usd"),
        (
            "limits: [{count: 1, sum: amount, max_usd: 1, per: [], window: 1h, over: deny}]",
            "limits[0]: expected either count",
        ),
        ("limits: [{sum: amount, per: [], window: 1h, over: deny}]", "limits[0]: sum and max_usd belong together"),
        (
            "limits: [{count: 1, max_usd: 1, per: [], window: 1h, over: deny}]",
            "limits[0]: sum and max_usd belong together",
        ),
        (
            "limits: [{count: 0, per: [], window: 1h, over: deny}]",
            "limits[0].count: got '0'; expected a whole number from 1",
        ),
        (
            "limits: [{sum: total, max_usd: 1, per: [], window: 1h, over: deny}]",
            "limits[0].sum: got the text 'total'; expected amount",
        ),
        (
            "limits: [{sum: amount, max_usd: x, per: [], window: 1h, over: deny}]",
            "limits[0].max_usd: got the text 'x'; expected an amount",
        ),
        (
            "limits: [{count: 1, per: [x], window: 1h, over: deny}]",
            "limits[0].per[0]: got the text 'x'; expected a path",
        ),
        ("limits: [{count: 1, per: [], window: 1, over: deny}]", "limits[0].window: got '1'; expected a duration"),
        (
            "limits: [{count: 1, per: [], window: 1h, over: allow}]",
            "limits[0].over: unknown value 'allow'; expected one of: deny, hold",
        ),
        ("limits: [{count: 1, window: 1h, over: deny}]", "limits[0]: the key per is missing"),
        ("limits: [{count: 1, per: [], over: deny}]", "limits[0]: the key window is missing"),
        ("limits: [{count: 1, per: [], window: 1h}]", "limits[0]: the key over is missing"),
        (
            "limits: [{cont: 1, count: 1, per: [], window: 1h, over: deny}]",
            "limits[0].cont: unknown key 'cont'; did you mean 'count'?",
        ),
        (
            "checks: [{name: a, from: get_ordr, assert: 'true'}]",
            "checks[0].from: unknown tool 'get_ordr'; expected one of: ",
        ),
        ("checks: [{name: a, from: run_sql_query, assert: 'a +'}]", "checks[0].assert: got '+' at character 3"),
        ("checks: [{name: a, from: run_sql_query, assert: 1}]", "checks[0].assert: got '1'; expected a condition"),
        ("checks: [{name: a b, from: run_sql_query, assert: 'true'}]", "checks[0].name: 'a b' is not a name"),
        (
            "checks: [{name: a, from: run_sql_query, assert: 'true', where: x}]",
            "checks[0].where: got the text 'x'; expected a mapping",
        ),
        (
            "checks: [{name: a, from: run_sql_query, assert: 'true', max_age: 5}]",
            "checks[0].max_age: got '5'; expected a duration",
        ),
        ("checks: [{from: run_sql_query, assert: 'true'}]", "checks[0]: the key name is missing"),
        ("checks: [{name: a, assert: 'true'}]", "checks[0]: the key from is missing"),
        ("checks: [{name: a, from: run_sql_query}]", "checks[0]: the key assert is missing"),
        (
            "checks: [{name: a, from: run_sql_query, assert: 'true', nam: 1}]",
            "checks[0].nam: unknown key 'nam'; did you mean 'name'?",
        ),
    ],
)
def test_a_key_that_is_not_understood_does_not_load(key: str, problem: str):
    (found,) = refund_refused(key, tools=TOOLS)
    assert found.startswith(f"line 4: tools.issue_refund.{problem}")


@pytest.mark.parametrize(
    ("top", "problem"),
    [
        ("sources: []", "sources: got a list; expected a mapping"),
        (
            "sources: {r1: {integrity: trusted}}",
            "sources.r1.integrity: unknown value 'trusted'; did you mean 'untrusted'?",
        ),
        ("sources: {r1: {audience: secret}}", "sources.r1.audience: unknown value 'secret'; expected one of: "),
        ("sources: {r1: {fields: {a: b}}}", "sources.r1.fields.a: unknown value 'b'; expected one of: "),
        ("sources: {r1: {fields: 1}}", "sources.r1.fields: got '1'; expected a mapping"),
        (
            "sources: {r1: {label: x}}",
            "sources.r1.label: unknown key 'label'; expected one of: audience, fields, integrity",
        ),
        ("temporal: {}", "temporal: got a mapping; expected a list"),
        ("temporal: [{id: a, effect: deny}]", "temporal[0]: expected exactly one of: never, before, at_most"),
        (
            "temporal: [{id: a, before: w1, require: {tool: r1}, at_most: 1, of: {tool: w1}, effect: deny}]",
            "temporal[0]: expected exactly one of: never, before, at_most",
        ),
        ("temporal: [{id: a, before: w1, effect: deny}]", "temporal[0]: before and require belong together"),
        ("temporal: [{id: a, at_most: 1, effect: deny}]", "temporal[0]: at_most and of belong together"),
        ("temporal: [{at_most: 1, of: {tool: w1}, effect: deny}]", "temporal[0]: the key id is missing"),
        ("temporal: [{id: a, at_most: 1, of: {tool: w1}}]", "temporal[0]: the key effect is missing"),
        ("temporal: [{id: a b, at_most: 1, of: {tool: w1}, effect: deny}]", "temporal[0].id: 'a b' is not a name"),
        (
            "temporal: [{id: a, at_most: x, of: {tool: w1}, effect: deny}]",
            "temporal[0].at_most: got the text 'x'; expected a whole",
        ),
        ("temporal: [{id: a, at_most: 1, of: {tool: w1}, effect: allow}]", "temporal[0].effect: unknown value 'allow'"),
        (
            "temporal: [{id: a, at_most: 1, of: {tool: w9}, effect: deny}]",
            "temporal[0].of.tool: unknown tool 'w9'; expected one of: r1, r2, w1, w2",
        ),
        ("temporal: [{id: a, before: x, require: {tool: r1}, effect: deny}]", "temporal[0].before: unknown tool 'x'"),
        (
            "temporal: [{id: a, at_most: 1, of: {tol: w1}, effect: deny}]",
            "temporal[0].of.tol: unknown key 'tol'; did you mean 'tool'?",
        ),
        (
            "temporal: [{id: a, before: w1, require: {tool: r1, within: 5}, effect: deny}]",
            "temporal[0].require.within: got '5'; expected a duration",
        ),
        ("temporal: [{id: a, never: {after: {tool: r1}}, effect: deny}]", "temporal[0].never: the key then is missing"),
        ("temporal: [{id: a, never: {then: {tool: r1}}, effect: deny}]", "temporal[0].never: the key after is missing"),
    ],
)
def test_a_top_level_key_that_is_not_understood_does_not_load(top: str, problem: str):
    (found,) = refused(f"{top}\n{ALL_TOOLS}", tools=READS)
    assert found.startswith(f"line 1: {problem}")
