"""The arithmetic of a measurement: interleaved repeats, medians, ratios, goals. What is measured is in the other files.

Rule 1. What is compared is measured in turns (A B A B ...), so that a noisy neighbour slows both sides.
Rule 2. A figure is the median over repeats; a ratio is of two such medians of the same turns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Final

Side = Callable[[int], float]
"""Makes one repeat, given its number, and returns what it took or what it reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part found: the figures that have goals, and the absolute ones behind them.

    `repeats`: how often each thing was repeated, and how much one repeat held. `missing`: why a figure is not there.
    """

    figures: Mapping[str, float | None]
    absolute: Mapping[str, float] = field(default_factory=dict)
    repeats: Mapping[str, int] = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure should be: at most or at least `bound`. `text` says it to a person."""

    text: str
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether this value keeps it."""
        above = self.at_most is not None and value > self.at_most
        below = self.at_least is not None and value < self.at_least
        return not above and not below


GOALS: Final[Mapping[str, Goal]] = {
    "decide_us": Goal(text="aim 10", at_most=10.0),
    "decide_vs_cedar": Goal(text="<= 0.2", at_most=0.2),
    "vouch_us_100kb": Goal(text="<= 200", at_most=200.0),
    "index_us_per_kb": Goal(text="<= 50", at_most=50.0),
    "vouch_kept_kb": Goal(text="<= 64", at_most=64.0),
    "write_vs_floor_1": Goal(text="<= 2, or <= 1.0 ms more", at_most=2.0),
    "write_extra_ms_1": Goal(text="<= 1.0, or <= 2 x the floor", at_most=1.0),
    "writes_vs_group_commit_floor_20": Goal(text=">= 0.3", at_least=0.3),
    "writes_vs_langgraph_20": Goal(text=">= 5", at_least=5.0),
    "step_growth_10_to_1000": Goal(text="<= 1.3", at_most=1.3),
    "verify_events_per_s": Goal(text=">= 100,000", at_least=100_000.0),
    "peak_rss_mb": Goal(text="none"),
}
"""The figures that a run writes at least, in the order in which they are shown."""

EITHER: Final = ("write_vs_floor_1", "write_extra_ms_1")
"""One goal said in two ways: at most twice the floor, or at most a millisecond more, whichever allows more."""


def in_turns(repeats: int, *sides: Side) -> tuple[list[float], ...]:
    """Runs the sides in turns and returns what each gave, by repeat (rule 1)."""
    found: tuple[list[float], ...] = tuple([] for _ in sides)
    for repeat in range(repeats):
        for place in range(len(sides)):
            found[place].append(sides[place](repeat))
    return found


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """The median of a figure under its name, and its quartiles where there are enough repeats to speak of any."""
    told = {name: median(values)}
    if len(values) >= 4:
        low, _, high = quantiles(values, n=4)
        told |= {f"{name}_q1": low, f"{name}_q3": high}
    return told


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of one side over the median of the other (rule 2)."""
    return median(above) / median(below)


def verdicts(figures: Mapping[str, float | None]) -> dict[str, bool | None]:
    """Which goals are met; None where there is no figure or no goal."""
    found: dict[str, bool | None] = {}
    for key, goal in GOALS.items():
        value = figures.get(key)
        has_goal = goal.at_most is not None or goal.at_least is not None
        found[key] = goal.is_met(value) if value is not None and has_goal else None
    if True in {found[key] for key in EITHER}:
        found |= {key: True for key in EITHER if found[key] is not None}
    return found
