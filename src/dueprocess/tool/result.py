"""What tools give back, and what Python callers hand in, as exact JSON. Reading JSON arguments is in `tool.shape`.

Rule 1. Enums become their values, Money and moments text, data classes and pydantic models objects of their fields.
Rule 2. A result never breaks the record of an effect: what JSON cannot carry is described by its type, not its content.
Rule 3. A result is at most a megabyte of JSON; a larger one is replaced as a whole.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final, cast

from dueprocess.errors import BadValue
from dueprocess.values import MAX_DEPTH, Json, Money, canonical, canonical_number, of_python
from dueprocess.values.foreign import quoted

MAX_RESULT_BYTES: Final = 1_000_000  # results are shown to a model and kept in a ledger: more is a file, not a result
MAX_RESULT_DEPTH: Final = MAX_DEPTH - 8  # an event and a message stand around a result, and are read with one bound
NOT_JSON: Final = "$not_json"
TOO_LARGE: Final = "$too_large"
_MAX_DIGITS: Final = 400  # what the JSON reader takes: a stored number must be readable again
_Refuse = Callable[[str, str], Json]


class _TooLarge(Exception):
    """How the walk of a huge value stops: it has more text and parts than a result may have."""


def result_to_json(value: object) -> Json:
    """Turns what a tool returned into exact JSON; never raises for its content.

    A part that JSON cannot carry becomes `{"$not_json": reason}`; a whole over a megabyte `{"$too_large": size}`.
    """
    try:
        found = _Encoder(_describe).encode(value, at="$", depth=MAX_RESULT_DEPTH)
    except _TooLarge:
        return {TOO_LARGE: f"more than {MAX_RESULT_BYTES} bytes"}
    size = len(canonical(found).encode())
    return found if size <= MAX_RESULT_BYTES else {TOO_LARGE: f"{size} bytes; at most {MAX_RESULT_BYTES} are kept"}


def argument_to_json(value: object, *, at: str) -> Json:
    """Turns an argument of a Python call into exact JSON.

    Raises:
        BadValue: JSON cannot carry it, or it is larger than a megabyte.
    """
    try:
        return _Encoder(_refuse).encode(value, at=at, depth=MAX_DEPTH)
    except _TooLarge:
        raise BadValue(f"{at}: more than {MAX_RESULT_BYTES} bytes of JSON; pass a reference instead") from None


def _describe(_at: str, reason: str) -> Json:
    return {NOT_JSON: reason}


def _refuse(at: str, reason: str) -> Json:
    raise BadValue(f"{at}: {reason}; expected text, number, boolean, Money, date, list or object")


class _Encoder:
    """One walk over one value. It counts text and parts, so that shared parts cannot blow up into an endless tree."""

    def __init__(self, refuse: _Refuse) -> None:
        self._refuse = refuse
        self._left = MAX_RESULT_BYTES

    def encode(self, value: object, *, at: str, depth: int) -> Json:
        self._spend(1)
        match value:
            case None | bool():
                return value
            case Enum():
                return self.encode(cast("object", value.value), at=at, depth=depth)
            case str():
                return self._text(value, at)
            case Money():
                return str(value)
            case int() | float() | Decimal():
                return self._number(value, at)
            case datetime() | date():
                return value.isoformat()
            case _:
                if depth == 0:
                    return self._refuse(at, "nested too deep")
                return self._container(value, at, depth - 1)

    def _container(self, value: object, at: str, depth: int) -> Json:
        match value:
            case Mapping():
                return self._object(cast("Mapping[object, object]", value), at, depth)
            case list() | tuple():
                return self._array(tuple(cast("tuple[object, ...]", value)), at, depth)
            case AbstractSet():
                items = self._array(tuple(cast("AbstractSet[object]", value)), at, depth)
                return sorted(items, key=canonical) if isinstance(items, list) else items
            case _:
                record = _record(value)
                if record is None:
                    return self._refuse(at, f"a value of type {type(value).__name__} is not JSON")
                return self._object(record, at, depth)

    def _object(self, value: Mapping[object, object], at: str, depth: int) -> Json:
        found: dict[str, Json] = {}
        for raw, item in value.items():
            key = raw.value if isinstance(raw, Enum) else raw
            if not isinstance(key, str):
                return self._refuse(at, f"an object key of type {type(raw).__name__} is not JSON")
            text = self._text(key, at)
            if not isinstance(text, str) or text in found:
                return self._refuse(at, "an object with a key that is twice there or not Unicode is not JSON")
            found[text] = self.encode(item, at=f"{at}.{quoted(text)}", depth=depth)
        return found

    def _array(self, value: tuple[object, ...], at: str, depth: int) -> Json:
        return [self.encode(item, at=f"{at}[{index}]", depth=depth) for index, item in enumerate(value)]

    def _text(self, value: str, at: str) -> Json:
        text = str.__str__(value)
        self._spend(len(text))
        try:
            text.encode()
        except UnicodeEncodeError:
            return self._refuse(at, "text with a lone surrogate is not JSON")
        return text

    def _number(self, value: float | Decimal, at: str) -> Json:
        if isinstance(value, int):
            # A bit is a third of a digit: told before the text of a huge integer is made.
            short = value.bit_length() <= 3 * _MAX_DIGITS
            return int(value) if short else self._refuse(at, "an integer of more than 400 digits is not kept")
        try:
            exact = of_python(value)
        except BadValue:
            return self._refuse(at, "a number that is not finite or has more than 400 digits is not kept")
        if isinstance(exact, Decimal) and len(canonical_number(exact)) > _MAX_DIGITS:
            return self._refuse(at, "a number of more than 400 digits is not kept")
        return exact

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _TooLarge


def _record(value: object) -> Mapping[object, object] | None:
    """The fields of a data class or pydantic model (known by its mark, not imported); None for anything else.

    Fields that were never set are left out: a half-built record must not hide that its effect took place.
    """
    if isinstance(value, type):
        return None
    if is_dataclass(value):
        names = tuple(field.name for field in fields(value))
    else:
        declared = cast("object", getattr(type(value), "__pydantic_fields__", None))
        if not isinstance(declared, Mapping):
            return None
        names = tuple(cast("Mapping[str, object]", declared))
    return {name: cast("object", getattr(value, name)) for name in names if hasattr(value, name)}
