"""A sub-agent at work is a frame of its agent's run: what it is shown, what it may ask for, how it ends, what its agent is told."""

import pytest
from tests.unit.agent import stage

from dueprocess.agent import (
    Act,
    AskClarification,
    AskModel,
    AwaitClarification,
    Cancel,
    Finish,
    HandOff,
    Hold,
    Phase,
    RunState,
    Status,
    packet,
)
from dueprocess.agent.commands import EndSubAgent, StartSubAgent
from dueprocess.agent.records import (
    BudgetExceeded,
    CancelRequested,
    ClarificationAsked,
    ClarificationGiven,
    ModelFailed,
    SubAgentEnd,
    SubAgentEnded,
    SubAgentStarted,
)
from dueprocess.agent.state import MAX_FRAMES
from dueprocess.agent.sub_agents import SubAgent
from dueprocess.gate import ApprovalGiven, ApprovalRecord
from dueprocess.model import Finish as ModelFinish
from dueprocess.model import Role
from dueprocess.policy import Escalation
from dueprocess.testing.playbook import Playbook
from dueprocess.values import ActionId, Instant, parse

NAME = "agent:support/researcher"
FIND = ("researcher", '{"task":"find A-1"}')
ANSWERED = SubAgentEnded(sub_agent=NAME, how=SubAgentEnd.ANSWERED, turns=1)
UNFINISHED = SubAgentEnd.UNFINISHED


def playing(**limits: object) -> Playbook:
    writer = SubAgent(name="writer", prompt="Write.", describe="Writes.", model="other", max_turns=1)
    return Playbook(stage.config(sub_agents=(stage.RESEARCHER, writer), **limits))


def begun(play: Playbook, *calls: tuple[str, str]) -> ActionId:
    """A sub-agent is at work on the first of these calls, which is all that its agent waits for."""
    stage.opened(play).wants(AskModel(turn=1, attempt=1))
    (action, *_) = stage.proposed(play, *(calls or (FIND,)))
    play.wants(StartSubAgent(action=action, name="researcher", task="find A-1"))
    play.on(SubAgentStarted(sub_agent=NAME, task="find A-1"), action=action).wants(AskModel(turn=2, attempt=1))
    return action


def shown(state: RunState) -> list[tuple[str, str]]:
    return [(message.role.value, message.text) for message in state.messages]


def told(play: Playbook) -> list[tuple[str, object]]:
    """What the agent was last told: the answers to its requests, in order."""
    return [(m.answers, parse(m.text)) for m in play.state.messages if m.role is Role.TOOL]


def test_a_sub_agent_is_shown_its_own_prompt_and_its_task_and_nothing_of_its_agent():
    with playing() as play:
        begun(play)
        assert shown(play.state) == [("system", "Find facts."), ("user", "find A-1")]
        assert play.state.asker.through == (NAME,)
        assert play.state.asker.within == {"look", "search", "pay"}


def test_its_last_words_are_the_answer_to_its_agent_which_goes_on_where_it_was():
    with playing() as play:
        stage.opened(play).wants(AskModel(turn=1, attempt=1))
        before = play.state
        (action,) = stage.proposed(play, FIND)
        play.wants(StartSubAgent(action=action, name="researcher", task="find A-1"))
        play.on(SubAgentStarted(sub_agent=NAME, task="find A-1"), action=action).wants(AskModel(turn=2, attempt=1))
        play.on(stage.asked(2), stage.replied("A-1 is fine", turn=2))
        play.wants(EndSubAgent(action=action, name="researcher", how=SubAgentEnd.ANSWERED, turns=1))
        play.on(ANSWERED, action=action).wants(AskModel(turn=3, attempt=1))
        assert shown(play.state)[: len(before.messages)] == shown(before)
        assert told(play) == [("c1-0", {"answer": "A-1 is fine"})]
        assert (play.state.frame, play.state.asker.through, play.state.asker.within) == (None, (), None)
        play.on(stage.asked(3), stage.replied("done", turn=3)).wants(Finish(result="done"))


