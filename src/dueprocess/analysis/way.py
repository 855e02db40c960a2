"""Which way a changed value goes: does it let more through, less, or neither. Which keys there are stands in `structure`.

Rule 1. What is not known to narrow or to change nothing is a widening: who changes a policy is asked once too often rather
        than never.
Rule 2. None stands for a key that is not there.
"""

from collections.abc import Callable
from enum import Enum

from dueprocess.errors import BadValue
from dueprocess.values import Json, canonical, parse_duration


class Way(Enum):
    """What a change does to what may run without a person."""

    WIDENING = "widening"
    NARROWING = "narrowing"
    NEUTRAL = "neutral"


Weigh = Callable[[Json, Json], Way]
"""Which way from one value to another, which differ; None is not there (rule 2)."""


def unknown(before: Json, after: Json) -> Way:
    """No order is known (rule 1)."""
    return Way.WIDENING


def neutral(before: Json, after: Json) -> Way:
    """It decides nothing."""
    return Way.NEUTRAL


def more_is_wider(before: Json, after: Json) -> Way:
    """A larger number or a longer time lets more through."""
    return _by_size(before, after, wider=1)


def less_is_wider(before: Json, after: Json) -> Way:
    """A smaller number or a shorter time lets more through."""
    return _by_size(before, after, wider=-1)


def restriction(before: Json, after: Json) -> Way:
    """Its presence restricts: new is narrower; gone, or another one, is wider."""
    return Way.NARROWING if before in (None, False) else Way.WIDENING


def permission(before: Json, after: Json) -> Way:
    """Its presence permits: gone is narrower; new, or another one, is wider."""
    return Way.NARROWING if after in (None, False) else Way.WIDENING


def members_permit(before: Json, after: Json) -> Way:
    """Each member permits something: only fewer is narrower."""
    return Way.NARROWING if _texts(after) <= _texts(before) else Way.WIDENING


def members_restrict(before: Json, after: Json) -> Way:
    """Each member restricts something: only more is narrower."""
    return Way.NARROWING if _texts(before) <= _texts(after) else Way.WIDENING


def by_order(*places: str | tuple[str | None, ...] | None) -> Weigh:
    """Words from the narrowest to the widest.

    Of those that share a place neither is known to be wider, and a word that is not among them is unknown: both widen.
    """
    placed: dict[str | None, int] = {}
    for place, words in enumerate(places):
        for word in words if isinstance(words, tuple) else (words,):
            placed[word] = place

    def weigh(before: Json, after: Json) -> Way:
        ours, theirs = (placed.get(each) if isinstance(each, str) or each is None else None for each in (before, after))
        return Way.NARROWING if ours is not None and theirs is not None and theirs < ours else Way.WIDENING

    return weigh


def _by_size(before: Json, after: Json, *, wider: int) -> Way:
    ours, theirs = _size(before), _size(after)
    if ours is None or theirs is None:
        return Way.WIDENING
    return Way.WIDENING if (theirs - ours) * wider > 0 else Way.NARROWING


def _size(of: Json) -> int | None:
    if isinstance(of, bool):
        return None
    if isinstance(of, str):
        try:
            return int(parse_duration(of))
        except BadValue:
            return None
    try:
        # Amounts have at most six decimals: as millionths they are whole.
        return None if of is None or isinstance(of, (list, dict)) else int(of * 1_000_000)
    except (ValueError, OverflowError):
        return None


def _texts(of: Json) -> frozenset[str]:
    return (
        frozenset(map(canonical, of))
        if isinstance(of, list)
        else frozenset[str]()
        if of is None
        else frozenset({canonical(of)})
    )
