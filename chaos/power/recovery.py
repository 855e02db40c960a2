"""Goes on from what a power loss has left, as a new process with a new epoch would, and says whether all came right.

Rule 1. Whoever was not told asks again: every order is submitted again under its key, every guarded call made again.
Rule 2. The clock is the campaign's: it leaps to the next moment at which something is due, so nothing is waited for.
Rule 3. In the end each refund that was asked for is paid, once; no run is lost; what was told is still there.
"""

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chaos.power.case import Case
from chaos.power.check import Findings, check_home
from chaos.power.shop import (
    PAID,
    Order,
    Till,
    Trait,
    approve_one,
    approve_open,
    home_below,
    make_provider,
    make_release,
    make_tools,
    see_through,
    sink_below,
)
from dueprocess.errors import Conflict, DueProcessError
from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.ledger import Reader, Store
from dueprocess.runtime import TERMINAL, Governed, Loaded, Loop, RunStatus, Shell, Task, drive, introduce, submit
from dueprocess.runtime.erase import finish_erasures, unfinished_erasures
from dueprocess.runtime.lease import claim, claimable, this_process
from dueprocess.runtime.tables import LEASES, RUNS, RunRow
from dueprocess.values import Instant, RunId, seconds
from dueprocess.wiring.home import Home, open_home

_LEASE: Final = seconds(2)
_A_DAY: Final = Instant(1_790_000_000_000_000)  # for a store in which nothing has happened yet
_MOST_DRIVES: Final = 400  # twenty for each order: a run that needs more does not come to rest


class LeapingClock:
    """A clock that stands still until it is told to leap."""

    def __init__(self, start: Instant) -> None:
        self._now = start

    def now(self) -> Instant:
        """The present moment."""
        return self._now

    def leap(self, to: Instant) -> None:
        """Goes to a moment; never back."""
        self._now = Instant(max(self._now, to))


def recover(root: Path, case: Case) -> list[str]:
    """Goes on to the end of all orders and returns every violation."""
    found = Findings()
    sink = Sink(sink_below(root))
    try:
        home = open_home(home_below(root), {})
    except DueProcessError as error:
        return [f"recovery: the store does not open: {error}"]
    loop = Loop()
    try:
        clock = LeapingClock(Instant(max(0, _last_moment(home.store) + seconds(case.seconds_later))))
        tools = make_tools(Till(sink=sink, is_blind=case.is_blind))
        release = make_release(tools)
        shell = Shell(store=home.store, clock=clock, loop=loop, tools=tools, provider=make_provider())
        finish_erasures(home.store, home.keys)
        _go_on(shell, release, clock, case.orders, found)
        check_home(home, case.facts, found, sink=sink)
        _check_end(home, sink, case.orders, found)
    except DueProcessError as error:
        found.violations.append(f"recovery ended by {type(error).__name__}: {error}")
    finally:
        loop.close()
        home.store.close()
    return [f"after recovery: {violation}" for violation in found.violations]


def _go_on(shell: Shell, release: Loaded, clock: LeapingClock, orders: Sequence[Order], found: Findings) -> None:
    introduce(shell, release)
    for order in orders:
        if order.trait is Trait.GUARDED:
            _call_guarded(shell, release, clock, order)
        else:
            with contextlib.suppress(Conflict):  # erased before the power was lost
                submit(shell, release, task=order.task)
    for _ in range(_MOST_DRIVES):
        # First: the clock leaps to whatever is due next, and that may be the end of a hold.
        approve_open(shell)
        row = _next(shell, clock)
        if row is None:
            return
        run = RunId(row.run)
        made = shell.store.write(
            lambda tx, run=run: claim(tx, run, owner=this_process(), lease=_LEASE, now=clock.now())
        )
        if made is not None:
            drive(shell, release, claim=made)
    found.violations.append(f"the runs do not come to rest in {_MOST_DRIVES} drives")


def _next(shell: Shell, clock: LeapingClock) -> RunRow | None:
    """A run that a driver may take, after a leap if all are waiting; None once all have ended, or wait for a person."""

    def query(tx: Reader) -> tuple[list[RunRow], list[RunRow], list[Instant]]:
        rows = [row for row in tx.find(RUNS) if row.queue and row.status not in TERMINAL]
        ready = [row for row in rows if claimable(tx, row, now=clock.now())]
        due = [Instant(row.wake_at) for row in rows if row.status != RunStatus.RUNNING.value]
        return rows, ready, due + [Instant(lease.expires_at) for lease in tx.find(LEASES)]

    rows, ready, due = shell.store.read(query)
    if not ready and rows and due:
        clock.leap(min(due))
        rows, ready, _ = shell.store.read(query)
    return ready[0] if ready else None


def _call_guarded(shell: Shell, release: Loaded, clock: LeapingClock, order: Order) -> None:
    # The same run that `guard` would open under this name.
    task = Task(text="guard pay_once", key=order.name)
    run = submit(shell, release, task=task, queue="")
    with contextlib.suppress(Conflict):
        governed = Governed(shell, release, run)
        see_through(
            lambda: governed.call("pay_once", {"order_id": order.name, "amount_usd": order.amount}),
            resume=governed.resume,
            approve=lambda action: approve_one(shell, action),
            pause=lambda: clock.leap(Instant(max(clock.now(), _last_moment(shell.store)) + seconds(5))),
        )
        governed.close()


def _last_moment(store: Store) -> Instant:
    rows = store.read(lambda tx: tx.find(RUNS))
    return Instant(max((row.at for row in rows), default=_A_DAY))


def _check_end(home: Home, sink: Sink, orders: Sequence[Order], found: Findings) -> None:
    half = unfinished_erasures(home.store, home.keys)
    found.expect(not half, f"erased by half: {half}")
    for row in home.store.read(lambda tx: tx.find(RUNS)):
        is_done = row.status in TERMINAL or row.status == RunStatus.SYSTEM.value
        found.expect(is_done, f"run {row.run} is lost: {row.status}, seq {row.seq}, waits for {row.waits_for!r}")
    times = Counter(refund.order_id for refund in sink.refunds())
    for order in orders:
        wanted = int(order.trait in PAID)
        found.expect(times[order.name] == wanted, f"{order.name} was paid {times[order.name]} times, not {wanted}")
