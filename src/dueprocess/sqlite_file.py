"""A SQLite file of ours: told apart from other programs', brought to this version's tables, its connections lent.

What is written into it and found in it is the adapter's.

Rule 1. WAL with `synchronous = FULL`; the file ships with neither. What was told is there after power loss (I3), and what
        was deleted does not come back.
Rule 2. Migrations are numbered SQL files, applied once each in one transaction; a file of a later version is refused.
Rule 3. Foreign bytes are told apart from ours, and one kind of ours from another, by the application id before anything
        is read.
Rule 4. A connection is lent to one at a time; a closed file lends none.
"""

import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from dueprocess.errors import StoreUnavailable

BUSY_SECONDS: Final = 30.0
"""How long another process may hold the write lock: a group commit takes milliseconds, the largest document seconds."""

_AGAIN_S: Final = 0.005  # between two tries of what SQLite itself does not wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a file is: its name and the article before it, its application id (four bytes), the package of its migrations."""

    article: str
    name: str
    application_id: bytes
    package: str


class SqliteFile:
    """A file of one kind. Several threads and processes may open the same one."""

    def __init__(self, path: Path, *, kind: Kind) -> None:
        """Makes the file and brings it to this version's tables, whichever process comes first.

        Raises:
            StoreUnavailable: not writable, of another program or kind, of a later version, or an SQLite that lacks what
                a migration needs.
        """
        self.path = path
        self._kind = kind
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._prepare()

    def connect(self) -> sqlite3.Connection:
        """A connection of the caller's own (rule 1), who begins and ends its transactions, and closes it.

        Raises:
            StoreUnavailable: the file cannot be opened.
        """
        try:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = FULL")
            return connection
        except sqlite3.Error as error:
            raise self.unavailable(error) from None

    @contextmanager
    def lent(self) -> Generator[sqlite3.Connection]:
        """A connection for this long (rule 4); what SQLite says against it is raised as ours.

        Raises:
            StoreUnavailable: the file is closed, or cannot be read or written.
        """
        connection = self._take()
        try:
            yield connection
        except sqlite3.Error as error:
            raise self.unavailable(error) from None
        finally:
            self._give_back(connection)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A connection lent for one read transaction: all that is read with it is of one moment."""
        with self.lent() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    def unavailable(self, error: Exception) -> StoreUnavailable:
        """What to tell a person of an error of SQLite or of the disk."""
        expected = f"a readable and writable {self._kind.name} file and free disk space"
        return StoreUnavailable(f"{self.path}: {error}; expected {expected}")

    def require_open(self) -> None:
        """Refuses where the file has been closed.

        Raises:
            StoreUnavailable: it has.
        """
        if self._closed:
            raise StoreUnavailable(f"{self.path} is closed; open it again")

    def close(self) -> None:
        """Closes what is not lent, and the rest as it comes back. Every later loan is refused."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            self.require_open()
            if self._idle:
                return self._idle.pop()
        return self.connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _prepare(self) -> None:
        path, kind = self.path, self._kind
        if not path.parent.is_dir():
            raise StoreUnavailable(f"{path.parent} is not a folder; expected a folder that can be written to")
        try:
            with closing(self.connect()) as connection:
                # In this order: tables and id come in one commit of whoever is first, maybe between these two looks.
                empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
                found = connection.execute("PRAGMA application_id").fetchone()[0]
                if not empty and found != int.from_bytes(kind.application_id):
                    raise StoreUnavailable(
                        f"{path} is an SQLite file of another program; expected {kind.article} {kind.name} or a new file"
                    )
                if switch_to_wal(connection) != "wal":
                    raise StoreUnavailable(
                        f"{path} cannot be kept in WAL mode; expected a local file system with shared memory"
                    )
                _migrate(connection, path, kind)
        except sqlite3.Error as error:
            raise self.unavailable(error) from None
        path.chmod(0o600)


def switch_to_wal(connection: sqlite3.Connection) -> str:
    """Makes the file one with a write-ahead log, and returns the mode that it has then."""
    # SQLite waits for nobody while it switches: two processes that do so at once would both have to go first.
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_S)


def _migrate(connection: sqlite3.Connection, path: Path, kind: Kind) -> None:
    found = (files(kind.package) / "migrations").iterdir()
    migrations = sorted((item for item in found if item.name.endswith(".sql")), key=lambda item: item.name)
    connection.execute("BEGIN IMMEDIATE")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise StoreUnavailable(f"{path} is of version {version}; this program knows up to {len(migrations)}: update it")
    for migration in migrations[version:]:
        for statement in _statements(migration.read_text("utf-8")):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {int.from_bytes(kind.application_id)}")
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
    connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    # `executescript` would commit the transaction that makes a migration all or nothing.
    statements: list[str] = []
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            statements.append("\n".join(lines))
            lines = []
    return statements
