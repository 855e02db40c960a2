"""What the ledger says of an action is stored for ever: the words, and what a record means that leaves a field out."""

import dataclasses
from typing import Any

import msgspec
import pytest

from dueprocess.gate import (
    ActionCancelled,
    ActionDenied,
    ActionDispatched,
    ActionEdited,
    ActionExpired,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionSuperseded,
    ActionUnclear,
    ActionWaiting,
    ApprovalGiven,
    ApprovalRecord,
    ApprovalRefused,
    ApprovalRejected,
    CallRecord,
    FindingRecord,
    KeyRecord,
    MarkRecord,
    Outcome,
    RequirementRecord,
    SettledBy,
)
from dueprocess.gate.records import (
    ActionConfirmed,
    ActionPreviewed,
    ApprovalEscalated,
    ApprovalReminded,
    UseRecord,
    ValueEndorsed,
)

CALL = {"tool": "t", "arguments": "{}", "schema": "s", "principal": "agent:a", "cause": 3, "index": 0}
CALL_WHOLE = CALL | {"on_behalf_of": "", "revision": 0, "request": "", "citations": "", "edited_by": [], "through": []}
FINDING = {"rule": "r", "decision": "deny", "reason": "why"}
FINDING_WHOLE = FINDING | {"compared": "{}", "advisory": False}
ANN = {"by": "user:ann"}
ANN_WHOLE = ANN | {"groups": [], "how": ""}
REQUIREMENT = {"name": "n", "quorum": 1, "expires_after": 2, "execute_within": 3}
REQUIREMENT_WHOLE = REQUIREMENT | {
    "any_of": [],
    "all_of": [],
    "editable": [],
    "remind": [],
    "escalate_after": 0,
    "escalate_to": "",
}

# The kind of record, the least that it was ever stored with, and what the reader makes of what is left out.
OLDEST: list[tuple[type, dict[str, Any], dict[str, Any]]] = [
    (CallRecord, CALL, CALL_WHOLE),
    (FindingRecord, FINDING, FINDING_WHOLE),
    (ApprovalRecord, ANN, ANN_WHOLE),
    (RequirementRecord, REQUIREMENT, REQUIREMENT_WHOLE),
    (MarkRecord, {"key": "k"}, {"key": "k", "amount": 1}),
    (UseRecord, {"argument": "to", "span": 0, "start": 4}, {"argument": "to", "span": 0, "start": 4}),
    (KeyRecord, {"scope": "s", "arguments": "a"}, {"scope": "s", "arguments": "a"}),
    (ActionDenied, {"call": CALL, "findings": [FINDING]}, {"call": CALL_WHOLE, "findings": [FINDING_WHOLE]}),
    (
        ActionHeld,
        {"call": CALL, "findings": [], "digest": "d", "requirement": REQUIREMENT, "requesters": [], "expires_at": 9},
        {
            "call": CALL_WHOLE,
            "findings": [],
            "digest": "d",
            "requirement": REQUIREMENT_WHOLE,
            "requesters": [],
            "expires_at": 9,
            "key": None,
            "replaces": "",
        },
    ),
    (ActionPreviewed, {}, {"result": "", "error": ""}),
    (
        ActionDispatched,
        {"call": CALL, "effect": "write", "sink_key": "k", "dispatch_before": 9, "calls": 1},
        {
            "call": CALL_WHOLE,
            "findings": [],
            "effect": "write",
            "sink_key": "k",
            "dispatch_before": 9,
            "calls": 1,
            "marks": [],
            "key": None,
            "granted": [],
            "fee_micros": 0,
            "uses": [],
        },
    ),
    (
        ActionReused,
        {"call": CALL, "original": "a0", "result": "{}"},
        {"call": CALL_WHOLE, "original": "a0", "result": "{}"},
    ),
    (ActionWaiting, {"call": CALL, "original": "a0"}, {"call": CALL_WHOLE, "original": "a0", "stop": ""}),
    (
        ActionSettled,
        {"outcome": "failed", "by": "tool"},
        {
            "outcome": "failed",
            "by": "tool",
            "result": "",
            "error": "",
            "lost": False,
            "voided": False,
            "retry_at": 0,
            "person": "",
            "how": "",
        },
    ),
    (ActionUnclear, {"reason": "r", "retry_at": 5}, {"reason": "r", "retry_at": 5}),
    (ActionExpired, {"reason": "r"}, {"reason": "r", "on_timeout": "handoff_to_human"}),
    (ActionCancelled, {"reason": "r"}, {"reason": "r"}),
    (ActionSuperseded, {"by": "a1", "reason": "r"}, {"by": "a1", "reason": "r"}),
    (ApprovalGiven, {"approval": ANN, "digest": "d"}, {"approval": ANN_WHOLE, "digest": "d", "execute_by": 0}),
    (ApprovalReminded, {"due_at": 5}, {"due_at": 5}),
    (ApprovalEscalated, {"due_at": 5, "to": "group:g"}, {"due_at": 5, "to": "group:g"}),
    (
        ApprovalRefused,
        {"by": "user:ann", "how": "token", "rule": "r", "reason": "why"},
        {"by": "user:ann", "how": "token", "rule": "r", "reason": "why"},
    ),
    (
        ValueEndorsed,
        {"tool": "t", "argument": "a", "value": "1", "by": "user:ann", "how": "token"},
        {"tool": "t", "argument": "a", "value": "1", "by": "user:ann", "how": "token"},
    ),
    (
        ActionConfirmed,
        {"tool": "t", "arguments": "{}", "by": "user:ann", "how": "token"},
        {"tool": "t", "arguments": "{}", "by": "user:ann", "how": "token"},
    ),
    (ApprovalRejected, {"by": "user:ann", "how": "token"}, {"by": "user:ann", "how": "token", "reason": ""}),
    (
        ActionEdited,
        {"by": ANN, "arguments": "{}", "approves": False},
        {"by": ANN_WHOLE, "arguments": "{}", "approves": False},
    ),
]

NAMES = [kind.__name__ for kind, _, _ in OLDEST]


@pytest.mark.parametrize(("kind", "stored", "whole"), OLDEST, ids=NAMES)
def test_a_record_reads_back_as_it_was_meant_when_it_was_stored(
    kind: type, stored: dict[str, Any], whole: dict[str, Any]
):
    record = msgspec.json.decode(msgspec.json.encode(stored), type=kind)
    assert msgspec.json.decode(msgspec.json.encode(record)) == whole
    assert msgspec.json.decode(msgspec.json.encode(whole), type=kind) == record


@pytest.mark.parametrize(("kind", "stored", "whole"), OLDEST, ids=NAMES)
def test_what_a_record_cannot_do_without_must_be_there(kind: type, stored: dict[str, Any], whole: dict[str, Any]):
    for name in stored:
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert({key: value for key, value in stored.items() if key != name}, type=kind)


def test_every_kind_of_record_is_here():
    from dueprocess.gate import records

    kinds = {kind for kind in vars(records).values() if dataclasses.is_dataclass(kind)}
    assert kinds == {kind for kind, _, _ in OLDEST}


def test_outcomes_and_their_witnesses_are_stored_by_these_words():
    assert [outcome.value for outcome in Outcome] == ["succeeded", "failed", "unknown", "unsettled"]
    assert [by.value for by in SettledBy] == ["tool", "recovery", "reconcile", "person"]
