"""What becomes of an action that did not simply succeed: holds, lost outcomes, retries, waiting, crashes (I4, I5, I11)."""

import pytest
from tests.unit.agent.stage import (
    CLAIMED,
    EXPIRES,
    TIMEOUT,
    asked,
    config,
    denied,
    dispatched,
    failed,
    held,
    in_,
    opened,
    proposed,
    replied,
    succeeded,
    unknown,
)

from dueprocess.agent import (
    Act,
    AskModel,
    Cancel,
    DeclareLost,
    Expire,
    Finish,
    GiveUpSettling,
    HandOff,
    Hold,
    Reconcile,
    Status,
    Wait,
)
from dueprocess.agent.records import CancelRequested
from dueprocess.agent.state import MAX_CRASHES, Result
from dueprocess.agent.todo import LOOK_AGAIN, MAX_RECONCILES
from dueprocess.gate import (
    ActionCancelled,
    ActionEdited,
    ActionExpired,
    ActionReused,
    ActionSettled,
    ActionSuperseded,
    ActionUnclear,
    ActionWaiting,
    ApprovalGiven,
    ApprovalRecord,
    ApprovalRefused,
    ApprovalRejected,
    Outcome,
    SettledBy,
)
from dueprocess.policy import Escalation, Retries
from dueprocess.testing.playbook import Playbook
from dueprocess.values import Instant, canonical, later

PAY = ("pay", '{"amount_usd":30}')
SINK = ("pay_sink", '{"amount_usd":30}')
TOLD = ("pay_told", '{"amount_usd":30}')
LOOK = ("look", "{}")
ANN = ApprovalRecord(by="user:fin", groups=("group:finance",))


def held_run(play: Playbook, *calls: tuple[str, str]):
    """A run whose proposed calls are all held."""
    opened(play).wants(AskModel(turn=1, attempt=1))
    actions = proposed(play, *calls)
    play.wants(Act(actions=actions))
    for index, action in enumerate(actions):
        play.on(held(play, action), action=action)
        rest = actions[index + 1 :]
        play.wants(Act(actions=rest) if rest else Hold(actions=actions, until=Instant(in_(play, 3600) + 1)))
    return actions


def unknown_run(play: Playbook, call: tuple[str, str], *, lost: bool = False):
    """A run with one attempt whose outcome is lost; what it wants then is stated by the test."""
    opened(play).wants(AskModel(turn=1, attempt=1))
    (action,) = proposed(play, call)
    play.wants(Act(actions=(action,)))
    play.on(dispatched(play, action), action=action, attempt=1).wants()
    play.on(unknown(lost=lost), action=action, attempt=1)
    return action


def test_i11_a_hold_rests_until_its_first_expiry_and_runs_when_people_have_said_yes():
    with Playbook(config()) as play:
        first, second = held_run(play, PAY, PAY)
        one_of_two = ApprovalGiven(approval=ANN, digest="d")
        play.on(one_of_two, action=first).wants(Hold(actions=(first, second), until=in_hour(play)))
        play.on(ApprovalRefused(by="user:ann", how="", rule="approval.requester", reason="no"), action=first)
        play.wants(Hold(actions=(first, second), until=in_hour(play)))
        play.on(ApprovalGiven(approval=ANN, digest="d", execute_by=in_(play, 900)), action=first, then=60)
        play.wants(Act(actions=(first,)))
        play.on(dispatched(play, first), action=first, attempt=1).wants(
            Hold(actions=(second,), until=in_hour(play, 60))
        )
        # An approval twice over, or of what is not held, is no second way to run it.
        play.on(ApprovalGiven(approval=ANN, digest="d", execute_by=1), action=first)
        play.wants(Hold(actions=(second,), until=in_hour(play, 60)))
        play.on(ApprovalGiven(approval=ANN, digest="d", execute_by=1), action="a_elsewhere")
        play.wants(Hold(actions=(second,), until=in_hour(play, 60)))


def in_hour(play: Playbook, since: int = 0) -> Instant:
    return Instant(play.at - since * 1_000_000 + EXPIRES + 1)


def test_a_rejection_goes_back_to_the_model_with_its_reason():
    with Playbook(config()) as play:
        (pay,) = held_run(play, PAY)
        play.on(ApprovalRejected(by="user:fin", how="", reason="too much"), action=pay)
        play.wants(AskModel(turn=2, attempt=1))
        assert play.state.messages[-1].text == '{"error":"rejected by a person","reason":"too much"}'
        play.on(ApprovalRejected(by="user:fin", how=""), action=pay).wants(AskModel(turn=2, attempt=1))


