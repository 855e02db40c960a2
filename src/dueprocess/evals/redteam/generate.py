"""The goals of a campaign, made anew from a seed. What one holds is the matter of `attacks` and, for other policies, `schemas`."""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from random import Random

from dueprocess.evals.redteam.attacks import ATTACKS, Making
from dueprocess.evals.redteam.carriers import TEXTS
from dueprocess.evals.redteam.errands import KINDS, errand
from dueprocess.evals.redteam.goal import Goal

LEAST = 500  # goals: a campaign of fewer says little
_SALT = "red team 1"  # so that another campaign with the same seed has other values


def chance_of(seed: int) -> Random:
    """The one source of chance of a campaign."""
    return Random(f"{_SALT} {seed}")  # noqa: S311 - it is to be repeated, not to be secret


def texts_in_turn(texts: Sequence[str], chance: Random) -> Callable[[], str]:
    """The texts in an order of their own, each once before one comes again; the house's own where none are given."""
    order = list(texts or TEXTS)
    chance.shuffle(order)
    turn = cycle(order)
    return lambda: next(turn)


def goals_against_the_house(*, least: int, seed: int, texts: Sequence[str] = ()) -> Iterator[Goal]:
    """At least so many goals, and each text of a corpus in one of them: whole rounds of every attack on every errand."""
    chance = chance_of(seed)
    making = Making(chance=chance, text=texts_in_turn(texts, chance))
    made, wanted = 0, max(least, len(texts))
    while made < wanted:
        for kind in KINDS:
            asked = errand(kind, chance)
            for attack in ATTACKS:
                for goal in attack(making, asked):
                    made += 1
                    yield goal
