"""Decisions: who, where, in shadow, with which key; how findings add up, are explained, and never show what is redacted."""

import pytest
from tests.unit.policy.policies import ALLOW, DENY, HOLD, TOOLS, ask, decided, refund_policy, said

from dueprocess.policy import Finding, Passed, PolicyCall, Principal, Verdict, explain, key_text, unlisted, verdict
from dueprocess.values import Json

ROLES = """\
roles:
  support: {members: ["agent:support", "user:ann"], on_behalf_of: required}
  batch: {members: ["agent:batch"]}
"""


def as_(id_: str, on_behalf_of: str | None = None) -> Principal:
    return Principal(id=id_, on_behalf_of=on_behalf_of)


@pytest.mark.parametrize(
    ("roles", "principal"),
    [
        ("[support]", as_("agent:support@abc", "user:ann")),
        ("[support]", as_("agent:support", "user:ann")),
        ("[support]", as_("agent:support@", "user:ann")),
        ("[support]", as_("agent:support@a@b", "user:x")),
        ("[support]", as_("user:ann@1", "user:ann")),
        ("[batch]", as_("agent:batch@abc")),
        ("[batch]", as_("agent:batch@abc", "user:ann")),
        ("[support, batch]", as_("agent:batch@abc")),
        ("[batch, support]", as_("agent:support@abc", "user:ann")),
    ],
)
def test_a_member_of_one_of_the_roles_may(roles: str, principal: Principal):
    policy = refund_policy(f"roles: {roles}", above=ROLES)

    assert ask(policy, {}, principal=principal) == ()


@pytest.mark.parametrize(
    ("principal", "reason"),
    [
        (None, "nobody is named as acting; expected a member of support, batch"),
        (as_("agent:other@abc", "user:ann"), "'agent:other' is not a member of support, batch"),
        (as_("agent:support2@abc", "user:ann"), "'agent:support2' is not a member of support, batch"),
        (as_("Agent:support@abc", "user:ann"), "'Agent:support' is not a member of support, batch"),
        (as_(" agent:support@abc", "user:ann"), "' agent:support' is not a member of support, batch"),
        (as_("x@agent:support", "user:ann"), "'x' is not a member of support, batch"),
        (as_("@agent:support", "user:ann"), "'' is not a member of support, batch"),
        (as_("support", "user:ann"), "'support' is not a member of support, batch"),
        (as_("agent:support\u202e@abc", "user:ann"), "'agent:support\\u202e' is not a member of support, batch"),
        (as_("agent:support@abc"), "'agent:support' acts for no user; support, batch acts only on behalf of one"),
        (as_("agent:support@abc", ""), "'agent:support' acts for no user; support, batch acts only on behalf of one"),
        (
            as_("agent:support@abc", "user:"),
            "'agent:support' acts for no user; support, batch acts only on behalf of one",
        ),
        (
            as_("agent:support@abc", "ann"),
            "'agent:support' acts for no user; support, batch acts only on behalf of one",
        ),
        (
            as_("agent:support@abc", "agent:support"),
            "'agent:support' acts for no user; support, batch acts only on behalf",
        ),
    ],
)
def test_everybody_else_may_not(principal: Principal | None, reason: str):
    policy = refund_policy("roles: [support, batch]", above=ROLES)

    (finding,) = ask(policy, {}, principal=principal)
    assert (finding.rule, finding.decision) == ("issue_refund.roles", Verdict.DENY)
    assert finding.reason.startswith(reason)
    assert finding.compared["roles"] == ["support", "batch"]


THROUGH = """\
roles:
  both: {members: ["agent:support", "agent:support/researcher"]}
  alone: {members: ["agent:support"]}
  sub: {members: ["agent:support/researcher"]}
  asked: {members: ["agent:support/researcher"], on_behalf_of: required}
"""
RESEARCHER = "agent:support/researcher"


