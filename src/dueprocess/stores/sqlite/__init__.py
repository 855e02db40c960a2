"""The default store: one SQLite file in WAL mode, group-committed by one writer thread, safe for several processes."""

from dueprocess.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
