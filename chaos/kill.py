"""Rounds of kills: agents of one store die at their points and are started again, until all runs have come to rest.

Rule 1. A hit counts if its line is there, the process died of SIGKILL, and (with one worker) ledger and sink stand as they
        must at that point: told and gone is a violation of its own.
Rule 2. Every life of a round gets a plan of its own; when the plans are used up, what is left is carried to its end.
Rule 3. A round that has not come to rest in time is a violation, with what it was waiting for.
"""

import json
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random
from typing import Final

from chaos import crew
from chaos.agents import CONCURRENCY, Job, answer_holds, work
from chaos.check import check
from chaos.clock import step
from chaos.controls import Control
from chaos.office import call_guarded, command
from chaos.orders import Order, mixed_orders
from chaos.points import BY_CLOCK, Hit, Plan, Point
from chaos.verdict import Verdict
from dueprocess.examples.support_refunds.sink import Sink

_REST_S: Final = 60.0  # how long a round may take; it takes some five seconds on two cores
_POINTS_OF: Final = {
    answer_holds: frozenset({Point.APPROVING, Point.ANSWERING}),
    call_guarded: frozenset({Point.GUARDING}),
    command: frozenset({Point.COMMANDING}),
}
"""Who is killed where; all other points are a worker's, but for the one that is everybody's."""
_WORKERS_POINTS: Final = frozenset(Point) - frozenset().union(*_POINTS_OF.values()) - {Point.EVERYBODY}
_OFTEN: Final = {
    Point.SUBMITTING: 24,
    Point.ASKING: 12,
    Point.RESTING: 16,
    Point.RECOVERING: 4,
    Point.ANSWERING: 4,
    Point.APPROVING: 6,
    Point.GUARDING: 12,
    Point.COMMANDING: 20,
}
"""Points that a process meets often: at which of its hits, at most, it is killed."""
_NAMED: Final = frozenset(point.value for point in Point)
_STEPS: Final = (0, 0, 1_200_000_000, -1_000_000)
"""By how many microseconds the clock is moved when a process starts again: past every lease and deadline, or a little back."""


@dataclass(slots=True, kw_only=True)
class Round:
    """What came of one round."""

    seed: int
    scenario: str
    is_at_rest: bool = True
    hits: Counter[Point] = field(default_factory=Counter[Point])
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0


def plans_for(points: Sequence[Point], random: Random) -> list[Plan]:
    """A plan per point: at an early hit mostly, so that it is met, and now and then at a later one."""
    return [_plan(point, random) for point in points]


def _plan(point: Point, random: Random) -> Plan:
    match point:
        case Point.RANDOM | Point.EVERYBODY | Point.FULL_DISK:
            return Plan(point=point, delay_s=random.uniform(0.05, 1.0))
        case Point.CHECKPOINTING if random.random() < 0.5:
            return Plan(point=point, delay_s=random.uniform(0.05, 0.5))
        case Point.CHECKPOINTING:
            return Plan(point=point, hit=random.randint(1, 40))
        case _ if point in _OFTEN:
            return Plan(point=point, hit=random.randint(1, _OFTEN[point]))
        case _:
            return Plan(point=point, hit=random.choice((1, 1, 1, 2, 3)))


def kill_round(
    folder: Path,
    *,
    seed: int,
    plans: Sequence[Plan],
    workers: int = 1,
    control: Control = Control.NONE,
    orders: Sequence[Order] = (),
) -> Round:
    """One round from an empty store to rest, and its verdict; of the mixed orders, if none are given."""
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job = Job(
        folder=folder,
        orders=tuple(orders) or mixed_orders(seed),
        seed=seed,
        control=control,
        has_office=True,
        concurrency=len(orders) or CONCURRENCY,
    )
    step(job.clock, 0)
    done = Round(seed=seed, scenario="kill" if workers == 1 else "two drivers")
    _Stage(job, plans, done, workers=workers).play()
    done.verdict.take(check(job))
    done.seconds = time.monotonic() - began
    if not done.verdict.violations:
        shutil.rmtree(folder)
    return done


