"""Recorded calls decided again under another policy, in the order of their times. Reading the ledger is `wiring.backtest`'s matter.

Rule 1. Every call is first decided again under the policy that decided it: where that does not give the findings that were
        recorded, something that was decided on was not kept, and the call is not decided.
Rule 2. Counters start empty and are counted as the other policy would have: what it denies takes no place; what it holds
        takes one only where, and when, the call was dispatched in fact. What people said is taken as said.
Rule 3. What depends on what the run had read (control arguments, checks, order of calls) was not recorded: such a call
        counts by the other rules alone, and is listed as unclear.
Rule 4. A model that is told something else does something else: what follows in a run is the recorded past, not a forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dueprocess.analysis.windows import Counters, Place, Use
from dueprocess.gate.judge import Judgement, RawCall, judge
from dueprocess.policy import Policy, Verdict
from dueprocess.policy.arguments import Missing, find
from dueprocess.policy.source import plain_json, read_nodes
from dueprocess.tool import ToolSpec
from dueprocess.values import Instant, Json, Money, amount_micros

_COUNTED: Final = (".rate", ".idempotency_key", ".limits")
_OF_THE_RUN: Final = ("control", "bounded", "content", "checks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One decision as it was recorded, with its inputs.

    `said`: the rules that spoke, with what each asked for; None where they were not recorded, as of a repeated call.
    `reused`: the outcome of the same call before was returned; nothing was done.
    `dispatched`: when it ran, of itself or by approval; `failed`: it surely had no effect.
    """

    action: str
    run: str
    agent: str
    at: Instant
    raw: RawCall
    decision: Verdict
    said: frozenset[tuple[str, str]] | None
    dispatched: Instant | None
    reused: bool
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Under what a call was decided, and under what it is decided again: policies loaded with the tools of its release."""

    then: Policy
    now: Policy
    tools: Mapping[str, ToolSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A call decided again. `rules` are those that speak under the other policy; `unclear` what they cannot know.

    `reused`: the same has run before under the other policy too, so that nothing would be done.
    """

    recorded: Recorded
    after: Verdict
    rules: tuple[str, ...]
    amount: Money | None
    reused: bool
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDecidable:
    """A call that cannot be decided from what was kept, and why."""

    action: str
    run: str
    why: str


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """Counters, and the calls that take their places only when people have let them run."""

    counters: Counters
    later: list[tuple[Use, Sequence[Place]]] = field(default_factory=list[tuple[Use, Sequence[Place]]])

    def take(self, use: Use, places: Sequence[Place]) -> None:
        self.later.append((use, places))

    def until(self, now: Instant) -> None:
        """Counts what had run by now."""
        due = [each for each in self.later if each[0].at <= now]
        self.later = [each for each in self.later if each[0].at > now]
        for use, places in sorted(due, key=lambda each: each[0].at):
            self.counters.take(use, places)


def decide_again(calls: Sequence[tuple[Recorded, Frame | str]]) -> tuple[tuple[Again, ...], tuple[NotDecidable, ...]]:
    """Decides calls again in the order of their times. A frame that is text says why there is none."""
    counters = _Waiting(counters=Counters())
    again: list[Again] = []
    lost: list[NotDecidable] = []
    for recorded, frame in sorted(calls, key=lambda each: (each[0].at, each[0].action)):
        why = frame if isinstance(frame, str) else _not_reproduced(recorded, frame)
        if isinstance(frame, str) or why is not None:
            lost.append(NotDecidable(action=recorded.action, run=recorded.run, why=why or ""))
            continue
        counters.until(recorded.at)
        again.append(_again(recorded, frame, counters))
    return tuple(again), tuple(lost)


def _not_reproduced(recorded: Recorded, frame: Frame) -> str | None:
    """Rule 1: the stateless findings must be those that were recorded."""
    if recorded.said is None:
        return None
    judged = judge(frame.then, frame.tools, call=recorded.raw)
    ours = {(finding.rule, finding.decision.value) for finding in judged.findings}
    theirs = {each for each in recorded.said if not each[0].endswith(_COUNTED) and each[0] != "stop"}
    ours = {each for each in ours if not each[0].endswith(_COUNTED)}
    if ours == theirs:
        return None
    differing = ", ".join(sorted({rule for rule, _ in ours ^ theirs}))
    return f"decided again under the policy of then it differs: {differing}"


