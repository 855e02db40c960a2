"""One tool's entry turned into rules that can be asked, in a fixed order.

Reading the file and adding up findings stand elsewhere.

Rule 1. Every rule looks at every call: findings are complete, whatever others say.
Rule 2. What a rule needs and cannot read (missing, of the wrong kind, not an amount) is a deny that names the rule.
Rule 3. The order of the file does not matter: keys come in the order of `compile_tool`, rules by id.
Rule 4. A limit is exceeded only by more than it; equal is fine.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.arguments import MISSING, REDACTED, Missing, comparing, find, hidden, reader, written
from dueprocess.policy.call import PolicyCall
from dueprocess.policy.document import ArgumentPath, CompiledRule, Role, Rule, ToolPolicy
from dueprocess.policy.expression import Condition
from dueprocess.policy.fields import excess
from dueprocess.policy.finding import Finding, Verdict
from dueprocess.values import MICROS, Json, Money, read_amount
from dueprocess.values.foreign import kind_of, quoted, visible, worded

_GRAMMAR: Final = "digits with at most two decimals"
_MAX_LISTED: Final = 5  # names in one sentence; the rest is counted


def compile_tool(
    tool: ToolPolicy, *, roles: Mapping[str, Role], conditions: Mapping[str, Condition]
) -> tuple[CompiledRule, ...]:
    """The rules of one tool (rule 3). `conditions` holds the compiled `when` of each rule by its id."""
    found = [_allowed(tool)]
    found.extend(_unenforceable(key) for key in tool.unenforceable)
    if tool.environments is not None:
        found.append(_environments(tool, tool.environments))
    if tool.roles is not None:
        found.append(_roles(tool, tuple(roles[name] for name in tool.roles)))
    if tool.max_amount is not None and tool.amount is not None:
        found.append(_limit(tool, "max_amount_usd", tool.amount, tool.max_amount))
    if tool.require_approval_over is not None and tool.amount is not None:
        found.append(_limit(tool, "require_approval_over_usd", tool.amount, tool.require_approval_over))
    if tool.require_citation:
        found.append(_citation(tool))
    if tool.allowed_fields is not None:
        found.append(_fields(tool, tool.allowed_fields))
    if tool.idempotency_key:
        found.append(_idempotency(tool))
    by_id = sorted(tool.rules, key=lambda rule: rule.id)
    found.extend(_condition(tool, rule, conditions[rule.id]) for rule in by_id)
    return tuple(found)


def _allowed(tool: ToolPolicy) -> CompiledRule:
    rule = f"{tool.name}.allowed"
    values: Mapping[str, Json] = {"allowed": tool.allowed}
    if tool.allowed:
        return CompiledRule(rule=rule, test=lambda _: None, values=lambda _: values)
    reason = f"the policy does not allow the tool {quoted(tool.name)}"
    finding = Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values, always=True)
    return CompiledRule(rule=rule, test=lambda _: finding, values=lambda _: values)


def _unenforceable(key: str) -> CompiledRule:
    rule = f"unenforceable:{key}"
    values: Mapping[str, Json] = {"key": key}
    reason = f"the policy asks for {key}, which this version reads but cannot enforce"
    finding = Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values, always=True)
    return CompiledRule(rule=rule, test=lambda _: finding, values=lambda _: values)


def _environments(tool: ToolPolicy, names: tuple[str, ...]) -> CompiledRule:
    rule = f"{tool.name}.environments"
    allowed = frozenset(names)

    def values(call: PolicyCall) -> dict[str, Json]:
        return {"environment": visible(call.environment), "environments": list(names)}

    def test(call: PolicyCall) -> Finding | None:
        if call.environment in allowed:
            return None
        reason = f"the environment is {quoted(call.environment)}; the tool is for {', '.join(names)}"
        return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call))

    return CompiledRule(rule=rule, test=test, values=values)


def _roles(tool: ToolPolicy, roles: tuple[Role, ...]) -> CompiledRule:
    rule = f"{tool.name}.roles"
    names = [role.name for role in roles]
    alone = frozenset[str]().union(*(role.members for role in roles if not role.on_behalf_of_required))
    for_user = frozenset[str]().union(*(role.members for role in roles if role.on_behalf_of_required))

    def values(call: PolicyCall) -> dict[str, Json]:
        who = call.principal
        return {
            "principal": None if who is None else visible(who.id),
            "on_behalf_of": None if who is None or who.on_behalf_of is None else visible(who.on_behalf_of),
            "roles": list(names),
        }

    def test(call: PolicyCall) -> Finding | None:
        who = call.principal
        if who is None:
            reason = f"nobody is named as acting; expected a member of {', '.join(names)}"
            return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call))
        member = who.member
        if member in alone or (member in for_user and _is_user(who.on_behalf_of)):
            return None
        if member in for_user:
            reason = f"{quoted(member)} acts for no user; {', '.join(names)} acts only on behalf of one"
        else:
            reason = f"{quoted(member)} is not a member of {', '.join(names)}"
        return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call))

    return CompiledRule(rule=rule, test=test, values=values)


def _is_user(name: str | None) -> bool:
    return name is not None and name.startswith("user:") and len(name) > len("user:")


def _limit(tool: ToolPolicy, key: str, path: ArgumentPath, limit: Money) -> CompiledRule:
    rule = f"{tool.name}.{key}"
    read = reader(path)
    holds = key == "require_approval_over_usd"
    beyond = limit.micros
    whole = beyond // MICROS
    secret = hidden(path, tool.redact)
    name = written(path)
    compared = comparing((path,), tool.redact)
    exact = Decimal(str(limit))

    def values(call: PolicyCall) -> dict[str, Json]:
        found = compared(call.arguments)
        found[key] = exact
        return found

    def test(call: PolicyCall) -> Finding | None:
        value = read(call.arguments)
        # A whole number is its own amount; this is what the grammar would read, without writing it out first.
        if type(value) is int and 0 <= value <= whole:
            return None
        amount = None if isinstance(value, Missing) else read_amount(value)
        if amount is None:
            reason = f"{name} is {_no_amount(value, secret=secret)}; expected {_GRAMMAR}, such as 25 or 25.50"
            return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call), always=True)
        if amount.micros <= beyond:
            return None
        got = REDACTED if secret else str(amount)
        if holds:
            reason = f"{name} {got} is over {limit} USD; a person must approve"
            return Finding(rule=rule, decision=Verdict.HOLD, reason=reason, compared=values(call))
        reason = f"{name} {got} is over the limit of {limit} USD; no approval lifts it"
        return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call))

    return CompiledRule(rule=rule, test=test, values=values)


def _no_amount(value: Json | Missing, *, secret: bool) -> str:
    if isinstance(value, Missing):
        return "missing"
    if secret or not isinstance(value, str):
        return f"{kind_of(value)} that is no amount of USD" if secret else f"{worded(value)}, no amount of USD"
    return f"the text {quoted(value)}, no amount of USD"


def _citation(tool: ToolPolicy) -> CompiledRule:
    rule = f"{tool.name}.require_citation"

    def values(call: PolicyCall) -> dict[str, Json]:
        return {"resolved": call.resolved, "required": 1, "unresolved": list[Json](call.unresolved[:_MAX_LISTED])}

    def test(call: PolicyCall) -> Finding | None:
        if call.resolved >= 1:
            return None
        why = call.unresolved[0] if call.unresolved else "none is given"
        reason = f"no citation resolves to evidence retrieved in this run: {why}"
        return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call))

    return CompiledRule(rule=rule, test=test, values=values)


def _fields(tool: ToolPolicy, allowed: tuple[ArgumentPath, ...]) -> CompiledRule:
    rule = f"{tool.name}.allowed_fields"
    path, redact = tool.fields, tool.redact
    listed: list[Json] = [written(field) for field in allowed]

    def given(call: PolicyCall) -> Json | Missing:
        return MISSING if path is None else find(call.arguments, path)

    def values(call: PolicyCall) -> dict[str, Json]:
        update = given(call)
        if not isinstance(update, dict) or path is None:
            return {"allowed_fields": listed}
        names = [visible(key) for key in update if not hidden((*path, key), redact)]
        if len(names) < len(update):
            names.append(REDACTED)
        return {"fields": list[Json](names[: 4 * _MAX_LISTED]), "allowed_fields": listed}

    def test(call: PolicyCall) -> Finding | None:
        update = given(call)
        if not isinstance(update, dict) or path is None:
            got = "missing" if isinstance(update, Missing) else kind_of(update)
            reason = f"{written(path) if path else 'the update'} is {got}; expected the object that holds the fields"
            return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call), always=True)
        over = excess(update, allowed)
        if not over:
            return None
        names = [REDACTED if hidden((*path, *field), redact) else quoted(written(field)) for field in over]
        more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
        reason = f"not among the allowed fields: {', '.join(names[:_MAX_LISTED])}{more}"
        return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call))

    return CompiledRule(rule=rule, test=test, values=values)


def _idempotency(tool: ToolPolicy) -> CompiledRule:
    rule = f"{tool.name}.idempotency_key"
    readers = [(path, reader(path)) for path in tool.idempotency_key]
    compared = comparing(tool.idempotency_key, tool.redact)

    def values(call: PolicyCall) -> dict[str, Json]:
        return compared(call.arguments)

    def unkeyed(call: PolicyCall, path: ArgumentPath) -> Finding:
        reason = f"{written(path)} is missing or null, and is part of the idempotency key: twice could not be told"
        return Finding(rule=rule, decision=Verdict.DENY, reason=reason, compared=values(call), always=True)

    def test(call: PolicyCall) -> Finding | None:
        for path, read in readers:
            value = read(call.arguments)
            if value is None or value is MISSING:
                return unkeyed(call, path)
        return None

    return CompiledRule(rule=rule, test=test, values=values)


def _condition(tool: ToolPolicy, rule: Rule, condition: Condition) -> CompiledRule:
    name = f"{tool.name}.rules.{rule.id}"
    when = visible(rule.when, limit=200)
    why = rule.why or f"the condition holds: {when}"
    run = condition.run
    compared = comparing(condition.reads, tool.redact)

    def values(call: PolicyCall) -> dict[str, Json]:
        found = compared(call.arguments)
        found["when"] = when
        return found

    def test(call: PolicyCall) -> Finding | None:
        try:
            if not run({"args": call.arguments}):
                return None
        except BadValue as error:
            reason = f"the rule cannot be decided: {error}"
            return Finding(rule=name, decision=Verdict.DENY, reason=reason, compared=values(call), always=True)
        return Finding(rule=name, decision=rule.then, reason=why, compared=values(call))

    return CompiledRule(rule=name, test=test, values=values)
