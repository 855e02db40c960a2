"""One unit's view of the SQLite file, inside a transaction that the writer or a reader has begun.

SQL is put together from the names of our own tables and columns only; values are always bound.
"""

import sqlite3
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, TypeVar

from dueprocess.ledger import Cell, Draft, Envelope, Event, Keyring, Table, decode_line
from dueprocess.runtime.project import project
from dueprocess.runtime.tables import RUNS
from dueprocess.stores.journal import Head, compose, opened, run_key
from dueprocess.values import RunId

R = TypeVar("R")

_APPEND: Final = 'INSERT INTO events ("leaf", "run", "seq", "action", "line") VALUES (?, ?, ?, ?, ?)'
_OF_RUN: Final = 'SELECT line FROM events WHERE "run" = ? AND seq > ? ORDER BY seq'
_OF_ACTION: Final = 'SELECT line FROM events WHERE "action" = ? AND "action" <> \'\' ORDER BY leaf'


class SqliteTransaction:
    """Reads and changes through one connection. `head` is the end of the log as this transaction sees it.

    Rows are remembered while the transaction lasts: it holds the write lock, or reads one snapshot, so none changes but by it.
    """

    __slots__ = ("_connection", "_keys", "_rows", "head")

    def __init__(self, connection: sqlite3.Connection, *, head: Head, keys: Keyring) -> None:
        self._connection = connection
        self._keys = keys
        self._rows: dict[tuple[str, tuple[Cell, ...]], Any] = {}
        self.head = head

    def get(self, table: Table[R], *key: Cell) -> R | None:
        """The row of this key."""
        place = (table.name, key)
        if place in self._rows:
            return self._rows[place]
        sql, columns = _get_sql(table)
        row = self._connection.execute(sql, key).fetchone()
        found = None if row is None else table.row(**dict(zip(columns, row, strict=True)))
        self._rows[place] = found
        return found

    def find(
        self,
        table: Table[R],
        *,
        equal: tuple[tuple[str, Cell], ...] = (),
        at_most: tuple[str, Cell] | None = None,
        more_than: tuple[str, Cell] | None = None,
        limit: int = 0,
    ) -> list[R]:
        """The rows with these values, in key order."""
        wanted = [(name, "=", value) for name, value in equal]
        if at_most is not None:
            wanted.append((at_most[0], "<=", at_most[1]))
        if more_than is not None:
            wanted.append((more_than[0], ">", more_than[1]))
        sql, columns = _find_sql(table, tuple((name, comparison) for name, comparison, _ in wanted), limit)
        values = [value for _, _, value in wanted]
        return [table.row(**dict(zip(columns, row, strict=True))) for row in self._connection.execute(sql, values)]

    def events(self, run: RunId, *, after: int = 0) -> list[Event]:
        """The events of a run after this number."""
        return self._opened(_OF_RUN, (run, after))

    def lineage(self, action: str) -> list[Event]:
        """The events of an action."""
        return self._opened(_OF_ACTION, (action,))

    def digest(self, run: RunId, label: str, *, content: str) -> str:
        """A digest under the run's key."""
        return run_key(self._keys, run).keyed_digest(label=label, data=content.encode())

    def append(self, draft: Draft) -> Event:
        """Stores the next line and applies its projection."""
        row = self.get(RUNS, draft.run)
        written = compose(draft, seq=(row.seq if row is not None else 0) + 1, head=self.head, keys=self._keys)
        envelope = written.event.envelope
        self._connection.execute(_APPEND, (envelope.leaf, envelope.run, envelope.seq, envelope.action, written.line))
        self.head = written.head
        project(self, written.event)
        return written.event

    def put(self, table: Table[R], row: R) -> None:
        """Writes a row. Of one that was read before in this transaction, only what changed: its indexes are left alone."""
        place = (table.name, table.key_of(row))
        before = self._rows.get(place)
        cells, key = _cells_of(table), place[1]
        if before is None:
            self._connection.execute(_put_sql(table), cells(row))
        elif changed := _changed(cells(before), cells(row)):
            self._connection.execute(_update_sql(table, tuple(changed)), (*changed.values(), *key))
        self._rows[place] = row

    def delete(self, table: Table[R], *key: Cell) -> None:
        """Removes a row."""
        self._connection.execute(_delete_sql(table), key)
        self._rows[table.name, key] = None

    def undone(self, head: Head) -> None:
        """The changes since `head` were rolled back: what was remembered of them is forgotten."""
        self._rows.clear()
        self.head = head

    def _opened(self, sql: str, values: tuple[Cell, ...]) -> list[Event]:
        envelopes: list[Envelope] = [decode_line(line) for (line,) in self._connection.execute(sql, values)]
        return [opened(envelope, self._keys) for envelope in envelopes]


@lru_cache(maxsize=64)
def _get_sql(table: Table[Any]) -> tuple[str, tuple[str, ...]]:
    columns = table.columns
    return f"SELECT {_names(columns)} FROM {table.name} WHERE {_equal(table.key)}", columns


@lru_cache(maxsize=64)
def _cells_of(table: Table[Any]) -> Callable[[object], tuple[Cell, ...]]:
    # Every table has two columns at least: for one alone this would give its value, not a row of it.
    return attrgetter(*table.columns)


def _changed(before: tuple[Cell, ...], after: tuple[Cell, ...]) -> dict[int, Cell]:
    """The cells that differ, by the place of their column."""
    return {at: new for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}


@lru_cache(maxsize=64)
def _put_sql(table: Table[Any]) -> str:
    marks = ", ".join("?" for _ in table.columns)
    return f"INSERT OR REPLACE INTO {table.name} ({_names(table.columns)}) VALUES ({marks})"


@lru_cache(maxsize=256)
def _update_sql(table: Table[Any], places: tuple[int, ...]) -> str:
    changes = ", ".join(f'"{table.columns[at]}" = ?' for at in places)
    return f"UPDATE {table.name} SET {changes} WHERE {_equal(table.key)}"


@lru_cache(maxsize=64)
def _delete_sql(table: Table[Any]) -> str:
    return f"DELETE FROM {table.name} WHERE {_equal(table.key)}"


@lru_cache(maxsize=256)
def _find_sql(table: Table[Any], wanted: tuple[tuple[str, str], ...], limit: int) -> tuple[str, tuple[str, ...]]:
    unknown = {name for name, _ in wanted} - set(table.columns)
    if unknown:
        raise KeyError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
    conditions = " AND ".join(f'"{name}" {comparison} ?' for name, comparison in wanted)
    where = f" WHERE {conditions}" if conditions else ""
    top = f" LIMIT {limit}" if limit else ""
    return f"SELECT {_names(table.columns)} FROM {table.name}{where} ORDER BY {_names(table.key)}{top}", table.columns


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _equal(columns: tuple[str, ...]) -> str:
    return " AND ".join(f'"{column}" = ?' for column in columns)
