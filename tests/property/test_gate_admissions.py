"""INVARIANT I4, I5, I6 at the gate: over any sequence of admissions nothing is admitted that something stands against.

Below, the world is kept in the plainest way, and each answer is held against it: an admission needs that nothing speaks
against it, every refusal that its own reason is there.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dueprocess.approval import Approval, Grant, Requirement
from dueprocess.gate import (
    FREES_KEY,
    ActionState,
    Admitted,
    Denied,
    Exceeded,
    HeldFor,
    KeyUse,
    Neighbour,
    ReuseOf,
    Situation,
    Stopped,
    WaitFor,
    admit,
    move,
)
from dueprocess.meter import Gauge, Mark, Want, reserve
from dueprocess.policy import Finding, Rate, Verdict
from dueprocess.values import Duration, Instant

TOOL = "issue_refund"
KEY_RULE = f"{TOOL}.idempotency_key"
ANN = Approval(by="user:ann", groups=("group:finance",))
BOB = Approval(by="user:bob", groups=("group:finance",))

FINDINGS = {
    "clear": (),
    "hold": (Finding(rule="over", decision=Verdict.HOLD, reason=""),),
    "deny": (Finding(rule="most", decision=Verdict.DENY, reason=""),),
    "said": (Finding(rule="said", decision=Verdict.DENY, reason="", advisory=True),),
}
MAY_HAVE_AN_EFFECT = {ActionState.DISPATCHED, ActionState.UNKNOWN, ActionState.UNSETTLED, ActionState.SUCCEEDED}
UNDER_WAY = MAY_HAVE_AN_EFFECT - {ActionState.SUCCEEDED} | {ActionState.HELD}
MAY_BE_DECIDED = {ActionState.PROPOSED, ActionState.HELD, ActionState.FAILED, ActionState.UNKNOWN}


@dataclass
class Action:
    name: str
    key: str
    arguments: str
    says: str
    state: ActionState = ActionState.PROPOSED
    asked: tuple[str, ...] = ()
    grant: Grant | None = None
    ran_under_a_grant: bool = False
    marked: list[int] = field(default_factory=list)


class Gate(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.actions: list[Action] = []
        self.now = 0
        self.stop = ""
        self.spent = 0
        self.publisher = "user:pia"
        self.quorum = 1

    @initialize(limit=st.integers(0, 12), rate=st.none() | st.tuples(st.integers(1, 3), st.integers(1, 20)))
    def limits(self, limit: int, rate: tuple[int, int] | None) -> None:
        self.limit = limit
        self.rate = None if rate is None else Rate(count=rate[0], window=Duration(rate[1]))

    # What happens in the world --------------------------------------------------------------------------------------

    @rule(
        key=st.sampled_from(["", "k1", "k1", "k1", "k2"]),
        arguments=st.sampled_from(["x", "y"]),
        says=st.sampled_from(["clear", "clear", "clear", "hold", "hold", "said", "deny"]),
    )
    def propose(self, key: str, arguments: str, says: str) -> None:
        self.actions.append(Action(name=f"a{len(self.actions)}", key=key, arguments=arguments, says=says))

    @rule(by=st.integers(-5, 15))
    def the_clock_moves(self, by: int) -> None:
        self.now += by

    @rule(stop=st.sampled_from(["", "", "", "", "", f"tool:{TOOL}", "agent:support", "all"]))
    def stop_or_lift(self, stop: str) -> None:
        self.stop = stop

    @rule(publisher=st.sampled_from(["user:pia", "user:ann"]), quorum=st.integers(1, 2))
    def publish(self, publisher: str, quorum: int) -> None:
        self.publisher, self.quorum = publisher, quorum

    @precondition(lambda self: any(a.state is ActionState.HELD and a.grant is None for a in self.actions))
    @rule(
        data=st.data(), people=st.sampled_from([(ANN,), (ANN, BOB)]), digest=st.sampled_from(["right", "right", "old"])
    )
    def approve(self, data: st.DataObject, people: tuple[Approval, ...], digest: str) -> None:
        held = [a for a in self.actions if a.state is ActionState.HELD and a.grant is None]
        action = data.draw(st.sampled_from(held))
        action.grant = Grant(
            action=action.name,
            digest=digest,
            findings=action.asked,
            approvals=people,
            asked_at=Instant(self.now),
            execute_by=Instant(self.now + 10),
        )

    @precondition(lambda self: any(a.state in {ActionState.DISPATCHED, ActionState.UNKNOWN} for a in self.actions))
    @rule(data=st.data(), to=st.sampled_from(["succeeded", "succeeded", "failed", "unknown", "unsettled"]))
    def settle(self, data: st.DataObject, to: str) -> None:
        action = data.draw(
            st.sampled_from([a for a in self.actions if a.state in {ActionState.DISPATCHED, ActionState.UNKNOWN}])
        )
        state = ActionState(to)
        before = action.state
        if (before, state) in {
            (ActionState.DISPATCHED, ActionState.UNSETTLED),
            (ActionState.UNKNOWN, ActionState.UNKNOWN),
        }:
            return
        action.state = move(before, state)
        if state is ActionState.FAILED:
            action.marked.pop()

    # The decision ---------------------------------------------------------------------------------------------------

    def others(self, action: Action) -> list[Action]:
        if not action.key:
            return []
        return [
            a
            for a in self.actions
            if a is not action and a.key == action.key and a.state not in FREES_KEY | {ActionState.PROPOSED}
        ]

    def in_window(self) -> int:
        assert self.rate is not None
        return sum(at > self.now - self.rate.window for a in self.actions for at in a.marked)

    @precondition(lambda self: any(a.state in MAY_BE_DECIDED for a in self.actions))
    @rule(data=st.data(), lost=st.booleans())
    def decide(self, data: st.DataObject, lost: bool) -> None:  # noqa: FBT001
        action = data.draw(st.sampled_from([a for a in self.actions if a.state in MAY_BE_DECIDED]))
        wanted = 0 if lost and action.state is ActionState.UNKNOWN else 1
        neighbours = tuple(Neighbour(action=a.name, arguments=a.arguments, state=a.state) for a in self.others(action))
        situation = Situation(
            tool=TOOL,
            findings=FINDINGS[action.says],
            stop=self.stop,
            rate=self.rate,
            marks=tuple(Mark(at=Instant(at)) for a in self.actions for at in a.marked),
            key=KeyUse(arguments=action.arguments, others=neighbours) if action.key else None,
            calls=Gauge(spent=self.spent),
            calls_limit=self.limit,
            calls_key="calls",
            calls_wanted=wanted,
            grant=action.grant,
            grant_digest="right",
            requirement=Requirement(
                name="finance",
                any_of=("group:finance",),
                quorum=self.quorum,
                expires_after=Duration(9),
                execute_within=Duration(10),
            ),
            publisher=self.publisher,
            now=Instant(self.now),
        )
        self.hold_against_the_world(action, situation, wanted=wanted)

    def hold_against_the_world(self, action: Action, situation: Situation, *, wanted: int) -> None:
        answer = admit(situation)
        assert answer == admit(situation)
        others = self.others(action)
        same = [a for a in others if a.arguments == action.arguments]
        holds = {"over"} if action.says == "hold" else set[str]()
        holds |= {KEY_RULE} if others and not same else set()
        rate_full = self.rate is not None and self.in_window() + 1 > self.rate.count
        budget_full = wanted > 0 and self.spent + wanted > self.limit
        denied = action.says == "deny" or self.stop.startswith("tool:") or rate_full
        uncovered = bool(holds) and not self.covered(action, holds)
        match answer:
            case Admitted():
                against = (denied, self.stop, budget_full, uncovered)
                assert not any(against), against
                assert not [a for a in same if a.state in MAY_HAVE_AN_EFFECT | UNDER_WAY]
                self.dispatch(action, wanted=wanted, granted=bool(holds))
            case Denied():
                assert denied
                assert self.stop in {"", f"tool:{TOOL}"}
                if action.state is ActionState.PROPOSED:
                    action.state = move(action.state, ActionState.DENIED)
            case Stopped(target=target):
                assert target == self.stop in {"agent:support", "all"}
            case ReuseOf(original=original):
                assert original in {a.name for a in same if a.state is ActionState.SUCCEEDED}
                if action.state is ActionState.PROPOSED:
                    action.state = move(action.state, ActionState.REUSED)
            case WaitFor(original=original):
                assert original in {a.name for a in same if a.state in UNDER_WAY}
            case Exceeded(over=over):
                assert budget_full
                assert over.spent + over.reserved + over.asked > over.limit
            case HeldFor(findings=findings, refused=refused):
                assert uncovered
                assert (refused is not None) == (action.grant is not None)
                action.grant = None
                if action.state is ActionState.PROPOSED:
                    action.state = move(action.state, ActionState.HELD)
                action.asked = tuple(f.rule for f in findings if f.decision is Verdict.HOLD)

    def covered(self, action: Action, holds: set[str]) -> bool:
        held = action.grant
        return (
            held is not None
            and self.now <= held.execute_by
            and held.digest == "right"
            and holds <= set(held.findings)
            and sum(a.by != self.publisher for a in held.approvals) >= self.quorum
        )

    def dispatch(self, action: Action, *, wanted: int, granted: bool) -> None:
        action.state = move(action.state, ActionState.DISPATCHED)
        changed = reserve({"calls": Gauge(spent=self.spent)}, (Want(key="calls", amount=wanted, limit=self.limit),))
        assert isinstance(changed, dict)
        self.spent = changed["calls"].at_worst
        action.ran_under_a_grant |= granted
        action.grant = None
        action.marked.append(self.now)

    # What always holds ----------------------------------------------------------------------------------------------

    @invariant()
    def no_two_uses_of_one_key_with_the_same_arguments_can_both_have_an_effect(self) -> None:
        places = [(a.key, a.arguments) for a in self.actions if a.key and a.state in MAY_HAVE_AN_EFFECT]
        assert len(places) == len(set(places))

    @invariant()
    def a_key_is_used_with_other_arguments_only_where_a_person_said_so(self) -> None:
        for key in ("k1", "k2"):
            ran = [a for a in self.actions if a.key == key and a.state in MAY_HAVE_AN_EFFECT]
            assert len(ran) <= 1 or any(a.ran_under_a_grant for a in ran)

    @invariant()
    def no_more_calls_are_dispatched_than_the_budget_has(self) -> None:
        assert self.spent <= self.limit

    @invariant()
    def what_is_denied_never_ran(self) -> None:
        assert not [a for a in self.actions if a.says == "deny" and a.state in MAY_HAVE_AN_EFFECT]

    @invariant()
    def no_span_of_time_holds_more_dispatches_than_the_rate(self) -> None:
        if self.rate is None:
            return
        marks = [at for a in self.actions for at in a.marked]
        for end in marks:
            assert sum(end - self.rate.window < at <= end for at in marks) <= self.rate.count


TestTheGateOverAnySequence = Gate.TestCase
TestTheGateOverAnySequence.settings = settings(stateful_step_count=80)
