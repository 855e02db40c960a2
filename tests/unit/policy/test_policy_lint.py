"""Checks across the sections of a file: quorums, requesters, editable arguments, tests of unknown tools, and the warnings."""

import pytest
from tests.unit.policy.policies import REFUND, TOOLS, loads, refused

from dueprocess.errors import FileInvalid
from dueprocess.policy import load
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json

GROUPS = {
    "group:finance": frozenset({"user:ann", "user:bob"}),
    "group:sre": frozenset({"user:bob"}),
    "group:security": frozenset({"user:bob"}),
    "group:empty": frozenset[str](),
    **{person: frozenset({person}) for person in ("user:ann", "user:bob", "user:eve", "user:zoe")},
}


def approvers(keys: str, **more: object) -> list[str]:
    return refused(f"approvers: {{a: {{{keys}}}}}\ntools: {{issue_refund: {{allowed: true, approvers: a}}}}", **more)


def loads_with(keys: str, *, groups: dict[str, frozenset[str]] | None = None) -> None:
    loads(f"approvers: {{a: {{{keys}}}}}\ntools: {{issue_refund: {{allowed: true, approvers: a}}}}", groups=groups)


def test_a_quorum_of_users_that_are_too_few_does_not_load():
    assert approvers("any_of: ['user:ann', 'user:bob'], quorum: 3") == [
        "line 1: approvers.a: a quorum of 3 cannot be reached by 2 named people"
    ]
    loads_with("any_of: ['user:ann', 'user:bob'], quorum: 2")
    loads_with("any_of: ['user:ann', 'group:x'], quorum: 9")
    assert approvers("any_of: ['user:ann'], all_of: ['user:ann'], quorum: 2") == [
        "line 1: approvers.a: a quorum of 2 cannot be reached by 1 named people"
    ]


def test_a_quorum_of_groups_is_checked_where_identities_are_known():
    assert approvers("any_of: ['group:finance'], quorum: 3", groups=GROUPS) == [
        "line 1: approvers.a: a quorum of 3 cannot be reached: these are 2 people"
    ]
    loads_with("any_of: ['group:finance'], quorum: 2", groups=GROUPS)
    loads_with("any_of: ['group:finance', 'user:eve'], quorum: 3", groups=GROUPS)
    loads_with("any_of: ['group:finance', 'user:ann'], quorum: 2", groups=GROUPS)
    assert (
        "cannot be reached: these are 2 people"
        in approvers("any_of: ['group:finance', 'user:ann'], quorum: 3", groups=GROUPS)[0]
    )
    assert approvers("any_of: ['group:empty']", groups=GROUPS) == [
        "line 1: approvers.a: a quorum of 1 cannot be reached: these are 0 people"
    ]


def test_a_person_or_group_that_identities_do_not_know_does_not_load():
    assert approvers("any_of: ['user:zed']", groups=GROUPS)[0].startswith(
        "line 1: approvers.a: unknown approver 'user:zed'"
    )
    for to, nearest in (("group:finanse", "group:finance"), ("user:bop", "user:bob")):
        keys = f"any_of: ['group:finance'], escalate: {{after: 1h, to: '{to}'}}"
        (problem,) = approvers(keys, groups=GROUPS)
        assert problem == f"line 1: approvers.a: unknown approver '{to}'; did you mean '{nearest}'?"
        loads_with(keys)
    loads_with("any_of: ['user:ann'], escalate: {after: 1h, to: 'user:eve'}", groups=GROUPS)


@pytest.mark.parametrize("late", ["remind: [30m, 1h]", "escalate: {after: 1h, to: 'group:x'}"])
def test_what_would_fall_due_after_a_hold_has_expired_does_not_load(late: str):
    (problem,) = approvers(f"any_of: ['group:x'], expires_after: 1h, {late}")
    assert problem.endswith("expected less than expires_after: by then the hold has expired")
    loads_with(f"any_of: ['group:x'], {late}")


def test_the_same_reminder_twice_does_not_load():
    assert "is listed twice" in approvers("any_of: ['group:x'], remind: [30m, 1h, 30m]")[0]


def test_all_of_needs_a_person_of_its_own_for_each_entry():
    assert approvers("all_of: ['group:sre', 'group:security']", groups=GROUPS) == [
        "line 1: approvers.a: a quorum of 2 cannot be reached: these are 1 people"
    ]
    loads_with("all_of: ['group:sre', 'group:finance']", groups=GROUPS)
    loads_with("all_of: ['group:finance', 'group:sre']", groups=GROUPS)
    assert approvers(
        "all_of: ['group:sre', 'group:security', 'group:finance'], quorum: 3",
        groups={
            **GROUPS,
            "group:finance": frozenset({"user:ann", "user:eve", "user:tom"}),
        },
    ) == ["line 1: approvers.a: a quorum of 3 cannot be reached: these are 4 people"]


