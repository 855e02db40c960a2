"""Remove one safeguard at a time and see that the tests of its invariant notice: a test that cannot fail proves nothing.

    python tools/sabotage.py             every safeguard
    python tools/sabotage.py I4          those of one invariant
    python tools/sabotage.py deadline    one of them
    python tools/sabotage.py --list      what there is

Ends with 3 if a test that stands here passes without its safeguard. The safeguard is removed inside the process that runs
the tests (this file is its plugin), by putting another piece in the place of the product's; the product has no switch for
any of them. What the kill campaign removes too is taken from there (`chaos/controls.py`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sabotage_removal as removal

ROOT = Path(__file__).resolve().parent.parent
NAME, FOUND = "DUE_SABOTAGE", "DUE_SABOTAGE_FOUND"
RUNTIME, AGENT = "tests/unit/runtime/", "tests/unit/agent/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Safeguard:
    """What is removed, how, and the tests of which each must fail then."""

    name: str
    invariant: str
    what: str
    remove: Callable[[], None]
    tests: tuple[str, ...]


SAFEGUARDS = (
    Safeguard(
        name="around",
        invariant="I1",
        what="a tool refuses to be called",
        remove=removal.call_tools_directly,
        tests=(RUNTIME + "test_intent_before_act.py::test_i1_a_tool_cannot_be_called_around_the_gate",),
    ),
    Safeguard(
        name="arguments",
        invariant="I1",
        what="the function gets the arguments of the committed intent",
        remove=removal.run_on_other_arguments,
        tests=(RUNTIME + "test_intent_before_act.py::test_i1_the_function_gets_exactly_the_decided_arguments",),
    ),
    Safeguard(
        name="within",
        invariant="I1",
        what="a sub-agent gets no tool but its own",
        remove=removal.give_sub_agents_every_tool,
        tests=(
            RUNTIME + "test_sub_agents.py::test_i1_a_hijacked_sub_agent_gets_no_tool_that_it_was_not_given",
            "tests/unit/gate/test_judge_order.py::test_i1_in_shadow_too_a_sub_agent_gets_no_tool_but_its_own",
        ),
    ),
    Safeguard(
        name="schema",
        invariant="I2",
        what="arguments are checked against the tool's schema",
        remove=removal.check_no_schema,
        tests=(
            RUNTIME
            + "test_intent_before_act.py::test_i2_what_cannot_be_read_or_is_not_allowed_has_no_effect_and_a_reason",
            RUNTIME + "test_guarded_function.py::test_i2_a_way_around_a_limit_is_denied",
        ),
    ),
    Safeguard(
        name="price",
        invariant="I2",
        what="a model without a price is not asked",
        remove=removal.ask_without_a_price,
        tests=(RUNTIME + "test_intent_before_act.py::test_i2_without_a_price_no_model_is_asked",),
    ),
    Safeguard(
        name="intent",
        invariant="I3",
        what="the intent is committed before the function runs",
        remove=removal.act_before_the_intent,
        tests=(
            RUNTIME + "test_intent_before_act.py::test_i3_where_the_intent_may_not_be_stored_nothing_runs",
            RUNTIME
            + "test_intent_before_act.py::test_i3_when_the_function_runs_its_intent_is_stored_and_names_its_key",
        ),
    ),
    Safeguard(
        name="epoch",
        invariant="I3",
        what="every append of a driver checks its epoch",
        remove=removal.ask_for_no_epoch,
        tests=(
            RUNTIME + "test_intent_before_act.py::test_i3_a_driver_whose_run_was_taken_over_writes_nothing_any_more",
            RUNTIME
            + "test_intent_before_act.py::test_i3_the_late_outcome_of_a_zombie_is_refused_and_the_sink_is_asked_instead",
        ),
    ),
    Safeguard(
        name="unknown",
        invariant="I4",
        what="an error of a write is unknown, not failed",
        remove=removal.call_the_unknown_failed,
        tests=(
            RUNTIME + "test_at_most_once.py::test_i4_any_other_error_of_a_write_is_unknown_and_goes_to_a_person",
            RUNTIME + "test_at_most_once.py::test_i4_a_lost_outcome_is_settled_at_the_sink",
        ),
    ),
    Safeguard(
        name="deadline",
        invariant="I4",
        what="an attempt counts as lost only after its deadline",
        remove=removal.wait_for_no_deadline,
        tests=(AGENT + "test_loop_actions.py::test_i4_an_attempt_of_a_dead_worker_is_lost_only_after_its_deadline",),
    ),
    Safeguard(
        name="key",
        invariant="I4",
        what="an unknown outcome is repeated under its own key",
        remove=removal.repeat_under_a_new_key,
        tests=(
            RUNTIME
            + "test_at_most_once.py::test_i4_a_lost_outcome_is_repeated_under_the_same_key_where_the_sink_enforces_it",
        ),
    ),
    Safeguard(
        name="grant",
        invariant="I5",
        what="an intent consumes the approval",
        remove=removal.consume_no_grant,
        tests=(
            RUNTIME
            + "test_approval_is_a_capability.py::test_i5_an_approved_hold_runs_once_and_a_second_approval_has_no_effect",
        ),
    ),
    Safeguard(
        name="requester",
        invariant="I5",
        what="whoever asked may not approve",
        remove=removal.let_requesters_approve,
        tests=(
            RUNTIME + "test_approval_is_a_capability.py::test_i5_requester_agent_outsider_and_publisher_do_not_count",
            RUNTIME
            + "test_approval_is_a_capability.py::test_i5_an_edit_makes_the_editor_a_requester_and_what_runs_is_the_edit",
        ),
    ),
    Safeguard(
        name="chain",
        invariant="I5",
        what="roles and approvals are asked of the whole chain that acts",
        remove=removal.forget_the_chain,
        tests=(
            RUNTIME + "test_sub_agents.py::test_i5_a_role_is_asked_of_the_sub_agent_and_of_its_agent",
            RUNTIME
            + "test_sub_agents.py::test_i5_the_sub_agent_is_one_requester_with_its_agent_and_its_hold_is_bound_to_the_chain",
        ),
    ),
    Safeguard(
        name="confirm",
        invariant="I5",
        what="what the requester must confirm waits for their word",
        remove=removal.ask_nobody_to_confirm,
        tests=(
            RUNTIME + "test_confirmed_by_the_requester.py::test_i5_it_runs_once_the_requester_has_said_yes",
            RUNTIME
            + "test_confirmed_by_the_requester.py::test_i5_nobody_else_can_say_it_and_no_approval_stands_for_it",
        ),
    ),
    Safeguard(
        name="again",
        invariant="I5",
        what="an approved call is decided again where its intent is written",
        remove=removal.decide_only_once,
        tests=(
            RUNTIME + "test_approval_is_a_capability.py::test_i5_a_stricter_policy_after_the_approval_asks_again",
            RUNTIME + "test_approval_is_a_capability.py::test_i5_a_grant_that_was_not_used_in_time_asks_again",
        ),
    ),
    Safeguard(
        name="calls",
        invariant="I6",
        what="calls are counted in the transaction that dispatches",
        remove=removal.count_no_calls,
        tests=(
            RUNTIME + "test_no_overrun.py::test_i6_call_nine_of_eight_is_not_dispatched",
            RUNTIME + "test_no_overrun.py::test_i6_of_nine_parallel_calls_in_one_reply_eight_are_dispatched",
        ),
    ),
    Safeguard(
        name="reservation",
        invariant="I6",
        what="what is reserved counts against the limit",
        remove=removal.count_no_reservation,
        tests=(RUNTIME + "test_no_overrun.py::test_i6_what_is_at_risk_counts_against_the_limit",),
    ),
    Safeguard(
        name="beside",
        invariant="I8",
        what="rows change by the projection of an event alone",
        remove=removal.write_beside_the_ledger,
        tests=(
            RUNTIME + "test_ledger_is_the_state.py::test_i8_the_tables_are_what_the_ledger_alone_makes_of_them",
            RUNTIME
            + "test_ledger_is_the_state.py::test_i8_the_tables_are_rebuilt_after_an_erasure_too_and_keep_what_was_used",
        ),
    ),
    Safeguard(
        name="root",
        invariant="I9",
        what="an export is held against its signed root and links",
        remove=removal.believe_every_line,
        tests=(
            RUNTIME
            + "test_ledger_is_the_state.py::test_i9_an_export_proves_every_event_also_of_erased_runs_and_shows_any_change",
        ),
    ),
    Safeguard(
        name="vouch",
        invariant="I7",
        what="where the values of a call come from is asked",
        remove=removal.ask_for_no_origin,
        tests=(
            RUNTIME
            + "test_trust_is_granted.py::test_i7_whom_a_stranger_names_is_held_and_the_card_shows_where_it_comes_from",
            RUNTIME + "test_trust_is_granted.py::test_i7_guarded_calls_are_asked_as_well",
        ),
    ),
    Safeguard(
        name="places",
        invariant="I7",
        what="a place that an effect used vouches no other",
        remove=removal.use_no_place,
        tests=(
            RUNTIME + "test_trust_is_granted.py::test_i7_whom_the_requester_named_is_written_to_once",
            RUNTIME + "test_trust_is_granted.py::test_i7_one_mention_vouches_one_of_several_parallel_calls",
        ),
    ),
    Safeguard(
        name="frames",
        invariant="I7",
        what="what an agent gives its sub-agent to do is a model's text",
        remove=removal.believe_what_agents_tell_sub_agents,
        tests=(
            RUNTIME
            + "test_sub_agents_origins.py::test_i7_the_task_that_an_agent_gives_its_sub_agent_vouches_for_nothing",
        ),
    ),
    Safeguard(
        name="planned",
        invariant="I7",
        what="what a plan writes out vouches nothing",
        remove=removal.trust_what_a_plan_writes_out,
        tests=(RUNTIME + "test_plan_first_runs.py::test_i7_what_a_plan_writes_out_vouches_nothing",),
    ),
    Safeguard(
        name="quarantine",
        invariant="I7",
        what="an extraction sees the named values alone",
        remove=removal.extract_in_the_same_conversation,
        tests=(
            RUNTIME + "test_plan_first_runs.py::test_i7_the_planner_is_shown_nothing_that_a_tool_brought_back",
            AGENT + "test_plan_first.py::test_i7_one_extraction_does_not_see_what_another_one_saw",
        ),
    ),
    Safeguard(
        name="foreign",
        invariant="I10",
        what="a foreign error is recorded by class and digest",
        remove=removal.record_what_errors_say,
        tests=(
            RUNTIME + "test_ledger_is_the_state.py::test_i10_an_error_of_a_tool_is_recorded_by_its_class_and_a_digest",
            RUNTIME + "test_ledger_is_the_state.py::test_i10_no_foreign_text_is_in_the_clear_or_in_our_own_words",
        ),
    ),
    Safeguard(
        name="fresh",
        invariant="I11",
        what="a run rests only when it has seen every event",
        remove=removal.rest_without_looking,
        tests=(
            RUNTIME
            + "test_waiting_is_free.py::test_i11_an_approval_that_came_while_the_run_went_to_rest_is_not_slept_through",
        ),
    ),
    Safeguard(
        name="release",
        invariant="I12",
        what="every event of a run names its release",
        remove=removal.name_no_release,
        tests=(
            RUNTIME
            + "test_ledger_is_the_state.py::test_i12_every_event_of_a_run_names_its_release_and_the_policy_that_decided",
        ),
    ),
    Safeguard(
        name="policy",
        invariant="I12",
        what="a decision names the policy that made it",
        remove=removal.name_the_policy_of_the_claim,
        tests=(
            RUNTIME
            + "test_meanwhile.py::test_i12_a_policy_published_while_the_model_thinks_decides_what_it_proposes_and_is_named",
            RUNTIME
            + "test_governed_calls.py::test_i12_a_policy_published_meanwhile_decides_the_next_call_and_is_named",
        ),
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("chosen", nargs="*", metavar="INVARIANT|NAME", help="such as I4, or the name of a safeguard")
    parser.add_argument("--list", action="store_true", help="say what there is and run nothing")
    options = parser.parse_args(argv)
    chosen = [s for s in SAFEGUARDS if not options.chosen or {s.name, s.invariant} & set(options.chosen)]
    unknown = set(options.chosen) - {word for s in SAFEGUARDS for word in (s.name, s.invariant)}
    if unknown:
        parser.error(f"no invariant or safeguard {', '.join(sorted(unknown))}; `--list` shows those there are")
    missed = 0
    for safeguard in chosen:
        print(f"{safeguard.invariant:<4} {safeguard.name:<12} {safeguard.what}", flush=True)
        if not options.list:
            missed += _tried(safeguard)
    return 3 if missed else 0


def _tried(safeguard: Safeguard) -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "failed.json"
        path = os.pathsep.join(filter(None, (str(ROOT / "tools"), str(ROOT), os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "sabotage", "-p", "no:randomly"]
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider", *safeguard.tests],
            cwd=ROOT,
            env={**os.environ, NAME: safeguard.name, FOUND: str(found), "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        failed: list[str] = json.loads(found.read_text("utf-8")) if found.exists() else []
    if done.returncode not in {0, 1}:
        print(f"       could not be tried:\n{done.stdout}{done.stderr}")
        return 1
    passed = [test for test in safeguard.tests if not any(one.partition("[")[0] == test for one in failed)]
    for test in safeguard.tests:
        print(f"       {'PASSES WITHOUT IT' if test in passed else 'fails without it'}: {test}")
    return len(passed)


_failed: list[str] = []


def pytest_configure(config: object) -> None:
    """As a plugin: removes the safeguard before any test is imported."""
    name = os.environ.get(NAME)
    if name:
        removal.load_all()
        next(safeguard for safeguard in SAFEGUARDS if safeguard.name == name).remove()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """As a plugin: keeps the ids of the tests that failed."""
    if report.failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish(session: object) -> None:
    """As a plugin: tells the process that asked."""
    place = os.environ.get(FOUND)
    if place:
        Path(place).write_text(json.dumps(_failed), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
