"""`confirm`: the word of whoever a call is made for, for exactly this call, once, not for ever, and from nobody else."""

import pytest

from dueprocess.approval import Approval, Grant, Requirement
from dueprocess.gate import (
    ActionDispatched,
    ActionSettled,
    Admitted,
    CallRecord,
    HeldFor,
    Outcome,
    SettledBy,
    Situation,
    admit,
)
from dueprocess.gate.confirm import asks, rule_of
from dueprocess.gate.history import History
from dueprocess.gate.judge import Judgement, RawCall, judge
from dueprocess.gate.records import ActionConfirmed
from dueprocess.gate.trial import try_tests
from dueprocess.meter import EMPTY
from dueprocess.policy import Finding, Policy, Principal, Verdict, load
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Instant, seconds

ARGUMENTS = {"type": "object", "properties": {"order": {"type": "string"}}}
TOOLS = {
    "cancel": ToolSpec(name="cancel", parameters=ARGUMENTS),
    "look": ToolSpec(name="look", effect=Effect.READ, parameters=ARGUMENTS),
}
ANN = Principal(id="agent:desk@1", on_behalf_of="user:ann")
A, B = '{"order":"A"}', '{"order":"B"}'


def policy(confirm: str = "true", *, more: str = "") -> Policy:
    text = f"tools: {{look: {{allowed: true}}, cancel: {{allowed: true, confirm: {confirm}}}}}\n{more}"
    return load(text.encode(), name="p.yaml", tools=TOOLS)


def at(minutes: float) -> Instant:
    return Instant(int(minutes * seconds(60)))


class Run:
    def __init__(self, of: Policy | None = None) -> None:
        self.policy = of or policy()
        self.history = History(policy=self.policy)

    def yes(self, arguments: str = A, *, minutes: float = 0, by: str = "user:ann", tool: str = "cancel") -> "Run":
        said = ActionConfirmed(tool=tool, arguments=arguments, by=by, how="test")
        self.history = self.history.confirm(said, at=at(minutes))
        return self

    def done(self, action: str, arguments: str = A, *, outcome: Outcome = Outcome.SUCCEEDED) -> "Run":
        call = CallRecord(tool="cancel", arguments=arguments, schema="", principal="", cause=0, index=0)
        intent = ActionDispatched(call=call, effect="write", sink_key="", dispatch_before=0, calls=1)
        settled = ActionSettled(outcome=outcome, by=SettledBy.TOOL, result="1")
        history = self.history.dispatched(intent, action=action, at=at(0))
        self.history = history.settled(settled, action=action, at=at(0))
        return self

    def ask(
        self,
        arguments: str = A,
        *,
        minutes: float = 0,
        who: Principal | None = ANN,
        action: str = "a1",
        environment: str = "prod",
    ) -> Judgement:
        call = RawCall(
            tool="cancel",
            arguments=arguments,
            principal=who,
            history=self.history,
            action=action,
            now=at(minutes),
            environment=environment,
        )
        return judge(self.policy, TOOLS, call=call)


def said(judged: Judgement) -> list[tuple[str, Verdict, str]]:
    return [(each.rule, each.decision, each.reason) for each in judged.findings]


HELD = [("cancel.confirm", Verdict.HOLD, "user:ann has not confirmed it")]


def test_what_was_not_confirmed_is_held_and_says_by_whom():
    judged = Run().ask()
    assert said(judged) == HELD
    assert judged.findings[0].compared == {"on_behalf_of": "user:ann"}
    assert asks("cancel", judged.findings)
    assert not asks("look", judged.findings)


def test_what_was_confirmed_runs():
    assert Run().yes().ask().findings == ()
    spelt_otherwise = '{"order" : "\\u0041"}'
    assert Run().yes().ask(spelt_otherwise).findings == ()


@pytest.mark.parametrize(
    "run", [Run().yes(B), Run().yes(by="user:bob"), Run().yes(by="group:ann"), Run().yes(tool="look")]
)
def test_a_yes_to_something_else_or_of_somebody_else_is_none(run: Run):
    assert said(run.ask()) == HELD


def test_a_yes_is_good_for_one_action_and_its_repeats():
    run = Run().yes().done("a1")
    assert said(run.ask(action="a2")) == HELD
    assert run.ask(action="a1").findings == ()
    assert run.done("a1").ask(action="a1").findings == ()
    assert said(run.ask(action="a2")) == HELD
    failed = Run().yes().done("a1", outcome=Outcome.FAILED)
    assert said(failed.ask(action="a2")) == HELD
    twice = Run().yes().yes().done("a1")
    assert twice.ask(action="a2").findings == ()
    assert said(twice.done("a2").ask(action="a3")) == HELD


