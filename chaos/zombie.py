"""Zombies: a worker is frozen past its lease and its deadline, another one takes over, then the first is let go.

Rule 1. What the zombie still does comes too late: the sink refuses its key, the store its append.
Rule 2. It is frozen while it holds no lock of the file. A process that is stopped within a transaction stops every other
        writer of the file for as long: SQLite has no fence against that, and no effect can come of it.
"""

import shutil
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from signal import SIGKILL
from typing import Final

from chaos import crew
from chaos.agents import Job, answer_holds, work
from chaos.check import check
from chaos.controls import Control
from chaos.office import call_guarded
from chaos.orders import Order, Trait
from chaos.points import Notes, Plan, Point, Strike
from chaos.verdict import Verdict

_TIMEOUT_S: Final = 1.0
_REST_S: Final = 30.0


class Sleep(Enum):
    """Where a worker is frozen, and when it is let go."""

    THINKING = "thinking"  # the model has replied; let go when the run is over
    AFTER_INTENT = "after-intent"  # the tool is not called yet
    INSIDE_TOOL = "inside-tool"  # the money is not taken yet
    AFTER_EFFECT = "after-effect"  # the money is gone, nobody has been told
    OVERLAP = "overlap"  # inside the tool; let go while the second attempt is inside the tool too
    TAKES_BACK = "takes-back"  # the same, and the second worker dies when it has paid: the first takes the run back
    GUARDED = "guarded"  # inside the tool of a guarded call; let go when another process has made the call


_POINTS: Final = {
    Sleep.THINKING: Point.MODEL_REPLIED,
    Sleep.AFTER_INTENT: Point.AFTER_INTENT,
    Sleep.INSIDE_TOOL: Point.INSIDE_TOOL,
    Sleep.AFTER_EFFECT: Point.AFTER_EFFECT,
    Sleep.OVERLAP: Point.INSIDE_TOOL,
    Sleep.TAKES_BACK: Point.INSIDE_TOOL,
    Sleep.GUARDED: Point.INSIDE_TOOL,
}
_OVERLAPS: Final = frozenset({Sleep.OVERLAP, Sleep.TAKES_BACK})
_REACHES_SINK: Final = frozenset({Sleep.INSIDE_TOOL, Sleep.GUARDED, *_OVERLAPS})


@dataclass(slots=True, kw_only=True)
class Zombie:
    """What came of one zombie."""

    sleep: Sleep
    is_confirmed: bool = False
    counts: Counter[str] = field(default_factory=Counter[str])
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0


def zombie_round(folder: Path, *, seed: int, sleep: Sleep, control: Control = Control.NONE) -> Zombie:
    """One zombie from an empty store to rest, and the verdict."""
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trait = Trait.GUARDED if sleep is Sleep.GUARDED else (Trait.PLAIN, Trait.HELD)[seed % 2]
    job = Job(
        folder=folder,
        orders=(Order(name=f"{trait.value}-{seed}-0"),),
        seed=seed,
        control=control,
        timeout_s=_TIMEOUT_S,
        concurrency=1,
        serial=True,
    )
    done = Zombie(sleep=sleep)
    _play(job, done)
    done.verdict.take(check(job))
    done.seconds = time.monotonic() - began
    if not done.verdict.violations:
        shutil.rmtree(folder)
    return done


def _play(job: Job, done: Zombie) -> None:
    plan = Plan(point=_POINTS[done.sleep], strike=Strike.FREEZE)
    drives = call_guarded if done.sleep is Sleep.GUARDED else work
    first, approver = crew.start(drives, replace(job, plan=plan)), crew.start(answer_holds, job)
    crew_of_round = [first, approver]
    try:
        frozen = crew.wait_until(lambda: crew.is_frozen(first), timeout_s=_REST_S)
        done.verdict.expect(frozen, "zombies", f"no worker was frozen {done.sleep.value}")
        if not frozen:
            return
        dies = Plan(point=Point.AFTER_EFFECT) if done.sleep is Sleep.TAKES_BACK else None
        second = crew.start(drives, replace(job, plan=dies, waits=done.sleep in _OVERLAPS))
        crew_of_round.append(second)
        _let_go(job, done, first, second)
        crew.wait_for_all(crew_of_round, timeout_s=_REST_S)
        for process in crew_of_round:
            code, wanted = crew.exit_code(process), -SIGKILL if dies is not None and process is second else 0
            done.verdict.expect(code == wanted, "crashes", f"a process of {job.folder} ended with {code}, not {wanted}")
        _count(job, done, zombie=first)
    finally:
        for process in crew_of_round:
            crew.kill(process)


def _let_go(job: Job, done: Zombie, first: ForkServerProcess, second: ForkServerProcess) -> None:
    if done.sleep in _OVERLAPS:
        took_over = crew.wait_until(lambda: bool(job.notes.of("second-attempt")), timeout_s=_REST_S)
    else:
        crew.wait_for_all([second], timeout_s=_REST_S)
        took_over = crew.exit_code(second) == 0
    done.is_confirmed = took_over and crew.is_frozen(first)
    done.verdict.expect(done.is_confirmed, "zombies", f"nobody took over from the worker frozen {done.sleep.value}")
    crew.wake(first)


def _count(job: Job, done: Zombie, *, zombie: ForkServerProcess) -> None:
    of_zombie = _Notes(job.notes, zombie.pid or 0)
    done.counts["appends refused by the epoch"] += of_zombie.count("refused-by-epoch")
    done.counts["payments refused by the void line"] += of_zombie.count("refused-by-void")
    refused = of_zombie.count("refused-by-epoch") > 0
    done.verdict.expect(refused, "zombies", f"a worker frozen {done.sleep.value} was not refused by its epoch")
    if done.sleep in _REACHES_SINK:
        voided = of_zombie.count("refused-by-void") == 1
        done.verdict.expect(voided, "zombies", f"a worker frozen {done.sleep.value} was not refused by the void line")


@dataclass(frozen=True, slots=True)
class _Notes:
    notes: Notes
    pid: int

    def count(self, kind: str) -> int:
        return sum(said["pid"] == self.pid for said in self.notes.of(kind))
