"""The one writer of a process: units of many runs in one transaction, one fsync, one signed checkpoint (group commit).

Rule 1. A unit runs in a savepoint of its own; what it raises undoes it alone.
Rule 2. Nobody is told of success before COMMIT has returned. With a unit that asks for durability in the group, the
        commit is synced; a group of reads' bookkeeping alone is not (design section 5).
Rule 3. A commit that fails makes every member `CommitLost`: it may or may not be on disk (I3).
Rule 4. The head of the log is read anew in each transaction: another process may have written since.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from dueprocess.errors import CommitLost, DueProcessError, StoreUnavailable
from dueprocess.ledger import Frontier, Keyring, SigningKey, Transaction
from dueprocess.sqlite_file import SqliteFile
from dueprocess.stores.journal import Head
from dueprocess.stores.sqlite.transaction import SqliteTransaction

T = TypeVar("T")
MAX_GROUP: Final = 64  # beyond this the wait of the first member grows faster than the cost per member falls
_PATIENCE_S: Final = 0.001  # how long a group waits for as many members as the last one had
_HEAD: Final = "SELECT frontier, last FROM log WHERE id = 1"
_SET_HEAD: Final = "INSERT OR REPLACE INTO log (id, frontier, last, note) VALUES (1, ?, ?, ?)"


class _Member:
    """One unit on its way through a group commit."""

    __slots__ = ("done", "error", "result", "sync", "unit")

    def __init__(self, unit: Callable[[Transaction], Any], *, sync: bool) -> None:
        self.unit = unit
        self.sync = sync
        self.result: Any = None
        self.error: BaseException | None = None
        # A bare lock, taken now and released by the writer, is the cheapest thing to wait for.
        self.done = threading.Lock()
        self.done.acquire()


class Writer:
    """Owns the writing connection and its thread."""

    def __init__(self, file: SqliteFile, *, keys: Keyring, signing_key: SigningKey, origin: str) -> None:
        self._file = file
        self._keys = keys
        self._signing_key = signing_key
        self._origin = origin
        self._queue: queue.SimpleQueue[_Member | None] = queue.SimpleQueue()
        self._synchronous = ""
        self._head, self._head_row = Head(), (b"", b"")
        self._connection = file.connect()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="dueprocess-writer", daemon=True)
        self._thread.start()

    def write(self, unit: Callable[[Transaction], T], *, sync: bool) -> T:
        """Runs the unit in the next group and returns when that is committed."""
        member = _Member(unit, sync=sync)
        with self._closing:
            if self._closed:
                raise StoreUnavailable(f"{self._file.path} is closed; open it again")
            self._queue.put(member)
        member.done.acquire()
        if member.error is not None:
            raise member.error
        return member.result

    def close(self) -> None:
        """Lets what is queued be committed, then ends the thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        expected = 1
        while True:
            first = self._queue.get()
            if first is None:
                return
            group, last = self._gather(first, expected=expected)
            self._commit(group)
            expected = len(group)
            for member in group:
                member.done.release()
            if last:
                return

    def _gather(self, first: _Member, *, expected: int) -> tuple[list[_Member], bool]:
        # Those who were told together mostly ask again together: what comes within a moment shares the commit's fixed cost.
        group = [first]
        until = time.monotonic() + _PATIENCE_S
        while len(group) < MAX_GROUP:
            patience = until - time.monotonic() if len(group) < expected else 0.0
            try:
                member = self._queue.get(timeout=patience) if patience > 0 else self._queue.get_nowait()
            except queue.Empty:
                return group, False
            if member is None:
                return group, True
            group.append(member)
        return group, False

    def _commit(self, group: list[_Member]) -> None:
        connection = self._connection
        committing = False
        try:
            self._set_synchronous("FULL" if any(member.sync for member in group) else "NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            transaction = SqliteTransaction(connection, head=self._read_head(), keys=self._keys)
            before = transaction.head
            for member in group:
                _run_member(connection, transaction, member)
            if transaction.head != before:
                head = transaction.head
                _, note = head.checkpoint(origin=self._origin, key=self._signing_key)
                self._head, self._head_row = head, (head.frontier.to_bytes(), head.last)
                connection.execute(_SET_HEAD, (*self._head_row, note))
            committing = True
            connection.execute("COMMIT")
        except (sqlite3.Error, DueProcessError, OSError) as error:
            self._fail(group, error, committing=committing)

    def _fail(self, group: list[_Member], error: Exception, *, committing: bool) -> None:
        if self._connection.in_transaction:
            # A failed COMMIT may or may not have ended the transaction; what is still open is undone.
            # Where even that fails, the members must still be told, or their threads wait for ever.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        for member in group:
            told = f"{self._file.path}: the commit failed ({error}); whether it is on disk is unknown"
            member.error = CommitLost(told) if committing else self._file.unavailable(error)
            member.result = None

    def _read_head(self) -> Head:
        # Rule 4. What stands there is compared with what was made of it last time, not with what this process wrote.
        row: tuple[bytes, bytes] | None = self._connection.execute(_HEAD).fetchone()
        if row is None:
            return Head()
        if row != self._head_row:
            self._head, self._head_row = Head(frontier=Frontier.from_bytes(row[0]), last=row[1]), row
        return self._head

    def _set_synchronous(self, level: str) -> None:
        if level != self._synchronous:
            self._connection.execute(f"PRAGMA synchronous = {level}")
            self._synchronous = level


def _run_member(connection: sqlite3.Connection, transaction: SqliteTransaction, member: _Member) -> None:
    before = transaction.head
    connection.execute("SAVEPOINT member")
    try:
        member.result = member.unit(transaction)
    except sqlite3.Error:
        # The disk or the file failed, not the unit: the whole group fails with it.
        raise
    except BaseException as error:  # noqa: BLE001 - handed to the thread that asked, which raises it there
        connection.execute("ROLLBACK TO member")
        transaction.undone(before)
        member.error = error
    connection.execute("RELEASE member")
