"""INVARIANT I6: in whatever order things are reserved, settled and freed, no limit of any scope is passed unseen."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from dueprocess.meter import Gauge, Over, Scope, ScopeKind, Unit, Want, free, left, meter_key, reserve, settle

RUNS = range(4)


def scopes(run: int) -> tuple[str, ...]:
    """The gauges around a run: two runs share a session, all share the tenant."""
    names = {
        ScopeKind.TENANT: "t",
        ScopeKind.AGENT: f"a{run // 3}",
        ScopeKind.SESSION: f"s{run // 2}",
        ScopeKind.TASK: f"k{run}",
        ScopeKind.RUN: f"r{run}",
    }
    return tuple(meter_key(Scope(kind=kind, id=names[kind]), Unit.SPEND) for kind in ScopeKind)


KEYS = sorted({key for run in RUNS for key in scopes(run)})


@dataclass(frozen=True)
class Reservation:
    keys: tuple[str, ...]
    amount: int


class Meters(RuleBasedStateMachine):
    reservations = Bundle("reservations")

    def __init__(self) -> None:
        super().__init__()
        self.gauges: dict[str, Gauge] = {}
        self.limits: dict[str, int] = {}
        # What the gauges must say, kept beside them in the simplest way.
        self.open: list[Reservation] = []
        self.used: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    def reserved(self, key: str) -> int:
        return sum(item.amount for item in self.open if key in item.keys)

    @initialize(limits=st.lists(st.integers(0, 30), min_size=len(KEYS), max_size=len(KEYS)))
    def limits_are_set(self, limits: list[int]) -> None:
        self.limits = dict(zip(KEYS, limits, strict=True))

    @rule(target=reservations, run=st.sampled_from(RUNS), amount=st.integers(0, 12))
    def reserve_for_a_run(self, run: int, amount: int):
        keys = scopes(run)
        before = dict(self.gauges)
        answer = reserve(self.gauges, tuple(Want(key=key, amount=amount, limit=self.limits[key]) for key in keys))
        assert self.gauges == before
        full = [key for key in keys if self.used[key] + self.reserved(key) + amount > self.limits[key]]
        if isinstance(answer, tuple):
            assert [over.key for over in answer] == full
            assert all(over.spent + over.reserved + over.asked > over.limit for over in answer)
            assert all(isinstance(over, Over) and over.asked == amount for over in answer)
            return multiple()
        assert full == []
        self.gauges |= answer
        made = Reservation(keys=keys, amount=amount)
        self.open.append(made)
        return made

    @rule(item=consumes(reservations), used=st.integers(0, 20))
    def settle_one(self, item: Reservation, used: int) -> None:
        self.open.remove(item)
        for key in item.keys:
            self.gauges[key], overrun = settle(self.gauges[key], reserved=item.amount, used=used)
            assert overrun == max(0, used - item.amount)
            self.used[key] += used
            self.told[key] += overrun

    @rule(item=consumes(reservations))
    def free_one(self, item: Reservation) -> None:
        self.open.remove(item)
        for key in item.keys:
            self.gauges[key] = free(self.gauges[key], reserved=item.amount)

    @invariant()
    def what_is_counted_is_what_was_used_and_what_is_reserved_stays(self) -> None:
        for key, gauge in self.gauges.items():
            assert gauge == Gauge(spent=self.used[key], reserved=self.reserved(key))

    @invariant()
    def no_limit_is_passed_but_by_an_overrun_that_was_told(self) -> None:
        for key, gauge in self.gauges.items():
            assert gauge.spent + gauge.reserved <= self.limits[key] + self.told[key]
            assert left(gauge, limit=self.limits[key]) == max(0, self.limits[key] - gauge.spent - gauge.reserved)


TestMetersOverNestedScopes = Meters.TestCase
