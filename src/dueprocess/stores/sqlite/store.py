"""The SQLite store: one file, one writer per process, readers that never wait for it."""

import os
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
from dueprocess.sqlite_file import Kind, SqliteFile
from dueprocess.stores.journal import Head
from dueprocess.stores.kek import sync_folder
from dueprocess.stores.sqlite.transaction import SqliteTransaction
from dueprocess.stores.sqlite.writer import Writer
from dueprocess.values import RunId

T = TypeVar("T")
LEDGER: Final = Kind(article="a", name="ledger", application_id=b"due1", package="dueprocess.stores.sqlite")
_PAGE: Final = 1000  # lines fetched at a time, so that an export of any size stays in little memory


class SqliteStore:
    """A `Store` in one SQLite file (WAL). Several processes may open the same file.

    Promises: `write` with `sync` returns after the WAL has been synced; a read sees one consistent state.
    """

    def __init__(self, path: Path, *, keys: Keyring, signing_key: SigningKey, origin: str) -> None:
        self._file = SqliteFile(path, kind=LEDGER)
        self._keys = keys
        self._signing_key = signing_key
        self._origin = origin
        self._writer = Writer(self._file, keys=keys, signing_key=signing_key, origin=origin)

    def open_run(self, run: RunId) -> None:
        """Makes the run's data key durable, before its first event."""
        self._file.require_open()
        if isinstance(self._keys.create([run])[run], Erased):
            raise Conflict(f"the key of run {run} was erased; expected a run that has not been erased")

    def write(self, unit: Callable[[Transaction], T], *, sync: bool = True) -> T:
        """Runs one unit in the next group commit and returns its result when that is durable."""
        return self._writer.write(unit, sync=sync)

    def read(self, query: Callable[[Reader], T]) -> T:
        """Runs a query in one read transaction."""
        with self._file.reading() as connection:
            return query(SqliteTransaction(connection, head=Head(), keys=self._keys))

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
        with self._file.lent() as connection:
            row = connection.execute("SELECT note FROM log WHERE id = 1").fetchone()
            try:
                self._sync_wal()
            except OSError as error:
                raise self._file.unavailable(error) from None
        if row is None:
            checkpoint = Checkpoint(origin=self._origin, size=0, root=Head().frontier.root())
            return checkpoint, sign_checkpoint(checkpoint, key=self._signing_key)
        note: bytes = row[0]
        return verify_checkpoint(note, key=self._signing_key.verifier), note

    def erase_key(self, run: RunId) -> None:
        """Destroys the run's data key and empties the WAL, so that no old page keeps what the tables no longer say."""
        with self._file.lent() as connection:
            self._keys.erase(run)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Commits what is queued and closes the file. Every later call is refused."""
        self._writer.close()
        self._file.close()

    def _sync_wal(self) -> None:
        # INVARIANT I3: a log that lost what a stranger has seen of it looks cut back. What is no longer in the WAL is in the
        # file, which was synced before. SQLite keeps no lock on the WAL, so closing a descriptor of it gives none up.
        path = self._file.path
        try:
            descriptor = os.open(path.with_name(f"{path.name}-wal"), os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(path.parent)

    def _page(self, first: int) -> list[bytes]:
        with self._file.lent() as connection:
            rows = connection.execute("SELECT line FROM events WHERE leaf >= ? ORDER BY leaf LIMIT ?", (first, _PAGE))
            return [line for (line,) in rows]
