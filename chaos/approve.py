"""The double click: several processes approve one hold at the same instant, and again once it has been carried out.

A second hold of the same run keeps the run waiting meanwhile, so that a late yes finds a run that could still act on it.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from chaos import crew
from chaos.agents import Job, answer_holds, click, work
from chaos.check import check
from chaos.controls import Control
from chaos.orders import Order, Trait
from chaos.verdict import Verdict
from dueprocess.ledger import Reader
from dueprocess.runtime.tables import ACTIONS, HOLDS, HoldRow
from dueprocess.wiring.home import Home, open_home

CLICKERS: Final = 8
_HEAD_START_S: Final = 0.6
_REST_S: Final = 30.0


@dataclass(slots=True, kw_only=True)
class DoubleClick:
    """What came of one double click."""

    clicks: int = 0
    completed: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0


def click_round(folder: Path, *, seed: int, control: Control = Control.NONE) -> DoubleClick:
    """One double click from an empty store to rest, and the verdict."""
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job = Job(folder=folder, orders=(Order(name=f"{Trait.PAIR.value}-{seed}-0"),), seed=seed, control=control)
    done = DoubleClick()
    _play(job, done)
    said = job.notes.of("clicked")
    done.clicks = len(said)
    done.completed = sum(bool(each["complete"]) for each in said)
    done.verdict.expect(
        done.completed == 1, "grants", f"{done.completed} of {done.clicks} clicks were told they counted"
    )
    done.verdict.expect(done.clicks == 2 * CLICKERS, "crashes", f"{done.clicks} of {2 * CLICKERS} clicks were answered")
    done.verdict.take(check(job))
    done.seconds = time.monotonic() - began
    if not done.verdict.violations:
        shutil.rmtree(folder)
    return done


def _play(job: Job, done: DoubleClick) -> None:
    started = [crew.start(work, job)]
    try:
        with_holds = crew.wait_until(lambda: len(_open_holds(job)) == len(job.orders[0].lines), timeout_s=_REST_S)
        done.verdict.expect(with_holds, "crashes", "the run never asked for its approvals")
        if not with_holds:
            return
        clicked = _open_holds(job)[0].action
        at = time.time() + _HEAD_START_S
        clickers = [crew.start(click, replace(job, clicked=clicked, click_at=at)) for _ in range(CLICKERS)]
        started += clickers
        crew.wait_for_all(clickers, timeout_s=_REST_S)
        # A worker that acts on a late yes has the time to do so; then the other hold is answered and the run ends.
        time.sleep(2 * crew.SETTLES_S)
        started.append(crew.start(answer_holds, job))
        crew.wait_for_all(started, timeout_s=_REST_S)
        for process in started:
            code = crew.exit_code(process)
            done.verdict.expect(code == 0, "crashes", f"a process of {job.folder} ended with {code}")
    finally:
        for process in started:
            crew.kill(process)


def _open_holds(job: Job) -> list[HoldRow]:
    def query(tx: Reader) -> list[HoldRow]:
        return [row for row in tx.find(HOLDS, equal=(("open", 1),)) if tx.get(ACTIONS, row.action) is not None]

    return _read(job, lambda home: home.store.read(query))


def _read(job: Job, query: Callable[[Home], list[HoldRow]]) -> list[HoldRow]:
    if not (job.home / "ledger.db").exists():
        return []
    home = open_home(job.home, {})
    try:
        return query(home)
    finally:
        home.store.close()
