"""What the operators and functions of the condition language do to values. Syntax and static types are not here.

Rule 1. Nothing is converted: text is never a number, a boolean never 1. A pair that cannot be compared is an error,
        and an error denies; only null may be compared with anything, and equals null alone.
Rule 2. Numbers are exact: 25, 25.0 and 25.00 are equal.
Rule 3. `domain` reads a plain e-mail address or an http(s) address without user part, in ASCII; anything else is an
        error.
"""

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.tool.schema import Kind, kind
from dueprocess.values import Json

NUMBERS: Final = (int, Decimal)
"""The exact types of numbers; a boolean, whose type is a kind of int, is none of them."""

ORDERED: Final = frozenset({Kind.NUMBER, Kind.TEXT})
SIZED: Final = frozenset({Kind.TEXT, Kind.LIST, Kind.OBJECT})

MAX_ADDRESS: Final = 2048  # longer than any address in use

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"(?P<host>(?:{_LABEL}\.)+{_LABEL})"
# Without / ? #, which mail allows: `evil.com/@example.com` is taken to evil.com by whoever puts https:// before it.
_MAIL = re.compile(rf"[A-Za-z0-9.!$%&'*+=^_`{{|}}~-]+@{_HOST}")
_WEB = re.compile(rf"[Hh][Tt][Tt][Pp][Ss]?://{_HOST}(?::[0-9]{{1,5}})?(?:[/?#][!-\[\]-~]*)?")

Comparison = Callable[[Json, Json], bool]
_PLAIN: Final = frozenset({str, int, Decimal, bool})  # two of one of these types are equal if Python says so


def equal(left: Json, right: Json) -> bool:
    """Whether two values are equal; lists and objects by their parts.

    Raises:
        BadValue: they are of kinds that cannot be compared (rule 1).
    """
    if type(left) is type(right) and type(left) in _PLAIN:
        return left == right
    if left is None or right is None:
        return left is right
    ours, theirs = kind(left), kind(right)
    if ours is not theirs:
        raise BadValue(f"{ours.value} cannot be compared with {theirs.value}")
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    return left == right


def unequal(left: Json, right: Json) -> bool:
    """The opposite of `equal`."""
    return not equal(left, right)


def contained(item: Json, container: Json) -> bool:
    """Whether a list has an equal item, or an object the key.

    Raises:
        BadValue: not a list or object; or nothing is equal and some item cannot be compared.
    """
    if isinstance(container, dict):
        if not isinstance(item, str):
            raise BadValue(f"{kind(item).value} cannot be a key of an object; expected text")
        return item in container
    if not isinstance(container, list):
        raise BadValue(f"in asks {kind(container).value}; expected a list or an object")
    doubt: BadValue | None = None
    for other in container:
        try:
            if equal(item, other):
                return True
        except BadValue as error:
            doubt = error
    if doubt is not None:
        raise doubt
    return False


def _ordering(compare: Callable[[Decimal | str, Decimal | str], bool]) -> Comparison:
    def ordered(left: Json, right: Json) -> bool:
        if type(left) in NUMBERS and type(right) in NUMBERS:
            return compare(left, right)  # pyright: ignore[reportArgumentType] - both are numbers
        ours, theirs = kind(left), kind(right)
        if ours is not theirs or ours not in ORDERED:
            raise BadValue(f"{ours.value} and {theirs.value} have no order")
        return compare(left, right)  # pyright: ignore[reportArgumentType] - both are numbers or both are text

    return ordered


COMPARISONS: Final[Mapping[str, Comparison]] = {
    "==": equal,
    "!=": unequal,
    "in": contained,
    "<": _ordering(operator.lt),
    "<=": _ordering(operator.le),
    ">": _ordering(operator.gt),
    ">=": _ordering(operator.ge),
}


def weight(of: Json) -> int:
    """How many values it holds, itself included: what comparing it costs."""
    if isinstance(of, dict):
        return 1 + sum(map(weight, of.values()))
    return 1 + sum(map(weight, of)) if isinstance(of, list) else 1


def size(of: Json) -> Json:
    """The number of code points, items or keys.

    Raises:
        BadValue: it has no size.
    """
    if isinstance(of, (str, list, dict)):
        return len(of)
    raise BadValue(f"{kind(of).value} has no size; expected text, a list or an object")


def starts_with(of: Json, with_: Json) -> Json:
    """Whether a text starts with another.

    Raises:
        BadValue: one of them is not text.
    """
    if type(of) is str and type(with_) is str:
        return of.startswith(with_)
    return _text(of).startswith(_text(with_))


def ends_with(of: Json, with_: Json) -> Json:
    """Whether a text ends with another.

    Raises:
        BadValue: one of them is not text.
    """
    return _text(of).endswith(_text(with_))


def domain(of: Json) -> Json:
    """The host of an e-mail or web address, in lower case (rule 3).

    Raises:
        BadValue: it is neither.
    """
    text = _text(of)
    if len(text) > MAX_ADDRESS:
        raise BadValue(f"domain() is given {len(text)} characters; expected at most {MAX_ADDRESS}")
    found = _MAIL.fullmatch(text) or _WEB.fullmatch(text)
    if found is None:
        raise BadValue("domain() is given neither a plain e-mail address nor an http(s) address")
    return found["host"].lower()


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    raise BadValue(f"got {kind(value).value}; expected text")
