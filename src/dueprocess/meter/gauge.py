"""The one primitive for every limit without a window: reserve before, settle or free after. Storing is not done here.

Rule 1. spent + reserved <= limit after every granted reservation, over all gauges of one request or none (I6).
Rule 2. What is reserved stays reserved until evidence says less: `settle` with what was used, `free` when nothing was.
Rule 3. Use above the reservation is an overrun: it is counted in full and told, never hidden.
Rule 4. Amounts are whole: calls, micro-USD, microseconds. A negative amount is a defect of the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from dueprocess.errors import Defect


class Unit(Enum):
    """What a gauge counts."""

    CALLS = "calls"
    SPEND = "micro_usd"
    WALL_CLOCK = "microseconds"


def _refuse_negative(amount: int, name: str) -> None:
    if amount < 0:
        raise Defect(f"a negative amount {name}: {amount}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """How much of one limit is used up: surely (`spent`) and at worst (`spent + reserved`)."""

    spent: int = 0
    reserved: int = 0

    def __post_init__(self) -> None:
        _refuse_negative(self.spent, "spent")
        _refuse_negative(self.reserved, "reserved")

    @property
    def at_worst(self) -> int:
        """What will have been used if every reservation is used whole."""
        return self.spent + self.reserved


EMPTY = Gauge()


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A wish to use `amount` of the gauge `key` under `limit`."""

    key: str
    amount: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A refused wish with the values compared: spent + reserved + asked > limit."""

    key: str
    limit: int
    spent: int
    reserved: int
    asked: int


def reserve(gauges: Mapping[str, Gauge], wants: tuple[Want, ...]) -> dict[str, Gauge] | tuple[Over, ...]:
    """Reserves all wants or none. Returns the changed gauges, or every want that does not fit.

    A gauge that is not in `gauges` is empty. Two wants of one key add up.
    """
    changed: dict[str, Gauge] = {}
    over: list[Over] = []
    for want in wants:
        _refuse_negative(want.amount, "asked")
        gauge = changed.get(want.key) or gauges.get(want.key, EMPTY)
        if gauge.at_worst + want.amount > want.limit:
            over.append(
                Over(key=want.key, limit=want.limit, spent=gauge.spent, reserved=gauge.reserved, asked=want.amount)
            )
        else:
            changed[want.key] = Gauge(spent=gauge.spent, reserved=gauge.reserved + want.amount)
    return tuple(over) if over else changed


def settle(gauge: Gauge, *, reserved: int, used: int) -> tuple[Gauge, int]:
    """Replaces a reservation by what was used. Returns the gauge and the overrun: how far `used` exceeds `reserved`."""
    _refuse_negative(used, "used")
    held = free(gauge, reserved=reserved)
    return Gauge(spent=held.spent + used, reserved=held.reserved), max(0, used - reserved)


def free(gauge: Gauge, *, reserved: int) -> Gauge:
    """Gives a reservation back: nothing was used, and that is known."""
    _refuse_negative(reserved, "reserved")
    if reserved > gauge.reserved:
        raise Defect(f"a reservation of {reserved} is given back, but only {gauge.reserved} is reserved")
    return Gauge(spent=gauge.spent, reserved=gauge.reserved - reserved)


def left(gauge: Gauge, *, limit: int) -> int:
    """What may still be asked for; never negative."""
    return max(0, limit - gauge.at_worst)
