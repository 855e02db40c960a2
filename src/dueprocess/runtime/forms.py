"""Approvers, approvals, findings and caps in their several forms: as the policy says them, as they are considered, as recorded."""

import msgspec

from dueprocess.agent.records import BudgetExceeded
from dueprocess.approval import Approval, Escalation, Requirement
from dueprocess.gate import ApprovalRecord, FindingRecord
from dueprocess.meter import Over, Unit
from dueprocess.policy import Approvers, Finding
from dueprocess.runtime.tables import HoldRow
from dueprocess.values import canonical


def requirement_of(approvers: Approvers, *, amount: str) -> Requirement:
    """The policy's approvers as the approval room asks for them. Only the bound amount can be lowered, whatever else is named."""
    further = approvers.escalate
    return Requirement(
        name=approvers.name,
        any_of=approvers.any_of,
        all_of=approvers.all_of,
        quorum=approvers.quorum,
        expires_after=approvers.expires_after,
        execute_within=approvers.execute_within,
        editable=tuple(name for name in approvers.editable if name == amount),
        remind=approvers.remind,
        escalate=Escalation(after=further.after, to=further.to) if further is not None else None,
    )


def approvals_of(row: HoldRow) -> tuple[Approval, ...]:
    """The approvals that a hold has so far."""
    given = msgspec.json.decode(row.approvals, type=tuple[ApprovalRecord, ...])
    return tuple(Approval(by=each.by, groups=each.groups, how=each.how) for each in given)


def approval_record(approval: Approval) -> ApprovalRecord:
    """An approval as the ledger keeps it."""
    return ApprovalRecord(by=approval.by, groups=approval.groups, how=approval.how)


def exceeded_record(over: Over, unit: Unit) -> BudgetExceeded:
    """A cap that was reached, as the ledger keeps it."""
    return BudgetExceeded(
        key=over.key,
        unit=unit.value,
        limit=over.limit,
        spent=over.spent,
        reserved=over.reserved,
        asked=over.asked,
    )


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
