"""The decision that counts: all that one transaction has read gets one admission. Nothing is read or written here.

The order, numbered at the code. All findings of steps 1 to 4 are collected before anything follows from them:
1 what the call and the policy say, 2 stops (of an agent or of all: the run rests), 3 the rate and the limits, 4 the
idempotency key with other arguments; then 5 a denial, 6 the same key with the same arguments, 7 a budget, 8 a hold unless a grant
covers it, 9 dispatch.
The caller does all of this in the transaction that would write the intent, and nothing between deciding and writing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dueprocess.approval import Grant, Refused, Requirement, covers
from dueprocess.gate.confirm import asks
from dueprocess.gate.life import FREES_KEY, ActionState
from dueprocess.gate.limits import Window, over_limit
from dueprocess.meter import Full, Gauge, Mark, Over, Want, reserve, room
from dueprocess.policy import Finding, Rate, ToolPolicy, Verdict, verdict
from dueprocess.values import Instant, rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another action that occupies the same idempotency key."""

    action: str
    arguments: str
    state: ActionState


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """An action's own place under its key: the keyed digest of its arguments, and the others there."""

    arguments: str
    others: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that one admission depends on, read in one transaction.

    `findings`: of the judgement. `windows`: the places it asks for in limits, each with those taken there already;
    `listed`: the tool's entry, which says what follows; `advisory`: the policy is in shadow here. `stop`: the stop that
    covers the tool, or empty. `calls` and `calls_limit`: the run's gauge; `calls_wanted` is 0 for an attempt that replaces
    one lost to a dead worker. `grant_digest`: the digest of what is about to run with the grant's own findings.
    `requirement`: the approvers in force now; `publisher`: who published the policy in force.
    """

    tool: str
    findings: tuple[Finding, ...]
    stop: str = ""
    rate: Rate | None = None
    marks: Sequence[Mark] = ()
    listed: ToolPolicy | None = None
    windows: Sequence[tuple[Window, Sequence[Mark]]] = ()
    advisory: bool = False
    key: KeyUse | None = None
    calls: Gauge
    calls_limit: int
    calls_key: str
    calls_wanted: int = 1
    grant: Grant | None = None
    grant_digest: str = ""
    requirement: Requirement
    publisher: str
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Run it. `findings` are the hold findings that the grant covers, and the advisory ones."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Never run it."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFor:
    """Ask people. `refused`: why the grant that was there does not cover it any more."""

    findings: tuple[Finding, ...]
    refused: Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseOf:
    """The same has run already: return the outcome of `original`, with no effect."""

    original: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """The same is under way: wait for the outcome of `original`."""

    original: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """A budget has no room for it."""

    over: Over


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A stop covers the whole agent: nothing is decided about the action, the run rests until the stop is lifted."""

    target: str


Admission = Admitted | Denied | HeldFor | ReuseOf | WaitFor | Exceeded | Stopped


def admit(now: Situation) -> Admission:
    """Decides in the order above. Pure: the same situation always gets the same admission."""
    there, alike = _neighbours(now.key)
    other_arguments = (_other_arguments(now.tool, there[0]),) if there and not alike else ()
    findings = (*now.findings, *_stopped(now), *_rate(now), *_limits(now), *other_arguments)  # 1, 2, 3, 4
    if now.stop and not _is_of_tool(now.stop):
        return Stopped(target=now.stop)
    decided = verdict(findings)
    if decided is Verdict.DENY:  # 5
        return Denied(findings=findings)
    same = _same(alike)  # 6
    if same is not None:
        return same
    over = reserve(  # 7
        {now.calls_key: now.calls}, (Want(key=now.calls_key, amount=now.calls_wanted, limit=now.calls_limit),)
    )
    if isinstance(over, tuple) and now.calls_wanted:
        return Exceeded(over=over[0])
    if decided is Verdict.HOLD:  # 8
        refused = _uncovered(now, findings)
        if now.grant is None or refused is not None:
            return HeldFor(findings=findings, refused=refused)
    return Admitted(findings=findings)  # 9


def _is_of_tool(stop: str) -> bool:
    return stop.startswith("tool:")


def _stopped(now: Situation) -> tuple[Finding, ...]:
    if not _is_of_tool(now.stop):
        return ()
    reason = f"stopped by a person: {now.stop}; it runs again when another person lifts the stop"
    return (Finding(rule="stop", decision=Verdict.DENY, reason=reason, compared={"stop": now.stop}),)


def _rate(now: Situation) -> tuple[Finding, ...]:
    if now.rate is None:
        return ()
    full = room(now.marks, asked=1, limit=now.rate.count, window=now.rate.window, now=now.now)
    return () if full is None else (_rate_finding(now.tool, full),)


def _limits(now: Situation) -> tuple[Finding, ...]:
    listed = now.listed
    if listed is None:
        return ()
    found = (over_limit(listed, window, marks=marks, now=now.now) for window, marks in now.windows)
    return tuple(replace(each, advisory=now.advisory) for each in found if each is not None)


def _rate_finding(tool: str, full: Full) -> Finding:
    return Finding(
        rule=f"{tool}.rate",
        decision=Verdict.DENY,
        reason=f"{full.counted} + {full.asked} > {full.limit} in the window; retry after {rfc3339(full.retry_at)}",
        compared={
            "counted": full.counted,
            "asked": full.asked,
            "limit": full.limit,
            "retry_after": rfc3339(full.retry_at),
        },
    )


def _neighbours(key: KeyUse | None) -> tuple[tuple[Neighbour, ...], tuple[Neighbour, ...]]:
    """Those at the same key, and of them those with the same arguments. Who has freed it says nothing any more."""
    if key is None:
        return (), ()
    there = tuple(other for other in key.others if other.state not in FREES_KEY)
    return there, tuple(other for other in there if other.arguments == key.arguments)


def _other_arguments(tool: str, first: Neighbour) -> Finding:
    return Finding(
        rule=f"{tool}.idempotency_key",
        decision=Verdict.HOLD,
        reason=f"the same key was used with other arguments by {first.action}, which is {first.state.value}",
        compared={"action": first.action, "state": first.state.value},
    )


def _same(alike: tuple[Neighbour, ...]) -> ReuseOf | WaitFor | None:
    # An outcome beats one that is still under way.
    for other in alike:
        if other.state is ActionState.SUCCEEDED:
            return ReuseOf(original=other.action)
    return WaitFor(original=alike[0].action) if alike else None


def _uncovered(now: Situation, findings: tuple[Finding, ...]) -> Refused | None:
    if now.grant is None:
        return None
    if asks(now.tool, findings):
        # INVARIANT I5: nobody says yes in place of whoever it is done for.
        return Refused(rule="approval.confirm", reason="it waits for the word of whoever it is done for")
    asked = tuple(f.rule for f in findings if f.decision is Verdict.HOLD and not f.advisory)
    return covers(
        now.grant,
        digest=now.grant_digest,
        findings=asked,
        requirement=now.requirement,
        publisher=now.publisher,
        now=now.now,
    )
