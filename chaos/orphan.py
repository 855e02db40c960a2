"""Orphans: a worker dies while the child process of its blocking tool goes on. Zombies of the worker itself are in `zombie`.

Rule 1. What the orphan does in time is found by the reconcile; what it does later is refused by the void line.
Rule 2. Where no child came up before its deadline, as on a machine that is too busy, nothing was tried: again, with more time.
"""

import shutil
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from chaos import crew
from chaos.agents import Job, work
from chaos.check import check
from chaos.controls import Control
from chaos.orders import Order, Trait
from chaos.verdict import Verdict
from dueprocess.examples.support_refunds.sink import Sink

_TIMEOUTS_S: Final = (3.0, 10.0, 30.0)  # a child must start first: the next where the one before was too short
_REST_S: Final = 40.0


class Child(Enum):
    """When the orphan pays."""

    AT_ONCE = "at-once"
    LATE = "late"


_TRAITS: Final = {Child.AT_ONCE: Trait.ORPHAN, Child.LATE: Trait.LATE}


@dataclass(slots=True, kw_only=True)
class Orphan:
    """What came of one orphan."""

    child: Child
    is_confirmed: bool = False
    refused: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0


def orphan_round(folder: Path, *, seed: int, child: Child, control: Control = Control.NONE) -> Orphan:
    """One orphan from an empty store to rest, and the verdict."""
    began = time.monotonic()
    done = Orphan(child=child)
    for timeout_s in _TIMEOUTS_S:
        done, is_tried = _try(folder, seed=seed, child=child, control=control, timeout_s=timeout_s)
        if is_tried:
            break
    done.seconds = time.monotonic() - began
    if not done.verdict.violations:
        shutil.rmtree(folder)
    return done


def _try(folder: Path, *, seed: int, child: Child, control: Control, timeout_s: float) -> tuple[Orphan, bool]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    order = Order(name=f"{_TRAITS[child].value}-{seed}-0")
    job = Job(folder=folder.resolve(), orders=(order,), seed=seed, control=control, timeout_s=timeout_s)
    done = Orphan(child=child)
    _play(job, done)
    found = check(job)
    done.verdict.take(found)
    # A run whose tool could not be called in time is handed off, whatever else there is.
    return done, not found.counts["runs handed_off"]


def _play(job: Job, done: Orphan) -> None:
    first = crew.start(work, job)
    second = None
    try:
        crew.wait_for_all([first], timeout_s=_REST_S + 4 * job.timeout_s)
        told = [said["worker"] for said in job.notes.of("orphaned")]
        done.is_confirmed = crew.was_killed(first) and told == [first.pid]
        done.verdict.expect(
            done.is_confirmed, "orphans", f"no child outlived its worker: {crew.exit_code(first)}, {told}"
        )
        second = crew.start(work, job)
        crew.wait_for_all([second], timeout_s=_REST_S + 4 * job.timeout_s)
        code = crew.exit_code(second)
        done.verdict.expect(code == 0, "crashes", f"a process of {job.folder} ended with {code}")
    finally:
        for process in (first, second):
            if process is not None:
                crew.kill(process)
    _judge(job, done)


def _judge(job: Job, done: Orphan) -> None:
    # What counts is the orphan's own attempt: on a busy machine a later one may run out of time and be voided as well.
    late = done.child is Child.LATE
    key = next((said["key"] for said in job.notes.of("orphaned")), "")

    def refused() -> int:
        return sum(said["key"] == key for said in job.notes.of("refused-by-void"))

    if late:
        crew.wait_until(lambda: refused() > 0, timeout_s=5)
    done.refused = refused()
    done.verdict.expect(done.refused == int(late), "orphans", f"{done.refused} late payments of an orphan were refused")
    paid = [refund.key == key for refund in Sink(job.sink).refunds()]
    done.verdict.expect(
        paid == [not late], "orphans", f"payments went through, here whether by the orphan: {paid}; late: {late}"
    )