def test_a_group_that_nobody_knows_does_not_load():
    assert approvers("any_of: ['group:finanse']", groups=GROUPS) == [
        "line 1: approvers.a: unknown approver 'group:finanse'; did you mean 'group:finance'?"
    ]
    loads_with("any_of: ['group:finanse']")


def with_role(members: str, approvers_: str) -> str:
    return (
        f"roles: {{r: {{members: {members}}}}}\napprovers: {{a: {approvers_}}}\n"
        "tools: {issue_refund: {allowed: true, roles: [r], approvers: a}}"
    )


def test_approvers_who_would_all_be_requesters_do_not_load():
    assert refused(with_role("['user:ann', 'user:bob']", "{any_of: ['group:finance']}"), groups=GROUPS) == [
        (
            "line 2: approvers.a: those who may call 'issue_refund' would have to approve it: user:ann, user:bob; "
            "a requester never approves"
        )
    ]
    assert (
        "would have to approve it: user:ann; a requester"
        in refused(with_role("['user:ann']", "{any_of: ['group:finance'], quorum: 2}"), groups=GROUPS)[0]
    )
    assert (
        "would have to approve it: user:bob; a requester"
        in refused(with_role("['user:bob']", "{all_of: ['group:sre', 'group:finance']}"), groups=GROUPS)[0]
    )
    loads(with_role("['user:ann']", "{any_of: ['group:finance']}"), groups=GROUPS)
    loads(with_role("['agent:ann', 'user:zoe']", "{any_of: ['group:finance'], quorum: 2}"), groups=GROUPS)
    loads(with_role("['user:ann', 'user:bob']", "{any_of: ['group:finance']}"))


def test_the_requesters_of_the_default_approvers_are_those_of_tools_that_name_none():
    text = (
        "roles: {r: {members: ['user:ann', 'user:bob']}}\napprovers: {default: {any_of: ['group:finance']}}\n"
        "tools: {issue_refund: {allowed: true, roles: [r]}}"
    )
    assert "approvers.default: those who may call 'issue_refund'" in refused(text, groups=GROUPS)[0]


def test_an_editable_argument_is_one_of_a_tool_that_uses_the_approvers():
    text = "approvers: {{a: {{any_of: ['group:x'], editable: [{}]}}}}\ntools: {{issue_refund: {{allowed: true, approvers: {}}}}}"
    other = "\napprovers: {b: {any_of: ['group:x']}}"

    loads(text.format("amount_usd", "a"), tools=TOOLS)
    assert refused(text.format("amont_usd", "a"), tools=TOOLS) == [
        "line 1: approvers.a.editable: unknown argument 'amont_usd'; did you mean 'amount_usd'?"
    ]
    loads(text.format("amont_usd", "a"))
    loads(
        "approvers: {a: {any_of: ['group:x'], editable: [whatever]}}\ntools: {issue_refund: {allowed: true}}",
        tools=TOOLS,
    )
    assert other
    default = (
        "approvers: {default: {any_of: ['group:x'], editable: [amount_usd, x]}}\ntools: {issue_refund: {allowed: true}}"
    )
    assert "unknown argument 'x'" in refused(default, tools=TOOLS)[0]


def warnings(text: str, **more: object) -> list[str]:
    return [str(warning) for warning in loads(text, **more).warnings]


UNBOUND = "a write without a limit: neither an amount, nor a rate, nor limits bound it"


@pytest.mark.parametrize(
    ("keys", "warned"),
    [
        ("", True),
        ("require_citation: true", True),
        ("rate: {count: 1, window: 1h}", False),
        ("max_amount_usd: 5", False),
        ("require_approval_over_usd: 5", False),
    ],
)
def test_a_write_without_a_limit_is_warned_of(keys: str, warned):
    found = warnings(f"tools:\n  issue_refund: {{allowed: true, {keys}}}", tools={"issue_refund": REFUND})

    assert found == ([f"line 2: tools.issue_refund: {UNBOUND}"] if warned else [])


def test_a_read_or_a_forbidden_tool_needs_no_limit():
    read = {"issue_refund": ToolSpec(name="issue_refund", effect=Effect.READ)}

    assert warnings("tools: {issue_refund: {allowed: true}}", tools=read) == []
    assert warnings("tools: {issue_refund: {allowed: false}}") == []
    assert warnings("tools: {issue_refund: {allowed: false, mode: parameterized_only}}") == []


