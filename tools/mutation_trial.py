"""Running a room's own tests on one changed file, fast: in a fork of a process that has loaded all that does not change.

Rule 1. A fork forgets every module that could hold the changed file's names, then serves the changed tree to the import.
Rule 2. A fork that ends in any way but with tests that passed is a kill: a failed test, a file that does not load, a crash,
        the clock.
Rule 3. Tests that ran the changed lines come first, the fast before the slow. The others follow: a test may live on what
        another one left.
Rule 4. Hypothesis tries few examples, the same each time, and keeps none.
"""

import ast
import contextlib
import gc
import importlib
import importlib.util
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

import coverage
import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisSideeffectWarning
from mutation import Mutant, mutated
from mutation_tree import Known

EXAMPLES = 20
_OWN_SETTINGS = "_hypothesis_internal_use_settings"  # where hypothesis keeps what @settings said
MEMORY = 4 << 30  # bytes: a mutant that fills a list for ever must not fill the machine
PATIENCE, TIMES_SLOWER = 10.0, 5.0  # seconds a trial may take beyond its tests' own time, and that time by this

settings.register_profile(
    "mutants",
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutants")
# Said where hypothesis works before pytest has started; what is loaded here is loaded for all forks.
warnings.simplefilter("ignore", HypothesisSideeffectWarning)
OPTIONS = (
    "-q -x --no-header -p no:randomly -p no:xdist -p no:cacheprovider -o timeout=0 "
    # What only explains a failure, or cleans up after a process that is about to end.
    "--assert=plain -p no:inline_snapshot -p no:unraisableexception -p no:threadexception -p no:faulthandler "
    # What this process has loaded already is the plugins' own code, which needs no rewritten assertions.
    "-W ignore::pytest.PytestAssertRewriteWarning"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The tests of one room, how long each takes, and which of them ran which lines."""

    root: Path
    room: str
    files: tuple[str, ...]
    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]
    stale: frozenset[str]
    """Modules that hold names of the room, directly or through others: a fork forgets them (rule 1)."""

    def order(self, mutant: Mutant) -> dict[str, int]:
        """Return the place of each test for this mutant (rule 3)."""
        ran = self.lines.get(mutant.path, {})
        first = {test for line in range(mutant.first, mutant.last + 1) for test in ran.get(line, ())}
        tests = sorted(self.seconds, key=lambda test: (test not in first, self.seconds[test]))
        return {test: place for place, test in enumerate(tests)}

    @property
    def slow(self) -> float:
        """How many seconds its tests may take on a mutant, beyond the patience for all."""
        return sum(self.seconds.values()) * TIMES_SLOWER


class Verdict(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A mutant, what became of it, and the test that noticed."""

    mutant: Mutant
    verdict: Verdict
    by: str
    seconds: float


class RehearsalFailed(Exception):
    """The tests fail without any mutant: nothing can be learned from them."""


# The parent -----------------------------------------------------------------------------------------------------------


def rehearse(root: Path, package: str, room: str) -> Suite:
    """Return the room's suite, after running it once on the files as they are, and load here what it needed.

    Raises:
        RehearsalFailed: a test failed, or there is none.
    """
    found = [
        *(root / "tests" / "unit" / room).glob("test_*.py"),
        *(root / "tests" / "property").glob(f"test_{room}_*.py"),
    ]
    suite = Suite(
        root=root,
        room=room,
        files=tuple(sorted(path.relative_to(root).as_posix() for path in found)),
        seconds={},
        lines={},
        stale=_dependents(root / "src" / package, f"{package}.{room}"),
    )
    if sys.path[0] != str(root / "src"):
        sys.path.insert(
            0, str(root / "src")
        )  # before the installed package: what is tried is what stands below the root
    if not suite.files:
        raise RehearsalFailed(f"the room {room} has no tests below {root}")
    with tempfile.TemporaryFile() as output:
        child = _Child.begin(lambda: _rehearsal(suite, package), output=output.fileno())
        while not child.ended():
            select.select([child.pipe], [], [])
        said = child.said()
        if said.get("code") != 0:
            output.seek(0)
            raise RehearsalFailed(f"the tests of {room} fail as they are:\n{output.read().decode(errors='replace')}")
    for module in said["modules"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    find(st.booleans(), bool)  # hypothesis looks for constants in all that is loaded: once here, not in each fork
    lines = {path: {int(line): tests for line, tests in ran.items()} for path, ran in said["lines"].items()}
    return replace(suite, seconds=said["seconds"], lines=lines)


def tried(jobs: Sequence[tuple[Suite, Mutant]], known: Known, *, workers: int, patience: float) -> Iterator[Trial]:
    """Yield what becomes of each mutant, in the order in which they end; `workers` forks run at a time."""
    gc.freeze()
    waiting, running = [*reversed(jobs)], dict[int, tuple[_Child, Mutant, float]]()
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch, Path(os.devnull).open("wb") as nowhere:
        while waiting or running:
            while waiting and len(running) < workers:
                suite, mutant = waiting.pop()
                child = _Child.begin(_trial(suite, mutant, known, scratch=scratch), output=nowhere.fileno())
                running[child.pipe] = child, mutant, time.monotonic() + suite.slow + patience
            soonest = min(deadline for _, _, deadline in running.values())
            readable, _, _ = select.select([*running], [], [], max(0.0, soonest - time.monotonic()))
            for pipe, (child, mutant, deadline) in list(running.items()):
                late = time.monotonic() >= deadline
                if late:
                    child.kill()
                if late or (pipe in readable and child.ended()):
                    del running[pipe]
                    yield _verdict(child, mutant, late=late)


def _verdict(child: "_Child", mutant: Mutant, *, late: bool) -> Trial:
    said, seconds = child.said(), time.monotonic() - child.began
    if late:
        return Trial(mutant=mutant, verdict=Verdict.TIMED_OUT, by="the clock", seconds=seconds)
    # 5: no test was found where there were some before. None of them noticed anything.
    survived = said.get("code") in {0, 5}
    verdict = Verdict.SURVIVED if survived else Verdict.KILLED
    return Trial(mutant=mutant, verdict=verdict, by=said.get("by", "a crash"), seconds=seconds)


@dataclass(slots=True, kw_only=True)
class _Child:
    pid: int
    pipe: int
    began: float
    text: bytearray = field(default_factory=bytearray)

    @classmethod
    def begin(cls, work: Callable[[], dict[str, object]], *, output: int) -> "_Child":
        ours, theirs = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            os.close(theirs)
            return cls(pid=pid, pipe=ours, began=time.monotonic())
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            said = json.dumps(work())
            with os.fdopen(theirs, "w") as pipe:
                pipe.write(said)
        finally:
            # Nothing of the parent's may run in a fork: no handler, no finaliser, no second end of the program.
            os._exit(0)

    def ended(self) -> bool:
        """Take what the fork has said; True once it says no more."""
        more = os.read(self.pipe, 1 << 16)
        self.text += more
        return not more

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def said(self) -> dict[str, object]:
        os.close(self.pipe)
        os.waitpid(self.pid, 0)
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(self.text)
        return {}


def _dependents(package: Path, room: str) -> frozenset[str]:
    imports: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        named = imports.setdefault(name, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
    stale = {name for name in imports if name == room or name.startswith(f"{room}.")}
    while more := {name for name, named in imports.items() if name not in stale and named & stale}:
        stale |= more
    return frozenset(stale)


# The fork -------------------------------------------------------------------------------------------------------------


class _Watch:
    """A pytest plugin: sets the order, holds hypothesis to few examples, notes what failed and how long what took."""

    def __init__(self, order: dict[str, int], measuring: coverage.Coverage | None = None) -> None:
        self.order = order
        self.measuring = measuring
        self.seconds: dict[str, float] = {}
        self.failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # A test that was not there before comes first: its name depends on what was changed.
        items.sort(key=lambda item: self.order.get(item.nodeid, -1))
        for item in items:
            _few_examples(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self.measuring is not None:
            self.measuring.switch_context(item.nodeid)
        began = time.perf_counter()
        done = yield
        self.seconds[item.nodeid] = time.perf_counter() - began
        return done

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"loading {report.nodeid}"


def _few_examples(item: pytest.Item) -> None:
    # A test's own @settings beat the profile's.
    test = getattr(item, "function", None)
    own = getattr(test, _OWN_SETTINGS, None)
    if isinstance(own, settings):
        setattr(test, _OWN_SETTINGS, settings(own, max_examples=min(EXAMPLES, own.max_examples)))
    case = getattr(item, "cls", None)
    if isinstance(getattr(case, "settings", None), settings):
        case.settings = settings(case.settings, max_examples=min(EXAMPLES, case.settings.max_examples))


class _Changed(SourceFileLoader):
    """Serves a changed file in place of the one on disk."""

    code: CodeType

    def get_code(self, fullname: str) -> CodeType:
        return self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finder:
    name: str
    path: Path
    code: CodeType

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        loader = _Changed(fullname, str(self.path))
        loader.code = self.code
        places = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=loader, submodule_search_locations=places
        )


def _trial(suite: Suite, mutant: Mutant, known: Known, *, scratch: str) -> Callable[[], dict[str, object]]:
    # Made before the fork: a change that is no program is a fault of ours, and must not look like a kill.
    path = suite.root / mutant.path
    code = compile(mutated(path.read_text(encoding="utf-8"), mutant, known), str(path), "exec")
    name = ".".join(Path(mutant.path).relative_to("src").with_suffix("").parts).removesuffix(".__init__")

    def work() -> dict[str, object]:
        sys.meta_path.insert(0, _Finder(name=name, path=path, code=code))
        # What is compiled is kept for the next fork, beside the project. The changed file is never compiled from its text.
        sys.dont_write_bytecode, sys.pycache_prefix = False, f"{scratch}/compiled"
        watch = _Watch(suite.order(mutant))
        return {"code": _run(suite, watch, "--no-summary", f"--basetemp={scratch}/{os.getpid()}"), "by": watch.failed}

    return work


def _rehearsal(suite: Suite, package: str) -> dict[str, object]:
    measuring = coverage.Coverage(
        data_file=None, config_file=False, include=[str(suite.root / "src" / package / suite.room / "*")]
    )
    watch = _Watch({}, measuring)
    before = {*sys.modules}
    measuring.start()
    code = _run(suite, watch)
    measuring.stop()
    data = measuring.get_data()
    ours = (suite.root / "tests", suite.root / "tools")
    needed = [name for name in sys.modules if name not in before and not _is_below(sys.modules[name], ours)]
    return {
        "code": code,
        "seconds": watch.seconds,
        "lines": {
            Path(path).relative_to(suite.root).as_posix(): data.contexts_by_lineno(path)
            for path in data.measured_files()
        },
        "modules": needed,
    }


def _is_below(module: object, folders: Iterable[Path]) -> bool:
    file = getattr(module, "__file__", None)
    return file is None or any(Path(file).is_relative_to(folder) for folder in folders)


def _run(suite: Suite, watch: _Watch, *options: str) -> int:
    for name in suite.stale:
        sys.modules.pop(name, None)
    os.chdir(suite.root)
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    return int(pytest.main([*OPTIONS, *options, *suite.files], plugins=[watch]))
