"""What waits in a store for somebody: runs without a driver, outcomes nobody knows, holds that expired, stops, the clock."""

from collections.abc import Iterator
from typing import Final

from dueprocess.gate import ActionState
from dueprocess.ledger import Reader
from dueprocess.runtime import TERMINAL, RunStatus
from dueprocess.runtime.lease import Owner
from dueprocess.runtime.tables import ACTIONS, HOLDS, LEASES, RUNS, STOPS, HoldRow, RunRow
from dueprocess.values import Duration, Instant, seconds
from dueprocess.wiring.access import Access
from dueprocess.wiring.health_guarded import LOST, left_behind, may_be_asked_for, told_of
from dueprocess.wiring.symptom import Symptom, fail, fine, warn
from dueprocess.wiring.wording import duration_text

_PATIENCE: Final[Duration] = seconds(60)  # how long a due run may lie before somebody should look
_LITTLE_BACK: Final[Duration] = seconds(1)
_FAR_BACK: Final[Duration] = seconds(3600)
_SHOWN: Final = 3


def check_runs(here: Access) -> Iterator[Symptom]:
    """Clock, runs, outcomes, holds and stops."""
    now = here.shell.clock.now()
    rows = here.home.store.read(lambda tx: tx.find(RUNS))
    yield _clock(max((row.at for row in rows), default=0), now)
    yield _stuck(here.home.store.read(lambda tx: _without_driver(tx, rows, now)))
    guarded = here.home.store.read(lambda tx: left_behind(tx, rows, now=now))
    yield _outcomes(here.home.store.read(lambda tx: _unsettled(tx, now)), lost=guarded.lost)
    yield from told_of(guarded)
    yield _expired(here.home.store.read(lambda tx: tx.find(HOLDS, equal=(("open", 1),))), now)
    stops = here.home.store.read(lambda tx: tx.find(STOPS))
    if stops:
        told = ", ".join(f"{row.target} by {row.by}" for row in stops)
        yield warn("stops", f"stopped: {told}", todo="when it is over another person lifts it: due stop --lift TARGET")


def _clock(last: int, now: Instant) -> Symptom:
    back = last - now
    if back > _FAR_BACK:
        said = f"the clock is {duration_text(back)} behind the last event"
        return fail("clock", said, todo="set the clock: nothing un-expires, but nothing new expires either")
    if back > _LITTLE_BACK:
        return warn("clock", f"the clock is {duration_text(back)} behind the last event", todo="look at the clock")
    return fine("clock", "not behind the last event")


def _without_driver(tx: Reader, rows: list[RunRow], now: Instant) -> list[str]:
    found: list[str] = []
    for row in rows:
        if not row.queue or row.status in TERMINAL or row.status == RunStatus.SYSTEM.value:
            continue
        if row.status == RunStatus.RUNNING.value:
            lease = tx.get(LEASES, row.run)
            if lease is None or lease.expires_at <= now or Owner.parse(lease.owner).is_gone():
                found.append(row.run)
        elif (row.due and row.at < now - _PATIENCE) or row.wake_at < now - _PATIENCE:
            found.append(row.run)
    return found


def _unsettled(tx: Reader, now: Instant) -> tuple[list[str], list[str]]:
    for_people = [row.action for row in tx.find(ACTIONS, equal=(("state", ActionState.UNSETTLED.value),))]
    open_ = [row for state in LOST for row in tx.find(ACTIONS, equal=(("state", state),)) if may_be_asked_for(row, now)]
    driven = [row.action for row in open_ if (run := tx.get(RUNS, row.run)) is not None and run.queue]
    return for_people, driven


def _stuck(runs: list[str]) -> Symptom:
    if not runs:
        return fine("runs", "none waits for a driver")
    return warn("runs", f"{_some(runs)} can go on and nobody drives them", todo="start a worker: due run --work")


def _outcomes(open_: tuple[list[str], list[str]], *, lost: tuple[str, ...]) -> Symptom:
    for_people, for_drivers = open_
    for_people += lost
    if for_people:
        todo = "look at the sink, then say what became of it: due actions settle ACTION --succeeded|--failed"
        return warn("outcomes", f"{_some(for_people)}: only a person can tell what became of them", todo=todo)
    if for_drivers:
        return warn(
            "outcomes", f"{_some(for_drivers)}: the sink has yet to be asked", todo="start a worker: due run --work"
        )
    return fine("outcomes", "all are known")


def _expired(holds: list[HoldRow], now: Instant) -> Symptom:
    late = [hold.action for hold in holds if (hold.execute_by or hold.expires_at) < now]
    if late:
        return warn("holds", f"{_some(late)} expired", todo="start a worker, which closes them: due run --work")
    waiting = f"{len(holds)} wait for people: due approvals list" if holds else "none is open"
    return fine("holds", waiting)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