def test_a_hold_that_nobody_answers_expires_and_ends_with_a_person():
    with Playbook(config()) as play:
        (pay,) = held_run(play, PAY)
        play.on(CLAIMED, then=3601).wants(Expire(actions=(pay,)))
        play.on(ActionExpired(reason="nobody answered in time"), action=pay)
        play.wants(HandOff(reason="nobody decided on pay in time: nobody answered in time"))
        play.on(ActionExpired(reason="again"), action=pay)
        play.wants(HandOff(reason="nobody decided on pay in time: nobody answered in time"))


def test_i5_a_clock_that_went_backwards_does_not_unexpire_a_hold():
    with Playbook(config()) as play:
        (pay,) = held_run(play, PAY)
        play.on(CLAIMED, then=3601).wants(Expire(actions=(pay,)))
        play.on(CLAIMED, then=-3601).wants(Expire(actions=(pay,)))


@pytest.mark.parametrize("approves", [False, True])
def test_i5_an_edit_is_the_next_revision_and_is_decided_from_the_start(*, approves: bool):
    with Playbook(config()) as play:
        (pay,) = held_run(play, PAY)
        cause = play.pending(pay).cause
        edited = ActionEdited(by=ANN, arguments='{"amount_usd":20}', approves=approves)
        play.on(edited, action=pay)
        second = play.action(cause=cause, revision=1)
        play.wants(Act(actions=(second,)))
        pending = play.pending(second)
        assert (pending.request.arguments, pending.revision) == ('{"amount_usd":20}', 1)
        assert pending.edited_by == (() if approves else ("user:fin",))
        assert pending.carried == (ANN if approves else None)
        play.on(ActionSuperseded(by=second, reason="edited"), action=pay).wants(Act(actions=(second,)))
        play.on(ApprovalGiven(approval=ANN, digest="d", execute_by=9), action=pay).wants(Act(actions=(second,)))
        play.on(edited, action=second).wants(Act(actions=(second,)))
        # The new hold uses up what the edit carried: it counts for one hold only.
        play.on(held(play, second), action=second).wants(Hold(actions=(second,), until=in_hour(play)))
        assert play.pending(second).carried is None


def test_a_new_hold_of_the_same_call_takes_the_place_of_the_old_one():
    with Playbook(config()) as play:
        (pay,) = held_run(play, PAY)
        play.on(ApprovalGiven(approval=ANN, digest="d", execute_by=9), action=pay).wants(Act(actions=(pay,)))
        second = play.action(cause=play.pending(pay).cause, revision=1)
        again = held(play, pay)
        call = type(again.call)(
            tool="pay",
            arguments=again.call.arguments,
            schema="",
            principal="",
            cause=again.call.cause,
            index=0,
            revision=1,
        )
        play.on(held(play, pay, call=call), action=second).wants(Hold(actions=(second,), until=in_hour(play)))
        assert play.state.find(pay) is None


def test_i4_a_write_whose_outcome_is_lost_and_that_cannot_tell_goes_to_a_person():
    with Playbook(config()) as play:
        pay = unknown_run(play, PAY)
        play.wants(GiveUpSettling(actions=(pay,)))
        unsettled = ActionSettled(outcome=Outcome.UNSETTLED, by=SettledBy.RECOVERY)
        play.on(unsettled, action=pay, attempt=1)
        play.wants(HandOff(reason="nobody but a person can tell what became of pay"))
        assert play.pending(pay).status is Status.UNSETTLED


def test_i4_a_lost_outcome_is_asked_for_at_the_sink_and_found():
    with Playbook(config()) as play:
        pay = unknown_run(play, TOLD)
        play.wants(Reconcile(actions=(pay,)))
        play.on(succeeded('"receipt"', by=SettledBy.RECONCILE), action=pay, attempt=1)
        play.wants(AskModel(turn=2, attempt=1))
        assert play.state.messages[-1].text == '"receipt"'


