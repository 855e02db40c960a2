"""The port to whatever keeps the ledger: transactions over events and over the read models written beside them.

Rule 1. The events are the state. A row of a read model changes only in the transaction that appends the event it follows
        from, and only by the projection of that event (I8). Leases are the one exception: they say who drives a run at
        this moment, and are nobody's state.
Rule 2. `write` returns after its transaction is durable, unless `sync` is False; members of one group commit see each
        other's changes in order, and a member that raises leaves nothing behind.
Rule 3. A commit that fails makes every member `CommitLost`: nothing that depends on it may be dispatched (I2, I3).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from dueprocess.ledger.checkpoint import Checkpoint
from dueprocess.ledger.event import Envelope
from dueprocess.ledger.seal import Erased, Missing, RunKey
from dueprocess.values import Instant, RunId

T = TypeVar("T")
R = TypeVar("R")
Cell = str | int
"""What a column of a read model holds. Instants are integers, flags 0 or 1, structures JSON text."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table(Generic[R]):
    """A read model: one frozen dataclass of cells per row, its key columns, and the columns it is found by.

    There is one value of each: two are never compared by what they hold.
    """

    name: str
    row: type[R]
    key: tuple[str, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns in the order of the dataclass."""
        return tuple(field.name for field in fields(self.row))  # type: ignore[arg-type]

    def key_of(self, row: R) -> tuple[Cell, ...]:
        """The key of a row."""
        found = self._key_cells(row)
        return found if len(self.key) > 1 else (found,)

    @cached_property
    def _key_cells(self) -> Callable[[object], Any]:
        return attrgetter(*self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event before it has a place in the log. `record` is a dataclass that the record table knows by its kind.

    `in_clear`: the record must stay readable after the run's key is erased; no personal data goes there.
    """

    run: RunId
    tenant: str
    record: object
    at: Instant
    release: str
    policy: str
    epoch: int = 0
    action: str = ""
    attempt: int = 0
    in_clear: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A stored event: its envelope and its record, None where the run's key has been erased."""

    envelope: Envelope
    record: object | None


class Keyring(Protocol):
    """Keeps one data key per run, apart from the ledger. Every change is durable before the call returns."""

    def create(self, runs: Sequence[str]) -> Mapping[str, RunKey | Erased]:
        """The keys of these runs, made where they are missing; an erased one stays erased."""
        ...

    def get(self, run: str) -> RunKey | Erased | Missing:
        """The key of a run, or why there is none."""
        ...

    def erase(self, run: str) -> None:
        """Destroys the key of a run for good."""
        ...


class Reader(Protocol):
    """What can be read inside a transaction, in one consistent state."""

    def get(self, table: Table[R], *key: Cell) -> R | None:
        """The row of this key."""
        ...

    def find(
        self,
        table: Table[R],
        *,
        equal: tuple[tuple[str, Cell], ...] = (),
        at_most: tuple[str, Cell] | None = None,
        more_than: tuple[str, Cell] | None = None,
        limit: int = 0,
    ) -> list[R]:
        """The rows with these values, and with a column at most or more than a value, in key order; `limit` 0 is all."""
        ...

    def events(self, run: RunId, *, after: int = 0) -> list[Event]:
        """The events of a run after this sequence number, in order, decrypted where the key exists."""
        ...

    def lineage(self, action: str) -> list[Event]:
        """The events that carry this action id, in log order."""
        ...

    def digest(self, run: RunId, label: str, *, content: str) -> str:
        """The digest of small or personal content under the run's key (design section 7).

        Raises:
            NotFound: the run's key has been erased.
        """
        ...


class Transaction(Reader, Protocol):
    """What can be changed inside a transaction."""

    def append(self, draft: Draft) -> Event:
        """Gives an event its place, seals it, stores it and applies its projection."""
        ...

    def put(self, table: Table[R], row: R) -> None:
        """Writes a row. Only projections and leases call this (rule 1)."""
        ...

    def delete(self, table: Table[R], *key: Cell) -> None:
        """Removes a row if it is there. Only projections and leases call this (rule 1)."""
        ...


class Store(Protocol):
    """A ledger with its read models."""

    def open_run(self, run: RunId) -> None:
        """Makes the run's data key durable, before its first event. Again is no change.

        Raises:
            Conflict: the run's key has been erased.
        """
        ...

    def write(self, unit: Callable[[Transaction], T], *, sync: bool = True) -> T:
        """Runs one unit in a transaction and returns its result when it is durable (rule 2).

        The unit may run inside a group commit with others; it does no I/O and never waits.

        Raises:
            CommitLost: nobody knows whether it is durable (rule 3). Whatever the unit raises is passed on.
        """
        ...

    def read(self, query: Callable[[Reader], T]) -> T:
        """Runs a query on one consistent state."""
        ...

    def lines(self, *, first: int = 0) -> Iterator[bytes]:
        """The exact stored lines from this leaf on."""
        ...

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """The last checkpoint and its signed note."""
        ...

    def erase_key(self, run: RunId) -> None:
        """Destroys the run's data key for good, and with it every body and keyed digest of the run."""
        ...

    def close(self) -> None:
        """Waits for what is under way and frees files. Again is no change."""
        ...
