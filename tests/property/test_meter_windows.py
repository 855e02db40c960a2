"""INVARIANT I6, sliding windows: no span of time ever holds more than the limit, and room comes when it was said to."""

from hypothesis import given
from hypothesis import strategies as st

from dueprocess.meter import Full, Mark, room
from dueprocess.values import Duration, Instant

instants = st.integers(0, 60).map(Instant)
marks = st.lists(st.builds(Mark, at=instants, amount=st.integers(0, 3)), max_size=8)
windows = st.integers(1, 30).map(Duration)


def counted(there: list[Mark], window: Duration, now: int) -> int:
    return sum(mark.amount for mark in there if not mark.at <= now - window)


@given(there=marks, asked=st.integers(0, 6), limit=st.integers(0, 10), window=windows, now=instants)
def test_there_is_room_exactly_as_long_as_it_fits(
    there: list[Mark], asked: int, limit: int, window: Duration, now: Instant
):
    full = room(there, asked=asked, limit=limit, window=window, now=now)
    inside = counted(there, window, now)
    if full is None:
        assert inside + asked <= limit
    else:
        assert inside + asked > limit
        assert (full.counted, full.asked, full.limit) == (inside, asked, limit)


@given(there=marks, asked=st.integers(0, 6), limit=st.integers(0, 10), window=windows, now=instants)
def test_the_instant_told_is_the_first_at_which_there_is_room(
    there: list[Mark], asked: int, limit: int, window: Duration, now: Instant
):
    full = room(there, asked=asked, limit=limit, window=window, now=now)
    if full is None:
        return
    if asked > limit:
        assert full.retry_at == now
        return
    assert full.retry_at > now
    assert room(there, asked=asked, limit=limit, window=window, now=full.retry_at) is None
    for before in range(now, full.retry_at):
        assert room(there, asked=asked, limit=limit, window=window, now=Instant(before)) is not None


@given(there=marks, limit=st.integers(0, 10), window=windows, now=instants, back=st.integers(0, 100))
def test_a_clock_going_backwards_makes_no_room(
    there: list[Mark], limit: int, window: Duration, now: Instant, back: int
):
    if isinstance(room(there, asked=1, limit=limit, window=window, now=now), Full):
        assert isinstance(room(there, asked=1, limit=limit, window=window, now=Instant(now - back)), Full)


@given(wishes=st.lists(st.tuples(instants, st.integers(1, 3)), max_size=20), limit=st.integers(0, 6), window=windows)
def test_no_span_of_time_holds_more_than_the_limit_whatever_the_clock_does(
    wishes: list[tuple[Instant, int]], limit: int, window: Duration
):
    # The clock jumps to any instant before each wish, also backwards.
    there: list[Mark] = []
    for now, asked in wishes:
        if room(there, asked=asked, limit=limit, window=window, now=now) is None:
            there.append(Mark(at=now, amount=asked))
    for end in range(100):
        assert sum(mark.amount for mark in there if end - window < mark.at <= end) <= limit