def test_i4_a_key_that_was_voided_at_the_sink_makes_the_action_failed_and_it_is_tried_again():
    with Playbook(config()) as play:
        pay = unknown_run(play, TOLD)
        play.wants(Reconcile(actions=(pay,)))
        voided = ActionSettled(outcome=Outcome.FAILED, by=SettledBy.RECONCILE, voided=True, retry_at=in_(play, 1))
        play.on(voided, action=pay, attempt=1).wants(Wait(until=in_(play, 1)))
        play.on(CLAIMED, then=1).wants(Act(actions=(pay,)))
        play.on(dispatched(play, pay), action=pay, attempt=2).wants()
        assert play.pending(pay).attempts == 2


def test_i4_a_sink_that_cannot_tell_is_asked_five_times_and_then_a_person():
    with Playbook(config()) as play:
        pay = unknown_run(play, TOLD)
        play.wants(Reconcile(actions=(pay,)))
        for _ in range(MAX_RECONCILES - 1):
            until = in_(play, 1)
            play.on(ActionUnclear(reason="busy", retry_at=until), action=pay).wants(Wait(until=until))
            play.on(CLAIMED, then=1).wants(Reconcile(actions=(pay,)))
        play.on(ActionUnclear(reason="busy", retry_at=play.at), action=pay).wants(GiveUpSettling(actions=(pay,)))
        play.on(ActionUnclear(reason="busy", retry_at=play.at), action="a_elsewhere")
        play.wants(GiveUpSettling(actions=(pay,)))


def test_i4_a_lost_outcome_is_repeated_where_the_sink_enforces_the_key_within_the_retries():
    with Playbook(config()) as play:
        pay = unknown_run(play, SINK)
        play.wants(Act(actions=(pay,)))
        play.on(dispatched(play, pay), action=pay, attempt=2).wants()
        play.on(succeeded(), action=pay, attempt=2).wants(AskModel(turn=2, attempt=1))


def test_i4_a_repeat_that_never_ends_is_bounded_by_the_retries():
    with Playbook(config()) as play:
        pay = unknown_run(play, SINK)
        for attempt in (2, 3):
            play.wants(Act(actions=(pay,)))
            play.on(dispatched(play, pay), action=pay, attempt=attempt).wants()
            play.on(unknown(), action=pay, attempt=attempt)
        play.wants(GiveUpSettling(actions=(pay,)))


def test_a_repeat_whose_time_has_not_come_waits():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (pay,) = proposed(play, SINK)
        play.wants(Act(actions=(pay,)))
        play.on(dispatched(play, pay), action=pay, attempt=1).wants()
        until = in_(play, 5)
        later_ = ActionSettled(outcome=Outcome.UNKNOWN, by=SettledBy.TOOL, retry_at=until)
        play.on(later_, action=pay, attempt=1).wants(Wait(until=until))
        play.on(CancelRequested(by="user:ann")).wants(Wait(until=until))
        play.on(CLAIMED, then=5).wants(Act(actions=(pay,)))
        play.on(dispatched(play, pay), action=pay, attempt=2).wants()
        play.on(succeeded(), action=pay, attempt=2).wants(Cancel(reason="cancelled by user:ann"))


def test_i4_an_attempt_of_a_dead_worker_is_lost_only_after_its_deadline():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (pay,) = proposed(play, TOLD)
        play.wants(Act(actions=(pay,)))
        play.on(dispatched(play, pay), action=pay, attempt=1).wants()
        deadline = later(play.at, TIMEOUT)
        play.epoch = 2
        play.on(CLAIMED, then=1).wants(Wait(until=Instant(deadline + 1)))
        play.epoch = 3
        play.on(CLAIMED, then=19).wants(Wait(until=Instant(deadline + 1)))
        play.on(CLAIMED, then=1).wants(DeclareLost(actions=(pay,)))
        play.on(unknown(lost=True), action=pay, attempt=1).wants(Reconcile(actions=(pay,)))
        assert play.state.crashes == 1


def test_i4_an_attempt_of_my_own_epoch_is_never_lost():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (pay,) = proposed(play, PAY)
        play.wants(Act(actions=(pay,)))
        play.on(dispatched(play, pay), action=pay, attempt=1).wants()
        play.on(CLAIMED, then=3600).wants()


def test_a_read_of_a_dead_worker_is_lost_at_once_and_costs_no_retry():
    with Playbook(config(retries=Retries(max_attempts=1))) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (look,) = proposed(play, LOOK)
        play.wants(Act(actions=(look,)))
        play.on(dispatched(play, look), action=look, attempt=1).wants()
        play.epoch = 2
        play.on(CLAIMED).wants(DeclareLost(actions=(look,)))
        play.on(failed(play.at, lost=True), action=look, attempt=1).wants(Act(actions=(look,)))
        assert (play.pending(look).tries, play.state.crashes) == (0, 1)


