"""Databases that a tool may ask: SQLite, Postgres. What may be asked is checked in `sql`; here it is run, for one tenant.

Postgres needs the extra `postgres`; its driver is loaded when a `PostgresDatabase` connects, not before.
"""

from dueprocess.databases.postgres import PostgresDatabase
from dueprocess.databases.sqlite import SqliteDatabase
from dueprocess.databases.tools import Answer, sql_tool, template_tool

__all__ = ["Answer", "PostgresDatabase", "SqliteDatabase", "sql_tool", "template_tool"]
