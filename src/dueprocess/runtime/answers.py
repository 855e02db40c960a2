"""What people say to an action: approve, reject, edit, settle. Each is authenticated before it comes here, and is an event (I5).

Rule 1. An answer is considered in the transaction that records it: two people, or one person twice, cannot both be last.
Rule 2. An answer that does not count is recorded too, with the rule that refused it.
Rule 3. What waits for the word of whoever it is done for waits for nobody else: approvers are asked once that is given.
Rule 4. An edit is a new revision, decided from the start; it approves only if it does nothing but lower what may be lowered.
"""

from dataclasses import dataclass
from decimal import Decimal

from dueprocess.approval import Approval, HoldRequest, Refused, consider, eligible, grant
from dueprocess.errors import Conflict, NotFound
from dueprocess.gate import (
    ActionEdited,
    ActionHeld,
    ActionSettled,
    ActionState,
    ActionSuperseded,
    ApprovalGiven,
    ApprovalRecord,
    ApprovalRefused,
    ApprovalRejected,
    Outcome,
    SettledBy,
)
from dueprocess.gate.confirm import asks
from dueprocess.gate.held import request_of
from dueprocess.gate.records import ActionConfirmed, ValueEndorsed
from dueprocess.ledger import Reader, Transaction
from dueprocess.policy.arguments import MISSING, find
from dueprocess.provenance import token_of
from dueprocess.runtime.forms import approvals_of
from dueprocess.runtime.journal import Item, is_own, message, own_run
from dueprocess.runtime.left_behind import unsettle
from dueprocess.runtime.notices import fallen_due
from dueprocess.runtime.policies import publisher
from dueprocess.runtime.shell import Shell
from dueprocess.runtime.tables import ACTIONS, HOLDS, HoldRow
from dueprocess.tool import CITATIONS
from dueprocess.values import Instant, Json, RunId, action_id, canonical, parse, read_amount

