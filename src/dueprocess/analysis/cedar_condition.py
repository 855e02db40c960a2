"""A condition in Cedar: two expressions that never fail, that it holds and that it cannot be answered. What Cedar cannot say is refused.

Rule 1. Cedar skips a policy whose condition fails, and so would allow; here an error denies. So each attribute is asked for
        before it is read, and that it is missing is an expression of its own.
Rule 2. Cedar has texts, whole numbers, booleans, sets and records, one type for each attribute. What may be of several kinds,
        null, fractions, order of texts, sizes, hosts, places in lists: not exported.
"""

import json
from dataclasses import dataclass
from typing import Final

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
from dueprocess.tool.schema import Kind, Type
from dueprocess.values import Json

_LARGEST: Final = 2**63 - 1
_TRUE: Final = "true"
_FALSE: Final = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class CedarCondition:
    """A condition as two expressions (rule 1)."""

    holds: str
    fails: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """An attribute: its expression, what must be asked before it is read, and its type. `bound`: the items of a set."""

    text: str
    guards: tuple[str, ...]
    type: Type


def in_cedar(source: str, arguments: Type) -> CedarCondition:
    """A condition over the arguments as Cedar says it.

    Raises:
        BadValue: it is not of what Cedar can say (rule 2).
    """
    return _condition(parse_condition(source), arguments)


def cedar_text(text: str) -> str:
    """A text as Cedar writes it, in ASCII."""
    written = "".join(each if " " <= each <= "~" and each not in '"\\' else f"\\u{{{ord(each):x}}}" for each in text)
    return f'"{written}"'


def cedar_type(type_: Type) -> str | None:
    """The type of an attribute in a schema of Cedar; None where it is none of Cedar's (rule 2)."""
    if len(type_.kinds) != 1:
        return None
    (kind,) = type_.kinds
    match kind:
        case Kind.TEXT:
            return "String"
        case Kind.BOOLEAN:
            return "Bool"
        case Kind.NUMBER:
            return "Long" if _whole(type_) else None
        case Kind.LIST:
            inside = cedar_type(type_.item())
            return f"Set<{inside}>" if inside in ("String", "Bool", "Long") else None
        case Kind.OBJECT:
            names = type_.names()
            return None if names is None else cedar_record(type_)
        case Kind.NULL:
            return None


def cedar_record(type_: Type) -> str:
    """The declared attributes of an object that Cedar can hold, each optional."""
    found: list[str] = []
    for name in sorted(type_.names() or ()):
        below = type_.field(name)
        written = cedar_type(below) if below is not None else None
        if written is not None:
            found.append(f"{cedar_text(name)}?: {written}")
    return f"{{{', '.join(found)}}}"


def _whole(type_: Type) -> bool:
    return len(type_.schemas) == 1 and type_.schemas[0].get("type") == "integer"


def _condition(tree: Expression, arguments: Type) -> CedarCondition:
    match tree:
        case Literal(value=bool() as value):
            return CedarCondition(holds=_TRUE if value else _FALSE, fails=_FALSE)
        case Not():
            of = _condition(tree.of, arguments)
            return CedarCondition(holds=_and(_not(of.fails), _not(of.holds)), fails=of.fails)
        case Every():
            return _every([_condition(item, arguments) for item in tree.of])
        case Some():
            return _some([_condition(item, arguments) for item in tree.of])
        case Has():
            above = _place(tree.select.of, arguments)
            _field(above, tree.select.field)
            return _guarded(above.guards, f"{above.text} has {cedar_text(tree.select.field)}")
        case Compare():
            return _compare(tree, arguments)
        case Invoke():
            return _like(tree, arguments)
        case Quantified():
            return _quantified(tree, arguments)
        case Select() | Index() | Name():
            place = _place(tree, arguments)
            _require(place, "Bool")
            return _guarded(place.guards, place.text)
        case Literal() | ListOf():
            raise BadValue("a value where a condition is expected")


def _guarded(guards: tuple[str, ...], text: str) -> CedarCondition:
    return CedarCondition(holds=_and(*guards, text), fails=_not(_and(*guards)))


def _every(of: list[CedarCondition]) -> CedarCondition:
    fails = _FALSE
    for each in reversed(of):
        fails = _or(each.fails, _and(each.holds, fails))
    return CedarCondition(holds=_and(*(each.holds for each in of)), fails=fails)


def _some(of: list[CedarCondition]) -> CedarCondition:
    holds, fails = _FALSE, _FALSE
    for each in reversed(of):
        holds = _or(each.holds, _and(_not(each.fails), holds))
        fails = _or(each.fails, _and(_not(each.holds), fails))
    return CedarCondition(holds=holds, fails=fails)


def _place(tree: Expression, arguments: Type) -> _Place:
    match tree:
        case Name(name="args"):
            return _Place(text="context.args", guards=(), type=arguments)
        case Select():
            return _field(_place(tree.of, arguments), tree.field)
        case Index(key=Literal(value=str() as name)):
            return _field(_place(tree.of, arguments), name)
        case _:
            raise BadValue("a value that is computed")


