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
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring as _quote
from typing import Final, cast

from dueprocess.errors import BadValue

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]

MAX_DEPTH: Final = 32  # policy language: arguments nest at most 32 deep
MAX_NUMBER_LENGTH: Final = 400  # longer literals are an attack on the parser, not a quantity
_PLAIN_EXPONENT: Final = 30
_NEVER_MONEY: Final = 3  # decimals that no amount has
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
    _check(value, depth=max_depth, limit=max_depth)
    return value


def of_python(value: object, *, max_depth: int = MAX_DEPTH) -> Json:
    """Turns plain Python data into exact JSON. A float goes through its repr, so 0.1 means 0.1.

    Raises:
        BadValue: a type JSON does not have, a key that is not text, NaN, infinity, lone surrogates, too deep, a cycle.
    """
    exact = _of_python(value, depth=max_depth, limit=max_depth)
    _check(exact, depth=max_depth, limit=max_depth)
    return exact


def canonical(value: Json) -> str:
    """Writes a value in its one text (rule 3)."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def canonical_number(number: int | Decimal) -> str:
    """Writes a number as its shortest exact decimal."""
    if isinstance(number, int):
        return str(number)
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
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BadValue(f"the exponent of {text[:40]!a} is out of every range; expected a quantity") from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise BadValue(f"not a number JSON can carry: {text}")
    written_scientific = "e" in text or "E" in text
    if written_scientific and -_NEVER_MONEY < exponent <= 0:
        sign, digits, _ = number.as_tuple()
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
        if not value.isascii() and _SURROGATE.search(value):
            raise BadValue("text holds a lone surrogate; expected whole Unicode characters")
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise BadValue(f"nested too deep: expected at most {limit} levels")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth=depth - 1, limit=limit)
        if isinstance(value, dict):
            for key in value:
                _check(key, depth=depth, limit=limit)


def _of_python(value: object, *, depth: int, limit: int) -> Json:
    if depth < 0:
        raise BadValue(f"nested too deep: expected at most {limit} levels")
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return _read_decimal(repr(value)) if value - value == 0 else _refuse_constant(repr(value))
        case Decimal():
            return _read_decimal(str(value)) if value.is_finite() else _refuse_constant(str(value))
        case Mapping():
            pairs = cast("Mapping[object, object]", value).items()
            return {_key(key): _of_python(item, depth=depth - 1, limit=limit) for key, item in pairs}
        case list() | tuple():
            items = cast("Sequence[object]", value)
            return [_of_python(item, depth=depth - 1, limit=limit) for item in items]
        case _:
            raise BadValue(f"a value of type {type(value).__name__} is not JSON; expected text, number, list or object")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise BadValue(f"an object key of type {type(key).__name__}; expected text")
    return key


def _write(value: Json, put: Callable[[str], None]) -> None:
    match value:
        case None:
            put("null")
        case True:
            put("true")
        case False:
            put("false")
        case str():
            put(_quote(value))
        case int() | Decimal():
            put(canonical_number(value))
        case dict():
            opening = "{"
            for key in sorted(value):
                put(opening)
                put(_quote(key))
                put(":")
                _write(value[key], put)
                opening = ","
            put("}" if value else "{}")
        case list():
            opening = "["
            for item in value:
                put(opening)
                _write(item, put)
                opening = ","
            put("]" if value else "[]")
