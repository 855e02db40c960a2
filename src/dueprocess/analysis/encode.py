"""A condition as two terms: that it holds, and that it cannot be answered. The language is `policy.expression`'s; tests compare the two.

Rule 1. Operands count from left to right and only as far as needed; an error in one that counts is the error of the whole.
Rule 2. What has no exact term is refused, never approximated: two objects compared, a quantifier over an object, a key or
        place that is computed, the size of an open object, a host compared with what is not written out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from dueprocess.analysis.address import host_ends, host_is, host_starts, is_address, is_short, near
from dueprocess.analysis.operand import Operand, missing, of_host, of_list, of_literal, of_number, of_symbol, of_truth
from dueprocess.analysis.symbol import Symbol
from dueprocess.analysis.terms import FALSE, TRUE, Script, Term, apply, both, either, equals, implies, integer, negated
from dueprocess.errors import BadValue
from dueprocess.policy.syntax import (
    Compare,
    Every,
    Expression,
    Has,
    Index,
    Invoke,
    ListOf,
    Literal,
    Name,
    Not,
    Quantified,
    Select,
    Some,
    parse_condition,
)
from dueprocess.tool.schema import Kind

_ONE_IF: Final = "ite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A condition: `holds` where it can be answered and is true, `fails` where it cannot be answered."""

    holds: Term
    fails: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A value, and when it cannot be had."""

    value: Operand
    error: Term = FALSE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An answer to a question about values, and when there is none."""

    truth: Term
    error: Term = FALSE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    script: Script
    values: Mapping[str, Operand]


def encode_condition(source: str, arguments: Symbol) -> Answered:
    """A condition over these arguments.

    Raises:
        BadValue: it has no exact terms (rule 2); the message says which part.
    """
    names = _Names(script=arguments.script, values={"args": of_symbol(arguments)})
    found = _truth(_part(parse_condition(source), names))
    return Answered(
        holds=names.script.named(both(negated(found.error), found.truth)), fails=names.script.named(found.error)
    )


def _part(tree: Expression, names: _Names) -> _Part:  # noqa: C901 - one branch per kind of expression
    match tree:
        case Literal():
            return _Part(value=of_literal(tree.value))
        case ListOf():
            parts = [_part(item, names) for item in tree.items]
            return _Part(
                value=of_list(tuple(part.value for part in parts)), error=either(*(part.error for part in parts))
            )
        case Name():
            return _Part(value=names.values[tree.name])
        case Select():
            return _field(_part(tree.of, names), tree.field)
        case Index():
            return _index(tree, names)
        case Has():
            return _has(_part(tree.select.of, names), tree.select.field)
        case Not():
            of = _truth(_part(tree.of, names))
            return _Part(value=of_truth(negated(of.truth)), error=of.error)
        case Every():
            return _as_part(_in_turn([_lazily(item, names) for item in tree.of], go_on_where=True, names=names))
        case Some():
            return _as_part(_in_turn([_lazily(item, names) for item in tree.of], go_on_where=False, names=names))
        case Compare():
            return _compare(tree, names)
        case Invoke():
            return _invoke(tree, names)
        case Quantified():
            return _quantified(tree, names)
        case _:
            assert_never(tree)


def _as_part(asked: _Asked) -> _Part:
    return _Part(value=of_truth(asked.truth), error=asked.error)


def _truth(part: _Part) -> _Asked:
    return _Asked(truth=part.value.truth, error=either(part.error, negated(part.value.is_(Kind.BOOLEAN))))


def _lazily(tree: Expression, names: _Names) -> Callable[[], _Asked]:
    return lambda: _truth(_part(tree, names))


def _in_turn(asked: list[Callable[[], _Asked]], *, go_on_where: bool, names: _Names) -> _Asked:
    """`&&` and `||`: each is asked only where those before it left the answer open (rule 1)."""
    answers = [each() for each in asked]
    truths = [answer.truth for answer in answers]
    error = FALSE
    for answer in reversed(answers):
        goes_on = answer.truth if go_on_where else negated(answer.truth)
        error = names.script.named(either(answer.error, both(goes_on, error)))
    return _Asked(truth=names.script.named(both(*truths) if go_on_where else either(*truths)), error=error)


def _field(of: _Part, name: str) -> _Part:
    below = of.value.at(name)
    if below is None:
        return _Part(value=Operand(kinds={}, there=FALSE), error=TRUE)
    return _Part(value=below, error=either(of.error, negated(of.value.is_(Kind.OBJECT)), missing(below)))