def test_the_latest_yes_is_used_up_and_what_else_is_done_uses_none():
    run = Run().yes(minutes=0).yes(minutes=10).done("a1")
    assert run.ask(minutes=15, action="a2").findings == ()
    assert Run().yes(minutes=0).yes(minutes=10).done("a1").ask(minutes=16, action="a2").findings != ()
    assert Run().yes().done("b1", B).ask().findings == ()


def test_a_yes_is_good_for_a_while():
    assert Run().yes(minutes=1).ask(minutes=16).findings == ()
    late = "user:ann confirmed it more than 900 s ago; expected a confirmation within 900 s"
    assert said(Run().yes(minutes=1).ask(minutes=16.01)) == [("cancel.confirm", Verdict.HOLD, late)]
    short = Run(policy("{within: 30s}")).yes()
    assert short.ask(minutes=0.5).findings == ()
    assert short.ask(minutes=0.6).findings != ()
    assert short.yes(minutes=0.6).ask(minutes=0.7).findings == ()


@pytest.mark.parametrize("who", [None, Principal(id="agent:desk@1")])
def test_where_nobody_is_named_nobody_can_say_it(who: Principal | None):
    why = "it needs the word of whoever it is done for, and nobody is named"
    assert said(Run().yes().ask(who=who)) == [("cancel.confirm", Verdict.DENY, why)]


def test_a_call_by_itself_was_confirmed_by_nobody():
    judged = judge(policy(), TOOLS, call=RawCall(tool="cancel", arguments=A, principal=ANN))
    assert said(judged) == HELD


def test_a_tool_that_does_not_ask_for_it_is_not_asked():
    assert judge(policy(), TOOLS, call=RawCall(tool="look", arguments=A)).findings == ()
    assert not History(policy=policy("false")).is_asked
    assert History(policy=policy()).is_asked
    assert policy("false").tools["cancel"].confirm is None


def test_in_shadow_it_is_only_said():
    run = Run(policy(more="environments: {staging: {mode: shadow}}"))
    assert [each.advisory for each in run.ask(environment="staging").findings] == [True]
    assert not asks("cancel", run.ask(environment="staging").findings)


def situation(*findings: Finding, granted: tuple[str, ...]) -> Situation:
    people = Requirement(name="d", any_of=("user:fin",), expires_after=seconds(60), execute_within=seconds(60))
    grant = Grant(
        action="a1",
        digest="d",
        findings=granted,
        approvals=(Approval(by="user:fin"),),
        asked_at=at(0),
        execute_by=at(5),
    )
    return Situation(
        tool="cancel",
        findings=findings,
        calls=EMPTY,
        calls_limit=5,
        calls_key="calls",
        grant=grant,
        grant_digest="d",
        requirement=people,
        publisher="",
        now=at(1),
    )


def hold(rule: str) -> Finding:
    return Finding(rule=rule, decision=Verdict.HOLD, reason="r")


def test_i5_no_approval_stands_for_it():
    assert isinstance(admit(situation(hold("cancel.large"), granted=("cancel.large",))), Admitted)
    both = situation(hold("cancel.large"), hold(rule_of("cancel")), granted=("cancel.large", rule_of("cancel")))
    admission = admit(both)
    assert isinstance(admission, HeldFor)
    assert admission.refused is not None
    assert admission.refused.rule == "approval.confirm"


def test_a_call_by_itself_may_be_said_to_be_confirmed_and_one_of_a_run_may_not():
    def ask(who: Principal | None, history: History | None) -> Judgement:
        call = RawCall(tool="cancel", arguments=A, principal=who, history=history, confirmed=True)
        return judge(policy(), TOOLS, call=call)

    assert ask(ANN, None).findings == ()
    assert said(ask(ANN, History(policy=policy()))) == HELD
    assert ask(None, None).verdict is Verdict.DENY


def test_a_test_of_a_policy_may_say_that_its_call_was_confirmed():
    call = "call: {tool: cancel, args: {order: A}, principal: {id: 'agent:desk', on_behalf_of: 'user:ann'}"
    tests = f"""tests:
  - {{name: yes, {call}, confirmed: true}}, expect: {{decision: allow}}}}
  - {{name: no, {call}, confirmed: false}}, expect: {{decision: hold, rule: cancel.confirm}}}}
  - {{name: unsaid, {call}}}, expect: {{decision: hold}}}}
"""
    assert [trial.passed for trial in try_tests(policy(more=tests), TOOLS)] == [True, True, True]
