"""Stores that fail where a test says: before or after one commit. What must hold afterwards is the test's matter."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import TypeVar

from dueprocess.errors import CommitLost, StoreUnavailable
from dueprocess.ledger import Checkpoint, Reader, Store, Transaction
from dueprocess.testing.workbench import Killed
from dueprocess.values import RunId

T = TypeVar("T")


class Fault(Enum):
    """What happens at the chosen commit."""

    KILLED_BEFORE = "the worker dies and nothing of it is stored"
    KILLED_AFTER = "it is stored and the worker dies before it is told"
    LOST_BEFORE = "the worker is told that nobody knows; nothing of it is stored"
    LOST_AFTER = "the worker is told that nobody knows; it is stored"
    UNAVAILABLE = "the worker is told that nothing of it is stored"


_STORED = frozenset({Fault.KILLED_AFTER, Fault.LOST_AFTER})


class FaultyStore:
    """A store around another one whose commit number `at` (from 1) goes wrong; every other one does not.

    `commits` counts them, so that a run without a fault tells how many there are.
    """

    def __init__(self, store: Store, *, at: int = 0, fault: Fault = Fault.KILLED_BEFORE) -> None:
        self.commits = 0
        self._store = store
        self._at = at
        self._fault = fault

    def open_run(self, run: RunId) -> None:
        """As the store inside."""
        self._store.open_run(run)

    def write(self, unit: Callable[[Transaction], T], *, sync: bool = True) -> T:
        """As the store inside, but for the chosen commit."""
        self.commits += 1
        if self.commits != self._at:
            return self._store.write(unit, sync=sync)
        if self._fault in _STORED:
            self._store.write(unit, sync=sync)
        match self._fault:
            case Fault.KILLED_BEFORE | Fault.KILLED_AFTER:
                raise Killed
            case Fault.LOST_BEFORE | Fault.LOST_AFTER:
                raise CommitLost("a test lost this commit")
            case Fault.UNAVAILABLE:
                raise StoreUnavailable("a test refused this commit")

    def read(self, query: Callable[[Reader], T]) -> T:
        """As the store inside."""
        return self._store.read(query)

    def lines(self, *, first: int = 0) -> Iterator[bytes]:
        """As the store inside."""
        return self._store.lines(first=first)

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """As the store inside."""
        return self._store.checkpoint()

    def erase_key(self, run: RunId) -> None:
        """As the store inside."""
        self._store.erase_key(run)

    def close(self) -> None:
        """As the store inside."""
        self._store.close()
