"""Conditions against a second, plain reading of the same trees: whatever is compiled for speed means what it says."""

import json
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.policies import holds

from dueprocess.errors import BadValue
from dueprocess.policy.expression import compile_condition
from dueprocess.tool.schema import ANYTHING
from dueprocess.values import Json, canonical, parse

Tree = tuple[object, ...]


class NoAnswer(Exception):
    """The condition cannot be answered."""


SCALARS = st.one_of(
    st.sampled_from(["a", "ab", "", "b"]),
    st.integers(-3, 3),
    st.sampled_from([Decimal("1.0"), Decimal("1.5"), Decimal("-2.00")]),
    st.booleans(),
    st.none(),
)
NAMES = ("p", "q", "r")
LITERALS = st.builds(lambda value: ("literal", value), SCALARS)
ARGUMENTS = st.builds(lambda name: ("argument", name), st.sampled_from(NAMES))
FIELDS = st.builds(lambda name: ("field", name, "k"), st.sampled_from(NAMES))
LISTS = st.builds(lambda items: ("list", tuple(items)), st.lists(LITERALS, max_size=3))
VALUES = st.one_of(LITERALS, ARGUMENTS, ARGUMENTS, FIELDS, LISTS)


def _deeper(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.builds(lambda items: ("and", tuple(items)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda items: ("or", tuple(items)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda one: ("not", one), inner),
        st.builds(
            lambda every, name, value: ("each", every, name, value), st.booleans(), st.sampled_from(NAMES), VALUES
        ),
    )


CONDITIONS: st.SearchStrategy[Tree] = st.recursive(
    st.one_of(
        st.builds(
            lambda *parts: ("compare", *parts), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), VALUES, VALUES
        ),
        st.builds(lambda *parts: ("in", *parts), VALUES, st.one_of(LISTS, LISTS, ARGUMENTS, FIELDS)),
        st.builds(lambda name: ("has", name), st.sampled_from(NAMES)),
        st.builds(lambda *parts: ("size", *parts), st.sampled_from(NAMES), st.integers(0, 2)),
        st.builds(lambda *parts: ("starts", *parts), VALUES, VALUES),
        ARGUMENTS,
    ),
    _deeper,
    max_leaves=5,
)
GIVEN = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(
        SCALARS,
        st.lists(SCALARS, max_size=3),
        st.dictionaries(st.sampled_from(["k", "a"]), SCALARS, max_size=2),
    ),
)


def written(tree: Tree) -> str:  # noqa: C901 - one branch per form
    match tree:
        case ("literal", value):
            return canonical(value) if not isinstance(value, str) else json.dumps(value)
        case ("argument", name):
            return f"args.{name}"
        case ("field", name, key):
            return f"args.{name}.{key}"
        case ("list", items):
            return f"[{', '.join(map(written, items))}]"
        case ("compare", operator, left, right):
            return f"{written(left)} {operator} {written(right)}"
        case ("in", left, right):
            return f"{written(left)} in {written(right)}"
        case ("has", name):
            return f"has(args.{name})"
        case ("size", name, least):
            return f"size(args.{name}) > {least}"
        case ("starts", left, right):
            return f"{written(left)}.startsWith({written(right)})"
        case ("and", items):
            return "(" + " && ".join(map(written, items)) + ")"
        case ("or", items):
            return "(" + " || ".join(map(written, items)) + ")"
        case ("not", one):
            return f"!({written(one)})"
        case ("each", every, name, value):
            return f"args.{name}.{'all' if every else 'exists'}(v, v == {written(value)})"
        case _:
            raise AssertionError(tree)


def value_of(tree: Tree, given_: Mapping[str, Json]) -> Json:
    match tree:
        case ("literal", value):
            return value
        case ("list", items):
            return [value_of(item, given_) for item in items]
        case ("argument", name):
            if name not in given_:
                raise NoAnswer
            return given_[name]
        case ("field", name, key):
            holder = value_of(("argument", name), given_)
            if not isinstance(holder, dict) or key not in holder:
                raise NoAnswer
            return holder[key]
        case _:
            return answer(tree, given_)


def kind(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return type(value).__name__
    return "number" if isinstance(value, (int, Decimal)) else type(value).__name__


def same(left: Json, right: Json) -> bool:
    if left is None or right is None:
        return left is right
    if kind(left) != kind(right):
        raise NoAnswer
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return set(left) == set(right) and all(same(left[key], right[key]) for key in left)
    return left == right


def compared(operator: str, left: Json, right: Json) -> bool:
    if operator in ("==", "!="):
        return same(left, right) is (operator == "==")
    if kind(left) != kind(right) or kind(left) not in ("number", "str"):
        raise NoAnswer
    smaller, equal = left < right, left == right  # type: ignore[operator]
    return {"<": smaller, "<=": smaller or equal, ">": not smaller and not equal, ">=": not smaller}[operator]


def found_in(item: Json, container: Json) -> bool:
    if isinstance(container, dict) and isinstance(item, str):
        return item in container
    if not isinstance(container, list):
        raise NoAnswer
    doubt = False
    for other in container:
        try:
            if same(item, other):
                return True
        except NoAnswer:
            doubt = True
    if doubt:
        raise NoAnswer
    return False


def truth(value: Json) -> bool:
    if not isinstance(value, bool):
        raise NoAnswer
    return value


def answer(tree: Tree, given_: Mapping[str, Json]) -> bool:  # noqa: C901 - one branch per form
    match tree:
        case ("argument", _):
            return truth(value_of(tree, given_))
        case ("compare", operator, left, right):
            return compared(operator, value_of(left, given_), value_of(right, given_))
        case ("in", left, right):
            return found_in(value_of(left, given_), value_of(right, given_))
        case ("has", name):
            return name in given_
        case ("size", name, least):
            value = value_of(("argument", name), given_)
            if not isinstance(value, (str, list, dict)):
                raise NoAnswer
            return len(value) > least
        case ("starts", left, right):
            text, start = value_of(left, given_), value_of(right, given_)
            if not isinstance(text, str) or not isinstance(start, str):
                raise NoAnswer
            return text.startswith(start)
        case ("and", items):
            return all(answer(item, given_) for item in items)
        case ("or", items):
            return any(answer(item, given_) for item in items)
        case ("not", one):
            return not answer(one, given_)
        case ("each", every, name, value):
            items = value_of(("argument", name), given_)
            if not isinstance(items, (list, dict)):
                raise NoAnswer
            each = (same(item, value_of(value, given_)) for item in items)
            return all(each) if every else any(each)
        case _:
            raise AssertionError(tree)


@settings(max_examples=400)
@given(CONDITIONS, GIVEN)
def test_a_condition_answers_as_its_plain_reading_does(tree: Tree, given_: dict[str, Json]):
    source = written(tree)
    try:
        condition = compile_condition(source, arguments=ANYTHING)
    except BadValue as refused:
        # Only what can never be compared is refused; a tree of this form is always of the language.
        assert any(word in str(refused) for word in ("can never", "expected", "joins conditions")), source  # noqa: PT017
        return
    arguments = parse(canonical(given_))
    assert isinstance(arguments, dict)
    try:
        expected: bool | None = answer(tree, arguments)
    except NoAnswer:
        expected = None
    try:
        found: bool | None = holds(condition, arguments)
    except BadValue:
        found = None
    assert found is expected, (source, arguments)
