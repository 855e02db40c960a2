"""One tool's entry turned into rules that can be asked, in a fixed order.

Reading the file and adding up findings stand elsewhere.

Rule 1. Every rule looks at every call: findings are complete, whatever others say.
Rule 2. What a rule needs and cannot read (missing, of the wrong kind, not an amount) is a deny that names the rule.
Rule 3. The order of the file does not matter: keys come in the order of `compile_tool`, rules by id.
Rule 4. A limit is exceeded only by more than it; equal is fine.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.arguments import MISSING, REDACTED, Missing, comparing, hidden, reader, written
from dueprocess.policy.call import PolicyCall
from dueprocess.policy.document import ArgumentPath, Assertion, CompiledTool, Role, Rule, Test, ToolPolicy, Values
from dueprocess.policy.expression import Condition
from dueprocess.policy.fields import excess
from dueprocess.policy.finding import Finding, Verdict
from dueprocess.policy.part import ARGUMENTS
from dueprocess.policy.program import together
from dueprocess.values import Json, Money, amount_micros
from dueprocess.values.foreign import kind_of, quoted, visible, worded

_GRAMMAR: Final = "digits with at most two decimals"
_MAX_LISTED: Final = 5  # names in one sentence; the rest is counted
_LIMITS: Final = ("max_amount_usd", "require_approval_over_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Rules that are asked together: what speaks against a call, if anything can, and what each compares."""

    values: Mapping[str, Values]
    test: Test | None = None


def compile_tool(
    tool: ToolPolicy,
    *,
    roles: Mapping[str, Role],
    conditions: Mapping[str, Condition],
    assertions: Sequence[Condition] = (),
) -> CompiledTool:
    """The rules of one tool (rule 3). `conditions` holds the `when` of each rule by its id, `assertions` those of checks."""
    found = [_allowed(tool)]
    if tool.environments is not None:
        found.append(_environments(tool, tool.environments))
    if tool.roles is not None:
        found.append(_roles(tool, tuple(roles[name] for name in tool.roles)))
    if tool.amount is not None:
        found.append(_limits(tool, tool.amount))
    if tool.require_citation:
        found.append(_citation(tool))
    if tool.allowed_fields is not None:
        found.append(_fields(tool, tool.allowed_fields))
    if tool.idempotency_key:
        found.append(_idempotency(tool))
    if tool.rules:
        found.append(_conditions(tool, conditions))
    return CompiledTool(
        tests=tuple(asked.test for asked in found if asked.test is not None),
        values={rule: values for asked in found for rule, values in asked.values.items()},
        assertions=tuple(map(_assertion, assertions)),
    )


def _assertion(condition: Condition) -> Assertion:
    ask = together([condition])

    def holds(known: Mapping[str, Json]) -> BadValue | bool:
        found = ask(known)
        if not found:
            return False
        _, error = found[0]
        return True if error is None else BadValue(_unrooted(str(error), known))

    return holds


def _unrooted(message: str, known: Mapping[str, Json]) -> str:
    # What is asked is one object that holds them all; to a person each is a name of its own.
    return re.sub(rf"\b{ARGUMENTS}\.({'|'.join(known)})\b", r"\1", message)


def _allowed(tool: ToolPolicy) -> _Asked:
    rule = f"{tool.name}.allowed"
    if tool.allowed:
        return _Asked(values={rule: lambda _: {"allowed": True}})
    return _always(rule, f"the policy does not allow the tool {quoted(tool.name)}", {"allowed": False})


def _always(rule: str, reason: str, values: Mapping[str, Json]) -> _Asked:
    found = (Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values, always=True),)
    return _Asked(values={rule: lambda _: values}, test=lambda _: found)


def _environments(tool: ToolPolicy, names: tuple[str, ...]) -> _Asked:
    rule = f"{tool.name}.environments"
    allowed = frozenset(names)

    def values(call: PolicyCall) -> dict[str, Json]:
        return {"environment": visible(call.environment), "environments": list(names)}

    def test(call: PolicyCall) -> tuple[Finding, ...]:
        if call.environment in allowed:
            return ()
        reason = f"the environment is {quoted(call.environment)}; the tool is for {', '.join(names)}"
        return (Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call)),)

    return _Asked(values={rule: values}, test=test)


