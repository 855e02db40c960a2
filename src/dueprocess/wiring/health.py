"""The state of a project's folder, checked: each check says ok, warn or FAIL, and what to do. It changes nothing by itself.

The order: files and keys, then the store, its ledger and read models, then what waits for somebody. What cannot be opened
ends the checks that need it. The one change: an erasure that was interrupted is finished, as by every command.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dueprocess.errors import DueProcessError
from dueprocess.runtime import Loop, Shell
from dueprocess.runtime.erase import finish_erasures
from dueprocess.wiring.access import Access, home_of
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.health_files import check_files
from dueprocess.wiring.health_ledger import check_ledger
from dueprocess.wiring.health_project import check_project
from dueprocess.wiring.health_runs import check_runs
from dueprocess.wiring.home import Home, open_home
from dueprocess.wiring.project import DEFAULT_TENANT, PROJECT_FILE, Project, load_project
from dueprocess.wiring.symptom import Symptom, fail, fine, warn


def examine(folder: Path, environment: Mapping[str, str] = os.environ, *, quick: bool = False) -> Iterator[Symptom]:
    """Checks a folder, one symptom after the other. `quick` leaves out what reads the whole ledger.

    Raises:
        StoreUnavailable: the folder is neither a project nor a store.
    """
    place = home_of(folder)
    project, said = _project(folder)
    yield from said
    if not place.exists():
        yield fine("store", f"{place} is not there yet: nothing has run")
        if project is not None:
            yield from check_project(project, here=None, environment=environment)
        return
    yield from check_files(place)
    try:
        home = open_home(place, environment)
    except (DueProcessError, OSError) as error:
        yield fail("store", f"cannot be opened: {error}", todo="put back what is missing, or name the right key")
        return
    yield fine("keys", f"opened; the log's public key is {home.verifier.key_id.hex()}")
    yield from _inside(folder, home, project=project, environment=environment, quick=quick)


def _inside(
    folder: Path, home: Home, *, project: Project | None, environment: Mapping[str, str], quick: bool
) -> Iterable[Symptom]:
    loop = Loop()
    try:
        finished = finish_erasures(home.store, home.keys)
        for run in finished:
            yield warn("erasure", f"the erasure of {run} had been interrupted; it is finished now", todo="nothing")
        yield from check_ledger(home, quick=quick)
        tenant = project.tenant if project is not None else DEFAULT_TENANT
        shell = Shell(store=home.store, clock=SystemClock(), loop=loop, tools={}, tenant=tenant)
        here = Access(folder=folder, home=home, project=project, shell=shell)
        yield from check_runs(here)
        if project is not None:
            yield from check_project(project, here=here, environment=environment)
    finally:
        loop.close()
        home.store.close()


def _project(folder: Path) -> tuple[Project | None, tuple[Symptom, ...]]:
    if not (folder / PROJECT_FILE).exists():
        return None, (fine("project", f"no {PROJECT_FILE}: a store by itself"),)
    try:
        project = load_project(folder)
    except DueProcessError as error:
        return None, (fail("project", str(error), todo=f"correct {PROJECT_FILE}"),)
    return project, (fine("project", f"{PROJECT_FILE} has {', '.join(sorted(project.agents))}"),)