def test_attempts_lost_to_dead_workers_have_a_bound_of_their_own():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (look,) = proposed(play, LOOK)
        play.wants(Act(actions=(look,)))
        for crash in range(1, MAX_CRASHES + 2):
            play.on(dispatched(play, look), action=look, attempt=crash).wants()
            play.epoch += 1
            play.on(CLAIMED).wants(DeclareLost(actions=(look,)))
            play.on(failed(lost=True), action=look, attempt=crash)
            if crash <= MAX_CRASHES:
                play.wants(Act(actions=(look,)))
        play.wants(HandOff(reason="26 attempts were lost to dead workers; expected at most 25"))


def test_a_second_lost_outcome_of_one_attempt_counts_one_crash():
    with Playbook(config()) as play:
        pay = unknown_run(play, TOLD, lost=True)
        play.wants(Reconcile(actions=(pay,)))
        play.on(unknown(lost=True), action=pay, attempt=1).wants(Reconcile(actions=(pay,)))
        assert play.state.crashes == 1


def test_a_write_that_surely_had_no_effect_is_tried_again_and_then_escalates():
    with Playbook(config(on_tool_error_retries_exhausted=Escalation.CLARIFY, retries=Retries(max_attempts=1))) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        pay, look = proposed(play, PAY, LOOK)
        play.wants(Act(actions=(pay, look)))
        play.on(dispatched(play, pay), action=pay, attempt=1).wants(Act(actions=(look,)))
        play.on(dispatched(play, look), action=look, attempt=1).wants()
        play.on(failed(), action=pay, attempt=1).wants()
        assert play.pending(pay).result is Result.FAILED
        play.on(succeeded(), action=look, attempt=1)
        assert [type(command).__name__ for command in play.commands] == ["AskClarification"]
        play.wants(*play.commands)


def test_the_same_key_waits_for_the_other_action_and_gets_its_outcome():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        first, second = proposed(play, PAY, PAY)
        play.wants(Act(actions=(first, second)))
        play.on(dispatched(play, first), action=first, attempt=1).wants(Act(actions=(second,)))
        waits = ActionWaiting(call=play.call(second), original=first)
        play.on(waits, action=second).wants(Wait(until=later(play.at, LOOK_AGAIN), others=(first,)))
        play.on(succeeded(), action=first, attempt=1).wants(Act(actions=(second,)))
        reused = ActionReused(call=play.call(second), original=first, result='{"ok":true}')
        play.on(reused, action=second).wants(AskModel(turn=2, attempt=1))
        assert [m.text for m in play.state.messages[-2:]] == ['{"ok":true}'] * 2


@pytest.mark.parametrize("how", ["claimed", "unknown", "rejected"])
def test_what_waits_is_decided_again_when_the_other_one_has_an_outcome(how: str):
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        first, second = proposed(play, TOLD, PAY)
        play.wants(Act(actions=(first, second)))
        if how == "rejected":
            play.on(held(play, first), action=first).wants(Act(actions=(second,)))
        else:
            play.on(dispatched(play, first), action=first, attempt=1).wants(Act(actions=(second,)))
        play.on(ActionWaiting(call=play.call(second), original=first), action=second)
        if how == "rejected":
            play.wants(Hold(actions=(first,), until=later(play.at, LOOK_AGAIN), others=(first,)))
        else:
            play.wants(Wait(until=later(play.at, LOOK_AGAIN), others=(first,)))
        match how:
            case "claimed":
                play.on(CLAIMED).wants(Act(actions=(second,)))
            case "rejected":
                play.on(ApprovalRejected(by="user:fin", how=""), action=first).wants(Act(actions=(second,)))
            case _:
                play.on(unknown(), action=first, attempt=1).wants(Reconcile(actions=(first,)))
                assert play.pending(second).status is Status.WAITING


def test_a_timer_that_is_due_wins_over_a_hold():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        pay, look = proposed(play, PAY, LOOK)
        play.wants(Act(actions=(pay, look)))
        play.on(held(play, pay), action=pay).wants(Act(actions=(look,)))
        play.on(dispatched(play, look), action=look, attempt=1).wants(Hold(actions=(pay,), until=in_hour(play)))
        play.on(failed(in_(play, 1)), action=look, attempt=1).wants(Wait(until=in_(play, 1)))


