"""A run in the hands of its driver: the state it knows, and the one way to append to it. What is appended is decided by the acts.

Rule 1. Only the driving thread uses this object; a lost lease ends the drive at once, whatever was under way.
Rule 2. An act that depends on the state is committed only if that state has seen every event (`fresh`); else nothing is
        appended, the foreign events are folded and the run decides anew what it wants.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dueprocess.agent import Command, Happened, Phase, RunState, initial, refold
from dueprocess.agent.remember import remember
from dueprocess.gate.history import History
from dueprocess.ledger import Event, Reader, Transaction
from dueprocess.policy import Policy
from dueprocess.runtime.journal import Claim, Item, append, happened, owned, since
from dueprocess.runtime.shell import Loaded, Shell
from dueprocess.values import FOR_EVER, Instant

Make = Callable[[Transaction], Iterable[Item]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Committed:
    mine: tuple[Event, ...]
    all: tuple[Happened, ...]


class Run:
    """One claimed run. `state` and `commands` are as of the last event folded."""

    def __init__(self, shell: Shell, loaded: Loaded, claim: Claim, *, policy: Policy) -> None:
        self.shell = shell
        self.loaded = loaded
        self.claim = claim
        self.policy = policy
        self.history = History(policy=policy)
        self.state: RunState = initial(loaded.config, claim.run)
        self.commands: tuple[Command, ...] = ()
        self.over = False

    def refold(self) -> None:
        """Folds every event of the run from the first one."""
        self.state = initial(self.loaded.config, self.claim.run)
        self.history = History(policy=self.policy)
        self._fold(self._told())

    def obey(self, policy: Policy) -> None:
        """Goes on under another policy. What the run has seen is labelled anew, as that one says."""
        self.policy = policy
        seen = (event for event in self._told() if event.seq <= self.state.seq)
        self.history = self._remembered(History(policy=policy), seen)

    def commit(self, make: Make, *, fresh: bool = True, sync: bool = True) -> tuple[Event, ...]:
        """Appends what `make` returns, in one transaction, and folds everything that is new. Returns what was appended.

        Raises:
            LeaseLost: another driver owns the run. CommitLost: see the store.
        """
        seen = self.state.seq

        def unit(tx: Transaction) -> _Committed:
            row = owned(tx, self.claim)
            if fresh and row.seq != seen:
                return _Committed(mine=(), all=since(tx, self.claim, (), seen=seen))
            mine: tuple[Event, ...] = ()
            for item in make(tx):
                mine += append(tx, self.claim, [item], now=self.now())
            return _Committed(mine=mine, all=since(tx, self.claim, mine, seen=seen) if mine else ())

        done = self.shell.store.write(unit, sync=sync)
        self._fold(done.all)
        return done.mine

    def record(self, *items: Item, fresh: bool = False, sync: bool = True) -> tuple[Event, ...]:
        """Appends facts, which are true whatever else has happened."""
        return self.commit(lambda _: items, fresh=fresh, sync=sync)

    def now(self) -> Instant:
        """The later of the clock and the run's last event."""
        return Instant(max(self.shell.clock.now(), self.state.now))

    def wall_clock_left(self) -> int:
        """Microseconds of the run's time that are left; never negative."""
        limits = self.policy.agent
        used = self.state.active_at(self.now(), whole=limits.clock_includes_suspension)
        return max(0, limits.max_wall_clock - used)

    def asleep_until(self) -> Instant:
        """The instant at which a resting run must end for lack of time; never, while its clock stands still or it ends already."""
        limits = self.policy.agent
        if not limits.clock_includes_suspension or self.state.phase is Phase.ENDING:
            return FOR_EVER
        return Instant(self.now() + self.wall_clock_left())

    def _told(self) -> tuple[Happened, ...]:
        def query(tx: Reader) -> tuple[Happened, ...]:
            return tuple(happened(event) for event in tx.events(self.claim.run))

        return self.shell.store.read(query)

    def _fold(self, events: tuple[Happened, ...]) -> None:
        if events:
            self.state, self.commands = refold(self.state, events)
            self.history = self._remembered(self.history, events)

    def _remembered(self, history: History, events: Iterable[Happened]) -> History:
        for event in events:
            history = remember(history, event, workflow=self.loaded.config.workflow)
        return history
