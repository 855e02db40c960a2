"""Runs a program while everything that it asks of the files below a folder is recorded. How a log is read is in `trace`.

The recorder is a small C library (chaos/native/recorder.c), compiled when it is needed: by the machine's compiler, or by
the one that `tools/bootstrap.py compiler` installs where there is none. Without any the campaign cannot run, and says so.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from chaos.power.trace import Record, read_log

SOURCE: Final = Path(__file__).resolve().parent.parent / "native" / "recorder.c"
LOG: Final = "CHAOS_POWER_LOG"
FOLDER: Final = "CHAOS_POWER_DIR"
_COMPILERS: Final = ("cc", "gcc", "clang")


class RecorderMissing(Exception):
    """Nothing on this machine can record; the message says what to install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A program that ran under a recorder: what it asked, how it ended, what it printed."""

    records: list[Record]
    exit_code: int
    output: str


class Recorder:
    """Records with the C library, loaded into the program and its children."""

    def __init__(self, library: Path) -> None:
        self.library = library

    def record(
        self, command: Sequence[str], *, root: Path, log: Path, env: Mapping[str, str], seconds: float
    ) -> Recording:
        """Runs the command to its end and returns what it and its children asked of the files below `root`."""
        around = {**env, "LD_PRELOAD": str(self.library), FOLDER: str(root), LOG: str(log)}
        done = _run(command, env=around, seconds=seconds)
        return Recording(records=read_log(log, root=root), exit_code=done.returncode, output=done.stdout)


def make_recorder(build: Path) -> Recorder:
    """The recorder; its library is made in `build`, anew only when its source has changed.

    Raises:
        RecorderMissing: not Linux, or no C compiler that works.
    """
    if sys.platform != "linux":
        raise RecorderMissing(f"recording needs Linux; this is {sys.platform}: run the campaign in a Linux container")
    build.mkdir(parents=True, exist_ok=True)
    name = sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = build / f"recorder-{name}.so"
    complaints: list[str] = []
    for compiler in () if library.exists() else _compilers():
        complaint = _compile(compiler, library)
        if not complaint:
            break
        complaints.append(f"{' '.join(compiler)}: {complaint}")
    if not library.exists():
        said = "".join(f"\n{complaint}" for complaint in complaints)
        raise RecorderMissing(f"no C compiler works here; `python3 tools/bootstrap.py compiler` installs one{said}")
    return Recorder(library)


def _compilers() -> list[list[str]]:
    found = [[path] for path in map(shutil.which, _COMPILERS) if path]
    if importlib.util.find_spec("ziglang") is not None:
        found.append([sys.executable, "-m", "ziglang", "cc"])
    return found


def _compile(compiler: Sequence[str], library: Path) -> str:
    """Makes the library and returns nothing, or what the compiler complained of."""
    # Another process may compile at the same time: whoever is last replaces the file by an equal one, as a whole.
    fresh = library.with_suffix(f".{os.getpid()}")
    command = [*compiler, "-shared", "-fPIC", "-O2", "-pthread", "-o", str(fresh), str(SOURCE), "-ldl"]
    cache = str(library.parent / "compiler")
    env = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()[-2000:] or f"ended with {done.returncode}"
    fresh.rename(library)
    return ""


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