@pytest.mark.parametrize(
    ("roles", "principal", "outside"),
    [
        ("[both]", Principal(id="agent:support@1", through=(RESEARCHER,)), None),
        ("[both]", Principal(id="agent:support@1", through=(f"{RESEARCHER}@1",)), None),
        ("[alone, sub]", Principal(id="agent:support@1", through=(RESEARCHER,)), None),
        ("[alone]", Principal(id="agent:support@1"), None),
        ("[alone]", Principal(id="agent:support@1", through=(RESEARCHER,)), RESEARCHER),
        ("[sub]", Principal(id="agent:support@1", through=(RESEARCHER,)), "agent:support"),
        ("[both]", Principal(id="agent:support@1", through=("agent:support/writer",)), "agent:support/writer"),
        ("[both]", Principal(id="agent:support@1", through=(RESEARCHER, "agent:x")), "agent:x"),
        ("[both]", Principal(id="agent:support@1", through=("agent:x", RESEARCHER)), "agent:x"),
        ("[alone, asked]", Principal(id="agent:support@1", through=(RESEARCHER,)), RESEARCHER),
        ("[alone, asked]", Principal(id="agent:support@1", on_behalf_of="user:a", through=(RESEARCHER,)), None),
    ],
)
def test_i5_whoever_acts_through_a_sub_agent_has_the_roles_of_both_and_of_neither_alone(
    roles: str, principal: Principal, outside: str | None
):
    findings = ask(refund_policy(f"roles: {roles}", above=THROUGH), {}, principal=principal)

    assert said(findings) == ([] if outside is None else [("issue_refund.roles", DENY)])
    if outside is not None:
        assert findings[0].reason.startswith(f"'{outside}' ")
        assert findings[0].compared["through"] == [*principal.through]


def test_the_finding_on_roles_shows_who_acted():
    policy = refund_policy("roles: [support]", above=ROLES)

    (finding,) = ask(policy, {}, principal=as_("agent:x@\u202e", "user:\n"))
    assert finding.compared == {"principal": "agent:x@\\u202e", "on_behalf_of": "user:\\u000a", "roles": ["support"]}
    (finding,) = ask(policy, {})
    assert finding.compared == {"principal": None, "on_behalf_of": None, "roles": ["support"]}
    (finding,) = ask(policy, {}, principal=as_("agent:x"))
    assert finding.compared == {"principal": "agent:x", "on_behalf_of": None, "roles": ["support"]}


def test_a_role_comes_from_identity_and_never_from_arguments():
    policy = refund_policy("roles: [support]", above=ROLES)

    claims: dict[str, Json] = {"user": {"role": "support"}, "principal": "agent:support", "roles": ["support"]}
    assert said(ask(policy, claims)) == [("issue_refund.roles", DENY)]


def test_a_tool_runs_in_its_environments_only():
    policy = refund_policy("environments: [prod, staging]", above="environments: {prod: {}, staging: {}, dev: {}}\n")

    assert ask(policy, {}) == ()
    assert ask(policy, {}, environment="staging") == ()
    for other in ("dev", "Prod", "prod ", "", "nowhere"):
        (finding,) = ask(policy, {}, environment=other)
        assert (finding.rule, finding.decision) == ("issue_refund.environments", Verdict.DENY)
        assert finding.reason == f"the environment is '{other}'; the tool is for prod, staging"
        assert finding.compared == {"environment": other, "environments": ["prod", "staging"]}


def test_a_tool_without_environments_runs_in_all():
    assert ask(refund_policy("egress: external"), {}, environment="anywhere") == ()


SHADOW = "environments: {prod: {}, staging: {mode: shadow}}\n" + ROLES


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [
        ("max_amount_usd: 5", '{"amount_usd": 6}'),
        ("require_approval_over_usd: 5", '{"amount_usd": 6}'),
        ("require_citation: true", "{}"),
        ("roles: [batch]", "{}"),
        ("environments: [prod]", "{}"),
        ("allowed_fields: [a]\nbind: {fields: $.changes}", '{"changes": {"b": 1}}'),
        ("rules: [{id: r, when: 'args.a == 1', then: deny}]", '{"a": 1}'),
        ("rules: [{id: r, when: 'args.a == 1', then: hold}]", '{"a": 1}'),
    ],
)
def test_in_shadow_a_rule_is_recorded_and_not_enforced(keys: str, arguments: str):
    policy = refund_policy(keys, above=SHADOW)

    (finding,) = ask(policy, arguments, environment="staging")
    assert finding.advisory is True
    assert verdict((finding,)) is Verdict.ALLOW
    if "environments" not in keys:
        (enforced,) = ask(policy, arguments)
        assert enforced.advisory is False
        assert decided((enforced,)) != ALLOW
        assert (enforced.rule, enforced.reason) == (finding.rule, finding.reason)


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [
        ("max_amount_usd: 5", '{"amount_usd": "900 USD"}'),
        ("max_amount_usd: 5", "{}"),
        ("require_approval_over_usd: 5", '{"amount_usd": null}'),
        ("allowed_fields: [a]\nbind: {fields: $.changes}", '{"changes": []}'),
        ("idempotency_key: [$.order_id]", "{}"),
        ("rules: [{id: r, when: 'args.a == 1', then: hold}]", "{}"),
    ],
)
def test_in_shadow_what_cannot_be_read_decided_or_enforced_still_denies(keys: str, arguments: str):
    (finding,) = ask(refund_policy(keys, above=SHADOW), arguments, environment="staging")

    assert finding.advisory is False
    assert finding.decision is Verdict.DENY