def _has(of: _Part, name: str) -> _Part:
    below = of.value.at(name)
    truth = below.there if below is not None else FALSE
    return _Part(value=of_truth(truth), error=either(of.error, negated(of.value.is_(Kind.OBJECT))))


def _index(tree: Index, names: _Names) -> _Part:
    of = _part(tree.of, names)
    key = tree.key.value if isinstance(tree.key, Literal) else None
    if isinstance(key, str):
        return _field(of, key)
    if not isinstance(key, int) or isinstance(key, bool):
        raise BadValue("a key or place that is computed")
    if not 0 <= key < of.value.longest:
        raise BadValue(f"the item {key}, beyond the {of.value.longest} that are looked at")
    there = both(of.value.is_(Kind.LIST), apply("<", integer(key), of.value.length))
    return _Part(value=of.value.item(key), error=either(of.error, negated(there)))


def _compare(tree: Compare, names: _Names) -> _Part:
    left, right = _part(tree.left, names), _part(tree.right, names)
    match tree.operator:
        case "in":
            asked = _contained(left.value, right.value, names)
        case "==" | "!=":
            asked = _equal(left.value, right.value, names)
            asked = asked if tree.operator == "==" else _Asked(truth=negated(asked.truth), error=asked.error)
        case operator:
            asked = _ordered(operator, left.value, right.value)
    error = either(left.error, right.error, asked.error)
    return _Part(value=of_truth(names.script.named(asked.truth)), error=names.script.named(error))


def _equal(left: Operand, right: Operand, names: _Names) -> _Asked:
    """`operations.equal`: only null may be compared with anything; other kinds that differ are an error."""
    if Kind.OBJECT in left.kinds and Kind.OBJECT in right.kinds:
        raise BadValue("two objects compared")
    nulls = both(left.is_(Kind.NULL), right.is_(Kind.NULL))
    cases, errors = [nulls], [FALSE]
    alike: list[Term] = []
    for each in (Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.LIST):
        if each not in left.kinds or each not in right.kinds:
            continue
        same = both(left.is_(each), right.is_(each))
        asked = _alike(each, left, right, names)
        alike.append(same)
        cases.append(both(same, asked.truth))
        errors.append(both(same, asked.error))
    compared = either(left.is_(Kind.NULL), right.is_(Kind.NULL), *alike)
    return _Asked(truth=either(*cases), error=either(negated(compared), *errors))


def _alike(each: Kind, left: Operand, right: Operand, names: _Names) -> _Asked:
    if each is Kind.TEXT:
        if left.host or right.host:
            return _Asked(truth=_host(host_is, *((left, right) if left.host else (right, left))))
        return _Asked(truth=equals(left.text, right.text))
    if each is Kind.LIST:
        return _same_items(left, right, names)
    return _Asked(truth=equals(left.number, right.number) if each is Kind.NUMBER else equals(left.truth, right.truth))


def _same_items(left: Operand, right: Operand, names: _Names) -> _Asked:
    # As many items, then each in turn, and no further than the first that differs.
    same_length = equals(left.length, right.length)
    truths, error = [same_length], FALSE
    for index in reversed(range(min(left.longest, right.longest))):
        inside = apply("<", integer(index), left.length)
        asked = _equal(left.item(index), right.item(index), names)
        error = names.script.named(both(inside, either(asked.error, both(asked.truth, error))))
        truths.append(either(negated(inside), asked.truth))
    return _Asked(truth=both(*truths), error=both(same_length, error))


def _host(compare: Callable[[Term, str], Term], host: Operand, with_: Operand) -> Term:
    if with_.literal is None:
        raise BadValue("a host compared with what is not written out")
    if host.symbol is not None:
        host.symbol.suggested |= dict.fromkeys(near(with_.literal))
    return compare(host.text, with_.literal)


