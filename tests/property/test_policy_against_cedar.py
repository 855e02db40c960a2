"""The decider against Cedar on the fragment that both can say: 20,000 generated cases, no difference.

Cedar knows no hold, so each policy is written as two sets for it: what denies, and what denies or holds. Cedar skips a
`forbid` that errors; any error it reports is taken as a denial, which is what a rule that errors is here.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import cedarpy
import pytest

from dueprocess.policy import Finding, Policy, PolicyCall, Principal, Verdict, decide, load, verdict
from dueprocess.tool import ToolSpec
from dueprocess.values import Json

SEED = 20261123
POLICIES, CALLS_EACH = 400, 50
TOOL = ToolSpec(
    name="issue_refund",
    parameters={
        "type": "object",
        "properties": {
            "amount_usd": {"type": ["number", "string"]},
            "changes": {"type": "object"},
            "currency": {"type": "string"},
            "flag": {"type": "boolean"},
            "qty": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    },
)
FIELDS = ("email", "phone", "city", "zip")
ENVIRONMENTS = ("prod", "staging", "qa")
AGENTS = ("agent:support", "agent:batch", "agent:other")
CURRENCIES = ("USD", "EUR", "CHF", "USDC")
TAGS = ("vip", "fraud", "new")
ROLES = {"support": ("agent:support", True), "batch": ("agent:batch", False)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A policy as both languages say it. Amounts are whole cents."""

    allowed: bool
    maximum: int | None
    threshold: int | None
    fields: tuple[str, ...] | None
    roles: tuple[str, ...] | None
    environments: tuple[str, ...] | None
    rules: tuple[tuple[str, str, str], ...]
    """Effect, condition in CEL, condition in Cedar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call as both are asked."""

    agent: str
    user: str | None
    environment: str
    cents: int
    style: int
    fields: tuple[str, ...]
    optional: dict[str, Json] = field(default_factory=dict[str, Json])
    qty: int
    tags: tuple[str, ...]


def condition(rng: random.Random, depth: int = 2) -> tuple[str, str]:
    """A condition in CEL and the same in Cedar."""
    if depth and rng.random() < 0.55:
        kind = rng.choice(("and", "or", "not"))
        left = condition(rng, depth - 1)
        if kind == "not":
            return f"!({left[0]})", f"!({left[1]})"
        right = condition(rng, depth - 1)
        sign = {"and": "&&", "or": "||"}[kind]
        return f"({left[0]}) {sign} ({right[0]})", f"({left[1]}) {sign} ({right[1]})"
    currency, number, tag = rng.choice(CURRENCIES), rng.randint(0, 6), rng.choice(TAGS)
    compare = rng.choice(("==", "!=", "<", "<=", ">", ">="))
    equal = rng.choice(("==", "!="))
    guard = rng.random() < 0.7
    leaves = [
        (f"args.qty {compare} {number}", f"context.qty {compare} {number}"),
        (f"{number} {compare} args.qty", f"{number} {compare} context.qty"),
        (f"args.qty in [{number}, {number + 2}]", f"[{number}, {number + 2}].contains(context.qty)"),
        (f"'{tag}' in args.tags", f'context.tags.contains("{tag}")'),
        ("has(args.currency)", "context has currency"),
        guarded(
            "currency", f"args.currency {equal} '{currency}'", f'context.currency {equal} "{currency}"', guard=guard
        ),
        guarded(
            "currency",
            f"args.currency.startsWith('{currency[:2]}')",
            f'context.currency like "{currency[:2]}*"',
            guard=guard,
        ),
        guarded(
            "currency",
            f"args.currency.endsWith('{currency[-1]}')",
            f'context.currency like "*{currency[-1]}"',
            guard=guard,
        ),
        guarded(
            "currency",
            f"args.currency in ['{currency}', 'USD']",
            f'["{currency}", "USD"].contains(context.currency)',
            guard=guard,
        ),
        guarded("flag", "args.flag", "context.flag", guard=guard),
        guarded("flag", "args.flag != true", "context.flag != true", guard=guard),
    ]
    return rng.choice(leaves)


def guarded(name: str, cel: str, cedar: str, *, guard: bool) -> tuple[str, str]:
    return (f"has(args.{name}) && {cel}", f"context has {name} && {cedar}") if guard else (cel, cedar)


