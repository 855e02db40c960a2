"""The citations of a run's calls, read from its events: how many were named, how many resolved when they were decided."""

import pytest

from dueprocess.gate.cited import Recorded, citations_of
from dueprocess.gate.records import (
    ActionDenied,
    ActionDispatched,
    ActionExpired,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionWaiting,
    CallRecord,
    Outcome,
    RequirementRecord,
    SettledBy,
)
from dueprocess.metric import Cited
from dueprocess.values import Instant, canonical, digest_text

TEXT = "Refunds within 30 days."
CHUNK = canonical([{"document": "kb", "digest": digest_text(TEXT), "start": 0, "end": len(TEXT), "text": TEXT}])
GOOD = {"document": "kb", "start": 0, "end": 7, "digest": digest_text("Refunds")}
MADE_UP = {**GOOD, "end": 8}


def call(tool: str, *citations: object, principal: str = "agent:a@r1", person: str = "user:ann") -> CallRecord:
    named = canonical([*citations]) if citations else ""
    return CallRecord(
        tool=tool,
        arguments="{}",
        schema="",
        principal=principal,
        on_behalf_of=person,
        cause=1,
        index=0,
        citations=named,
    )


def dispatched(made: CallRecord) -> ActionDispatched:
    return ActionDispatched(call=made, effect="read", sink_key="k", dispatch_before=9, calls=1)


def settled(result: str = CHUNK, outcome: Outcome = Outcome.SUCCEEDED) -> ActionSettled:
    return ActionSettled(outcome=outcome, by=SettledBy.TOOL, result=result)


def read(*events: tuple[str, object]) -> tuple[Cited, ...]:
    told = [
        Recorded(action=action, at=Instant(number), record=record) for number, (action, record) in enumerate(events)
    ]
    return citations_of(told, retrieving=frozenset({"search"}), citing=frozenset({"pay"}))


FOUND = (("s", dispatched(call("search"))), ("s", settled()))
REQUIREMENT = RequirementRecord(name="r", quorum=1, expires_after=1, execute_within=1)


@pytest.mark.parametrize(
    "record",
    [
        ActionDenied(call=call("pay", GOOD, MADE_UP), findings=()),
        ActionHeld(
            call=call("pay", GOOD, MADE_UP),
            findings=(),
            digest="",
            requirement=REQUIREMENT,
            requesters=(),
            expires_at=9,
        ),
        dispatched(call("pay", GOOD, MADE_UP)),
        ActionReused(call=call("pay", GOOD, MADE_UP), original="x", result="null"),
        ActionWaiting(call=call("pay", GOOD, MADE_UP), original="x"),
    ],
)
def test_a_call_counts_however_it_was_decided(record: object):
    assert read(*FOUND, ("p", record)) == (Cited(named=2, resolved=1),)


def test_a_call_counts_once_as_it_was_decided_first():
    first = ("p", ActionDenied(call=call("pay", GOOD), findings=()))
    assert read(first, *FOUND, ("p", dispatched(call("pay", GOOD)))) == (Cited(named=1, resolved=0),)
    assert read(first, *FOUND, ("q", dispatched(call("pay", GOOD)))) == (
        Cited(named=1, resolved=0),
        Cited(named=1, resolved=1),
    )


def test_a_call_that_must_cite_and_does_not_counts_and_any_other_does_not():
    assert read(("p", dispatched(call("pay"))), ("l", dispatched(call("look")))) == (Cited(named=0, resolved=0),)
    assert read(("l", dispatched(call("look", GOOD)))) == (Cited(named=1, resolved=0),)


@pytest.mark.parametrize(
    "events",
    [
        (("s", dispatched(call("look"))), ("s", settled())),
        (("s", dispatched(call("search"))), ("s", settled(outcome=Outcome.FAILED))),
        (("s", dispatched(call("search"))), ("other", settled())),
        (("s", dispatched(call("search"))), ("s", settled("not json"))),
        (("s", dispatched(call("search"))), ("s", settled(""))),
        (("s", dispatched(call("search", person="user:bob"))), ("s", settled())),
        (("s", dispatched(call("search", principal="agent:b@r1"))), ("s", settled())),
        (("s", dispatched(call("search"))), ("s", ActionExpired(reason="x"))),
    ],
)
def test_what_this_principal_did_not_retrieve_in_this_run_is_no_evidence(events: tuple[tuple[str, object], ...]):
    assert read(*events, ("p", dispatched(call("pay", GOOD)))) == (Cited(named=1, resolved=0),)


def test_evidence_of_another_release_of_the_agent_counts():
    events = (("s", dispatched(call("search", principal="agent:a@r0"))), ("s", settled()))
    assert read(*events, ("p", dispatched(call("pay", GOOD)))) == (Cited(named=1, resolved=1),)


def test_what_is_no_citation_was_named_and_resolves_to_nothing():
    assert read(*FOUND, ("p", dispatched(call("pay", GOOD, "see above", 5)))) == (Cited(named=3, resolved=1),)


def test_the_chunks_of_all_searches_count_from_then_on():
    other = canonical({"chunks": [{"document": "kb/2", "start": 0, "end": 1, "text": "x", "score": 1}]})
    more = {"document": "kb/2", "start": 0, "end": 1, "digest": digest_text("x")}
    events = (*FOUND, ("t", dispatched(call("search"))), ("t", settled(other)))
    assert read(*events, ("p", dispatched(call("pay", GOOD, more)))) == (Cited(named=2, resolved=2),)
