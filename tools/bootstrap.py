"""Make `.venv` with what a target needs, on a machine with only a Python and a package index; runs no target itself.

    python3 tools/bootstrap.py base                            what the demo needs
    python3 tools/bootstrap.py base models test lint bench     all development tools

Rule 1: standard library only, and readable by an interpreter older than the floor, which then looks for a newer one.
Rule 2: additive. A group is installed beside the others; nothing that another target installed is removed.
Rule 3: what is installed is what was reviewed: every file is checked against the hashes in `requirements/`.
Rule 4: from where is the machine's business: pip's index and certificates, as configured, hold for uv too.
Rule 5: a second call finds the stamps of the first and installs nothing.
Rule 6: a C compiler is installed only where the machine has none that works.
"""

# Needed here, unlike elsewhere: an interpreter older than the floor must not evaluate the annotations.
from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pip_to_uv

FLOOR = (3, 11)
CANDIDATES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python")
GROUPS = ("base", "models", "databases", "analyze", "test", "lint", "bench", "compiler", "retrievers")
COMPILERS = ("cc", "gcc", "clang")
ROOT = Path(__file__).resolve().parent.parent


class BootstrapError(Exception):
    """The environment cannot be made; the message says what is missing and what to install."""


class House:
    """The places under one root: the environment, the private tools beside it, and the stamps of what is installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requirements = root / "requirements"
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.private = root / ".tools"
        self.stamps = self.venv / ".stamps"

    def pins(self, group: str) -> Path:
        """Return the hashed requirement file of a group."""
        return self.requirements / f"{group}.txt"

    def stamp_of(self, name: str) -> str:
        """Return what the stamp of a group, or of "project" or "venv", holds when it is up to date."""
        files = {
            "project": [self.root / "pyproject.toml", self.pins("build")],
            "venv": [],
        }.get(name, [self.pins(name)])
        content = [str(self.root).encode(), *(path.read_bytes() for path in files)]
        return hashlib.sha256(b"\0".join(content)).hexdigest()

    def is_current(self, name: str) -> bool:
        """Say whether the stamp of a group is there and up to date."""
        stamp = self.stamps / name
        return stamp.is_file() and stamp.read_text() == self.stamp_of(name)

    def is_ready(self, groups: list[str]) -> bool:
        """Say whether the environment is made, in its place, and holds these groups and the project."""
        command = self.venv / "bin" / "due"
        if not (self.python.exists() and command.exists()):
            return False
        return all(map(self.is_current, (*groups, "project", "venv")))

    def stamp(self, name: str) -> None:
        """Record that a group is installed as its files say now."""
        self.stamps.mkdir(exist_ok=True)
        (self.stamps / name).write_text(self.stamp_of(name))


# A Python that is new enough ------------------------------------------------------------------------------------------


def find_python() -> str:
    """Return the path of a Python that is new enough: this one, else the first on PATH."""
    if sys.version_info >= FLOOR:
        return sys.executable
    for name in CANDIDATES:
        path = shutil.which(name)
        # A version manager leaves names on PATH that answer with an error: only an interpreter that runs counts.
        if path and runs([path, "-c", f"import sys; sys.exit(sys.version_info < {FLOOR!r})"]):
            return path
    floor = ".".join(map(str, FLOOR))
    raise BootstrapError(
        f"got Python {sys.version.split()[0]}, and none of {', '.join(CANDIDATES)} on PATH is {floor} or newer. "
        f"Install Python {floor} or newer (Debian, Ubuntu: apt install python3.11; Fedora: dnf install python3.11)."
    )


def runs(command: list[str]) -> bool:
    """Say whether a command can be started and ends with zero."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def has_compiler() -> bool:
    """Say whether the machine has a C compiler that finds the headers of the C library; one without them is of no use."""
    found = [path for path in map(shutil.which, COMPILERS) if path]
    return any(runs([path, "-fsyntax-only", "-xc", "-include", "stdlib.h", "-"]) for path in found)


# pip, and through it uv -----------------------------------------------------------------------------------------------


def find_pip(house: House, python: str) -> list[str]:
    """Return the command that runs a pip: the interpreter's own, else one in a private environment made for it."""
    # In a virtual environment without pip, the interpreter that it was made from may have one.
    for candidate in (python, getattr(sys, "_base_executable", python)):
        own = [candidate, "-m", "pip"]
        if runs([*own, "--version"]):
            return own
    folder = house.private / "pip"
    private = [str(folder / "bin" / "python"), "-m", "pip"]
    if runs([*private, "--version"]):
        return private
    if runs([python, "-m", "venv", "--clear", str(folder)]) and runs([*private, "--version"]):
        return private
    shutil.rmtree(folder, ignore_errors=True)
    raise BootstrapError(
        f"{python} has neither pip nor ensurepip, so it can fetch nothing. Install one of the two and run this again "
        "(Debian, Ubuntu: apt install python3-venv, or python3-pip; Fedora: dnf install python3-pip)."
    )