def some(rng: random.Random, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(rng.sample(names, rng.randint(1, len(names))))


def policy(rng: random.Random) -> Written:
    maximum = rng.randint(1, 8_000) if rng.random() < 0.6 else None
    threshold = rng.randint(0, 4_000) if rng.random() < 0.8 else None
    if maximum is not None and threshold is not None and threshold >= maximum:
        threshold = maximum - 1
    effects = ("deny", "hold", "hold", "hold")
    rules = [(rng.choice(effects), *condition(rng)) for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    return Written(
        allowed=rng.random() > 0.05,
        maximum=maximum,
        threshold=threshold,
        fields=some(rng, FIELDS) if rng.random() < 0.4 else None,
        roles=some(rng, tuple(ROLES)) if rng.random() < 0.4 else None,
        environments=some(rng, ENVIRONMENTS) if rng.random() < 0.45 else None,
        rules=tuple(rules),
    )


def asked(rng: random.Random, written: Written) -> Asked:
    """A call that mostly fits, often stands exactly on a border, and sometimes breaks a rule."""
    borders = [0, *(cents for cents in (written.maximum, written.threshold) if cents is not None)]
    near = max(0, rng.choice(borders) + rng.choice((-1, 0, 0, 1, 1)))
    low = rng.randint(0, written.threshold if written.threshold is not None else written.maximum or 3_000)
    within = written.maximum if written.maximum is not None else 5_000
    cents = rng.choice((near, low, low, rng.randint(0, within), within + rng.randint(0, 2)))
    agent = rng.choice(AGENTS) if rng.random() < 0.2 else ROLES[rng.choice(written.roles or tuple(ROLES))][0]
    fields = some(rng, FIELDS) if rng.random() < 0.2 else some(rng, written.fields or FIELDS)
    environment = rng.choice(ENVIRONMENTS) if rng.random() < 0.35 else rng.choice(written.environments or ENVIRONMENTS)
    optional: dict[str, Json] = {}
    if rng.random() < 0.7:
        optional["currency"] = rng.choice(CURRENCIES)
    if rng.random() < 0.7:
        optional["flag"] = rng.random() < 0.5
    return Asked(
        agent=agent,
        user="user:ann" if rng.random() < 0.95 else None,
        environment=environment,
        cents=cents,
        style=rng.randint(0, 3),
        fields=fields,
        optional=optional,
        qty=rng.randint(0, 6),
        tags=some(rng, TAGS) if rng.random() < 0.8 else (),
    )


def ours(written: Written) -> Policy:
    lines = [
        "environments: {staging: {}, qa: {}}",
        "roles:",
        '  support: {members: ["agent:support"], on_behalf_of: required}',
        '  batch: {members: ["agent:batch"]}',
        "tools:",
        "  issue_refund:",
        f"    allowed: {str(written.allowed).lower()}",
    ]
    if written.maximum is not None:
        lines.append(f"    max_amount_usd: {Decimal(written.maximum).scaleb(-2)}")
    if written.threshold is not None:
        lines.append(f"    require_approval_over_usd: {Decimal(written.threshold).scaleb(-2)}")
    for key, names in (
        ("allowed_fields", written.fields),
        ("roles", written.roles),
        ("environments", written.environments),
    ):
        if names is not None:
            lines.append(f"    {key}: [{', '.join(names)}]")
    lines.append("    rules:" if written.rules else "    rules: []")
    for index, (then, cel, _) in enumerate(written.rules):
        lines.append(f'    - {{id: r{index}, when: "{cel}", then: {then}}}')
    return load("\n".join(lines).encode(), name="generated", tools={TOOL.name: TOOL})


def our_call(call: Asked) -> PolicyCall:
    exact = Decimal(call.cents).scaleb(-2)
    amounts: tuple[Json, ...] = (
        exact,
        str(exact),
        exact.normalize() if exact == exact.to_integral_value() else exact,
        str(exact),
    )
    amount = amounts[call.style]
    if isinstance(amount, Decimal) and amount == amount.to_integral_value() and call.style == 2:
        amount = int(amount)
    return PolicyCall(
        tool=TOOL.name,
        arguments={
            "amount_usd": amount,
            "changes": dict.fromkeys(call.fields, "x"),
            "qty": call.qty,
            "tags": list(call.tags),
            **call.optional,
        },
        principal=Principal(id=f"{call.agent}@1", on_behalf_of=call.user),
        environment=call.environment,
    )


def cedar_sets(written: Written) -> tuple[str, str]:
    """What denies, and what denies or holds."""
    denies = ["permit(principal, action, resource);"]
    if not written.allowed:
        denies.append("forbid(principal, action, resource);")
    if written.maximum is not None:
        denies.append(f"forbid(principal, action, resource) when {{ context.cents > {written.maximum} }};")
    if written.fields is not None:
        listed = ", ".join(f'"{name}"' for name in written.fields)
        denies.append(f"forbid(principal, action, resource) unless {{ [{listed}].containsAll(context.fields) }};")
    if written.environments is not None:
        listed = ", ".join(f'"{name}"' for name in written.environments)
        denies.append(f"forbid(principal, action, resource) unless {{ [{listed}].contains(context.environment) }};")
    if written.roles is not None:
        mine = " || ".join(
            f'(principal in Role::"{name}"{" && context has user" if ROLES[name][1] else ""})' for name in written.roles
        )
        denies.append(f"forbid(principal, action, resource) unless {{ {mine} }};")
    holds: list[str] = []
    if written.threshold is not None:
        holds.append(f"forbid(principal, action, resource) when {{ context.cents > {written.threshold} }};")
    for then, _, cedar in written.rules:
        (denies if then == "deny" else holds).append(f"forbid(principal, action, resource) when {{ {cedar} }};")
    return "\n".join(denies), "\n".join([denies[0], *holds])


ENTITIES = [
    *({"uid": {"type": "Role", "id": name}, "attrs": {}, "parents": []} for name in ROLES),
    *(
        {
            "uid": {"type": "Agent", "id": agent},
            "attrs": {},
            "parents": [{"type": "Role", "id": name} for name, (member, _) in ROLES.items() if member == agent],
        }
        for agent in AGENTS
    ),
]


def cedar_request(call: Asked) -> dict[str, object]:
    context: dict[str, object] = {
        "cents": call.cents,
        "fields": list(call.fields),
        "environment": call.environment,
        "qty": call.qty,
        "tags": list(call.tags),
        **call.optional,
    }
    if call.user is not None:
        context["user"] = call.user
    return {
        "principal": {"type": "Agent", "id": call.agent},
        "action": {"type": "Action", "id": "call"},
        "resource": {"type": "Tool", "id": TOOL.name},
        "context": context,
    }


def theirs(written: Written, calls: list[Asked]) -> list[Verdict]:
    requests = [cedar_request(call) for call in calls]
    denies, holds = cedar_sets(written)
    found: list[Verdict] = []
    for denied, held in zip(_asked_of_cedar(denies, requests), _asked_of_cedar(holds, requests), strict=True):
        # A rule that errors denies, whether it would have denied or held.
        error = bool(denied.diagnostics.errors) or bool(held.diagnostics.errors)
        if error or denied.decision is not cedarpy.Decision.Allow:
            found.append(Verdict.DENY)
        else:
            found.append(Verdict.ALLOW if held.decision is cedarpy.Decision.Allow else Verdict.HOLD)
    return found


def _asked_of_cedar(policies: str, requests: list[dict[str, object]]) -> list[cedarpy.AuthzResult]:
    return cedarpy.is_authorized_batch(requests, cedarpy.PolicySet.from_str(policies), ENTITIES)


def cases() -> Iterator[tuple[Written, list[Asked]]]:
    rng = random.Random(SEED)
    for _ in range(POLICIES):
        written = policy(rng)
        yield written, [asked(rng, written) for _ in range(CALLS_EACH)]


def decisive(findings: tuple[Finding, ...]) -> Iterator[str]:
    """The kinds of rules without which the decision would be another."""
    for kind in {kind_of(finding) for finding in findings}:
        if verdict(finding for finding in findings if kind_of(finding) != kind) is not verdict(findings):
            yield kind


def kind_of(finding: Finding) -> str:
    name = finding.rule.removeprefix("issue_refund.")
    if not name.startswith("rules."):
        return name
    return (
        "rule in error"
        if finding.always
        else "rule that denies"
        if finding.decision is Verdict.DENY
        else "rule that holds"
    )


@pytest.mark.slow
def test_20_000_cases_are_decided_as_cedar_decides_them():
    decisions: Counter[Verdict] = Counter()
    kinds: Counter[str] = Counter()
    for written, calls in cases():
        decider = ours(written)
        for call, expected in zip(calls, theirs(written, calls), strict=True):
            findings = decide(decider, our_call(call))
            assert verdict(findings) is expected, (written, call, findings)
            decisions[expected] += 1
            kinds.update(decisive(findings))

    total = decisions.total()
    assert total == POLICIES * CALLS_EACH == 20_000
    assert {kind: count for kind, count in decisions.items() if count < total / 4} == {}, decisions
    expected_kinds = {
        "allowed",
        "max_amount_usd",
        "require_approval_over_usd",
        "allowed_fields",
        "roles",
        "environments",
        "rule that denies",
        "rule that holds",
        "rule in error",
    }
    assert {kind: kinds[kind] for kind in expected_kinds if kinds[kind] < 500} == {}, kinds


def test_the_comparison_finds_a_decider_that_is_wrong_by_a_cent():
    """The negative control: with the limit one cent higher, Cedar and we must differ somewhere."""
    different = 0
    for written, calls in cases():
        if written.maximum is None:
            continue
        expected = theirs(written, calls)
        loose = Written(
            allowed=written.allowed,
            maximum=written.maximum + 1,
            threshold=written.threshold,
            fields=written.fields,
            roles=written.roles,
            environments=written.environments,
            rules=written.rules,
        )
        wrong = ours(loose)
        different += sum(
            verdict(decide(wrong, our_call(call))) is not each for call, each in zip(calls, expected, strict=True)
        )
        if different:
            break
    assert different > 0
