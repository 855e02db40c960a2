"""Comparisons of a condition: what can never be compared does not load, what is often compared is made fast.

What the operators do to values is in `operations`.
"""

from decimal import Decimal
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.operations import COMPARISONS, DIRECT, ORDERED, contained, weight
from dueprocess.policy.part import CONTAINERS, TRUTH, Part, Run, Scope, spend, worded_type
from dueprocess.policy.syntax import Compare, ListOf, Literal, Select
from dueprocess.tool.schema import EVERY_KIND, Kind, kind
from dueprocess.values import Json

_SHORT: Final = 64  # items whose comparison with one text is too little to be counted as steps


def compare_parts(tree: Compare, *, left: Part, right: Part) -> Part:
    """The comparison of two compiled parts.

    Raises:
        BadValue: it can never be made.
    """
    if tree.operator == "in":
        _refuse_unlike_member(tree, left, right)
    else:
        common = left.type.kinds & right.type.kinds
        if tree.operator not in ("==", "!="):
            common &= ORDERED
        if not common:
            raise BadValue(
                f"{left.words} is {worded_type(left.type)} and {right.words} {worded_type(right.type)}; "
                f"{tree.operator} at character {tree.at} can never compare them"
            )
    compare = COMPARISONS[tree.operator]
    get_left, get_right = left.run, right.run
    if isinstance(tree.right, Literal):
        value = tree.right.value
        run_it = _with_literal(tree.operator, get_left, value)
        if isinstance(tree.left, Select) and left.words == f"args.{tree.left.field}":
            run_it = _argument_with_literal(tree.operator, tree.left.field, value) or run_it
        return Part(type=TRUTH, run=run_it, words="the comparison")
    if tree.operator == "in" and isinstance(tree.right, ListOf):
        return Part(type=TRUTH, run=_among(get_left, tree.right, get_right), words="the comparison")
    if tree.operator == "in" and isinstance(tree.left, Literal) and isinstance(tree.left.value, str):
        return Part(type=TRUTH, run=_text_in(tree.left.value, get_right), words="the comparison")
    if not right.type.kinds & CONTAINERS:
        return Part(type=TRUTH, run=lambda scope: compare(get_left(scope), get_right(scope)), words="the comparison")

    cost = _cost_of_search if tree.operator == "in" else _cost_of_comparison

    def run(scope: Scope) -> Json:
        ours, theirs = get_left(scope), get_right(scope)
        spend(scope, cost(ours, theirs))
        return compare(ours, theirs)

    return Part(type=TRUTH, run=run, words="the comparison")


def _cost_of_comparison(ours: Json, theirs: Json) -> int:
    return weight(theirs) if isinstance(ours, (list, dict)) else 1


def _cost_of_search(ours: Json, theirs: Json) -> int:
    # A key is found at once; a scalar is compared with each item, a list or an object with all that is in them.
    if not isinstance(theirs, list):
        return 1
    return weight(theirs) if isinstance(ours, (list, dict)) else 1 + len(theirs)


def _among(get: Run, listed: ListOf, get_all: Run) -> Run:
    literals = [item.value for item in listed.items if isinstance(item, Literal)]
    exact = {type(value) for value in literals}
    if len(literals) != len(listed.items) or exact not in ({str}, {int}):
        return lambda scope: _search(scope, get(scope), get_all(scope))
    (alike,) = exact
    among = frozenset(value for value in literals if isinstance(value, (str, int)))

    def run(scope: Scope) -> Json:
        found = get(scope)
        return found in among if type(found) is alike else contained(found, get_all(scope))

    return run


def _text_in(text: str, get_all: Run) -> Run:
    # A list of texts needs no look at kinds; anything else in it, and a long list, goes the general way.
    def run(scope: Scope) -> Json:
        theirs = get_all(scope)
        if type(theirs) is list and len(theirs) <= _SHORT:
            for other in theirs:
                if type(other) is not str:
                    break
                if other == text:
                    return True
            else:
                return False
        return _search(scope, text, theirs)

    return run


def _search(scope: Scope, item: Json, container: Json) -> bool:
    spend(scope, _cost_of_search(item, container))
    return contained(item, container)


def _with_literal(operator: str, get: Run, value: Json) -> Run:
    # Most conditions compare with a value written out: what is of its very type needs no look at kinds.
    compare, direct, exact = COMPARISONS[operator], DIRECT.get(operator), type(value)
    if direct is None or exact not in (str, int, Decimal):
        return lambda scope: compare(get(scope), value)

    def run(scope: Scope) -> Json:
        found = get(scope)
        return direct(found, value) if type(found) is exact else compare(found, value)

    return run


def _argument_with_literal(operator: str, name: str, value: Json) -> Run | None:
    # An argument beside a value written out is most of all conditions: one step instead of two.
    compare, direct, exact = COMPARISONS[operator], DIRECT.get(operator), type(value)
    if direct is None or exact not in (str, int, Decimal):
        return None

    def run(scope: Scope) -> Json:
        try:
            found = scope["args"][name]
        except KeyError:
            raise BadValue(f"args.{name} is missing") from None
        return direct(found, value) if type(found) is exact else compare(found, value)

    return run


def _refuse_unlike_member(tree: Compare, left: Part, right: Part) -> None:
    if Kind.OBJECT in right.type.kinds and Kind.TEXT in left.type.kinds:
        return
    items = right.type.item().kinds
    if isinstance(tree.right, ListOf):
        literals = [item.value for item in tree.right.items if isinstance(item, Literal)]
        items = frozenset(map(kind, literals)) if len(literals) == len(tree.right.items) else EVERY_KIND
    if Kind.LIST not in right.type.kinds or not left.type.kinds & items:
        raise BadValue(
            f"{left.words} is {worded_type(left.type)}; "
            f"in at character {tree.at} can never find it in {worded_type(right.type)}"
        )