def _roles(tool: ToolPolicy, roles: tuple[Role, ...]) -> _Asked:
    rule = f"{tool.name}.roles"
    names = [role.name for role in roles]
    alone = frozenset[str]().union(*(role.members for role in roles if not role.on_behalf_of_required))
    for_user = frozenset[str]().union(*(role.members for role in roles if role.on_behalf_of_required))
    either = alone | for_user

    def values(call: PolicyCall) -> dict[str, Json]:
        who = call.principal
        through: dict[str, Json] = {"through": [visible(each) for each in who.through]} if who and who.through else {}
        return {
            "principal": None if who is None else visible(who.id),
            "on_behalf_of": None if who is None or who.on_behalf_of is None else visible(who.on_behalf_of),
            **through,
            "roles": list(names),
        }

    def test(call: PolicyCall) -> tuple[Finding, ...]:
        who = call.principal
        allowed = either if who is not None and _is_user(who.on_behalf_of) else alone
        # INVARIANT I5: a sub-agent has no privilege of its agent, nor the agent one of its sub-agent: each is asked.
        outside = [None] if who is None else [each for each in who.chain if each not in allowed]
        if not outside:
            return ()
        member = outside[0]
        if member is None:
            reason = f"nobody is named as acting; expected a member of {', '.join(names)}"
        elif member in for_user:
            reason = f"{quoted(member)} acts for no user; {', '.join(names)} acts only on behalf of one"
        else:
            reason = f"{quoted(member)} is not a member of {', '.join(names)}"
        return (Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call)),)

    return _Asked(values={rule: values}, test=test)


def _is_user(name: str | None) -> bool:
    return name is not None and name.startswith("user:") and len(name) > len("user:")


def _limits(tool: ToolPolicy, path: ArgumentPath) -> _Asked:
    read = reader(path)
    limits = tuple(
        _Limit.of(tool, key, path, limit)
        for key, limit in zip(_LIMITS, (tool.max_amount, tool.require_approval_over), strict=True)
        if limit is not None
    )
    least = min((limit.micros for limit in limits), default=-1)

    def test(call: PolicyCall) -> Sequence[Finding]:
        value = read(call.arguments)
        amount = None if isinstance(value, Missing) else amount_micros(value)
        if amount is not None and amount <= least:
            return ()
        if amount is None:
            return [limit.unread(call, value) for limit in limits]
        return [limit.exceeded(call, amount) for limit in limits if amount > limit.micros]

    return _Asked(values={limit.rule: limit.values for limit in limits}, test=test if limits else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """One limit of an amount, and what is said where it is exceeded or the amount is none."""

    rule: str
    key: str
    amount: Money
    exact: Decimal
    micros: int
    name: str
    secret: bool
    compared: Callable[[Mapping[str, Json]], dict[str, Json]]

    @classmethod
    def of(cls, tool: ToolPolicy, key: str, path: ArgumentPath, limit: Money) -> "_Limit":
        return cls(
            rule=f"{tool.name}.{key}",
            key=key,
            amount=limit,
            exact=Decimal(str(limit)),
            micros=limit.micros,
            name=written(path),
            secret=hidden(path, tool.redact),
            compared=comparing((path,), tool.redact),
        )

    def values(self, call: PolicyCall) -> dict[str, Json]:
        found = self.compared(call.arguments)
        found[self.key] = self.exact
        return found

    def unread(self, call: PolicyCall, value: Json | Missing) -> Finding:
        got = _no_amount(value, secret=self.secret)
        reason = f"{self.name} is {got}; expected {_GRAMMAR}, such as 25 or 25.50"
        return Finding(rule=self.rule, decision=Verdict.DENY, reason=reason, compared=self.values(call), always=True)

    def exceeded(self, call: PolicyCall, micros: int) -> Finding:
        got = REDACTED if self.secret else str(Money(micros))
        if self.key == "max_amount_usd":
            decision = Verdict.DENY
            reason = f"{self.name} {got} is over the limit of {self.amount} USD; no approval lifts it"
        else:
            decision = Verdict.HOLD
            reason = f"{self.name} {got} is over {self.amount} USD; a person must approve"
        return Finding(rule=self.rule, decision=decision, reason=reason, compared=self.values(call))


def _no_amount(value: Json | Missing, *, secret: bool) -> str:
    if isinstance(value, Missing):
        return "missing"
    if secret or not isinstance(value, str):
        return f"{kind_of(value)} that is no amount of USD" if secret else f"{worded(value)}, no amount of USD"
    return f"the text {quoted(value)}, no amount of USD"


def _citation(tool: ToolPolicy) -> _Asked:
    rule = f"{tool.name}.require_citation"

    def values(call: PolicyCall) -> dict[str, Json]:
        return {"resolved": call.resolved, "required": 1, "unresolved": list[Json](call.unresolved[:_MAX_LISTED])}

    def test(call: PolicyCall) -> tuple[Finding, ...]:
        if call.resolved >= 1:
            return ()
        why = call.unresolved[0] if call.unresolved else "none is given"
        reason = f"no citation resolves to evidence retrieved in this run: {why}"
        return (Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call)),)

    return _Asked(values={rule: values}, test=test)


