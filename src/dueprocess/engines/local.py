"""The embedded engine: drives the runs of one store from threads of one or a few processes. How a run is driven is `runtime.drive`'s.

Rule 1. The store knows what is due: a lost signal costs a poll, never a run (design section 6).
Rule 2. A lease is renewed by one thread for all runs of this process; a run whose lease was lost stops at its next append.
Rule 3. A run whose drive failed because the store did keeps its lease until it expires; then anybody takes it up. One that
        failed by itself is set aside for a while: it must neither turn the ledger over nor keep a worker from its end.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dueprocess.errors import CommitLost, Defect, DueProcessError, LeaseLost, StoreUnavailable
from dueprocess.ledger import Reader, Transaction
from dueprocess.runtime.drive import drive
from dueprocess.runtime.journal import Claim
from dueprocess.runtime.lease import Owner, beat, claim, claimable, set_aside, this_process
from dueprocess.runtime.releases import Releases
from dueprocess.runtime.shell import Shell
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.submit import cancel
from dueprocess.runtime.tables import LEASES, RUNS, RunRow
from dueprocess.values import Duration, RunId, later, seconds

LEASE: Final = seconds(2)  # how long a run of a silent driver waits; a beat goes out four times as often
ASIDE: Final = seconds(60)  # how long a run rests that could not be driven; a message wakes it sooner
POLL_S: Final = 0.1  # how soon another process's message is found; one indexed read
_BEATS_PER_LEASE: Final = 4
_BATCH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A drive that ended by an error: the run is taken up again later (rule 3). `error` is for the operator."""

    run: RunId
    error: DueProcessError