def test_a_source_that_no_tool_is_named_like_is_warned_of():
    read = {"get_order": ToolSpec(name="get_order", effect=Effect.READ)}

    assert warnings("sources: {get_ordr: {}}\ntools: {get_order: {allowed: true}}", tools=read) == [
        "line 1: sources.get_ordr: no tool is named 'get_ordr', so this labels nothing; did you mean 'get_order'?"
    ]
    assert warnings("sources: {get_ordr: {}}\ntools: {get_order: {allowed: true, rate: {count: 1, window: 1m}}}") == []


def test_a_critical_tool_without_a_test_is_warned_of():
    text = "tiers: {critical: {effect: write}, write: {}}\ntools: {a: {allowed: true, tier: TIER, max_amount_usd: 1}}\n"

    assert warnings(text.replace("TIER", "critical")) == ["line 2: tools.a: a critical tool without a test"]
    assert warnings(text.replace("TIER", "write")) == []
    tested = "tests: [{name: t, call: {tool: a}, expect: {decision: deny}}]\n"
    assert warnings(text.replace("TIER", "critical") + tested) == []


def test_an_empty_group_of_implicit_approvers_is_warned_of():
    text = "tools: {a: {allowed: true, require_approval_over_usd: 5}}"
    warning = "line 1: tools.a: no approvers are named and group:approvers is empty: a hold ends in a human handoff"

    assert warnings(text, groups=GROUPS) == [warning]
    assert warnings(text, groups={"group:approvers": frozenset[str]()}) == [warning]
    assert warnings(text, groups={"group:approvers": frozenset({"user:ann"})}) == []
    assert warnings(text) == []
    assert warnings("tools: {a: {allowed: true, max_amount_usd: 5}}", groups=GROUPS) == []
    held = "tools: {a: {allowed: true, max_amount_usd: 5, rules: [{id: r, when: 'true', then: hold}]}}"
    assert warnings(held, groups=GROUPS) == [warning]
    denied = held.replace("hold", "deny")
    assert warnings(denied, groups=GROUPS) == []
    named = "approvers: {default: {any_of: ['group:finance']}}\n"
    assert warnings(named + text, groups=GROUPS) == []
    own = "approvers: {x: {any_of: ['group:finance']}}\ntools: {a: {allowed: true, require_approval_over_usd: 5, approvers: x}}"
    assert warnings(own, groups=GROUPS) == []


TEST = "tools: {{a: {{allowed: true, max_amount_usd: 1}}}}\ntests:\n  - {{name: t, call: {{tool: {}}}, expect: {{decision: {}}}}}\n"


def test_a_test_of_an_unknown_tool_can_only_expect_a_denial():
    assert warnings(TEST.format("b", "deny")) == [
        "line 3: tests: the test 't' calls the unknown tool 'b'; expected one of: a"
    ]
    for decision in ("allow", "hold"):
        assert refused(TEST.format("b", decision)) == [
            "line 3: tests: the test 't' calls the unknown tool 'b'; expected one of: a"
        ]
    assert warnings(TEST.format("a", "allow")) == []
    unlisted: dict[str, Json] = {}
    tools = {
        "a": ToolSpec(name="a", parameters={"properties": {"amount_usd": {}}}),
        "b": ToolSpec(name="b", parameters=unlisted),
    }
    assert warnings(TEST.format("b", "deny"), tools=tools) == []


def test_every_test_of_an_unknown_tool_is_told():
    text = (
        "tools: {a: {allowed: true, max_amount_usd: 1}}\ntests:\n"
        "  - {name: x, call: {tool: a}, expect: {decision: allow}}\n"
        "  - {name: y, call: {tool: bb}, expect: {decision: hold}}\n"
        "  - {name: z, call: {tool: cc}, expect: {decision: allow}}\n"
    )
    assert [problem.split(";")[0] for problem in refused(text)] == [
        "line 4: tests: the test 'y' calls the unknown tool 'bb'",
        "line 5: tests: the test 'z' calls the unknown tool 'cc'",
    ]


