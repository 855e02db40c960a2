"""A policy as Cedar policies and a schema, for the part of it that Cedar can say; all else is listed, never dropped in silence.

Rule 1. Cedar allows or denies. Each tool is two actions: `request:TOOL`, it may be done if a person approves, and `run:TOOL`,
        it may be done at once. Denied both: deny. Only `request`: hold. Both: allow.
Rule 2. Nothing is permitted that is not listed. A tool with a restriction that is not exported is forbidden whole, unless
        the loss is asked for; then the restriction is missing, and the text says so at its top.
Rule 3. What a call is turned into is `cedar_request`'s matter; the policies hold for such requests only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dueprocess.analysis.cedar_condition import cedar_record, cedar_text, in_cedar
from dueprocess.errors import BadValue
from dueprocess.policy import Mode, Policy, Role, ToolPolicy, Verdict
from dueprocess.policy.source import plain_json, read_nodes
from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import type_of_arguments
from dueprocess.values import Json, Money
from dueprocess.values.foreign import visible

_CENTS: Final = 10_000  # micros
_SAID: Final = frozenset(
    "allowed max_amount_usd require_approval_over_usd require_citation allowed_fields roles environments rules bind".split()
)
_NO_RESTRICTION: Final = frozenset("tier approvers redact retries egress schema_digest".split())
"""Of a tool's keys. Any other restricts and cannot be said: Cedar counts nothing, remembers nothing and knows no run."""

