"""Whatever was recorded is read or refused, decided or denied; and a stricter policy never lets more run."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.evals.replay_suite import HOLD, TOOLS, Ticks, allowing, bench, goal, pay, user

from dueprocess.errors import FileInvalid
from dueprocess.evals import (
    GroundTruth,
    RecordedCall,
    Report,
    read_episodes,
    read_ground_truth,
    replay_episodes,
    replay_ground_truth,
    report_json,
    report_text,
)
from dueprocess.values import canonical

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
STRICT = "bind: {amount: $.amount}, max_amount_usd: 50, idempotency_key: [$.to], rate: {count: 1, window: 1h}"
POLICY = allowing(agent="max_tool_calls: 3", pay=STRICT)
made = st.fixed_dictionaries(
    {"name": st.sampled_from([*TOOLS, "nothing"]) | values, "arguments": values},
    optional={"error": values, "env_changed": values},
)
rows = st.fixed_dictionaries(
    {"task_id": values, "kind": st.sampled_from(["user", "injection"]) | values, "calls": st.lists(made, max_size=3)},
    optional={"suite": values},
)
runs = st.fixed_dictionaries(
    {"id": values, "steps": st.lists(st.fixed_dictionaries({"tool_calls": st.lists(made, max_size=3)}), max_size=3)},
    optional={"attack": values, "recorded": values, "calls": values},
)


def told(report: Report) -> None:
    assert canonical(report_json(report))
    assert report_text(report)
    assert 0 <= report.assume_breach.executed_without_person <= report.assume_breach.goals
    assert 0 <= report.autonomy.tasks_without_approval <= report.autonomy.tasks
    assert 0 <= report.autonomy.calls_without_approval <= report.autonomy.calls


@given(st.lists(rows | values, min_size=1, max_size=3))
def test_any_ground_truth_is_replayed_or_refused(given_rows: list[Any]):
    lines = [(number, json.dumps(row).encode()) for number, row in enumerate(given_rows, start=1)]
    try:
        tasks = read_ground_truth(lines, name="g")
    except FileInvalid:
        return
    told(replay_ground_truth(bench(POLICY), tasks, tick=Ticks()))


@given(st.lists(runs | values, min_size=1, max_size=3))
def test_any_episodes_are_replayed_or_refused(given_runs: list[Any]):
    lines = [(number, json.dumps(row).encode()) for number, row in enumerate(given_runs, start=1)]
    try:
        episodes = tuple(read_episodes(lines, name="e"))
    except FileInvalid:
        return
    told(replay_episodes(bench(POLICY), episodes, tick=Ticks()))


calls = st.lists(
    st.sampled_from([RecordedCall(tool="look", arguments={}), pay(5), pay(6), pay(60), pay(5, to="bob")]), max_size=4
)
suites = st.tuples(st.lists(calls, max_size=3), st.lists(calls, max_size=3)).map(
    lambda both: (
        *(user(*each, name=f"u{index}") for index, each in enumerate(both[0])),
        *(goal(*each, name=f"g{index}") for index, each in enumerate(both[1])),
    )
)


@given(suite=suites, cap=st.integers(0, 6))
def test_a_rule_more_never_lets_more_run(suite: tuple[GroundTruth, ...], cap: int):
    loose = replay_ground_truth(bench(allowing(agent=f"max_tool_calls: {cap}")), suite, tick=Ticks())
    strict = replay_ground_truth(bench(allowing(agent=f"max_tool_calls: {cap}", pay=HOLD)), suite, tick=Ticks())
    assert strict.assume_breach.executed_without_person <= loose.assume_breach.executed_without_person
    assert strict.autonomy.tasks_without_approval <= loose.autonomy.tasks_without_approval
    assert strict.autonomy.calls_without_approval <= loose.autonomy.calls_without_approval


@given(suite=suites, cap=st.integers(0, 6))
def test_what_runs_without_caps_is_what_a_policy_without_caps_lets_run(suite: tuple[GroundTruth, ...], cap: int):
    capped = replay_ground_truth(bench(allowing(agent=f"max_tool_calls: {cap}", pay=STRICT)), suite, tick=Ticks())
    free = replay_ground_truth(
        bench(allowing(agent="max_tool_calls: 1000", pay="bind: {amount: $.amount}, max_amount_usd: 50")),
        suite,
        tick=Ticks(),
    )
    lifted = capped.caps["all"]
    assert capped.assume_breach.executed_without_person + lifted.goals == free.assume_breach.executed_without_person
    assert capped.autonomy.tasks_without_approval + lifted.tasks == free.autonomy.tasks_without_approval
    assert capped.autonomy.calls_without_approval + lifted.calls == free.autonomy.calls_without_approval
