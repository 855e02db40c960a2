"""Deciding one call beside Cedar: the same 30 rules and calls in both, and the same answer from both before anything is timed.

Cedar knows no hold: all rules are forbids there, and which of them held is read from the reasons it names. So it is asked
once a call, for a decision and its explanation, as we are. Both are timed in processor time of this thread: neither waits for
anything but the processor, and how long it is kept waiting is its neighbours' affair. Cedar's way of asking for many calls at
once is shown, and is not what we are compared with: calls come one by one.
"""

import json
import random
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import cedarpy

from bench.figures import Part, in_turns, ratio, spread
from dueprocess.gate.judge import RawCall, judge
from dueprocess.policy import Policy, PolicyCall, Principal, decide, load
from dueprocess.tool import ToolSpec
from dueprocess.values import Json, canonical

RULES: Final = 30
_SEED: Final = 20261123
_TOOL: Final = ToolSpec(
    name="issue_refund",
    parameters={
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "amount_usd": {"type": ["number", "string"]},
            "changes": {"type": "object"},
            "currency": {"type": "string"},
            "flag": {"type": "boolean"},
            "qty": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    },
)
_MAXIMUM, _THRESHOLD = 5_000, 2_500  # cents
_FIELDS: Final = ("email", "phone", "city", "zip")
_ALLOWED: Final = _FIELDS[:3]
_ENVIRONMENTS: Final = ("prod", "staging", "qa")
_CURRENCIES: Final = ("USD", "EUR", "CHF", "USDC")
_TAGS: Final = ("vip", "fraud", "new", "gift", "fragile")
_AGENTS: Final = {"agent:support": ["support"], "agent:batch": ["batch"], "agent:other": []}
_KEYS: Final = ("max_amount_usd", "require_approval_over_usd", "allowed_fields", "roles", "environments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many calls in how many turns."""

    calls: int
    repeats: int


FULL: Final = Sizes(calls=10_000, repeats=40)
QUICK: Final = Sizes(calls=1_000, repeats=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call as each side is asked."""

    ours: PolicyCall
    raw: RawCall
    cedar: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cedar:
    """Handles, so that nothing is parsed while it is timed."""

    policies: cedarpy.PolicySet
    entities: cedarpy.Entities

    def ask(self, request: dict[str, object]) -> cedarpy.AuthzResult:
        """One decision."""
        return cedarpy.is_authorized(request, self.policies, self.entities)


def measure(sizes: Sizes) -> Part:
    """Times both on the same calls, in turns; no call is decided twice by the same side."""
    policy, cedar = our_policy(), cedar_policy()
    each = sizes.calls // sizes.repeats
    rng = random.Random(_SEED)
    calls = [asked(rng, number) for number in range(each * (sizes.repeats + 1))]
    *measured, tried = [calls[start : start + each] for start in range(0, len(calls), each)]
    compare(policy, cedar, tried)
    specs = {_TOOL.name: _TOOL}

    def ours(repeat: int) -> float:
        seen = [call.ours for call in measured[repeat]]
        start = time.thread_time()
        for call in seen:
            decide(policy, call)
        return _us(start, each)

    def judged(repeat: int) -> float:
        seen = [call.raw for call in measured[repeat]]
        start = time.thread_time()
        for call in seen:
            judge(policy, specs, call=call)
        return _us(start, each)

    def theirs(repeat: int) -> float:
        requests = [call.cedar for call in measured[repeat]]
        start = time.thread_time()
        for request in requests:
            cedar.ask(request)
        return _us(start, each)

    def batched(repeat: int) -> float:
        requests = [call.cedar for call in measured[repeat]]
        start = time.thread_time()
        cedarpy.is_authorized_batch(requests, cedar.policies, cedar.entities)
        return _us(start, each)

    decided, whole, asked_cedar, asked_batch = in_turns(sizes.repeats, ours, judged, theirs, batched)
    for part in measured:
        compare(policy, cedar, part)
    absolute = spread("decide_us", decided) | spread("judge_us", whole)
    absolute |= spread("cedar_us", asked_cedar) | spread("cedar_batch_us", asked_batch)
    return Part(
        figures={"decide_us": absolute["decide_us"], "decide_vs_cedar": ratio(decided, asked_cedar)},
        absolute=absolute,
        repeats={"decide": sizes.repeats, "decide_calls_each": each, "decide_rules": RULES},
    )


def compare(policy: Policy, cedar: Cedar, calls: list[Asked]) -> None:
    """Stops unless both say of every call which rules stand against it, and they say the same."""
    for call in calls:
        ours = {finding.rule.removeprefix("issue_refund.") for finding in decide(policy, call.ours)}
        told = cedar.ask(call.cedar)
        assert not told.diagnostics.errors, told.diagnostics.errors
        theirs = set(told.diagnostics.id_annotations_by_reason.values()) - {None, "permit"}
        assert ours == theirs, f"{call.cedar}: we find {sorted(ours)}, Cedar {sorted(theirs)}"


def conditions() -> list[tuple[str, str, str]]:
    """Effect, condition in our language, condition in Cedar's: what is left of the 30 after the keys of the tool."""
    found: list[tuple[str, str, str]] = []
    for number in range(RULES - len(_KEYS)):
        tag, currency = _TAGS[number % len(_TAGS)], _CURRENCIES[number % len(_CURRENCIES)]
        kinds = (
            (f"args.qty > {70 + number}", f"context.qty > {70 + number}"),
            (
                f"'{tag}' in args.tags && args.qty > {70 + number}",
                f'context.tags.contains("{tag}") && context.qty > {70 + number}',
            ),
            (
                f"has(args.currency) && args.currency == '{currency}' && args.flag && args.qty > {60 + number}",
                f'context has currency && context.currency == "{currency}" && context.flag && context.qty > {60 + number}',
            ),
            (f"args.qty in [{number}, {number + 30}]", f"[{number}, {number + 30}].contains(context.qty)"),
            (
                f"args.order_id.startsWith('{tag[0].upper()}{number % 10}') || !(args.qty != {number})",
                f'context.order_id like "{tag[0].upper()}{number % 10}*" || !(context.qty != {number})',
            ),
        )
        found.append(("deny" if number % 2 else "hold", *kinds[number % len(kinds)]))
    return found


def our_policy() -> Policy:
    """The 30 rules in our language."""
    lines = [
        "environments: {staging: {}, qa: {}}",
        "roles:",
        '  support: {members: ["agent:support"]}',
        '  batch: {members: ["agent:batch"]}',
        "tools:",
        f"  {_TOOL.name}:",
        "    allowed: true",
        f"    max_amount_usd: {Decimal(_MAXIMUM).scaleb(-2)}",
        f"    require_approval_over_usd: {Decimal(_THRESHOLD).scaleb(-2)}",
        f"    allowed_fields: [{', '.join(_ALLOWED)}]",
        "    roles: [support]",
        f"    environments: [{', '.join(_ENVIRONMENTS[:2])}]",
        "    rules:",
        *(f'    - {{id: r{at}, when: "{ours}", then: {then}}}' for at, (then, ours, _) in enumerate(conditions())),
    ]
    return load("\n".join(lines).encode(), name="bench", tools={_TOOL.name: _TOOL})


def cedar_policy() -> Cedar:
    """The 30 rules in Cedar's, and a permit for what none of them forbids."""
    allowed, environments = json.dumps(list(_ALLOWED)), json.dumps(list(_ENVIRONMENTS[:2]))
    forbidden = [
        (_KEYS[0], f"when {{ context.cents > {_MAXIMUM} }}"),
        (_KEYS[1], f"when {{ context.cents > {_THRESHOLD} }}"),
        (_KEYS[2], f"unless {{ {allowed}.containsAll(context.fields) }}"),
        (_KEYS[3], 'unless { principal in Role::"support" }'),
        (_KEYS[4], f"unless {{ {environments}.contains(context.environment) }}"),
        *((f"rules.r{at}", f"when {{ {cedar} }}") for at, (_, _, cedar) in enumerate(conditions())),
    ]
    written = ['@id("permit") permit(principal, action, resource);']
    written += [f'@id("{name}") forbid(principal, action, resource) {clause};' for name, clause in forbidden]
    roles = sorted({role for held in _AGENTS.values() for role in held})
    entities: list[dict[str, object]] = [
        {"uid": {"type": "Role", "id": role}, "attrs": {}, "parents": []} for role in roles
    ]
    entities += [
        {
            "uid": {"type": "Agent", "id": agent},
            "attrs": {},
            "parents": [{"type": "Role", "id": role} for role in held],
        }
        for agent, held in _AGENTS.items()
    ]
    return Cedar(
        policies=cedarpy.PolicySet.from_str("\n".join(written)),
        entities=cedarpy.Entities.from_json_str(json.dumps(entities)),
    )


def asked(rng: random.Random, number: int) -> Asked:
    """A call like no other: its order names it. Most fit most rules, as in life."""
    cents = rng.randint(100, _THRESHOLD) if rng.random() < 0.8 else rng.randint(_THRESHOLD, 6_000)
    agent = rng.choices(tuple(_AGENTS), weights=(94, 3, 3))[0]
    environment = rng.choices(_ENVIRONMENTS, weights=(80, 17, 3))[0]
    fields = rng.sample(_ALLOWED if rng.random() < 0.95 else _FIELDS, 2)
    said: dict[str, Json] = {
        "order_id": f"{rng.choice('ABCDEFG')}{rng.randint(0, 10**6)}-{number}",
        "currency": rng.choice(_CURRENCIES),
        "flag": rng.random() < 0.5,
        "qty": rng.randint(0, 99),
        "tags": [*rng.sample(_TAGS, 2)],
    }
    arguments: dict[str, Json] = {
        **said,
        "amount_usd": str(Decimal(cents).scaleb(-2)),
        "changes": dict.fromkeys(fields, "x"),
    }
    principal = Principal(id=f"{agent}@1", on_behalf_of="user:ann")
    return Asked(
        ours=PolicyCall(tool=_TOOL.name, arguments=arguments, principal=principal, environment=environment),
        raw=RawCall(tool=_TOOL.name, arguments=canonical(arguments), principal=principal, environment=environment),
        cedar={
            "principal": {"type": "Agent", "id": agent},
            "action": {"type": "Action", "id": "call"},
            "resource": {"type": "Tool", "id": _TOOL.name},
            "context": {**said, "cents": cents, "fields": fields, "environment": environment},
        },
    )


def _us(start: float, count: int) -> float:
    return (time.thread_time() - start) / count * 1e6