def test_a_sub_agent_acts_as_its_agent_does():
    with playing() as play:
        action = begun(play)
        (look,) = stage.proposed(play, ("look", "{}"), turn=2)
        play.wants(Act(actions=(look,)))
        play.on(stage.dispatched(play, look), action=look, attempt=1).wants()
        play.on(stage.succeeded(), action=look, attempt=1).wants(AskModel(turn=3, attempt=1))
        play.on(stage.asked(3), stage.replied("fine", turn=3))
        play.wants(EndSubAgent(action=action, name="researcher", how=SubAgentEnd.ANSWERED, turns=2))


def test_other_calls_of_the_turn_come_first_and_sub_agents_one_after_the_other():
    with playing() as play:
        stage.opened(play).wants(AskModel(turn=1, attempt=1))
        first, pay, second = stage.proposed(play, FIND, ("pay", "{}"), ("writer", '{"task":"write"}'))
        play.wants(Act(actions=(pay,)))
        play.on(stage.held(play, pay), action=pay).wants(
            Hold(actions=(pay,), until=Instant(play.at + stage.EXPIRES + 1))
        )
        play.on(ApprovalGiven(approval=ApprovalRecord(by="user:fin"), digest="d", execute_by=9), action=pay)
        play.wants(Act(actions=(pay,)))
        play.on(stage.dispatched(play, pay), action=pay, attempt=1).wants()
        play.on(stage.succeeded(), action=pay, attempt=1)
        play.wants(StartSubAgent(action=first, name="researcher", task="find A-1"))
        play.on(SubAgentStarted(sub_agent=NAME, task="find A-1"), action=first).wants(AskModel(turn=2, attempt=1))
        play.on(stage.asked(2), stage.replied("found", turn=2))
        play.wants(EndSubAgent(action=first, name="researcher", how=SubAgentEnd.ANSWERED, turns=1))
        play.on(ANSWERED, action=first).wants(StartSubAgent(action=second, name="writer", task="write"))
        writer = SubAgentStarted(sub_agent="agent:support/writer", task="write")
        play.on(writer, action=second).wants(AskModel(turn=3, attempt=1))
        play.on(stage.asked(3), stage.replied("written", turn=3))
        play.wants(EndSubAgent(action=second, name="writer", how=SubAgentEnd.ANSWERED, turns=1))
        play.on(ANSWERED, action=second).wants(AskModel(turn=4, attempt=1))
        assert told(play) == [
            ("c1-0", {"answer": "found"}),
            ("c1-1", {"ok": True}),
            ("c1-2", {"answer": "written"}),
        ]


def test_a_sub_agent_knows_no_sub_agents_and_asks_the_gate_for_one_in_vain():
    with playing() as play:
        begun(play)
        asked = stage.proposed(play, ("researcher", '{"task":"again"}'), ("writer", '{"task":"w"}'), turn=2)
        play.wants(Act(actions=asked))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("{", "not JSON: "),
        ("[]", 'expected {"task": TEXT} and nothing else'),
        ("{}", 'expected {"task": TEXT} and nothing else'),
        ('{"task":"t","tools":["pay"]}', 'expected {"task": TEXT} and nothing else'),
        ('{"task":7}', "the task is a number; expected a text"),
        ('{"task":"  "}', "expected a text that says what is to be done"),
        ('{"task":"a","task":"b"}', "key 'task' occurs twice"),
    ],
)
def test_what_is_no_task_goes_back_to_the_agent_once(arguments: str, problem: str):
    with playing() as play:
        stage.opened(play).wants(AskModel(turn=1, attempt=1))
        for turn in (1, 2):
            (action,) = stage.proposed(play, ("researcher", arguments), turn=turn)
            (command,) = play.commands
            assert isinstance(command, EndSubAgent)
            assert (command.action, command.how, command.turns) == (action, SubAgentEnd.INVALID, 0)
            assert problem in command.reason
            play.wants(command)
            ended = SubAgentEnded(sub_agent=NAME, how=command.how, reason=command.reason)
            play.on(ended, action=action)
            if turn == 1:
                play.wants(AskModel(turn=2, attempt=1))
        play.wants(HandOff(reason="the model's tool calls do not fit their schema"))


