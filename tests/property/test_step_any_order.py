"""I4, I8: over any sequence of events, folding anew and stepping through give the same run, and the loop keeps its promises."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agent import stage
from tests.unit.agent.test_workflow_steps import FLOW, SCHEMA

from dueprocess.agent import Act, AskModel, DeclareLost, Happened, Phase, Status, initial, refold, step
from dueprocess.agent.commands import EndSubAgent, RecordPlan, StartSubAgent
from dueprocess.agent.records import (
    BudgetExceeded,
    BudgetOverrun,
    CancelRequested,
    ClarificationAsked,
    ClarificationGiven,
    ModelFailed,
    PlanMade,
    RunCancelled,
    RunFinished,
    RunSuspended,
    SubAgentEnd,
    SubAgentEnded,
    SubAgentStarted,
    Suspension,
)
from dueprocess.gate import (
    ActionCancelled,
    ActionEdited,
    ActionExpired,
    ActionReused,
    ActionSettled,
    ActionUnclear,
    ActionWaiting,
    ApprovalGiven,
    ApprovalRecord,
    ApprovalRejected,
    Outcome,
    SettledBy,
)
from dueprocess.policy import Escalation
from dueprocess.release.manifest import Mode
from dueprocess.testing.clock import START
from dueprocess.testing.playbook import RUN, Playbook
from dueprocess.values import Instant, action_id

TOOL_NAMES = st.sampled_from([*stage.TOOLS, "no_such_tool", "ask_clarification", "hand_off_to_human", "researcher"])
CALLS = st.lists(
    st.tuples(TOOL_NAMES, st.sampled_from(["{}", "{", '{"question":"q"}', '{"amount_usd":5}', '{"task":"t"}'])),
    max_size=3,
)
PLAN = {
    "start": "look",
    "steps": [
        {"id": "look", "kind": "calls", "calls": [{"name": "a", "tool": "look", "arguments": {}}], "next": "each"},
        {
            "id": "each",
            "kind": "for_each",
            "over": "$.steps.look.a",
            "at_most": 3,
            "call": {"name": "b", "tool": "pay", "arguments": {}},
            "next": "choose",
            "on_denied": "choose",
        },
        {
            "id": "choose",
            "kind": "extract",
            "prompt": "Is it late?",
            "shows": ["$.steps.look.a", "$.steps.each.b"],
            "schema": SCHEMA,
            "otherwise": "end",
        },
        {"id": "end", "kind": "end", "result": "$.steps.choose.verdict"},
    ],
}
PLANNED = json.dumps({**PLAN, "steps": [*PLAN["steps"][:2], {**PLAN["steps"][2], "branches": []}, PLAN["steps"][3]]})
TEXTS = st.sampled_from(["", "done", '{"verdict":"late"}', '{"verdict":7}', "{", json.dumps(PLAN), '{"question":"q"}'])
PERSON = ApprovalRecord(by="user:fin")


@st.composite
def moves(draw: Any) -> tuple[str, Any]:
    """What happens next, as a word and a choice; which action it is about is chosen when it happens."""
    word = draw(
        st.sampled_from(
            "claimed asked replied model_failed dispatched held denied reused waiting succeeded failed unknown unsettled "
            "delegated returned unclear approved rejected edited expired cancelled "
            "over overrun asks answers cancel suspended ended planned".split()
        )
    )
    return word, (
        draw(CALLS),
        draw(TEXTS),
        draw(st.integers(0, 5)),
        draw(st.booleans()),
        draw(st.sampled_from([0, 1, 30])),
    )


def record_of(play: Playbook, word: str, chosen: Any) -> tuple[object, str, int] | None:
    """The record of a move for the pending action that it chooses, with its action and attempt; None if none is pending."""
    calls, text, number, flag, _ = chosen
    turn = play.state.turn + 1
    if word == "obeyed":
        return obeyed(play, stage.replied(text, *calls, turn=turn))
    plain: dict[str, object] = {
        "claimed": stage.CLAIMED,
        "asked": stage.asked(turn, play.state.asks + 1),
        "replied": stage.replied(text, *calls, turn=turn),
        "model_failed": ModelFailed(turn=turn, reason="503", retryable=flag, retry_at=play.at + number * 1_000_000),
        "over": BudgetExceeded(key="run:calls:r", unit="calls", limit=1, spent=1, reserved=0, asked=1),
        "overrun": BudgetOverrun(key="run:spend:r", reserved=1, used=2),
        "asks": ClarificationAsked(question="q"),
        "answers": ClarificationGiven(text="a", by="user:ann"),
        "cancel": CancelRequested(by="user:ann"),
        "suspended": RunSuspended(reason=Suspension.TIMER, active=1, wake_at=0),
        "planned": PlanMade(plan=PLANNED),
        "ended": RunFinished(result="", active=1) if flag else RunCancelled(reason="", active=1),
    }
    if word in plain:
        return plain[word], "", 0
    if word == "returned" and play.state.frame is not None:
        how = play.state.frame.how or SubAgentEnd.UNFINISHED
        return SubAgentEnded(sub_agent="agent:support/researcher", how=how), play.state.frame.action, 0
    if not play.state.pending:
        return None
    item = play.state.pending[number % len(play.state.pending)]
    about: dict[str, object] = {
        "delegated": SubAgentStarted(sub_agent="agent:support/researcher", task="t"),
        "returned": SubAgentEnded(sub_agent="agent:support/researcher", how=SubAgentEnd.INVALID, reason="no"),
        "dispatched": stage.dispatched(play, item.action),
        "held": stage.held(play, item.action),
        "denied": stage.denied(play, item.action, rule="schema" if flag else "pay.allowed"),
        "reused": ActionReused(call=play.call(item.action), original="a_1", result="{}"),
        "waiting": ActionWaiting(call=play.call(item.action), original=play.state.pending[0].action),
        "succeeded": stage.succeeded(("{}", "[]", "[1,2]")[number % 3]),
        "failed": stage.failed(play.at + number, lost=flag),
        "unknown": stage.unknown(lost=flag),
        "unsettled": ActionSettled(outcome=Outcome.UNSETTLED, by=SettledBy.RECOVERY),
        "unclear": ActionUnclear(reason="busy", retry_at=play.at),
        "approved": ApprovalGiven(approval=PERSON, digest="d", execute_by=9 if flag else 0),
        "rejected": ApprovalRejected(by="user:fin", how=""),
        "edited": ActionEdited(by=PERSON, arguments='{"amount_usd":1}', approves=flag),
        "expired": ActionExpired(reason="late"),
        "cancelled": ActionCancelled(reason="over"),
    }
    return about[word], item.action, item.attempts + 1 if word == "dispatched" else item.attempts


def obeyed(play: Playbook, reply: object) -> tuple[object, str, int] | None:
    """What the run wants is done: the model is asked and replies, a sub-agent begins and ends."""
    name = "agent:support/researcher"
    if play.state.phase is Phase.ASKING:
        return reply, "", 0
    match play.commands[0] if play.commands else None:
        case AskModel(turn=turn, attempt=attempt):
            return stage.asked(turn, attempt), "", 0
        case StartSubAgent(action=action, task=task):
            return SubAgentStarted(sub_agent=name, task=task), action, 0
        case EndSubAgent(action=action, how=how, turns=turns, reason=reason):
            return SubAgentEnded(sub_agent=name, how=how, turns=turns, reason=reason), action, 0
        case _:
            return None


def happen(play: Playbook, move: tuple[str, Any]) -> None:
    """Lets a move happen, at a new epoch where it is a claim. The playbook itself folds anew and compares."""
    word, chosen = move
    made = record_of(play, word, chosen)
    if made is None:
        return
    record, action, attempt = made
    if word == "claimed":
        play.epoch += 1
    play.on(record, action=action, attempt=attempt, then=chosen[4]).wants(*play.commands)


OBEYED = st.builds(lambda move: ("obeyed", move[1]), moves())
"""What the run wants is done, with a choice of replies: moves by chance alone lead nowhere deep."""
HAPPENS = st.lists(st.one_of(moves(), OBEYED), max_size=25)

CONFIGS = st.sampled_from(
    [
        stage.config(),
        stage.config(on_budget_exceeded=Escalation.CLARIFY),
        stage.config(sub_agents=(stage.RESEARCHER,)),
        stage.config(sub_agents=(stage.RESEARCHER,), on_budget_exceeded=Escalation.CLARIFY),
        stage.config(FLOW),
        stage.config(FLOW, on_budget_exceeded=Escalation.STOP),
        replace(stage.config(), mode=Mode.PLAN_FIRST),
        replace(stage.config(on_budget_exceeded=Escalation.CLARIFY), mode=Mode.PLAN_FIRST, clarifies=True),
    ]
)


@given(CONFIGS, HAPPENS)
def test_i8_folding_anew_is_stepping_through_whatever_happens(config: Any, happens: list[tuple[str, Any]]):
    with Playbook(config) as play:
        stage.opened(play).wants(*play.commands)
        for move in happens:
            happen(play, move)


@given(CONFIGS, HAPPENS)
def test_i4_an_id_belongs_to_one_action_for_ever(config: Any, happens: list[tuple[str, Any]]):
    places: dict[str, tuple[int, int, int]] = {}
    with Playbook(config) as play:
        stage.opened(play).wants(*play.commands)
        for move in happens:
            happen(play, move)
            for item in play.state.pending:
                place = (item.cause, item.index, item.revision)
                assert places.setdefault(item.action, place) == place
                cause, index, revision = place
                assert item.action == action_id(run=RUN, cause=cause, index=index, revision=revision)


@given(CONFIGS, HAPPENS)
def test_i4_what_is_under_way_or_unknown_is_neither_repeated_freely_nor_forgotten(
    config: Any, happens: list[tuple[str, Any]]
):
    with Playbook(config) as play:
        stage.opened(play).wants(*play.commands)
        for move in happens:
            happen(play, move)
            acts = {action for c in play.commands if isinstance(c, Act) for action in c.actions}
            lost = {action for c in play.commands if isinstance(c, DeclareLost) for action in c.actions}
            for item in play.state.pending:
                if item.status is Status.DISPATCHED:
                    assert item.action not in acts
                    assert item.action not in lost or item.epoch < play.epoch
                if item.status is Status.UNKNOWN and item.action in acts:
                    assert item.request.name == "pay_sink"
                if item.status in {Status.HELD, Status.DELEGATED}:
                    assert item.action not in acts


@given(CONFIGS, HAPPENS)
def test_a_run_that_is_not_over_wants_something_or_something_is_under_way(config: Any, happens: list[tuple[str, Any]]):
    with Playbook(config) as play:
        stage.opened(play).wants(*play.commands)
        for move in happens:
            happen(play, move)
            if play.state.phase is Phase.ENDED:
                assert play.commands == ()
                return
            under_way = any(item.status is Status.DISPATCHED for item in play.state.pending)
            unsettled = any(item.status is Status.UNSETTLED for item in play.state.pending)
            assert play.commands or under_way or unsettled


@given(st.lists(st.tuples(st.integers(-100, 100), st.sampled_from([stage.CLAIMED, object()])), max_size=20))
def test_time_of_a_run_never_goes_backwards(events: list[tuple[int, object]]):
    state = initial(stage.config(), RUN)
    at = START
    for number, (moved, record) in enumerate(events, start=1):
        at = Instant(at + moved)
        before = state.now
        state, _ = step(state, Happened(seq=number, at=at, record=record))
        assert state.now >= before
        assert state.seq == number


@given(CONFIGS, st.lists(moves(), max_size=15), st.integers(0, 15))
def test_i8_a_run_goes_on_from_any_point_as_if_it_had_never_been_put_down(
    config: Any, happens: list[tuple[str, Any]], cut: int
):
    with Playbook(config) as play:
        stage.opened(play).wants(*play.commands)
        for move in happens:
            happen(play, move)
        events = tuple(play._events)
    first, _ = refold(initial(config, RUN), events[:cut])
    assert refold(first, events[cut:]) == (play.state, play.commands)


@given(st.lists(st.one_of(moves(), OBEYED, OBEYED, OBEYED), min_size=10, max_size=40))
def test_while_a_sub_agent_is_at_work_nothing_of_its_agent_is_under_way(happens: list[tuple[str, Any]]):
    with Playbook(stage.config(sub_agents=(stage.RESEARCHER,))) as play:
        stage.opened(play).wants(*play.commands)
        stage.proposed(play, ("look", "{}"), ("researcher", '{"task":"t"}'), ("researcher", '{"task":"u"}'))
        play.wants(*play.commands)
        play.on(stage.denied(play, play.action(0))).wants(*play.commands)
        for move in happens:
            happen(play, move)
            under_way = any(item.status in {Status.DISPATCHED, Status.UNSETTLED} for item in play.state.pending)
            assert play.commands or under_way or play.state.phase is Phase.ENDED
            frame = play.state.frame
            if frame is None:
                continue
            assert {item.status for item in frame.pending} <= {Status.SETTLED, Status.DELEGATED}
            assert frame.action in {item.action for item in frame.pending}
            assert frame.turns <= frame.sub_agent.max_turns
            assert all(item.status is not Status.DELEGATED for item in play.state.pending)


@given(dies=st.booleans(), happens=st.lists(moves(), max_size=25))
def test_i7_i8_behind_a_plan_nothing_is_called_that_it_does_not_name(*, dies: bool, happens: list[tuple[str, Any]]):
    config = replace(stage.config(), mode=Mode.PLAN_FIRST)
    with Playbook(config) as play:
        stage.opened(play).wants(*play.commands)
        play.on(stage.asked(), stage.replied(json.dumps(PLAN))).wants(*play.commands)
        if dies:
            play.epoch += 1
            play.on(stage.CLAIMED).wants(*play.commands)
        (command,) = play.commands
        assert isinstance(command, RecordPlan)
        play.on(PlanMade(plan=command.plan)).wants(*play.commands)
        for move in happens:
            happen(play, move)
            assert {item.request.name for item in play.state.pending} <= {"look", "pay"}
            assert play.state.plan is not None
            assert not any(message.requests for message in play.state.messages)
