"""The request to a person, their answer, and the grant an approval leaves. Where they are kept is not known here.

Rule 1. An approval is a capability: for one digest of (tool, schema, arguments, principal, run, evidence, findings),
        until one instant, once (I5).
Rule 2. The approver is authenticated, eligible, and neither requester nor publisher of the policy in force.
Rule 3. Deadlines use the later of the clock and the last event: a clock going backwards un-expires nothing.
Rule 4. A grant is used only while the requirement in force is met by the people who gave it, without the publisher of
        the policy in force: who loosens the rules does not count under them.
"""

from dataclasses import dataclass

from dueprocess.approval.quorum import Approval, Requirement, after, eligible, reached
from dueprocess.values import Duration, Instant, later, rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest:
    """What people are asked: one action, exactly as it would run. `requesters` may not approve it."""

    action: str
    digest: str
    findings: tuple[str, ...]
    requesters: tuple[str, ...]
    requirement: Requirement
    asked_at: Instant

    @property
    def expires_at(self) -> Instant:
        """The last instant at which an answer counts."""
        return later(self.asked_at, self.requirement.expires_after)

    def asks(self, now: Instant) -> Requirement:
        """Who may answer at this instant: those it escalates to as well, once it has waited long enough."""
        return after(self.requirement, Duration(now - self.asked_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An answer that does not count: the rule and why, with the values compared."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a met requirement leaves: the right to run exactly this once until `execute_by`.

    `asked_at` is when people were asked: what they were asked at first and what later is told by it.
    """

    action: str
    digest: str
    findings: tuple[str, ...]
    approvals: tuple[Approval, ...]
    asked_at: Instant
    execute_by: Instant


def consider(
    request: HoldRequest,
    approval: Approval,
    *,
    given: tuple[Approval, ...],
    digest: str,
    publisher: str,
    now: Instant,
) -> tuple[Approval, ...] | Refused:
    """Adds an approval to those given, or says why it does not count.

    `digest` is what the approver was shown; `now` is the later of the clock and the last event of the run.
    """
    # 1. in time  2. for exactly this  3. not a requester  4. not the publisher  5. eligible  6. not twice
    if now > request.expires_at:
        return Refused(
            rule="approval.expired",
            reason=f"it came too late: {rfc3339(now)}, expected by {rfc3339(request.expires_at)}",
        )
    if digest != request.digest:
        return Refused(
            rule="approval.digest", reason=f"it has changed: shown {digest[:12]}, held is {request.digest[:12]}"
        )
    if approval.by in request.requesters:
        return Refused(rule="approval.requester", reason=f"{approval.by} asked for this action and may not approve it")
    if approval.by == publisher:
        return Refused(
            rule="approval.publisher",
            reason=f"{approval.by} published the policy in force and may not approve under it",
        )
    asked = request.asks(now)
    if not eligible(asked, approval):
        wanted = ", ".join(asked.any_of + asked.all_of)
        return Refused(rule="approval.approver", reason=f"{approval.by} is none of the approvers: {wanted}")
    if any(earlier.by == approval.by for earlier in given):
        return Refused(rule="approval.twice", reason=f"{approval.by} has approved already; each person counts once")
    return (*given, approval)


def grant(request: HoldRequest, approvals: tuple[Approval, ...], *, now: Instant) -> Grant | None:
    """The grant, once the requirement is met; None while more people are needed."""
    if not reached(request.asks(now), approvals):
        return None
    return Grant(
        action=request.action,
        digest=request.digest,
        findings=request.findings,
        approvals=approvals,
        asked_at=request.asked_at,
        execute_by=later(now, request.requirement.execute_within),
    )


def covers(
    held: Grant,
    *,
    digest: str,
    findings: tuple[str, ...],
    requirement: Requirement | None,
    publisher: str,
    now: Instant,
) -> Refused | None:
    """Whether a grant lets this decision run: None if it does, else why not (rules 1, 3 and 4).

    `findings` are the hold findings of the decision made now; each must have been asked for. `requirement` and
    `publisher` are those in force now, the first None where the policy no longer asks for approval. `digest` covers all
    but the findings.
    """
    # 1. in time  2. exactly this  3. nothing new is asked  4. the people still suffice  5. without the publisher
    if now > held.execute_by:
        return Refused(
            rule="approval.execution_expired", reason=f"to run by {rfc3339(held.execute_by)}, it is {rfc3339(now)}"
        )
    if digest != held.digest:
        return Refused(rule="approval.digest", reason=f"approved {held.digest[:12]}, about to run {digest[:12]}")
    new = sorted(set(findings) - set(held.findings))
    if new:
        return Refused(rule="approval.new_finding", reason=f"asked for since: {', '.join(new)}")
    if requirement is None or not findings:
        return None
    requirement = after(requirement, Duration(now - held.asked_at))
    people = ", ".join(approval.by for approval in held.approvals)
    wanted = f"approvers now: {requirement.name} x{requirement.quorum}; gave: {people}"
    if not reached(requirement, held.approvals):
        return Refused(rule="approval.stricter", reason=wanted)
    if not reached(requirement, tuple(approval for approval in held.approvals if approval.by != publisher)):
        return Refused(rule="approval.publisher", reason=f"{publisher} published the policy in force; {wanted}")
    return None