def test_a_frame_has_so_many_turns_and_what_the_last_one_asks_for_is_not_done():
    with playing() as play:
        action = begun(play)
        for turn in (2, 3):
            (look,) = stage.proposed(play, ("look", "{}"), turn=turn)
            play.wants(Act(actions=(look,)))
            play.on(stage.dispatched(play, look), action=look, attempt=1).wants()
            play.on(stage.succeeded(), action=look, attempt=1).wants(AskModel(turn=turn + 1, attempt=1))
        stage.proposed(play, ("pay", "{}"), turn=4)
        reason = "the sub-agent did not finish within 3 turns"
        play.wants(EndSubAgent(action=action, name="researcher", how=UNFINISHED, turns=3, reason=reason))
        play.on(SubAgentEnded(sub_agent=NAME, how=UNFINISHED, turns=3, reason=reason), action=action)
        play.wants(AskModel(turn=5, attempt=1))
        assert told(play) == [("c1-0", {"error": "unfinished", "reason": reason})]


def test_an_answer_in_the_last_turn_is_an_answer():
    with playing() as play:
        action = begun(play)
        for turn in (2, 3):
            (look,) = stage.proposed(play, ("look", "{}"), turn=turn)
            play.wants(Act(actions=(look,)))
            play.on(stage.denied(play, look), action=look).wants(AskModel(turn=turn + 1, attempt=1))
        play.on(stage.asked(4), stage.replied("fine", turn=4))
        play.wants(EndSubAgent(action=action, name="researcher", how=SubAgentEnd.ANSWERED, turns=3))


def test_fruitless_turns_of_a_sub_agent_are_its_own():
    patient = SubAgent(name="researcher", prompt="", describe="d", tools=("look",), max_turns=9)
    with Playbook(stage.config(sub_agents=(patient,))) as play:
        action = begun(play)
        for turn in range(2, 7):
            (look,) = stage.proposed(play, ("look", "{}"), turn=turn)
            play.wants(Act(actions=(look,)))
            play.on(stage.denied(play, look), action=look)
            if turn < 6:
                play.wants(AskModel(turn=turn + 1, attempt=1))
        reason = "no call succeeded in 5 turns"
        play.wants(EndSubAgent(action=action, name="researcher", how=UNFINISHED, turns=5, reason=reason))
        play.on(SubAgentEnded(sub_agent=NAME, how=UNFINISHED, reason=reason), action=action)
        play.wants(AskModel(turn=7, attempt=1))
        assert play.state.fruitless_turns == 1


def test_an_agent_whose_sub_agents_come_to_nothing_gets_nowhere_itself():
    with playing() as play:
        stage.opened(play).wants(AskModel(turn=1, attempt=1))
        for turn in range(1, 11, 2):
            (action,) = stage.proposed(play, ("writer", '{"task":"w"}'), turn=turn)
            play.wants(StartSubAgent(action=action, name="writer", task="w"))
            play.on(SubAgentStarted(sub_agent="agent:support/writer", task="w"), action=action)
            play.wants(AskModel(turn=turn + 1, attempt=1))
            stage.proposed(play, ("look", "{}"), turn=turn + 1)
            reason = "the sub-agent did not finish within 1 turns"
            play.wants(EndSubAgent(action=action, name="writer", how=UNFINISHED, turns=1, reason=reason))
            play.on(SubAgentEnded(sub_agent="agent:support/writer", how=UNFINISHED, reason=reason), action=action)
            if turn < 9:
                play.wants(AskModel(turn=turn + 2, attempt=1))
        play.wants(HandOff(reason="no call succeeded in 5 turns"))


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([stage.replied("x", turn=2, finish=ModelFinish.CONTENT_FILTER)], "the provider's content filter stopped"),
        (
            [stage.replied("x", turn=turn, finish=ModelFinish.LENGTH) for turn in (2, 3)],
            "your reply was cut off at the output limit",
        ),
    ],
)
def test_a_reply_that_is_none_ends_the_frame_and_not_the_run(replies: list[object], reason: str):
    with playing() as play:
        begun(play)
        for turn, reply in enumerate(replies, start=2):
            play.on(stage.asked(turn), reply)
            if turn <= len(replies):
                play.wants(AskModel(turn=turn + 1, attempt=1))
        (command,) = play.commands
        assert isinstance(command, EndSubAgent)
        assert command.how is UNFINISHED
        assert command.reason.startswith(reason)
        play.wants(command)