class _Stage:
    """The processes of one round, and the plans that are left."""

    def __init__(self, job: Job, plans: Sequence[Plan], done: Round, *, workers: int) -> None:
        self._job = job
        self._done = done
        self._workers = workers
        # A task is submitted once: who is to die of it must come first.
        of_workers = [plan for plan in plans if plan.point in _WORKERS_POINTS]
        self._left = {work: sorted(of_workers, key=lambda plan: plan.point is not Point.SUBMITTING)}
        for role, points in _POINTS_OF.items():
            self._left[role] = [plan for plan in plans if plan.point in points]
        self._of_everybody = [plan for plan in plans if plan.point is Point.EVERYBODY]
        self._all_due = self._next_for_all()
        self._clock = Random(f"clock {job.seed}")
        self._roles: dict[ForkServerProcess, crew.Role] = {}
        self._plans: dict[ForkServerProcess, Plan | None] = {}
        self._due: dict[ForkServerProcess, float] = {}

    def play(self) -> None:
        """Runs the round until every process has ended by itself."""
        for role in (*[work] * self._workers, *_POINTS_OF):
            self._start(role)
        until = time.monotonic() + _REST_S
        while self._roles and time.monotonic() < until:
            self._kill_due()
            waits = bool(self._due) or self._all_due is not None
            for process in crew.wait_for_one(self._roles, timeout_s=0.02 if waits else 0.5):
                self._ended(process)
        for process in self._roles:
            crew.kill(process)
        self._done.is_at_rest = not self._roles
        self._done.verdict.expect(not self._roles, "lost tasks", f"not at rest after {_REST_S:g} s: {self._job.folder}")

    def _start(self, role: crew.Role) -> None:
        left = self._left[role]
        plan = left.pop(0) if left else None
        process = crew.start(role, replace(self._job, plan=plan))
        self._roles[process] = role
        self._plans[process] = plan
        if plan is not None and plan.point is Point.RANDOM:
            self._due[process] = time.monotonic() + plan.delay_s

    def _kill_due(self) -> None:
        for process, due in list(self._due.items()):
            if time.monotonic() >= due:
                del self._due[process]
                crew.kill(process)
                self._ended(process)
        if self._all_due is not None and time.monotonic() >= self._all_due:
            self._kill_all()

    def _next_for_all(self) -> float | None:
        return time.monotonic() + self._of_everybody.pop(0).delay_s if self._of_everybody else None

    def _kill_all(self) -> None:
        # Together, and together again: what is recovered is recovered by all of them at once.
        roles = list(self._roles.values())
        crew.kill_together(self._roles)
        if all(crew.was_killed(process) for process in self._roles):
            self._done.hits[Point.EVERYBODY] += 1
        for kept in (self._roles, self._plans, self._due):
            kept.clear()
        self._all_due = self._next_for_all()
        step(self._job.clock, self._clock.choice(_STEPS))
        for role in roles:
            self._start(role)

    def _ended(self, process: ForkServerProcess) -> None:
        role, plan = self._roles.pop(process), self._plans.pop(process)
        self._due.pop(process, None)
        if plan is not None and (crew.was_killed(process) or self._was_full(process, plan)):
            self._count(process, plan)
            step(self._job.clock, self._clock.choice(_STEPS))
            self._start(role)
        elif crew.exit_code(process) != 0:
            said = f"a process ended by itself with {crew.exit_code(process)}: {self._job.folder / 'stderr.txt'}"
            self._done.verdict.expect(holds=False, what="crashes", said=said)

    def _was_full(self, process: ForkServerProcess, plan: Plan) -> bool:
        # A worker may give up where its disk is full: it says so, and is started again.
        is_told = any(hit.pid == process.pid for hit in self._job.notes.hits())
        return plan.point is Point.FULL_DISK and is_told and crew.exit_code(process) != 0

    def _count(self, process: ForkServerProcess, plan: Plan) -> None:
        if plan.point in BY_CLOCK:
            self._done.hits[plan.point] += 1
            return
        hits = [hit for hit in self._job.notes.hits() if hit.pid == process.pid]
        if len(hits) == 1:
            self._done.hits[plan.point] += 1
            if self._workers == 1 and self._job.control is Control.NONE:
                wrong = contradiction(self._job, hits[0])
                self._done.verdict.expect(not wrong, "told and gone", wrong)


def contradiction(job: Job, hit: Hit) -> str:
    """What does not stand in ledger and sink as it must at this point; empty if all does."""
    spot = hit.spot
    kinds = _kinds(job, spot.action)
    paid = any(refund.key == spot.key for refund in Sink(job.sink).refunds())
    dispatched = [attempt for kind, attempt in kinds if kind == "action.dispatched"]
    settled = [attempt for kind, attempt in kinds if kind == "action.settled"]
    match Point(spot.part) if hit.point is Point.GUARDING and spot.part in _NAMED else hit.point:
        case Point.BEFORE_INTENT:
            holds = spot.attempt not in dispatched and not paid
        case Point.AFTER_INTENT | Point.INSIDE_TOOL:
            holds = spot.attempt in dispatched and spot.attempt not in settled and not paid
        case Point.AFTER_EFFECT:
            holds = spot.attempt in dispatched and spot.attempt not in settled and paid
        case Point.AFTER_OUTCOME:
            holds = spot.attempt in dispatched and spot.attempt in settled
        case Point.APPROVING if spot.part in {"before", "after"}:
            holds = ("approval.given" in {kind for kind, _ in kinds}) is (spot.part == "after")
        case Point.ANSWERING if spot.part in {"before", "after"}:
            told = {"action.edited", "approval.rejected"} & {kind for kind, _ in kinds}
            holds = bool(told) is (spot.part == "after")
        case _:
            holds = True
    return "" if holds else f"killed at {hit.point.value} {spot}, and there is: {kinds}, paid: {paid}"


def _kinds(job: Job, action: str) -> list[tuple[str, int]]:
    connection = sqlite3.connect(f"file:{job.home / 'ledger.db'}?mode=ro", uri=True, timeout=5)
    try:
        rows = connection.execute("SELECT line FROM events WHERE action = ? ORDER BY leaf", (action,)).fetchall()
    finally:
        connection.close()
    envelopes = [json.loads(line) for (line,) in rows] if action else []
    return [(str(envelope["kind"]), int(envelope["attempt"])) for envelope in envelopes]