def test_a_call_of_an_unknown_tool_counts_as_a_write():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (what,) = proposed(play, ("no_such_tool", "{}"))
        play.wants(Act(actions=(what,)))
        play.on(dispatched(play, what), action=what, attempt=1).wants()
        play.epoch = 2
        play.on(CLAIMED).wants(Wait(until=Instant(play.at + TIMEOUT + 1)))
        play.on(CLAIMED, then=21).wants(DeclareLost(actions=(what,)))
        play.on(unknown(lost=True), action=what, attempt=1).wants(GiveUpSettling(actions=(what,)))


def test_events_of_actions_that_are_not_pending_change_nothing():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        (pay,) = proposed(play, PAY)
        play.wants(Act(actions=(pay,)))
        foreign = [
            dispatched(play, pay),
            denied(play, pay),
            held(play, pay),
            ActionReused(call=play.call(pay), original="a", result="1"),
            ActionWaiting(call=play.call(pay), original="a"),
            succeeded(),
            ActionExpired(reason=""),
            ActionCancelled(reason=""),
            ActionEdited(by=ANN, arguments="{}", approves=True),
            ApprovalRejected(by="user:fin", how=""),
        ]
        play.on(denied(play, pay), action=pay).wants(AskModel(turn=2, attempt=1))
        before = play.state
        for record in foreign:
            play.on(record, action=pay, attempt=1).wants(AskModel(turn=2, attempt=1))
        assert (play.state.messages, play.state.pending, play.state.phase) == (
            before.messages,
            before.pending,
            before.phase,
        )


def test_a_cancelled_hold_is_settled_and_one_that_ran_stays_as_it_is():
    with Playbook(config()) as play:
        first, second = held_run(play, PAY, PAY)
        play.on(ApprovalGiven(approval=ANN, digest="d", execute_by=9), action=first).wants(Act(actions=(first,)))
        play.on(dispatched(play, first), action=first, attempt=1).wants(Hold(actions=(second,), until=in_hour(play)))
        play.on(succeeded(), action=first, attempt=1).wants(Hold(actions=(second,), until=in_hour(play)))
        play.on(CancelRequested(by="user:ann")).wants(Cancel(reason="cancelled by user:ann"))
        play.on(ActionCancelled(reason="the run ended"), action=first).wants(Cancel(reason="cancelled by user:ann"))
        play.on(ActionCancelled(reason="the run ended"), action=second).wants(Cancel(reason="cancelled by user:ann"))
        assert play.pending(first).result is Result.OK
        assert play.pending(second).result is Result.REFUSED


def test_i5_only_what_a_retrieving_tool_brought_back_is_evidence():
    chunk = {"document": "kb", "digest": "0" * 64, "start": 0, "end": 3, "text": "abc"}
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        look, search = proposed(play, LOOK, ("search", "{}"))
        play.wants(Act(actions=(look, search)))
        play.on(dispatched(play, look), action=look, attempt=1).wants(Act(actions=(search,)))
        play.on(succeeded(canonical([chunk])), action=look, attempt=1).wants(Act(actions=(search,)))
        assert play.state.evidence == ()
        play.on(dispatched(play, search), action=search, attempt=1).wants()
        play.on(succeeded(canonical([chunk])), action=search, attempt=1).wants(AskModel(turn=2, attempt=1))
        assert [(each.document, each.text) for each in play.state.evidence] == [("kb", "abc")]


def test_i4_one_attempt_that_was_unknown_and_then_voided_is_one_try():
    with Playbook(config()) as play:
        pay = unknown_run(play, TOLD)
        play.wants(Reconcile(actions=(pay,)))
        voided = ActionSettled(outcome=Outcome.FAILED, by=SettledBy.RECONCILE, voided=True)
        play.on(voided, action=pay, attempt=1).wants(Act(actions=(pay,)))
        assert play.pending(pay).tries == 1
        play.on(dispatched(play, pay), action=pay, attempt=2).wants()
        play.on(failed(), action=pay, attempt=2).wants(Act(actions=(pay,)))
        assert play.pending(pay).tries == 2


def test_an_answer_ends_the_run_even_after_a_lost_read():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), replied("Done.")).wants(Finish(result="Done."))
        play.epoch = 2
        play.on(CLAIMED).wants(Finish(result="Done."))
