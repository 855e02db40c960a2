"""The store of one process without a disk. One lock; a unit that raises is undone by its own journal of old rows."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from dueprocess.errors import Conflict, StoreUnavailable
from dueprocess.ledger import (
    Cell,
    Checkpoint,
    Draft,
    Envelope,
    Erased,
    Event,
    Keyring,
    Reader,
    SigningKey,
    Table,
    Transaction,
)
from dueprocess.runtime.project import project
from dueprocess.runtime.tables import RUNS
from dueprocess.stores.journal import Head, MemoryKeys, compose, opened, run_key
from dueprocess.values import RunId

T = TypeVar("T")
R = TypeVar("R")
Key = tuple[Cell, ...]


class MemoryStore:
    """A `Store` in memory. Nothing survives the process."""

    def __init__(self, *, signing_key: SigningKey, origin: str = "memory", keys: Keyring | None = None) -> None:
        self._signing_key = signing_key
        self._origin = origin
        self._keys = keys if keys is not None else MemoryKeys()
        self._lock = threading.RLock()
        self._tables: dict[str, dict[Key, Any]] = {}
        self._lines: list[tuple[bytes, Envelope]] = []
        self._head = Head()
        self._closed = False

    def open_run(self, run: RunId) -> None:
        """Makes the run's data key, before its first event."""
        self._refuse_closed()
        if isinstance(self._keys.create([run])[run], Erased):
            raise Conflict(f"the key of run {run} was erased; expected a run that has not been erased")

    def write(self, unit: Callable[[Transaction], T], *, sync: bool = True) -> T:
        """Runs one unit alone; what it changed is undone if it raises. `sync` means nothing here."""
        with self._lock:
            self._refuse_closed()
            transaction = _MemoryTransaction(self._tables, self._lines, self._head, self._keys)
            try:
                result = unit(transaction)
            except BaseException:
                transaction.undo()
                raise
            self._head = transaction.head
            return result

    def read(self, query: Callable[[Reader], T]) -> T:
        """Runs a query while nothing is written."""
        with self._lock:
            self._refuse_closed()
            return query(_MemoryTransaction(self._tables, self._lines, self._head, self._keys))

    def lines(self, *, first: int = 0) -> Iterator[bytes]:
        """The exact stored lines from this leaf on, as of the call."""
        with self._lock:
            self._refuse_closed()
            kept = self._lines[first:]
        return (line for line, _ in kept)

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """The checkpoint of all that is stored, signed now."""
        with self._lock:
            self._refuse_closed()
            return self._head.checkpoint(origin=self._origin, key=self._signing_key)

    def erase_key(self, run: RunId) -> None:
        """Destroys the run's data key."""
        self._refuse_closed()
        self._keys.erase(run)

    def close(self) -> None:
        """Refuses every later call."""
        self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed; open it again")


class _MemoryTransaction:
    """One unit's view: changes go in at once, and `undo` takes them back in reverse."""

    def __init__(
        self, tables: dict[str, dict[Key, Any]], lines: list[tuple[bytes, Envelope]], head: Head, keys: Keyring
    ) -> None:
        self._tables = tables
        self._lines = lines
        self._keys = keys
        self._old: list[tuple[str, Key, Any]] = []
        self._first = len(lines)
        self.head = head

    def get(self, table: Table[R], *key: Cell) -> R | None:
        return self._tables.get(table.name, {}).get(key)

    def find(
        self,
        table: Table[R],
        *,
        equal: tuple[tuple[str, Cell], ...] = (),
        at_most: tuple[str, Cell] | None = None,
        more_than: tuple[str, Cell] | None = None,
        limit: int = 0,
    ) -> list[R]:
        rows = sorted(self._tables.get(table.name, {}).items())
        found = [
            row
            for _, row in rows
            if all(getattr(row, column) == value for column, value in equal)
            and (at_most is None or getattr(row, at_most[0]) <= at_most[1])
            and (more_than is None or getattr(row, more_than[0]) > more_than[1])
        ]
        return found[:limit] if limit else found

    def events(self, run: RunId, *, after: int = 0) -> list[Event]:
        return [opened(e, self._keys) for _, e in self._lines if e.run == run and e.seq > after]

    def lineage(self, action: str) -> list[Event]:
        return [opened(e, self._keys) for _, e in self._lines if action and e.action == action]

    def digest(self, run: RunId, label: str, *, content: str) -> str:
        return run_key(self._keys, run).keyed_digest(label=label, data=content.encode())

    def append(self, draft: Draft) -> Event:
        row = self.get(RUNS, draft.run)
        written = compose(draft, seq=(row.seq if row is not None else 0) + 1, head=self.head, keys=self._keys)
        self._lines.append((written.line, written.event.envelope))
        self.head = written.head
        project(self, written.event)
        return written.event

    def put(self, table: Table[R], row: R) -> None:
        rows, key = self._tables.setdefault(table.name, {}), table.key_of(row)
        self._old.append((table.name, key, rows.get(key)))
        rows[key] = row

    def delete(self, table: Table[R], *key: Cell) -> None:
        rows = self._tables.setdefault(table.name, {})
        if key in rows:
            self._old.append((table.name, key, rows.pop(key)))

    def undo(self) -> None:
        for name, key, row in reversed(self._old):
            if row is None:
                self._tables[name].pop(key, None)
            else:
                self._tables[name][key] = row
        del self._lines[self._first :]
