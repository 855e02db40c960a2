"""Runs a program while everything that it asks of the files below a folder is recorded. How a log is read is in `trace`.

The recorder is a small C library (chaos/native/recorder.c), compiled when it is needed. Without a C compiler strace does
the same more slowly; without either the campaign cannot run, and says so.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from chaos.power import strace
from chaos.power.trace import Record, read_log

SOURCE: Final = Path(__file__).resolve().parent.parent / "native" / "recorder.c"
LOG: Final = "CHAOS_POWER_LOG"
FOLDER: Final = "CHAOS_POWER_DIR"


class RecorderMissing(Exception):
    """Nothing on this machine can record; the message says what to install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A program that ran under a recorder: what it asked, how it ended, what it printed."""

    records: list[Record]
    exit_code: int
    output: str


class Recorder(Protocol):
    """A way to record."""

    def record(
        self, command: Sequence[str], *, root: Path, log: Path, env: Mapping[str, str], seconds: float
    ) -> Recording:
        """Runs the command to its end and returns what it and its children asked of the files below `root`."""
        ...


class Preloaded:
    """Records with the C library, loaded into the program and its children."""

    def __init__(self, library: Path) -> None:
        self.library = library

    def record(
        self, command: Sequence[str], *, root: Path, log: Path, env: Mapping[str, str], seconds: float
    ) -> Recording:
        """See `Recorder`."""
        around = {**env, "LD_PRELOAD": str(self.library), FOLDER: str(root), LOG: str(log)}
        done = _run(command, env=around, seconds=seconds)
        return Recording(records=read_log(log, root=root), exit_code=done.returncode, output=done.stdout)


class Traced:
    """Records with strace."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def record(
        self, command: Sequence[str], *, root: Path, log: Path, env: Mapping[str, str], seconds: float
    ) -> Recording:
        """See `Recorder`."""
        text = log.with_name(f"{log.name}.strace")
        sizes = {str(path.resolve()): path.stat().st_size for path in root.rglob("*") if path.is_file()}
        around = {**env, FOLDER: str(root), LOG: str(log)}
        done = _run([str(self.program), *strace.OPTIONS, "-o", str(text), *command], env=around, seconds=seconds)
        records = strace.read_text(text, root=root, told=log, sizes=sizes)
        return Recording(records=records, exit_code=done.returncode, output=done.stdout)


def best_recorder(build: Path) -> Recorder:
    """The recorder for this machine; the C library is made in `build`.

    Raises:
        RecorderMissing: not Linux, or neither a C compiler nor strace is here.
    """
    if sys.platform != "linux":
        raise RecorderMissing(f"recording needs Linux; this is {sys.platform}: run the campaign in a Linux container")
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is not None:
        return Preloaded(compile_library(Path(compiler), build))
    tracer = shutil.which("strace")
    if tracer is not None:
        return Traced(Path(tracer))
    raise RecorderMissing("neither cc, gcc or clang nor strace is here; install one of them (`apt-get install gcc`)")


def compile_library(compiler: Path, build: Path) -> Path:
    """The library, compiled anew only when its source has changed."""
    build.mkdir(parents=True, exist_ok=True)
    name = sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = build / f"recorder-{name}.so"
    if library.exists():
        return library
    # Another process may compile at the same time: whoever is last replaces the file by an equal one, as a whole.
    fresh = build / f"recorder-{name}.{os.getpid()}"
    command = [str(compiler), "-shared", "-fPIC", "-O2", "-pthread", "-o", str(fresh), str(SOURCE), "-ldl"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RecorderMissing(f"{compiler.name} cannot compile {SOURCE.name}: {done.stderr.strip()[-2000:]}")
    fresh.rename(library)
    return library


def _run(command: Sequence[str], *, env: Mapping[str, str], seconds: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env=dict(env),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