def test_a_run_gives_so_many_tasks_and_then_tells_its_agent_no():
    with playing() as play:
        stage.opened(play).wants(AskModel(turn=1, attempt=1))
        calls = stage.proposed(play, *[("writer", '{"task":"w"}')] * (MAX_FRAMES + 1))
        for turn, action in enumerate(calls[:-1], start=2):
            play.wants(StartSubAgent(action=action, name="writer", task="w"))
            play.on(SubAgentStarted(sub_agent="agent:support/writer", task="w"), action=action)
            play.wants(AskModel(turn=turn, attempt=1))
            play.on(stage.asked(turn), stage.replied("w", turn=turn))
            play.wants(EndSubAgent(action=action, name="writer", how=SubAgentEnd.ANSWERED, turns=1))
            play.on(SubAgentEnded(sub_agent="agent:support/writer", how=SubAgentEnd.ANSWERED), action=action)
        reason = "this run has given 25 tasks to sub-agents; expected at most 25"
        refused = EndSubAgent(action=calls[-1], name="writer", how=SubAgentEnd.REFUSED, reason=reason)
        play.wants(refused)


def test_a_sub_agent_that_asks_for_a_person_ends_the_run_as_its_agent_would():
    with playing() as play:
        begun(play)
        play.on(stage.asked(2), stage.replied("", ("hand_off_to_human", '{"reason":"odd"}'), turn=2))
        play.wants(HandOff(reason="agent:support/researcher asked for a person: odd"))
        left = parse(packet(play.state, reason="r"))
        assert isinstance(left, dict)
        assert left["open"] == [
            {
                "action": play.action(cause=4),
                "tool": "researcher",
                "arguments": '{"task":"find A-1"}',
                "status": "delegated",
                "attempts": 0,
                "answer": "",
            }
        ]


def test_a_question_of_a_sub_agent_goes_to_the_requester_and_its_answer_back_to_it():
    with playing() as play:
        begun(play)
        play.on(stage.asked(2), stage.replied("", ("ask_clarification", '{"question":"which?"}'), turn=2))
        play.wants(AskClarification(question="which?"))
        play.on(ClarificationAsked(question="which?")).wants(AwaitClarification())
        play.on(ClarificationGiven(text="A-1", by="user:ann")).wants(AskModel(turn=3, attempt=1))
        assert shown(play.state)[-1] == ("user", "A-1")
        assert play.state.asker.through == (NAME,)


def test_a_question_in_the_last_turn_is_not_put():
    with playing() as play:
        stage.opened(play).wants(AskModel(turn=1, attempt=1))
        (action,) = stage.proposed(play, ("writer", '{"task":"w"}'))
        play.wants(StartSubAgent(action=action, name="writer", task="w"))
        play.on(SubAgentStarted(sub_agent="agent:support/writer", task="w"), action=action)
        play.wants(AskModel(turn=2, attempt=1))
        play.on(stage.asked(2), stage.replied("", ("ask_clarification", "{}"), turn=2))
        reason = "the sub-agent did not finish within 1 turns"
        play.wants(EndSubAgent(action=action, name="writer", how=UNFINISHED, turns=1, reason=reason))


OVER = BudgetExceeded(key="run:calls:r", unit="calls", limit=1, spent=1, reserved=0, asked=1)


def test_a_limit_met_by_a_sub_agent_is_the_run_s():
    with playing() as play:
        begun(play)
        (look,) = stage.proposed(play, ("look", "{}"), turn=2)
        play.wants(Act(actions=(look,)))
        play.on(OVER, action=look)
        play.wants(HandOff(reason="budget exceeded: calls of run: spent 1 + reserved 0 + asked 1 > limit 1"))


def test_a_limit_that_asks_the_requester_asks_for_the_sub_agent_that_met_it():
    with playing(on_budget_exceeded=Escalation.CLARIFY) as play:
        begun(play)
        (look,) = stage.proposed(play, ("look", "{}"), turn=2)
        play.wants(Act(actions=(look,)))
        play.on(OVER, action=look)
        play.wants(AskClarification(question="budget exceeded: calls of run: spent 1 + reserved 0 + asked 1 > limit 1"))
        play.on(ClarificationAsked(question="q")).wants(AwaitClarification())
        play.on(ClarificationGiven(text="leave it", by="user:ann")).wants(AskModel(turn=3, attempt=1))
        assert play.state.asker.through == (NAME,)
        assert shown(play.state)[-1] == ("user", "leave it")


