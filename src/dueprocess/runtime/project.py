"""How one event changes the read models. Run inside the transaction that appends the event, and again by a rebuild (I8).

Rule 1. A projection reads and writes rows only, and depends on nothing but the event and the rows.
Rule 2. An action's row moves by the gate's table; a move that is not there aborts the transaction.
Rule 3. An event whose run was erased has no record: it changes nothing, until `run.erased` puts in what must outlive it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import msgspec

from dueprocess.agent import records as run_records
from dueprocess.gate import records as action_records
from dueprocess.gate.life import FREES_KEY, UNDER_WAY, ActionState, move
from dueprocess.ledger import Envelope, Event, Transaction
from dueprocess.meter import Scope, ScopeKind, Unit, meter_key
from dueprocess.runtime import system
from dueprocess.runtime.status import RESTING, RunStatus
from dueprocess.runtime.tables import (
    ACTIONS,
    GAUGES,
    HOLDS,
    KEYS,
    MARKS,
    POLICIES,
    RELEASES,
    RUNS,
    STOPS,
    ActionRow,
    GaugeRow,
    HoldRow,
    KeyRow,
    MarkRow,
    PolicyRow,
    ReleaseRow,
    RunRow,
    StopRow,
)
from dueprocess.values import FOR_EVER

Handler = Callable[[Transaction, Envelope, Any, RunRow], RunRow]

_STATE_OF: Final = MappingProxyType(
    {
        action_records.Outcome.SUCCEEDED: ActionState.SUCCEEDED,
        action_records.Outcome.FAILED: ActionState.FAILED,
        action_records.Outcome.UNKNOWN: ActionState.UNKNOWN,
        action_records.Outcome.UNSETTLED: ActionState.UNSETTLED,
    }
)


def project(tx: Transaction, event: Event) -> None:
    """Applies one event to the read models."""
    envelope, record = event.envelope, event.record
    if isinstance(record, system.RunErased):
        _erased(tx, envelope, record)
        return
    if record is None:
        return
    row = tx.get(RUNS, envelope.run) or _new_row(envelope)
    row = replace(row, seq=envelope.seq, at=max(row.at, envelope.at))
    handler = HANDLERS.get(type(record))
    if handler is not None:
        row = handler(tx, envelope, record, row)
    tx.put(RUNS, row)


def _new_row(envelope: Envelope) -> RunRow:
    return RunRow(
        run=envelope.run,
        tenant=envelope.tenant,
        agent="",
        release=envelope.release,
        policy=envelope.policy,
        queue="",
        session="",
        status=RunStatus.SYSTEM.value,
        due=0,
        wake_at=FOR_EVER,
        waiting_on="",
        seq=0,
        epoch=0,
        at=envelope.at,
        submitted_at=envelope.at,
    )


def _submitted(tx: Transaction, e: Envelope, r: run_records.TaskSubmitted, row: RunRow) -> RunRow:
    due = int(bool(r.queue))
    return replace(row, agent=r.agent, queue=r.queue, session=r.session, status=RunStatus.READY.value, due=due)


def _claimed(tx: Transaction, e: Envelope, r: run_records.RunClaimed, row: RunRow) -> RunRow:
    return replace(row, status=RunStatus.RUNNING.value, due=0, wake_at=FOR_EVER, waiting_on="", epoch=e.epoch)


def _suspended(tx: Transaction, e: Envelope, r: run_records.RunSuspended, row: RunRow) -> RunRow:
    # What is waited for may have come between the decision to wait and this rest: nobody else wakes the run then.
    due = _is_past(tx, r.waiting_on) if r.waiting_on else False
    if r.reason is run_records.Suspension.STOP:
        due = all(tx.get(STOPS, target) is None for target in ("all", f"agent:{row.agent}"))
    return replace(row, status=r.reason.value, due=int(due), wake_at=r.wake_at, waiting_on=r.waiting_on)


def _is_past(tx: Transaction, action: str) -> bool:
    other = tx.get(ACTIONS, action)
    return other is not None and ActionState(other.state) not in UNDER_WAY


def _model_asked(tx: Transaction, e: Envelope, r: run_records.ModelAsked, row: RunRow) -> RunRow:
    for item in r.reserved:
        add_to_gauge(tx, item.key, spent=0, reserved=item.amount)
    return row


def _model_replied(tx: Transaction, e: Envelope, r: run_records.ModelReplied, row: RunRow) -> RunRow:
    for item in r.settles:
        add_to_gauge(tx, item.key, spent=r.cost_micros, reserved=-item.amount)
    return row


def _model_failed(tx: Transaction, e: Envelope, r: run_records.ModelFailed, row: RunRow) -> RunRow:
    for item in r.freed:
        add_to_gauge(tx, item.key, spent=0, reserved=-item.amount)
    return row


def _ended(status: RunStatus) -> Handler:
    def handler(tx: Transaction, e: Envelope, r: object, row: RunRow) -> RunRow:
        return replace(row, status=status.value, due=0, wake_at=FOR_EVER, waiting_on="")

    return handler


def _message(tx: Transaction, e: Envelope, r: object, row: RunRow) -> RunRow:
    """A message from another process: a resting run needs a driver; a running one sees it at its next append."""
    return replace(row, due=1) if row.status in RESTING else row


def _denied(tx: Transaction, e: Envelope, r: action_records.ActionDenied, row: RunRow) -> RunRow:
    _move(tx, e, r.call, ActionState.DENIED)
    _close_hold(tx, e.action)
    _release_waiting(tx, e.action)
    return row


def _held(tx: Transaction, e: Envelope, r: action_records.ActionHeld, row: RunRow) -> RunRow:
    _move(tx, e, r.call, ActionState.HELD)
    request = msgspec.json.encode(
        {
            "requirement": r.requirement,
            "requesters": r.requesters,
            "findings": [f.rule for f in r.findings if f.decision == "hold"],
        }
    ).decode()
    hold = HoldRow(
        action=e.action,
        run=e.run,
        agent=row.agent,
        tool=r.call.tool,
        open=1,
        digest=r.digest,
        request=request,
        approvals="[]",
        asked_at=e.at,
        expires_at=r.expires_at,
        execute_by=0,
    )
    tx.put(HOLDS, hold)
    _occupy(tx, e, r.key, ActionState.HELD)
    return row


def _dispatched(tx: Transaction, e: Envelope, r: action_records.ActionDispatched, row: RunRow) -> RunRow:
    _move(
        tx,
        e,
        r.call,
        ActionState.DISPATCHED,
        effect=r.effect,
        sink_key=r.sink_key,
        dispatch_before=r.dispatch_before,
    )
    if r.calls:
        add_to_gauge(tx, calls_key(e.run), spent=r.calls, reserved=0)
    for mark in r.marks:
        tx.put(MARKS, MarkRow(key=mark.key, action=e.action, attempt=e.attempt, at=e.at, amount=mark.amount))
    _close_hold(tx, e.action)
    _occupy(tx, e, r.key, ActionState.DISPATCHED)
    return row


def _reused(tx: Transaction, e: Envelope, r: action_records.ActionReused, row: RunRow) -> RunRow:
    _move(tx, e, r.call, ActionState.REUSED)
    return row


def _settled(tx: Transaction, e: Envelope, r: action_records.ActionSettled, row: RunRow) -> RunRow:
    state = _STATE_OF[r.outcome]
    before = tx.get(ACTIONS, e.action)
    _move(tx, e, None, state)
    if state is ActionState.FAILED:
        for mark in tx.find(MARKS, equal=(("action", e.action), ("attempt", e.attempt))):
            tx.delete(MARKS, mark.key, mark.action, mark.attempt)
    if state in {ActionState.SUCCEEDED, ActionState.FAILED, ActionState.UNSETTLED}:
        _release_waiting(tx, e.action)
    if r.by is action_records.SettledBy.PERSON and before is not None:
        return _message(tx, e, r, row)
    return row


def _left(state: ActionState) -> Handler:
    def handler(tx: Transaction, e: Envelope, r: object, row: RunRow) -> RunRow:
        _move(tx, e, None, state)
        _close_hold(tx, e.action)
        _release_waiting(tx, e.action)
        return row

    return handler


def _approved(tx: Transaction, e: Envelope, r: action_records.ApprovalGiven, row: RunRow) -> RunRow:
    hold = tx.get(HOLDS, e.action)
    if hold is not None:
        given = msgspec.json.decode(hold.approvals, type=tuple[action_records.ApprovalRecord, ...])
        text = msgspec.json.encode((*given, r.approval)).decode()
        tx.put(HOLDS, replace(hold, approvals=text, execute_by=r.execute_by))
    return _message(tx, e, r, row) if r.execute_by else row


def _answered(tx: Transaction, e: Envelope, r: object, row: RunRow) -> RunRow:
    _close_hold(tx, e.action)
    return _message(tx, e, r, row)


def _rejected(tx: Transaction, e: Envelope, r: action_records.ApprovalRejected, row: RunRow) -> RunRow:
    _move(tx, e, None, ActionState.DENIED)
    _close_hold(tx, e.action)
    _release_waiting(tx, e.action)
    return _message(tx, e, r, row)


def _published(tx: Transaction, e: Envelope, r: system.PolicyPublished, row: RunRow) -> RunRow:
    tx.put(POLICIES, PolicyRow(agent=r.agent, digest=r.digest, author=r.author, seq=e.seq, at=e.at))
    return row


def _registered(tx: Transaction, e: Envelope, r: system.ReleaseRegistered, row: RunRow) -> RunRow:
    tx.put(RELEASES, ReleaseRow(digest=r.digest, agent=r.agent, seq=e.seq))
    return row


def _stop(tx: Transaction, e: Envelope, r: system.StopOrdered, row: RunRow) -> RunRow:
    tx.put(STOPS, StopRow(target=r.target, by=r.by, at=e.at))
    return row


def _lift(tx: Transaction, e: Envelope, r: system.StopLifted, row: RunRow) -> RunRow:
    tx.delete(STOPS, r.target)
    for resting in tx.find(RUNS, equal=(("status", RunStatus.STOP.value),)):
        tx.put(RUNS, replace(resting, due=1))
    return row


def _erased(tx: Transaction, e: Envelope, r: system.RunErased) -> None:
    row = tx.get(RUNS, e.run)
    if row is None:
        # A rebuild: the run's own events could not be read, so what it used of shared limits comes from here.
        for use in r.uses:
            add_to_gauge(tx, use.key, spent=use.spent, reserved=use.reserved)
        for mark in r.marks:
            tx.put(
                MARKS, MarkRow(key=mark.key, action=mark.action, attempt=mark.attempt, at=mark.at, amount=mark.amount)
            )
    for action in tx.find(ACTIONS, equal=(("run", e.run),)):
        tx.delete(ACTIONS, action.action)
    for hold in tx.find(HOLDS, equal=(("run", e.run),)):
        tx.delete(HOLDS, hold.action)
    for key in tx.find(KEYS, equal=(("run", e.run),)):
        tx.delete(KEYS, key.scope, key.action)
    tx.delete(GAUGES, calls_key(e.run))
    for unit in Unit:
        tx.delete(GAUGES, meter_key(Scope(kind=ScopeKind.RUN, id=e.run), unit))
    blank = _new_row(e)
    tx.put(RUNS, replace(blank, status=RunStatus.ERASED.value, seq=e.seq, release="", policy="", submitted_at=0))


def calls_key(run: str) -> str:
    """The gauge of a run's dispatched tool calls."""
    return meter_key(Scope(kind=ScopeKind.RUN, id=run), Unit.CALLS)


