"""What every store promises, as checks that run against yours. How a store works inside is not looked at.

    from dueprocess.testing import store_contract as contract

    @pytest.mark.parametrize("check", contract.checks_for(MyBench), ids=str)
    def test_my_store_keeps_the_contract(check):
        check.run(MyBench(...))

A bench opens handles on one place of its own, empty at first. What a store does not offer (a second handle, a life after
closing) has no check, so that no check passes without having looked.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from dueprocess.agent.records import CancelRequested, TaskSubmitted
from dueprocess.errors import Conflict, LeaseLost, NotFound, StoreUnavailable
from dueprocess.ledger import Reader, Transaction, decode_line, verify_checkpoint
from dueprocess.runtime.journal import Claim, Item, append
from dueprocess.runtime.lease import claim, this_process
from dueprocess.runtime.tables import GAUGES, MARKS, RUNS, GaugeRow, MarkRow
from dueprocess.testing.store_bench import (
    EACH,
    WRITERS,
    Check,
    Feature,
    Refused,
    StoreBench,
    draft,
    gauge,
    holds_together,
    in_threads,
    opened,
    raises,
    run_named,
    size_of,
    texts,
    with_run,
)
from dueprocess.values import Duration, Instant, RunId

__all__ = ["Check", "Feature", "StoreBench", "checks_for"]


def checks_for(features: frozenset[Feature]) -> tuple[Check, ...]:
    """The checks for a store that offers these features."""
    return tuple(check for check in _CHECKS if check.needs <= features)


def _an_empty_store_has_a_signed_checkpoint_of_nothing(bench: StoreBench) -> None:
    with opened(bench) as store:
        checkpoint, note = store.checkpoint()
        assert checkpoint.size == 0, f"size {checkpoint.size} of an empty log"
        assert verify_checkpoint(note, key=bench.verifier) == checkpoint, "the note is not the checkpoint"
        assert list(store.lines()) == [], "an empty log has lines"


def _a_unit_that_raises_leaves_nothing(bench: StoreBench) -> None:
    with opened(bench) as store:
        run = with_run(store)
        kept = GaugeRow(key="kept", spent=1, reserved=0)
        store.write(lambda tx: tx.put(GAUGES, kept))

        def unit(tx: Transaction) -> None:
            tx.append(draft(run))
            tx.put(GAUGES, replace(kept, spent=2))
            tx.put(GAUGES, GaugeRow(key="new", spent=1, reserved=0))
            tx.delete(GAUGES, "kept")
            assert tx.get(GAUGES, "kept") is None, "a unit does not see its own change"
            raise Refused

        raises(Refused, lambda: store.write(unit), what="a unit that raises")
        rows = store.read(lambda tx: tx.find(GAUGES))
        assert rows == [kept], f"rows {rows} after a unit that raised, expected {kept}"
        assert store.read(lambda tx: tx.get(RUNS, run)) is None, "a row of a projection stayed"
        assert (size_of(store), list(store.lines())) == (0, []), "a line of a unit that raised stayed"


def _others_of_a_group_are_unaffected_by_one_that_raises(bench: StoreBench) -> None:
    with opened(bench) as store:
        run = with_run(store)
        ends: dict[int, object] = {}
        start = threading.Barrier(WRITERS)

        def work(number: int) -> None:
            start.wait()
            for round_ in range(EACH):
                key = f"{number}-{round_}"

                def unit(tx: Transaction, key: str = key) -> str:
                    tx.append(draft(run, text=key))
                    tx.put(GAUGES, GaugeRow(key=key, spent=1, reserved=0))
                    if number % 2:
                        raise Refused(key)
                    return key

                try:
                    ends[number * EACH + round_] = store.write(unit, sync=bool(round_ % 2))
                except Refused as error:
                    ends[number * EACH + round_] = error

        in_threads(work)
        kept = sorted(end for end in ends.values() if isinstance(end, str))
        assert len(ends) == WRITERS * EACH, "a write did not come back"
        assert len(kept) == len(ends) // 2, "a unit was refused that raised nothing, or the other way round"
        rows = store.read(lambda tx: tx.find(GAUGES))
        assert sorted(row.key for row in rows) == kept, "the rows are not those of the units that came back"
        assert texts(store.read(lambda tx: tx.events(run))) == set(kept), "the events are not theirs"
        holds_together(store, bench)


def _events_of_a_run_are_numbered_without_gaps_and_come_in_order(bench: StoreBench) -> None:
    with opened(bench) as store:
        first, second = with_run(store, 1), with_run(store, 2)
        for number in range(10):
            run = second if number % 3 else first
            store.write(lambda tx, run=run, number=number: tx.append(draft(run, text=str(number))))
        events = store.read(lambda tx: tx.events(second))
        assert [event.envelope.seq for event in events] == list(range(1, 7)), "numbers with gaps"
        assert [event.record for event in events] == [CancelRequested(by=text) for text in "124578"], "another order"
        later = store.read(lambda tx: tx.events(second, after=4))
        assert later == events[4:], "`after` does not give the rest"
        assert store.read(lambda tx: tx.events(run_named(9))) == [], "events of a run that is not there"
        holds_together(store, bench)


def _an_action_is_found_by_its_id(bench: StoreBench) -> None:
    with opened(bench) as store:
        run, other = with_run(store, 1), with_run(store, 2)
        for at, action in ((run, "a_1"), (run, ""), (other, "a_1"), (run, "a_2")):
            store.write(lambda tx, at=at, action=action: tx.append(draft(at, text=action, action=action)))
        found = store.read(lambda tx: tx.lineage("a_1"))
        assert [event.envelope.run for event in found] == [run, other], "not the events of this action in log order"
        assert store.read(lambda tx: tx.lineage("")) == [], "events without an action are no action's"


def _rows_are_found_in_key_order_by_values_and_bounds(bench: StoreBench) -> None:
    with opened(bench) as store:
        rows = [
            MarkRow(key=key, action="a", attempt=number, at=number, amount=1) for key in "ba" for number in (3, 1, 2)
        ]

        def unit(tx: Transaction) -> None:
            for row in rows:
                tx.put(MARKS, row)

        store.write(unit)

        def found(**asked: object) -> list[tuple[str, int]]:
            query: Callable[[Reader], list[MarkRow]] = lambda tx: tx.find(MARKS, **asked)  # type: ignore[arg-type] # noqa: E731
            return [(row.key, row.at) for row in store.read(query)]

        everything = [(key, number) for key in "ab" for number in (1, 2, 3)]
        assert found() == everything, "not all rows, or not in key order"
        assert found(limit=4) == everything[:4], "`limit` does not give the first rows"
        assert found(equal=(("key", "b"),)) == everything[3:], "`equal` does not hold"
        assert found(equal=(("key", "b"), ("at", 2))) == [("b", 2)], "two equals do not hold together"
        assert found(at_most=("at", 2), equal=(("key", "a"),)) == [("a", 1), ("a", 2)], (
            "`at_most` is wrong at its bound"
        )
        assert found(more_than=("at", 2)) == [("a", 3), ("b", 3)], "`more_than` is wrong at its bound"
        assert found(more_than=("at", 1), at_most=("at", 2), limit=1) == [("a", 2)], "bounds do not hold together"
        assert found(equal=(("key", "c"),)) == [], "a row that is not there"
        got = store.read(lambda tx: tx.get(MARKS, "a", "a", 2))
        assert got == MarkRow(key="a", action="a", attempt=2, at=2, amount=1), f"got {got}"
        assert store.read(lambda tx: tx.get(MARKS, "a", "a", 9)) is None, "a row that is not there"


def _a_row_is_replaced_and_removed(bench: StoreBench) -> None:
    with opened(bench) as store:

        def unit(tx: Transaction) -> tuple[object, object, object]:
            tx.put(GAUGES, GaugeRow(key="k", spent=1, reserved=2**40))
            tx.put(GAUGES, GaugeRow(key="k", spent=2, reserved=2**40))
            between = tx.get(GAUGES, "k")
            tx.delete(GAUGES, "k")
            tx.delete(GAUGES, "k")
            return between, tx.get(GAUGES, "k"), tx.find(GAUGES)

        seen = store.write(unit)
        assert seen == (GaugeRow(key="k", spent=2, reserved=2**40), None, []), f"a unit sees {seen} of its own changes"


def _a_unit_sees_what_was_committed_before_it_and_nobody_sees_half_of_it(bench: StoreBench) -> None:
    with opened(bench) as store:
        store.write(lambda tx: (tx.put(GAUGES, gauge("a", 0)), tx.put(GAUGES, gauge("b", 0))))
        torn: list[tuple[int, int]] = []
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                first, second = store.read(lambda tx: (tx.get(GAUGES, "a"), tx.get(GAUGES, "b")))
                if first is not None and second is not None and first.spent != second.spent:
                    torn.append((first.spent, second.spent))

        def add(tx: Transaction) -> None:
            for key in ("a", "b"):
                row = tx.get(GAUGES, key)
                assert row is not None, "a committed row is not seen"
                tx.put(GAUGES, gauge(key, row.spent + 1))

        def add_often(number: int) -> None:
            for _ in range(EACH):
                store.write(add, sync=bool(number % 2))

        reader = threading.Thread(target=look)
        reader.start()
        in_threads(add_often)
        done.set()
        reader.join()
        assert torn == [], f"a read saw half of a unit: {torn[:3]}"
        total = store.read(lambda tx: tx.get(GAUGES, "a"))
        assert total == gauge("a", WRITERS * EACH), f"{total} after {WRITERS * EACH} additions: one was lost"


def _a_driver_of_an_older_epoch_writes_nothing(bench: StoreBench) -> None:
    with opened(bench) as store:
        run = with_run(store)
        task = TaskSubmitted(text="t", key="k", agent="a", principal="agent:a@1", queue="q")
        store.write(lambda tx: tx.append(replace(draft(run), record=task)))
        old = store.write(lambda tx: _claimed(tx, run, now=1))
        new = store.write(lambda tx: _claimed(tx, run, now=10))
        assert new.epoch == old.epoch + 1, "a claim is a new epoch"
        before = size_of(store)

        def late(tx: Transaction) -> object:
            tx.put(GAUGES, gauge("late", 1))
            return append(tx, old, [Item(record=CancelRequested(by="zombie"))], now=Instant(11))

        raises(LeaseLost, lambda: store.write(late), what="the append of an older epoch")
        assert size_of(store) == before, "a zombie's event was stored"
        assert store.read(lambda tx: tx.get(GAUGES, "late")) is None, "a zombie's row was stored"
        store.write(lambda tx: append(tx, new, [Item(record=CancelRequested(by="owner"))], now=Instant(11)))
        assert size_of(store) == before + 1, "the owner cannot write"


def _claimed(tx: Transaction, run: RunId, *, now: int) -> Claim:
    made = claim(tx, run, owner=this_process(), lease=Duration(5), now=Instant(now))
    assert made is not None, "a run that is due cannot be claimed"
    return made


def _a_stored_line_is_exactly_what_was_hashed_and_says_nothing_of_its_content(bench: StoreBench) -> None:
    with opened(bench) as store:
        run = with_run(store)
        hidden = "a text that no line may show"
        first = store.write(lambda tx: tx.append(draft(run, text=hidden, action="a_1")))
        clear = store.write(lambda tx: tx.append(draft(run, text="open", in_clear=True)))
        lines = list(store.lines())
        assert [decode_line(line) for line in lines] == [first.envelope, clear.envelope], "not the lines of the events"
        assert hidden.encode() not in b"".join(lines), "the content of an event stands in its line"
        assert b'"open"' in lines[1] or b"open" in lines[1], "an event in the clear is not readable"
        assert list(store.lines(first=1)) == lines[1:], "`first` does not skip lines"
        assert list(store.lines(first=2)) == [], "lines after the last"


def _erasing_a_key_takes_the_content_and_leaves_lines_and_tree(bench: StoreBench) -> None:
    with opened(bench) as store:
        run, other = with_run(store, 1), with_run(store, 2)
        for at in (run, other):
            store.write(lambda tx, at=at: tx.append(draft(at, action="a_1")))
        store.write(lambda tx: tx.append(draft(run, text="open", in_clear=True)))
        lines, checkpoint = list(store.lines()), store.checkpoint()[0]
        digest = store.read(lambda tx: tx.digest(run, "label", content="x"))
        assert digest == store.read(lambda tx: tx.digest(run, "label", content="x")), "a digest is not the same twice"
        assert digest != store.read(lambda tx: tx.digest(run, "other", content="x")), "the label is not in the digest"
        assert digest != store.read(lambda tx: tx.digest(other, "label", content="x")), "the run is not in the digest"
        store.erase_key(run)
        records = [event.record for event in store.read(lambda tx: tx.events(run))]
        assert records == [None, CancelRequested(by="open")], f"an erased run still says {records}"
        assert [e.record is None for e in store.read(lambda tx: tx.lineage("a_1"))] == [True, False], "not by action"
        assert (list(store.lines()), store.checkpoint()[0]) == (lines, checkpoint), "an erasure changed the log"
        raises(
            NotFound, lambda: store.read(lambda tx: tx.digest(run, "label", content="x")), what="a digest after erasure"
        )
        raises(NotFound, lambda: store.write(lambda tx: tx.append(draft(run))), what="an append after erasure")
        raises(Conflict, lambda: store.open_run(run), what="opening an erased run")
        store.write(lambda tx: tx.append(draft(other)))
        holds_together(store, bench)


def _a_run_without_a_key_takes_no_event(bench: StoreBench) -> None:
    with opened(bench) as store:
        raises(NotFound, lambda: store.write(lambda tx: tx.append(draft(run_named(5)))), what="an append without a key")
        assert size_of(store) == 0, "an event without a key was stored"
        run = with_run(store)
        store.open_run(run)
        store.write(lambda tx: tx.append(draft(run)))
        store.open_run(run)
        records = [event.record for event in store.read(lambda tx: tx.events(run))]
        assert records == [CancelRequested(by="hello")], "opening a run again changed its key"


def _a_closed_store_refuses_and_closing_again_is_no_change(bench: StoreBench) -> None:
    store = bench.open()
    run = with_run(store)
    store.write(lambda tx: tx.append(draft(run)))
    store.close()
    store.close()
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.write(lambda tx: tx.append(draft(run))),
        lambda: store.read(lambda tx: tx.events(run)),
        lambda: list(store.lines()),
        store.checkpoint,
        lambda: store.open_run(run),
        lambda: store.erase_key(run),
    )
    for number, call in enumerate(calls):
        raises(StoreUnavailable, call, what=f"call {number} of a closed store")


def _what_was_written_is_there_when_it_is_opened_again(bench: StoreBench) -> None:
    with opened(bench) as store:
        run = with_run(store)
        store.write(lambda tx: tx.append(draft(run, text="kept")))
        store.write(lambda tx: tx.put(GAUGES, gauge("k", 1)), sync=False)
        lines = list(store.lines())
    with opened(bench) as store:
        assert list(store.lines()) == lines, "other lines after opening again"
        assert texts(store.read(lambda tx: tx.events(run))) == {"kept"}, "another content after opening again"
        assert store.read(lambda tx: tx.get(GAUGES, "k")) == gauge("k", 1), "a row was forgotten"
        store.write(lambda tx: tx.append(draft(run)))
        holds_together(store, bench)


def _two_handles_write_one_log(bench: StoreBench) -> None:
    with opened(bench) as one, opened(bench) as two:
        run = with_run(one)
        two.open_run(run)

        def work(number: int) -> None:
            store = (one, two)[number % 2]

            def add(tx: Transaction) -> None:
                tx.append(draft(run, text=f"{number}"))
                row = tx.get(GAUGES, "both") or gauge("both", 0)
                tx.put(GAUGES, gauge("both", row.spent + 1))

            for _ in range(EACH):
                store.write(add)

        in_threads(work)
        for store in (one, two):
            assert store.read(lambda tx: tx.get(GAUGES, "both")) == gauge("both", WRITERS * EACH), "one was lost"
            assert len(store.read(lambda tx: tx.events(run))) == WRITERS * EACH, "an event was lost"
            holds_together(store, bench)


_NOTHING: Final[frozenset[Feature]] = frozenset()
_CHECKS: Final = tuple(
    Check(name=run.__name__.strip("_"), needs=needs, run=run)
    for needs, run in (
        (_NOTHING, _an_empty_store_has_a_signed_checkpoint_of_nothing),
        (_NOTHING, _a_unit_that_raises_leaves_nothing),
        (_NOTHING, _others_of_a_group_are_unaffected_by_one_that_raises),
        (_NOTHING, _events_of_a_run_are_numbered_without_gaps_and_come_in_order),
        (_NOTHING, _an_action_is_found_by_its_id),
        (_NOTHING, _rows_are_found_in_key_order_by_values_and_bounds),
        (_NOTHING, _a_row_is_replaced_and_removed),
        (_NOTHING, _a_unit_sees_what_was_committed_before_it_and_nobody_sees_half_of_it),
        (_NOTHING, _a_driver_of_an_older_epoch_writes_nothing),
        (_NOTHING, _a_stored_line_is_exactly_what_was_hashed_and_says_nothing_of_its_content),
        (_NOTHING, _erasing_a_key_takes_the_content_and_leaves_lines_and_tree),
        (_NOTHING, _a_run_without_a_key_takes_no_event),
        (_NOTHING, _a_closed_store_refuses_and_closing_again_is_no_change),
        (frozenset({Feature.DURABLE}), _what_was_written_is_there_when_it_is_opened_again),
        (frozenset({Feature.SHARED}), _two_handles_write_one_log),
    )
)
