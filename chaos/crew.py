"""Starting, freezing and killing the campaign's processes. What they do is in `agents`.

They are forked from a server that has loaded everything and runs no thread: a process of its own each, up in milliseconds.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from chaos.agents import Job

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["chaos.agents"])
_LOCK: Final = threading.Lock()
"""An end is told once, and whoever starts a process asks after all others: rounds that run side by side take turns."""

SETTLES_S: Final = 0.15  # within which an idle worker has seen a message and acted on it (it looks every 0.1 s)

Role = Callable[[Job], None]


def start(role: Role, job: Job) -> ForkServerProcess:
    """Starts a process in a role. Its complaints go to a file in the folder of the round."""
    process = _CONTEXT.Process(target=_run, args=(role, job), daemon=True)
    with _LOCK:
        process.start()
    return process


def wait_for_one(processes: Iterable[ForkServerProcess], *, timeout_s: float) -> list[ForkServerProcess]:
    """Those that have ended, after at least one has or the time is over."""
    by_sentinel = {process.sentinel: process for process in processes}
    ended = [by_sentinel[sentinel] for sentinel in connection.wait(list(by_sentinel), timeout_s)]  # type: ignore[index]
    with _LOCK:
        for process in ended:
            process.join()
    return ended


def wait_for_all(processes: Iterable[ForkServerProcess], *, timeout_s: float) -> None:
    """Returns when all have ended or the time is over."""
    until = time.monotonic() + timeout_s
    left = set(processes)
    while left and time.monotonic() < until:
        left.difference_update(wait_for_one(left, timeout_s=max(0.0, until - time.monotonic())))


def exit_code(process: ForkServerProcess) -> int | None:
    """How it ended; minus the number of the signal that ended it, None while it runs."""
    with _LOCK:
        return process.exitcode


def was_killed(process: ForkServerProcess) -> bool:
    """Whether it ended by SIGKILL."""
    return exit_code(process) == -signal.SIGKILL


def kill(process: ForkServerProcess) -> None:
    """Kills it now, whatever it does, frozen or not; no change where it has ended."""
    pid = process.pid
    assert pid is not None
    if exit_code(process) is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for_one([process], timeout_s=5)


def kill_together(processes: Iterable[ForkServerProcess]) -> None:
    """Kills all of them before waiting for any."""
    killed = [process for process in processes if exit_code(process) is None]
    for process in killed:
        assert process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    wait_for_all(killed, timeout_s=5)


def wake(process: ForkServerProcess) -> None:
    """Lets a frozen process go on."""
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGCONT)


def wait_until(holds: Callable[[], bool], *, timeout_s: float) -> bool:
    """Waits for something to hold; false if it does not in time."""
    until = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def is_frozen(process: ForkServerProcess) -> bool:
    """Whether it is stopped by a signal."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"


def _run(role: Role, job: Job) -> None:
    complaints = os.open(job.folder / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(complaints, 2)
    role(job)
