"""JSON is read exactly, and equal values have one text: the quick ways say what a plain reading of the rules says."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueprocess.errors import BadValue
from dueprocess.values import MAX_DEPTH, Json, canonical, canonical_number, of_python, parse
from dueprocess.values.canonical import parse_or

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DECIMALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(lambda whole, places: Decimal(whole).scaleb(-places), st.integers(-(10**6), 10**6), st.integers(-40, 40)),
    st.sampled_from(
        [Decimal("-0"), Decimal("0.00"), Decimal("-0.00"), Decimal("0E+3"), Decimal("1E+30"), Decimal("1E-7")]
    ),
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | DECIMALS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def plain(value: Json) -> str:
    """Rule 3, spelt out without any shortcut."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(plain(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{plain(key)}:{plain(value[key])}" for key in sorted(value)) + "}"
    return plain_number(Decimal(value))


def plain_number(number: Decimal) -> str:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, digits)))
    if whole == 0:
        return "0"
    while whole % 10 == 0:
        whole, exponent = whole // 10, exponent + 1
    minus, text = "-" * sign, str(whole)
    if exponent > 30 or len(text) + exponent < -30:
        return f"{minus}{text}e{exponent}"
    if exponent >= 0:
        return minus + text + "0" * exponent
    padded = text.rjust(1 - exponent, "0")
    return f"{minus}{padded[:exponent]}.{padded[exponent:]}"


@given(VALUES)
def test_a_value_is_written_as_the_rules_say(value: Json):
    assert canonical(value) == plain(value)


@given(DECIMALS)
def test_equal_numbers_have_one_text_that_is_read_back_as_equal(number: Decimal):
    text = canonical_number(number)
    assert parse(text) == number
    for other in (number * 1, +number if len(number.as_tuple().digits) <= 28 else number):
        if other == number:
            assert canonical_number(other) == text


@given(VALUES)
def test_what_is_written_is_read_as_equal_and_written_the_same(value: Json):
    read = parse(canonical(value))
    assert read == value
    assert canonical(read) == canonical(value)
    assert canonical(of_python(value)) == canonical(value)


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("given_", "written"),
    [
        (25, "25"),
        (Decimal("25.00"), "25"),
        (Decimal("2.50"), "2.5"),
        (Decimal("-2.50"), "-2.5"),
        (Decimal(100), "100"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E+30"), "1" + "0" * 30),
        (Decimal("1E+31"), "1e31"),
        (Decimal("1" + "0" * 30), "1" + "0" * 30),
        (Decimal("1" + "0" * 31), "1e31"),
        (Decimal("0." + "0" * 29 + "1"), "0." + "0" * 29 + "1"),
        (Decimal("1E-31"), "0." + "0" * 30 + "1"),
        (Decimal("1E-32"), "1e-32"),
        (Decimal("-0.0"), "0"),
        (Colour.RED, '"red"'),
        (OrderedDict(b=1, a=OrderedDict()), '{"a":{},"b":1}'),
        ('\u2028\x7f\x00\x1f"\\/', '"\u2028\x7f\\u0000\\u001f\\"\\\\/"'),
    ],
)
def test_a_value_has_one_text(given_: Json, written: str):
    assert canonical(given_) == written


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        (0.1, Decimal("0.1")),
        (1e22, Decimal("1E+22")),
        (1e2, Decimal("100.0")),
        (Decimal("1E+2"), Decimal("1E+2")),
        (Decimal("25E-1"), Decimal("2.5")),
        ((1, (2,)), [1, [2]]),
        (MappingProxyType({"a": MappingProxyType({})}), {"a": {}}),
        (Colour.RED, "red"),
        (True, True),
    ],
)
def test_python_data_becomes_exact_json(given_: object, read: Json):
    exact = of_python(given_)
    assert exact == read
    assert type(exact) is type(read) or isinstance(exact, str)


def test_what_is_read_is_nobody_else_s():
    inner: list[object] = [1]
    data = {"a": inner, "b": {"c": inner}}
    exact = of_python(data)
    inner.append(2)
    assert exact == {"a": [1], "b": {"c": [1]}}


@pytest.mark.parametrize(
    ("text", "digits"),
    [("1e2", (0, (1, 0, 0), 0)), ("1.5e0", (0, (1, 5, 0, 0), -3)), ("1E-1", (0, (1, 0, 0), -3)), ("25e-4", None)],
)
def test_a_number_with_an_exponent_is_never_read_as_money(text: str, digits: object):
    number = parse(text)
    assert isinstance(number, Decimal)
    assert number == Decimal(text)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent > 0 or exponent <= -3


