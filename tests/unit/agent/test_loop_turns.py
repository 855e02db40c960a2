"""The plain tool loop, from the task to the answer, as playbooks."""

import pytest
from tests.unit.agent.stage import (
    CLAIMED,
    asked,
    config,
    denied,
    dispatched,
    failed,
    in_,
    opened,
    proposed,
    replied,
    submitted,
    succeeded,
)

from dueprocess.agent import (
    Act,
    AskClarification,
    AskModel,
    AwaitClarification,
    Cancel,
    Finish,
    HandOff,
    Phase,
    Stop,
    Wait,
)
from dueprocess.agent.records import (
    BudgetExceeded,
    BudgetOverrun,
    CancelRequested,
    ClarificationAsked,
    ClarificationGiven,
    ModelFailed,
    RunCancelled,
    RunFinished,
    RunHandedOff,
    RunStopped,
    RunSuspended,
    Suspension,
)
from dueprocess.model import Finish as ModelFinish
from dueprocess.model import Role
from dueprocess.policy import Escalation
from dueprocess.testing.playbook import Playbook

PAY = ("pay", '{"amount_usd":5}')
LOOK = ("look", "{}")


def over(unit: str = "calls") -> BudgetExceeded:
    return BudgetExceeded(key="run:r_1:calls", unit=unit, limit=8, spent=8, reserved=0, asked=1)


OVER = "budget exceeded: calls of run: spent 8 + reserved 0 + asked 1 > limit 8"


def test_a_task_is_a_question_a_call_its_result_and_an_answer():
    with Playbook(config()) as play:
        play.on(submitted()).wants(AskModel(turn=1, attempt=1))
        play.on(CLAIMED).wants(AskModel(turn=1, attempt=1))
        (pay,) = proposed(play, PAY)
        play.wants(Act(actions=(pay,)))
        play.on(dispatched(play, pay), action=pay, attempt=1).wants()
        play.on(succeeded('{"paid":5}'), action=pay, attempt=1).wants(AskModel(turn=2, attempt=1))
        assert [(m.role, m.text) for m in play.state.messages] == [
            (Role.SYSTEM, "Be fair."),
            (Role.USER, "please"),
            (Role.ASSISTANT, ""),
            (Role.TOOL, '{"paid":5}'),
        ]
        play.on(asked(2), replied("Done.", turn=2)).wants(Finish(result="Done."))
        play.on(RunFinished(result="Done.", active=7)).wants()
        assert play.state.phase is Phase.ENDED
        assert play.state.done == ("pay",)
        assert play.state.active == 7


def test_a_run_without_events_wants_nothing():
    play = Playbook(config())
    play.wants()


def test_parallel_calls_are_acted_on_together_and_answered_in_their_order():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        first, second = proposed(play, LOOK, PAY)
        play.wants(Act(actions=(first, second)))
        play.on(dispatched(play, first), action=first, attempt=1).wants(Act(actions=(second,)))
        play.on(dispatched(play, second), action=second, attempt=1).wants()
        play.on(succeeded('"b"'), action=second, attempt=1).wants()
        play.on(succeeded('"a"'), action=first, attempt=1).wants(AskModel(turn=2, attempt=1))
        assert [(m.text, m.answers) for m in play.state.messages[-2:]] == [('"a"', "c1-0"), ('"b"', "c1-1")]


def test_a_denial_goes_back_to_the_model_as_a_result():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (pay,) = proposed(play, PAY)
        play.wants(Act(actions=(pay,)))
        play.on(denied(play, pay), action=pay).wants(AskModel(turn=2, attempt=1))
        told = '{"error":"denied","findings":[{"reason":"no","rule":"pay.allowed"}]}'
        assert play.state.messages[-1].text == told


@pytest.mark.parametrize("rule", ["schema", "parse"])
def test_a_call_that_does_not_fit_its_schema_goes_back_once_and_then_to_a_person(rule: str):
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (first,) = proposed(play, ("pay", "{"))
        play.wants(Act(actions=(first,)))
        play.on(denied(play, first, rule=rule), action=first).wants(AskModel(turn=2, attempt=1))
        (second,) = proposed(play, ("pay", "["), turn=2)
        play.wants(Act(actions=(second,)))
        reason = "the model's tool calls do not fit their schema"
        play.on(denied(play, second, rule=rule), action=second).wants(HandOff(reason=reason))


def test_a_good_turn_in_between_forgives_an_invalid_one():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        for turn, rule in enumerate(["schema", "", "schema"], start=1):
            (look,) = proposed(play, LOOK, turn=turn)
            play.wants(Act(actions=(look,)))
            if rule:
                play.on(denied(play, look, rule=rule), action=look)
            else:
                play.on(dispatched(play, look), action=look, attempt=1).wants()
                play.on(succeeded(), action=look, attempt=1)
            play.wants(AskModel(turn=turn + 1, attempt=1))


