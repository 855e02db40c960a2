"""The floor of a governed write: the lines and rows that governed writes left behind, written again by `sqlite3` alone.

Rule 1. The same bytes in the same two commits: intent, action, gauge, run and head of the log in the first; outcome, action,
        run and head in the second. A row is written as it was in the end; the rows of a run differ from write to write by
        a few digits only.
Rule 2. The file is a copy of the ledger from before the first repeat, so that tables, indexes and size are the same.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dueprocess.runtime.gauges import calls_key

_EVENTS: Final = "SELECT leaf, run, seq, action, line FROM events WHERE leaf >= ? ORDER BY leaf"
_COMMITS_EACH: Final = 2

Statement = tuple[str, tuple[object, ...]]
Commit = tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One governed write as it was stored: its run and the statements of each of its two commits."""

    run: str
    commits: tuple[Commit, ...]

    @property
    def line_bytes(self) -> int:
        """The bytes of its event lines."""
        lines = [values[-1] for commit in self.commits for sql, values in commit if "INTO events" in sql]
        return sum(len(line) for line in lines if isinstance(line, bytes))


def connect(path: Path) -> sqlite3.Connection:
    """A connection as a careful program opens it: WAL, every commit synced, transactions by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def copy(ledger: Path, to: Path) -> sqlite3.Connection:
    """A copy of a ledger that is in use, opened (rule 2)."""
    with sqlite3.connect(ledger) as source, sqlite3.connect(to) as target:
        source.backup(target)
    source.close()
    target.close()
    return connect(to)


def leaves(ledger: Path) -> int:
    """How many events the ledger holds."""
    with sqlite3.connect(ledger) as connection:
        count: int = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    connection.close()
    return count


def recorded(ledger: Path, *, first: int) -> list[Recorded]:
    """The governed writes since this leaf, in the order of their intents (rule 1)."""
    connection = sqlite3.connect(ledger)
    by_action: dict[str, list[tuple[object, ...]]] = {}
    for row in connection.execute(_EVENTS, (first,)):
        by_action.setdefault(row[3], []).append(row)
    head = _rows(connection, "log", "id", 1)
    found: list[Recorded] = []
    for action, events in by_action.items():
        assert len(events) == _COMMITS_EACH, f"action {action} has {len(events)} events; expected intent and outcome"
        run = str(events[0][1])
        moved = (*_rows(connection, "actions", "action", action), *_rows(connection, "runs", "run", run), *head)
        counted = _rows(connection, "gauges", "key", calls_key(run))
        assert counted, f"run {run} has no gauge of its calls"
        intent, outcome = (_insert("events", event) for event in events)
        found.append(Recorded(run=run, commits=((intent, *moved, *counted), (outcome, *moved))))
    connection.close()
    return found


def commit(connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
    """Writes what these commits hold in one synced transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for each in commits:
        for sql, values in each:
            connection.execute(sql, values)
    connection.execute("COMMIT")


def _rows(connection: sqlite3.Connection, table: str, column: str, value: object) -> tuple[Statement, ...]:
    rows = connection.execute(f'SELECT * FROM {table} WHERE "{column}" = ?', (value,)).fetchall()  # noqa: S608 - our own tables and columns
    return tuple(_insert(table, row) for row in rows)


def _insert(table: str, row: tuple[object, ...]) -> Statement:
    marks = ", ".join("?" for _ in row)
    return f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row  # noqa: S608 - as above
