"""What each rule of a tool says of every call, as terms: where it denies, where it holds. The rules are `policy.compile`'s; tests compare.

What the tool or a counter decides (`mode`, `row_level_security`, `limits`, what a run has read) is left out here: a change
behind them would not be seen, and they are compared key by key.

Rule 1. As in `compile`: what cannot be read denies, in shadow too; a limit is exceeded only by more than it.
Rule 2. A condition without exact terms is opaque: it may hold, fail or do neither, but the same text over the same arguments
        does so alike on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from dueprocess.analysis.callers import Callers, callers
from dueprocess.analysis.encode import Answered, encode_condition
from dueprocess.analysis.symbol import Symbol, arguments_symbol
from dueprocess.analysis.terms import (
    FALSE,
    TRUE,
    Script,
    Term,
    apply,
    both,
    either,
    equals,
    implies,
    integer,
    negated,
    text_term,
)
from dueprocess.errors import BadValue
from dueprocess.policy import ArgumentPath, Mode, Policy, PolicyCall, ToolPolicy, Verdict, decide
from dueprocess.policy.reads import argument_paths
from dueprocess.policy.syntax import parse_condition
from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import Kind, type_of_arguments
from dueprocess.values import Money

_CENTS: Final = 10_000  # micros
_LARGEST_CENTS: Final = 10**14 - 1
_DIGIT: Final = '(re.range "0" "9")'
_GRAMMAR: Final = Term(
    f'(re.++ ((_ re.loop 1 12) {_DIGIT}) (re.opt (re.++ (str.to_re ".") ((_ re.loop 1 2) {_DIGIT}))))'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """One rule: where it denies (in shadow too: `always`) and where it holds.

    `reads`: the arguments it asks; `demands`: without them it denies. `opaque`: it has no exact terms, and why.
    """

    rule: str
    always: Term = FALSE
    denies: Term = FALSE
    holds: Term = FALSE
    reads: frozenset[str] = frozenset()
    demands: bool = False
    opaque: str = ""

    def speaks(self, verdict: Verdict) -> Term:
        """Where it asks for this decision."""
        return self.holds if verdict is Verdict.HOLD else either(self.always, self.denies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """All rules of a tool under one policy, and where calls are denied and held in the end."""

    rules: tuple[Ruled, ...]
    denied: Term
    held: Term

    def is_(self, verdict: Verdict) -> Term:
        """The decision is this one."""
        match verdict:
            case Verdict.DENY:
                return self.denied
            case Verdict.HOLD:
                return both(self.held, negated(self.denied))
            case Verdict.ALLOW:
                return both(negated(self.held), negated(self.denied))


@dataclass(slots=True, kw_only=True)
class Ground:
    """What the regions of several policies share: the script, the arguments, who calls, what schemas say, opaque conditions."""

    script: Script
    facts: list[Term]
    arguments: Symbol
    callers: Callers
    opaque: dict[str, Answered] = field(default_factory=dict[str, Answered])


def common_ground(name: str, spec: ToolSpec, policies: Sequence[Policy]) -> Ground:
    """The ground on which the regions of these policies stand, for one tool."""
    script, facts = Script(), list[Term]()
    arguments = arguments_symbol(script, facts, type_of_arguments(spec.parameters))
    cases = callers(script, policies)
    facts.append(cases.within)
    # Every name is made known first: an open object is then seen with all of them by each policy.
    for policy in policies:
        tool = policy.tools.get(name)
        for path in _named_paths(tool) if tool is not None else ():
            _at(arguments, path)
    return Ground(script=script, facts=facts, arguments=arguments, callers=cases)


def _named_paths(tool: ToolPolicy) -> list[ArgumentPath]:
    paths: list[ArgumentPath] = [path for rule in tool.rules for path in argument_paths(parse_condition(rule.when))]
    return paths + [(*tool.fields, *field) for field in tool.allowed_fields or () if tool.fields]


def regions(policy: Policy, name: str, ground: Ground, *, only: frozenset[str] | None = None) -> Regions:
    """Where this policy denies and holds calls of a tool; with `only`, as if it had of the conditions none but these."""
    tool = policy.tools.get(name)
    if tool is None:
        return Regions(rules=(Ruled(rule="unlisted", always=TRUE),), denied=TRUE, held=FALSE)
    rules = tuple(_rules(policy, tool, ground, only))
    shadow = either(
        *(
            ground.callers.is_environment(index)
            for index, environment in enumerate(ground.callers.environments)
            if policy.mode(environment) is Mode.SHADOW
        )
    )
    named = ground.script.named
    enforced = named(negated(shadow))
    denied = named(either(*(rule.always for rule in rules), both(enforced, either(*(rule.denies for rule in rules)))))
    held = named(both(enforced, either(*(rule.holds for rule in rules))))
    return Regions(rules=rules, denied=denied, held=held)


def _rules(policy: Policy, tool: ToolPolicy, ground: Ground, only: frozenset[str] | None) -> list[Ruled]:
    found: list[Ruled] = []
    if not tool.allowed:
        found.append(Ruled(rule=f"{tool.name}.allowed", always=TRUE))
    found += _who_and_where(policy, tool, ground.callers)
    if tool.amount is not None:
        found += _limits(tool, ground, tool.amount)
    if tool.require_citation:
        found.append(Ruled(rule=f"{tool.name}.require_citation", denies=negated(ground.callers.cited)))
    if tool.allowed_fields is not None:
        found.append(_fields(tool, tool.allowed_fields, ground))
    if tool.idempotency_key:
        missing = [_missing_or_null(ground.arguments, path) for path in tool.idempotency_key]
        found.append(
            Ruled(
                rule=f"{tool.name}.idempotency_key",
                always=either(*missing),
                reads=frozenset(path[0] for path in tool.idempotency_key),
                demands=True,
            )
        )
    if tool.rate is not None and tool.rate.count == 0:
        found.append(Ruled(rule=f"{tool.name}.rate", always=TRUE))
    for rule in sorted(tool.rules, key=lambda each: each.id):
        if only is not None and f"{tool.name}.rules.{rule.id}" not in only:
            continue
        answered, why = _condition(rule.when, ground)
        hold = rule.then is Verdict.HOLD
        found.append(
            Ruled(
                rule=f"{tool.name}.rules.{rule.id}",
                always=answered.fails,
                denies=FALSE if hold else answered.holds,
                holds=answered.holds if hold else FALSE,
                reads=frozenset(path[0] for path in argument_paths(parse_condition(rule.when)) if path),
                opaque=why,
            )
        )
    return found


def _who_and_where(policy: Policy, tool: ToolPolicy, callers: Callers) -> list[Ruled]:
    # The cases are few and concrete: the decider itself says which are denied.
    found: list[Ruled] = []
    for key, listed in (("roles", tool.roles), ("environments", tool.environments)):
        if listed is None:
            continue
        rule = f"{tool.name}.{key}"
        if key == "roles":
            cases = [
                callers.is_principal(index)
                for index, who in enumerate(callers.principals)
                if _speaks(policy, PolicyCall(tool=tool.name, arguments={}, principal=who), rule)
            ]
        else:
            cases = [
                callers.is_environment(index)
                for index, where in enumerate(callers.environments)
                if _speaks(policy, PolicyCall(tool=tool.name, arguments={}, environment=where), rule)
            ]
        found.append(Ruled(rule=rule, denies=either(*cases)))
    return found


def _speaks(policy: Policy, call: PolicyCall, rule: str) -> bool:
    return any(finding.rule == rule for finding in decide(policy, call))


def _limits(tool: ToolPolicy, ground: Ground, path: ArgumentPath) -> list[Ruled]:
    read, cents = _amount(_at(ground.arguments, path), ground.script)
    found: list[Ruled] = []
    for key, limit in (("max_amount_usd", tool.max_amount), ("require_approval_over_usd", tool.require_approval_over)):
        if limit is None:
            continue
        over = both(read, apply("<", integer(_in_cents(limit)), cents))
        denies = key == "max_amount_usd"
        found.append(
            Ruled(
                rule=f"{tool.name}.{key}",
                always=negated(read),
                denies=over if denies else FALSE,
                holds=FALSE if denies else over,
                reads=frozenset(path[:1]),
                demands=True,
            )
        )
    return found


def _in_cents(limit: Money) -> int:
    return limit.micros // _CENTS


def _amount(at: Symbol | None, script: Script) -> tuple[Term, Term]:
    """Whether it is an amount by the grammar of amounts, and how many cents it is then."""
    if at is None:
        return FALSE, integer(0)
    at.used |= {Kind.NUMBER, Kind.TEXT}
    hundredfold = apply("*", Term("100.0"), at.number)
    in_range = both(apply("<=", Term("0.0"), hundredfold), apply("<=", hundredfold, Term(f"{_LARGEST_CENTS}.0")))
    number = both(at.is_(Kind.NUMBER), apply("is_int", hundredfold), in_range)
    if Kind.TEXT not in at.type.kinds:
        return script.named(number), script.named(apply("to_int", hundredfold), "Int")
    text = both(at.is_(Kind.TEXT), apply("str.in_re", at.text, _GRAMMAR))
    dot = script.named(apply("str.indexof", at.text, text_term("."), integer(0)), "Int")
    whole = apply(
        "str.to_int", apply("ite", apply("<", dot, integer(0)), at.text, apply("str.substr", at.text, integer(0), dot))
    )
    after = script.named(apply("str.substr", at.text, apply("+", dot, integer(1)), apply("str.len", at.text)), "String")
    tenths = apply("ite", equals(apply("str.len", after), integer(1)), integer(10), integer(1))
    rest = apply("ite", apply("<", dot, integer(0)), integer(0), apply("*", tenths, apply("str.to_int", after)))
    of_text = apply("+", apply("*", integer(100), whole), rest)
    cents = apply("ite", at.is_(Kind.TEXT), of_text, apply("to_int", hundredfold))
    return script.named(either(number, text)), script.named(cents, "Int")


def _missing_or_null(arguments: Symbol, path: ArgumentPath) -> Term:
    at = _at(arguments, path)
    return TRUE if at is None else either(negated(at.there), at.is_(Kind.NULL))


def _fields(tool: ToolPolicy, allowed: tuple[ArgumentPath, ...], ground: Ground) -> Ruled:
    rule = f"{tool.name}.allowed_fields"
    update = _at(ground.arguments, tool.fields) if tool.fields else None
    if update is None:
        return Ruled(rule=rule, always=TRUE)
    outside = both(update.is_(Kind.OBJECT), _excess(update, allowed, ()))
    return Ruled(
        rule=rule,
        always=negated(update.is_(Kind.OBJECT)),
        denies=ground.script.named(outside),
        reads=frozenset((tool.fields or ())[:1]),
        demands=True,
    )


def _excess(of: Symbol, allowed: tuple[ArgumentPath, ...], above: ArgumentPath) -> Term:
    """`fields.excess`: a key that no listed field covers; where one leads on, in what lies below."""
    found = [of.extra] if of.open else []
    for name in of.known():
        below, path = of.at(name), (*above, name)
        if below is None or ("." not in name and path in allowed):
            continue
        leads_on = "." not in name and any(field[: len(path)] == path for field in allowed)
        if leads_on and Kind.OBJECT in below.type.kinds:
            inside = both(below.is_(Kind.OBJECT), _holds_something(below))
            found.append(both(below.there, either(negated(inside), _excess(below, allowed, path))))
        else:
            found.append(below.there)
    return either(*found)


def _holds_something(of: Symbol) -> Term:
    below = [of.at(name) for name in of.known()]
    return either(*([of.extra] if of.open else []), *(each.there for each in below if each is not None))


def _condition(source: str, ground: Ground) -> tuple[Answered, str]:
    try:
        return encode_condition(source, ground.arguments), ""
    except BadValue as error:
        if source not in ground.opaque:
            holds, fails = ground.script.free("Bool"), ground.script.free("Bool")
            ground.facts.append(implies(holds, negated(fails)))
            ground.opaque[source] = Answered(holds=holds, fails=fails)
        return ground.opaque[source], str(error)


def _at(arguments: Symbol, path: Sequence[str]) -> Symbol | None:
    found: Symbol | None = arguments
    for name in path:
        found = found.at(name) if found is not None else None
    return found
