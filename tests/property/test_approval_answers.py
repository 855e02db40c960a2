"""INVARIANT I5: whatever anybody answers, in any order, a grant needs the right people, in time, and is used once."""

from itertools import permutations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dueprocess.approval import Approval, Grant, HoldRequest, Refused, Requirement, consider, covers, grant
from dueprocess.errors import IllegalTransition
from dueprocess.gate import ActionState, move
from dueprocess.values import Duration, Instant

GROUPS = {
    "user:ann": ("group:finance",),
    "user:bob": ("group:finance", "group:sre"),
    "user:cat": ("group:security", "group:sre"),
    "user:pia": ("group:finance",),
    "user:dan": ("group:finance", "group:security"),
    "user:eve": (),
}
REQUESTERS = ("agent:support", "user:dan")
RIGHT, WRONG = "d" * 64, "e" * 64
FINDINGS = ("over", "key")


def requirement(any_of: tuple[str, ...], all_of: tuple[str, ...], quorum: int) -> Requirement:
    return Requirement(
        name="keys",
        any_of=any_of,
        all_of=all_of,
        quorum=quorum,
        expires_after=Duration(50),
        execute_within=Duration(20),
    )


REQUIREMENTS = (
    requirement(("group:finance",), (), 1),
    requirement(("group:finance",), (), 2),
    requirement(("user:eve", "group:sre"), (), 2),
    requirement((), ("group:sre", "group:security"), 2),
    requirement(("group:finance",), ("group:sre",), 2),
)


def suffice(wanted: Requirement, people: list[Approval]) -> bool:
    """The rules of the quorum, written down once more in the plainest way."""

    def named(entry: str, person: Approval) -> bool:
        return entry == person.by or entry in person.groups

    counting = [p for p in people if any(named(entry, p) for entry in wanted.any_of + wanted.all_of)]
    return len({p.by for p in counting}) >= wanted.quorum and any(
        all(named(entry, person) for entry, person in zip(wanted.all_of, order, strict=True))
        for order in permutations(counting, len(wanted.all_of))
    )


class Answers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = self.last = 0
        self.publisher = "user:pia"
        self.state = ActionState.HELD
        self.accepted: tuple[Approval, ...] = ()
        self.grant: Grant | None = None
        self.in_force = REQUIREMENTS[0]

    @initialize(wanted=st.sampled_from(REQUIREMENTS))
    def asked(self, wanted: Requirement) -> None:
        self.request = HoldRequest(
            action="a1",
            digest=RIGHT,
            findings=FINDINGS,
            requesters=REQUESTERS,
            requirement=wanted,
            asked_at=Instant(0),
        )
        self.in_force = wanted

    def now(self) -> Instant:
        # As everybody who asks the room does: the later of the clock and the last event.
        self.last = max(self.last, self.clock)
        return Instant(self.last)

    @rule(by=st.integers(-40, 25))
    def the_clock_moves(self, by: int) -> None:
        self.clock += by

    @rule(who=st.sampled_from(sorted(GROUPS)), wanted=st.sampled_from(REQUIREMENTS))
    def a_policy_is_published(self, who: str, wanted: Requirement) -> None:
        self.publisher, self.in_force = who, wanted

    @precondition(lambda self: self.grant is None)
    @rule(by=st.sampled_from([*sorted(GROUPS), "agent:support"]), digest=st.sampled_from([RIGHT, RIGHT, RIGHT, WRONG]))
    def somebody_answers(self, by: str, digest: str) -> None:
        approval = Approval(by=by, groups=GROUPS.get(by, ()), how="token")
        now = self.now()
        answer = consider(self.request, approval, given=self.accepted, digest=digest, publisher=self.publisher, now=now)
        listed = self.request.requirement.any_of + self.request.requirement.all_of
        counts = (
            now <= 50
            and digest == RIGHT
            and by not in REQUESTERS
            and by != self.publisher
            and bool({by, *approval.groups} & set(listed))
            and by not in {earlier.by for earlier in self.accepted}
        )
        if isinstance(answer, Refused):
            assert not counts, answer
            return
        assert counts
        assert answer == (*self.accepted, approval)
        self.accepted = answer
        self.grant = grant(self.request, answer, now=now)
        assert (self.grant is not None) == suffice(self.request.requirement, [*answer])
        if self.grant is not None:
            assert (self.grant.digest, self.grant.findings, self.grant.execute_by) == (RIGHT, FINDINGS, now + 20)

    @precondition(lambda self: self.grant is not None)
    @rule(
        digest=st.sampled_from([RIGHT, RIGHT, RIGHT, WRONG]),
        findings=st.sets(st.sampled_from([*FINDINGS, "over", "key", "new"])).map(sorted).map(tuple),
    )
    def the_action_is_decided_again(self, digest: str, findings: tuple[str, ...]) -> None:
        held = self.grant
        assert held is not None
        now = self.now()
        refused = covers(
            held, digest=digest, findings=findings, requirement=self.in_force, publisher=self.publisher, now=now
        )
        counting = [approval for approval in held.approvals if approval.by != self.publisher]
        covered = (
            now <= held.execute_by
            and digest == RIGHT
            and set(findings) <= set(FINDINGS)
            and (not findings or suffice(self.in_force, counting))
        )
        assert (refused is None) == covered
        if refused is not None:
            return
        if self.state is ActionState.HELD:
            self.state = move(self.state, ActionState.DISPATCHED)
        else:
            # The same grant once more: the action has left the state in which a grant is used.
            with pytest.raises(IllegalTransition):
                move(self.state, ActionState.DISPATCHED)

    @invariant()
    def there_is_a_grant_only_from_people_who_may_give_one(self) -> None:
        people = [approval.by for approval in self.accepted]
        assert len(people) == len(set(people))
        assert not set(people) & set(REQUESTERS)
        if self.grant is not None:
            assert self.grant.approvals == self.accepted
            assert suffice(self.request.requirement, [*self.accepted])


TestAnswersToAHold = Answers.TestCase
