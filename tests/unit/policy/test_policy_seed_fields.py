"""The seed dialect: one test per line of the table of fields, and the file as a whole."""

import pytest
from tests.unit.policy.policies import ALLOW, DENY, HOLD, SEED, TOOLS, ask, decided, loads, refund_policy, refused, said

from dueprocess.gate.judge import RawCall, judge
from dueprocess.policy import AgentLimits, Escalation
from dueprocess.values import Money, digest_bytes, seconds


def test_the_seed_file_loads_unchanged_and_says_what_it_says():
    policy = loads(SEED, tools=TOOLS)

    assert policy.agent == AgentLimits(
        max_wall_clock=seconds(90),
        max_tool_calls=8,
        max_model_spend=Money(350_000),
        on_budget_exceeded=Escalation.HANDOFF,
        on_tool_error_retries_exhausted=Escalation.HANDOFF,
    )
    assert list(policy.tools) == ["issue_refund", "update_crm_record", "run_sql_query"]
    assert policy.digest == digest_bytes(SEED.encode())
    assert policy.source == SEED
    assert policy.name == "policy.yaml"


def test_max_wall_clock_seconds_is_a_time_and_the_clock_stands_still_while_held():
    policy = loads("agent: {max_wall_clock_seconds: 90}")

    assert policy.agent.max_wall_clock == seconds(90)
    assert policy.agent.clock_includes_suspension is False
    assert loads("agent: {clock: include_suspension}").agent.clock_includes_suspension is True


def test_max_tool_calls_is_a_whole_number():
    assert loads("agent: {max_tool_calls: 8}").agent.max_tool_calls == 8
    assert loads("agent: {max_tool_calls: 0}").agent.max_tool_calls == 0
    for wrong in ("8.0", "-1", "'8'", "true", "8e0", "", "[8]", "1000000001"):
        (problem,) = refused(f"agent: {{max_tool_calls: {wrong}}}")
        assert problem.startswith("line 1: agent.max_tool_calls: got ")
        assert problem.endswith("expected a whole number from 0 to 1000000000")


def test_max_model_spend_usd_has_up_to_six_decimals():
    assert loads("agent: {max_model_spend_usd: 0.000001}").agent.max_model_spend == Money(1)
    (problem,) = refused("agent: {max_model_spend_usd: 0.0000001}")
    assert problem == (
        "line 1: agent.max_model_spend_usd: got '0.0000001'; "
        "expected an amount of USD: a number with at most 12 digits and 6 decimals, such as 0.35"
    )


@pytest.mark.parametrize("key", ["on_budget_exceeded", "on_tool_error_retries_exhausted"])
@pytest.mark.parametrize("word", ["handoff_to_human", "ask_clarification", "stop"])
def test_escalation_is_one_of_three(key: str, word: str):
    policy = loads(f"agent: {{escalation: {{{key}: {word}}}}}")

    other = ({"on_budget_exceeded", "on_tool_error_retries_exhausted"} - {key}).pop()
    assert getattr(policy.agent, key) is Escalation(word)
    assert getattr(policy.agent, other) is Escalation.HANDOFF


def test_an_unknown_escalation_does_not_load():
    assert refused("agent: {escalation: {on_budget_exceeded: handof_to_human}}") == [
        "line 1: agent.escalation.on_budget_exceeded: unknown value 'handof_to_human'; did you mean 'handoff_to_human'?"
    ]


def test_allowed_is_required_and_true_or_false():
    assert refused("tools: {issue_refund: {}}") == ["line 1: tools.issue_refund: the key allowed is missing"]
    for wrong in ("yes", "on", "1", "'true'", "null", "[true]", "", "y"):
        (problem,) = refused(f"tools: {{issue_refund: {{allowed: {wrong}}}}}")
        assert "tools.issue_refund.allowed: got " in problem
        assert problem.endswith("expected true or false")


def test_allowed_false_beats_everything():
    policy = loads(
        """
        environments: {staging: {mode: shadow}}
        tools:
          issue_refund: {allowed: false, max_amount_usd: 50, require_approval_over_usd: 25}
        """
    )

    assert said(ask(policy, {"amount_usd": 5})) == [("issue_refund.allowed", DENY)]
    assert decided(ask(policy, {"amount_usd": 30})) == DENY
    assert decided(ask(policy, {"amount_usd": 5}, environment="staging")) == DENY
    (finding,) = ask(policy, {"amount_usd": 5})
    assert finding.reason == "the policy does not allow the tool 'issue_refund'"
    assert finding.compared == {"allowed": False}


