"""Deciding one action inside the transaction that writes its intent: reads the situation, asks the gate, records the answer.

Rule 1. Decision, reservation, grant consumed and intent are one transaction (design section 5, commit 1).
Rule 2. An action that was dispatched before and may not run again becomes a new revision: the old one keeps its outcome.
Rule 3. An attempt whose outcome is lost is repeated under its own key or given to a person; it gets no new revision (I4).
Rule 4. What is digested for an approval is exactly what will run: tool, schema, arguments, principal, run, evidence, findings.
"""

from dataclasses import dataclass, replace

import msgspec

from dueprocess.agent import Pending, Status
from dueprocess.approval import Approval, Grant, Refused, Requirement, consider, grant
from dueprocess.gate import (
    ActionDenied,
    ActionDispatched,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionSuperseded,
    ActionWaiting,
    Admission,
    Admitted,
    ApprovalGiven,
    CallRecord,
    Denied,
    Exceeded,
    HeldFor,
    Judgement,
    KeyRecord,
    MarkRecord,
    Outcome,
    RawCall,
    ReuseOf,
    SettledBy,
    Situation,
    Stopped,
    WaitFor,
    admit,
    judge,
)
from dueprocess.gate.held import request_of, requirement_record
from dueprocess.gate.records import UseRecord
from dueprocess.ledger import Reader
from dueprocess.meter import Unit
from dueprocess.policy import Mode, Principal, Verdict
from dueprocess.policy.call import member_of
from dueprocess.runtime.desk import (
    LIMITS,
    Desk,
    amount_of,
    calls_of,
    grant_of,
    key_use,
    marks_of,
    rate_key,
    rate_of,
    result_of,
    stop_over,
    window_key,
    windows_of,
)
from dueprocess.runtime.forms import approval_record, exceeded_record, finding_records, requirement_of
from dueprocess.runtime.gauges import calls_key
from dueprocess.runtime.journal import Item
from dueprocess.runtime.tables import ACTIONS, HOLDS, MARKS
from dueprocess.tool import Idempotency
from dueprocess.values import ActionId, Instant, action_id, attempt_key, canonical

_APPROVAL_LABEL = "approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What was decided of one pending action, as records to append, and the judgement and the admission behind them."""

    items: tuple[Item, ...]
    admission: Admission
    judged: Judgement

    @property
    def action(self) -> ActionId:
        """The action, in the revision that was decided."""
        return ActionId(self.items[-1].action)