def _contained(item: Operand, container: Operand, names: _Names) -> _Asked:
    """`operations.contained`: something equal is found, whatever else cannot be compared; else that is the error."""
    truths: list[Term] = []
    errors: list[Term] = []
    for index in range(container.longest if Kind.LIST in container.kinds else 0):
        inside = apply("<", integer(index), container.length)
        asked = _equal(item, container.item(index), names)
        truths.append(names.script.named(both(inside, negated(asked.error), asked.truth)))
        errors.append(names.script.named(both(inside, asked.error)))
    in_list = both(container.is_(Kind.LIST), either(*truths))
    cases, error = [in_list], [both(container.is_(Kind.LIST), negated(either(*truths)), either(*errors))]
    if Kind.OBJECT in container.kinds and Kind.TEXT in item.kinds:
        if item.literal is None:
            raise BadValue("a key that is computed")
        below = container.at(item.literal)
        cases.append(both(container.is_(Kind.OBJECT), below.there if below is not None else FALSE))
    error.append(both(container.is_(Kind.OBJECT), negated(item.is_(Kind.TEXT))))
    error.append(negated(either(container.is_(Kind.LIST), container.is_(Kind.OBJECT))))
    return _Asked(truth=either(*cases), error=either(*error))


def _ordered(operator: str, left: Operand, right: Operand) -> _Asked:
    numbers = both(left.is_(Kind.NUMBER), right.is_(Kind.NUMBER))
    texts = both(left.is_(Kind.TEXT), right.is_(Kind.TEXT))
    if texts != FALSE and (left.host or right.host):
        raise BadValue("a host compared by order")
    first, second = (left, right) if operator in ("<", "<=") else (right, left)
    sign = {"<": "str.<", ">": "str.<", "<=": "str.<=", ">=": "str.<="}[operator]
    truth = either(
        both(numbers, apply(operator, left.number, right.number)), both(texts, apply(sign, first.text, second.text))
    )
    return _Asked(truth=truth, error=negated(either(numbers, texts)))


def _invoke(tree: Invoke, names: _Names) -> _Part:
    of = _part(tree.of, names)
    if tree.function == "size":
        return _size(of)
    is_text = of.value.is_(Kind.TEXT)
    if tree.function == "domain":
        if of.value.symbol is None:
            raise BadValue("the domain of what is written out")
        of.value.symbol.facts.append(implies(is_text, is_short(of.value.text)))
        readable = names.script.named(both(is_text, is_address(of.value.text)))
        return _Part(value=of_host(of.value.symbol), error=either(of.error, negated(readable)))
    with_ = _part(tree.with_, names) if tree.with_ is not None else of
    error = either(of.error, with_.error, negated(is_text), negated(with_.value.is_(Kind.TEXT)))
    starts = tree.function == "startsWith"
    if of.value.host:
        return _Part(value=of_truth(_host(host_starts if starts else host_ends, of.value, with_.value)), error=error)
    if with_.value.host:
        raise BadValue("a host compared with what is not written out")
    truth = apply("str.prefixof" if starts else "str.suffixof", with_.value.text, of.value.text)
    return _Part(value=of_truth(truth), error=error)


def _size(of: _Part) -> _Part:
    value = of.value
    if value.host:
        raise BadValue("the size of a host")
    sizes = {Kind.TEXT: apply("str.len", value.text), Kind.LIST: value.length}
    if Kind.OBJECT in value.kinds:
        if value.symbol is None or value.symbol.open:
            raise BadValue("the size of an open object")
        below = [value.at(name) for name in value.symbol.known()]
        ones = [apply(_ONE_IF, each.there, integer(1), integer(0)) for each in below if each is not None]
        sizes[Kind.OBJECT] = apply("+", integer(0), *ones)
    size = integer(0)
    for each, term in sizes.items():
        if each in value.kinds:
            size = apply(_ONE_IF, value.is_(each), term, size)
    error = either(of.error, negated(either(*(value.is_(each) for each in sizes))))
    return _Part(value=of_number(apply("to_real", size)), error=error)


def _quantified(tree: Quantified, names: _Names) -> _Part:
    over = _part(tree.over, names)
    if Kind.OBJECT in over.value.kinds:
        raise BadValue("a quantifier over what may be an object")
    truths: list[Term] = []
    error = FALSE
    for index in reversed(range(over.value.longest)):
        inside = apply("<", integer(index), over.value.length)
        within = _Names(script=names.script, values={**names.values, tree.variable: over.value.item(index)})
        body = _truth(_part(tree.body, within))
        goes_on = body.truth if tree.every else negated(body.truth)
        error = names.script.named(both(inside, either(body.error, both(goes_on, error))))
        truths.append(either(negated(inside), body.truth) if tree.every else both(inside, body.truth))
    truth = both(*truths) if tree.every else either(*truths)
    return _Part(
        value=of_truth(names.script.named(truth)),
        error=either(over.error, negated(over.value.is_(Kind.LIST)), error),
    )
