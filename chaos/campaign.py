"""The whole campaign: rounds of kills until each point has its hits, two drivers, zombies, double clicks; and the controls.

Two rounds run side by side. What a round does depends on its seed, which is told with every violation.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from chaos.approve import DoubleClick, click_round
from chaos.controls import Control
from chaos.kill import Round, kill_round, plans_for
from chaos.orders import talking_orders
from chaos.orphan import Child, Orphan, orphan_round
from chaos.points import KILLED_AT, Point
from chaos.verdict import Verdict
from chaos.zombie import Sleep, Zombie, zombie_round

T = TypeVar("T")
_AT_ONCE: Final = 2
_LIVES: Final = 12  # planned deaths of one round
_FRUITLESS: Final = 6  # so many times the rounds that hits would need; more of them and a point is not reachable


@dataclass(slots=True, kw_only=True)
class Result:
    """All that came of a campaign."""

    seed: int
    runs: int
    rounds: list[Round] = field(default_factory=list[Round])
    zombies: list[Zombie] = field(default_factory=list[Zombie])
    orphans: list[Orphan] = field(default_factory=list[Orphan])
    clicks: list[DoubleClick] = field(default_factory=list[DoubleClick])
    unreached: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def hits(self) -> Counter[Point]:
        """Confirmed hits per point."""
        return sum((round_.hits for round_ in self.rounds), Counter())

    @property
    def is_stuck(self) -> bool:
        """Whether a round did not come to rest: then the others will not either, and the campaign has failed already."""
        return not all(round_.is_at_rest for round_ in self.rounds)

    @property
    def verdicts(self) -> list[Verdict]:
        """Of every round."""
        return [each.verdict for each in (*self.rounds, *self.zombies, *self.orphans, *self.clicks)]

    @property
    def violations(self) -> list[tuple[str, str]]:
        """All that was violated; a point that was not hit often enough is one too."""
        found = [violation for verdict in self.verdicts for violation in verdict.violations]
        return [*found, *(("unreached", said) for said in self.unreached)]

    @property
    def counts(self) -> Counter[str]:
        """What was counted in all rounds."""
        return sum((verdict.counts for verdict in self.verdicts), Counter())


def campaign(folder: Path, *, runs: int, seed: int, only: Point | None = None) -> Result:
    """Runs everything until each point has `runs` confirmed hits; `only` one point: kills there and nothing else."""
    began = time.monotonic()
    result = Result(seed=seed, runs=runs)
    _kill(folder, result, points=(only,) if only is not None else KILLED_AT)
    if only is None and not result.is_stuck:
        _beside_kills(folder, result)
    result.seconds = time.monotonic() - began
    return result


def _beside_kills(folder: Path, result: Result) -> None:
    first, some = result.seed * 1000, max(1, result.runs // 5)
    drivers = [
        lambda at=at: kill_round(folder / f"drivers-{at}", seed=first + 500 + at, plans=(), workers=2)
        for at in range(some)
    ]
    result.rounds += _all(drivers)
    _tell(f"two drivers without kills: {len(drivers)} rounds")
    zombies = [
        lambda at=at: zombie_round(folder / f"zombie-{at}", seed=first + at, sleep=list(Sleep)[at % len(Sleep)])
        for at in range(max(result.runs, len(Sleep)))
    ]
    result.zombies = _all(zombies)
    _tell(f"zombies: {sum(zombie.is_confirmed for zombie in result.zombies)} confirmed")
    orphans = [
        lambda at=at, child=child: orphan_round(folder / f"{child.value}-{at}", seed=first + at, child=child)
        for at in range(some)
        for child in Child
    ]
    result.orphans = _all(orphans)
    _tell(f"orphans: {sum(orphan.is_confirmed for orphan in result.orphans)} confirmed")
    clicks = [lambda at=at: click_round(folder / f"click-{at}", seed=first + at) for at in range(result.runs)]
    result.clicks = _all(clicks)
    _tell(f"double clicks: {len(clicks)}")


def find_out(folder: Path, control: Control, *, seed: int) -> Verdict:
    """Runs what must find out about a build without this safeguard."""
    place = folder / control.value
    match control:
        case Control.NO_INTENT:
            plans = plans_for([Point.AFTER_EFFECT] * 3, Random(seed))
            return kill_round(place, seed=seed, plans=plans, control=control).verdict
        case Control.NO_EPOCH:
            return zombie_round(place, seed=seed, sleep=Sleep.TAKES_BACK, control=control).verdict
        case Control.NO_GRANT:
            return click_round(place, seed=seed, control=control).verdict
        case Control.NO_RESERVATION:
            return kill_round(place, seed=seed, plans=(), control=control, orders=talking_orders(seed)).verdict
        case Control.NONE:
            return kill_round(place, seed=seed, plans=(), control=control).verdict


def _kill(folder: Path, result: Result, *, points: Sequence[Point]) -> None:
    random = Random(f"kills {result.seed}")
    at = 0
    most = _FRUITLESS * (2 + -(-result.runs * len(points) // _LIVES))
    while (missing := _missing(result, points)) and at < most and not result.is_stuck:
        works: list[Callable[[], Round]] = []
        for _ in range(_AT_ONCE):
            works.append(_round(folder, result.seed * 1000 + at, _deaths(missing, random), random))
            at += 1
        result.rounds += _all(works)
        said = " ".join(f"{point.value} {result.hits[point]}" for point in points)
        _tell(f"kills: {sum(result.hits.values())} of {result.runs * len(points)} confirmed ({said})")
    result.unreached += [f"{point.value}: {times} hits missing" for point, times in _missing(result, points).items()]


def _round(folder: Path, seed: int, deaths: Sequence[Point], random: Random) -> Callable[[], Round]:
    # Every third round has two drivers, each with deaths of its own.
    plans, workers = plans_for(deaths, random), 2 if seed % 3 == 2 else 1
    return lambda: kill_round(folder / f"kill-{seed}", seed=seed, plans=plans, workers=workers)


def _missing(result: Result, points: Sequence[Point]) -> Counter[Point]:
    return Counter({point: result.runs - result.hits[point] for point in points if result.hits[point] < result.runs})


def _deaths(missing: Counter[Point], random: Random) -> list[Point]:
    # Each missing point once, and what is missing most again; never two of one kind in a row if there are others.
    wanted = [point for point, _ in missing.most_common()]
    deaths = [wanted[at % len(wanted)] for at in range(min(_LIVES, max(len(wanted), missing.total())))]
    random.shuffle(deaths)
    return deaths


def _all(works: Sequence[Callable[[], T]]) -> list[T]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda work: work(), works))


def _tell(said: str) -> None:
    if os.environ.get("PYTEST_CURRENT_TEST") is None:
        print(f"chaos: {said}", file=sys.stderr, flush=True)
