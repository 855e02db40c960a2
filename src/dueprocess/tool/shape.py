"""The shapes that tool arguments may have, and how exact JSON becomes Python values. Schemas are in `tool.signature`.

Rule 1. The set is closed: an annotation that is not listed here does not register.
Rule 2. Nothing is coerced: "5" is no int, True is no int, 1 is no bool. Equal numbers are one number: 5.0 is the int 5.
Rule 3. Numbers stay exact: a Decimal or Money has the very digits of the JSON text, never those of a binary double.
Rule 4. In records, an undeclared key is refused. In a union the first member that fits is taken, in written order.
Rule 5. A message names types and places, never values: they may be secret.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final, assert_never

from dueprocess.errors import BadValue
from dueprocess.values import Json, canonical, read_amount
from dueprocess.values.foreign import kind_of, quoted

_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([0-9]{2}:){2}[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_MAX_DIGITS: Final = 400  # an integral decimal beyond this (1e999999999) is an attack, not a quantity


class Kind(Enum):
    """The simple shapes; the value is how each is called in a message."""

    NOTHING = "null"
    BOOLEAN = "true or false"
    INTEGER = "a whole number"
    FLOAT = "a number"
    DECIMAL = "a decimal, as a number or as text such as 0.5"
    MONEY = "an amount of USD with at most two decimals, such as 25 or 25.50"
    TEXT = "text"
    DATE = "a date such as 2026-11-23"
    MOMENT = "a time with its offset, such as 2026-11-23T18:00:00Z"
    ANYTHING = "any JSON"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a fixed set: a Literal or an Enum. Pairs of JSON value and Python value."""

    pairs: tuple[tuple[Json, object], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list, or a tuple of any length."""

    item: "Shape"
    build: Callable[[list[object]], object]


@dataclass(frozen=True, slots=True)
class Row:
    """A tuple of fixed length."""

    items: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A dict with text keys."""

    value: "Shape"


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a record."""

    key: str
    shape: "Shape"
    required: bool


@dataclass(frozen=True, slots=True)
class Record:
    """A data class, TypedDict or pydantic model. `build` raises BadValue where the record's own checks refuse."""

    name: str
    fields: tuple[Field, ...]
    build: Callable[[dict[str, object], str], object]


@dataclass(frozen=True, slots=True)
class Either:
    """A union."""

    members: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A shape with constraints (`Annotated[int, Field(ge=1)]`). `check` raises BadValue where they do not hold."""

    inner: "Shape"
    check: Callable[[object, str], object]


Shape = Kind | Choice | Items | Row | Table | Record | Either | Checked


def walk(shape: Shape, at: str) -> Iterator[tuple[str, Kind]]:
    """All simple shapes inside a shape, each with its place."""
    match shape:
        case Kind():
            yield at, shape
        case Choice():
            return
        case Items(item=inner):
            yield from walk(inner, f"{at}[]")
        case Table(value=inner):
            yield from walk(inner, f"{at}{{}}")
        case Checked(inner=inner):
            yield from walk(inner, at)
        case Row(items=items):
            for index, inner in enumerate(items):
                yield from walk(inner, f"{at}[{index}]")
        case Record(fields=fields):
            for field in fields:
                yield from walk(field.shape, f"{at}.{field.key}")
        case Either(members=members):
            for inner in members:
                yield from walk(inner, at)
        case _:
            assert_never(shape)


def convert(shape: Shape, value: Json, *, at: str) -> object:
    """Turns exact JSON into a Python value of this shape (rules 2 to 4).

    Raises:
        BadValue: the value has another shape; names the place, the type that was got and what was expected.
    """
    match shape:
        case Kind():
            return _simple(shape, value, at)
        case Choice():
            return _choice(shape, value, at)
        case Items() | Row():
            return _list(shape, value, at)
        case Table(value=inner):
            if not isinstance(value, dict):
                raise _wrong(shape, value, at)
            return {key: convert(inner, part, at=f"{at}.{quoted(key)}") for key, part in value.items()}
        case Record():
            return _record(shape, value, at)
        case Either():
            return _either(shape, value, at)
        case Checked(inner=inner, check=check):
            return check(convert(inner, value, at=at), at)
        case _:
            assert_never(shape)


def expected(shape: Shape) -> str:
    """What a shape asks for, in words for a message."""
    match shape:
        case Kind():
            return shape.value
        case Choice(pairs=pairs):
            return "one of " + ", ".join(canonical(written) for written, _ in pairs)
        case Items():
            return "a list"
        case Row(items=items):
            return f"a list of exactly {len(items)}"
        case Table():
            return "an object"
        case Record(name=name):
            return f"an object ({name})"
        case Either(members=members):
            return " or ".join(dict.fromkeys(expected(member) for member in members))
        case Checked(inner=inner):
            return expected(inner)
        case _:
            assert_never(shape)


def got(value: Json) -> str:
    """The type of a JSON value, for a message."""
    match value:
        case str():
            return f"text of {len(value)} characters"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"an object of {len(value)} keys"
        case _:
            return kind_of(value)


def _simple(kind: Kind, value: Json, at: str) -> object:  # noqa: C901 - one branch per kind
    found: object = None
    match kind:
        case Kind.NOTHING:
            if value is None:
                return None
        case Kind.BOOLEAN:
            found = value if isinstance(value, bool) else None
        case Kind.INTEGER:
            found = _integer(value)
        case Kind.FLOAT:
            found = _float(value)
        case Kind.DECIMAL:
            found = _decimal(value)
        case Kind.MONEY:
            found = read_amount(value)
        case Kind.TEXT:
            found = value if isinstance(value, str) else None
        case Kind.DATE:
            found = _date(value)
        case Kind.MOMENT:
            found = _moment(value)
        case Kind.ANYTHING:
            return value
        case _:
            assert_never(kind)
    if found is None:
        raise _wrong(kind, value, at)
    return found


def _integer(value: Json) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal) and value.adjusted() < _MAX_DIGITS and value == value.to_integral_value():
        return int(value)
    return value if isinstance(value, int) else None


def _float(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if number - number == 0 else None


def _decimal(value: Json) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def _date(value: Json) -> date | None:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _moment(value: Json) -> datetime | None:
    if not isinstance(value, str) or _MOMENT.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _choice(shape: Choice, value: Json, at: str) -> object:
    text = canonical(value)
    for written, meant in shape.pairs:
        if canonical(written) == text:
            return meant
    raise _wrong(shape, value, at)


def _list(shape: Items | Row, value: Json, at: str) -> object:
    if not isinstance(value, list):
        raise _wrong(shape, value, at)
    if isinstance(shape, Items):
        return shape.build([convert(shape.item, part, at=f"{at}[{index}]") for index, part in enumerate(value)])
    if len(value) != len(shape.items):
        raise _wrong(shape, value, at)
    return tuple(convert(shape.items[index], part, at=f"{at}[{index}]") for index, part in enumerate(value))


def _record(shape: Record, value: Json, at: str) -> object:
    if not isinstance(value, dict):
        raise _wrong(shape, value, at)
    known = {field.key: field for field in shape.fields}
    unknown = sorted(value.keys() - known.keys())
    missing = [field.key for field in shape.fields if field.required and field.key not in value]
    if unknown or missing:
        told = f"{len(unknown)} undeclared" if unknown else f"no {', '.join(missing)}"
        raise BadValue(f"{at}: got an object with {told}; expected {shape.name} with {', '.join(known) or 'no keys'}")
    return shape.build({key: convert(known[key].shape, part, at=f"{at}.{key}") for key, part in value.items()}, at)


def _either(shape: Either, value: Json, at: str) -> object:
    for member in shape.members:
        try:
            return convert(member, value, at=at)
        except BadValue:
            continue
    raise _wrong(shape, value, at)


def _wrong(shape: Shape, value: Json, at: str) -> BadValue:
    return BadValue(f"{at}: got {got(value)}; expected {expected(shape)}")