LONG = "1" * 401
READERS: list[Callable[[str], object]] = [
    parse,
    lambda text: parse(f'{{"a": [{text}]}}'),
    lambda text: parse(text.encode("utf-8", "surrogatepass")),
]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "NaN is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        (LONG, "a number of 401 characters"),
        (f"0.{LONG}", "a number of 403 characters"),
        ('{"a": 1, "a": 1}', "key 'a' occurs twice"),
        ('"\\ud800"', "lone surrogate"),
        ('{"\\udfff": 1}', "lone surrogate"),
        ('["\\ud83d", "\\ude00"]', "lone surrogate"),
        ("1e99999999999999999999", "out of every range"),
        ("01", "not JSON"),
        ("1 2", "not JSON"),
        ("'a'", "not JSON"),
        (",", "not JSON"),
    ],
)
@pytest.mark.parametrize("read", READERS)
def test_what_is_not_exact_json_is_refused(read: Callable[[str], object], text: str, why: str):
    with pytest.raises(BadValue, match=why):
        read(text)


def test_half_characters_are_refused_also_where_they_stand_unescaped():
    with pytest.raises(BadValue, match="lone surrogate"):
        parse('{"a": ["\ud800"]}')
    with pytest.raises(BadValue, match="not UTF-8"):
        parse('{"a": ["\ud800"]}'.encode("utf-8", "surrogatepass"))
    assert parse('"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_values_nest_as_deep_as_they_may(opening: str, closing: str):
    deepest = opening * MAX_DEPTH + "1" + closing * MAX_DEPTH
    value = parse(deepest)
    assert of_python(value) == value
    for read in (parse, lambda text: of_python(json.loads(text))):
        with pytest.raises(BadValue, match="nested too deep: expected at most 32 levels"):
            read(f"[{deepest}]")
    assert parse(f"[{deepest}]", max_depth=MAX_DEPTH + 1) == [value]


def test_what_opens_often_without_nesting_is_not_deep():
    wide = [[{}] for _ in range(100)]
    assert parse(json.dumps(wide)) == wide
    assert parse(json.dumps({"a": "{[" * 100})) == {"a": "{[" * 100}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "nan is not JSON"),
        (float("inf"), "inf is not JSON"),
        (Decimal("NaN"), "NaN is not JSON"),
        (Decimal("sNaN"), "sNaN is not JSON"),
        (Decimal("-Infinity"), "-Infinity is not JSON"),
        (10**400, "a whole number of more than 400 digits"),
        (-(10**4000), "a whole number of more than 400 digits"),
        (Decimal("1" * 401), "a number of 401 characters"),
        (b"a", "a value of type bytes is not JSON"),
        ({1}, "a value of type set is not JSON"),
        ({1: 2}, "an object key of type int"),
        ("a\ud800", "lone surrogate"),
        ({"a\udfff": 1}, "lone surrogate"),
    ],
)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: {"a": [value]}, lambda value: (1, {"b": value})])
def test_data_that_is_not_json_is_refused(value: object, why: str, around: Callable[[object], object]):
    with pytest.raises(BadValue, match=why):
        of_python(around(value))


def test_the_longest_numbers_are_read_and_written():
    for number in (10**400 - 1, -(10**400) + 1):
        assert of_python(number) == number
    assert parse("9" * 400) == 10**400 - 1
    assert canonical(10**400 - 1) == "9" * 400


def test_a_circle_is_too_deep():
    circle: dict[str, object] = {}
    circle["a"] = [circle]
    with pytest.raises(BadValue, match="nested too deep"):
        of_python(circle)


def test_a_mapping_is_read_as_an_object_at_every_level():
    def proxied(value: object) -> object:
        return MappingProxyType({"a": value})

    value: object = 1
    for _ in range(MAX_DEPTH):
        value = proxied(value)
    assert isinstance(of_python(value), dict)
    with pytest.raises(BadValue, match="nested too deep"):
        of_python(proxied(value))
    assert isinstance(value, Mapping)


@pytest.mark.parametrize("zeros", [29, 30, 31, 40, 300])
def test_an_integer_and_an_equal_decimal_have_one_text(zeros: int):
    number = 7 * 10**zeros
    assert canonical(number) == canonical(Decimal(f"7E+{zeros}"))
    assert canonical(-number) == canonical(Decimal(f"-7E+{zeros}"))
    assert canonical(number + 1) == str(number + 1)


@pytest.mark.parametrize("text", ["", "no JSON", "NaN", '{"a":1,"a":2}', '"\\ud800"', "[" * 40 + "]" * 40, '{"a":'])
def test_what_holds_no_json_is_the_default_and_nothing_without_one(text: str):
    assert parse_or(text) is None
    assert parse_or(text, text) == text
    assert parse_or("[1.50]", text) == [Decimal("1.50")]
