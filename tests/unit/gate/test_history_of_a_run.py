"""What a run's history keeps: only for a policy that asks, each action once, places free again only after a proven failure."""

import json
from typing import Any

from dueprocess.gate import ActionDispatched, ActionReused, ActionSettled, ActionState, CallRecord, Outcome, SettledBy
from dueprocess.gate.history import History
from dueprocess.gate.records import UseRecord, ValueEndorsed
from dueprocess.policy import load
from dueprocess.provenance import Use, said
from dueprocess.values import Instant
from dueprocess.values.trust import Integrity

ASKING = b"sources: {look: {integrity: directory}}\ntools: {look: {allowed: true}, pay: {allowed: true, control: [to]}}"
PLAIN = b"tools: {look: {allowed: true}, pay: {allowed: true}}"
CHECKING = (
    b"tools: {look: {allowed: true}, pay: {allowed: true, checks: [{name: a, from: look, assert: 'result.x == 1'}]}}"
)


def history(policy: bytes = ASKING) -> History:
    return History(policy=load(policy, name="p.yaml", tools=None))


def intent(tool: str = "pay", *uses: UseRecord, **arguments: Any) -> ActionDispatched:
    call = CallRecord(tool=tool, arguments=json.dumps(arguments), schema="", principal="", cause=0, index=0)
    return ActionDispatched(call=call, effect="write", sink_key="", dispatch_before=0, calls=1, uses=uses)


def outcome(
    kind: Outcome = Outcome.SUCCEEDED, result: str = '{"text": "hi"}', by: SettledBy = SettledBy.TOOL
) -> ActionSettled:
    return ActionSettled(outcome=kind, by=by, result=result)


AT = Instant(7)


def test_a_policy_that_asks_for_nothing_is_remembered_nothing_for():
    plain = history(PLAIN)
    assert not plain.is_asked
    assert plain.enter(said("hello", origin="task")) == plain
    assert plain.dispatched(intent(), action="a", at=AT) == plain
    assert plain.settled(outcome(), action="a", at=AT) == plain
    assert plain.reused(ActionReused(call=intent().call, original="a", result="{}"), action="b") == plain
    assert plain.within(frozenset({"look"})).standing.scope == frozenset({"look"})


def test_a_policy_with_checks_or_sequences_asks_too():
    assert history(CHECKING).is_asked
    assert history(
        b"tools: {a: {allowed: true}}\ntemporal: [{id: x, at_most: 1, of: {tool: a}, effect: deny}]"
    ).is_asked


def test_an_action_is_there_once_with_its_last_state():
    run = (
        history()
        .dispatched(intent(to="x"), action="a", at=AT)
        .settled(outcome(Outcome.UNKNOWN), action="a", at=Instant(8))
    )
    assert [(each.action, each.state, each.at, each.arguments) for each in run.calls] == [
        ("a", ActionState.UNKNOWN, Instant(8), {"to": "x"})
    ]
    again = run.dispatched(intent(to="x"), action="a", at=Instant(9))
    assert [(each.action, each.state) for each in again.calls] == [("a", ActionState.DISPATCHED)]
    done = again.settled(outcome(), action="a", at=Instant(10))
    assert [(each.state, each.at) for each in done.calls] == [(ActionState.SUCCEEDED, Instant(10))]
    assert run.settled(outcome(), action="other", at=AT) == run


def test_only_a_success_brings_something_in():
    for kind in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.UNSETTLED):
        run = history().dispatched(intent(), action="a", at=AT).settled(outcome(kind), action="a", at=AT)
        assert (run.standing.entered, run.standing.tainted) == ((), False)
    run = history().dispatched(intent(), action="a", at=AT).settled(outcome(), action="a", at=AT)
    (span,) = run.standing.entered
    assert (span.origin, span.source, run.standing.tainted) == ("a", "pay", True)


def test_what_a_source_is_labelled_decides_whether_it_taints():
    run = history().dispatched(intent("look"), action="a", at=AT).settled(outcome(), action="a", at=AT)
    assert not run.standing.tainted
    assert run.standing.vouching == (0,)


def test_what_a_person_settles_is_their_word_and_vouches_nothing():
    settled = outcome(by=SettledBy.PERSON)
    run = history().dispatched(intent(), action="a", at=AT).settled(settled, action="a", at=AT)
    (span,) = run.standing.entered
    assert (span.label.integrity, span.vouches, run.standing.tainted) == (Integrity.ENDORSED, False, False)


def test_places_are_used_and_only_a_proven_failure_frees_them():
    use = UseRecord(argument="to", span=0, start=3)
    run = history().dispatched(intent("pay", use), action="a", at=AT)
    assert run.standing.used == (Use(action="a", argument="to", span=0, start=3),)
    assert run.settled(outcome(Outcome.UNKNOWN), action="a", at=AT).standing.used == run.standing.used
    assert run.settled(outcome(), action="a", at=AT).standing.used == run.standing.used
    assert run.settled(outcome(Outcome.FAILED), action="a", at=AT).standing.used == ()


def test_an_outcome_that_is_returned_again_is_shown_again():
    record = ActionReused(call=intent("look").call, original="a", result='{"text": "hi"}')
    run = history().reused(record, action="b")
    (span,) = run.standing.entered
    assert (span.origin, span.source) == ("b", "look")


def test_results_are_kept_for_checks_alone():
    kept = (
        history(CHECKING)
        .dispatched(intent("look"), action="a", at=AT)
        .settled(outcome(result='{"x": 1}'), action="a", at=AT)
    )
    assert kept.calls[0].result == {"x": 1}
    other = history(CHECKING).dispatched(intent("pay"), action="a", at=AT).settled(outcome(), action="a", at=AT)
    assert other.calls[0].result is None


def test_a_value_that_is_no_token_is_endorsed_by_nobody():
    def endorsed(value: str) -> int:
        record = ValueEndorsed(tool="pay", argument="to", value=value, by="user:fin", how="token")
        return len(history().endorsed(record).standing.endorsed)

    assert [endorsed(value) for value in ('"a@x.example"', "5", "true", "[]", '""', "no json")] == [1, 1, 0, 0, 0, 1]