class LocalEngine:
    """Drives due runs of some queues of the shell's tenant. `run_worker` blocks; `wake`, `stop` may be called from any thread.

    `concurrency`: runs in flight at once in this process. `only`: drives these runs and no others. `on_failure` is told
    of every drive that ended by an error.
    """

    def __init__(
        self,
        shell: Shell,
        releases: Releases,
        *,
        queues: frozenset[str],
        concurrency: int = 8,
        lease: Duration = LEASE,
        only: frozenset[RunId] | None = None,
        on_failure: Callable[[Failed], None] | None = None,
    ) -> None:
        self._shell = shell
        self._releases = releases
        self._queues = queues
        self._concurrency = concurrency
        self._lease = lease
        self._only = only
        self._on_failure = on_failure
        self._owner: Owner = this_process()
        self._claims: dict[RunId, Claim] = {}
        self._lock = threading.Lock()
        self._signal = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """Looks for due runs now rather than at the next poll."""
        self._signal.set()

    def cancel(self, run: RunId, *, by: str, reason: str = "") -> None:
        """Asks a run to end.

        Raises:
            NotFound: no such run. Conflict: it has ended.
        """
        cancel(self._shell, run, by=by, reason=reason)
        self.wake()

    def stop(self) -> None:
        """Lets every run in flight go at its next command, and `run_worker` return."""
        self._stopping.set()
        self._signal.set()

    def run_worker(self, *, until_idle: bool = False) -> None:
        """Drives due runs until `stop`, or until nothing is due and nothing in flight.

        `until_idle` waits for timers that are due within the lease, so that a dead worker's runs are taken up too.

        Raises:
            ToolInvalid: a sync write tool could not be killed at its deadline.
        """
        self._shell.ready_tools()
        done = threading.Event()
        beats = threading.Thread(target=self._beat, args=(done,), name="dueprocess-beat", daemon=True)
        beats.start()
        try:
            with ThreadPoolExecutor(self._concurrency, thread_name_prefix="dueprocess-run") as pool:
                self._work(pool, until_idle=until_idle)
        finally:
            done.set()
            beats.join()

    def _work(self, pool: ThreadPoolExecutor, *, until_idle: bool) -> None:
        flying: set[Future[None]] = set()
        while not self._stopping.is_set():
            self._signal.clear()
            flying = {future for future in flying if not self._is_over(future)}
            claims = self._claim_due(self._concurrency - len(flying))
            flying |= {pool.submit(self._drive, made) for made in claims}
            if until_idle and not flying and not claims and not self._soon():
                return
            if not claims:
                self._signal.wait(POLL_S)
        wait(flying)
        for future in flying:
            self._is_over(future)

    def _is_over(self, future: Future[None]) -> bool:
        if not future.done():
            return False
        error = future.exception()
        if error is not None:
            # Not one of ours: a defect. Better a worker that ends loudly than one that goes on wrongly (I2).
            raise Defect("a drive ended by an error that no room raises on purpose") from error
        return True

    def _drive(self, made: Claim) -> None:
        try:
            release = self._releases.find(self._shell, made.release)
            drive(self._shell, release, claim=made, yields=self._stopping.is_set)
        except LeaseLost:
            pass  # another driver has the run; there is nothing left to do or to tell
        except DueProcessError as error:
            if self._on_failure is not None:
                self._on_failure(Failed(run=made.run, error=error))
            if not isinstance(error, (StoreUnavailable, CommitLost)):
                self._set_aside(made)
        finally:
            with self._lock:
                self._claims.pop(made.run, None)
            self._signal.set()

    def _set_aside(self, made: Claim) -> None:
        now = self._shell.clock.now()
        # Where this fails too, the lease expires and somebody else finds the run.
        with suppress(DueProcessError):
            self._shell.store.write(lambda tx: set_aside(tx, made, until=later(now, ASIDE), now=now))

    def _claim_due(self, free: int) -> list[Claim]:
        if free <= 0:
            return []
        made: list[Claim] = []
        for run in self._shell.store.read(self._due)[:free]:
            taken = self._shell.store.write(lambda tx, run=run: self._take(tx, run), sync=False)
            if taken is not None:
                made.append(taken)
        return made

    def _take(self, tx: Transaction, run: RunId) -> Claim | None:
        taken = claim(tx, run, owner=self._owner, lease=self._lease, now=self._shell.clock.now())
        if taken is not None:
            with self._lock:
                self._claims[taken.run] = taken
        return taken

    def _due(self, tx: Reader) -> list[RunId]:
        now = self._shell.clock.now()
        if self._only is not None:
            chosen = [row for row in (tx.get(RUNS, run) for run in sorted(self._only)) if row is not None]
            return [RunId(row.run) for row in chosen if self._is_ours_to_take(tx, row)]
        rows: list[RunRow] = []
        for queue in sorted(self._queues):
            # Queue by queue: a backlog that nobody here drives must not hide what is ours.
            mine = (("queue", queue), ("tenant", self._shell.tenant))
            rows += tx.find(RUNS, equal=(("due", 1), *mine), limit=_BATCH)
            rows += tx.find(RUNS, equal=(("due", 0), *mine), at_most=("wake_at", now), limit=_BATCH)
        # A dead driver's run is found by its lease; there are as many leases as runs in flight, in all processes.
        for lease in tx.find(LEASES):
            row = tx.get(RUNS, lease.run)
            if row is not None and row.status == RunStatus.RUNNING.value:
                rows.append(row)
        return [RunId(row.run) for row in rows if self._is_ours_to_take(tx, row)]

    def _is_ours_to_take(self, tx: Reader, row: RunRow) -> bool:
        if not self._is_of_ours(row):
            return False
        with self._lock:
            if row.run in self._claims:
                return False
        return claimable(tx, row, now=self._shell.clock.now())

    def _soon(self) -> bool:
        horizon = self._shell.clock.now() + 2 * self._lease

        def query(tx: Reader) -> bool:
            resting = tx.find(RUNS, equal=(("due", 0),), at_most=("wake_at", horizon))
            driven = [tx.get(RUNS, lease.run) for lease in tx.find(LEASES)]
            running = [row for row in driven if row is not None and row.status == RunStatus.RUNNING.value]
            return any(self._is_of_ours(row) for row in (*resting, *running))

        return self._shell.store.read(query)

    def _is_of_ours(self, row: RunRow) -> bool:
        is_served = row.tenant == self._shell.tenant and row.queue in self._queues
        return is_served and (self._only is None or row.run in self._only)

    def _beat(self, done: threading.Event) -> None:
        while not done.wait(self._lease / 1_000_000 / _BEATS_PER_LEASE):
            with self._lock:
                claims = tuple(self._claims.values())
            if claims:
                self._renew(claims)

    def _renew(self, claims: tuple[Claim, ...]) -> None:
        now = self._shell.clock.now()
        try:
            self._shell.store.write(lambda tx: beat(tx, claims, lease=self._lease, now=now), sync=False)
        except DueProcessError:
            # The next beat tries again; if none gets through, the leases expire and the drivers find out at their appends.
            return
