"""JSON read exactly and written one way. Schemas, money and digests are not here.

Rule 1. A text is one JSON value, without duplicate keys, NaN, infinity or lone surrogates, nested at most 32 deep.
Rule 2. Numbers are exact: `int` or `Decimal`, never `float`. A number written with an exponent keeps at least three
        decimals (or its exponent), so that it can never be read as money, whose grammar has at most two.
Rule 3. Equal values have one text: keys sorted by code point, no blanks, numbers as their shortest decimal
        (25 = 25.0 = 25.00), plain between 10^-30 and 10^30 and `DIGITSeEXPONENT` outside.

RFC 8785 is not used: it writes numbers through binary doubles, so that two decimals could share one text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring as _quote
from typing import Final, cast

from dueprocess.errors import BadValue

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]

MAX_DEPTH: Final = 32  # policy language: arguments nest at most 32 deep
MAX_NUMBER_LENGTH: Final = 400  # longer literals are an attack on the parser, not a quantity
_PLAIN_EXPONENT: Final = 30
_PLAIN_INTEGER: Final = 10 ** (_PLAIN_EXPONENT + 1)  # below it no integer has more zeros at its end than are written
_NEVER_MONEY: Final = 3  # decimals that no amount has
_BEYOND: Final = 10**MAX_NUMBER_LENGTH
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> Json:
    """Reads one JSON value exactly (rules 1 and 2).

    Raises:
        BadValue: not UTF-8, not JSON, duplicate key, NaN or infinity, lone surrogate, nested deeper than `max_depth`.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadValue(
                f"not UTF-8: byte {error.start} is {text[error.start]:#04x}; expected JSON in UTF-8"
            ) from None
    try:
        value: Json = _DECODER.decode(text)
    except RecursionError:
        raise BadValue(f"nested too deep: expected at most {max_depth} levels") from None
    except json.JSONDecodeError as error:
        raise BadValue(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    # Half characters come from escapes if they do not stand there; what opens fewer levels in all nests no deeper.
    halves = "\\u" in text or (not text.isascii() and _SURROGATE.search(text) is not None)
    if halves or text.count("{") + text.count("[") > max_depth:
        _check(value, depth=max_depth, limit=max_depth)
    return value


def parse_or(text: str, default: Json = None) -> Json:
    """Reads one JSON value as `parse` does; of a text that holds none, the default."""
    try:
        return parse(text)
    except BadValue:
        return default


def of_python(value: object, *, max_depth: int = MAX_DEPTH) -> Json:
    """Turns plain Python data into exact JSON of its own. A float goes through its repr, so 0.1 means 0.1.

    Raises:
        BadValue: a type JSON does not have, a key that is not text, NaN, infinity, lone surrogates, a number longer than
            any that is read, too deep, a cycle.
    """
    return _exact(value, max_depth, max_depth)


def canonical(value: Json) -> str:
    """Writes a value in its one text (rule 3)."""
    # By exact type, as nearly all values are; text inside others is written without a further call.
    kind = type(value)
    if kind is str:
        return _quote(value)  # pyright: ignore[reportArgumentType] - it is text
    if kind is int and -_PLAIN_INTEGER < value < _PLAIN_INTEGER:  # pyright: ignore[reportOperatorIssue] - it is a number
        return str(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, dict):
        written = [
            f"{_quote(key)}:{_quote(item) if type(item := value[key]) is str else canonical(item)}"
            for key in sorted(value)
        ]
        return f"{{{','.join(written)}}}"
    if isinstance(value, list):
        return f"[{','.join([_quote(item) if type(item) is str else canonical(item) for item in value])}]"
    if isinstance(value, str):
        return _quote(value)
    return canonical_number(value)


def canonical_number(number: int | Decimal) -> str:
    """Writes a number as its shortest exact decimal."""
    if isinstance(number, int):
        if -_PLAIN_INTEGER < number < _PLAIN_INTEGER:
            return str(number)
        number = Decimal(number)  # exact: no context rounds what is only converted
    text = str(number)
    if len(text) <= _PLAIN_EXPONENT and "E" not in text and number.is_finite():
        # Written plainly: all that can be too much is zeros behind the point, and a sign before nothing.
        text = text.rstrip("0").removesuffix(".") if "." in text else text
        return "0" if text == "-0" else text
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise BadValue(f"not a number JSON can carry: {number}")
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    exponent += len(text) - len(stripped)
    if not stripped:
        return "0"
    minus = "-" if sign else ""
    if exponent > _PLAIN_EXPONENT or len(stripped) + exponent < -_PLAIN_EXPONENT:
        return f"{minus}{stripped}e{exponent}"
    if exponent >= 0:
        return f"{minus}{stripped}{'0' * exponent}"
    whole, fraction = stripped[:exponent], stripped[exponent:].rjust(-exponent, "0")
    return f"{minus}{whole or '0'}.{fraction}"


def _read_int(text: str) -> int | Decimal:
    _check_length(text)
    # Python reads -0 as 0; the sign was written, and the money grammar refuses it.
    return Decimal(text) if text == "-0" else int(text)


def _read_decimal(text: str) -> Decimal:
    _check_length(text)
    if "e" not in text and "E" not in text:
        return Decimal(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BadValue(f"the exponent of {text[:40]!a} is out of every range; expected a quantity") from None
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise BadValue(f"not a number JSON can carry: {text}")
    if -_NEVER_MONEY < exponent <= 0:
        return Decimal((sign, digits + (0,) * (_NEVER_MONEY + exponent), -_NEVER_MONEY))
    return number


def _check_length(text: str) -> None:
    if len(text) > MAX_NUMBER_LENGTH:
        raise BadValue(f"a number of {len(text)} characters; expected at most {MAX_NUMBER_LENGTH}")


def _refuse_constant(text: str) -> Json:
    raise BadValue(f"{text} is not JSON; expected a finite number")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadValue(f"key {key!a} occurs twice in one object; expected each key once")
            seen.add(key)
    return found


_DECODER = json.JSONDecoder(
    parse_int=_read_int, parse_float=_read_decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique
)


def _check(value: Json, *, depth: int, limit: int) -> None:
    if isinstance(value, str):
        _text(value)
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise BadValue(f"nested too deep: expected at most {limit} levels")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth=depth - 1, limit=limit)
        if isinstance(value, dict):
            for key in value:
                _check(key, depth=depth, limit=limit)


def _exact(value: object, depth: int, limit: int) -> Json:
    # By exact type, as nearly all values are; the rest is looked at below.
    kind = type(value)
    if kind is str:
        return _text(value)  # pyright: ignore[reportArgumentType] - it is text
    if isinstance(value, dict):
        return _object(cast("Mapping[object, object]", value), depth, limit)
    if value is None or value is True or value is False:
        return value
    if kind is int:
        return _whole(value)  # pyright: ignore[reportArgumentType] - it is a whole number
    match value:
        case list() | tuple():
            if depth == 0:
                raise BadValue(f"nested too deep: expected at most {limit} levels")
            return [_exact(item, depth - 1, limit) for item in cast("Sequence[object]", value)]
        case str():
            return _text(value)
        case int():
            return _whole(value)
        case float():
            return _read_decimal(repr(value)) if value - value == 0 else _refuse_constant(repr(value))
        case Decimal():
            return _read_decimal(str(value)) if value.is_finite() else _refuse_constant(str(value))
        case Mapping():
            return _object(cast("Mapping[object, object]", value), depth, limit)
        case _:
            raise BadValue(f"a value of type {type(value).__name__} is not JSON; expected text, number, list or object")


def _object(pairs: Mapping[object, object], depth: int, limit: int) -> Json:
    if depth == 0:
        raise BadValue(f"nested too deep: expected at most {limit} levels")
    return {_key(key): _exact(item, depth - 1, limit) for key, item in pairs.items()}


def _text(text: str) -> str:
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    raise BadValue("text holds a lone surrogate; expected whole Unicode characters")


def _whole(number: int) -> int:
    if not -_BEYOND < number < _BEYOND:
        raise BadValue(f"a whole number of more than {MAX_NUMBER_LENGTH} digits; expected a quantity")
    return int(number)


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise BadValue(f"an object key of type {type(key).__name__}; expected text")
    return _text(key)
