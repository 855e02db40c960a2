"""Where an agent process is killed or frozen, and the lines by which it tells so. Who calls these hooks is in `watched` and `orders`.

Rule 1. A plan names one point and one hit of it; a process strikes once.
Rule 2. The line is written and synced just before the signal: only a process that really stood at its point leaves one.
        The one exception is a kill inside SQLite's own checkpoint, which a sync would outlast; a line that was written
        survives the death of its process all the same.
"""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final


class Point(Enum):
    """A place in the life of a refund."""

    BEFORE_INTENT = "before-intent"  # decided, nothing recorded
    AFTER_INTENT = "after-intent"  # committed, the tool not called
    INSIDE_TOOL = "inside-tool"  # the tool runs, the money is still there
    AFTER_EFFECT = "after-effect"  # the money is gone, nobody has been told
    AFTER_OUTCOME = "after-outcome"  # the outcome is committed, nothing followed from it
    CHECKPOINTING = "checkpointing"  # a checkpoint of the log is signed, or SQLite's WAL is written back
    APPROVING = "approving"  # a person says yes: before, within and after the commit
    RANDOM = "random"  # any instant, told by a clock and not by a hook
    SUBMITTING = "submitting"  # a task is taken: around its run's key, before and after the commit
    ASKING = "asking"  # the model is being asked, its worst case is reserved
    RESTING = "resting"  # a run comes to rest or to its end: before and after the commit
    RECOVERING = "recovering"  # a lost attempt is looked into: before and after the sink is asked, after the commit
    ANSWERING = "answering"  # a person edits or rejects: before and after the commit
    GUARDING = "guarding"  # any of these, in a program that calls a guarded tool by itself
    COMMANDING = "commanding"  # a stop, a lift, a policy, a cancel, a settlement, an erasure: before, within, after
    FULL_DISK = "full-disk"  # the disk is full for a moment, in the middle of a commit
    EVERYBODY = "everybody"  # all processes of the round at once, told by a clock
    MODEL_REPLIED = "model-replied"  # for zombies only: the answer is committed, what it asks for is not decided


KILLED_AT: Final = tuple(point for point in Point if point is not Point.MODEL_REPLIED)
BY_CLOCK: Final = frozenset({Point.RANDOM, Point.EVERYBODY})
"""Points without a hook."""
_ANYWHERE: Final = frozenset({Point.GUARDING, Point.COMMANDING})
"""Points that are every hook of one kind of process."""


class Strike(Enum):
    """What a process does to itself at its point."""

    KILL = "kill"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Strike at this hit (1, 2, ...) of this point. A RANDOM plan is carried out from outside, after `delay_s`."""

    point: Point
    hit: int = 1
    strike: Strike = Strike.KILL
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """What stood at the point: the action and its attempt, the key at the sink, and in which part of the point."""

    action: str = ""
    attempt: int = 0
    key: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A confirmed hit, as its line says."""

    point: Point
    pid: int
    spot: Spot


class Notes:
    """An append-only file of JSON lines that every process of a round writes to. Whole lines; a cut one is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, kind: str, *, sync: bool = True, **values: object) -> None:
        """Adds one line."""
        line = json.dumps({"kind": kind, "pid": os.getpid(), **values}).encode() + b"\n"
        opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(opened, line)
            if sync:
                os.fsync(opened)
        finally:
            os.close(opened)

    def of(self, kind: str) -> list[dict[str, object]]:
        """The lines of this kind, in order."""
        if not self.path.exists():
            return []
        found: list[dict[str, object]] = []
        for line in self.path.read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if said["kind"] == kind:
                    found.append(said)
        return found

    def hits(self) -> list[Hit]:
        """The confirmed hits."""
        return [
            Hit(point=Point(str(said["point"])), pid=int(str(said["pid"])), spot=Spot(**said["spot"]))  # type: ignore[arg-type]
            for said in self.of("hit")
        ]


class Striker:
    """Counts the hits of one process and strikes at the planned one. `quiet` runs a function while no write is under way."""

    def __init__(self, plan: Plan | None, notes: Notes) -> None:
        self.plan = plan
        self.notes = notes
        self.quiet: Callable[[Callable[[], None]], None] = lambda work: work()
        self._count = 0
        self._lock = threading.Lock()
        self.struck = False

    def at(self, point: Point, spot: Spot = Spot()) -> None:
        """The process stands at a point. It may not come back from here, or only much later."""
        plan = self.plan
        if plan is None or (plan.point is not point and plan.point not in _ANYWHERE):
            return
        if plan.point is not point:
            spot = replace(spot, part=point.value)
        with self._lock:
            self._count += 1
            if self._count != plan.hit or self.struck:
                return
            self.struck = True
        if plan.strike is Strike.KILL:
            self.now(spot)
        else:
            self.quiet(lambda: self.now(spot))

    def now(self, spot: Spot, *, sync: bool = True) -> None:
        """Writes the line and gives the signal."""
        self.tell(spot, sync=sync)
        self.strike()

    def tell(self, spot: Spot, *, sync: bool = True) -> None:
        """Writes the line."""
        plan = self.plan
        assert plan is not None
        self.notes.write("hit", sync=sync, point=plan.point.value, spot=asdict(spot), strike=plan.strike.value)

    def strike(self) -> None:
        """Gives the signal."""
        plan = self.plan
        assert plan is not None
        # To this thread: a stop that is sent to the process lets the thread that sent it run on for a while.
        struck = signal.SIGKILL if plan.strike is Strike.KILL else signal.SIGSTOP
        signal.pthread_kill(threading.get_ident(), struck)
