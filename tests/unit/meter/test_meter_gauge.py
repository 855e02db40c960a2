"""INVARIANT I6, one gauge at a time: what fits is reserved, one more is refused with the values compared."""

import dataclasses

import pytest

from dueprocess.errors import Defect
from dueprocess.meter import EMPTY, Gauge, Over, Want, free, left, reserve, settle

RUN, TENANT = "run:calls:r1", "tenant:calls:t1"


def test_a_gauge_begins_empty():
    assert Gauge() == EMPTY
    assert (EMPTY.spent, EMPTY.reserved, EMPTY.at_worst) == (0, 0, 0)


def test_at_worst_is_what_is_spent_and_what_is_reserved():
    assert Gauge(spent=3, reserved=4).at_worst == 7


@pytest.mark.parametrize(("spent", "reserved"), [(0, 0), (7, 0), (0, 7), (3, 4)])
def test_i6_what_reaches_the_limit_exactly_is_reserved_and_one_more_is_not(spent: int, reserved: int):
    gauges = {RUN: Gauge(spent=spent, reserved=reserved)}
    room = 10 - spent - reserved
    assert reserve(gauges, (Want(key=RUN, amount=room, limit=10),)) == {
        RUN: Gauge(spent=spent, reserved=reserved + room)
    }
    assert reserve(gauges, (Want(key=RUN, amount=room + 1, limit=10),)) == (
        Over(key=RUN, limit=10, spent=spent, reserved=reserved, asked=room + 1),
    )


def test_i6_call_nine_of_eight_is_refused():
    gauges: dict[str, Gauge] = {}
    for _ in range(8):
        changed = reserve(gauges, (Want(key=RUN, amount=1, limit=8),))
        assert isinstance(changed, dict)
        gauges |= changed
    assert reserve(gauges, (Want(key=RUN, amount=1, limit=8),)) == (
        Over(key=RUN, limit=8, spent=0, reserved=8, asked=1),
    )


def test_a_limit_of_nothing_admits_nothing():
    assert reserve({}, (Want(key=RUN, amount=1, limit=0),)) == (Over(key=RUN, limit=0, spent=0, reserved=0, asked=1),)
    assert reserve({}, (Want(key=RUN, amount=0, limit=0),)) == {RUN: EMPTY}


def test_a_gauge_that_is_not_there_is_empty():
    assert reserve({}, (Want(key=RUN, amount=2, limit=2),)) == {RUN: Gauge(reserved=2)}


def test_only_the_gauges_asked_for_come_back():
    gauges = {RUN: Gauge(spent=1), "another": Gauge(spent=5)}
    assert reserve(gauges, (Want(key=RUN, amount=1, limit=9),)) == {RUN: Gauge(spent=1, reserved=1)}
    assert gauges == {RUN: Gauge(spent=1), "another": Gauge(spent=5)}
    assert reserve(gauges, ()) == {}


def test_i6_all_wants_are_reserved_or_none():
    gauges = {RUN: Gauge(spent=1), TENANT: Gauge(spent=5)}
    fits, not_there = Want(key=RUN, amount=1, limit=2), Want(key=TENANT, amount=1, limit=5)
    over = (Over(key=TENANT, limit=5, spent=5, reserved=0, asked=1),)
    assert reserve(gauges, (fits, not_there)) == over
    assert reserve(gauges, (not_there, fits)) == over


def test_every_want_that_does_not_fit_is_named():
    wants = (
        Want(key=RUN, amount=3, limit=2),
        Want(key=TENANT, amount=1, limit=9),
        Want(key="agent", amount=4, limit=3),
    )
    assert reserve({}, wants) == (
        Over(key=RUN, limit=2, spent=0, reserved=0, asked=3),
        Over(key="agent", limit=3, spent=0, reserved=0, asked=4),
    )


def test_i6_two_wants_of_one_gauge_add_up():
    twice = (Want(key=RUN, amount=2, limit=5), Want(key=RUN, amount=3, limit=5))
    assert reserve({RUN: Gauge(spent=0)}, twice) == {RUN: Gauge(reserved=5)}
    once_more = (*twice, Want(key=RUN, amount=1, limit=5))
    assert reserve({}, once_more) == (Over(key=RUN, limit=5, spent=0, reserved=5, asked=1),)


def test_after_an_overrun_nothing_fits():
    overrun = {RUN: Gauge(spent=12)}
    assert reserve(overrun, (Want(key=RUN, amount=0, limit=10),)) == (
        Over(key=RUN, limit=10, spent=12, reserved=0, asked=0),
    )
    assert left(overrun[RUN], limit=10) == 0


@pytest.mark.parametrize(
    ("used", "gauge", "overrun"),
    [
        (0, Gauge(spent=10, reserved=2), 0),
        (4, Gauge(spent=14, reserved=2), 0),
        (5, Gauge(spent=15, reserved=2), 0),
        (6, Gauge(spent=16, reserved=2), 1),
        (50, Gauge(spent=60, reserved=2), 45),
    ],
)
def test_i6_settling_replaces_the_reservation_by_the_use_and_tells_how_far_it_went_over(
    used: int, gauge: Gauge, overrun: int
):
    assert settle(Gauge(spent=10, reserved=7), reserved=5, used=used) == (gauge, overrun)


def test_i6_what_was_reserved_and_not_used_is_given_back():
    assert free(Gauge(spent=10, reserved=7), reserved=5) == Gauge(spent=10, reserved=2)
    assert free(Gauge(spent=10, reserved=7), reserved=7) == Gauge(spent=10)
    assert free(Gauge(spent=10, reserved=7), reserved=0) == Gauge(spent=10, reserved=7)


def test_more_than_is_reserved_is_not_given_back():
    with pytest.raises(Defect, match="a reservation of 8 is given back, but only 7 is reserved"):
        free(Gauge(spent=10, reserved=7), reserved=8)
    with pytest.raises(Defect, match="a reservation of 8 is given back, but only 7 is reserved"):
        settle(Gauge(spent=10, reserved=7), reserved=8, used=0)


@pytest.mark.parametrize(("spent", "reserved", "there"), [(0, 0, 10), (3, 4, 3), (3, 7, 0), (9, 9, 0)])
def test_what_is_left_is_never_negative(spent: int, reserved: int, there: int):
    assert left(Gauge(spent=spent, reserved=reserved), limit=10) == there


def test_i6_a_negative_amount_would_make_room_and_is_refused():
    with pytest.raises(Defect, match="a negative amount asked: -1"):
        reserve({}, (Want(key=RUN, amount=-1, limit=5),))
    with pytest.raises(Defect, match="a negative amount used: -1"):
        settle(Gauge(spent=10, reserved=2), reserved=2, used=-1)
    with pytest.raises(Defect, match="a negative amount reserved: -1"):
        free(Gauge(spent=10, reserved=2), reserved=-1)
    with pytest.raises(Defect, match="a negative amount reserved: -1"):
        settle(Gauge(spent=10, reserved=2), reserved=-1, used=0)


def test_i6_no_gauge_holds_less_than_nothing():
    with pytest.raises(Defect, match="a negative amount spent: -1"):
        Gauge(spent=-1)
    with pytest.raises(Defect, match="a negative amount reserved: -1"):
        Gauge(reserved=-1)


def test_what_was_counted_cannot_be_changed_in_place():
    for record, name in ((Gauge(), "spent"), (Want(key=RUN, amount=1, limit=1), "limit")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, 0)
