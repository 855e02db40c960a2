"""How one event changes the read models. Run inside the transaction that appends the event, and again by a rebuild (I8).

Rule 1. A projection reads and writes rows only, and depends on nothing but the event and the rows.
Rule 2. An event whose run was erased has no record: it changes nothing, until `run.erased` puts in what must outlive it.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from dueprocess.agent import records as run_records
from dueprocess.gate import ActionState
from dueprocess.ledger import Envelope, Event, Transaction
from dueprocess.meter import Scope, ScopeKind, Unit, meter_key
from dueprocess.runtime import system
from dueprocess.runtime.gauges import add_to_gauge, calls_key
from dueprocess.runtime.project_action import ACTION_HANDLERS, Handler
from dueprocess.runtime.status import RunStatus
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
    WAITS,
    KeyRow,
    MarkRow,
    PolicyRow,
    ReleaseRow,
    RunRow,
    StopRow,
    WaitRow,
)
from dueprocess.runtime.waking import forget_waits, is_past, wake
from dueprocess.values import FOR_EVER


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
        waits_for="",
        seq=0,
        epoch=0,
        at=envelope.at,
        submitted_at=envelope.at,
    )


def _submitted(tx: Transaction, e: Envelope, r: run_records.TaskSubmitted, row: RunRow) -> RunRow:
    due = int(bool(r.queue))
    return replace(row, agent=r.agent, queue=r.queue, session=r.session, status=RunStatus.READY.value, due=due)


def _claimed(tx: Transaction, e: Envelope, r: run_records.RunClaimed, row: RunRow) -> RunRow:
    forget_waits(tx, row)
    return replace(row, status=RunStatus.RUNNING.value, due=0, wake_at=FOR_EVER, waits_for="", epoch=e.epoch)


def _suspended(tx: Transaction, e: Envelope, r: run_records.RunSuspended, row: RunRow) -> RunRow:
    # What is waited for may have come between the decision to wait and this rest: nobody else wakes the run then.
    due = any(is_past(tx, action) for action in r.waits_for)
    for action in r.waits_for:
        tx.put(WAITS, WaitRow(action=action, run=e.run))
    if r.reason is run_records.Suspension.STOP:
        due = due or all(tx.get(STOPS, e.tenant, target) is None for target in ("all", f"agent:{row.agent}"))
    return replace(row, status=r.reason.value, due=int(due), wake_at=r.wake_at, waits_for=" ".join(r.waits_for))


def _cancel_requested(tx: Transaction, e: Envelope, r: run_records.CancelRequested, row: RunRow) -> RunRow:
    # Nobody folds a guarded run: its program looks at the row before it decides anything.
    return replace(row, due=1) if not row.queue else wake(tx, e, r, row)


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
        return replace(row, status=status.value, due=0, wake_at=FOR_EVER, waits_for="")

    return handler


def _published(tx: Transaction, e: Envelope, r: system.PolicyPublished, row: RunRow) -> RunRow:
    tx.put(POLICIES, PolicyRow(tenant=e.tenant, agent=r.agent, digest=r.digest, author=r.author, seq=e.seq, at=e.at))
    return row


def _registered(tx: Transaction, e: Envelope, r: system.ReleaseRegistered, row: RunRow) -> RunRow:
    tx.put(RELEASES, ReleaseRow(tenant=e.tenant, digest=r.digest, agent=r.agent, seq=e.seq))
    return row


def _stop(tx: Transaction, e: Envelope, r: system.StopOrdered, row: RunRow) -> RunRow:
    tx.put(STOPS, StopRow(tenant=e.tenant, target=r.target, by=r.by, at=e.at))
    return row


def _lift(tx: Transaction, e: Envelope, r: system.StopLifted, row: RunRow) -> RunRow:
    tx.delete(STOPS, e.tenant, r.target)
    for resting in tx.find(RUNS, equal=(("status", RunStatus.STOP.value), ("tenant", e.tenant))):
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
    for used in r.keys:
        # INVARIANT I4: what was done once is not done again because nobody may read any more that it was.
        done = ActionState.SUCCEEDED.value
        tx.put(KEYS, KeyRow(scope=used.scope, action=used.action, run=e.run, arguments=used.arguments, state=done))
    tx.delete(GAUGES, calls_key(e.run))
    for unit in Unit:
        tx.delete(GAUGES, meter_key(Scope(kind=ScopeKind.RUN, id=e.run), unit))
    blank = _new_row(e)
    tx.put(RUNS, replace(blank, status=RunStatus.ERASED.value, seq=e.seq, release="", policy="", submitted_at=0))


HANDLERS: Final[Mapping[type, Handler]] = MappingProxyType(
    {
        run_records.TaskSubmitted: _submitted,
        run_records.RunClaimed: _claimed,
        run_records.RunSuspended: _suspended,
        run_records.CancelRequested: _cancel_requested,
        run_records.RunFinished: _ended(RunStatus.FINISHED),
        run_records.RunHandedOff: _ended(RunStatus.HANDED_OFF),
        run_records.RunStopped: _ended(RunStatus.STOPPED),
        run_records.RunCancelled: _ended(RunStatus.CANCELLED),
        run_records.ModelAsked: _model_asked,
        run_records.ModelReplied: _model_replied,
        run_records.ModelFailed: _model_failed,
        run_records.ClarificationGiven: wake,
        **ACTION_HANDLERS,
        system.PolicyPublished: _published,
        system.ReleaseRegistered: _registered,
        system.StopOrdered: _stop,
        system.StopLifted: _lift,
    }
)
