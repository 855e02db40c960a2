"""What must or must not have happened in a run before a call, asked of its history."""

import json
from typing import Any

import pytest

from dueprocess.gate import ActionDispatched, ActionSettled, CallRecord, Outcome, SettledBy
from dueprocess.gate.history import History
from dueprocess.gate.sequence import out_of_sequence
from dueprocess.policy import Finding, Verdict, load
from dueprocess.values import Instant, seconds

TOOLS = "tools: {refund: {allowed: true}, verify: {allowed: true}, mail: {allowed: true, egress: external}, crm: {allowed: true}}"
BEFORE = (
    "{id: first, before: refund, require: {tool: verify, where: {customer: $.customer}, within: 15m}, effect: deny}"
)
ONCE = "{id: once, at_most: 1, of: {tool: refund, same: [order]}, effect: hold}"
NEVER = '{id: inside, never: {after: {audience: ">=confidential"}, then: {egress: external}}, effect: deny}'


def at(minutes: float) -> Instant:
    return Instant(seconds(1) * int(minutes * 60))


class Run:
    def __init__(self, *sequences: str, sources: str = "{}") -> None:
        text = f"sources: {sources}\n{TOOLS}\ntemporal: [{', '.join(sequences)}]"
        self.history = History(policy=load(text.encode(), name="p.yaml", tools=None))
        self.number = 0

    def done(
        self, tool: str, outcome: Outcome | None = Outcome.SUCCEEDED, *, minutes: float = 0, **arguments: Any
    ) -> "Run":
        self.number += 1
        action = f"a{self.number}"
        call = CallRecord(tool=tool, arguments=json.dumps(arguments), schema="", principal="", cause=0, index=0)
        intent = ActionDispatched(call=call, effect="write", sink_key="", dispatch_before=0, calls=1)
        self.history = self.history.dispatched(intent, action=action, at=at(minutes))
        if outcome is not None:
            settled = ActionSettled(outcome=outcome, by=SettledBy.TOOL, result='{"text": "x"}')
            self.history = self.history.settled(settled, action=action, at=at(minutes))
        return self

    def ask(self, tool: str, *, minutes: float = 0, action: str = "", **arguments: Any) -> tuple[Finding, ...]:
        return out_of_sequence(self.history, tool=tool, arguments=arguments, now=at(minutes), action=action)


def said(found: tuple[Finding, ...]) -> list[tuple[str, Verdict]]:
    return [(each.rule, each.decision) for each in found]


def test_what_must_come_first_must_have_succeeded():
    assert said(Run(BEFORE).ask("refund", customer="c1")) == [("temporal.first", Verdict.DENY)]
    assert Run(BEFORE).done("verify", customer="c1").ask("refund", customer="c1") == ()
    for other in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.UNSETTLED, None):
        assert Run(BEFORE).done("verify", other, customer="c1").ask("refund", customer="c1")
    assert Run(BEFORE).ask("crm", customer="c1") == ()


def test_it_must_be_of_the_same_thing():
    run = Run(BEFORE).done("verify", customer="c1")
    assert run.ask("refund", customer="c2")
    assert run.ask("refund")
    assert Run(BEFORE).done("verify").ask("refund")


def test_it_is_good_for_a_while_counted_from_its_success():
    run = Run(BEFORE).done("verify", customer="c1", minutes=10)
    assert run.ask("refund", customer="c1", minutes=25) == ()
    (late,) = run.ask("refund", customer="c1", minutes=25.1)
    assert late.reason == "the last successful verify with customer c1 was 906 s ago; expected one within 900 s"
    assert run.done("verify", customer="c1", minutes=26).ask("refund", customer="c1", minutes=27) == ()


def test_what_may_happen_once_counts_what_was_dispatched():
    assert Run(ONCE).ask("refund", order="A") == ()
    for outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN, Outcome.UNSETTLED, None):
        assert said(Run(ONCE).done("refund", outcome, order="A").ask("refund", order="A")) == [
            ("temporal.once", Verdict.HOLD)
        ]
    (found,) = Run(ONCE).done("refund", order="A").ask("refund", order="A")
    assert found.reason == "1 was dispatched in this run already, the last as a1; expected at most 1"
    assert found.compared == {"counted": 1, "limit": 1, "order": "A"}
    assert Run(ONCE).done("refund", Outcome.FAILED, order="A").ask("refund", order="A") == ()
    assert Run(ONCE).done("refund", order="A").ask("refund", order="B") == ()
    assert Run(ONCE).done("crm", order="A").ask("refund", order="A") == ()


