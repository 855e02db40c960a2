"""The arithmetic of the measurements, and the form of what they write. No time is asserted."""

from bench.figures import GOALS, Goal, Part, in_turns, ratio, spread, verdicts
from bench.report import as_json, as_table

ASKED_FOR = {
    "decide_us",
    "decide_vs_cedar",
    "vouch_us_100kb",
    "index_us_per_kb",
    "vouch_kept_kb",
    "write_vs_floor_1",
    "write_extra_ms_1",
    "writes_vs_group_commit_floor_20",
    "writes_vs_langgraph_20",
    "step_growth_10_to_1000",
    "verify_events_per_s",
    "peak_rss_mb",
}


def written(*parts: Part) -> dict[str, object]:
    return as_json(parts, machine={"cores": 2}, versions={"python": "3"}, quick=False)


def test_sides_are_measured_in_turns():
    order: list[str] = []

    def side(name: str):
        def once(repeat: int) -> float:
            order.append(f"{name}{repeat}")
            return repeat

        return once

    assert in_turns(3, side("a"), side("b")) == ([0, 1, 2], [0, 1, 2])
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_ratio_is_of_medians_so_that_one_slow_turn_does_not_count():
    assert ratio([2.0, 2.0, 900.0], [1.0, 1.0, 0.001]) == 2.0


def test_a_spread_has_quartiles_only_where_there_are_turns_enough():
    assert spread("x", [3.0, 1.0, 2.0]) == {"x": 2.0}
    assert spread("x", [1.0, 2.0, 3.0, 4.0, 5.0]) == {"x": 3.0, "x_q1": 1.5, "x_q3": 4.5}


def test_a_goal_is_met_at_its_bound_and_missed_beyond_it():
    assert Goal(text="", at_most=2.0).is_met(2.0)
    assert not Goal(text="", at_most=2.0).is_met(2.01)
    assert Goal(text="", at_least=5.0).is_met(5.0)
    assert not Goal(text="", at_least=5.0).is_met(4.99)


def test_a_write_may_cost_twice_the_floor_or_a_millisecond_more_whichever_allows_more():
    by_time = verdicts({"write_vs_floor_1": 2.5, "write_extra_ms_1": 0.9})
    by_ratio = verdicts({"write_vs_floor_1": 1.5, "write_extra_ms_1": 3.0})
    neither = verdicts({"write_vs_floor_1": 2.5, "write_extra_ms_1": 3.0})
    assert by_time["write_vs_floor_1"] is by_time["write_extra_ms_1"] is True
    assert by_ratio["write_vs_floor_1"] is by_ratio["write_extra_ms_1"] is True
    assert neither["write_vs_floor_1"] is neither["write_extra_ms_1"] is False


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert set(verdicts({}).values()) == {None}
    assert verdicts({"peak_rss_mb": 60.0})["peak_rss_mb"] is None


def test_the_file_holds_every_figure_that_was_asked_for_and_what_is_behind_it():
    figures = written(Part(figures={"decide_us": 12.34567}, absolute={"cedar_us": 60.0}, repeats={"decide": 3}))
    assert set(figures) >= ASKED_FOR
    assert set(GOALS) == ASKED_FOR
    assert figures["decide_us"] == 12.35
    assert figures["writes_vs_langgraph_20"] is None
    assert figures["goals"]["decide_us"] == {"goal": "aim 10", "met": False}
    assert {"absolute", "repeats", "machine", "versions", "quick", "missing"} <= set(figures)


def test_the_table_shows_each_figure_and_says_what_is_missing():
    shown = as_table(written(Part(figures={"decide_vs_cedar": 0.1}, missing="a peer is not installed")))
    assert all(key in shown for key in ASKED_FOR)
    assert "0.1  <= 0.2" in shown
    assert "not measured: a peer is not installed" in shown
