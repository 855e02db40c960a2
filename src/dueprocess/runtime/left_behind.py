"""Runs of `guard`: whether their program still runs, and what a person may do with what it left behind. No driver takes them.

Rule 1. What a living program has is its own: only it goes on with its attempts. A program counts as living only where that
        is certain; whoever has lost its run to a person is fenced by epoch or status, and writes nothing any more.
Rule 2. An attempt counts as lost only after its deadline (I4), whoever asks.
Rule 3. A lost attempt of a write goes by way of `unknown` and `unsettled`: it is a person, and on the record, who says what
        became of it.
"""

from collections.abc import Iterable
from enum import Enum

from dueprocess.agent.records import RunCancelled, RunClaimed, RunSuspended, Suspension
from dueprocess.errors import Conflict
from dueprocess.gate import ActionCancelled, ActionSettled, ActionState, Outcome, SettledBy
from dueprocess.ledger import Event, Reader, Transaction
from dueprocess.runtime.journal import Item, append, message
from dueprocess.runtime.lease import Owner, take, this_process
from dueprocess.runtime.tables import ACTIONS, ActionRow, RunRow
from dueprocess.tool import Effect
from dueprocess.values import FOR_EVER, Instant, RunId, rfc3339

LOST = "its program is gone"


class Program(Enum):
    """What is known of the program that opened a guarded run last."""

    RUNNING = "running"
    GONE = "gone"
    UNKNOWN = "unknown"


def program_of(events: Iterable[Event]) -> Program:
    """Whether the program that opened a run last still runs, as far as this machine can tell."""
    owners = [event.record.owner for event in events if isinstance(event.record, RunClaimed)]
    if not owners:
        return Program.GONE
    owner = Owner.parse(owners[-1])
    if owner.is_alive():
        return Program.RUNNING
    return Program.GONE if owner.is_gone() else Program.UNKNOWN


def unsettle(tx: Transaction, run: RunRow, action: ActionRow, *, now: Instant) -> None:
    """Makes a lost outcome of a guarded run one that a person settles (rule 3). The run is fenced and rests.

    Raises:
        Conflict: its program still runs, its attempt may still be under way, or there is nothing to settle.
    """
    if program_of(tx.events(RunId(run.run))) is Program.RUNNING:
        raise Conflict(f"the program of run {run.run} still runs; `resume` {action.action} there, or end it first")
    if action.effect == Effect.READ.value:
        raise Conflict(
            f"action {action.action} is a read: there is nothing to settle; end it: `due runs cancel {run.run}`"
        )
    if _may_be_under_way(action, now):
        raise Conflict(
            f"the attempt of {action.action} may still be under way; it is lost after {rfc3339(Instant(action.dispatch_before))}"
        )
    # INVARIANT I4: whoever comes back late is of an older epoch, and refused.
    claim = take(tx, run, owner=this_process(), lease=None, now=now)
    rests = RunSuspended(reason=Suspension.YIELDED, active=0, wake_at=FOR_EVER)
    append(tx, claim, [*_as_unsettled(action), Item(record=rests)], now=now)


def end(tx: Transaction, run: RunRow, *, reason: str, now: Instant) -> None:
    """Ends a guarded run that somebody asked to end, unless an attempt of it may be under way: then its program ends it."""
    rows = tx.find(ACTIONS, equal=(("run", run.run),))
    alive = program_of(tx.events(RunId(run.run))) is Program.RUNNING
    dispatched = [row for row in rows if row.state == ActionState.DISPATCHED.value]
    if any(alive or _may_be_under_way(row, now) for row in dispatched):
        return
    items = [item for row in rows for item in closing(row)]
    items.append(Item(record=RunCancelled(reason=reason, active=0)))
    message(tx, run.run, items, tenant=run.tenant, now=now)


def closing(action: ActionRow) -> list[Item]:
    """What is recorded of an action when its guarded run ends: what is held is cancelled, what is lost is a person's."""
    match ActionState(action.state):
        case ActionState.HELD:
            return [Item(record=ActionCancelled(reason="the run ended"), action=action.action)]
        case ActionState.DISPATCHED | ActionState.UNKNOWN:
            return _as_unsettled(action)
        case _:
            return []


def under_way(tx: Reader, run: str) -> list[str]:
    """The actions of a run that are dispatched."""
    rows = tx.find(ACTIONS, equal=(("run", run),))
    return [row.action for row in rows if row.state == ActionState.DISPATCHED.value]


def _may_be_under_way(action: ActionRow, now: Instant) -> bool:
    return action.state == ActionState.DISPATCHED.value and now <= action.dispatch_before


def _as_unsettled(action: ActionRow) -> list[Item]:
    def item(outcome: Outcome, *, lost: bool) -> Item:
        record = ActionSettled(outcome=outcome, by=SettledBy.RECOVERY, error=LOST, lost=lost)
        return Item(record=record, action=action.action, attempt=action.attempt)

    if action.state == ActionState.UNKNOWN.value:
        return [item(Outcome.UNSETTLED, lost=False)]
    if action.effect == Effect.READ.value:
        return [item(Outcome.FAILED, lost=True)]
    return [item(Outcome.UNKNOWN, lost=True), item(Outcome.UNSETTLED, lost=False)]
