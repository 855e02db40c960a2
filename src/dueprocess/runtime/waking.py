"""What wakes a resting run: a message, or the outcome of an action it waits for. Why it rests is decided in `agent.todo`."""

from dataclasses import replace

from dueprocess.gate import UNDER_WAY, ActionState
from dueprocess.ledger import Envelope, Transaction
from dueprocess.runtime.status import RESTING
from dueprocess.runtime.tables import ACTIONS, RUNS, WAITS, RunRow


def is_past(tx: Transaction, action: str) -> bool:
    """Whether an action that somebody waits for has an outcome."""
    # One that is not there any more was of a run that has been erased: it had an outcome.
    other = tx.get(ACTIONS, action)
    return other is None or ActionState(other.state) not in UNDER_WAY


def forget_waits(tx: Transaction, row: RunRow) -> None:
    """A run that is driven waits for nothing."""
    for action in row.waits_for.split():
        tx.delete(WAITS, action, row.run)


def wake(tx: Transaction, e: Envelope, r: object, row: RunRow) -> RunRow:
    """A message from another process: a resting run needs a driver; a running one sees it at its next append."""
    return replace(row, due=1) if row.status in RESTING else row


def release_waiting(tx: Transaction, action: str) -> None:
    """An action has an outcome, or has given its key back: whoever waits for it needs a driver."""
    for waiting in tx.find(WAITS, equal=(("action", action),)):
        row = tx.get(RUNS, waiting.run)
        if row is not None:
            tx.put(RUNS, replace(row, due=1))