def find_uv(house: House, python: str) -> tuple[str, dict[str, str], list[str]]:
    """Return the pinned uv, the environment to run it in, and the flags that carry what no variable can.

    uv is fetched once, by pip, under its hash, into a private folder: one already on the machine is left alone.
    """
    pip = find_pip(house, python)
    listed = subprocess.run([*pip, "config", "list"], stdout=subprocess.PIPE, check=True).stdout.decode()
    config = pip_to_uv.parse(listed)
    pins = house.pins("uv")
    folder = house.private / f"uv-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    if not (folder / "bin" / "uv").exists():
        # Into a sibling first, then renamed: an interrupted download never looks like an installed uv.
        partial = house.private / "uv-partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        command = [*pip, "install", "-qq", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
        command += ["--no-warn-script-location", "--target", str(partial), "--requirement", str(pins)]
        run(command, env=pip_to_uv.pip_environment(config, os.environ))
        partial.rename(folder)
    environment, flags = pip_to_uv.uv_environment(config, os.environ)
    return str(folder / "bin" / "uv"), environment, flags


def run(command: list[str], *, env: dict[str, str]) -> None:
    """Run a command to its end in the project's root; its own messages have said why when it fails."""
    try:
        subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, check=True)
    except subprocess.CalledProcessError as error:
        raise BootstrapError(
            f"`{Path(command[0]).name} {' '.join(command[1:3])}` ended with {error.returncode}, its message is above. "
            "Packages come from the index that `pip config list` and the PIP_* variables name, over its certificates."
        ) from None


# The environment ------------------------------------------------------------------------------------------------------


def needed(house: House, groups: list[str]) -> list[str]:
    """Return the groups to be there for these: the base always, a compiler only where the machine lacks one (Rule 6)."""
    wanted = [group for group in GROUPS if group in {"base", *groups}]
    if "compiler" in wanted and not house.is_current("compiler") and has_compiler():
        wanted.remove("compiler")
    return wanted


def install(house: House, groups: list[str]) -> None:
    """Bring `.venv` to hold these groups and the project itself, editable; does nothing that is done already."""
    wanted = needed(house, groups)
    if house.is_ready(wanted):
        return
    started = time.monotonic()
    print(f"installing {', '.join(wanted)} into {house.venv.name}", file=sys.stderr, flush=True)
    uv, environment, flags = find_uv(house, find_python())
    ensure_venv(house, uv, environment)
    pip_install = [uv, "pip", "install", "--quiet", "--python", str(house.python), *flags]
    # A pin that changed brings its group again; the others, whose stamps stand, cost uv nothing but a look.
    files = [argument for group in ("build", *wanted) for argument in ("--requirement", str(house.pins(group)))]
    run([*pip_install, "--require-hashes", *files], env=environment)
    # The build backend is among the pins just installed: nothing is fetched to build the project.
    # Again even if uv holds it for installed: a command that somebody deleted comes back.
    project = ["--no-deps", "--no-build-isolation", "--reinstall-package", "dueprocess", "--editable", str(house.root)]
    run([*pip_install, *project], env=environment)
    for name in (*wanted, "project", "venv"):
        house.stamp(name)
    print(f"installed in {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


def ensure_venv(house: House, uv: str, environment: dict[str, str]) -> None:
    """Make `.venv` unless the one that is there runs, is new enough and was made at this place."""
    alive = runs([str(house.python), "-c", f"import sys; sys.exit(sys.version_info < {FLOOR!r})"])
    elsewhere = (house.stamps / "venv").exists() and not house.is_current("venv")
    if not alive or elsewhere:
        run([uv, "venv", "--quiet", "--clear", "--python", find_python(), str(house.venv)], env=environment)


def main(arguments: list[str]) -> int:
    """Install the groups named; return an exit code."""
    unknown = sorted(set(arguments) - set(GROUPS))
    if unknown or not arguments:
        print(f"got groups {unknown or 'none'}, expected some of: {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    house = House(ROOT)
    try:
        python = find_python()
        if python != sys.executable:
            os.execv(python, [python, *sys.argv])  # noqa: S606 (no shell is wanted)
        house.private.mkdir(exist_ok=True)
        # Two targets at once (make -j, two terminals) must not write one environment together.
        with (house.private / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            install(house, arguments)
    except BootstrapError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
