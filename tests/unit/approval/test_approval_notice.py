"""What falls due while a hold waits, and whom it goes to then."""

from dataclasses import replace

import pytest

from dueprocess.approval import (
    Approval,
    Escalation,
    Grant,
    HoldRequest,
    Notice,
    Refused,
    Requirement,
    after,
    consider,
    covers,
    eligible,
    grant,
    notices,
    reached,
)
from dueprocess.values import Duration, Instant

ANN = Approval(by="user:ann", groups=("group:finance",))
BOB = Approval(by="user:bob", groups=("group:bosses",))
ALONE = Requirement(name="refunds", any_of=("group:finance",), expires_after=Duration(100), execute_within=Duration(10))
ASKED = replace(ALONE, escalate=Escalation(after=Duration(40), to="group:bosses"), remind=(Duration(70), Duration(30)))
REQUEST = HoldRequest(
    action="a1", digest="d", findings=("over",), requesters=("user:dan",), requirement=ASKED, asked_at=Instant(1_000)
)


def test_what_falls_due_comes_in_the_order_of_time():
    assert notices(ASKED, asked_at=Instant(1_000)) == (
        Notice(at=Instant(1_030)),
        Notice(at=Instant(1_040), to="group:bosses"),
        Notice(at=Instant(1_070)),
    )
    assert notices(ALONE, asked_at=Instant(1_000)) == ()


def test_at_one_instant_the_reminder_comes_first():
    at_once = replace(ASKED, remind=(Duration(40),))
    assert [notice.to for notice in notices(at_once, asked_at=Instant(0))] == ["", "group:bosses"]


def test_nothing_falls_due_after_the_hold_has_expired():
    late = replace(
        ASKED, remind=(Duration(100), Duration(101)), escalate=Escalation(after=Duration(101), to="group:bosses")
    )
    assert notices(late, asked_at=Instant(5)) == (Notice(at=Instant(105)),)


@pytest.mark.parametrize(("waited", "may"), [(0, False), (39, False), (40, True), (41, True)])
def test_i5_whom_it_escalates_to_is_asked_from_that_instant_on(waited: int, *, may: bool):
    asked = after(ASKED, Duration(waited))
    assert eligible(asked, BOB) is may
    assert reached(asked, (BOB,)) is may
    assert reached(asked, (ANN,))
    assert REQUEST.asks(Instant(1_000 + waited)) == asked


def test_i5_a_hold_that_escalates_to_nobody_never_asks_anybody_else():
    assert after(ALONE, Duration(10**15)) == ALONE


def test_i5_whom_it_escalates_to_counts_for_the_quorum_and_for_no_entry_of_all_of():
    both = replace(ASKED, any_of=(), all_of=("group:finance", "user:eve"), quorum=2)
    eve, far = Approval(by="user:eve"), Approval(by="user:far", groups=("group:bosses",))
    assert not reached(after(both, Duration(40)), (BOB, far))
    assert not reached(after(both, Duration(40)), (ANN, BOB))
    assert reached(after(both, Duration(40)), (ANN, eve))
    three = replace(both, quorum=3)
    assert not reached(after(three, Duration(39)), (ANN, eve, BOB))
    assert reached(after(three, Duration(40)), (ANN, eve, BOB))


def test_i5_their_answer_counts_from_then_on_and_says_before_who_is_asked():
    early = consider(REQUEST, BOB, given=(), digest="d", publisher="", now=Instant(1_039))
    assert early == Refused(rule="approval.approver", reason="user:bob is none of the approvers: group:finance")
    assert consider(REQUEST, BOB, given=(), digest="d", publisher="", now=Instant(1_040)) == (BOB,)
    other = Approval(by="user:zed")
    late = consider(REQUEST, other, given=(), digest="d", publisher="", now=Instant(1_040))
    assert isinstance(late, Refused)
    assert late.reason == "user:zed is none of the approvers: group:finance, group:bosses"


def test_i5_their_approval_leaves_a_grant_that_knows_since_when_people_were_asked():
    assert grant(REQUEST, (BOB,), now=Instant(1_039)) is None
    made = grant(REQUEST, (BOB,), now=Instant(1_040))
    assert made is not None
    assert (made.asked_at, made.execute_by) == (Instant(1_000), Instant(1_050))


@pytest.mark.parametrize(
    ("in_force", "covered"),
    [
        (ASKED, True),
        (replace(ASKED, escalate=Escalation(after=Duration(45), to="group:bosses")), True),
        (replace(ASKED, escalate=Escalation(after=Duration(46), to="group:bosses")), False),
        (replace(ASKED, escalate=Escalation(after=Duration(40), to="group:others")), False),
        (ALONE, False),
    ],
)
def test_i5_a_grant_of_theirs_covers_what_the_policy_in_force_would_have_asked_them_too(
    in_force: Requirement, *, covered: bool
):
    held = Grant(
        action="a1",
        digest="d",
        findings=("over",),
        approvals=(BOB,),
        asked_at=Instant(1_000),
        execute_by=Instant(1_050),
    )
    refused = covers(held, digest="d", findings=("over",), requirement=in_force, publisher="", now=Instant(1_045))
    assert (refused is None) is covered
    assert refused is None or refused.rule == "approval.stricter"
