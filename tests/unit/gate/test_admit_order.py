"""The decision that counts, step by step: what each step refuses, with rule and values, and which step comes first."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dueprocess.approval import Approval, Grant, Refused, Requirement
from dueprocess.gate import (
    FREES_KEY,
    ActionState,
    Admitted,
    Denied,
    Exceeded,
    HeldFor,
    KeyUse,
    Neighbour,
    ReuseOf,
    Situation,
    Stopped,
    WaitFor,
    admit,
)
from dueprocess.meter import Gauge, Mark, Over
from dueprocess.policy import Finding, Rate, Verdict
from dueprocess.values import Duration, Instant

ANN = Approval(by="user:ann", groups=("group:finance",), how="token")
FINANCE = Requirement(name="refunds", any_of=("group:finance",), expires_after=Duration(9), execute_within=Duration(9))

DENY = Finding(rule="issue_refund.max_amount_usd", decision=Verdict.DENY, reason="51 > 50")
HOLD = Finding(rule="issue_refund.require_approval_over_usd", decision=Verdict.HOLD, reason="26 > 25")
ALSO = Finding(rule="issue_refund.rules.usd-only", decision=Verdict.HOLD, reason="EUR")
SAID = Finding(rule="issue_refund.max_amount_usd", decision=Verdict.DENY, reason="51 > 50", advisory=True)
HOLD_SAID = replace(HOLD, advisory=True)

NOW = Instant(1_000_000)
GRANT = Grant(action="a1", digest="d1", findings=(HOLD.rule,), approvals=(ANN,), asked_at=NOW, execute_by=NOW)

CLEAR = Situation(
    tool="issue_refund",
    findings=(),
    calls=Gauge(spent=3),
    calls_limit=8,
    calls_key="run:calls:r1",
    requirement=FINANCE,
    publisher="user:pia",
    now=NOW,
)
FULL_BUDGET = Gauge(spent=5, reserved=3)
OVER = Over(key="run:calls:r1", limit=8, spent=5, reserved=3, asked=1)
RATE = Rate(count=2, window=Duration(1_000))
BUSY = (Mark(at=Instant(999_500)), Mark(at=Instant(999_600)))


def same(state: ActionState, action: str = "a0") -> KeyUse:
    return KeyUse(arguments="x", others=(Neighbour(action=action, arguments="x", state=state),))


def other(state: ActionState, action: str = "a0") -> KeyUse:
    return KeyUse(arguments="x", others=(Neighbour(action=action, arguments="y", state=state),))


def test_where_nothing_speaks_against_it_the_action_runs():
    assert admit(CLEAR) == Admitted(findings=())


def test_what_a_situation_leaves_out_is_not_there():
    assert (CLEAR.stop, CLEAR.rate, CLEAR.marks, CLEAR.key) == ("", None, (), None)
    assert (CLEAR.calls_wanted, CLEAR.grant, CLEAR.grant_digest) == (1, None, "")
    assert KeyUse(arguments="x").others == ()
    assert HeldFor(findings=()).refused is None


# 1 and 5: what the call and the policy say ----------------------------------------------------------------------------


def test_a_denial_is_final_and_all_findings_come_back():
    assert admit(replace(CLEAR, findings=(HOLD, DENY, ALSO))) == Denied(findings=(HOLD, DENY, ALSO))


def test_i5_no_grant_overrides_a_denial():
    both = replace(CLEAR, findings=(HOLD, DENY), grant=GRANT, grant_digest="d1")
    assert admit(both) == Denied(findings=(HOLD, DENY))


def test_what_a_policy_in_shadow_says_is_recorded_and_not_enforced():
    assert admit(replace(CLEAR, findings=(SAID, HOLD_SAID))) == Admitted(findings=(SAID, HOLD_SAID))


# 2: stops -------------------------------------------------------------------------------------------------------------


def test_a_stopped_tool_is_denied_with_the_stop_named():
    assert admit(replace(CLEAR, stop="tool:issue_refund", findings=(HOLD,))) == Denied(
        findings=(
            HOLD,
            Finding(
                rule="stop",
                decision=Verdict.DENY,
                reason="stopped by a person: tool:issue_refund; it runs again when another person lifts the stop",
                compared={"stop": "tool:issue_refund"},
            ),
        )
    )


@pytest.mark.parametrize("stop", ["all", "agent:support", "agent:tool:x", "tool"])
def test_under_a_wider_stop_nothing_is_decided(stop: str):
    for situation in (CLEAR, replace(CLEAR, findings=(DENY,)), replace(CLEAR, key=same(ActionState.SUCCEEDED))):
        assert admit(replace(situation, stop=stop)) == Stopped(target=stop)


# 3: the rate ----------------------------------------------------------------------------------------------------------


def test_a_full_rate_denies_and_says_when_to_try_again():
    assert admit(replace(CLEAR, rate=RATE, marks=BUSY, findings=(HOLD,))) == Denied(
        findings=(
            HOLD,
            Finding(
                rule="issue_refund.rate",
                decision=Verdict.DENY,
                reason="2 + 1 > 2 in the window; retry after 1970-01-01T00:00:01.000Z",
                compared={"counted": 2, "asked": 1, "limit": 2, "retry_after": "1970-01-01T00:00:01.000Z"},
            ),
        )
    )


def test_the_rate_counts_what_is_in_its_window_and_no_more():
    assert admit(replace(CLEAR, rate=RATE, marks=BUSY[:1])) == Admitted(findings=())
    assert admit(replace(CLEAR, rate=RATE, marks=(Mark(at=Instant(999_000)), BUSY[0]))) == Admitted(findings=())
    assert isinstance(admit(replace(CLEAR, rate=RATE, marks=(Mark(at=Instant(999_001)), BUSY[0]))), Denied)
    assert admit(replace(CLEAR, marks=BUSY)) == Admitted(findings=())


def test_a_rate_over_ages_is_a_denial_like_any_other():
    ages = Rate(count=1, window=Duration(999_999_999 * 86_400 * 1_000_000))
    denied = admit(replace(CLEAR, rate=ages, marks=BUSY))
    assert isinstance(denied, Denied)
    assert denied.findings[0].compared["retry_after"] == "9999-12-31T23:59:59.000Z"


# 4 and 6: the idempotency key -----------------------------------------------------------------------------------------


def test_i4_the_same_that_has_run_is_not_run_again():
    assert admit(replace(CLEAR, key=same(ActionState.SUCCEEDED))) == ReuseOf(original="a0")


@pytest.mark.parametrize(
    "state", [ActionState.HELD, ActionState.DISPATCHED, ActionState.UNKNOWN, ActionState.UNSETTLED]
)
def test_i4_the_same_that_is_under_way_is_waited_for(state: ActionState):
    assert admit(replace(CLEAR, key=same(state))) == WaitFor(original="a0")


def test_i4_an_outcome_beats_what_is_under_way():
    others = (
        Neighbour(action="a0", arguments="x", state=ActionState.DISPATCHED),
        Neighbour(action="a2", arguments="y", state=ActionState.SUCCEEDED),
        Neighbour(action="a3", arguments="x", state=ActionState.SUCCEEDED),
        Neighbour(action="a4", arguments="x", state=ActionState.SUCCEEDED),
    )
    assert admit(replace(CLEAR, key=KeyUse(arguments="x", others=others))) == ReuseOf(original="a3")
    assert admit(replace(CLEAR, key=KeyUse(arguments="x", others=others[:2]))) == WaitFor(original="a0")


def test_of_several_under_way_the_first_is_waited_for():
    two = (*same(ActionState.DISPATCHED, "a7").others, *same(ActionState.HELD, "a8").others)
    assert admit(replace(CLEAR, key=KeyUse(arguments="x", others=two))) == WaitFor(original="a7")


def test_alone_under_its_key_an_action_runs():
    assert admit(replace(CLEAR, key=KeyUse(arguments="x"))) == Admitted(findings=())


@pytest.mark.parametrize("state", ["succeeded", "held", "unknown"])
def test_the_same_key_with_other_arguments_is_for_a_person(state: str):
    finding = Finding(
        rule="issue_refund.idempotency_key",
        decision=Verdict.HOLD,
        reason=f"the same key was used with other arguments by a0, which is {state}",
        compared={"action": "a0", "state": state},
    )
    key = other(ActionState(state))
    assert admit(replace(CLEAR, key=key)) == HeldFor(findings=(finding,))
    assert admit(replace(CLEAR, key=key, findings=(DENY,))) == Denied(findings=(DENY, finding))
    asked = replace(GRANT, findings=(finding.rule,))
    assert admit(replace(CLEAR, key=key, grant=asked, grant_digest="d1")) == Admitted(findings=(finding,))


def test_of_several_other_arguments_the_first_is_named():
    two = (*other(ActionState.HELD, "a7").others, *other(ActionState.SUCCEEDED, "a8").others)
    held = admit(replace(CLEAR, key=KeyUse(arguments="x", others=two)))
    assert isinstance(held, HeldFor)
    assert [finding.compared for finding in held.findings] == [{"action": "a7", "state": "held"}]


def test_where_the_same_is_there_other_arguments_do_not_matter():
    mixed = (*other(ActionState.SUCCEEDED, "a7").others, *same(ActionState.HELD, "a8").others)
    assert admit(replace(CLEAR, key=KeyUse(arguments="x", others=mixed))) == WaitFor(original="a8")
    assert admit(replace(CLEAR, key=KeyUse(arguments="x", others=mixed), findings=(HOLD,))) == WaitFor(original="a8")


def test_other_arguments_are_no_finding_where_the_same_is_there():
    mixed = (*other(ActionState.SUCCEEDED, "a7").others, *same(ActionState.HELD, "a8").others)
    for others in (mixed, mixed[::-1]):
        situation = replace(CLEAR, key=KeyUse(arguments="x", others=others), findings=(DENY,))
        assert admit(situation) == Denied(findings=(DENY,))


@pytest.mark.parametrize("state", sorted(FREES_KEY, key=lambda state: state.value))
def test_i4_who_has_freed_the_key_is_in_nobodys_way(state: ActionState):
    assert admit(replace(CLEAR, key=same(state))) == Admitted(findings=())
    assert admit(replace(CLEAR, key=other(state))) == Admitted(findings=())
    beside = (*same(state, "a7").others, *other(ActionState.SUCCEEDED, "a8").others)
    held = admit(replace(CLEAR, key=KeyUse(arguments="x", others=beside)))
    assert isinstance(held, HeldFor)
    assert [finding.compared for finding in held.findings] == [{"action": "a8", "state": "succeeded"}]


# 7: the budget --------------------------------------------------------------------------------------------------------


def test_i6_the_last_call_of_the_budget_runs_and_one_more_does_not():
    assert admit(replace(CLEAR, calls=Gauge(spent=5, reserved=2))) == Admitted(findings=())
    assert admit(replace(CLEAR, calls=FULL_BUDGET)) == Exceeded(over=OVER)
    assert admit(replace(CLEAR, calls=Gauge(spent=5, reserved=2), calls_wanted=2)) == Exceeded(
        over=Over(key="run:calls:r1", limit=8, spent=5, reserved=2, asked=2)
    )


def test_i6_an_attempt_that_replaces_one_lost_to_a_dead_worker_is_paid_already():
    assert admit(replace(CLEAR, calls=FULL_BUDGET, calls_wanted=0)) == Admitted(findings=())
    assert admit(replace(CLEAR, calls=Gauge(spent=9), calls_wanted=0)) == Admitted(findings=())


def test_i6_nobody_is_asked_to_approve_what_has_no_budget():
    assert admit(replace(CLEAR, calls=FULL_BUDGET, findings=(HOLD,))) == Exceeded(over=OVER)
    granted = replace(CLEAR, calls=FULL_BUDGET, findings=(HOLD,), grant=GRANT, grant_digest="d1")
    assert admit(granted) == Exceeded(over=OVER)


# 8 and 9: holds and grants --------------------------------------------------------------------------------------------


def test_i5_a_hold_waits_for_people_and_runs_under_their_grant():
    held = replace(CLEAR, findings=(HOLD, SAID))
    assert admit(held) == HeldFor(findings=(HOLD, SAID))
    assert admit(replace(held, grant=GRANT, grant_digest="d1")) == Admitted(findings=(HOLD, SAID))


GRANTED = replace(CLEAR, findings=(HOLD,), grant=GRANT, grant_digest="d1")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"now": Instant(NOW + 1)}, "approval.execution_expired"),
        ({"grant_digest": "d2"}, "approval.digest"),
        ({"grant_digest": ""}, "approval.digest"),
        ({"findings": (HOLD, ALSO)}, "approval.new_finding"),
        ({"requirement": replace(FINANCE, quorum=2)}, "approval.stricter"),
        ({"requirement": replace(FINANCE, any_of=("group:leads",))}, "approval.stricter"),
        ({"publisher": "user:ann"}, "approval.publisher"),
    ],
)
def test_i5_a_grant_that_does_not_cover_the_decision_made_now_leads_to_a_new_hold(change: Mapping[str, Any], rule: str):
    held = admit(replace(GRANTED, **change))
    assert isinstance(held, HeldFor)
    assert held.findings == change.get("findings", (HOLD,))
    assert held.refused is not None
    assert held.refused.rule == rule


def test_i5_what_makes_the_new_hold_is_told():
    assert admit(replace(GRANTED, grant_digest="d2")) == HeldFor(
        findings=(HOLD,), refused=Refused(rule="approval.digest", reason="approved d1, about to run d2")
    )


def test_i5_neither_advisory_nor_other_findings_need_a_grant():
    assert admit(replace(GRANTED, findings=(HOLD, replace(ALSO, advisory=True), SAID))) == Admitted(
        findings=(HOLD, replace(ALSO, advisory=True), SAID)
    )
    said = Finding(rule="issue_refund.noted", decision=Verdict.ALLOW, reason="noted")
    assert admit(replace(GRANTED, findings=(HOLD, said))) == Admitted(findings=(HOLD, said))


def test_a_grant_that_nothing_asks_for_any_more_is_in_nobodys_way():
    assert admit(replace(GRANTED, findings=(), now=Instant(NOW + 1))) == Admitted(findings=())


# The order ------------------------------------------------------------------------------------------------------------


def test_the_first_step_that_refuses_decides_and_the_findings_of_all_are_there():
    everything = replace(
        CLEAR,
        findings=(HOLD, DENY),
        stop="all",
        rate=RATE,
        marks=BUSY,
        key=same(ActionState.SUCCEEDED),
        calls=FULL_BUDGET,
    )
    assert admit(everything) == Stopped(target="all")
    denied = admit(replace(everything, stop="tool:issue_refund", key=other(ActionState.HELD)))
    assert isinstance(denied, Denied)
    assert [finding.rule for finding in denied.findings] == [
        "issue_refund.require_approval_over_usd",
        "issue_refund.max_amount_usd",
        "stop",
        "issue_refund.rate",
        "issue_refund.idempotency_key",
    ]
    for reason in ({"findings": (DENY,)}, {"stop": "tool:issue_refund"}, {"rate": RATE, "marks": BUSY}):
        refused = replace(CLEAR, key=same(ActionState.SUCCEEDED), calls=FULL_BUDGET, **reason)
        assert isinstance(admit(refused), Denied)
    assert admit(replace(CLEAR, findings=(HOLD,), key=same(ActionState.SUCCEEDED), calls=FULL_BUDGET)) == ReuseOf(
        original="a0"
    )
    assert admit(replace(CLEAR, findings=(HOLD,), key=same(ActionState.HELD), calls=FULL_BUDGET)) == WaitFor(
        original="a0"
    )
    assert admit(replace(CLEAR, findings=(HOLD,), key=other(ActionState.HELD), calls=FULL_BUDGET)) == Exceeded(
        over=OVER
    )
