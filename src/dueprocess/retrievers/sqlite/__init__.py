"""The default index: full text in one SQLite file, in WAL mode, safe for several processes."""

from dueprocess.retrievers.sqlite.index import SqliteIndex

__all__ = ["SqliteIndex"]
