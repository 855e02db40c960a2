"""Postgres: it keeps tenants apart itself, which is proved before anything is asked."""

from dueprocess.databases.postgres.database import PostgresDatabase

__all__ = ["PostgresDatabase"]
