"""Opening the SQLite file: connections, pragmas, migrations. What is written into it and found in it is in `index`.

Rule 1. WAL with `synchronous = FULL`: a change that was told is there after power loss; a removed text does not come back.
Rule 2. Migrations are numbered SQL files, applied once each in one transaction; a file of a later version is refused.
Rule 3. Foreign bytes are told apart from an index by the application id before anything is read as ours.
"""

import sqlite3
import time
from importlib.resources import files
from pathlib import Path
from typing import Final

from dueprocess.errors import StoreUnavailable

APPLICATION_ID: Final = 0x64756569  # "duei"
_AGAIN_S: Final = 0.005  # between two tries of what SQLite itself does not wait for
BUSY_SECONDS: Final = 30.0  # how long another process may hold the write lock: the largest document takes seconds


def connect(path: Path) -> sqlite3.Connection:
    """A connection with our pragmas; transactions are begun and ended by the caller.

    Raises:
        StoreUnavailable: the file cannot be opened.
    """
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = FULL")
        return connection
    except sqlite3.Error as error:
        raise unavailable(path, error) from None


def prepare(path: Path) -> None:
    """Makes the file and brings it to this version's tables, whichever process comes first.

    Raises:
        StoreUnavailable: not writable, not an index, of a later version, or an SQLite without full text.
    """
    if not path.parent.is_dir():
        raise StoreUnavailable(f"{path.parent} is not a folder; expected a folder that can be written to")
    connection = connect(path)
    try:
        # In this order: tables and id come in one commit of whichever process is first, maybe between these two looks.
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        if not empty and found != APPLICATION_ID:
            raise StoreUnavailable(f"{path} is an SQLite file of another program; expected an index or a new file")
        if _switch_to_wal(connection) != "wal":
            raise StoreUnavailable(
                f"{path} cannot be kept in WAL mode; expected a local file system with shared memory"
            )
        _migrate(connection, path)
    except sqlite3.Error as error:
        raise unavailable(path, error) from None
    finally:
        connection.close()
    path.chmod(0o600)


def unavailable(path: Path, error: Exception) -> StoreUnavailable:
    """What to tell a person of an SQLite error."""
    return StoreUnavailable(f"{path}: {error}; expected a readable and writable index file and free disk space")


def _switch_to_wal(connection: sqlite3.Connection) -> str:
    # SQLite waits for nobody while it switches: two processes that do so at once would both have to go first.
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_S)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    migrations = sorted(
        (
            item
            for item in (files("dueprocess.retrievers.sqlite") / "migrations").iterdir()
            if item.name.endswith(".sql")
        ),
        key=lambda item: item.name,
    )
    connection.execute("BEGIN IMMEDIATE")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        connection.execute("ROLLBACK")
        raise StoreUnavailable(f"{path} is of version {version}; this program knows up to {len(migrations)}: update it")
    for number, migration in enumerate(migrations, start=1):
        if number > version:
            for statement in _statements(migration.read_text("utf-8")):
                connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
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
