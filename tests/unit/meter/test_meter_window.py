"""INVARIANT I6, sliding windows: what counts, what is refused, and from when there is room, to the microsecond."""

import pytest

from dueprocess.errors import Defect
from dueprocess.meter import Full, Mark, room
from dueprocess.values import FOR_EVER, Duration, Instant, rfc3339

WINDOW = Duration(100)
NOW = Instant(1_000)


def marks(*ats: int) -> tuple[Mark, ...]:
    return tuple(Mark(at=Instant(at)) for at in ats)


def ask(*ats: int, limit: int, asked: int = 1, now: int = NOW, window: int = WINDOW) -> Full | None:
    return room(marks(*ats), asked=asked, limit=limit, window=Duration(window), now=Instant(now))


def test_an_empty_window_has_room_up_to_its_limit():
    assert ask(limit=1) is None
    assert ask(limit=3, asked=3) is None
    assert ask(limit=0, asked=0) is None


def test_i6_what_reaches_the_limit_exactly_has_room_and_one_more_has_not():
    assert ask(950, 960, limit=3) is None
    assert ask(950, 960, limit=2) == Full(counted=2, asked=1, limit=2, retry_at=Instant(1_050))
    assert ask(950, 960, limit=4, asked=2) is None
    assert ask(950, 960, limit=3, asked=2) == Full(counted=2, asked=2, limit=3, retry_at=Instant(1_050))


def test_a_mark_counts_until_its_window_has_passed_and_not_one_microsecond_longer():
    assert ask(901, limit=1) == Full(counted=1, asked=1, limit=1, retry_at=Instant(1_001))
    assert ask(900, limit=1) is None
    assert ask(899, limit=1) is None


def test_a_mark_of_this_very_instant_counts():
    assert ask(1_000, limit=1) == Full(counted=1, asked=1, limit=1, retry_at=Instant(1_100))


def test_i6_a_clock_that_goes_backwards_makes_no_room():
    at = 1_000
    for now in (at, at - 1, at - 100, at - 101, at - 100_000):
        assert ask(at, limit=1, now=now) == Full(counted=1, asked=1, limit=1, retry_at=Instant(1_100))


def test_amounts_add_up():
    of_two = (Mark(at=Instant(950), amount=4), Mark(at=Instant(960), amount=5))
    assert room(of_two, asked=1, limit=10, window=WINDOW, now=NOW) is None
    assert room(of_two, asked=2, limit=10, window=WINDOW, now=NOW) == Full(
        counted=9, asked=2, limit=10, retry_at=Instant(1_050)
    )
    assert room(of_two, asked=6, limit=10, window=WINDOW, now=NOW) == Full(
        counted=9, asked=6, limit=10, retry_at=Instant(1_060)
    )


def test_a_mark_is_one_action_unless_it_says_more():
    assert Mark(at=NOW).amount == 1


def test_only_as_many_marks_are_waited_for_as_must_leave():
    assert ask(950, 960, 970, limit=3) == Full(counted=3, asked=1, limit=3, retry_at=Instant(1_050))
    assert ask(950, 960, 970, limit=3, asked=2) == Full(counted=3, asked=2, limit=3, retry_at=Instant(1_060))
    assert ask(950, 960, 970, limit=3, asked=3) == Full(counted=3, asked=3, limit=3, retry_at=Instant(1_070))


def test_the_order_of_the_marks_does_not_matter():
    assert ask(970, 950, 960, limit=3) == ask(950, 960, 970, limit=3)
    assert ask(970, 960, 950, limit=3, asked=2) == ask(950, 960, 970, limit=3, asked=2)


def test_what_lies_before_the_window_is_not_waited_for():
    assert ask(100, 200, 950, limit=1) == Full(counted=1, asked=1, limit=1, retry_at=Instant(1_050))


def test_a_wish_that_will_never_fit_has_no_time_to_wait_for():
    assert ask(950, limit=2, asked=3) == Full(counted=1, asked=3, limit=2, retry_at=NOW)
    assert ask(950, limit=2, asked=2) == Full(counted=1, asked=2, limit=2, retry_at=Instant(1_050))
    assert ask(limit=0) == Full(counted=0, asked=1, limit=0, retry_at=NOW)


def test_the_instant_to_try_again_can_always_be_written():
    full = ask(950, limit=1, window=999_999_999 * 86_400 * 1_000_000)
    assert full is not None
    assert full.retry_at == FOR_EVER
    assert rfc3339(full.retry_at) == "9999-12-31T23:59:59.000Z"


def test_i6_a_negative_amount_would_make_room_and_is_refused():
    with pytest.raises(Defect, match="a mark of a negative amount: -1"):
        Mark(at=NOW, amount=-1)
    with pytest.raises(Defect, match="a negative amount asked of a window: -1"):
        ask(limit=1, asked=-1)
    assert Mark(at=NOW, amount=0).amount == 0