def test_a_repeat_of_the_same_action_is_not_a_second_one():
    assert Run(ONCE).done("refund", Outcome.UNKNOWN, order="A").ask("refund", order="A", action="a1") == ()


def test_what_is_left_out_cannot_tell_two_apart():
    assert Run(ONCE).done("refund", order="A").ask("refund")
    assert Run(ONCE).done("refund").ask("refund", order="A") == ()
    assert Run(ONCE).done("refund").ask("refund")


@pytest.mark.parametrize(
    ("audience", "said_of_it"), [("confidential", 1), ("restricted", 1), ("internal", 0), ("public", 0)]
)
def test_after_what_is_confidential_nothing_leaves_the_house(audience: str, said_of_it: int):
    run = Run(NEVER, sources=f"{{crm: {{integrity: directory, audience: {audience}}}}}").done("crm")
    assert len(run.ask("mail")) == said_of_it
    assert run.ask("refund") == ()


def test_after_one_tool_another_may_not_be_called():
    never = "{id: x, never: {after: {tool: crm, where: {of: staff}}, then: {tool: mail}}, effect: hold}"
    assert Run(never).done("crm", of="staff").ask("mail")
    assert Run(never).done("crm", Outcome.UNKNOWN, of="staff").ask("mail")
    assert Run(never).done("crm", Outcome.FAILED, of="staff").ask("mail") == ()
    assert Run(never).done("crm", of="guests").ask("mail") == ()
    assert Run(never).done("crm", of="staff").ask("refund") == ()


def test_after_something_has_left_the_house():
    never = "{id: x, never: {after: {egress: external}, then: {tool: refund}}, effect: deny}"
    assert Run(never).done("mail").ask("refund")
    assert Run(never).done("crm").ask("refund") == ()


def test_how_many_may_leave_the_house():
    most = "{id: x, at_most: 2, of: {egress: external}, effect: deny}"
    run = Run(most).done("mail")
    assert run.ask("mail") == ()
    (found,) = run.done("mail").ask("mail")
    assert found.reason == "2 were dispatched in this run already, the last as a2; expected at most 2"
    assert found.compared == {"counted": 2, "limit": 2}
    assert run.ask("crm") == ()


def test_a_literal_chooses_the_call_itself():
    most = "{id: x, at_most: 0, of: {tool: refund, where: {kind: gift}}, effect: deny}"
    assert Run(most).ask("refund", kind="gift")
    assert Run(most).ask("refund", kind="item") == ()
    assert Run(most).ask("refund") == ()


def test_any_of_several_tools_comes_first_and_any_of_several_needs_it():
    either = "{id: known, before: [refund, mail], require: {tool: [verify, crm]}, effect: deny}"
    for tool in ("refund", "mail"):
        (found,) = Run(either).ask(tool)
        assert found.reason == f"{tool} needs a successful verify or crm before it in this run; there was none"
        assert found.compared == {"required": "verify or crm"}
        assert Run(either).done("verify").ask(tool) == ()
        assert Run(either).done("crm").ask(tool) == ()
        assert Run(either).done("refund").ask(tool)
    assert Run(either).ask("verify") == ()


def test_several_tools_are_counted_together_and_several_may_not_follow():
    one = "{id: one, at_most: 1, of: {tool: [refund, crm], same: [order]}, effect: deny}"
    run = Run(one).done("crm", order="A")
    assert said(run.ask("refund", order="A")) == [("temporal.one", Verdict.DENY)]
    assert run.ask("refund", order="B") == ()
    closed = (
        "{id: closed, never: {after: {tool: refund, where: {order: $.order}}, then: {tool: [crm, mail]}}, effect: deny}"
    )
    run = Run(closed).done("refund", order="A")
    for tool in ("crm", "mail"):
        assert said(run.ask(tool, order="A")) == [("temporal.closed", Verdict.DENY)]
        assert run.ask(tool, order="B") == ()
    assert run.ask("verify", order="A") == ()
