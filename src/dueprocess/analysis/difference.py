"""What one policy decides otherwise than another: for each rule that explains a difference a concrete call, confirmed by the decider.

What no single call shows is in `structure`.

Rule 1. A call that was denied or held and is now held or allowed is a widening, the reverse a narrowing.
Rule 2. A witness is shown only if the decider gives both verdicts. What was not found out, or is not confirmed, is a
        widening that says so.
Rule 3. There is a difference, or there is none, for every call whose lists have at most as many items as `symbol` says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dueprocess.analysis.regions import Ground, Regions, Ruled, common_ground, regions
from dueprocess.analysis.sample import conjuncts, sample
from dueprocess.analysis.solver import Found, Impossible, NotFoundOut, solve
from dueprocess.analysis.symbol import Symbol, required
from dueprocess.analysis.terms import FALSE, Term, apply, both, either, equals, implies, negated, text_term
from dueprocess.analysis.way import Way
from dueprocess.analysis.witness import Decided, Witness, decided, witness_of
from dueprocess.errors import BadValue
from dueprocess.policy import Policy, Verdict
from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import Kind
from dueprocess.values.foreign import quoted

_LOOSER: Final = ((Verdict.DENY, Verdict.ALLOW), (Verdict.DENY, Verdict.HOLD), (Verdict.HOLD, Verdict.ALLOW))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One rule's difference. `place` is the rule that spoke on the stricter side."""

    place: str
    way: Way
    witness: Witness
    before: Decided
    after: Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDecided:
    """Whether there is a difference here is not known (rule 2)."""

    place: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Two policies and where they stand: what is sought is decided `strict`er by the first than by the second."""

    strict: Policy
    loose: Policy
    tools: Mapping[str, ToolSpec]
    name: str
    ground: Ground


def differences(before: Policy, after: Policy, tools: Mapping[str, ToolSpec]) -> tuple[Difference | NotDecided, ...]:
    """Every difference, tool by tool, the widenings first."""
    found: list[Difference | NotDecided] = []
    for name in sorted(before.tools.keys() | after.tools.keys()):
        spec = tools.get(name)
        if spec is not None and _may_differ(before, after, name):
            found += _of_tool(before, after, tools, name, spec)
    return tuple(sorted(found, key=lambda each: isinstance(each, Difference) and each.way is Way.NARROWING))


def _may_differ(before: Policy, after: Policy, name: str) -> bool:
    # The same entry under the same roles and modes decides the same; asking a solver would only take longer.
    same_frame = before.roles == after.roles and before.environments == after.environments
    return not same_frame or before.tools.get(name) != after.tools.get(name)


def _of_tool(
    before: Policy, after: Policy, tools: Mapping[str, ToolSpec], name: str, spec: ToolSpec
) -> Iterator[Difference | NotDecided]:
    ground = common_ground(name, spec, (before, after))
    old, new = regions(before, name, ground), regions(after, name, ground)
    widening = _Sides(strict=before, loose=after, tools=tools, name=name, ground=ground)
    narrowing = _Sides(strict=after, loose=before, tools=tools, name=name, ground=ground)
    for sides, ours, theirs, way in ((widening, old, new, Way.WIDENING), (narrowing, new, old, Way.NARROWING)):
        for place, found in _looser(sides, ours, theirs):
            if isinstance(found, str):
                yield NotDecided(place=place, why=found)
                continue
            witness, strict, loose = found
            first, second = (strict, loose) if way is Way.WIDENING else (loose, strict)
            yield Difference(place=place, way=way, witness=witness, before=first, after=second)


_Confirmed = tuple[Witness, Decided, Decided]


def _looser(sides: _Sides, ours: Regions, theirs: Regions) -> Iterator[tuple[str, _Confirmed | str]]:
    """For each rule of the stricter side that explains a looser decision one call, or why none can be told."""
    told: set[str] = set()
    for strict, loose in _LOOSER:
        region = both(ours.is_(strict), theirs.is_(loose))
        if not possible(sides.ground, region):
            continue
        for rule in ours.rules:
            if rule.rule in told or rule.speaks(strict) == FALSE:
                continue
            others = [negated(other.speaks(strict)) for other in ours.rules if other is not rule]
            for wanted in ([region, rule.speaks(strict), *others], [region, rule.speaks(strict)]):
                found = _witness(sides, rule, wanted, expected=(strict, loose), rules=(*ours.rules, *theirs.rules))
                if found is not None:
                    told.add(rule.rule)
                    yield rule.rule, found
                    break


def possible(ground: Ground, region: Term) -> bool:
    """Whether a call may lie in a region: false only where it is proved that none does."""
    # With the texts worth trying the solver need not search; that there is none is asked without them.
    tried = _tried(ground)
    if tried and isinstance(solve(ground.script, [*ground.facts, region, *tried]), Found):
        return True
    return not isinstance(solve(ground.script, [*ground.facts, region]), Impossible)


def _witness(
    sides: _Sides, rule: Ruled, wanted: Sequence[Term], *, expected: tuple[Verdict, Verdict], rules: Sequence[Ruled]
) -> _Confirmed | str | None:
    """A confirmed call, None where there is none, or why it is not known (rule 2)."""
    ground = sides.ground
    doubts: list[str] = []
    asked = False
    for further in (*readable(ground, rule, rules), []):
        answer = solve(ground.script, [*ground.facts, *wanted, *further])
        if isinstance(answer, Impossible):
            # That there is none at all is asked once, and early: most questions end there.
            if not further or (not asked and isinstance(solve(ground.script, [*ground.facts, *wanted]), Impossible)):
                return None
            asked = True
            continue
        if isinstance(answer, NotFoundOut):
            doubts.append(answer.why)
            continue
        try:
            call = witness_of(answer, tool=sides.name, arguments=ground.arguments, callers=ground.callers)
            strict, loose = (decided(policy, sides.tools, call) for policy in (sides.strict, sides.loose))
        except BadValue as error:
            doubts.append(str(error))
            continue
        if (strict.verdict, loose.verdict) == expected:
            return call, strict, loose
        schema = [finding.reason for finding in strict.findings if finding.rule == "schema"]
        doubts.append(schema[0] if schema else "the decider does not confirm the call that was found")
    opaque = [f"{quoted(each.rule)} is beyond the encoding: {each.opaque}" for each in rules if each.opaque]
    return (opaque or doubts)[0]


def readable(ground: Ground, rule: Ruled, rules: Sequence[Ruled]) -> Iterator[list[Term]]:
    """What makes a call easier to read and to confirm, the most first.

    No argument that the rule does not ask, whole numbers or two decimals, texts as their schema shows them.
    """
    symbols = [*_all(ground.arguments)]
    decimals = [
        implies(each.is_(Kind.NUMBER), apply("is_int", apply("*", Term("100.0"), each.number))) for each in symbols
    ]
    whole = [implies(each.is_(Kind.NUMBER), apply("is_int", each.number)) for each in symbols]
    shaped = [
        implies(each.is_(Kind.TEXT), equals(each.text, text)) for each in symbols if (text := _shaped(each)) is not None
    ]
    tried = _tried(ground)
    needed = rule.reads | required(ground.arguments.type)
    needed = needed.union(*(each.reads for each in rules if each.demands))
    usual = ground.callers.is_environment(0)
    lean = [usual, *(negated(below.there) for name, below in ground.arguments.fields.items() if name not in needed)]
    if tried:
        yield [*lean, *whole, *tried]
        yield [*whole, *tried]
    yield [*lean, *whole, *shaped]
    yield [*lean, *decimals]
    yield [*whole, *shaped]
    yield decimals


def _shaped(of: Symbol) -> Term | None:
    """The sample of a text whose form the encoding does not know."""
    if len(of.type.schemas) != 1:
        return None
    every = conjuncts({**of.type.schemas[0]}, of.type.root)
    value = sample(of.type.schemas[0]) if any("format" in part or "pattern" in part for part in every) else None
    try:
        return text_term(value) if isinstance(value, str) else None
    except BadValue:
        return None


def _tried(ground: Ground) -> list[Term]:
    return [implies(each.is_(Kind.TEXT), _one_of(each)) for each in _all(ground.arguments) if each.suggested]


def _one_of(of: Symbol) -> Term:
    found: list[Term] = []
    for text in of.suggested:
        try:
            found.append(equals(of.text, text_term(text)))
        except BadValue:
            continue
    return either(*found)


def _all(of: Symbol) -> Iterator[Symbol]:
    yield of
    for below in (*of.fields.values(), *of.items):
        yield from _all(below)