def test_a_tool_that_is_not_listed_is_denied():
    policy = loads(SEED)

    for name in ("delete_everything", "Issue_Refund", "issue_refund ", "issue_refund\x00", ""):
        (finding,) = ask(policy, {}, tool=name)
        assert (finding.rule, finding.decision.value) == ("unlisted", DENY)
    assert ask(policy, {}, tool="x")[0].compared == {"tool": "x"}
    assert ask(policy, {}, tool="x")[0].reason == ("the policy does not list the tool 'x'; names compare byte for byte")


def test_max_amount_usd_denies_what_is_more_and_equal_is_fine():
    policy = refund_policy("max_amount_usd: 50")

    assert ask(policy, '{"amount_usd": 50}') == ()
    assert ask(policy, '{"amount_usd": 50.00}') == ()
    (finding,) = ask(policy, '{"amount_usd": 50.01}')
    assert (finding.rule, finding.decision.value) == ("issue_refund.max_amount_usd", DENY)
    assert finding.reason == "amount_usd 50.01 is over the limit of 50.00 USD; no approval lifts it"
    assert {key: str(value) for key, value in finding.compared.items()} == {
        "amount_usd": "50.01",
        "max_amount_usd": "50.00",
    }


def test_no_approval_overrides_max_amount_usd():
    policy = refund_policy("max_amount_usd: 50\nrequire_approval_over_usd: 25")

    findings = ask(policy, {"amount_usd": 51})
    assert said(findings) == [
        ("issue_refund.max_amount_usd", DENY),
        ("issue_refund.require_approval_over_usd", HOLD),
    ]
    assert decided(findings) == DENY


def test_require_approval_over_usd_holds_what_is_more_and_equal_runs():
    policy = refund_policy("require_approval_over_usd: 25")

    assert decided(ask(policy, '{"amount_usd": 25}')) == ALLOW
    assert decided(ask(policy, '{"amount_usd": "25.00"}')) == ALLOW
    (finding,) = ask(policy, '{"amount_usd": 25.01}')
    assert (finding.rule, finding.decision.value) == ("issue_refund.require_approval_over_usd", HOLD)
    assert finding.reason == "amount_usd 25.01 is over 25.00 USD; a person must approve"
    assert {key: str(value) for key, value in finding.compared.items()} == {
        "amount_usd": "25.01",
        "require_approval_over_usd": "25.00",
    }


def test_require_citation_wants_at_least_one_that_resolves():
    policy = refund_policy("require_citation: true")

    (finding,) = ask(policy, {})
    assert (finding.rule, finding.decision.value) == ("issue_refund.require_citation", DENY)
    assert finding.reason == "no citation resolves to evidence retrieved in this run: none is given"
    assert finding.compared == {"resolved": 0, "required": 1, "unresolved": []}
    assert ask(policy, {}, resolved=1) == ()
    assert ask(policy, {}, resolved=2, unresolved=("x",)) == ()
    (finding,) = ask(policy, {}, unresolved=("first", "second"))
    assert finding.reason.endswith(": first")
    assert finding.compared["unresolved"] == ["first", "second"]
    assert ask(refund_policy("require_citation: false"), {}) == ()


def test_allowed_fields_is_a_superset_of_the_keys_of_the_update():
    policy = loads(SEED, tools=TOOLS)

    def update(changes: str) -> list[tuple[str, str]]:
        return said(ask(policy, f'{{"customer_id": "c1", "changes": {changes}}}', tool="update_crm_record"))

    assert update('{"email": "a@b.c", "phone": "1", "shipping_address": {"city": "X"}}') == []
    assert update('{"email": "a@b.c", "is_admin": true}') == [("update_crm_record.allowed_fields", DENY)]


def test_mode_and_row_level_security_deny_a_tool_that_declares_nothing_of_the_kind():
    policy = loads(SEED, tools=TOOLS)
    judged = judge(policy, TOOLS, call=RawCall(tool="run_sql_query", arguments={"sql": "select 1"}))

    assert said(judged.findings) == [
        ("run_sql_query.row_level_security", DENY),
        ("run_sql_query.mode", DENY),
    ]
