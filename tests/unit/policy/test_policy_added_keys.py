"""The keys that are added to the plain file: what loads, what does not, and what each says of where it is wrong."""

import pytest
from tests.unit.policy.policies import TOOLS, ask, loads, refund_policy, refund_refused, refused

from dueprocess.policy import Verdict
from dueprocess.tool import Effect, ToolSpec


def test_bounded_needs_both_bounds():
    limits = "limits: [{sum: amount, max_usd: 100, per: [], window: 30d, over: deny}]"
    policy = refund_policy(f"bounded: [amount_usd]\nmax_amount_usd: 50\n{limits}", tools=TOOLS)
    assert ask(policy, {"amount_usd": 1}) == ()
    assert policy.tools["issue_refund"].bounded == ("amount_usd",)
    refund_policy(f"bounded: [amount_usd]\nrequire_approval_over_usd: 50\n{limits}", tools=TOOLS)

    both = "line 2: tools.issue_refund: what is bounded needs both bounds: a threshold (max_amount_usd) and limits"
    assert refund_refused("bounded: [amount_usd]", tools=TOOLS) == [both]
    assert refund_refused("bounded: [amount_usd]\nmax_amount_usd: 50", tools=TOOLS) == [both]
    assert refund_refused(f"bounded: [amount_usd]\n{limits}", tools=TOOLS) == [both]


def test_row_level_security_false_asks_for_nothing():
    assert ask(refund_policy("row_level_security: false"), {}) == ()


def test_egress_alone_denies_nothing():
    assert ask(refund_policy("egress: external"), {}) == ()


def test_what_is_bounded_is_the_bound_amount():
    limits = "limits: [{sum: amount, max_usd: 100, per: [], window: 30d, over: deny}]"
    assert refund_refused(f"bounded: [order_id]\nmax_amount_usd: 50\n{limits}", tools=TOOLS) == [
        (
            "line 4: tools.issue_refund.bounded: 'order_id' is not the bound amount ('amount_usd'): nothing bounds it; "
            "list it as control"
        )
    ]


def test_an_argument_is_of_one_kind():
    assert refund_refused("control: [order_id]\ncontent: [order_id]", tools=TOOLS) == [
        "line 5: tools.issue_refund.content: the argument 'order_id' is listed as control too; expected it in one of the lists"
    ]


def test_a_tier_hands_its_key_down_to_its_tools():
    policy = loads(
        """
        tiers: {read: {effect: read}, critical: {effect: write, on_untrusted_control: deny}}
        tools: {a: {allowed: true, tier: critical}, b: {allowed: true, tier: read}, c: {allowed: true}}
        """
    )

    assert {name: tool.on_untrusted_control for name, tool in policy.tools.items()} == {
        "a": Verdict.DENY,
        "b": Verdict.HOLD,
        "c": Verdict.HOLD,
    }


@pytest.mark.parametrize(
    "said_of_origins",
    [
        "sources: {}\ntools: {a: {allowed: true}}",
        "tiers: {x: {on_untrusted_control: hold}}\ntools: {a: {allowed: true}}",
        "tools: {a: {allowed: true, control: []}}",
        "tools: {a: {allowed: true, content: []}}",
        "tools: {a: {allowed: true, egress: external}}",
    ],
)
def test_a_file_that_speaks_of_origins_asks_for_them(said_of_origins: str):
    assert loads(said_of_origins).asks_origins


def test_a_file_that_does_not_means_exactly_what_it_says():
    assert not loads(
        "policy: 1\ntiers: {x: {effect: read}}\ntools: {a: {allowed: true, max_amount_usd: 5}}"
    ).asks_origins