_LOST = frozenset({ActionState.DISPATCHED.value, ActionState.UNKNOWN.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whom identity vouched for: `user:NAME`, the groups they are in, and how that was established."""

    id: str
    groups: frozenset[str] = frozenset()
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of an answer. `refused` is None if it counts; `complete` if nobody else needs to be asked."""

    refused: Refused | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCard:
    """A hold as a person is shown it: the request, what was said so far, and the call."""

    row: HoldRow
    held: ActionHeld
    request: HoldRequest
    given: tuple[Approval, ...]
    revision_of: str
    epoch: int


def card(tx: Reader, action: str, *, tenant: str) -> HoldCard:
    """The card of a hold.

    Raises:
        NotFound: the tenant has no such hold, or its run was erased.
    """
    row = tx.get(HOLDS, action)
    if row is None or not is_own(tx, row.run, tenant=tenant):
        raise NotFound(f"no hold of action {action} here; `due approvals list` shows those there are")
    held = next((e for e in reversed(tx.lineage(action)) if isinstance(e.record, ActionHeld)), None)
    if held is None or not isinstance(held.record, ActionHeld):
        raise NotFound(f"the content of action {action} was erased")
    return HoldCard(
        row=row,
        held=held.record,
        request=request_of(held.record, action=action, asked_at=Instant(held.envelope.at)),
        given=approvals_of(row),
        revision_of=held.record.replaces,
        epoch=held.envelope.epoch,
    )


def approve(shell: Shell, action: str, *, person: Person, digest: str | None = None) -> Answered:
    """Approves a hold as shown under `digest` (default: as it is held now).

    Raises:
        NotFound: no such hold. Conflict: it is not open any more.
    """

    def unit(tx: Transaction) -> Answered:
        found, now = _open_card(tx, shell, action)
        if awaits_confirmation(found.held):
            who = found.held.call.on_behalf_of
            refused = Refused(rule="approval.confirm", reason=f"{who} has yet to confirm it; approvers are asked after")
            return _refuse(tx, shell, found, person=person, refused=refused, now=now)
        answer = consider(
            found.request,
            _approval(person),
            given=found.given,
            digest=digest if digest is not None else found.row.digest,
            publisher=publisher(tx, found.row.agent, tenant=shell.tenant),
            now=now,
        )
        if isinstance(answer, Refused):
            return _refuse(tx, shell, found, person=person, refused=answer, now=now)
        made = grant(found.request, answer, now=now)
        record = ApprovalGiven(
            approval=_record(person), digest=found.row.digest, execute_by=made.execute_by if made is not None else 0
        )
        message(tx, found.row.run, [Item(record=record, action=action)], tenant=shell.tenant, now=now)
        return Answered(complete=made is not None)

    return shell.store.write(unit)


def confirm(shell: Shell, action: str, *, person: Person, digest: str | None = None) -> Answered:
    """Says yes to a held call as whoever it is done for, as shown under `digest` (default: as it is held now).

    Good for this call, once, as long as the policy says; the action is decided again, and held only for what else speaks
    against it. Only the person on whose behalf the call is made can say it.

    Raises:
        NotFound: no such hold. Conflict: it is not open any more, or does not wait for this.
    """

    def unit(tx: Transaction) -> Answered:
        found, now = _open_card(tx, shell, action)
        call = found.held.call
        if not awaits_confirmation(found.held):
            raise Conflict(f"{action} does not wait for a confirmation; `due approvals show {action}` says for what")
        shown = found.row.digest if digest is None else digest
        if person.id != call.on_behalf_of:
            reason = f"{person.id} is not {call.on_behalf_of}, for whom it is done"
            refused = Refused(rule="confirmation.requester", reason=reason)
        elif shown != found.row.digest:
            reason = f"it has changed: shown {shown[:12]}, held is {found.row.digest[:12]}"
            refused = Refused(rule="approval.digest", reason=reason)
        elif now > found.request.expires_at:
            refused = Refused(rule="approval.expired", reason="it came too late; the hold has expired")
        else:
            record = ActionConfirmed(tool=call.tool, arguments=call.arguments, by=person.id, how=person.how)
            message(tx, found.row.run, [Item(record=record, action=action)], tenant=shell.tenant, now=now)
            return Answered(complete=True)
        return _refuse(tx, shell, found, person=person, refused=refused, now=now)

    return shell.store.write(unit)


def awaits_confirmation(held: ActionHeld) -> bool:
    """Whether a hold waits for the word of whoever it is done for."""
    return asks(held.call.tool, held.findings)


def reject(shell: Shell, action: str, *, person: Person, reason: str = "") -> Answered:
    """Rejects a hold for good. One eligible person suffices; a requester may withdraw what they asked for.

    Raises:
        NotFound: no such hold. Conflict: it is not open any more.
    """

    def unit(tx: Transaction) -> Answered:
        found, now = _open_card(tx, shell, action)
        asked = found.request.asks(now)
        if not eligible(asked, _approval(person)) and person.id not in found.request.requesters:
            wanted = ", ".join(asked.any_of + asked.all_of)
            refused = Refused(rule="approval.approver", reason=f"{person.id} is none of the approvers: {wanted}")
            return _refuse(tx, shell, found, person=person, refused=refused, now=now)
        record = ApprovalRejected(by=person.id, how=person.how, reason=reason)
        message(tx, found.row.run, [Item(record=record, action=action)], tenant=shell.tenant, now=now)
        return Answered(complete=True)

    return shell.store.write(unit)


def endorse(shell: Shell, action: str, *, person: Person, argument: str) -> Answered:
    """Vouches for the value that a held action has in an argument, for the rest of the run; the action is decided again.

    Only where the hold asks for it: its finding says that this value is not vouched. One eligible approver suffices, so that
    it is refused where more than one person is asked for; whoever asked, or published the policy in force, may not.

    Raises:
        NotFound: no such hold. Conflict: it is not open any more, or it is not held for this argument.
    """

    def unit(tx: Transaction) -> Answered:
        found, now = _open_card(tx, shell, action)
        call, asks = found.held.call, unvouched(found.held)
        if argument not in asks:
            held_for = ", ".join(asks) or "none"
            raise Conflict(f"{action} is not held for where its {argument!a} comes from; it is for: {held_for}")
        asked = found.request.asks(now)
        answer = consider(
            found.request,
            _approval(person),
            given=(),
            digest=found.row.digest,
            publisher=publisher(tx, found.row.agent, tenant=shell.tenant),
            now=now,
        )
        if not isinstance(answer, Refused) and (asked.quorum > 1 or len(asked.all_of) > 1):
            people = max(asked.quorum, len(asked.all_of))
            reason = f"{people} people are asked for, and an endorsement is one person's; expected approvals"
            answer = Refused(rule="approval.quorum", reason=reason)
        if isinstance(answer, Refused):
            return _refuse(tx, shell, found, person=person, refused=answer, now=now)
        value = asks[argument]
        record = ValueEndorsed(tool=call.tool, argument=argument, value=value, by=person.id, how=person.how)
        message(tx, found.row.run, [Item(record=record, action=action)], tenant=shell.tenant, now=now)
        return Answered(complete=True)

    return shell.store.write(unit)


def unvouched(held: ActionHeld) -> dict[str, str]:
    """The arguments that a hold asks to be vouched for, each with its one value as JSON text."""
    arguments = parse(held.call.arguments)
    found: dict[str, str] = {}
    for finding in held.findings:
        compared = parse(finding.compared)
        name = compared.get("argument") if isinstance(compared, dict) else None
        if finding.rule != f"{held.call.tool}.control" or finding.advisory or not isinstance(name, str):
            continue
        value = find(arguments, tuple(name.split("."))) if isinstance(arguments, dict) else MISSING
        # A list holds several values: each of them would have to be named, and is approved or edited instead.
        if isinstance(value, (str, int, Decimal)) and token_of(value) is not None:
            found[name] = canonical(value)
    return found


def edit(shell: Shell, action: str, *, person: Person, arguments: dict[str, Json]) -> Answered:
    """Replaces a hold by a new revision with these arguments, which the gate decides from the start.

    Only an eligible approver may edit. The editor becomes a requester, unless the edit only lowers editable amounts and the
    editor was asked from the beginning: whom a hold escalates to is asked of the new one only when that has waited too.

    Raises:
        NotFound: no such hold. Conflict: it is not open any more. BadValue: the arguments are not JSON.
    """
    text = canonical(arguments)

    def unit(tx: Transaction) -> Answered:
        found, now = _open_card(tx, shell, action)
        call = found.held.call
        asked, editor = found.request.requirement, _approval(person)
        if not eligible(found.request.asks(now), editor) or person.id in found.request.requesters:
            refused = Refused(rule="approval.approver", reason=f"{person.id} may not edit this action")
            return _refuse(tx, shell, found, person=person, refused=refused, now=now)
        # The card shows the arguments without their citations; what was cited still stands.
        cited = canonical({CITATIONS: parse(call.citations), **arguments}) if call.citations else text
        lowers = lowers_only(parse(call.arguments), arguments, editable=asked.editable)
        approves = lowers and eligible(asked, editor)
        next_id = action_id(run=RunId(found.row.run), cause=call.cause, index=call.index, revision=call.revision + 1)
        records = (
            Item(record=ActionEdited(by=_record(person), arguments=cited, approves=approves), action=action),
            Item(record=ActionSuperseded(by=next_id, reason=f"edited by {person.id}"), action=action),
        )
        message(tx, found.row.run, records, tenant=shell.tenant, now=now)
        return Answered(complete=approves)

    return shell.store.write(unit)


def settle(shell: Shell, action: str, *, person: Person, outcome: Outcome, note: str = "") -> None:
    """Settles an action whose outcome nobody else can tell, also after its run has ended.

    Raises:
        NotFound: no such action. Conflict: somebody else can still tell, or the outcome is neither succeeded nor failed.
    """
    if outcome not in {Outcome.SUCCEEDED, Outcome.FAILED}:
        raise Conflict(f"an action is settled as succeeded or failed, not as {outcome.value}")

    def unit(tx: Transaction) -> None:
        row = tx.get(ACTIONS, action)
        if row is None:
            raise NotFound(f"no action {action} here")
        run = own_run(tx, row.run, tenant=shell.tenant)
        now = shell.clock.now()
        if row.state in _LOST and not run.queue:
            # No driver will ever find out: the program that guards the run was the only one who could.
            unsettle(tx, run, row, now=now)
        elif row.state != ActionState.UNSETTLED.value:
            raise Conflict(f"action {action} is {row.state}; only an unsettled one needs a person to settle it")
        record = ActionSettled(
            outcome=outcome,
            by=SettledBy.PERSON,
            result=canonical({"settled_by": person.id, "note": note}),
            error="" if outcome is Outcome.SUCCEEDED else "settled as failed by a person",
            person=person.id,
            how=person.how,
        )
        item = Item(record=record, action=action, attempt=row.attempt)
        message(tx, row.run, [item], tenant=shell.tenant, now=now, ended=True)

    shell.store.write(unit)


def lowers_only(before: Json, after: Json, *, editable: tuple[str, ...]) -> bool:
    """Whether `after` differs from `before` only in editable top-level amounts, each lowered and above nothing."""
    if not isinstance(before, dict) or not isinstance(after, dict) or before.keys() != after.keys():
        return False
    changed = [key for key in before if canonical(before[key]) != canonical(after[key])]
    return bool(changed) and all(key in editable and _is_lower(before[key], after[key]) for key in changed)


def _is_lower(before: Json, after: Json) -> bool:
    old, new = read_amount(before), read_amount(after)
    return old is not None and new is not None and new < old


def _open_card(tx: Transaction, shell: Shell, action: str) -> tuple[HoldCard, Instant]:
    found = card(tx, action, tenant=shell.tenant)
    if not found.row.open:
        state = tx.get(ACTIONS, action)
        raise Conflict(f"the hold of {action} is closed: it is {state.state if state is not None else 'gone'}")
    if found.row.execute_by:
        raise Conflict(f"{action} has all its approvals already; another one has no effect")
    row = own_run(tx, found.row.run, tenant=shell.tenant)
    now = Instant(max(shell.clock.now(), row.at))
    message(tx, found.row.run, fallen_due(tx.lineage(action), now=now), tenant=shell.tenant, now=now)
    return found, now


def _refuse(
    tx: Transaction, shell: Shell, found: HoldCard, *, person: Person, refused: Refused, now: Instant
) -> Answered:
    record = ApprovalRefused(by=person.id, how=person.how, rule=refused.rule, reason=refused.reason)
    message(tx, found.row.run, [Item(record=record, action=found.row.action)], tenant=shell.tenant, now=now)
    return Answered(refused=refused)


def _approval(person: Person) -> Approval:
    return Approval(by=person.id, groups=tuple(sorted(person.groups)), how=person.how)


def _record(person: Person) -> ApprovalRecord:
    return ApprovalRecord(by=person.id, groups=tuple(sorted(person.groups)), how=person.how)
