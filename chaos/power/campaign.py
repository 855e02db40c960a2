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
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

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
_SECONDS: Final = 180.0  # how long a recorded life may take
_TRIES: Final = 3  # a worker that ends in the middle of a call may leave its record out; that is seen, and tried again


class CampaignBroken(Exception):
    """The campaign itself does not work: nothing is known about the product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done."""

    images: int
    seed: int
    control: Control
    build: Path
    jobs: int

    @property
    def lives(self) -> int:
        """How many lives are recorded; a build with a safeguard removed is judged on one."""
        if self.control is not Control.NONE:
            return 1
        return max(2, -(-self.images // IMAGES_A_LIFE))


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


def run(plan: Plan, recorder: Recorder) -> Outcome:
    """Runs the campaign.

    Raises:
        CampaignBroken: a life could not be recorded. TraceUnusable: a recording cannot be read.
    """
    outcome, start = Outcome(plan=plan), time.monotonic()
    shutil.rmtree(plan.build / "violations", ignore_errors=True)
    with ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn")) as pool:
        before: Life | None = None
        for number in range(plan.lives):
            life = record_life(plan, recorder, number=number, before=before if number % 2 else None)
            before = life
            outcome.lives.append(life)
            count = plan.images // plan.lives + int(number < plan.images % plan.lives)
            outcome.judged += _judge_all(plan, life, count, pool)
            found = f"{len(outcome.judged)}/{plan.images} images, {len(outcome.violations)} with violations"
            print(f"life {number + 1}/{plan.lives}: {len(life.records)} calls; {found}", file=sys.stderr, flush=True)
    outcome.seconds = time.monotonic() - start
    return outcome


def record_life(plan: Plan, recorder: Recorder, *, number: int, before: Life | None) -> Life:
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
        done = recorder.record(command, root=root, log=folder / "log", env=_environment(), seconds=_SECONDS)
        if done.exit_code != 0:
            raise CampaignBroken(f"the recorded program ended with {done.exit_code}:\n{done.output[-4000:]}")
        disk = Disk(found)
        disk.replay(done.records)
        if disk.files() == real_files(root):
            orders = make_orders(ORDERS, seed=seed)
            seconds = time.monotonic() - start
            return Life(number=number, found=found, records=done.records, told=told, orders=orders, seconds=seconds)
    raise CampaignBroken(f"{_TRIES} recordings in a row did not give the real files when replayed")


def cuts(life: Life, plan: Plan, count: int) -> Iterator[tuple[Cut, Image, tuple[Fact, ...]]]:
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
        yield cut, made, (*life.told, *facts_in(records[:moment]))


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


def _judge_all(plan: Plan, life: Life, count: int, pool: ProcessPoolExecutor) -> list[Judged]:
    under_way: list[tuple[Cut, Image, Sequence[Fact], Future[Verdict]]] = []
    for cut, made, facts in cuts(life, plan, count):
        is_blind = plan.control is Control.BLIND_RECOVERY
        work = pool.submit(judge, made, facts, orders=life.orders, is_blind=is_blind)
        under_way.append((cut, made, facts, work))
    judged: list[Judged] = []
    for cut, made, facts, future in under_way:
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            raise CampaignBroken(f"judging died; one of the images from {cut} on hangs or ends the process")
        # Whatever a store does with what it finds, it does not fall over it.
        fell = (f"judging ended by {type(error).__name__}: {error}",)
        verdict = future.result() if error is None else Verdict(violations=fell, recovered=False)
        kept = ""
        if verdict.violations:
            folder = plan.build / "violations" / f"{cut.life}-{cut.moment}-{len(judged)}"
            keep(folder, made, facts, orders=life.orders)
            kept = str(folder)
        judged.append(Judged(cut=cut, verdict=verdict, kept=kept))
    return judged


def _environment() -> dict[str, str]:
    # The product's own variables would put keys where the campaign does not look for them.
    return {name: value for name, value in os.environ.items() if not name.startswith("DUE_")}