def _again(recorded: Recorded, frame: Frame, waiting: _Waiting) -> Again:
    judged = judge(frame.now, frame.tools, call=recorded.raw)
    found = [(f.rule, f.decision) for f in judged.findings if not f.advisory]
    found += [(rule, Verdict(said)) for rule, said in recorded.said or () if rule == "stop"]
    tool = frame.now.tools.get(recorded.raw.tool)
    unclear: tuple[str, ...] = ()
    reused = False
    if tool is not None and judged.call is not None:
        arguments = judged.call.arguments
        use = Use(
            agent=recorded.agent, run=recorded.run, tool=tool, arguments=arguments, key=judged.key, at=recorded.at
        )
        counts = waiting.counters.ask(frame.now, use)
        found += [(each.rule, each.decision) for each in counts.against]
        unclear = (*counts.unclear, *of_the_run(frame.now, recorded.raw.tool))
        # As in the gate: the same key with the same arguments comes after a denial and before a hold.
        reused = counts.reused and _strictest(found) is not Verdict.DENY
        at = None if reused else _runs_at(_strictest(found), recorded)
        if at is not None:
            waiting.take(replace(use, at=at), counts.places)
    return Again(
        recorded=recorded,
        after=Verdict.ALLOW if reused else _strictest(found),
        rules=() if reused else tuple(dict.fromkeys(rule for rule, _ in found)),
        amount=_amount(frame, judged),
        reused=reused,
        unclear=unclear,
    )


def _strictest(found: Sequence[tuple[str, Verdict]]) -> Verdict:
    asked = {decision for _, decision in found}
    return Verdict.DENY if Verdict.DENY in asked else Verdict.HOLD if Verdict.HOLD in asked else Verdict.ALLOW


def _runs_at(after: Verdict, recorded: Recorded) -> Instant | None:
    # Rule 2. What was denied then and is allowed now would have run, as far as anybody can know.
    if recorded.failed or after is Verdict.DENY:
        return None
    return recorded.at if after is Verdict.ALLOW else recorded.dispatched


def _amount(frame: Frame, judged: Judgement) -> Money | None:
    if judged.call is None:
        return None
    for policy in (frame.now, frame.then):
        tool = policy.tools.get(judged.call.tool)
        value = find(judged.call.arguments, tool.amount) if tool is not None and tool.amount is not None else None
        micros = None if isinstance(value, Missing) else amount_micros(value)
        if micros is not None:
            return Money(micros)
    return None


def of_the_run(policy: Policy, name: str) -> tuple[str, ...]:
    """The keys that speak of this tool and need what its run had read or done (rule 3)."""
    top = plain_json(read_nodes(policy.source.encode(), name=policy.name))
    written = top if isinstance(top, dict) else {}
    tools = written.get("tools")
    entry = tools.get(name) if isinstance(tools, dict) else None
    keys = [key for key in _OF_THE_RUN if isinstance(entry, dict) and entry.get(key)]
    tool = policy.tools.get(name)
    tier = policy.tiers.get(tool.tier or "") if tool is not None else None
    if tier is not None and tier.on_untrusted_control is not None:
        keys.append("on_untrusted_control")
    return (*keys, *(["temporal"] if _orders(written.get("temporal"), name) else []))


def _orders(temporal: Json, name: str) -> bool:
    """Whether a rule over the order of calls may speak of this tool: it names it, or none."""
    for each in temporal if isinstance(temporal, list) else []:
        named = _named(each)
        if name in named or not named:
            return True
    return False


def _named(of: Json) -> frozenset[str]:
    found: set[str] = set()
    for key, value in of.items() if isinstance(of, dict) else ():
        if key in ("tool", "before") and isinstance(value, str):
            found.add(value)
        found |= _named(value)
    return frozenset(found)
