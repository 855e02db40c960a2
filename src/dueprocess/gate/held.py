"""A hold between its record and the approval room: what the ledger keeps of it is what people are asked, and when."""

from dueprocess.approval import Escalation, HoldRequest, Requirement
from dueprocess.gate.records import ActionHeld, RequirementRecord
from dueprocess.policy import Verdict
from dueprocess.values import Duration, Instant


def request_of(held: ActionHeld, *, action: str, asked_at: Instant) -> HoldRequest:
    """A recorded hold as the approval room considers it."""
    return HoldRequest(
        action=action,
        digest=held.digest,
        findings=tuple(f.rule for f in held.findings if f.decision == Verdict.HOLD.value and not f.advisory),
        requesters=held.requesters,
        requirement=_requirement(held.requirement),
        asked_at=asked_at,
    )


def requirement_record(requirement: Requirement) -> RequirementRecord:
    """A requirement as the ledger keeps it."""
    further = requirement.escalate
    return RequirementRecord(
        name=requirement.name,
        any_of=requirement.any_of,
        all_of=requirement.all_of,
        quorum=requirement.quorum,
        expires_after=requirement.expires_after,
        execute_within=requirement.execute_within,
        editable=requirement.editable,
        remind=requirement.remind,
        escalate_after=further.after if further is not None else 0,
        escalate_to=further.to if further is not None else "",
    )


def _requirement(record: RequirementRecord) -> Requirement:
    to = record.escalate_to
    return Requirement(
        name=record.name,
        any_of=record.any_of,
        all_of=record.all_of,
        quorum=record.quorum,
        expires_after=Duration(record.expires_after),
        execute_within=Duration(record.execute_within),
        editable=record.editable,
        remind=tuple(map(Duration, record.remind)),
        escalate=Escalation(after=Duration(record.escalate_after), to=to) if to else None,
    )
