"""What changed between two policies outside the rules that decide one call: compared as written, and weighed by literal tables.

What one call is decided by (`allowed`, thresholds, fields, roles, environments, citations, conditions) is compared in
`difference`, with a witness. A key that stands in no table here is a widening when it changes (`way`, rule 1).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Final, cast

from dueprocess.analysis.way import (
    Way,
    Weigh,
    by_order,
    less_is_wider,
    members_permit,
    members_restrict,
    more_is_wider,
    neutral,
    permission,
    restriction,
    unknown,
)
from dueprocess.policy import AgentLimits, Approvers, ArgumentPath, Policy
from dueprocess.policy.source import plain_json, read_nodes
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json, Money, canonical

_SEMANTIC: Final = frozenset(
    "allowed max_amount_usd require_approval_over_usd require_citation allowed_fields roles environments rules".split()
)
"""Compared with witnesses, in `difference`."""

_SECTIONS: Final = frozenset("policy agent roles environments tiers approvers sources tools temporal tests".split())
"""Compared here or, as far as they decide a call, in `difference`; tests decide nothing. Any other is unknown."""

_ON_LIMIT: Final = by_order("stop", "handoff_to_human", "ask_clarification")
_EFFECTS: Final = by_order("deny", "hold", None)
_INTEGRITY: Final = by_order((None, "untrusted"), ("directory", "system_id"), "endorsed", "user", "operator")
_AUDIENCE: Final = by_order("restricted", "confidential", "internal", "public")

_AGENT: Final[Mapping[str, Weigh]] = {
    "max_wall_clock": more_is_wider,
    "max_tool_calls": more_is_wider,
    "max_model_spend": more_is_wider,
    "on_budget_exceeded": _ON_LIMIT,
    "on_tool_error_retries_exhausted": _ON_LIMIT,
    "clock_includes_suspension": restriction,
    "max_attempts": more_is_wider,
    "backoff": unknown,
    "timeout": more_is_wider,
}
_APPROVERS: Final[Mapping[str, Weigh]] = {
    "name": neutral,
    "any_of": members_permit,
    "all_of": members_restrict,
    "quorum": less_is_wider,
    "expires_after": more_is_wider,
    "execute_within": more_is_wider,
    "remind": neutral,
    "escalate": permission,
    "on_timeout": _ON_LIMIT,
    "editable": members_permit,
}
_TOOL: Final[Mapping[str, Weigh]] = {
    "tier": neutral,  # what the tier hands down is compared instead
    "approvers": neutral,  # who they are is compared instead
    "bind": unknown,
    "rate": unknown,  # by its parts, below
    "redact": members_restrict,
    "retries": neutral,  # by the loaded values, below
    "egress": restriction,
    "schema_digest": restriction,
    "mode": restriction,
    "row_level_security": restriction,
    "control": members_restrict,
    "bounded": members_permit,
    "content": members_permit,
    "limits": unknown,  # one by one, below
    "checks": unknown,  # one by one, below
    "confirm": unknown,  # by the loaded value, below
}
_RATE: Final[Mapping[str, Weigh]] = {"count": more_is_wider, "window": less_is_wider}
_LIMIT: Final[Mapping[str, Weigh]] = {
    "count": more_is_wider,
    "max_usd": more_is_wider,
    "window": less_is_wider,
    "over": _EFFECTS,
    "per": members_permit,  # each further key makes more buckets, each with a limit of its own
    "sum": unknown,
}
_CHECK: Final[Mapping[str, Weigh]] = {"max_age": more_is_wider}
_TEMPORAL: Final[Mapping[str, Weigh]] = {"at_most": more_is_wider, "effect": _EFFECTS}
_SOURCE: Final[Mapping[str, Weigh]] = {"integrity": _INTEGRITY, "audience": _AUDIENCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Structural:
    """One changed value: where, what it was and is, and which way that goes."""

    place: str
    before: Json
    after: Json
    way: Way


def structural(before: Policy, after: Policy, tools: Mapping[str, ToolSpec]) -> tuple[Structural, ...]:
    """Everything that changed outside what `difference` compares, in the order of the sections."""
    old, new = _plain(before), _plain(after)
    found = [*_agent(before.agent, after.agent)]
    found += _sources(_table(old.get("sources")), _table(new.get("sources")))
    olds, news = _table(old.get("tools")), _table(new.get("tools"))
    for name in sorted(olds.keys() & news.keys()):
        if not before.tools[name].allowed and not after.tools[name].allowed:
            continue  # whatever else is said of it, it runs under neither
        found += _tool(name, _table(olds[name]), _table(news[name]), tools.get(name))
        found += _handed_down(name, before, after)
    found += _approvers(before, after)
    found += _listed("temporal", old.get("temporal"), new.get("temporal"), key="id", table=_TEMPORAL)
    found += _compared("file", _without(old, *_SECTIONS), _without(new, *_SECTIONS), {})
    return tuple(found)


def _plain(policy: Policy) -> dict[str, Json]:
    return _table(plain_json(read_nodes(policy.source.encode(), name=policy.name)))


def _table(of: Json) -> dict[str, Json]:
    return of if isinstance(of, dict) else {}


def _compared(
    place: str, before: Mapping[str, Json], after: Mapping[str, Json], table: Mapping[str, Weigh]
) -> Iterator[Structural]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old != new:
            way = table.get(key, unknown)(old, new)
            yield Structural(place=f"{place}.{key}", before=old, after=new, way=way)


def _agent(before: AgentLimits, after: AgentLimits) -> Iterator[Structural]:
    yield from _compared("agent", _values(before), _values(after), _AGENT)
    yield from _compared("agent.retries", _values(before.retries), _values(after.retries), _AGENT)


def _values(record: AgentLimits | Approvers | object) -> dict[str, Json]:
    """A loaded record as values; a record inside it is left out, it is compared by itself."""
    found: dict[str, Json] = {}
    for each in fields(record):  # pyright: ignore[reportArgumentType] - records only
        value: object = getattr(record, each.name)
        match value:
            case Enum():
                found[each.name] = str(value.value)
            case Money():
                found[each.name] = value.decimal
            case bool() | int() | str():
                found[each.name] = value
            case tuple():
                found[each.name] = list[Json](map(str, cast("tuple[object, ...]", value)))
            case _:
                found[each.name] = None if value is None or each.name == "retries" else repr(value)
    return found


def _sources(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Structural]:
    # What is not labelled is untrusted and internal; a field that is not labelled has the label of its source.
    for name in sorted(before.keys() | after.keys()):
        old, new = (
            {"integrity": "untrusted", "audience": "internal", **_table(each.get(name))} for each in (before, after)
        )
        place = f"sources.{name}"
        yield from _compared(place, _without(old, "fields"), _without(new, "fields"), _SOURCE)
        olds, news = _table(old.get("fields")), _table(new.get("fields"))
        table: dict[str, Weigh] = dict.fromkeys((*olds, *news), _INTEGRITY)
        yield from _compared(f"{place}.fields", olds, news, table)


def _without(of: Mapping[str, Json], *names: str) -> dict[str, Json]:
    return {key: value for key, value in of.items() if key not in names}


def _tool(
    name: str, before: Mapping[str, Json], after: Mapping[str, Json], spec: ToolSpec | None
) -> Iterator[Structural]:
    place = f"tools.{name}"
    own = ("rate", "limits", "checks", "confirm", "control", "bind", "idempotency_key")
    yield from _compared(place, _without(before, *_SEMANTIC, *own), _without(after, *_SEMANTIC, *own), _TOOL)
    # Amount and fields of `bind` show in the decisions; whom a call is about does not.
    subject = [_table(each.get("bind")).get("subject") for each in (before, after)]
    yield from _compared(f"{place}.bind", {"subject": subject[0]}, {"subject": subject[1]}, {})
    yield from _compared(place, {"control": _control(before, spec)}, {"control": _control(after, spec)}, _TOOL)
    rates = [_table(each.get("rate")) for each in (before, after)]
    if all(rates):
        yield from _compared(f"{place}.rate", rates[0], rates[1], _RATE)
    elif any(rates):
        yield Structural(
            place=f"{place}.rate",
            before=before.get("rate"),
            after=after.get("rate"),
            way=restriction(before.get("rate"), None),
        )
    yield from _limits(place, before.get("limits"), after.get("limits"))
    yield from _listed(f"{place}.checks", before.get("checks"), after.get("checks"), key="name", table=_CHECK)


def _control(entry: Mapping[str, Json], spec: ToolSpec | None) -> Json:
    """The arguments that must be vouched: those listed, else of a write every one that is neither bounded nor content."""
    listed = entry.get("control")
    if isinstance(listed, list) or spec is None:
        return listed
    if spec.effect is Effect.READ and "egress" not in entry:
        return []
    free = {
        name
        for key in ("bounded", "content")
        if isinstance(names := entry.get(key), list)
        for name in names
        if isinstance(name, str)
    }
    return [name for name in spec.properties if name not in free]


def _limits(place: str, before: Json, after: Json) -> Iterator[Structural]:
    """Limits have no names: the same ones are no change, and of the others one pairs with one that counts the same alike."""
    olds, news = ([_table(each) for each in (given if isinstance(given, list) else [])] for given in (before, after))
    left = [each for each in olds if each not in news]
    new = [each for each in news if each not in olds]
    for old in left:
        alike = [each for each in new if _alike(old) == _alike(each)]
        if len(alike) == 1 and sum(_alike(each) == _alike(old) for each in left) == 1:
            new.remove(alike[0])
            yield from _compared(f"{place}.limits", old, alike[0], _LIMIT)
        else:
            yield Structural(place=f"{place}.limits", before=old, after=None, way=Way.WIDENING)
    for each in new:
        yield Structural(place=f"{place}.limits", before=None, after=each, way=Way.NARROWING)


def _alike(limit: Mapping[str, Json]) -> tuple[bool, str]:
    per = limit.get("per")
    listed: Json = [*sorted(map(canonical, per))] if isinstance(per, list) else per
    return "count" in limit, canonical(listed)


def _listed(place: str, before: Json, after: Json, *, key: str, table: Mapping[str, Weigh]) -> Iterator[Structural]:
    olds, news = (_by(given, key) for given in (before, after))
    for name in sorted(olds.keys() | news.keys()):
        old, new = olds.get(name), news.get(name)
        if old is None or new is None:
            yield Structural(place=f"{place}.{name}", before=old, after=new, way=restriction(old, new))
        else:
            yield from _compared(f"{place}.{name}", old, new, table)


def _by(given: Json, key: str) -> dict[str, dict[str, Json]]:
    tables = [_table(each) for each in (given if isinstance(given, list) else [])]
    return {str(each.get(key)): each for each in tables}


def _handed_down(name: str, before: Policy, after: Policy) -> Iterator[Structural]:
    old, new = before.tools[name], after.tools[name]
    tiers = [policy.tiers.get(tool.tier or "") for policy, tool in ((before, old), (after, new))]
    restraints = [
        tier.on_untrusted_control.value if tier is not None and tier.on_untrusted_control else None for tier in tiers
    ]
    place = f"tools.{name}"
    yield from _compared(
        place,
        {"on_untrusted_control": restraints[0]},
        {"on_untrusted_control": restraints[1]},
        {"on_untrusted_control": _EFFECTS},
    )
    asked = [tool.confirm.within if tool.confirm is not None else None for tool in (old, new)]
    yield from _compared(place, {"confirm": asked[0]}, {"confirm": asked[1]}, {"confirm": _confirm})
    effects = by_order("write", "read")
    yield from _compared(place, {"effect": old.effect.value}, {"effect": new.effect.value}, {"effect": effects})
    yield from _compared(f"{place}.retries", _values(before.retries_of(name)), _values(after.retries_of(name)), _AGENT)
    keys = [_paths(tool.idempotency_key) for tool in (old, new)]
    yield from _compared(place, {"idempotency_key": keys[0]}, {"idempotency_key": keys[1]}, {"idempotency_key": _key})


def _paths(paths: Sequence[ArgumentPath]) -> Json:
    return [".".join(path) for path in paths] or None


def _key(before: Json, after: Json) -> Way:
    # With fewer arguments in it more calls are the same one, and wait or are held.
    if before is None or after is None:
        return restriction(before, after)
    return members_permit(before, after)


def _confirm(before: Json, after: Json) -> Way:
    # Microseconds that a yes is good for.
    if before is None or after is None:
        return restriction(before, after)
    return more_is_wider(before, after)


def _approvers(before: Policy, after: Policy) -> Iterator[Structural]:
    """Who approves each tool; the tools whose approvers changed alike are told together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    told: dict[tuple[str, str, str], Structural] = {}
    for name in sorted(before.tools.keys() & after.tools.keys()):
        old, new = _values(before.approvers_of(name)), _values(after.approvers_of(name))
        for change in _compared("approvers", old, new, _APPROVERS):
            if change.way is Way.NEUTRAL:
                continue
            key = (change.place, canonical(change.before), canonical(change.after))
            found.setdefault(key, []).append(name)
            told[key] = change
    for key, names in found.items():
        change = told[key]
        yield Structural(
            place=f"{change.place} of {', '.join(names)}", before=change.before, after=change.after, way=change.way
        )
