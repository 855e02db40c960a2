"""Every database that ships keeps the contract, and one that breaks a promise is found out."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dueprocess.databases import PostgresDatabase, SqliteDatabase
from dueprocess.databases.sqlite.session import opened
from dueprocess.sql import Database, Dialect, Limits, Rows, RowSecurity
from dueprocess.testing import database_contract as contract
from dueprocess.testing.postgres import make_database
from dueprocess.testing.two_tenants import postgres_script, scope, sqlite_file


class SqliteBench:
    row_security = RowSecurity.REWRITE

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, limits: Limits | None = None) -> Database:
        return SqliteDatabase(self._path, scope=scope(Dialect.SQLITE), limits=limits)


class PostgresBench:
    row_security = RowSecurity.NATIVE

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    def open(self, limits: Limits | None = None) -> Database:
        return PostgresDatabase(self._conninfo, scope=scope(Dialect.POSTGRES), limits=limits)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_file(tmp_path_factory.mktemp("contract") / "shop.db")


@pytest.fixture(scope="module")
def conninfo(postgres: str) -> str:
    return make_database(postgres, "contract", role="analyst", script=postgres_script(role="analyst"))


@pytest.mark.parametrize("check", contract.CHECKS, ids=str)
def test_sqlite_keeps_the_contract(check: contract.Check, file: Path):
    check.run(SqliteBench(file))


@pytest.mark.parametrize("check", contract.CHECKS, ids=str)
def test_postgres_keeps_the_contract(check: contract.Check, conninfo: str):
    check.run(PostgresBench(conninfo))


# Negative controls: what each promise is for, taken out


class Unconfined(SqliteDatabase):
    """Runs the statement as it was checked, without the rewrite and with an empty list of what is not bound."""

    def query(self, statement, parameters, *, tenant):
        with closing(opened(self._path)) as connection:
            cursor = connection.execute(statement.sql, dict(parameters))
            names = tuple(column[0] for column in cursor.description)
            return Rows(columns=names, rows=tuple(cursor.fetchall()), cut=False)


class Talking(SqliteDatabase):
    """Passes on what goes wrong, with the name of the tenant's first customer."""

    def query(self, statement, parameters, *, tenant):
        from dueprocess.sql import Failed

        found = super().query(statement, parameters, tenant=tenant)
        return Failed(code=found.code, reason="Zulu 1 is no number") if isinstance(found, Failed) else found


class UnconfinedBench(SqliteBench):
    kind = Unconfined

    def open(self, limits: Limits | None = None) -> Database:
        return self.kind(self._path, scope=scope(Dialect.SQLITE), limits=limits)


class TalkingBench(UnconfinedBench):
    kind = Talking


BROKEN = [
    (UnconfinedBench, "nothing_is_asked_before_it_was_verified"),
    (UnconfinedBench, "a_tenant_sees_all_of_its_rows_and_no_other"),
    (UnconfinedBench, "a_tenant_that_there_is_not_sees_nothing"),
    (UnconfinedBench, "what_is_not_listed_is_not_shown_by_a_star"),
    (UnconfinedBench, "a_result_is_cut_at_its_limits_and_says_so"),
    (UnconfinedBench, "a_statement_that_was_not_checked_is_not_run"),
    (UnconfinedBench, "threads_of_several_tenants_do_not_mix"),
    (TalkingBench, "a_failure_tells_no_data"),
]


@pytest.mark.parametrize(("bench", "name"), BROKEN, ids=str)
def test_a_database_that_breaks_a_promise_is_found_out(bench: type[UnconfinedBench], name: str, file: Path):
    (check,) = [check for check in contract.CHECKS if check.name == name]
    with pytest.raises((AssertionError, sqlite3.Error)):
        check.run(bench(file))