def rule_on(tx: Reader, desk: Desk, item: Pending) -> Ruling:
    """Decides one action on what this transaction reads (rule 1). The caller appends the records in the same transaction."""
    judged = judged_on(desk, item)
    requirement = requirement_of(desk.policy.approvers_of(item.request.name), amount=amount_of(desk, item))
    key = key_use(tx, desk, item, judged)
    granted = grant_of(tx, item)
    situation = Situation(
        tool=item.request.name,
        findings=judged.findings,
        stop=stop_over(tx, desk, item.request.name),
        rate=rate_of(desk, item),
        marks=marks_of(tx, desk, item),
        listed=desk.policy.tools.get(item.request.name),
        windows=windows_of(tx, desk, item, judged),
        advisory=desk.policy.mode(desk.environment) is Mode.SHADOW,
        key=key[1] if key is not None else None,
        calls=calls_of(tx, desk.claim.run),
        calls_limit=desk.policy.agent.max_tool_calls,
        calls_key=calls_key(desk.claim.run),
        calls_wanted=0 if item.lost else 1,
        grant=granted,
        grant_digest=digest_of(tx, desk, item, judged, findings=granted.findings) if granted is not None else "",
        requirement=requirement,
        publisher=desk.publisher,
        now=desk.now,
    )
    place = _Place(desk=desk, item=item, judged=judged, key=key[0] if key is not None else None, grant=granted)
    admission = admit(situation)
    return Ruling(items=_record(tx, place, admission, requirement), admission=admission, judged=judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    desk: Desk
    item: Pending
    judged: Judgement
    key: KeyRecord | None
    grant: Grant | None


def _record(tx: Reader, place: _Place, admission: Admission, requirement: Requirement) -> tuple[Item, ...]:
    item = place.item
    if item.status is Status.UNKNOWN and not isinstance(admission, (Admitted, Stopped)):
        return (_given_up(item),)
    match admission:
        case Admitted():
            return (_dispatch(tx, place, admission),)
        case Denied():
            return (_denied(place, admission),)
        case HeldFor():
            return _held(tx, place, admission, requirement)
        case ReuseOf():
            return _reused(tx, place, admission)
        case WaitFor():
            record = ActionWaiting(call=_call(place), original=admission.original)
            return (Item(record=record, action=item.action),)
        case Exceeded():
            return (Item(record=exceeded_record(admission.over, Unit.CALLS), action=item.action),)
        case Stopped():
            record = ActionWaiting(call=_call(place), original="", stop=admission.target)
            return (Item(record=record, action=item.action),)


def _given_up(item: Pending) -> Item:
    # INVARIANT I4: an attempt whose outcome is lost may have acted. Another revision would act under another key, and a
    # denial would hide what was done: where the same key may not be repeated now, only a person can tell.
    error = "its outcome is unknown, and it may not be repeated now"
    record = ActionSettled(outcome=Outcome.UNSETTLED, by=SettledBy.RECOVERY, error=error)
    return Item(record=record, action=item.action, attempt=item.attempts)


def _dispatch(tx: Reader, place: _Place, admission: Admitted) -> Item:
    desk, item = place.desk, place.item
    spec = desk.specs[item.request.name]
    repeats_key = item.status is Status.UNKNOWN and spec.idempotency is Idempotency.SINK
    attempt = item.attempts + 1
    # INVARIANT I4: the key at the sink is H(action, attempt); an unknown is repeated only under the key that it had, and
    # only where the sink enforces keys.
    before = tx.get(ACTIONS, item.action) if repeats_key else None
    key = before.sink_key if before is not None else attempt_key(action=item.action, attempt=attempt)
    timeout = min(desk.policy.retries_of(item.request.name).timeout, max(0, desk.wall_clock_left))
    record = ActionDispatched(
        call=_call(place),
        findings=finding_records(admission.findings),
        effect=spec.effect.value,
        sink_key=key,
        dispatch_before=desk.now + timeout,
        calls=0 if item.lost else 1,
        marks=_marks(tx, place),
        key=place.key,
        granted=tuple(approval_record(a) for a in place.grant.approvals) if place.grant is not None else (),
        fee_micros=spec.fee.micros,
        uses=tuple(UseRecord(argument=use.argument, span=use.span, start=use.start) for use in place.judged.uses),
    )
    return Item(record=record, action=item.action, attempt=attempt)


def _marks(tx: Reader, place: _Place) -> tuple[MarkRecord, ...]:
    desk, item = place.desk, place.item
    keys = {rate_key(desk, item): 1} if rate_of(desk, item) is not None else {}
    # Two limits that count the same share its marks: how long a window is, is not theirs.
    keys |= {window_key(tx, desk, item, window): window.asked for window in place.judged.windows}
    if item.attempts:
        # A repeat is the same action: the place it has taken already is its place.
        keys = {key: amount for key, amount in keys.items() if not _has_place(tx, key, item)}
    return tuple(MarkRecord(key=key, amount=amount) for key, amount in keys.items())


def _has_place(tx: Reader, key: str, item: Pending) -> bool:
    return key.startswith(LIMITS) and bool(tx.find(MARKS, equal=(("key", key), ("action", item.action))))


def _denied(place: _Place, admission: Denied) -> Item:
    place = _as_new_revision(place)
    record = ActionDenied(call=_call(place), findings=finding_records(admission.findings))
    return Item(record=record, action=place.item.action)


def _reused(tx: Reader, place: _Place, admission: ReuseOf) -> tuple[Item, ...]:
    before = place.item
    superseded = before.status in {Status.HELD, Status.GRANTED}
    place = _as_new_revision(place, also=superseded)
    action = place.item.action
    record = ActionReused(call=_call(place), original=admission.original, result=result_of(tx, admission.original))
    items = [Item(record=record, action=action)]
    if superseded:
        why = f"the same was done as {admission.original}"
        items.insert(0, Item(record=ActionSuperseded(by=action, reason=why), action=before.action))
    return tuple(items)


def _held(tx: Reader, place: _Place, admission: HeldFor, requirement: Requirement) -> tuple[Item, ...]:
    before = place.item
    superseded = before.status in {Status.HELD, Status.GRANTED}
    place = _as_new_revision(place, also=superseded)
    item, desk = place.item, place.desk
    rules = tuple(f.rule for f in admission.findings if f.decision is Verdict.HOLD and not f.advisory)
    held = ActionHeld(
        call=_call(place),
        findings=finding_records(admission.findings),
        digest=digest_of(tx, desk, item, place.judged, findings=rules),
        requirement=requirement_record(requirement),
        requesters=_requesters(desk, item),
        expires_at=desk.now + requirement.expires_after,
        key=place.key,
        replaces=before.action if item.action != before.action else "",
    )
    items = [Item(record=held, action=item.action), *_carried(tx, place, held)]
    if superseded:
        why = admission.refused.reason if admission.refused is not None else "asked for again"
        items.insert(0, Item(record=ActionSuperseded(by=item.action, reason=why), action=before.action))
    return tuple(items)


def _carried(tx: Reader, place: _Place, held: ActionHeld) -> tuple[Item, ...]:
    # An edit that only lowered an editable amount counts as the editor's approval (policy language, "editable").
    item, desk = place.item, place.desk
    if item.carried is None:
        return ()
    request = request_of(held, action=item.action, asked_at=desk.now)
    approval = Approval(by=item.carried.by, groups=item.carried.groups, how=item.carried.how)
    answer = consider(request, approval, given=(), digest=held.digest, publisher=desk.publisher, now=desk.now)
    if isinstance(answer, Refused) or not set(request.findings) <= _asked_before(tx, place):
        return ()
    made = grant(request, answer, now=desk.now)
    given = ApprovalGiven(
        approval=item.carried, digest=held.digest, execute_by=made.execute_by if made is not None else 0
    )
    return (Item(record=given, action=item.action),)


def _asked_before(tx: Reader, place: _Place) -> frozenset[str]:
    # INVARIANT I5: the editor approved what the edited hold was asked for, not what a newer policy asks for.
    run, item = place.desk.claim.run, place.item
    shown = action_id(run=run, cause=item.cause, index=item.index, revision=item.revision - 1)
    row = tx.get(HOLDS, shown)
    return frozenset(msgspec.json.decode(row.request)["findings"]) if row is not None else frozenset()


def _as_new_revision(place: _Place, *, also: bool = False) -> _Place:
    # Rule 2: the gate's table has no way back from an outcome to a hold or a denial.
    item = place.item
    if not also and not item.attempts:
        return place
    revision = item.revision + 1
    action = action_id(run=place.desk.claim.run, cause=item.cause, index=item.index, revision=revision)
    return replace(place, item=replace(item, action=action, revision=revision))


def digest_of(tx: Reader, desk: Desk, item: Pending, judged: Judgement, *, findings: tuple[str, ...]) -> str:
    """The keyed digest an approval binds to (I5, rule 4)."""
    spec = desk.specs.get(item.request.name)
    bound = canonical(
        {
            "tool": item.request.name,
            "schema": spec.digest if spec is not None else "",
            "arguments": judged.arguments,
            "principal": desk.state.principal,
            "on_behalf_of": desk.state.on_behalf_of,
            "run": desk.claim.run,
            "evidence": judged.citations,
            "findings": [*sorted(set(findings))],
            # Written only where there is one: what was approved before there were sub-agents stays approved.
            **({"through": [*desk.asker.through]} if desk.asker.through else {}),
        }
    )
    return tx.digest(desk.claim.run, _APPROVAL_LABEL, content=bound)


def judged_on(desk: Desk, item: Pending) -> Judgement:
    """What the gate says of an action, with its principal, the evidence and the history of its run; no counter is read."""
    state = desk.state
    who = state.principal
    principal = Principal(id=who, on_behalf_of=state.on_behalf_of or None, through=desk.asker.through) if who else None
    call = RawCall(
        tool=item.request.name,
        arguments=item.request.arguments,
        principal=principal,
        environment=desk.environment,
        evidence=state.evidence,
        since=_fresh_since(desk, item),
        history=desk.history if desk.history.is_asked else None,
        action=item.action,
        now=desk.now,
        within=desk.asker.within,
    )
    return judge(desk.policy, desk.specs, call=call, validator=desk.validator_of(item.request.name))


def _fresh_since(desk: Desk, item: Pending) -> Instant | None:
    listed = desk.policy.tools.get(item.request.name)
    age = listed.citation_max_age if listed is not None else None
    return None if age is None else Instant(max(0, desk.now - age))


def _call(place: _Place) -> CallRecord:
    item, state = place.item, place.desk.state
    spec = place.desk.specs.get(item.request.name)
    return CallRecord(
        tool=item.request.name,
        arguments=place.judged.arguments,
        schema=spec.digest if spec is not None else "",
        principal=state.principal,
        on_behalf_of=state.on_behalf_of,
        cause=item.cause,
        index=item.index,
        revision=item.revision,
        request=item.request.id,
        citations=place.judged.citations,
        edited_by=item.edited_by,
        through=place.desk.asker.through,
    )


def _requesters(desk: Desk, item: Pending) -> tuple[str, ...]:
    state = desk.state
    # INVARIANT I5: a sub-agent asks for its agent: neither may answer what the other asked for.
    named = (member_of(state.principal), *desk.asker.through, state.on_behalf_of, *item.edited_by)
    return tuple(dict.fromkeys(name for name in named if name))