def test_five_turns_in_which_nothing_succeeds_end_with_a_person():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        for turn in range(1, 6):
            (pay,) = proposed(play, PAY, turn=turn)
            play.wants(Act(actions=(pay,)))
            wanted = AskModel(turn=turn + 1, attempt=1) if turn < 5 else HandOff(reason="no call succeeded in 5 turns")
            play.on(denied(play, pay), action=pay).wants(wanted)


def test_a_cut_reply_is_never_acted_on_and_goes_back_once():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), replied("I will", PAY, finish=ModelFinish.LENGTH)).wants(AskModel(turn=2, attempt=1))
        last = play.state.messages[-2:]
        assert [m.role for m in last] == [Role.ASSISTANT, Role.USER]
        assert last[0].requests == ()
        again = replied("I will", PAY, turn=2, finish=ModelFinish.LENGTH)
        reason = "your reply was cut off at the output limit; answer shorter"
        play.on(asked(2), again).wants(HandOff(reason=reason))


def test_a_content_filter_ends_with_a_person():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        filtered = replied("", finish=ModelFinish.CONTENT_FILTER)
        play.on(asked(), filtered).wants(HandOff(reason="the provider's content filter stopped the reply"))


def test_a_model_that_does_not_answer_is_asked_again_after_the_backoff_and_no_more_than_three_times():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        for tried in (1, 2):
            until = in_(play, tried)
            gone = ModelFailed(turn=1, reason="503", retryable=True, retry_at=until)
            play.on(asked(attempt=tried), gone).wants(Wait(until=until))
            play.on(CLAIMED, then=tried).wants(AskModel(turn=1, attempt=tried + 1))
        gone = ModelFailed(turn=1, reason="503", retryable=True, retry_at=in_(play, 5))
        play.on(asked(attempt=3), gone).wants(HandOff(reason="the model did not answer: 503"))


def test_a_model_that_refuses_is_not_asked_again():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        gone = ModelFailed(turn=1, reason="401", retryable=False)
        play.on(asked(), gone).wants(HandOff(reason="the model did not answer: 401"))


def test_a_question_under_way_when_its_worker_died_is_asked_again():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), CLAIMED).wants(AskModel(turn=1, attempt=2))
        play.on(asked(attempt=2), replied("Done.")).wants(Finish(result="Done."))


def test_an_answer_or_failure_that_nobody_waits_for_changes_nothing():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(replied("late", PAY)).wants(AskModel(turn=1, attempt=1))
        play.on(ModelFailed(turn=1, reason="late", retryable=False)).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), replied("of another turn", turn=7), CLAIMED).wants(AskModel(turn=1, attempt=2))
        play.on(ClarificationGiven(text="late", by="user:ann")).wants(AskModel(turn=1, attempt=2))


def test_the_model_may_ask_the_requester_and_is_told_the_answer():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        question = replied("", ("ask_clarification", '{"question":"Which order?"}'), PAY)
        play.on(asked(), question).wants(AskClarification(question="Which order?"))
        play.on(ClarificationAsked(question="Which order?")).wants(AwaitClarification())
        play.on(RunSuspended(reason=Suspension.CLARIFICATION, active=1, wake_at=0)).wants(AwaitClarification())
        play.on(ClarificationGiven(text="A-1", by="user:ann"), then=86_400).wants(AskModel(turn=2, attempt=1))
        assert [(m.role, m.text, m.answers) for m in play.state.messages[-2:]] == [
            (Role.TOOL, '{"answer":"A-1"}', "c1-0"),
            (Role.USER, "A-1", ""),
        ]
        assert [request.name for request in play.state.messages[-3].requests] == ["ask_clarification"]


@pytest.mark.parametrize("arguments", ["{", "[]", "{}", '{"reason":7}'])
def test_the_model_may_ask_for_a_person_with_or_without_a_reason(arguments: str):
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), replied("", ("hand_off_to_human", arguments)))
        play.wants(HandOff(reason="the model asked for a person: the model gave no reason"))


def test_a_handoff_gives_the_models_reason():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), replied("", ("hand_off_to_human", '{"reason":"angry"}')))
        play.wants(HandOff(reason="the model asked for a person: angry"))
        play.on(RunHandedOff(reason="angry", packet="{}", active=1)).wants()


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        (Escalation.HANDOFF, HandOff(reason=OVER)),
        (Escalation.STOP, Stop(reason=OVER)),
        (Escalation.CLARIFY, AskClarification(question=OVER)),
    ],
)
def test_a_run_at_its_budget_does_what_its_policy_says(how: Escalation, wanted: object):
    with Playbook(config(on_budget_exceeded=how)) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (pay,) = proposed(play, PAY)
        play.wants(Act(actions=(pay,)))
        play.on(over(), action=pay).wants(wanted)
        assert "not run: budget exceeded" in play.pending(pay).answer


