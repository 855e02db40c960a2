"""Approvers, requests and approvals in their three forms: as the policy says them, as they are considered, as they are recorded."""

from dueprocess.approval import Approval, HoldRequest, Requirement
from dueprocess.gate import ActionHeld, ApprovalRecord, FindingRecord, RequirementRecord
from dueprocess.policy import Approvers, Finding, Verdict
from dueprocess.values import Duration, Instant, canonical


def request_of(held: ActionHeld, *, action: str, asked_at: Instant) -> HoldRequest:
    """A recorded hold as the approval room considers it."""
    asked = held.requirement
    return HoldRequest(
        action=action,
        digest=held.digest,
        findings=tuple(f.rule for f in held.findings if f.decision == Verdict.HOLD.value and not f.advisory),
        requesters=held.requesters,
        requirement=Requirement(
            name=asked.name,
            any_of=asked.any_of,
            all_of=asked.all_of,
            quorum=asked.quorum,
            expires_after=Duration(asked.expires_after),
            execute_within=Duration(asked.execute_within),
            editable=asked.editable,
        ),
        asked_at=asked_at,
    )


def requirement_of(approvers: Approvers, *, amount: str) -> Requirement:
    """The policy's approvers as the approval room asks for them. Only the bound amount can be lowered, whatever else is named."""
    return Requirement(
        name=approvers.name,
        any_of=approvers.any_of,
        all_of=approvers.all_of,
        quorum=approvers.quorum,
        expires_after=approvers.expires_after,
        execute_within=approvers.execute_within,
        editable=tuple(name for name in approvers.editable if name == amount),
    )


def requirement_record(requirement: Requirement) -> RequirementRecord:
    """A requirement as the ledger keeps it."""
    return RequirementRecord(
        name=requirement.name,
        any_of=requirement.any_of,
        all_of=requirement.all_of,
        quorum=requirement.quorum,
        expires_after=requirement.expires_after,
        execute_within=requirement.execute_within,
        editable=requirement.editable,
    )


def approval_record(approval: Approval) -> ApprovalRecord:
    """An approval as the ledger keeps it."""
    return ApprovalRecord(by=approval.by, groups=approval.groups, how=approval.how)


def finding_records(findings: tuple[Finding, ...]) -> tuple[FindingRecord, ...]:
    """Findings as the ledger keeps them."""
    return tuple(
        FindingRecord(
            rule=finding.rule,
            decision=finding.decision.value,
            reason=finding.reason,
            compared=canonical(dict(finding.compared)),
            advisory=finding.advisory,
        )
        for finding in findings
    )