def test_tests_are_read_as_they_are_written():
    policy = loads(
        """\
tools: {a: {allowed: true, max_amount_usd: 50}}
tests:
  - name: 51 is denied
    call: {tool: a, args: {amount_usd: 51.00, nested: {list: [1, null, "x"]}}, environment: prod,
           principal: {id: "agent:a", on_behalf_of: null}, evidence: [], citations: [{a: 1}]}
    expect: {decision: deny, rule: a.max_amount_usd}
  - {name: two, call: {tool: a}, expect: {decision: hold}}
"""
    )

    first, second = policy.tests
    assert (first.name, first.tool, first.line, first.environment) == ("51 is denied", "a", 3, "prod")
    assert str(first.arguments["amount_usd"]) == "51.00"
    assert first.arguments["nested"] == {"list": [1, None, "x"]}
    assert first.principal == {"id": "agent:a", "on_behalf_of": None}
    assert (first.evidence, first.citations) == ([], [{"a": 1}])
    assert (first.decision.value, first.rule) == ("deny", "a.max_amount_usd")
    assert (second.arguments, second.principal, second.environment, second.rule) == ({}, None, None, None)
    assert (second.evidence, second.citations, second.decision.value) == (None, None, "hold")
    assert loads("tests: []").tests == ()


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("{call: {tool: a}, expect: {decision: deny}}", "tests[0]: the key name is missing"),
        ("{name: t, expect: {decision: deny}}", "tests[0]: the key call is missing"),
        ("{name: t, call: {tool: a}}", "tests[0]: the key expect is missing"),
        ("{name: t, call: {}, expect: {decision: deny}}", "tests[0].call: the key tool is missing"),
        ("{name: t, call: {tool: a}, expect: {}}", "tests[0].expect: the key decision is missing"),
        ("{name: t, call: {tool: a}, expect: {decision: no}}", "tests[0].expect.decision: unknown value 'no'"),
        ("{name: t, call: {tool: a, arguments: {}}, expect: {decision: deny}}", "tests[0].call.arguments: unknown key"),
        (
            "{name: t, call: {tool: a, args: []}, expect: {decision: deny}}",
            "tests[0].call.args: got a list; expected a mapping",
        ),
        (
            "{name: t, call: {tool: a, principal: x}, expect: {decision: deny}}",
            "tests[0].call.principal: got the text 'x'",
        ),
        ("{name: t, call: {tool: a, environment: 1}, expect: {decision: deny}}", "tests[0].call.environment: got '1'"),
        (
            "{name: t, call: {tool: 1}, expect: {decision: deny}}",
            "tests[0].call.tool: got '1'; expected the name of a tool",
        ),
        ("{name: 1, call: {tool: a}, expect: {decision: deny}}", "tests[0].name: got '1'; expected the name of a test"),
        (
            "{name: t, call: {tool: a}, expect: {decision: deny, rule: 1}}",
            "tests[0].expect.rule: got '1'; expected the id",
        ),
        ("{name: t, call: {tool: a}, expect: {decision: deny}, x: 1}", "tests[0].x: unknown key 'x'"),
    ],
)
def test_a_test_that_cannot_be_does_not_load(test: str, problem: str):
    (found,) = refused(f"tests: [{test}]\ntools: {{a: {{allowed: true}}}}")
    assert found.startswith(f"line 1: {problem}")


def test_two_tests_of_one_name_do_not_load():
    one = "{name: t, call: {tool: a}, expect: {decision: deny}}"

    assert refused(f"tests: [{one}, {one}]\ntools: {{a: {{allowed: true}}}}") == [
        "line 1: tests: the test 't' is there twice; expected each name once"
    ]
    assert refused("tests: {}") == ["line 1: tests: got a mapping; expected a list"]


CHECK = "checks: [{name: seen, from: look, assert: 'true'}]"
GIVEN = "checks: [{name: seen, given: {who: look}, assert: 'true'}]"
LABELS = "sources: {look: {integrity: LABEL}}"


@pytest.mark.parametrize("check", [CHECK, GIVEN])
@pytest.mark.parametrize(
    ("look", "labels", "said"),
    [
        ("", "", "'look', which this file does not allow: it is never answered"),
        ("look: {allowed: false}, ", "", "'look', which this file does not allow"),
        ("look: {allowed: true}, ", "untrusted", "'look', whose answers this file calls untrusted"),
    ],
)
def test_a_check_rests_on_what_may_be_called_and_believed(check: str, look: str, labels: str, said: str):
    text = f"{LABELS.replace('LABEL', labels) if labels else ''}\ntools: {{{look}pay: {{allowed: true, {check}}}}}"
    with pytest.raises(FileInvalid, match=f"the check 'seen' rests on {said}"):
        load(text.encode(), name="p.yaml", tools=None)


@pytest.mark.parametrize(
    ("labels", "warned"),
    [
        ("", False),
        ("sources: {look: {integrity: directory}}", False),
        ("sources: {look: {integrity: untrusted, fields: {'$.id': system_id}}}", False),
        ("sources: {other: {integrity: directory}}", True),
    ],
)
def test_a_check_on_what_nobody_labels_is_doubted_where_anything_is(labels: str, *, warned: bool):
    text = (
        f"{labels}\ntools: {{look: {{allowed: true}}, pay: {{allowed: true, rate: {{count: 1, window: 1h}}, {CHECK}}}}}"
    )
    warnings = load(text.encode(), name="p.yaml", tools=None).warnings
    assert any("which sources does not label" in each.message for each in warnings) is warned
