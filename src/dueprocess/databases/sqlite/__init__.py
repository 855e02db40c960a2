"""SQLite: the statement is rewritten for the tenant, and the file can only be read."""

from dueprocess.databases.sqlite.database import SqliteDatabase

__all__ = ["SqliteDatabase"]