def test_a_model_that_does_not_answer_a_sub_agent_hands_the_run_off():
    with playing() as play:
        begun(play)
        play.on(stage.asked(2), ModelFailed(turn=2, reason="400", retryable=False))
        play.wants(HandOff(reason="the model did not answer: 400"))


def test_a_cancellation_ends_the_run_from_within_a_frame():
    with playing() as play:
        begun(play, FIND, ("writer", '{"task":"w"}'))
        (look,) = stage.proposed(play, ("look", "{}"), turn=2)
        play.wants(Act(actions=(look,)))
        play.on(CancelRequested(by="user:ann")).wants(Cancel(reason="cancelled by user:ann"))


def test_a_cancellation_between_the_answer_and_its_record_is_not_overtaken():
    with playing() as play:
        action = begun(play)
        play.on(stage.asked(2), stage.replied("fine", turn=2))
        play.wants(EndSubAgent(action=action, name="researcher", how=SubAgentEnd.ANSWERED, turns=1))
        play.on(CancelRequested(by="user:ann")).wants(Cancel(reason="cancelled by user:ann"))
        play.on(ANSWERED, action=action).wants(Cancel(reason="cancelled by user:ann"))


@pytest.mark.parametrize("action", ["", "a_other"])
def test_an_event_of_another_action_begins_and_ends_nothing(action: str):
    with playing() as play:
        stage.opened(play).wants(AskModel(turn=1, attempt=1))
        (mine,) = stage.proposed(play, FIND)
        start = StartSubAgent(action=mine, name="researcher", task="find A-1")
        play.wants(start)
        play.on(SubAgentStarted(sub_agent=NAME, task="t"), action=action).wants(start)
        play.on(ANSWERED, action=action).wants(start)
        play.on(SubAgentStarted(sub_agent=NAME, task="find A-1"), action=mine).wants(AskModel(turn=2, attempt=1))
        play.on(SubAgentStarted(sub_agent=NAME, task="u"), action=mine).wants(AskModel(turn=2, attempt=1))
        play.on(ANSWERED, action=mine).wants(AskModel(turn=2, attempt=1))
        assert shown(play.state) == [("system", "Find facts."), ("user", "find A-1")]


def test_a_frame_survives_the_death_of_its_driver():
    with playing() as play:
        action = begun(play)
        (look,) = stage.proposed(play, ("look", "{}"), turn=2)
        play.wants(Act(actions=(look,)))
        play.on(stage.dispatched(play, look), action=look, attempt=1).wants()
        play.epoch += 1
        play.on(stage.CLAIMED).check(lambda state: state.asker.through == (NAME,), "the frame is gone")
        (command,) = play.commands
        play.wants(command)
        play.on(stage.failed(lost=True), action=look, attempt=1).wants(Act(actions=(look,)))
        play.on(stage.denied(play, look), action=look).wants(AskModel(turn=3, attempt=1))
        play.on(stage.asked(3)).wants(AskModel(turn=3, attempt=2))
        play.on(stage.CLAIMED).wants(AskModel(turn=3, attempt=2))
        play.on(stage.asked(3, 2), stage.replied("fine", turn=3))
        play.wants(EndSubAgent(action=action, name="researcher", how=SubAgentEnd.ANSWERED, turns=2))
        play.on(stage.CLAIMED).wants(EndSubAgent(action=action, name="researcher", how=SubAgentEnd.ANSWERED, turns=2))


def test_phase_and_status_say_where_a_frame_stands():
    with playing() as play:
        action = begun(play)
        assert play.state.frame is not None
        assert [item.status for item in play.state.frame.pending] == [Status.DELEGATED]
        play.on(stage.asked(2), stage.replied("fine", turn=2))
        assert (play.state.phase, play.state.frame.action) == (Phase.RETURNING, action)
        play.wants(*play.commands)