READS = {
    name: ToolSpec(name=name, effect=Effect.WRITE if name.startswith("w") else Effect.READ)
    for name in ("r1", "r2", "w1", "w2")
}
ALL_TOOLS = (
    "tools: {r1: {allowed: true}, r2: {allowed: true, egress: external}, w1: {allowed: true}, w2: {allowed: true}}"
)


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
        ("checks: [{name: a, from: run_sql_query, assert: 'args +'}]", "checks[0].assert: got '+' at character 6"),
        ("checks: [{name: a, from: run_sql_query, assert: 'a == 1'}]", "checks[0].assert: unknown name 'a'"),
        (
            "checks: [{name: a, from: run_sql_query, assert: 'args.x == 1'}]",
            "checks[0].assert: unknown field 'x' of args",
        ),
        (
            "checks: [{name: a, from: issue_refund, assert: 'true'}]",
            "checks[0].from: 'issue_refund' is a write; a check",
        ),
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
        (
            "checks: [{name: a, from: run_sql_query, assert: 'true'}, {name: a, from: run_sql_query, assert: 'true'}]",
            "checks[1]: the check 'a' is there twice; expected each name once",
        ),
        (
            "checks: [{name: a, from: run_sql_query, where: {x: 1}, assert: 'true'}]",
            "checks[0].where: unknown argument 'x'; ",
        ),
        ("confirm: soon", "confirm: got the text 'soon'; expected true or false"),
        ("confirm: {}", "confirm: the key within is missing"),
        ("confirm: {within: 5}", "confirm.within: got '5'; expected a duration"),
        ("confirm: {within: 5m, by: ann}", "confirm.by: unknown key 'by'"),
        ("checks: [{name: a, assert: 'true'}]", "checks[0]: it rests on no answer; expected from, or given"),
        (
            "checks: [{name: a, from: [run_sql_query, run_sql_query], assert: 'true'}]",
            "checks[0].from: 'run_sql_query' is listed twice",
        ),
        ("checks: [{name: a, given: {}, assert: 'true'}]", "checks[0].given: names nothing; expected a name"),
        ("checks: [{name: a, given: who, assert: 'true'}]", "checks[0].given: got the text 'who'; expected a mapping"),
        (
            "checks: [{name: a, given: {args: run_sql_query}, assert: 'true'}]",
            "checks[0].given.args: 'args' cannot name an answer; expected letters",
        ),
        (
            "checks: [{name: a, given: {a-b: run_sql_query}, assert: 'true'}]",
            "checks[0].given.a-b: 'a-b' cannot name an answer",
        ),
        (
            "checks: [{name: a, given: {who: get_ordr}, assert: 'true'}]",
            "checks[0].given.who: unknown tool 'get_ordr'",
        ),
        (
            "checks: [{name: a, given: {who: [run_sql_query, issue_refund]}, assert: 'true'}]",
            "checks[0].given.who: 'issue_refund' is a write; a check rests on",
        ),
        (
            "checks: [{name: a, given: {who: run_sql_query}, where: {sql: $who}, assert: 'true'}]",
            "checks[0].where: where speaks of the read under from; there is none",
        ),
        (
            "checks: [{name: a, given: {who: run_sql_query}, max_age: 5m, assert: 'true'}]",
            "checks[0].max_age: max_age speaks of the read under from",
        ),
        (
            "checks: [{name: a, from: run_sql_query, given: {who: run_sql_query}, where: {sql: $whom}, assert: 'true'}]",
            "checks[0].where.sql: unknown name 'whom'; did you mean 'who'?",
        ),
        (
            "checks: [{name: a, from: run_sql_query, where: {sql: $who.id}, assert: 'true'}]",
            "checks[0].where.sql: unknown name 'who'",
        ),
        ("checks: [{name: a, from: run_sql_query}]", "checks[0]: the key assert is missing"),
        (
            "checks: [{name: a, from: run_sql_query, assert: 'true', nam: 1}]",
            "checks[0].nam: unknown key 'nam'; did you mean 'name'?",
        ),
    ],
)
def test_a_key_that_is_not_understood_does_not_load(key: str, problem: str):
    (found,) = refund_refused(key, tools=TOOLS, beside="  run_sql_query: {allowed: true}\n")
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
        ("sources: {r1: {fields: {$.a: b}}}", "sources.r1.fields.$.a: unknown value 'b'; expected one of: "),
        (
            "sources: {r1: {fields: {a: system_id}}}",
            "sources.r1.fields.a: 'a' is no path into an answer; expected one such",
        ),
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
            "temporal: [{id: a, at_most: 1, of: {tool: w1, tol: w1}, effect: deny}]",
            "temporal[0].of.tol: unknown key 'tol'; did you mean 'tool'?",
        ),
        (
            "temporal: [{id: a, at_most: 1, of: {}, effect: deny}]",
            "temporal[0].of: chooses nothing; expected one of: tool, ",
        ),
        (
            "temporal: [{id: a, never: {after: {audience: '>=secret'}, then: {tool: w1}}, effect: deny}]",
            "temporal[0].never.after.audience: unknown audience '>=secret'; ",
        ),
        (
            "temporal: [{id: a, before: w1, require: {tool: r1, where: {a: [1]}}, effect: deny}]",
            "temporal[0].require.where.a: got a list; expected a value, or a path",
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
