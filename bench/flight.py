"""Twenty runs in flight: governed writes beside the same commits made raw in groups, and beside LangGraph's steps.

All three are given the same number of workers and of writes; each worker waits for what it asked before it asks again.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.figures import Part, Side, in_turns, ratio, spread
from bench.ledger_copy import Commit, Recorded, commit, copy, leaves, recorded
from bench.refunds import opened

IN_FLIGHT: Final = 20
_MAX_GROUP: Final = 64
_WARM: Final = 2  # writes of each worker before the first that counts
_NO_PEER: Final = "LangGraph is not installed here; `make bench` installs it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many writes of each worker a turn, and how many turns."""

    each: int
    repeats: int


FULL: Final = Sizes(each=15, repeats=15)
QUICK: Final = Sizes(each=4, repeats=3)

Peer = Callable[[Path, int, int], float]
"""Makes a new file in a folder and so many steps in each of so many threads; returns the steps per second."""


def measure(sizes: Sizes, folder: Path, *, peer: Peer | None) -> Part:
    """Times all three in turns, in writes per second."""
    with opened(folder, runs=IN_FLIGHT) as desk:

        def write(prefix: str, count: int) -> float:
            return per_second(
                lambda at: [desk.write(at, f"{prefix}-{at}-{number}") for number in range(count)], count=count
            )

        write("warm", _WARM)
        raw = GroupCommit(copy(desk.ledger, folder / "floor.db"))
        made: list[Recorded] = []

        def ours(repeat: int) -> float:
            first = leaves(desk.ledger)
            reached = write(f"order-{repeat}", sizes.each)
            made[:] = recorded(desk.ledger, first=first)
            return reached

        def floor(repeat: int) -> float:
            by_run: dict[str, list[Recorded]] = {}
            for each in made:
                by_run.setdefault(each.run, []).append(each)
            shares = list(by_run.values())
            return per_second(lambda at: [raw.write(each) for each in shares[at]], count=sizes.each)

        def theirs(repeat: int) -> float:
            assert peer is not None
            return peer(folder / f"peer-{repeat}", IN_FLIGHT, sizes.each)

        sides: list[Side] = [ours, floor] if peer is None else [ours, floor, theirs]
        found = in_turns(sizes.repeats, *sides)
        raw.close()
    absolute = spread("writes_per_s_20", found[0]) | spread("group_commit_floor_per_s_20", found[1])
    if peer is not None:
        absolute |= spread("langgraph_steps_per_s_20", found[2])
    return Part(
        figures={
            "writes_vs_group_commit_floor_20": ratio(found[0], found[1]),
            "writes_vs_langgraph_20": None if peer is None else ratio(found[0], found[2]),
        },
        absolute=absolute,
        repeats={"flight": sizes.repeats, "flight_each": sizes.each, "flight_workers": IN_FLIGHT},
        missing=_NO_PEER if peer is None else "",
    )


class GroupCommit:
    """The floor: one writing thread, a queue in front of it, and whatever has gathered there is one synced transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[tuple[Commit, threading.Lock] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bench-group-commit")
        self._thread.start()

    def write(self, recorded: Recorded) -> None:
        """Both commits of one write, the second after the first is durable."""
        for each in recorded.commits:
            done = threading.Lock()
            done.acquire()
            self._queue.put((each, done))
            done.acquire()

    def close(self) -> None:
        """Ends the thread and closes the file."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            while len(group) < _MAX_GROUP and not self._queue.empty():
                member = self._queue.get()
                if member is None:
                    self._queue.put(None)
                    break
                group.append(member)
            commit(self._connection, [each for each, _ in group])
            for _, done in group:
                done.release()


def per_second(work: Callable[[int], object], *, count: int) -> float:
    """Runs the work of all workers at once, in threads that begin together; what fails in one is raised here."""
    ready = threading.Barrier(IN_FLIGHT + 1)

    def worker(at: int) -> None:
        ready.wait()
        work(at)

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        working = [pool.submit(worker, at) for at in range(IN_FLIGHT)]
        ready.wait()
        start = time.perf_counter()
        for each in working:
            each.result()
        return IN_FLIGHT * count / (time.perf_counter() - start)
