"""The campaign: records lives of a shop, cuts the power in each at many moments, and has what is left judged.

Rule 1. Every second life begins on an image of the one before: power is lost again while things are being put right.
Rule 2. A recording counts only if replaying it gives the real files byte for byte.
Rule 3. Which images are made depends on the recording and the seed alone. A recording is not repeatable (keys, nonces and
        threads differ), so an image with a violation is kept, with the facts, to be judged again.
"""

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

from chaos.power.case import Case
from chaos.power.controls import Control, left_of
from chaos.power.disk import Disk, found_on, real_files
from chaos.power.facts import Fact, facts_in
from chaos.power.image import Fate, Image, image
from chaos.power.judge import Verdict, judge, keep
from chaos.power.points import choose, label
from chaos.power.recorder import Recorder
from chaos.power.shop import Order, make_orders
from chaos.power.trace import Record

IMAGES_A_LIFE: Final = 100
ORDERS: Final = 16
_LATER: Final = (1, 1, 3600, -3600)  # seconds; after a power loss a machine's clock may have to begin anew
_KEPT: Final = "violations"
_SECONDS: Final = 180.0  # how long a recorded life may take
_TRIES: Final = 3  # a worker that ends in the middle of a call may leave its record out; that is seen, and tried again


class CampaignBroken(Exception):
    """The campaign itself does not work: nothing is known about the product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done: how many images, of which build, with what at hand."""

    images: int
    seed: int
    build: Path
    jobs: int
    recorder: Recorder
    control: Control = Control.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One recording: what was there before, what was asked of the disk, what had been told before it began."""

    number: int
    found: dict[str, tuple[int, bytes]]
    records: list[Record]
    told: tuple[Fact, ...]
    orders: tuple[Order, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One image: the life, the moment, what was going on, what became of the unsure part."""

    life: int
    moment: int
    at: str
    unsure: int
    fate: Fate
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An image with its verdict; `kept`: where it was written down."""

    cut: Cut
    verdict: Verdict
    kept: str = ""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """All that the campaign found."""

    plan: Plan
    lives: list[Life] = field(default_factory=list[Life])
    judged: list[Judged] = field(default_factory=list[Judged])
    seconds: float = 0.0

    @property
    def violations(self) -> list[Judged]:
        """The images that something is wrong with."""
        return [each for each in self.judged if each.verdict.violations]

    @property
    def unsure(self) -> int:
        """How many images had something that could be lost."""
        return sum(each.cut.unsure > 0 for each in self.judged)

    def by_call(self) -> dict[str, int]:
        """How many images were made at each kind of call."""
        return dict(sorted(Counter(each.cut.at for each in self.judged).items()))


def run(plan: Plan) -> Outcome:
    """Runs the campaign on the product as it is.

    Raises:
        CampaignBroken: a life could not be recorded. TraceUnusable: a recording cannot be read.
    """
    outcome, start = Outcome(plan=plan), time.monotonic()
    shutil.rmtree(plan.build / _KEPT, ignore_errors=True)
    lives = max(2, -(-plan.images // IMAGES_A_LIFE))
    with _pool(plan) as pool:
        before: Life | None = None
        for number in range(lives):
            before = life = record_life(plan, number=number, before=before if number % 2 else None)
            outcome.lives.append(life)
            count = plan.images // lives + int(number < plan.images % lives)
            outcome.judged += _judge_all(plan, life, count, pool)
            found = f"{len(outcome.judged)}/{plan.images} images, {len(outcome.violations)} with violations"
            print(f"life {number + 1}/{lives}: {len(life.records)} calls; {found}", file=sys.stderr, flush=True)
    outcome.seconds = time.monotonic() - start
    return outcome


def find_out(plan: Plan, controls: Sequence[Control]) -> list[Outcome]:
    """Runs the campaign on builds without a safeguard, each until an image shows it or all have been judged.

    Raises: as `run`.
    """
    outcomes: list[Outcome] = []
    shutil.rmtree(plan.build / _KEPT, ignore_errors=True)
    with _pool(plan) as pool:
        whole: Life | None = None
        for control in controls:
            start = time.monotonic()
            broken = replace(plan, control=control)
            if control.is_in_the_program:
                life = record_life(broken, number=0, before=None)
            else:
                life = whole = whole or record_life(replace(plan, control=Control.NONE), number=0, before=None)
            judged = _judge_until_found(broken, life, pool)
            seconds = time.monotonic() - start
            outcomes.append(Outcome(plan=broken, lives=[life], judged=judged, seconds=seconds))
    return outcomes


def record_life(plan: Plan, *, number: int, before: Life | None) -> Life:
    """Records a life, from nothing or from an image of the one before."""
    folder = plan.build / f"life-{number}"
    seed = plan.seed * 100 + number if before is None else plan.seed * 100 + before.number
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        root = folder / "root"
        told = _begin(root, before, random=Random(f"{plan.seed} again {number}"))
        found = found_on(root)
        start = time.monotonic()
        command = [sys.executable, "-m", "chaos.power.workload", "--root", str(root), "--seed", str(seed)]
        command += ["--orders", str(ORDERS), "--control", plan.control.value]
        done = plan.recorder.record(command, root=root, log=folder / "log", env=_environment(), seconds=_SECONDS)
        if done.exit_code != 0:
            raise CampaignBroken(f"the recorded program ended with {done.exit_code}:\n{done.output[-4000:]}")
        disk = Disk(found)
        disk.replay(done.records)
        if disk.files() == real_files(root):
            orders = make_orders(ORDERS, seed=seed)
            seconds = time.monotonic() - start
            return Life(number=number, found=found, records=done.records, told=told, orders=orders, seconds=seconds)
    raise CampaignBroken(f"{_TRIES} recordings in a row did not give the real files when replayed")


Made = tuple[Cut, Image, Case]


def cuts(life: Life, plan: Plan, count: int) -> Iterator[Made]:
    """So many images of a life, in the order of their moments, each with the facts told before."""
    records = left_of(life.records, plan.control)
    disk, at = Disk(life.found), 0
    place = f"{plan.seed}/{life.number}"
    for number, moment in enumerate(choose(records, count, random=Random(place))):
        disk.replay(records[at:moment])
        at = moment
        seed = f"{place}/{moment}/{number}"
        made = image(disk, seed=seed)
        called = label(records[moment - 1])
        cut = Cut(life=life.number, moment=moment, at=called, unsure=made.unsure, fate=made.fate, seed=seed)
        case = Case(
            facts=(*life.told, *facts_in(records[:moment])),
            orders=life.orders,
            seconds_later=Random(seed).choice(_LATER),
            is_blind=plan.control is Control.BLIND_RECOVERY,
        )
        yield cut, made, case


def _begin(root: Path, before: Life | None, *, random: Random) -> tuple[Fact, ...]:
    if before is None:
        root.mkdir()
        return ()
    disk = Disk(before.found)
    size = len(before.records)
    moment = random.randrange(size // 5, size * 4 // 5)
    disk.replay(before.records[:moment])
    image(disk, seed=f"again {random.random()}").build(root)
    return (*before.told, *facts_in(before.records[:moment]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    cut: Cut
    image: Image
    case: Case
    verdict: Future[Verdict]


def _judge_all(plan: Plan, life: Life, count: int, pool: ProcessPoolExecutor) -> list[Judged]:
    return [_judged(plan, work) for work in [_start(each, pool) for each in cuts(life, plan, count)]]


def _judge_until_found(plan: Plan, life: Life, pool: ProcessPoolExecutor) -> list[Judged]:
    # In any order: the first moments, when little had been told, would only cost time.
    made = list(cuts(life, plan, plan.images))
    Random(plan.seed).shuffle(made)
    judged: list[Judged] = []
    for at in range(0, len(made), plan.jobs):
        batch = [_start(each, pool) for each in made[at : at + plan.jobs]]
        judged += [_judged(plan, work) for work in batch]
        if any(each.verdict.violations for each in judged):
            break
    return judged


def _start(made: Made, pool: ProcessPoolExecutor) -> _Work:
    cut, left, case = made
    return _Work(cut=cut, image=left, case=case, verdict=pool.submit(judge, left, case))


def _judged(plan: Plan, work: _Work) -> Judged:
    error = work.verdict.exception()
    if isinstance(error, BrokenProcessPool):
        raise CampaignBroken(f"judging died; one of the images from {work.cut} on hangs or ends the process")
    # Whatever a store does with what it finds, it does not fall over it.
    fell = (f"judging ended by {type(error).__name__}: {error}",)
    verdict = work.verdict.result() if error is None else Verdict(violations=fell, recovered=False)
    if not verdict.violations:
        return Judged(cut=work.cut, verdict=verdict)
    place = work.cut.seed.replace("/", "-")
    folder = plan.build / _KEPT / f"{plan.control.value}-{place}"
    keep(folder, work.image, work.case)
    return Judged(cut=work.cut, verdict=verdict, kept=str(folder))


def _pool(plan: Plan) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn"))


def _environment() -> dict[str, str]:
    # The product's own variables would put keys where the campaign does not look for them.
    return {name: value for name, value in os.environ.items() if not name.startswith("DUE_")}