def test_an_unlisted_tool_is_denied_in_shadow_too():
    assert decided(ask(refund_policy("egress: external", above=SHADOW), {}, tool="x", environment="staging")) == DENY


def test_an_undeclared_environment_is_enforced():
    policy = refund_policy("max_amount_usd: 5", above=SHADOW)

    assert decided(ask(policy, {"amount_usd": 6}, environment="qa")) == DENY


def test_a_missing_part_of_the_idempotency_key_is_denied():
    policy = refund_policy("idempotency_key: [$.order_id, $.customer.id]")

    assert ask(policy, {"order_id": "a", "customer": {"id": 1}}) == ()
    assert ask(policy, {"order_id": "", "customer": {"id": False}}) == ()
    for arguments, missing in (
        ({"order_id": "a"}, "customer.id"),
        ({"order_id": "a", "customer": {"id": None}}, "customer.id"),
        ({"order_id": None, "customer": {"id": 1}}, "order_id"),
        ({"customer": {"id": 1}}, "order_id"),
        ({"order_id": "a", "customer": "x"}, "customer.id"),
        ({"order_id": "a", "customer.id": "x"}, "customer.id"),
    ):
        (finding,) = ask(policy, arguments)
        assert (finding.rule, finding.decision) == ("issue_refund.idempotency_key", Verdict.DENY)
        assert (
            finding.reason
            == f"{missing} is missing or null, and is part of the idempotency key: twice could not be told"
        )
    (finding,) = ask(policy, {"order_id": "a"})
    assert finding.compared == {"order_id": "a"}


def test_equal_keys_have_one_text_and_others_another():
    paths = (("a",), ("b", "c"))

    assert key_text({"a": 25, "b": {"c": "x"}}, paths) == '[25,"x"]'
    assert key_text({"a": 25, "b": {"c": "x"}, "z": 1}, paths) == key_text({"b": {"c": "x"}, "a": 25}, paths)
    assert key_text({"a": "25", "b": {"c": "x"}}, paths) == '["25","x"]'
    assert key_text({"a": 25}, paths) == ("b", "c")
    assert key_text({"a": 25, "b": {"c": None}}, paths) == ("b", "c")
    assert key_text({"a": {}, "b": {"c": []}}, paths) == "[{},[]]"


def test_a_rule_that_holds_speaks_with_its_reason_and_values():
    policy = refund_policy(
        "rules: [{id: usd-only, when: \"has(args.currency) && args.currency != 'USD'\", then: deny, why: USD only}]",
        tools=TOOLS,
    )

    assert ask(policy, {"currency": "USD"}) == ()
    assert ask(policy, {}) == ()
    assert ask(policy, {"currency": "EUR"}) == (
        Finding(
            rule="issue_refund.rules.usd-only",
            decision=Verdict.DENY,
            reason="USD only",
            compared={"currency": "EUR", "when": "has(args.currency) && args.currency != 'USD'"},
        ),
    )


def test_a_rule_without_why_says_its_condition():
    (finding,) = ask(refund_policy("rules: [{id: a, when: 'true', then: hold}]"), {})

    assert (finding.decision, finding.reason) == (Verdict.HOLD, "the condition holds: true")
    long = f"true || {' || '.join(['false'] * 60)}"
    (finding,) = ask(refund_policy(f"rules: [{{id: a, when: '{long}', then: hold}}]"), {})
    assert finding.compared["when"] == f"{long[:200]}... ({len(long)} characters)"


@pytest.mark.parametrize("then", ["deny", "hold"])
def test_a_rule_that_errors_denies_and_names_itself(then: str):
    policy = refund_policy(f"rules: [{{id: opt, when: \"args.currency == 'x'\", then: {then}}}]", tools=TOOLS)

    (finding,) = ask(policy, {})
    assert (finding.rule, finding.decision) == ("issue_refund.rules.opt", Verdict.DENY)
    assert finding.reason == "the rule cannot be decided: args.currency is missing"
    assert finding.compared == {"when": "args.currency == 'x'"}


