"""Each part runs with tiny counts and fills its figures; what it compares is comparable. No time is asserted."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from bench import deciding, flight, growth, ledger_copy, verifying, writing
from bench.figures import Part
from bench.refunds import opened


def all_positive(part: Part) -> bool:
    return all(value is not None and value > 0 for value in part.figures.values())


def test_deciding_gives_a_figure_for_both_sides():
    part = deciding.measure(deciding.Sizes(calls=40, repeats=2))
    assert all_positive(part)
    assert part.absolute["cedar_us"] > 0


def test_the_rules_are_thirty_and_each_can_stand_against_a_call():
    policy, rng = deciding.our_policy(), random.Random(1)
    calls = [deciding.asked(rng, number) for number in range(3_000)]
    found = {finding.rule for call in calls for finding in deciding.decide(policy, call.ours)}
    assert len(deciding.conditions()) + 5 == deciding.RULES == 30
    assert len(found) == deciding.RULES


def test_the_comparison_with_cedar_stops_where_the_answers_differ():
    policy, cedar, rng = deciding.our_policy(), deciding.cedar_policy(), random.Random(1)
    call = deciding.asked(rng, 1)
    other = {**call.cedar, "context": {**call.cedar["context"], "cents": 1_000_000}}  # type: ignore[dict-item]
    deciding.compare(policy, cedar, [call])
    with pytest.raises(AssertionError, match="Cedar"):
        deciding.compare(policy, cedar, [replace(call, cedar=other)])


def test_one_write_at_a_time_is_measured_beside_its_floor(tmp_path: Path):
    part = writing.measure(writing.Sizes(each=3, repeats=2), tmp_path / "w")
    assert part.absolute["write_ms_1"] > 0
    assert part.absolute["write_floor_ms_1"] > 0
    assert part.absolute["write_line_bytes"] > 500


def test_the_floor_writes_the_lines_and_rows_that_the_ledger_stored(tmp_path: Path):
    with opened(tmp_path / "d", runs=1) as desk:
        floor = ledger_copy.copy(desk.ledger, tmp_path / "floor.db")
        first = ledger_copy.leaves(desk.ledger)
        for number in range(3):
            desk.write(0, f"order-{number}")
        writes = ledger_copy.recorded(desk.ledger, first=first)
        for write in writes:
            for each in write.commits:
                ledger_copy.commit(floor, (each,))
        ours = ledger_copy.connect(desk.ledger)
        tables = [name for (name,) in ours.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        same = {name: list(ours.execute(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608 - names of tables
        again = {name: list(floor.execute(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608 - as above
        ours.close()
        floor.close()
    assert len(writes) == 3
    assert all(len(write.commits) == 2 for write in writes)
    assert len(same["events"]) == first + 6
    assert again == same


def test_twenty_in_flight_are_measured_beside_group_commits(tmp_path: Path):
    part = flight.measure(flight.Sizes(each=1, repeats=1), tmp_path / "f", peer=lambda folder, threads, each: 50.0)
    assert all_positive(part)
    assert part.absolute["langgraph_steps_per_s_20"] == 50.0


def test_a_peer_that_is_not_installed_is_named(tmp_path: Path):
    part = flight.measure(flight.Sizes(each=1, repeats=1), tmp_path / "f", peer=None)
    assert part.figures["writes_vs_langgraph_20"] is None
    assert "make bench" in part.missing


def test_a_worker_that_fails_stops_the_measurement(tmp_path: Path):
    def write(at: int) -> None:
        if at == 3:
            raise ValueError("made to fail")

    with pytest.raises(ValueError, match="made to fail"):
        flight.per_second(write, count=1)


def test_growth_looks_at_the_steps_of_a_whole_run(tmp_path: Path):
    moments = growth.driven(tmp_path / "run", steps=12)
    assert len(moments.began) == len(moments.ended) == 13
    assert all(step > 0 for step in moments.steps(0))
    assert all_positive(growth.measure(growth.Sizes(late=20, runs=1), tmp_path / "runs"))


def test_an_export_is_made_and_checked_in_a_process_of_its_own(tmp_path: Path):
    part = verifying.measure(verifying.Sizes(events=300, repeats=1), tmp_path / "v")
    assert all_positive(part)
    assert part.repeats["verify_events"] == 300
