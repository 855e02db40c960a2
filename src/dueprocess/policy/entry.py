"""One tool's entry in the file, read.

What it binds to is found in `binding`; sections above the tools are read in `load`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.binding import amount_of, fields_of, paths, read_bindings
from dueprocess.policy.checks import read_checks
from dueprocess.policy.document import ArgumentPath, Confirmation, Egress, Rate, Retries, Rule, Tier, ToolPolicy
from dueprocess.policy.expression import Condition, compile_condition
from dueprocess.policy.finding import Verdict
from dueprocess.policy.limits import read_limits, sums
from dueprocess.policy.origins import ORIGIN_KEYS, Restraint, read_arguments
from dueprocess.policy.reader import Spot
from dueprocess.policy.source import Table
from dueprocess.tool import CITATIONS, Effect, ToolSpec
from dueprocess.tool.schema import ANYTHING, Type, type_of_arguments
from dueprocess.values import Duration, Money, digest_json
from dueprocess.values.foreign import quoted

_KEYS: Final = (
    "allowed",
    "tier",
    "max_amount_usd",
    "require_approval_over_usd",
    "require_citation",
    "citation_max_age",
    "allowed_fields",
    "roles",
    "environments",
    "bind",
    "approvers",
    "rules",
    "rate",
    "idempotency_key",
    "redact",
    "retries",
    "egress",
    "limits",
    "checks",
    "confirm",
    "schema_digest",
    *ORIGIN_KEYS,
    "mode",
    "row_level_security",
)
_MAX_ATTEMPTS: Final = 100  # beyond this it is a loop, not a retry


class _SqlMode(Enum):
    PARAMETERIZED_ONLY = "parameterized_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that entries may use, and the defaults they inherit. `tools` is None where no catalogue is given."""

    roles: Collection[str]
    environments: Collection[str]
    tiers: Mapping[str, Tier]
    approvers: Collection[str]
    tools: Mapping[str, ToolSpec] | None
    retries: Retries


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tool's entry as read.

    The policy, its compiled conditions, the arguments it was typed against, and where it stands.
    """

    policy: ToolPolicy
    conditions: Mapping[str, Condition]
    assertions: tuple[Condition, ...]
    arguments: Type | None
    spot: Spot


def read_entry(spot: Spot, *, name: str, names: Names) -> Entry:
    """Reads one entry and notes every problem. What is returned may be used only if there is none."""
    keys = spot.table(_KEYS, required=("allowed",))
    spec = names.tools.get(name) if names.tools is not None else None
    if names.tools is not None and spec is None:
        spot.unknown("tool", name, names.tools)
    arguments = type_of_arguments(spec.parameters) if spec is not None else None
    tier = names.tiers.get(_named(keys.get("tier"), "tier", names.tiers) or "")
    _same_schema(keys.get("schema_digest"), spec)
    bind = read_bindings(keys.get("bind"), arguments)
    maximum, threshold = _thresholds(keys)
    listed, fields = _fields(keys.get("allowed_fields"), bind=bind, arguments=arguments)
    needs_amount = maximum is not None or threshold is not None or sums(keys.get("limits"))
    rules, conditions = _rules(keys.get("rules"), arguments)
    amount = amount_of(spot, bind, arguments) if needs_amount else bind.get("amount")
    checks, assertions = read_checks(keys.get("checks"), arguments=arguments, tools=names.tools)
    origins = read_arguments(keys, arguments=arguments, amount=amount)
    policy = ToolPolicy(
        name=name,
        allowed="allowed" in keys and keys["allowed"].boolean() is True,
        effect=_effect(spec, tier),
        tier=tier.name if tier is not None else None,
        max_amount=maximum,
        require_approval_over=threshold,
        require_citation=_citation(keys.get("require_citation"), spec),
        citation_max_age=_duration(keys.get("citation_max_age")),
        allowed_fields=listed,
        roles=_known(keys.get("roles"), "role", names.roles),
        environments=_known(keys.get("environments"), "environment", names.environments),
        amount=amount,
        fields=fields,
        subject=bind.get("subject"),
        approvers=_named(keys.get("approvers"), "approvers", names.approvers),
        rules=rules,
        rate=_rate(keys.get("rate")),
        idempotency_key=paths(keys.get("idempotency_key"), arguments),
        redact=paths(keys.get("redact"), arguments),
        retries=read_retries(keys["retries"], default=names.retries) if "retries" in keys else names.retries,
        egress=keys["egress"].choice(Egress) if "egress" in keys else None,
        control=origins.control,
        bounded=origins.bounded,
        content=origins.content,
        on_untrusted_control=(tier.on_untrusted_control if tier is not None else None) or Verdict.HOLD,
        limits=read_limits(keys.get("limits"), arguments=arguments),
        checks=checks,
        confirm=_confirm(keys.get("confirm")),
        parameterized_only="mode" in keys and keys["mode"].choice(_SqlMode) is not None,
        row_level_security="row_level_security" in keys and keys["row_level_security"].boolean() is True,
    )
    return Entry(policy=policy, conditions=conditions, assertions=assertions, arguments=arguments, spot=spot)


def read_retries(spot: Spot, *, default: Retries) -> Retries:
    """`retries`; what it leaves out is as in `default`."""
    keys = spot.table(("max_attempts", "backoff_seconds", "timeout_seconds"))
    attempts = keys["max_attempts"].count(least=1) if "max_attempts" in keys else None
    if attempts is not None and attempts > _MAX_ATTEMPTS:
        keys["max_attempts"].expected(f"at most {_MAX_ATTEMPTS}")
    backoff = keys["backoff_seconds"].listed(_pause, empty=True) if "backoff_seconds" in keys else None
    timeout = keys["timeout_seconds"].seconds() if "timeout_seconds" in keys else None
    return Retries(
        max_attempts=attempts or default.max_attempts,
        backoff=default.backoff if backoff is None else backoff,
        timeout=timeout or default.timeout,
    )


def _pause(spot: Spot) -> Duration | None:
    money = spot.spend()
    return None if money is None else Duration(money.micros)


def _effect(spec: ToolSpec | None, tier: Tier | None) -> Effect:
    # A write stays a write: the stricter of the catalogue and the tier; nobody's word is a write.
    said = {spec.effect if spec is not None else None, tier.effect if tier is not None else None}
    return Effect.READ if Effect.READ in said and Effect.WRITE not in said else Effect.WRITE


def _thresholds(keys: Mapping[str, Spot]) -> tuple[Money | None, Money | None]:
    maximum = keys["max_amount_usd"].amount() if "max_amount_usd" in keys else None
    threshold = keys["require_approval_over_usd"].amount() if "require_approval_over_usd" in keys else None
    if maximum is not None and threshold is not None and threshold >= maximum:
        keys["require_approval_over_usd"].wrong(
            f"approval is unreachable: what is over {threshold} is also over max_amount_usd {maximum} and denied; "
            "expected less than max_amount_usd"
        )
    return maximum, threshold


def _citation(spot: Spot | None, spec: ToolSpec | None) -> bool:
    required = spot is not None and spot.boolean() is True
    if spot is not None and required and spec is not None and CITATIONS in spec.properties:
        spot.wrong(
            f"the tool has an argument {CITATIONS} of its own; that name is reserved where citations are required"
        )
    return required


def _fields(
    spot: Spot | None, *, bind: Mapping[str, ArgumentPath], arguments: Type | None
) -> tuple[tuple[ArgumentPath, ...] | None, ArgumentPath | None]:
    """The fields that are allowed, and the argument that holds them."""
    listed = None if spot is None else spot.distinct(_field)
    if spot is None or not listed:
        return listed, bind.get("fields")
    return listed, fields_of(spot, listed, bind=bind, arguments=arguments)


def _field(spot: Spot) -> ArgumentPath | None:
    text = spot.text("the name of a field")
    if text is None:
        return None
    path = tuple(text.split("."))
    if not all(path):
        spot.wrong(f"{quoted(text)} is not a field; expected a name, or names joined by dots")
        return None
    return path


def _rules(spot: Spot | None, arguments: Type | None) -> tuple[tuple[Rule, ...], Mapping[str, Condition]]:
    conditions: dict[str, Condition] = {}

    def read(item: Spot) -> Rule | None:
        keys = item.table(("id", "when", "then", "why"), required=("id", "when", "then"))
        name = keys["id"].name("the id of a rule") if "id" in keys else None
        source = keys["when"].text("a condition") if "when" in keys else None
        then = keys["then"].choice(Restraint) if "then" in keys else None
        why = keys["why"].text() if "why" in keys else ""
        condition = None
        if source is not None:
            try:
                condition = compile_condition(source, arguments=arguments or ANYTHING)
            except BadValue as error:
                keys["when"].wrong(str(error))
        if name is not None and name in conditions:
            keys["id"].wrong(f"the rule {quoted(name)} is there twice; expected each id once")
        if name is None or source is None or then is None or why is None or condition is None:
            return None
        conditions[name] = condition
        return Rule(id=name, when=source, then=then.verdict, why=why)

    return (spot.listed(read, empty=True) if spot is not None else None) or (), conditions


def _rate(spot: Spot | None) -> Rate | None:
    if spot is None:
        return None
    keys = spot.table(("count", "window"), required=("count", "window"))
    count = keys["count"].count() if "count" in keys else None
    window = keys["window"].duration() if "window" in keys else None
    return None if count is None or window is None else Rate(count=count, window=window)


def _confirm(spot: Spot | None) -> Confirmation | None:
    if spot is None:
        return None
    if not isinstance(spot.node, Table):
        return Confirmation() if spot.boolean() else None
    keys = spot.table(("within",), required=("within",))
    within = keys["within"].duration() if "within" in keys else None
    return None if within is None else Confirmation(within=within)


def _duration(spot: Spot | None) -> Duration | None:
    return spot.duration() if spot is not None else None


def _same_schema(spot: Spot | None, spec: ToolSpec | None) -> None:
    reviewed = spot.text("the digest of the tool's schema") if spot is not None else None
    if spot is None or reviewed is None or spec is None:
        return
    actual = digest_json(spec.parameters)
    if reviewed != actual:
        spot.wrong(
            f"the tool's schema has changed since this was reviewed: got {quoted(reviewed)}, it is now {actual}; "
            "review the tool, then write that digest"
        )


def _named(spot: Spot | None, what: str, known: Collection[str]) -> str | None:
    if spot is None:
        return None
    name = spot.text(f"the name of {what}")
    if name is not None and name not in known:
        spot.unknown(what, name, known)
        return None
    return name


def _known(spot: Spot | None, what: str, known: Collection[str]) -> tuple[str, ...] | None:
    return None if spot is None else spot.distinct(lambda item: _named(item, what, known))