def test_all_findings_come_back_whatever_one_of_them_says():
    policy = refund_policy(
        """
        max_amount_usd: 50
        require_approval_over_usd: 25
        require_citation: true
        roles: [batch]
        environments: [staging]
        idempotency_key: [$.order_id]
        allowed_fields: [a]
        bind: {fields: $.changes}
        rules:
          - {id: z, when: "true", then: hold}
          - {id: b, when: "args.nope", then: hold}
        """,
        above=SHADOW,
    )

    assert said(ask(policy, {"amount_usd": 51, "changes": {"x": 1}})) == [
        ("issue_refund.environments", DENY),
        ("issue_refund.roles", DENY),
        ("issue_refund.max_amount_usd", DENY),
        ("issue_refund.require_approval_over_usd", HOLD),
        ("issue_refund.require_citation", DENY),
        ("issue_refund.allowed_fields", DENY),
        ("issue_refund.idempotency_key", DENY),
        ("issue_refund.rules.b", DENY),
        ("issue_refund.rules.z", HOLD),
    ]


def finding(decision: Verdict, *, advisory: bool = False) -> Finding:
    return Finding(rule="r", decision=decision, reason="", advisory=advisory)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ((), ALLOW),
        ((finding(Verdict.ALLOW),), ALLOW),
        ((finding(Verdict.HOLD),), HOLD),
        ((finding(Verdict.DENY),), DENY),
        ((finding(Verdict.HOLD), finding(Verdict.DENY)), DENY),
        ((finding(Verdict.DENY), finding(Verdict.HOLD)), DENY),
        ((finding(Verdict.HOLD), finding(Verdict.ALLOW)), HOLD),
        ((finding(Verdict.DENY, advisory=True),), ALLOW),
        ((finding(Verdict.DENY, advisory=True), finding(Verdict.HOLD)), HOLD),
        ((finding(Verdict.HOLD, advisory=True), finding(Verdict.HOLD, advisory=True)), ALLOW),
    ],
)
def test_deny_beats_hold_beats_allow_and_what_is_advisory_never_counts(findings: tuple[Finding, ...], expected: str):
    assert verdict(findings).value == expected


def explained(policy_keys: str, arguments: dict[str, Json], **more: Principal | str) -> list[Finding | Passed]:
    policy = refund_policy(policy_keys, above=SHADOW)
    return list(explain(policy, PolicyCall(tool="issue_refund", arguments=arguments, **more)))


def test_an_explanation_shows_what_passed_and_with_which_values():
    keys = """
    max_amount_usd: 50
    require_approval_over_usd: 25
    roles: [batch]
    environments: [prod]
    require_citation: true
    idempotency_key: [$.order_id]
    allowed_fields: [a]
    bind: {fields: $.changes}
    rules: [{id: r, when: "args.amount_usd > 40", then: deny}]
    """

    asked = explained(keys, {"amount_usd": 30, "order_id": "o1", "changes": {"a": 1}}, principal=as_("agent:batch@1"))

    assert [each.rule.removeprefix("issue_refund.") for each in asked] == [
        "allowed",
        "environments",
        "roles",
        "max_amount_usd",
        "require_approval_over_usd",
        "require_citation",
        "allowed_fields",
        "idempotency_key",
        "rules.r",
    ]
    assert [type(each) for each in asked] == [Passed, Passed, Passed, Passed, Finding, Finding, Passed, Passed, Passed]
    values = {each.rule.removeprefix("issue_refund."): {k: str(v) for k, v in each.compared.items()} for each in asked}
    assert values["allowed"] == {"allowed": "True"}
    assert values["environments"] == {"environment": "prod", "environments": "['prod']"}
    assert values["roles"] == {"principal": "agent:batch@1", "on_behalf_of": "None", "roles": "['batch']"}
    assert values["max_amount_usd"] == {"amount_usd": "30", "max_amount_usd": "50.00"}
    assert values["allowed_fields"] == {"fields": "['a']", "allowed_fields": "['a']"}
    assert values["idempotency_key"] == {"order_id": "o1"}
    assert values["rules.r"] == {"amount_usd": "30", "when": "args.amount_usd > 40"}


def test_an_explanation_of_an_unlisted_tool_is_its_finding():
    policy = refund_policy("egress: external")

    assert explain(policy, PolicyCall(tool="x", arguments={})) == (unlisted("x"),)


def test_an_explanation_in_shadow_keeps_what_is_advisory():
    (asked,) = [
        each
        for each in explained("max_amount_usd: 5", {"amount_usd": 6}, environment="staging")
        if isinstance(each, Finding)
    ]
    assert asked.advisory is True