def test_a_question_about_a_limit_is_put_once_and_every_open_request_gets_an_answer():
    with Playbook(config(on_budget_exceeded=Escalation.CLARIFY)) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        proposed(play, PAY, LOOK)
        play.wants(Act(actions=(play.action(0), play.action(1))))
        play.on(over()).wants(AskClarification(question=OVER))
        play.on(ClarificationAsked(question=OVER), ClarificationGiven(text="go on", by="user:ann"))
        play.wants(AskModel(turn=2, attempt=1))
        assert [m.answers for m in play.state.messages[-3:]] == ["c1-0", "c1-1", ""]
        assert "not run" in play.state.messages[-3].text
        play.on(over()).wants(HandOff(reason=OVER))


def test_an_answer_about_a_limit_before_the_first_question_is_the_users_word():
    with Playbook(config(on_budget_exceeded=Escalation.CLARIFY)) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(over()).wants(AskClarification(question=OVER))
        play.on(ClarificationAsked(question=OVER), ClarificationGiven(text="go on", by="user:ann"))
        play.wants(AskModel(turn=1, attempt=1))
        assert [(m.role, m.text) for m in play.state.messages[1:]] == [(Role.USER, "please"), (Role.USER, "go on")]


def test_an_overrun_stops_the_run():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), replied("", PAY), BudgetOverrun(key="run:r:spend", reserved=5, used=7))
        play.wants(Stop(reason="budget overrun: run: used 7, reserved 5"))
        play.on(RunStopped(reason="overrun", active=1)).wants()


def test_a_cancellation_ends_a_run_that_only_thinks():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(CancelRequested(by="user:ann", reason="enough")).wants(Cancel(reason="cancelled by user:ann: enough"))
        play.on(RunCancelled(reason="enough", active=1)).wants()
        play.on(CancelRequested(by="user:ann")).wants()


def test_a_cancellation_waits_for_what_is_under_way_and_drops_what_has_not_started():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        first, second = proposed(play, PAY, LOOK)
        play.wants(Act(actions=(first, second)))
        play.on(dispatched(play, first), action=first, attempt=1).wants(Act(actions=(second,)))
        play.on(CancelRequested(by="user:ann")).wants()
        play.on(succeeded(), action=first, attempt=1).wants(Cancel(reason="cancelled by user:ann"))
        assert "not run: cancelled" in play.pending(second).answer


def test_a_cancellation_overrules_another_ending_and_no_other_ending_overrules_it():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(over()).wants(HandOff(reason=OVER))
        play.on(CancelRequested(by="user:ann")).wants(Cancel(reason="cancelled by user:ann"))
        play.on(over()).wants(Cancel(reason="cancelled by user:ann"))


def test_a_read_that_failed_is_tried_again_after_the_backoff_and_then_escalates():
    with Playbook(config(on_tool_error_retries_exhausted=Escalation.STOP)) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (look,) = proposed(play, LOOK)
        play.wants(Act(actions=(look,)))
        for attempt in (1, 2):
            play.on(dispatched(play, look), action=look, attempt=attempt).wants()
            until = in_(play, attempt)
            play.on(failed(until), action=look, attempt=attempt).wants(Wait(until=until))
            play.on(CLAIMED, then=attempt).wants(Act(actions=(look,)))
        play.on(dispatched(play, look), action=look, attempt=3).wants()
        play.on(failed(), action=look, attempt=3).wants(Stop(reason="look failed 3 times: Boom (1)"))


def test_an_event_that_no_handler_knows_moves_only_the_clock_and_the_number():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        before = play.state
        play.on(object(), then=9).wants(AskModel(turn=1, attempt=1))
        assert (play.state.seq, play.state.now) == (before.seq + 1, play.at)
        assert play.state.messages == before.messages


def test_time_never_goes_backwards_in_a_run():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        before = play.state.now
        play.on(CLAIMED, then=-60).wants(AskModel(turn=1, attempt=1))
        assert play.state.now == before


def test_time_counts_while_driven_and_stands_still_at_rest():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        assert play.state.active_at(in_(play, 3)) == 3_000_000
        play.on(RunSuspended(reason=Suspension.STOP, active=2_000_000, wake_at=0), then=2)
        play.wants(AskModel(turn=1, attempt=1))
        assert play.state.active_at(in_(play, 600)) == 2_000_000
        assert play.state.active_at(in_(play, 600), whole=True) == 602_000_000


def test_before_its_first_event_a_run_has_used_no_time():
    play = Playbook(config())
    assert play.state.active_at(in_(play, 9), whole=True) == 0


def test_time_that_runs_out_while_a_question_about_a_limit_waits_ends_with_a_person():
    with Playbook(config(on_budget_exceeded=Escalation.CLARIFY)) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(over()).wants(AskClarification(question=OVER))
        play.on(ClarificationAsked(question=OVER)).wants(AwaitClarification())
        play.on(over()).wants(HandOff(reason=OVER))
