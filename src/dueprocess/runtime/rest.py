"""Resting and ending: a run leaves its thread, for a while or for good. When it wakes is in its row; nothing sleeps for ever (I11)."""

from collections.abc import Sequence

from dueprocess.agent import Cancel, Finish, HandOff, Status, Stop, packet
from dueprocess.agent import records as run_records
from dueprocess.agent.records import Suspension
from dueprocess.gate import ActionCancelled
from dueprocess.ledger import Transaction
from dueprocess.provenance import defused
from dueprocess.runtime.journal import Item
from dueprocess.runtime.run import Make, Run
from dueprocess.runtime.tables import LEASES
from dueprocess.values import ActionId, Instant


def rest(run: Run, reason: Suspension, *, until: Instant, others: tuple[ActionId, ...] = ()) -> None:
    """Suspends the run, unless something happened that it has not seen; then it goes on with that."""
    # One of `others` may have got its outcome since it was decided to wait: the projection sees that and wakes the run.
    record = run_records.RunSuspended(
        reason=reason, active=_segment(run), wake_at=min(until, run.asleep_until()), waits_for=others
    )
    _leave(run, lambda _: [Item(record=record)])


def end(run: Run, command: Finish | HandOff | Stop | Cancel) -> None:
    """Ends the run: what is still held is cancelled, and the last event says how it ended."""
    held = [item for item in run.state.pending if item.status in {Status.HELD, Status.GRANTED}]
    items = [Item(record=ActionCancelled(reason="the run ended"), action=item.action) for item in held]
    last = Item(record=_last_record(run, command))
    _leave(run, lambda _: [*items, last])


def _last_record(run: Run, command: Finish | HandOff | Stop | Cancel) -> object:
    active = _segment(run)
    match command:
        case Finish():
            return run_records.RunFinished(result=shown(run, command.result), active=active)
        case HandOff():
            told = packet(run.state, reason=command.reason)
            return run_records.RunHandedOff(reason=command.reason, packet=told, active=active)
        case Stop():
            return run_records.RunStopped(reason=command.reason, active=active)
        case Cancel():
            return run_records.RunCancelled(reason=command.reason, active=active)


def shown(run: Run, text: str) -> str:
    """A text of the model as the requester is shown it: with the links taken apart that nobody vouches for (I7)."""
    return defused(text, run.history.standing) if run.policy.asks_origins else text


def _leave(run: Run, make: Make) -> None:
    def leave(tx: Transaction) -> Sequence[Item]:
        tx.delete(LEASES, run.claim.run)
        return list(make(tx))

    if run.commit(leave):
        run.over = True


def _segment(run: Run) -> int:
    return max(0, run.now() - run.state.segment_start)