def _field(above: _Place, name: str) -> _Place:
    below = (
        above.type.field(name)
        if above.type.kinds == frozenset({Kind.OBJECT}) and above.type.names() is not None
        else None
    )
    if below is None or cedar_type(below) is None:
        raise BadValue(f"the argument {json.dumps(name)}, whose type Cedar does not have")
    key = cedar_text(name)
    return _Place(text=f"{above.text}[{key}]", guards=(*above.guards, f"{above.text} has {key}"), type=below)


def _require(place: _Place, type_: str) -> None:
    if cedar_type(place.type) != type_:
        raise BadValue(f"a value that is no {type_}")


def _literal(value: Json, type_: str | None) -> str:
    match value:
        case bool() if type_ == "Bool":
            return _TRUE if value else _FALSE
        case int() if type_ == "Long" and not isinstance(value, bool) and abs(value) <= _LARGEST:
            return str(value) if value >= 0 else f"({value})"
        case str() if type_ == "String":
            return cedar_text(value)
        case _:
            raise BadValue("a comparison of values of which Cedar does not have both")


def _compare(tree: Compare, arguments: Type) -> CedarCondition:
    if tree.operator == "in":
        return _member(tree, arguments)
    operands = (tree.left, tree.right)
    places = [_place(each, arguments) for each in operands if not isinstance(each, Literal)]
    types = {cedar_type(place.type) for place in places}
    if not places or len(types) != 1:
        raise BadValue("a comparison of values of which Cedar does not have both")
    (type_,) = types
    if type_ not in ("String", "Bool", "Long") or (tree.operator not in ("==", "!=") and type_ != "Long"):
        raise BadValue(f"{tree.operator} of {type_}")
    texts = [
        _literal(each.value, type_) if isinstance(each, Literal) else _place(each, arguments).text for each in operands
    ]
    guards = tuple(dict.fromkeys(guard for place in places for guard in place.guards))
    return _guarded(guards, f"{texts[0]} {tree.operator} {texts[1]}")


def _member(tree: Compare, arguments: Type) -> CedarCondition:
    if isinstance(tree.right, ListOf):
        place = _place(tree.left, arguments)
        type_ = cedar_type(place.type)
        return _guarded(place.guards, f"[{_literals(tree.right, type_)}].contains({place.text})")
    place = _place(tree.right, arguments)
    if (
        place.type.kinds == frozenset({Kind.OBJECT})
        and isinstance(tree.left, Literal)
        and isinstance(tree.left.value, str)
    ):
        _field(place, tree.left.value)
        return _guarded(place.guards, f"{place.text} has {cedar_text(tree.left.value)}")
    if not isinstance(tree.left, Literal):
        raise BadValue("a member that is computed")
    return _guarded(place.guards, f"{place.text}.contains({_literal(tree.left.value, _inside(place))})")


def _inside(place: _Place) -> str:
    written = cedar_type(place.type)
    if written is None or not written.startswith("Set<"):
        raise BadValue("a value that is no list of texts, whole numbers or booleans")
    return written.removeprefix("Set<").removesuffix(">")


def _literals(listed: ListOf, type_: str | None) -> str:
    if not listed.items or len(listed.literals) != len(listed.items):
        raise BadValue("a list that is empty or computed")
    return ", ".join(_literal(value, type_) for value in listed.literals)


def _like(tree: Invoke, arguments: Type) -> CedarCondition:
    if tree.function not in ("startsWith", "endsWith"):
        raise BadValue(f"{tree.function}()")
    place = _place(tree.of, arguments)
    _require(place, "String")
    if not isinstance(tree.with_, Literal) or not isinstance(tree.with_.value, str):
        raise BadValue(f"{tree.function}() of what is computed")
    text = cedar_text(tree.with_.value)[1:-1].replace("*", "\\*")
    return _guarded(
        place.guards,
        f'{place.text} like "{text}*"' if tree.function == "startsWith" else f'{place.text} like "*{text}"',
    )


def _quantified(tree: Quantified, arguments: Type) -> CedarCondition:
    """`x.exists(v, v == 'a')`, `x.exists(v, v in [..])` and `x.all(v, v in [..])`: what sets can say."""
    place = _place(tree.over, arguments)
    type_ = _inside(place)
    match tree.body:
        case Compare(operator="==", left=Name(name=name), right=Literal() as right) if (
            name == tree.variable and not tree.every
        ):
            return _guarded(place.guards, f"{place.text}.contains({_literal(right.value, type_)})")
        case Compare(operator="in", left=Name(name=name), right=ListOf() as right) if name == tree.variable:
            listed = _literals(right, type_)
            asked = f"[{listed}].containsAll({place.text})" if tree.every else f"{place.text}.containsAny([{listed}])"
            return _guarded(place.guards, asked)
        case _:
            raise BadValue("a quantifier that no set operation says")


def _and(*of: str) -> str:
    kept = [each for each in dict.fromkeys(of) if each != _TRUE]
    if _FALSE in kept:
        return _FALSE
    return _TRUE if not kept else kept[0] if len(kept) == 1 else f"({' && '.join(kept)})"


def _or(*of: str) -> str:
    kept = [each for each in dict.fromkeys(of) if each != _FALSE]
    if _TRUE in kept:
        return _TRUE
    return _FALSE if not kept else kept[0] if len(kept) == 1 else f"({' || '.join(kept)})"


def _not(of: str) -> str:
    if of in (_TRUE, _FALSE):
        return _FALSE if of == _TRUE else _TRUE
    return f"!({of})"
