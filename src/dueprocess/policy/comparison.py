"""Comparisons of a condition: what can never be compared does not load, what is often compared is made fast.

What the operators do to values is in `operations`.
"""

import ast
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.evaluation import comparison
from dueprocess.policy.operations import ORDERED
from dueprocess.policy.part import CONTAINERS, STEPS, TRUTH, Part, call, is_, name, worded_type
from dueprocess.policy.syntax import Compare, ListOf, Literal
from dueprocess.tool.schema import EVERY_KIND, Kind, kind
from dueprocess.values import Json

_DIRECT: Final[Mapping[str, type[ast.cmpop]]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
"""How Python writes what an operator says of two texts or two numbers."""


def compare_parts(tree: Compare, *, left: Part, right: Part) -> Part:
    """The comparison of two parts.

    Raises:
        BadValue: it can never be made.
    """
    if tree.operator == "in":
        _refuse_unlike_member(tree, left, right)
        return Part(type=TRUTH, code=_member(tree, left, right), words="the comparison")
    common = left.type.kinds & right.type.kinds
    if tree.operator not in ("==", "!="):
        common &= ORDERED
    if not common:
        raise BadValue(
            f"{left.words} is {worded_type(left.type)} and {right.words} {worded_type(right.type)}; "
            f"{tree.operator} at character {tree.at} can never compare them"
        )
    return Part(type=TRUTH, code=_compared(tree, left, right), words="the comparison")


def _compared(tree: Compare, left: Part, right: Part) -> ast.expr:
    ours = comparison(tree.operator)
    if right.type.kinds & CONTAINERS:
        return call("weighed", name(ours), left.code, right.code, name(STEPS))
    asked = call(ours, left.code, right.code)
    # Most conditions compare an argument with a value written out: what is of its very kind needs no look at kinds.
    if isinstance(tree.right, Literal) and left.name is not None:
        plain = _is_alike(left.name, tree.right.value)
        direct = ast.Compare(left=left.name, ops=[_DIRECT[tree.operator]()], comparators=[right.code])
    elif isinstance(tree.left, Literal) and right.name is not None:
        plain = _is_alike(right.name, tree.left.value)
        direct = ast.Compare(left=left.code, ops=[_DIRECT[tree.operator]()], comparators=[right.name])
    else:
        return asked
    return asked if plain is None else ast.IfExp(test=plain, body=direct, orelse=asked)


def _is_alike(held: ast.Name, value: Json) -> ast.expr | None:
    if type(value) is str:
        return is_(call("type", held), name("str"))
    if type(value) is int or type(value) is Decimal:
        return _is_in(call("type", held), name("NUMBERS"))
    return None


def _member(tree: Compare, left: Part, right: Part) -> ast.expr:
    if isinstance(tree.right, ListOf):
        values = tree.right.literals
        kinds = {type(value) for value in values}
        if len(values) == len(tree.right.items) and kinds in ({str}, {int}):
            return _among(left, right, values, alike=kinds.pop().__name__)
        return call("search", left.code, right.code, name(STEPS))
    if isinstance(tree.left, Literal) and isinstance(tree.left.value, str):
        return call("text_in", left.code, right.code, name(STEPS))
    return call("search", left.code, right.code, name(STEPS))


def _among(left: Part, right: Part, values: tuple[Json, ...], *, alike: str) -> ast.expr:
    asked = call("contained", left.code, right.code)
    if left.name is None:
        return asked
    listed = [ast.Constant(value) for value in dict.fromkeys(values) if isinstance(value, (str, int))]
    found = _is_in(left.name, ast.Set(elts=[*listed]))
    return ast.IfExp(test=is_(call("type", left.name), name(alike)), body=found, orelse=asked)


def _is_in(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.Compare(left=left, ops=[ast.In()], comparators=[right])


def _refuse_unlike_member(tree: Compare, left: Part, right: Part) -> None:
    if Kind.OBJECT in right.type.kinds and Kind.TEXT in left.type.kinds:
        return
    items = right.type.item().kinds
    if isinstance(tree.right, ListOf):
        values = tree.right.literals
        items = frozenset(map(kind, values)) if len(values) == len(tree.right.items) else EVERY_KIND
    if Kind.LIST not in right.type.kinds or not left.type.kinds & items:
        raise BadValue(
            f"{left.words} is {worded_type(left.type)}; "
            f"in at character {tree.at} can never find it in {worded_type(right.type)}"
        )
