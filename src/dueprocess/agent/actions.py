"""How the events of an action change its run. What an action may do at all is the gate's table.

Rule 1. A read that failed and a write that surely had no effect are tried again within the retries; an attempt lost with
        its worker counts against `MAX_CRASHES` instead.
Rule 2. A write whose outcome is lost stays `UNKNOWN` until reconciled, repeated under a key the sink enforces, or given to
        a person (I4).
Rule 3. An event of an action that is not pending here (an earlier revision, a run that ended) changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, assert_never

from dueprocess.agent import endings, turns
from dueprocess.agent.happened import Happened
from dueprocess.agent.state import MAX_CRASHES, Pending, Result, RunState, Status
from dueprocess.approval import Notice, notices
from dueprocess.evidence import Chunk, Viewer, retrieved
from dueprocess.gate import (
    ActionCancelled,
    ActionDenied,
    ActionDispatched,
    ActionEdited,
    ActionExpired,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionUnclear,
    ActionWaiting,
    ApprovalGiven,
    ApprovalRejected,
    CallRecord,
    FindingRecord,
    Outcome,
)
from dueprocess.gate.held import request_of
from dueprocess.gate.records import ActionConfirmed, ApprovalEscalated, ApprovalReminded, ValueEndorsed
from dueprocess.policy import Escalation
from dueprocess.values import ActionId, Instant, Json, action_id, canonical, parse

_INVALID: Final = frozenset({"schema", "parse"})


def _denied(state: RunState, event: Happened, record: ActionDenied) -> RunState:
    item = _of_call(state, record.call)
    if item is None:
        return state
    invalid = any(finding.rule in _INVALID for finding in record.findings)
    answer = canonical({"error": "denied", "findings": [_told(finding) for finding in record.findings]})
    return _settled(state, event, item, Result.INVALID if invalid else Result.DENIED, answer)


def _held(state: RunState, event: Happened, record: ActionHeld) -> RunState:
    item = _of_call(state, record.call)
    if item is None:
        return state
    request = request_of(record, action=event.action, asked_at=event.at)
    held = replace(
        item,
        action=ActionId(event.action),
        revision=record.call.revision,
        status=Status.HELD,
        expires_at=Instant(record.expires_at),
        notices=notices(request.requirement, asked_at=request.asked_at),
        carried=None,
    )
    return state.change(held)


def _dispatched(state: RunState, event: Happened, record: ActionDispatched) -> RunState:
    item = _of_call(state, record.call)
    if item is None:
        return state
    dispatched = replace(
        item,
        status=Status.DISPATCHED,
        attempts=event.attempt,
        epoch=event.epoch,
        dispatch_before=Instant(record.dispatch_before),
        lost=False,
    )
    return state.change(dispatched)


def _reused(state: RunState, event: Happened, record: ActionReused) -> RunState:
    item = _of_call(state, record.call)
    return state if item is None else _settled(state, event, item, Result.OK, record.result)


def _waiting(state: RunState, event: Happened, record: ActionWaiting) -> RunState:
    item = _of_call(state, record.call)
    return state if item is None else state.change(replace(item, status=Status.WAITING, original=record.original))


def _outcome(state: RunState, event: Happened, record: ActionSettled) -> RunState:
    item = state.find(event.action)
    if item is None:
        return state
    if record.lost and not item.lost:
        state = replace(state, crashes=state.crashes + 1)
    item = replace(item, lost=item.lost or record.lost)
    if record.outcome is not Outcome.UNKNOWN:
        state = _decide_waiting(state, event.action)
    match record.outcome:
        case Outcome.SUCCEEDED:
            known = replace(state, evidence=(*state.evidence, *_retrieved(state, event, item, record.result)))
            return _settled(known, event, replace(item, tries=item.tries + 1), Result.OK, record.result)
        case Outcome.FAILED:
            return _failed(state, event, item, record)
        case Outcome.UNKNOWN:
            tries = item.tries if item.lost else item.tries + 1
            lost = replace(item, status=Status.UNKNOWN, tries=tries, retry_at=Instant(record.retry_at))
            return _crash_bound(state.change(lost))
        case Outcome.UNSETTLED:
            after = state.change(replace(item, status=Status.UNSETTLED))
            return endings.hand_off(after, f"nobody but a person can tell what became of {item.request.name}")
        case _:
            assert_never(record.outcome)


def _failed(state: RunState, event: Happened, item: Pending, record: ActionSettled) -> RunState:
    # An attempt that was unknown before was counted then.
    tries = item.tries if item.lost or item.status is Status.UNKNOWN else item.tries + 1
    if tries < state.config.attempts_of(item.request.name):
        retry = replace(item, status=Status.RETRY, tries=tries, reconciles=0, retry_at=Instant(record.retry_at))
        return _crash_bound(state.change(retry))
    answer = canonical({"error": "failed", "reason": record.error})
    settled = state.change(replace(item, status=Status.SETTLED, tries=tries, result=Result.FAILED, answer=answer))
    if state.step:
        return turns.complete(settled, event.seq)
    reason = f"{item.request.name} failed {tries} times: {record.error}"
    return endings.escalate(settled, state.config.limits.on_tool_error_retries_exhausted, reason)


def _unclear(state: RunState, event: Happened, record: ActionUnclear) -> RunState:
    item = state.find(event.action)
    if item is None:
        return state
    return state.change(replace(item, reconciles=item.reconciles + 1, retry_at=Instant(record.retry_at)))


def _approved(state: RunState, event: Happened, record: ApprovalGiven) -> RunState:
    item = state.find(event.action)
    if item is None or item.status is not Status.HELD or not record.execute_by:
        return state
    return state.change(replace(item, status=Status.GRANTED))


def _answered(state: RunState, event: Happened, record: ValueEndorsed | ActionConfirmed) -> RunState:
    # What it was held for may be said now: it is decided again, and only what still speaks against it holds it.
    item = state.find(event.action)
    if item is None or item.status is not Status.HELD:
        return state
    return state.change(replace(item, status=Status.GRANTED))


def _noticed(state: RunState, event: Happened, record: ApprovalReminded | ApprovalEscalated) -> RunState:
    item = state.find(event.action)
    if item is None:
        return state
    to = record.to if isinstance(record, ApprovalEscalated) else ""
    told = Notice(at=Instant(record.due_at), to=to)
    return state.change(replace(item, notices=tuple(each for each in item.notices if each != told)))


def _rejected(state: RunState, event: Happened, record: ApprovalRejected) -> RunState:
    item = state.find(event.action)
    if item is None or item.status not in {Status.HELD, Status.GRANTED}:
        return state
    answer = canonical({"error": "rejected by a person", "reason": record.reason})
    return _settled(_decide_waiting(state, event.action), event, item, Result.DENIED, answer)


def _edited(state: RunState, event: Happened, record: ActionEdited) -> RunState:
    item = state.find(event.action)
    if item is None or item.status not in {Status.HELD, Status.GRANTED}:
        return state
    revision = item.revision + 1
    edited = replace(
        item,
        action=action_id(run=state.run, cause=item.cause, index=item.index, revision=revision),
        revision=revision,
        request=replace(item.request, arguments=record.arguments),
        status=Status.DECIDE,
        edited_by=item.edited_by if record.approves else (*item.edited_by, record.by.by),
        carried=record.by if record.approves else None,
    )
    return state.change(edited)


def _expired(state: RunState, event: Happened, record: ActionExpired) -> RunState:
    item = state.find(event.action)
    if item is None or item.status not in {Status.HELD, Status.GRANTED}:
        return state
    answer = canonical({"error": "expired", "reason": record.reason})
    settled = state.change(replace(item, status=Status.SETTLED, result=Result.REFUSED, answer=answer))
    reason = f"nobody decided on {item.request.name} in time: {record.reason}"
    return endings.escalate(settled, Escalation(record.on_timeout), reason)


def _cancelled(state: RunState, event: Happened, record: ActionCancelled) -> RunState:
    item = state.find(event.action)
    if item is None or item.status is Status.SETTLED:
        return state
    answer = canonical({"error": "cancelled", "reason": record.reason})
    return state.change(replace(item, status=Status.SETTLED, result=Result.REFUSED, answer=answer))


def _decide_waiting(state: RunState, original: str) -> RunState:
    """Actions of this run that waited for another one of it are decided again: that one has an outcome now."""
    return replace(
        state,
        pending=tuple(
            replace(item, status=Status.DECIDE) if item.status is Status.WAITING and item.original == original else item
            for item in state.pending
        ),
    )


def _settled(state: RunState, event: Happened, item: Pending, result: Result, answer: str) -> RunState:
    settled = state.change(replace(item, status=Status.SETTLED, result=result, answer=answer))
    if result is Result.OK:
        settled = replace(settled, done=(*settled.done, item.request.name))
    return turns.complete(settled, event.seq)


def _crash_bound(state: RunState) -> RunState:
    if state.crashes <= MAX_CRASHES:
        return state
    return endings.hand_off(
        state, f"{state.crashes} attempts were lost to dead workers; expected at most {MAX_CRASHES}"
    )


def _of_call(state: RunState, call: CallRecord) -> Pending | None:
    return next((item for item in state.pending if (item.cause, item.index) == (call.cause, call.index)), None)


def _retrieved(state: RunState, event: Happened, item: Pending, result: str) -> tuple[Chunk, ...]:
    # INVARIANT I5: only what a retrieving tool brought back in this run can be cited as evidence.
    spec = state.config.tools.get(item.request.name)
    if spec is None or not spec.retrieves:
        return ()
    viewer = Viewer.of(state.principal, on_behalf_of=state.on_behalf_of)
    return retrieved(parse(result), by=viewer, at=Instant(event.at))


def _told(finding: FindingRecord) -> Json:
    return {"rule": finding.rule, "reason": finding.reason}


ACTION_HANDLERS: Final[Mapping[type, Callable[[RunState, Happened, Any], RunState]]] = {
    ActionDenied: _denied,
    ActionHeld: _held,
    ActionDispatched: _dispatched,
    ActionReused: _reused,
    ActionWaiting: _waiting,
    ActionSettled: _outcome,
    ActionUnclear: _unclear,
    ActionExpired: _expired,
    ActionCancelled: _cancelled,
    ActionEdited: _edited,
    ApprovalGiven: _approved,
    ApprovalReminded: _noticed,
    ApprovalEscalated: _noticed,
    ApprovalRejected: _rejected,
    ActionConfirmed: _answered,
    ValueEndorsed: _answered,
}
