"""Checks asked of a history by hand: which answer counts, how old it may be, what is said, and what would have to be read."""

import json
from typing import Any

import pytest

from dueprocess.gate import ActionDispatched, ActionSettled, CallRecord, Outcome, SettledBy
from dueprocess.gate.checks import Renewal
from dueprocess.gate.history import History
from dueprocess.gate.judge import Judgement, RawCall, judge
from dueprocess.policy import Policy, Verdict, load
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Instant, seconds

ID = {"type": "object", "properties": {"id": {"type": "string"}}}
REFUND = {"type": "object", "properties": {"order": {"type": "string"}, "customer": {"type": "string"}}}
TOOLS = {
    "get_order": ToolSpec(name="get_order", effect=Effect.READ, parameters=ID),
    "by_mail": ToolSpec(name="by_mail", effect=Effect.READ),
    "by_name": ToolSpec(name="by_name", effect=Effect.READ),
    "refund": ToolSpec(name="refund", parameters=REFUND),
}
AGE = "{name: recent, from: get_order, where: {id: $.order}, assert: 'result.age <= 30', max_age: 10m}"
HERS = "{name: hers, from: get_order, where: {id: $.order}, assert: 'result.customer == args.customer'}"


def policy(*checks: str, more: str = "") -> Policy:
    entry = f"{{allowed: true, checks: [{', '.join(checks)}]{more}}}"
    reads = ", ".join(f"{name}: {{allowed: true}}" for name in ("get_order", "by_mail", "by_name"))
    return load(f"tools: {{{reads}, refund: {entry}}}".encode(), name="p.yaml", tools=TOOLS)


class Run:
    def __init__(self, of: Policy) -> None:
        self.policy = of
        self.history = History(policy=of)
        self.number = 0

    def read(
        self,
        result: Any,
        *,
        at: int = 0,
        outcome: Outcome = Outcome.SUCCEEDED,
        tool: str = "get_order",
        **arguments: Any,
    ) -> "Run":
        self.number += 1
        action = f"a{self.number}"
        call = CallRecord(tool=tool, arguments=json.dumps(arguments), schema="", principal="", cause=0, index=0)
        intent = ActionDispatched(call=call, effect="read", sink_key="", dispatch_before=0, calls=1)
        settled = ActionSettled(outcome=outcome, by=SettledBy.TOOL, result=json.dumps(result))
        when = Instant(seconds(at))
        self.history = self.history.dispatched(intent, action=action, at=when).settled(settled, action=action, at=when)
        return self

    def ask(self, *, at: int = 0, **arguments: Any) -> Judgement:
        call = RawCall(tool="refund", arguments=arguments, history=self.history, now=Instant(seconds(at)))
        return judge(self.policy, TOOLS, call=call)


def said(judged: Judgement) -> list[tuple[str, Verdict, str]]:
    return [(each.rule, each.decision, each.reason) for each in judged.findings]


GOOD = {"age": 3, "customer": "c1"}


def test_a_check_that_is_met_says_nothing_and_asks_for_nothing():
    judged = Run(policy(AGE, HERS)).read(GOOD, id="A").ask(order="A", customer="c1")
    assert (judged.findings, judged.renewals, judged.verdict) == ((), (), Verdict.ALLOW)


def test_a_check_that_is_not_met_denies_with_what_it_compared():
    judged = Run(policy(AGE)).read({"age": 31}, id="A").ask(order="A")
    assert said(judged) == [
        ("refund.checks.recent", Verdict.DENY, "get_order was to show that result.age <= 30: it is not so")
    ]
    assert judged.findings[0].compared == {
        "from": "get_order",
        "where": {"id": "A"},
        "assert": "result.age <= 30",
        "answered_by": "a1",
    }
    assert judged.renewals == ()


def test_what_cannot_be_told_denies_and_says_why():
    judged = Run(policy(HERS)).read({}, id="A").ask(order="A", customer="c1")
    assert said(judged)[0][2].endswith(": it cannot be told: result.customer is missing")
    judged = Run(policy(HERS)).read(GOOD, id="A").ask(order="A")
    assert said(judged)[0][2].endswith(": it cannot be told: args.customer is missing")
    judged = Run(policy(AGE)).read("a text", id="A").ask(order="A")
    assert said(judged)[0][2].endswith(": it cannot be told: result is text; only an object has fields")


def test_the_latest_success_with_these_arguments_counts():
    run = Run(policy(AGE)).read({"age": 31}, id="A").read(GOOD, id="A").read({"age": 99}, id="B")
    assert run.ask(order="A").findings == ()
    run.read({"age": 40}, id="A", outcome=Outcome.FAILED).read({"age": 40}, id="A", outcome=Outcome.UNKNOWN)
    assert run.ask(order="A").findings == ()
    assert run.read({"age": 50}, id="A").ask(order="A").findings


def test_without_an_answer_the_read_is_asked_for():
    judged = Run(policy(AGE, HERS)).ask(order="A", customer="c1")
    none = "get_order has not answered for this in this run"
    assert said(judged) == [
        ("refund.checks.recent", Verdict.DENY, none),
        ("refund.checks.hers", Verdict.DENY, none),
    ]
    # One read serves both: what rests on it is said with it.
    rules = ("refund.checks.recent", "refund.checks.hers")
    assert judged.renewals == (Renewal(tool="get_order", arguments={"id": "A"}, rules=rules),)
    assert judged.findings[0].compared == {"from": "get_order", "where": {"id": "A"}, "assert": "result.age <= 30"}


