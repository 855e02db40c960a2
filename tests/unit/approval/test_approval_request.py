"""INVARIANT I5: an approval is for one thing, in time, by somebody who may, once; every refusal names its rule."""

from dataclasses import replace

import pytest

from dueprocess.approval import Approval, Grant, HoldRequest, Refused, Requirement, consider, covers, grant
from dueprocess.values import FOR_EVER, Duration, Instant

ANN = Approval(by="user:ann", groups=("group:finance",), how="token")
BOB = Approval(by="user:bob", groups=("group:finance",), how="token")
EVE = Approval(by="user:eve", groups=("group:interns",), how="token")

REFUNDS = Requirement(
    name="refunds", any_of=("group:finance",), expires_after=Duration(100), execute_within=Duration(10)
)
TWO = replace(REFUNDS, quorum=2)
REQUEST = HoldRequest(
    action="a1",
    digest="0123456789abcdef",
    findings=("issue_refund.require_approval_over_usd", "issue_refund.idempotency_key"),
    requesters=("agent:support", "user:dan"),
    requirement=REFUNDS,
    asked_at=Instant(1_000),
)


def answered(
    approval: Approval = ANN,
    *,
    request: HoldRequest = REQUEST,
    given: tuple[Approval, ...] = (),
    digest: str = REQUEST.digest,
    publisher: str = "user:pia",
    now: int = 1_050,
) -> tuple[Approval, ...] | Refused:
    return consider(request, approval, given=given, digest=digest, publisher=publisher, now=Instant(now))


# A request and its answers --------------------------------------------------------------------------------------------


def test_a_hold_is_open_until_its_requirement_says():
    assert REQUEST.expires_at == Instant(1_100)
    for_ever = replace(REQUEST, requirement=replace(REFUNDS, expires_after=Duration(FOR_EVER)))
    assert for_ever.expires_at == FOR_EVER


def test_an_answer_that_counts_is_added_to_those_given():
    assert answered() == (ANN,)
    assert answered(BOB, given=(ANN,)) == (ANN, BOB)


def test_i5_an_answer_counts_until_the_last_instant_and_not_one_later():
    assert answered(now=1_100) == (ANN,)
    assert answered(now=1_101) == Refused(
        rule="approval.expired",
        reason="it came too late: 1970-01-01T00:00:00.001Z, expected by 1970-01-01T00:00:00.001Z",
    )


def test_i5_an_answer_to_something_else_does_not_count():
    assert answered(digest="fedcba9876543210") == Refused(
        rule="approval.digest", reason="it has changed: shown fedcba987654, held is 0123456789ab"
    )
    for almost in ("", REQUEST.digest[:-1], REQUEST.digest + "0", REQUEST.digest.upper()):
        refused = answered(digest=almost)
        assert isinstance(refused, Refused)
        assert refused.rule == "approval.digest"


@pytest.mark.parametrize("by", ["agent:support", "user:dan"])
def test_i5_a_requester_never_approves(by: str):
    assert answered(replace(ANN, by=by)) == Refused(
        rule="approval.requester", reason=f"{by} asked for this action and may not approve it"
    )


def test_i5_the_publisher_of_the_policy_in_force_never_approves():
    assert answered(publisher="user:ann") == Refused(
        rule="approval.publisher", reason="user:ann published the policy in force and may not approve under it"
    )
    assert answered(publisher="unknown") == (ANN,)
    assert answered(replace(ANN, by="unknown"), publisher="unknown") == Refused(
        rule="approval.publisher", reason="unknown published the policy in force and may not approve under it"
    )


def test_i5_who_is_not_among_the_approvers_does_not_count():
    wanted = replace(REFUNDS, any_of=("group:finance", "user:zoe"), all_of=("group:sre",))
    assert answered(EVE, request=replace(REQUEST, requirement=wanted)) == Refused(
        rule="approval.approver", reason="user:eve is none of the approvers: group:finance, user:zoe, group:sre"
    )


def test_i5_nobody_approves_twice():
    again = replace(ANN, groups=("group:finance", "group:leads"), how="elsewhere")
    assert answered(again, given=(BOB, ANN)) == Refused(
        rule="approval.twice", reason="user:ann has approved already; each person counts once"
    )


def test_the_first_reason_against_an_answer_is_told():
    # Each row lifts one more reason, in order: in time, this, no requester, no publisher, eligible, not twice.
    wrong = replace(EVE, by="user:dan")
    given = (wrong,)
    reasons = [
        answered(wrong, given=given, digest="other", publisher="user:dan", now=1_101),
        answered(wrong, given=given, digest="other", publisher="user:dan"),
        answered(wrong, given=given, publisher="user:dan"),
        answered(wrong, given=given, publisher="user:dan", request=replace(REQUEST, requesters=())),
        answered(wrong, given=given, request=replace(REQUEST, requesters=())),
        answered(replace(ANN, by="user:dan"), given=given, request=replace(REQUEST, requesters=())),
    ]
    assert [refused.rule for refused in reasons if isinstance(refused, Refused)] == [
        "approval.expired",
        "approval.digest",
        "approval.requester",
        "approval.publisher",
        "approval.approver",
        "approval.twice",
    ]


# The grant --------------------------------------------------------------------------------------------------------


