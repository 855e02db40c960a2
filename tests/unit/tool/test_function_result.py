"""What a tool returns becomes exact JSON, whatever it is."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from dueprocess.tool import result_to_json
from dueprocess.tool.result import MAX_RESULT_BYTES, NOT_JSON, TOO_LARGE
from dueprocess.values import canonical, parse, usd


class Kind(Enum):
    GOOD = "good"


@dataclass
class Receipt:
    amount: object
    lines: list[object] = field(default_factory=list)


class Customer(BaseModel):
    name: str
    limit: Decimal


@dataclass(slots=True)
class HalfBuilt:
    a: int
    b: int = field(init=False)


def cycle() -> list[object]:
    found: list[object] = []
    found.append(found)
    return found


def blown_up() -> object:
    found: object = ["x"]
    for _ in range(30):
        found = [found, found, found]
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (0.1, Decimal("0.1")),
        (Decimal("1.50"), Decimal("1.50")),
        (usd("25"), "25.00"),
        (Kind.GOOD, "good"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        ({Kind.GOOD: 1}, {"good": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (
            Receipt(usd("1.5"), [Customer(name="n", limit=Decimal(2))]),
            {"amount": "1.50", "lines": [{"name": "n", "limit": 2}]},
        ),
        (HalfBuilt(1), {"a": 1}),
    ],
)
def test_what_json_can_carry_is_carried_exactly(value: object, expected: object):
    assert result_to_json(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        object(),
        b"bytes",
        lambda: None,
        Receipt,
        (x for x in "ab"),
        float("nan"),
        float("-inf"),
        Decimal("NaN"),
        Decimal("1" * 500),
        Decimal("0." + "1" * 500),
        Decimal("1" * 390 + "E25"),
        10**5000,
        "\ud800",
        {1: "a"},
        {"\ud800": 1},
        {Kind.GOOD: 1, "good": 2},
        ValueError("secret"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_carry_is_described_and_the_rest_is_kept(value: object):
    found: Any = result_to_json({"id": "R1", "odd": value})
    assert found["id"] == "R1"
    assert list(found["odd"]) == [NOT_JSON]
    assert "secret" not in canonical(found)
    assert " at 0x" not in canonical(found)
    assert parse(canonical(found)) == found


def test_what_is_too_deep_or_holds_itself_ends():
    assert NOT_JSON in canonical(result_to_json(cycle()))
    assert parse(canonical(result_to_json(cycle()))) == result_to_json(cycle())


@pytest.mark.parametrize(
    "value", ["x" * (MAX_RESULT_BYTES + 1), "é" * (MAX_RESULT_BYTES // 2 + 1), list(range(300_000)), blown_up()]
)
def test_more_than_a_megabyte_is_replaced_by_a_marker(value: object):
    found: Any = result_to_json(value)
    assert list(found) == [TOO_LARGE]


def test_up_to_a_megabyte_is_kept():
    text = "x" * (MAX_RESULT_BYTES - 2)
    assert result_to_json(text) == text


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters())
    | st.binary()
    | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


@given(value=ANYTHING)
def test_every_result_can_be_written_and_read_again(value: object):
    found = result_to_json(value)
    assert canonical(parse(canonical(found))) == canonical(found)
