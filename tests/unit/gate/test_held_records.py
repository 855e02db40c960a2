"""A hold as it is recorded and as people are asked: the same, there and back, whatever stands in it."""

from dueprocess.approval import Escalation, Requirement
from dueprocess.gate import (
    ActionHeld,
    CallRecord,
    FindingRecord,
    RequirementRecord,
)
from dueprocess.gate.held import request_of, requirement_record
from dueprocess.values import Duration, Instant

ALL = Requirement(
    name="refunds",
    any_of=("group:finance", "user:eve"),
    all_of=("group:sre",),
    quorum=3,
    expires_after=Duration(100),
    execute_within=Duration(10),
    editable=("amount_usd",),
    remind=(Duration(30), Duration(60)),
    escalate=Escalation(after=Duration(50), to="group:bosses"),
)
LEAST = Requirement(name="default", any_of=("group:finance",), expires_after=Duration(1), execute_within=Duration(2))


def held(requirement: RequirementRecord) -> ActionHeld:
    findings = (
        FindingRecord(rule="pay.over", decision="hold", reason="30 > 25"),
        FindingRecord(rule="pay.rules.said", decision="hold", reason="shadow", advisory=True),
        FindingRecord(rule="pay.key", decision="hold", reason="used"),
    )
    return ActionHeld(
        call=CallRecord(tool="pay", arguments="{}", schema="s", principal="agent:a", cause=1, index=0),
        findings=findings,
        digest="d",
        requirement=requirement,
        requesters=("agent:a", "user:dan"),
        expires_at=1_100,
    )


def test_what_was_asked_reads_back_as_it_was_recorded():
    for requirement in (ALL, LEAST):
        request = request_of(held(requirement_record(requirement)), action="a1", asked_at=Instant(1_000))
        assert request.requirement == requirement
        assert (request.action, request.digest, request.asked_at) == ("a1", "d", Instant(1_000))
        assert request.requesters == ("agent:a", "user:dan")


def test_people_are_asked_for_the_hold_findings_that_count():
    request = request_of(held(requirement_record(LEAST)), action="a1", asked_at=Instant(1_000))
    assert request.findings == ("pay.over", "pay.key")


def test_a_hold_recorded_before_there_was_escalation_goes_to_nobody_else():
    record = RequirementRecord(name="n", any_of=("group:g",), quorum=1, expires_after=5, execute_within=6)
    asked = request_of(held(record), action="a1", asked_at=Instant(0)).requirement
    assert (asked.escalate, asked.remind) == (None, ())
