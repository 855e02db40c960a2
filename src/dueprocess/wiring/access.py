"""Access to what a folder keeps: its store, opened for a command that reads or answers. What runs agents is put together in `build`.

Rule 1. `FOLDER` is a project (`due.yaml`, its store in `FOLDER/.due`), or a store itself (as `guard` makes one).
Rule 2. A folder that is neither is refused: a mistyped path never becomes a new, empty ledger.
"""

import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dueprocess.errors import StoreUnavailable
from dueprocess.runtime import Loop, Shell
from dueprocess.runtime.erase import finish_erasures
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import Home, open_home
from dueprocess.wiring.project import DEFAULT_TENANT, PROJECT_FILE, Project, load_project

HOME: Final = ".due"
LEDGER: Final = "ledger.db"
IDENTITIES: Final = "identities.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An open folder. `project` is None where there is no project file; `shell` has no tools and asks no model."""

    folder: Path
    home: Home
    project: Project | None
    shell: Shell

    @property
    def tenant(self) -> str:
        """The tenant whose ledger it is."""
        return self.shell.tenant


def home_of(folder: Path) -> Path:
    """Where the store of a folder is, or would be (rule 1).

    Raises:
        StoreUnavailable: there is no such folder, or it is neither a project nor a store (rule 2).
    """
    try:
        if not folder.is_dir():
            raise StoreUnavailable(f"{folder} is not a folder; expected a project's: `due init {folder}` makes one")
        if (folder / LEDGER).exists():
            return folder
        if (folder / HOME).is_dir() or (folder / PROJECT_FILE).exists():
            return folder / HOME
    except OSError as error:
        raise StoreUnavailable(f"{folder}: {error.strerror}; expected a folder that can be read") from None
    raise StoreUnavailable(
        f"{folder} is no project: it has neither {PROJECT_FILE} nor {HOME}; "
        f"name one with --dir (or DUE_DIR), or make one: due init {folder}"
    )


@contextmanager
def access(folder: Path, environment: Mapping[str, str] = os.environ) -> Generator[Access, None, None]:
    """Opens the store of a folder and closes it at the end. An erasure that was interrupted is finished first.

    Raises:
        StoreUnavailable, WrongKek, KeyFileInvalid, FileInvalid: the store or the project file cannot be used.
    """
    place = home_of(folder)
    project = load_project(folder) if (folder / PROJECT_FILE).exists() else None
    home = open_home(place, environment)
    loop = Loop()
    try:
        finish_erasures(home.store, home.keys)
        tenant = project.tenant if project is not None else DEFAULT_TENANT
        shell = Shell(store=home.store, clock=SystemClock(), loop=loop, tools={}, tenant=tenant)
        yield Access(folder=folder, home=home, project=project, shell=shell)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{place / LEDGER}: {error}; expected a whole ledger file: `due doctor`") from None
    finally:
        loop.close()
        home.store.close()
