"""Amounts are read by one grammar, whatever they are written as; what is none is none."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dueprocess.errors import BadValue
from dueprocess.values import MICROS, Json, Money, amount_micros, read_amount, usd

GRAMMAR = re.compile(r"\A[0-9]{1,12}(\.[0-9]{1,2})?\Z", re.ASCII)
NUMERIC = st.from_regex(r"\A[+-]?[0-9]{0,14}(\.[0-9]{0,3})?(e[0-9])?\Z", fullmatch=True)


@given(st.one_of(NUMERIC, st.text(max_size=6), st.integers(), st.integers(0, 10**13), st.decimals(), st.booleans()))
@example("٢٥")
@example("25\n")
@example(Decimal("-0"))
@example(Decimal("25.00"))
@example(Decimal("1E+2"))
@example(10**12 - 1)
@example(10**12)
@example(10**4000)
def test_an_amount_is_what_fits_the_grammar_as_written(value: Json):
    short = isinstance(value, (str, Decimal)) or (type(value) is int and abs(value) < 10**20)
    written = str(value) if short and not isinstance(value, bool) else ""
    expected = int(Decimal(written) * MICROS) if GRAMMAR.match(written) else None

    assert amount_micros(value) == expected
    assert read_amount(value) == (None if expected is None else Money(expected))


@pytest.mark.parametrize("value", [None, True, False, [900], {"usd": 1}, "", "NaN", "900 USD", "-1", "+1", "1.", ".5"])
def test_what_is_no_amount_is_none(value: Json):
    assert amount_micros(value) is None
    assert read_amount(value) is None


@pytest.mark.parametrize(
    ("text", "micros"), [("0.35", 350_000), ("0.000001", 1), ("12", 12_000_000), ("999999999999.999999", 10**18 - 1)]
)
def test_a_limit_has_up_to_six_decimals(text: str, micros: int):
    assert usd(text) == Money(micros)


@pytest.mark.parametrize("text", ["0.0000001", "1e3", "-1", "", "1.", ".5", "1 000", "１"])
def test_a_limit_of_any_other_form_is_refused(text: str):
    with pytest.raises(BadValue, match="is not an amount of USD"):
        usd(text)
