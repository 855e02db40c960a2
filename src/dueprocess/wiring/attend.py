"""Attending to one run: it is driven until it rests for somebody or has ended, and every event is told as it comes.

Rule 1. Only this run is driven; others that are due are left to a worker.
Rule 2. A short wait (a retry's backoff) is waited for; a run that needs a person, an answer, or longer, is left resting.
Rule 3. A drive that fails ends the attending: the run keeps what it has, and is taken up by the next driver.
"""

import threading
from collections.abc import Callable
from typing import Final

from dueprocess.engines import LocalEngine
from dueprocess.errors import Conflict, DueProcessError
from dueprocess.ledger import Event, Reader
from dueprocess.release import STEP_VERSION
from dueprocess.runtime import RESTING, TERMINAL, RunStatus, queue_of
from dueprocess.runtime.journal import own_run, run_row
from dueprocess.runtime.tables import RunRow
from dueprocess.values import Duration, RunId, seconds
from dueprocess.wiring.build import Built

PATIENCE: Final[Duration] = seconds(60)  # how long a timer is waited for: retries come back within it, not holds
_LOOK_S: Final = 0.02  # one indexed read; a person does not notice it
_WAITED_FOR: Final = frozenset({RunStatus.TIMER.value, RunStatus.YIELDED.value})


def attend(
    built: Built,
    run: RunId,
    *,
    on_event: Callable[[Event], None],
    on_interrupt: Callable[[], None],
    after: int = 0,
) -> RunRow:
    """Drives a run and returns where it stands when it rests or has ended. Events `after` this number are told.

    `on_interrupt` is told of a first Ctrl-C, after which what is under way is still waited for.

    Raises:
        NotFound: no such run. Conflict: this project does not drive it. Whatever ended a drive is passed on (rule 3).
    """
    failures: list[DueProcessError] = []
    row = built.shell.store.read(lambda tx: own_run(tx, run, tenant=built.shell.tenant))
    _refuse_foreign(built, row)
    engine = built.engine(only=run, on_failure=lambda _, error: failures.append(error))
    worker = threading.Thread(target=_work, args=(engine, failures), name="dueprocess-worker", daemon=True)
    done = threading.Event()
    seen = after
    worker.start()
    try:
        while True:
            row, events = built.shell.store.read(lambda tx, seen=seen: _news(tx, run, seen))
            for event in events:
                on_event(event)
                seen = event.envelope.seq
            if failures or is_at_rest(row, now=built.shell.clock.now()) or not worker.is_alive():
                break
            done.wait(_LOOK_S)
    except KeyboardInterrupt:
        on_interrupt()
        raise
    finally:
        engine.stop()
        # Again and again: a Ctrl-C that comes just before a wait without an end would not be heard until that ends.
        while worker.is_alive():
            worker.join(_LOOK_S)
    if failures:
        raise failures[0]
    return row


def is_at_rest(row: RunRow, *, now: int) -> bool:
    """Whether nothing more comes without a person or a long wait."""
    if row.status in TERMINAL:
        return True
    if row.status not in RESTING or row.due:
        return False
    return row.wake_at - now > PATIENCE if row.status in _WAITED_FOR else row.wake_at > now


def _work(engine: LocalEngine, failures: list[DueProcessError]) -> None:
    try:
        engine.run_worker()
    except DueProcessError as error:
        failures.append(error)


def _refuse_foreign(built: Built, row: RunRow) -> None:
    queues = {queue_of(name, STEP_VERSION) for name in built.releases}
    if row.status in TERMINAL or row.queue in queues:
        return
    if not row.queue:
        raise Conflict(f"run {row.run} belongs to the program that guards it; only that program goes on with it")
    raise Conflict(
        f"run {row.run} is of agent {row.agent} (queue {row.queue}); expected one of the agents of this project: "
        f"{', '.join(sorted(built.releases))}"
    )


def _news(tx: Reader, run: RunId, after: int) -> tuple[RunRow, list[Event]]:
    return run_row(tx, run), tx.events(run, after=after)