def add_to_gauge(tx: Transaction, key: str, *, spent: int, reserved: int) -> None:
    """Adds to a gauge; a gauge that is not there is empty."""
    row = tx.get(GAUGES, key) or GaugeRow(key=key, spent=0, reserved=0)
    tx.put(GAUGES, GaugeRow(key=key, spent=row.spent + spent, reserved=row.reserved + reserved))


def _move(
    tx: Transaction,
    e: Envelope,
    call: action_records.CallRecord | None,
    to: ActionState,
    *,
    effect: str = "",
    sink_key: str = "",
    dispatch_before: int = 0,
) -> None:
    row = tx.get(ACTIONS, e.action)
    before = ActionState(row.state) if row is not None else ActionState.PROPOSED
    state = move(before, to)
    base = row or ActionRow(
        action=e.action,
        run=e.run,
        tool=call.tool if call is not None else "",
        effect="",
        state=state.value,
        attempt=0,
        epoch=0,
        sink_key="",
        dispatch_before=0,
        at=e.at,
    )
    if to is ActionState.DISPATCHED:
        moved = replace(
            base,
            state=state.value,
            at=e.at,
            effect=effect,
            sink_key=sink_key,
            dispatch_before=dispatch_before,
            attempt=e.attempt,
            epoch=e.epoch,
        )
    else:
        moved = replace(base, state=state.value, at=e.at)
    tx.put(ACTIONS, moved)
    for key in tx.find(KEYS, equal=(("action", e.action),)) if row is not None else ():
        if state in FREES_KEY:
            tx.delete(KEYS, key.scope, key.action)
        else:
            tx.put(KEYS, replace(key, state=state.value))