def test_an_answer_is_good_up_to_its_age_and_not_longer():
    run = Run(policy(AGE, HERS)).read(GOOD, at=100, id="A")
    assert run.ask(at=700, order="A", customer="c1").findings == ()
    judged = run.ask(at=701, order="A", customer="c1")
    assert said(judged) == [
        ("refund.checks.recent", Verdict.DENY, "the answer of get_order is 601 s old; expected at most 600 s")
    ]
    assert judged.renewals == (Renewal(tool="get_order", arguments={"id": "A"}, rules=("refund.checks.recent",)),)


@pytest.mark.parametrize("arguments", [{}, {"order": None}])
def test_a_call_that_does_not_say_what_to_ask_asks_for_nothing(arguments: dict[str, Any]):
    judged = Run(policy(AGE)).ask(**arguments)
    assert said(judged)[-1][2] == "the call does not say what get_order would have to be asked"
    assert judged.renewals == ()
    assert judged.findings[-1].compared["where"] == {}


def test_what_is_redacted_is_not_shown():
    judged = Run(policy(AGE, more=", redact: [$.order]")).ask(order="A")
    assert judged.findings[0].compared["where"] == {"id": "[redacted]"}


def test_a_literal_chooses_what_was_asked():
    fixed = "{name: open, from: get_order, where: {id: main}, assert: 'result.open == true'}"
    assert Run(policy(fixed)).read({"open": True}, id="main").ask(order="A").findings == ()
    assert Run(policy(fixed)).read({"open": True}, id="A").ask(order="A").renewals == (
        Renewal(tool="get_order", arguments={"id": "main"}, rules=("refund.checks.open",)),
    )


def test_by_itself_a_call_is_not_asked_for_checks():
    assert judge(policy(AGE), TOOLS, call=RawCall(tool="refund", arguments={"order": "A"})).findings == ()


def test_in_shadow_a_check_is_said_and_not_enforced():
    text = f"environments: {{test: {{mode: shadow}}}}\ntools: {{get_order: {{allowed: true}}, refund: {{allowed: true, checks: [{AGE}]}}}}"
    of = load(text.encode(), name="p.yaml", tools=TOOLS)
    call = RawCall(tool="refund", arguments={"order": "A"}, environment="test", history=History(policy=of))
    judged = judge(of, TOOLS, call=call)
    assert [(each.advisory, each.decision) for each in judged.findings] == [(True, Verdict.DENY)]
    assert judged.verdict is Verdict.ALLOW


OWN = "{name: own, from: get_order, where: {id: $.order}, given: {who: [by_mail, by_name]}, assert: 'result.customer == who'}"
KNOWN = "{name: known, given: {who: by_mail}, assert: 'who.id == args.customer'}"


def test_two_answers_are_compared():
    run = Run(policy(OWN)).read("c1", tool="by_name").read(GOOD, id="A")
    assert run.ask(order="A").findings == ()
    judged = Run(policy(OWN)).read("c2", tool="by_mail").read(GOOD, id="A").ask(order="A")
    assert said(judged) == [
        ("refund.checks.own", Verdict.DENY, "get_order was to show that result.customer == who: it is not so")
    ]
    assert judged.findings[0].compared == {
        "from": "get_order",
        "where": {"id": "A"},
        "given": {"who": ["by_mail", "by_name"]},
        "assert": "result.customer == who",
        "answered_by": "a2",
    }


def test_an_answer_that_is_not_there_is_not_known_and_nothing_is_asked_for():
    for run in (Run(policy(OWN)), Run(policy(OWN)).read("c1", tool="by_mail", outcome=Outcome.FAILED)):
        judged = run.read(GOOD, id="A").ask(order="A")
        why = "who is not known: by_mail and by_name have not answered in this run"
        assert said(judged) == [("refund.checks.own", Verdict.DENY, why)]
        assert judged.renewals == ()


def test_answers_that_differ_are_not_one():
    run = Run(policy(OWN)).read("c1", tool="by_mail").read("c1", tool="by_name").read(GOOD, id="A")
    assert run.ask(order="A").findings == ()
    judged = run.read("c2", tool="by_name").ask(order="A")
    why = "who is not one: by_mail and by_name answered differently, as a1, a2, a4"
    assert said(judged) == [("refund.checks.own", Verdict.DENY, why)]


def test_a_check_may_rest_on_what_it_is_given_alone():
    run = Run(policy(KNOWN)).read({"id": "c1"}, tool="by_mail")
    assert run.ask(customer="c1").findings == ()
    judged = run.ask(customer="c2")
    assert said(judged)[0][2] == "by_mail was to show that who.id == args.customer: it is not so"
    assert judged.findings[0].compared == {"given": {"who": ["by_mail"]}, "assert": "who.id == args.customer"}
    assert said(run.ask())[0][2].endswith("it cannot be told: args.customer is missing")


def test_a_read_is_asked_for_with_what_is_given():
    hers = "{name: hers, from: get_order, where: {id: $who.order}, given: {who: by_mail}, assert: 'result.age <= 30'}"
    run = Run(policy(hers)).read({"order": "B"}, tool="by_mail")
    rests = ("refund.checks.hers",)
    assert run.ask(order="A").renewals == (Renewal(tool="get_order", arguments={"id": "B"}, rules=rests),)
    assert run.read({"age": 1}, id="B").ask(order="A").findings == ()
    whole = hers.replace("$who.order", "$who")
    run = Run(policy(whole)).read("C", tool="by_mail")
    assert run.ask(order="A").renewals == (Renewal(tool="get_order", arguments={"id": "C"}, rules=rests),)
    nowhere = Run(policy(hers)).read({}, tool="by_mail").ask(order="A")
    assert said(nowhere)[0][2] == "the call does not say what get_order would have to be asked"
    assert nowhere.renewals == ()
