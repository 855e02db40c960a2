"""The SQLite store: one file, one writer per process, readers that never wait for it."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from dueprocess.errors import Conflict
from dueprocess.ledger import (
    Checkpoint,
    Erased,
    Keyring,
    Reader,
    SigningKey,
    Transaction,
    sign_checkpoint,
    verify_checkpoint,
)
from dueprocess.stores.journal import Head
from dueprocess.stores.kek import sync_folder
from dueprocess.stores.sqlite.file import connect, prepare, unavailable
from dueprocess.stores.sqlite.transaction import SqliteTransaction
from dueprocess.stores.sqlite.writer import Writer
from dueprocess.values import RunId

T = TypeVar("T")
_PAGE: Final = 1000  # lines fetched at a time, so that an export of any size stays in little memory


class SqliteStore:
    """A `Store` in one SQLite file (WAL). Several processes may open the same file.

    Promises: `write` with `sync` returns after the WAL has been synced; a read sees one consistent state.
    """

    def __init__(self, path: Path, *, keys: Keyring, signing_key: SigningKey, origin: str) -> None:
        prepare(path)
        self._path = path
        self._keys = keys
        self._signing_key = signing_key
        self._origin = origin
        self._writer = Writer(path, keys=keys, signing_key=signing_key, origin=origin)
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def open_run(self, run: RunId) -> None:
        """Makes the run's data key durable, before its first event."""
        if isinstance(self._keys.create([run])[run], Erased):
            raise Conflict(f"the key of run {run} was erased; expected a run that has not been erased")

    def write(self, unit: Callable[[Transaction], T], *, sync: bool = True) -> T:
        """Runs one unit in the next group commit and returns its result when that is durable."""
        return self._writer.write(unit, sync=sync)

    def read(self, query: Callable[[Reader], T]) -> T:
        """Runs a query in one read transaction."""
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            try:
                return query(SqliteTransaction(connection, head=Head(), keys=self._keys))
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise unavailable(self._path, error) from None
        finally:
            with self._lock:
                self._idle.append(connection)

    def lines(self, *, first: int = 0) -> Iterator[bytes]:
        """The exact stored lines from this leaf on, page by page; lines appended meanwhile may follow."""
        while True:
            page = self._page(first)
            yield from page
            if len(page) < _PAGE:
                return
            first += len(page)

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """The last signed checkpoint, checked with our own key; of an empty log, one signed now.

        It is durable, also where the commits behind it did not wait for that: whoever keeps it may hold the log to it.
        """
        connection = self._borrow()
        try:
            row = connection.execute("SELECT note FROM log WHERE id = 1").fetchone()
            self._sync_wal()
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self._path, error) from None
        finally:
            with self._lock:
                self._idle.append(connection)
        if row is None:
            checkpoint = Checkpoint(origin=self._origin, size=0, root=Head().frontier.root())
            return checkpoint, sign_checkpoint(checkpoint, key=self._signing_key)
        note: bytes = row[0]
        return verify_checkpoint(note, key=self._signing_key.verifier), note

    def erase_key(self, run: RunId) -> None:
        """Destroys the run's data key and empties the WAL, so that no old page keeps what the tables no longer say."""
        self._keys.erase(run)
        connection = self._borrow()
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            with self._lock:
                self._idle.append(connection)

    def close(self) -> None:
        """Commits what is queued and closes the file."""
        self._writer.close()
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _sync_wal(self) -> None:
        # INVARIANT I3: a log that lost what a stranger has seen of it looks cut back. What is no longer in the WAL is in the
        # file, which was synced before. SQLite keeps no lock on the WAL, so closing a descriptor of it gives none up.
        try:
            descriptor = os.open(self._path.with_name(f"{self._path.name}-wal"), os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self._path.parent)

    def _page(self, first: int) -> list[bytes]:
        connection = self._borrow()
        try:
            rows = connection.execute("SELECT line FROM events WHERE leaf >= ? ORDER BY leaf LIMIT ?", (first, _PAGE))
            return [line for (line,) in rows]
        except sqlite3.Error as error:
            raise unavailable(self._path, error) from None
        finally:
            with self._lock:
                self._idle.append(connection)

    def _borrow(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return connect(self._path)
