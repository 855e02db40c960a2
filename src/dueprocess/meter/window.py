"""The same primitive over a sliding window: what was dispatched within the last span of time.

Rule 1. The window at `now` holds the marks with now - window < at <= now, and any from the future: a clock that goes
        backwards never makes room.
Rule 2. A mark is set with the intent and taken back only by a proven failure (policy language, "windows").
Rule 3. A negative amount is a defect of the caller: it would make room.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dueprocess.errors import Defect
from dueprocess.values import Duration, Instant, later


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One dispatched action, or its amount, at an instant."""

    at: Instant
    amount: int = 1

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise Defect(f"a mark of a negative amount: {self.amount}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """The window has no room: the values compared, and the first instant at which it has, if nothing is added."""

    counted: int
    asked: int
    limit: int
    retry_at: Instant


def room(marks: Iterable[Mark], *, asked: int, limit: int, window: Duration, now: Instant) -> Full | None:
    """None where counted + asked <= limit, else `Full`.

    A wish above the limit itself has no time to wait for: its `retry_at` is `now`.
    """
    if asked < 0:
        raise Defect(f"a negative amount asked of a window: {asked}")
    inside = sorted((mark for mark in marks if mark.at > now - window), key=lambda mark: mark.at)
    counted = sum(mark.amount for mark in inside)
    excess = counted + asked - limit
    if excess <= 0:
        return None
    retry_at = now
    for mark in inside:
        if excess <= 0 or asked > limit:
            break
        excess -= mark.amount
        retry_at = later(mark.at, window)
    return Full(counted=counted, asked=asked, limit=limit, retry_at=retry_at)