def test_a_met_requirement_leaves_a_grant_for_exactly_what_was_asked():
    assert grant(REQUEST, (ANN,), now=Instant(1_050)) == Grant(
        action="a1",
        digest="0123456789abcdef",
        findings=("issue_refund.require_approval_over_usd", "issue_refund.idempotency_key"),
        approvals=(ANN,),
        asked_at=REQUEST.asked_at,
        execute_by=Instant(1_060),
    )


def test_i5_there_is_no_grant_while_people_are_missing():
    two = replace(REQUEST, requirement=TWO)
    assert grant(two, (), now=Instant(1_050)) is None
    assert grant(two, (ANN,), now=Instant(1_050)) is None
    assert grant(two, (ANN, ANN), now=Instant(1_050)) is None
    made = grant(two, (ANN, BOB), now=Instant(1_050))
    assert made is not None
    assert made.approvals == (ANN, BOB)


def test_the_last_instant_to_run_can_always_be_written():
    for_ever = replace(REQUEST, requirement=replace(REFUNDS, execute_within=Duration(FOR_EVER)))
    made = grant(for_ever, (ANN,), now=Instant(1_050))
    assert made is not None
    assert made.execute_by == FOR_EVER


# What a grant covers --------------------------------------------------------------------------------------------------

GRANT = Grant(
    action="a1",
    digest=REQUEST.digest,
    findings=("over", "key"),
    approvals=(ANN, BOB),
    asked_at=REQUEST.asked_at,
    execute_by=Instant(2_000),
)


def covered(
    held: Grant = GRANT,
    *,
    digest: str = GRANT.digest,
    findings: tuple[str, ...] = ("over",),
    requirement: Requirement | None = REFUNDS,
    publisher: str = "user:pia",
    now: int = 1_999,
) -> Refused | None:
    return covers(
        held, digest=digest, findings=findings, requirement=requirement, publisher=publisher, now=Instant(now)
    )


def test_a_grant_covers_what_was_asked_for_and_less():
    for findings in (("over", "key"), ("key", "over"), ("key",), ("over",), ()):
        assert covered(findings=findings) is None


def test_i5_a_grant_is_used_until_its_last_instant_and_not_one_later():
    assert covered(now=2_000) is None
    late = Refused(
        rule="approval.execution_expired", reason="to run by 1970-01-01T00:00:00.002Z, it is 1970-01-01T00:00:00.002Z"
    )
    assert covered(now=2_001) == late
    assert covered(now=2_001, findings=(), requirement=None) == late


def test_i5_a_grant_is_for_one_digest():
    assert covered(digest="fedcba9876543210") == Refused(
        rule="approval.digest", reason="approved 0123456789ab, about to run fedcba987654"
    )
    other = covered(digest="", findings=(), requirement=None)
    assert other is not None
    assert other.rule == "approval.digest"


def test_i5_a_finding_that_nobody_was_asked_about_makes_a_new_hold():
    assert covered(findings=("over", "g", "f", "key", "e", "d", "c", "b", "a")) == Refused(
        rule="approval.new_finding", reason="asked for since: a, b, c, d, e, f, g"
    )
    assert covered(findings=("usd-only",), requirement=None) == Refused(
        rule="approval.new_finding", reason="asked for since: usd-only"
    )


def test_i5_approvers_that_are_stricter_now_make_a_new_hold():
    assert covered(requirement=TWO) is None
    assert covered(requirement=replace(REFUNDS, quorum=3)) == Refused(
        rule="approval.stricter", reason="approvers now: refunds x3; gave: user:ann, user:bob"
    )
    assert covered(requirement=replace(REFUNDS, name="leads", any_of=("group:leads",))) == Refused(
        rule="approval.stricter", reason="approvers now: leads x1; gave: user:ann, user:bob"
    )


def test_where_nothing_asks_for_approval_any_more_nobody_is_counted():
    three = replace(REFUNDS, quorum=3)
    assert covered(findings=(), requirement=three, publisher="user:ann") is None
    assert covered(requirement=None, publisher="user:ann") is None


def test_i5_who_published_the_policy_since_does_not_count_under_it():
    assert covered(publisher="user:ann") is None
    assert covered(requirement=TWO, publisher="user:ann") == Refused(
        rule="approval.publisher",
        reason="user:ann published the policy in force; approvers now: refunds x2; gave: user:ann, user:bob",
    )
    alone = replace(GRANT, approvals=(ANN,))
    assert covered(alone, publisher="user:bob") is None
    assert covered(alone, publisher="user:ann") == Refused(
        rule="approval.publisher",
        reason="user:ann published the policy in force; approvers now: refunds x1; gave: user:ann",
    )


def test_the_first_reason_against_a_grant_is_told():
    reasons = [
        covered(now=2_001, digest="other", findings=("new",), requirement=replace(REFUNDS, quorum=3)),
        covered(digest="other", findings=("new",), requirement=replace(REFUNDS, quorum=3)),
        covered(findings=("new",), requirement=replace(REFUNDS, quorum=3)),
        covered(requirement=replace(REFUNDS, quorum=3), publisher="user:ann"),
        covered(requirement=TWO, publisher="user:ann"),
    ]
    assert [refused.rule for refused in reasons if refused is not None] == [
        "approval.execution_expired",
        "approval.digest",
        "approval.new_finding",
        "approval.stricter",
        "approval.publisher",
    ]
