"""Where a limit applies. The names are stored: they must not change, and no two gauges may share one."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dueprocess.meter import MAX_LIMIT, Scope, ScopeKind, Unit, meter_key
from dueprocess.meter.scope import within


def test_the_scopes_nest_widest_first():
    assert [kind.value for kind in ScopeKind] == ["tenant", "agent", "session", "task", "run"]


def test_a_gauge_counts_calls_money_or_time():
    assert [unit.value for unit in Unit] == ["calls", "micro_usd", "microseconds"]


def test_the_name_of_a_gauge_tells_kind_unit_and_id():
    assert meter_key(Scope(kind=ScopeKind.RUN, id="r1"), Unit.CALLS) == "run:calls:r1"
    assert meter_key(Scope(kind=ScopeKind.TENANT, id="acme"), Unit.SPEND) == "tenant:micro_usd:acme"


def test_i6_no_two_gauges_share_a_name_whatever_the_ids_hold():
    ids = ("", ":", "calls", "run:calls", "calls:r1", "r1", ":calls:r1", "micro_usd:run:calls:r1")
    places = [*itertools.product(ScopeKind, Unit, ids)]
    assert len({meter_key(Scope(kind=kind, id=name), unit) for kind, unit, name in places}) == len(places)


def test_a_scope_without_a_limit_of_its_own_has_the_largest_that_a_store_can_hold():
    assert MAX_LIMIT == 9_223_372_036_854_775_807


def test_a_name_within_others_is_written_so_that_no_separator_is_mistaken():
    assert within("acme", "support", "talk") == "acme/support/talk"
    assert within("a/b", "50%", "%2F") == "a%2Fb/50%25/%252F"
    assert within("alone") == "alone"


NAMES = st.lists(st.text("a/%2F5", max_size=4), min_size=1, max_size=3)


@given(NAMES, NAMES)
def test_two_lists_of_names_never_give_the_same_id(one: list[str], other: list[str]):
    assert (within(*one) == within(*other)) == (one == other)