_NEVER: Final = (
    "the check of arguments against the tool's schema: ask only about calls that passed it",
    "agent.*: the budgets of a run",
    "approvers: who may approve what is held, and how long that is good for",
    "vouching (I7): what a run has read",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Policies and schema as text. `missing` says what is not exported, `forbidden` which tools are forbidden for it."""

    policies: str
    schema: str
    missing: tuple[str, ...]
    forbidden: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Rules:
    """The forbids of one tool: each a condition for both actions or for `run` alone; and what could not be said."""

    both: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    run: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    missing: list[str] = field(default_factory=list[str])


def to_cedar(policy: Policy, tools: Mapping[str, ToolSpec], *, lossy: bool) -> Exported:
    """The policy in Cedar (rules 1 and 2)."""
    top = plain_json(read_nodes(policy.source.encode(), name=policy.name))
    written = top if isinstance(top, dict) else {}
    shared = [f"{key}: {why}" for key, why in _sections(written)]
    missing: list[str] = []
    forbidden: list[str] = []
    parts: list[str] = []
    schemas = ["entity Principal;", "entity Environment;"]
    for name, tool in sorted(policy.tools.items()):
        spec = tools.get(name)
        rules = _rules(policy, tool, spec, _entry(written, name))
        rules.missing += shared
        forbids = bool(rules.missing) and not lossy and tool.allowed
        missing += [f"{name}: {each}" for each in rules.missing if tool.allowed]
        forbidden += [name] if forbids else []
        parts.append("\n".join(_tool(policy, tool, rules, forbids=forbids)))
        schemas.append(_schema(name, spec))
    header = [*_header(policy, [*_NEVER, *missing], forbidden, lossy=lossy)]
    return Exported(
        policies="\n".join(header) + "\n\n" + "\n\n".join(parts) + "\n",
        schema="\n\n".join(schemas) + "\n",
        missing=(*_NEVER, *missing),
        forbidden=tuple(forbidden),
    )


def _sections(written: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    if written.get("temporal"):
        yield "temporal", "rules over the order of calls"


def _entry(written: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    tools = written.get("tools")
    entry = tools.get(name) if isinstance(tools, dict) else None
    return entry if isinstance(entry, dict) else {}


def _header(policy: Policy, missing: Sequence[str], forbidden: Sequence[str], *, lossy: bool) -> Iterator[str]:
    yield f"// {_comment(policy.name)}, digest {policy.digest}, exported by `due policy export --to cedar`."
    yield "//"
    yield "// Ask each call twice: request:TOOL (it may be done if a person approves) and run:TOOL (at once)."
    yield "// Neither allowed: denied. request alone: held. Both: allowed. Treat any error as a denial."
    yield "//"
    yield "// Not exported:"
    yield from (f"//   {_comment(each)}" for each in missing)
    if forbidden:
        yield f"// Forbidden for it: {_comment(', '.join(forbidden))}."
    if lossy:
        yield "// LOSSY: what is not exported is missing here; these policies allow more than the file they come from."


def _rules(policy: Policy, tool: ToolPolicy, spec: ToolSpec | None, entry: Mapping[str, Json]) -> _Rules:
    found = _Rules()
    enforced = _enforced(policy)
    found.missing += [key for key in entry if key not in _SAID | _NO_RESTRICTION and entry[key] not in (False, [])]
    tier = policy.tiers.get(tool.tier or "")
    if tier is not None and tier.on_untrusted_control is not None:
        found.missing.append("on_untrusted_control")
    if tool.environments is not None:
        listed = ", ".join(f"Environment::{cedar_text(name)}" for name in tool.environments)
        found.both.append(("environments", f"{enforced}!([{listed}].contains(resource))"))
    if tool.roles is not None:
        found.both.append(("roles", f"{enforced}!({_members([policy.roles[name] for name in tool.roles])})"))
    _amounts(tool, found, enforced)
    if tool.require_citation:
        found.both.append(("require_citation", f"{enforced}!(context.cited)"))
    _fields(tool, found, enforced)
    _conditions(tool, spec, found, enforced)
    return found


def _enforced(policy: Policy) -> str:
    """What stands before a rule that an environment in shadow only records."""
    shadow = sorted(name for name, where in policy.environments.items() if where.mode is Mode.SHADOW)
    return "".join(f"resource != Environment::{cedar_text(name)} && " for name in shadow)


def _members(roles: Sequence[Role]) -> str:
    for_user = 'context has on_behalf_of && context.on_behalf_of like "user:*" && context.on_behalf_of != "user:"'
    found = [
        f"(principal == Principal::{cedar_text(member)}{f' && {for_user}' if role.on_behalf_of_required else ''})"
        for role in roles
        for member in sorted(role.members)
    ]
    return " || ".join(found) if found else "false"


def _amounts(tool: ToolPolicy, found: _Rules, enforced: str) -> None:
    limits = (
        (found.both, "max_amount_usd", tool.max_amount),
        (found.run, "require_approval_over_usd", tool.require_approval_over),
    )
    for where, key, limit in limits:
        if limit is not None:
            found.both.append((key, "!(context has amount_cents)"))
            where.append((key, f"{enforced}context has amount_cents && context.amount_cents > {_cents(limit)}"))


def _cents(limit: Money) -> int:
    return limit.micros // _CENTS


def _fields(tool: ToolPolicy, found: _Rules, enforced: str) -> None:
    if tool.allowed_fields is None:
        return
    if any(len(path) > 1 for path in tool.allowed_fields):
        found.missing.append("allowed_fields: fields inside fields")
        return
    listed = ", ".join(cedar_text(path[0]) for path in tool.allowed_fields)
    found.both.append(("allowed_fields", "!(context has update_keys)"))
    asked = f"!([{listed}].containsAll(context.update_keys))" if listed else "!(context.update_keys.isEmpty())"
    found.both.append(("allowed_fields", f"{enforced}context has update_keys && {asked}"))


def _conditions(tool: ToolPolicy, spec: ToolSpec | None, found: _Rules, enforced: str) -> None:
    for rule in sorted(tool.rules, key=lambda each: each.id):
        key = f"rules.{rule.id}"
        if spec is None:
            found.missing.append(f"{key}: the tool's schema is not known")
            continue
        try:
            said = in_cedar(rule.when, type_of_arguments(spec.parameters))
        except BadValue as error:
            found.missing.append(f"{key}: {error}")
            continue
        found.both.append((key, said.fails))
        (found.both if rule.then is Verdict.DENY else found.run).append((key, f"{enforced}{said.holds}"))


def _tool(policy: Policy, tool: ToolPolicy, rules: _Rules, *, forbids: bool) -> Iterator[str]:
    request, run = (f"Action::{cedar_text(f'{what}:{tool.name}')}" for what in ("request", "run"))
    yield f"// {_comment(tool.name)}"
    if not tool.allowed:
        yield f"forbid (principal, action in [{request}, {run}], resource);  // allowed: false"
        return
    if forbids:
        yield f"forbid (principal, action in [{request}, {run}], resource);  // not exported: {_comment('; '.join(rules.missing))}"
        return
    yield f"permit (principal, action in [{request}, {run}], resource);"
    for key, condition in rules.both:
        if condition != "false":
            yield f"forbid (principal, action in [{request}, {run}], resource) when {{ {condition} }};  // {_comment(key)}"
    for key, condition in rules.run:
        if condition != "false":
            yield f"forbid (principal, action == {run}, resource) when {{ {condition} }};  // {_comment(key)}"


def _schema(name: str, spec: ToolSpec | None) -> str:
    arguments = cedar_record(type_of_arguments(spec.parameters)) if spec is not None else "{}"
    names = ", ".join(cedar_text(f"{what}:{name}") for what in ("request", "run"))
    context = f"on_behalf_of?: String, cited: Bool, amount_cents?: Long, update_keys?: Set<String>, args: {arguments}"
    return f"action {names} appliesTo {{ principal: Principal, resource: Environment, context: {{ {context} }} }};"


def _comment(text: str) -> str:
    return visible(text, limit=400).encode("ascii", "backslashreplace").decode()