def _occupy(tx: Transaction, e: Envelope, key: action_records.KeyRecord | None, state: ActionState) -> None:
    if key is not None:
        tx.put(KEYS, KeyRow(scope=key.scope, action=e.action, run=e.run, arguments=key.arguments, state=state.value))


def _close_hold(tx: Transaction, action: str) -> None:
    hold = tx.get(HOLDS, action)
    if hold is not None and hold.open:
        tx.put(HOLDS, replace(hold, open=0))


def _release_waiting(tx: Transaction, action: str) -> None:
    for waiting in tx.find(RUNS, equal=(("waiting_on", action),)):
        tx.put(RUNS, replace(waiting, due=1))


HANDLERS: Final[Mapping[type, Handler]] = MappingProxyType(
    {
        run_records.TaskSubmitted: _submitted,
        run_records.RunClaimed: _claimed,
        run_records.RunSuspended: _suspended,
        run_records.CancelRequested: _message,
        run_records.RunFinished: _ended(RunStatus.FINISHED),
        run_records.RunHandedOff: _ended(RunStatus.HANDED_OFF),
        run_records.RunStopped: _ended(RunStatus.STOPPED),
        run_records.RunCancelled: _ended(RunStatus.CANCELLED),
        run_records.ModelAsked: _model_asked,
        run_records.ModelReplied: _model_replied,
        run_records.ModelFailed: _model_failed,
        run_records.ClarificationGiven: _message,
        action_records.ActionDenied: _denied,
        action_records.ActionHeld: _held,
        action_records.ActionDispatched: _dispatched,
        action_records.ActionReused: _reused,
        action_records.ActionSettled: _settled,
        action_records.ActionExpired: _left(ActionState.EXPIRED),
        action_records.ActionCancelled: _left(ActionState.CANCELLED),
        action_records.ActionSuperseded: _left(ActionState.SUPERSEDED),
        action_records.ActionEdited: _answered,
        action_records.ApprovalGiven: _approved,
        action_records.ApprovalRejected: _rejected,
        system.PolicyPublished: _published,
        system.ReleaseRegistered: _registered,
        system.StopOrdered: _stop,
        system.StopLifted: _lift,
    }
)
