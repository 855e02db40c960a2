"""INVARIANT I4: the life of an action is the design's table, row by row, and nothing beside it."""

import itertools
import re

import pytest

from dueprocess.errors import IllegalTransition
from dueprocess.gate import FREES_KEY, MOVES, UNDER_WAY, ActionState, move

# Section 5 of the design, as it stands there.
DESIGN = """
    proposed   -> denied | held | dispatched | cancelled | reused (same idempotency key: the outcome of action X)
    held       -> dispatched | denied | expired | cancelled | superseded (edited or decided differently: a new action)
    dispatched -> succeeded | failed | unknown
    unknown    -> dispatched (next attempt, only as I4 allows) | succeeded | failed | unsettled
    unsettled  -> succeeded | failed (a person settles, also after the run has ended; erasure waits for it)
    failed     -> dispatched (next attempt, within the retry limits)
"""


def designed() -> dict[str, set[str]]:
    rows = (line.split("->") for line in DESIGN.strip().splitlines())
    return {state.strip(): {to.strip() for to in re.sub(r"\(.*?\)", "", tos).split("|")} for state, tos in rows}


@pytest.mark.parametrize("state", ActionState)
def test_i4_from_each_state_go_the_moves_of_the_design_and_no_others(state: ActionState):
    assert {to.value for to in MOVES[state]} == designed().get(state.value, set())


def test_the_design_names_no_state_that_is_not_there():
    named = designed()
    states = {state.value for state in ActionState}
    assert named.keys() | {to for tos in named.values() for to in tos} == states
    assert set(MOVES) == set(ActionState)


@pytest.mark.parametrize(("state", "to"), [*itertools.product(ActionState, ActionState)])
def test_i4_a_move_is_made_if_and_only_if_the_table_has_it(state: ActionState, to: ActionState):
    if to.value in designed().get(state.value, set()):
        assert move(state, to) is to
    else:
        with pytest.raises(IllegalTransition, match=f"from {state.value} to {to.value}"):
            move(state, to)


def test_a_refused_move_says_what_is_possible():
    with pytest.raises(IllegalTransition) as refused:
        move(ActionState.DISPATCHED, ActionState.DISPATCHED)
    assert str(refused.value) == (
        "an action cannot go from dispatched to dispatched; from there: failed, succeeded, unknown"
    )
    with pytest.raises(IllegalTransition) as final:
        move(ActionState.SUCCEEDED, ActionState.FAILED)
    assert str(final.value) == ("an action cannot go from succeeded to failed; from there: nothing: it is final")


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        MOVES[ActionState.SUCCEEDED] = frozenset({ActionState.DISPATCHED})  # pyright: ignore[reportIndexIssue]


def test_i4_what_has_an_outcome_or_never_ran_stays_so():
    final = {state for state in ActionState if not MOVES[state]}
    assert {state.value for state in final} == {
        "denied",
        "reused",
        "succeeded",
        "expired",
        "cancelled",
        "superseded",
    }


def test_i4_a_lost_outcome_occupies_the_key_and_a_proven_failure_does_not():
    assert {state.value for state in UNDER_WAY} == {"held", "dispatched", "unknown", "unsettled"}
    assert {state.value for state in FREES_KEY} == {"denied", "failed", "expired", "cancelled", "superseded", "reused"}


def test_a_stored_action_occupies_its_key_under_way_or_with_an_outcome_or_frees_it():
    stored = set(ActionState) - {ActionState.PROPOSED}
    assert {*UNDER_WAY, *FREES_KEY, ActionState.SUCCEEDED} == stored
    assert not UNDER_WAY & FREES_KEY


def test_states_are_stored_by_these_words():
    assert [state.value for state in ActionState] == [
        "proposed",
        "denied",
        "held",
        "reused",
        "dispatched",
        "succeeded",
        "failed",
        "unknown",
        "unsettled",
        "expired",
        "cancelled",
        "superseded",
    ]