SECRET = "4111-1111"


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [
        ("max_amount_usd: 5\nredact: [$.amount_usd]", '{"amount_usd": "4111-1111"}'),
        ("max_amount_usd: 5\nbind: {amount: $.a.b}\nredact: [$.a]", '{"a": {"b": "4111-1111"}}'),
        ("require_approval_over_usd: 5\nredact: [$.amount_usd]", '{"amount_usd": ["4111-1111"]}'),
        (
            "rules: [{id: r, when: \"args.card == '4111-1111'\", then: deny, why: x}]\nredact: [$.card]",
            '{"card": "4111-1111"}',
        ),
        ("rules: [{id: r, when: \"args.a.card != ''\", then: hold}]\nredact: [$.a]", '{"a": {"card": "4111-1111"}}'),
        ('rules: [{id: r, when: "has(args.a)", then: hold}]\nredact: [$.a.card]', '{"a": {"card": "4111-1111"}}'),
        ('rules: [{id: r, when: "args.card > 5", then: hold}]\nredact: [$.card]', '{"card": "4111-1111"}'),
        ("idempotency_key: [$.card, $.b]\nredact: [$.card]", '{"card": "4111-1111"}'),
        ("allowed_fields: [a]\nbind: {fields: $.f}\nredact: [$.f]", '{"f": {"4111-1111": 1}}'),
        ("allowed_fields: [a]\nbind: {fields: $.f}\nredact: [$.f.x]", '{"f": {"x": {"4111-1111": 1}}}'),
        ("allowed_fields: [x.a]\nbind: {fields: $.f}\nredact: [$.f.x]", '{"f": {"x": {"4111-1111": 1}}}'),
        ("allowed_fields: [a]\nbind: {fields: $.f}\nredact: [$.f]", '{"f": "4111-1111"}'),
    ],
)
def test_what_is_redacted_is_in_no_reason_and_no_compared_value(keys: str, arguments: str):
    (finding,) = ask(refund_policy(keys), arguments)

    shown = finding.reason + str({key: value for key, value in finding.compared.items() if key != "when"})
    assert SECRET not in shown


def test_a_redacted_amount_over_the_limit_is_not_told():
    policy = refund_policy("max_amount_usd: 50\nrequire_approval_over_usd: 5\nredact: [$.amount_usd]")

    denied, held = ask(policy, {"amount_usd": 51})
    assert denied.reason == "amount_usd [redacted] is over the limit of 50.00 USD; no approval lifts it"
    assert held.reason == "amount_usd [redacted] is over 5.00 USD; a person must approve"
    assert denied.compared["amount_usd"] == "[redacted]"
    (unread,) = ask(refund_policy("max_amount_usd: 50\nredact: [$.amount_usd]"), {"amount_usd": "51 USD"})
    assert unread.reason.startswith("amount_usd is text that is no amount of USD; expected digits")


def test_what_is_not_redacted_is_shown_beside_what_is():
    policy = refund_policy("rules: [{id: r, when: 'args.a.b != args.c', then: deny}]\nredact: [$.a.x, $.d]")

    (finding,) = ask(policy, {"a": {"b": 1}, "c": 2})
    assert (finding.compared["a.b"], finding.compared["c"]) == (1, 2)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\x1b[31m", "a\\u000ab\\u001b[31m"),
        ("a\u200bb", "a\\u200bb"),
        ("\U000e0001", "\\U000e0001"),
        ("x" * 81, "x" * 80 + "... (81 characters)"),
        ("x" * 80, "x" * 80),
        ("\n" * 100, "\\u000a" * 80 + "... (100 characters)"),
        ("Grüße 你好", "Grüße 你好"),
    ],
)
def test_foreign_text_is_bounded_and_escaped(value: str, shown: str):
    policy = refund_policy(
        "rules: [{id: r, when: \"args.t != ''\", then: deny}]\nmax_amount_usd: 5\nbind: {amount: $.t}"
    )

    amount, rule = ask(policy, {"t": value})
    assert rule.compared["t"] == shown
    assert amount.reason.startswith(f"t is the text '{shown}', no amount of USD")


def test_a_large_value_is_shown_in_part():
    policy = refund_policy("rules: [{id: r, when: 'size(args.l) > 1', then: deny}]")

    (finding,) = ask(policy, {"l": ["\u202e"] + ["x" * 1000] * 1000})
    assert str(finding.compared["l"]).startswith('["\\u202e","xxx')
    assert len(str(finding.compared["l"])) < 150


def test_a_number_too_long_to_read_is_shown_in_part():
    (finding,) = ask(refund_policy("max_amount_usd: 5"), {"amount_usd": 10**200 + 1})

    assert finding.compared["amount_usd"] == "1" + "0" * 79 + "... (201 characters)"
    (finding,) = ask(refund_policy("max_amount_usd: 5"), {"amount_usd": 10**70})
    assert finding.compared["amount_usd"] == 10**70
