"""How one event of an action or an approval changes the read models. Those of runs and of the system are in `project`.

Rule 1. An action's row moves by the gate's table; a move that is not there aborts the transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import msgspec

from dueprocess.gate import records as action_records
from dueprocess.gate.life import FREES_KEY, ActionState, move
from dueprocess.ledger import Envelope, Transaction
from dueprocess.runtime.gauges import add_to_gauge, calls_key
from dueprocess.runtime.tables import ACTIONS, HOLDS, KEYS, MARKS, ActionRow, HoldRow, KeyRow, MarkRow, RunRow
from dueprocess.runtime.waking import release_waiting, wake

Handler = Callable[[Transaction, Envelope, Any, RunRow], RunRow]

_STATE_OF: Final = MappingProxyType(
    {
        action_records.Outcome.SUCCEEDED: ActionState.SUCCEEDED,
        action_records.Outcome.FAILED: ActionState.FAILED,
        action_records.Outcome.UNKNOWN: ActionState.UNKNOWN,
        action_records.Outcome.UNSETTLED: ActionState.UNSETTLED,
    }
)


def _denied(tx: Transaction, e: Envelope, r: action_records.ActionDenied, row: RunRow) -> RunRow:
    _move(tx, e, r.call, ActionState.DENIED)
    _close_hold(tx, e.action)
    release_waiting(tx, e.action)
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
        release_waiting(tx, e.action)
    if r.by is action_records.SettledBy.PERSON and before is not None:
        return wake(tx, e, r, row)
    return row


def _left(state: ActionState) -> Handler:
    def handler(tx: Transaction, e: Envelope, r: object, row: RunRow) -> RunRow:
        _move(tx, e, None, state)
        _close_hold(tx, e.action)
        release_waiting(tx, e.action)
        return row

    return handler


def _approved(tx: Transaction, e: Envelope, r: action_records.ApprovalGiven, row: RunRow) -> RunRow:
    hold = tx.get(HOLDS, e.action)
    if hold is not None:
        given = msgspec.json.decode(hold.approvals, type=tuple[action_records.ApprovalRecord, ...])
        text = msgspec.json.encode((*given, r.approval)).decode()
        tx.put(HOLDS, replace(hold, approvals=text, execute_by=r.execute_by))
    return wake(tx, e, r, row) if r.execute_by else row


def _answered(tx: Transaction, e: Envelope, r: object, row: RunRow) -> RunRow:
    _close_hold(tx, e.action)
    return wake(tx, e, r, row)


def _asked_again(
    tx: Transaction, e: Envelope, r: action_records.ValueEndorsed | action_records.ActionConfirmed, row: RunRow
) -> RunRow:
    # The hold stays open until it is decided again.
    return wake(tx, e, r, row)


def _rejected(tx: Transaction, e: Envelope, r: action_records.ApprovalRejected, row: RunRow) -> RunRow:
    _move(tx, e, None, ActionState.DENIED)
    _close_hold(tx, e.action)
    release_waiting(tx, e.action)
    return wake(tx, e, r, row)


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


ACTION_HANDLERS: Final[Mapping[type, Handler]] = MappingProxyType(
    {
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
        action_records.ActionConfirmed: _asked_again,
        action_records.ValueEndorsed: _asked_again,
    }
)
