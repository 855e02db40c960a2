r"""Money as integers of micro-USD, and the one grammar by which an amount is read. Prices are in `model`.

Rule 1. An amount, as written, is `\d{1,12}(\.\d{1,2})?` in ASCII, as a JSON number or as text (policy language, Amounts).
Rule 2. Everything else is no amount: booleans, NaN, signs, exponents, more decimals, separators, currency text, lists, nothing.
Rule 3. Sums are integers; nothing is rounded but the price of tokens, and that upwards.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.values.canonical import Json

MICROS: Final = 1_000_000
_DECIMALS: Final = 6  # of a millionth
_LARGEST: Final = 10**12 - 1  # twelve digits
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
_LIMIT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of US dollars in millionths, exact. May be negative only as a difference."""

    micros: int

    def __add__(self, other: "Money") -> "Money":
        return Money(self.micros + other.micros)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.micros - other.micros)

    def __str__(self) -> str:
        """Two decimals, or up to six where they are needed: `25.00`, `0.000125`."""
        sign = "-" if self.micros < 0 else ""
        whole, rest = divmod(abs(self.micros), MICROS)
        fraction = f"{rest:06d}".rstrip("0").ljust(2, "0")
        return f"{sign}{whole}.{fraction}"

    @property
    def decimal(self) -> Decimal:
        """The amount in dollars, exact."""
        return Decimal(self.micros).scaleb(-6)


ZERO: Final = Money(0)


def amount_micros(value: Json) -> int | None:
    """Reads an amount by rule 1, in millionths, or None: the caller denies, naming what it got."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, Decimal):
        text = str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        # A whole number is its own amount: what the grammar would read, without writing it out first.
        return value * MICROS if 0 <= value <= _LARGEST else None
    else:
        return None
    return _micros(text) if _AMOUNT.fullmatch(text) is not None else None


def read_amount(value: Json) -> Money | None:
    """The same as money."""
    micros = amount_micros(value)
    return None if micros is None else Money(micros)


def usd(text: str) -> Money:
    """Reads a limit or a price: like an amount, with up to six decimals.

    Raises:
        BadValue: any other form.
    """
    if _LIMIT.fullmatch(text) is None:
        raise BadValue(f"{text!a} is not an amount of USD; expected digits with at most six decimals, such as 0.35")
    return Money(_micros(text))


def _micros(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(_DECIMALS, "0"))