def _fields(tool: ToolPolicy, allowed: tuple[ArgumentPath, ...]) -> _Asked:
    rule = f"{tool.name}.allowed_fields"
    path, redact = tool.fields, tool.redact
    listed: list[Json] = [written(field) for field in allowed]
    outside = excess(allowed)
    read = reader(path) if path is not None else None

    def given(call: PolicyCall) -> Json | Missing:
        return MISSING if read is None else read(call.arguments)

    def values(call: PolicyCall) -> dict[str, Json]:
        update = given(call)
        if not isinstance(update, dict) or path is None:
            return {"allowed_fields": listed}
        names = [visible(key) for key in update if not hidden((*path, key), redact)]
        if len(names) < len(update):
            names.append(REDACTED)
        return {"fields": list[Json](names[: 4 * _MAX_LISTED]), "allowed_fields": listed}

    def test(call: PolicyCall) -> tuple[Finding, ...]:
        update = given(call)
        if not isinstance(update, dict) or path is None:
            got = "missing" if isinstance(update, Missing) else kind_of(update)
            reason = f"{written(path) if path else 'the update'} is {got}; expected the object that holds the fields"
            return (Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call), always=True),)
        over = outside(update)
        if not over:
            return ()
        names = [REDACTED if hidden((*path, *field), redact) else quoted(written(field)) for field in over]
        more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
        reason = f"not among the allowed fields: {', '.join(names[:_MAX_LISTED])}{more}"
        return (Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call)),)

    return _Asked(values={rule: values}, test=test)


def _idempotency(tool: ToolPolicy) -> _Asked:
    rule = f"{tool.name}.idempotency_key"
    readers = [(path, reader(path)) for path in tool.idempotency_key]
    compared = comparing(tool.idempotency_key, tool.redact)

    def values(call: PolicyCall) -> dict[str, Json]:
        return compared(call.arguments)

    def test(call: PolicyCall) -> tuple[Finding, ...]:
        for path, read in readers:
            value = read(call.arguments)
            if value is None or value is MISSING:
                reason = (
                    f"{written(path)} is missing or null, and is part of the idempotency key: twice could not be told"
                )
                return (Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call), always=True),)
        return ()

    return _Asked(values={rule: values}, test=test)


def _conditions(tool: ToolPolicy, conditions: Mapping[str, Condition]) -> _Asked:
    by_id = sorted(tool.rules, key=lambda rule: rule.id)
    ask = together([conditions[rule.id] for rule in by_id])
    rules = [_Stated.of(tool, rule, conditions[rule.id]) for rule in by_id]

    def test(call: PolicyCall) -> list[Finding]:
        return [rules[at].finding(call, error) for at, error in ask(call.arguments)]

    return _Asked(test=test, values={rule.name: rule.values for rule in rules})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stated:
    """What is said of a condition that holds, or that cannot be answered."""

    name: str
    then: Verdict
    when: str
    why: str
    compared: Callable[[Mapping[str, Json]], dict[str, Json]]

    @classmethod
    def of(cls, tool: ToolPolicy, rule: Rule, condition: Condition) -> "_Stated":
        when = visible(rule.when, limit=200)
        return cls(
            name=f"{tool.name}.rules.{rule.id}",
            then=rule.then,
            when=when,
            why=rule.why or f"the condition holds: {when}",
            compared=comparing(condition.reads, tool.redact),
        )

    def values(self, call: PolicyCall) -> dict[str, Json]:
        found = self.compared(call.arguments)
        found["when"] = self.when
        return found

    def finding(self, call: PolicyCall, error: BadValue | None) -> Finding:
        if error is None:
            return Finding(rule=self.name, decision=self.then, reason=self.why, compared=self.values(call))
        reason = f"the rule cannot be decided: {error}"
        return Finding(rule=self.name, decision=Verdict.DENY, reason=reason, compared=self.values(call), always=True)
