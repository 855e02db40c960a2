"""How a Python annotation is read as a shape. What the shapes do with JSON is in `tool.shape`.

pydantic checks constraints and builds models here; it never sees raw JSON, only values that are exact already.
"""

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Literal, NewType, NotRequired, Required, Union, cast, get_args, get_origin

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.tool.attempt import Attempt
from dueprocess.tool.result import argument_to_json
from dueprocess.tool.shape import Checked, Choice, Either, Field, Items, Kind, Record, Row, Shape, Table
from dueprocess.values import Json, Money
from dueprocess.values.foreign import quoted

SUPPORTED: Final = (
    "str, int, bool, Decimal, Money, date, datetime, Literal, Enum, None, list, tuple, dict[str, ...], unions, "
    "TypedDict, data classes and pydantic models"
)
_SIMPLE: Final[dict[object, Kind]] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    bool: Kind.BOOLEAN,
    float: Kind.FLOAT,
    Decimal: Kind.DECIMAL,
    Money: Kind.MONEY,
    date: Kind.DATE,
    datetime: Kind.MOMENT,
    type(None): Kind.NOTHING,
    None: Kind.NOTHING,
    Any: Kind.ANYTHING,
    object: Kind.ANYTHING,
}
_BARE: Final[dict[object, Shape]] = {
    list: Items(Kind.ANYTHING, list),
    tuple: Items(Kind.ANYTHING, tuple),
    dict: Table(Kind.ANYTHING),
}
_OWN_CHECKS: Final = frozenset({"value_error", "assertion_error"})
_MARKS: Final[frozenset[object]] = frozenset({Required, NotRequired})
_Within = tuple[object, ...]


def read_annotation(annotation: object, *, at: str, within: _Within = ()) -> Shape:
    """Reads an annotation as a shape. `at` names the parameter; `within` holds the records it stands in.

    Raises:
        ToolInvalid: it is not supported, or a record holds itself.
    """
    if isinstance(annotation, NewType):
        return read_annotation(cast("object", annotation.__supertype__), at=at, within=within)
    if get_origin(annotation) is not None:
        return _generic(annotation, at, within)
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if annotation in _BARE:
        return _BARE[annotation]
    alias: object = getattr(annotation, "__value__", None)  # a `type X = ...` statement of Python 3.12
    if type(annotation).__name__ == "TypeAliasType" and alias is not None:
        return read_annotation(alias, at=at, within=within)
    if not isinstance(annotation, type):
        raise ToolInvalid(f"{at}: the annotation {annotation!r} is not supported; expected {SUPPORTED}")
    return _class(annotation, at, within)


def _generic(annotation: object, at: str, within: _Within) -> Shape:
    origin: object = get_origin(annotation)
    arguments: tuple[object, ...] = get_args(annotation)
    if origin is Annotated:
        inner = read_annotation(arguments[0], at=at, within=within)
        return Checked(inner, _checker(annotation, at))
    if origin in _MARKS:
        return read_annotation(arguments[0], at=at, within=within)
    if origin is Union or origin is types.UnionType:
        return Either(tuple(read_annotation(member, at=at, within=within) for member in arguments))
    if origin is Literal:
        return Choice(tuple((_written(value, at), value) for value in arguments))
    if origin is list or origin is collections.abc.Sequence:
        return Items(read_annotation(arguments[0], at=f"{at}[]", within=within), list)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
            return Items(read_annotation(arguments[0], at=f"{at}[]", within=within), tuple)
        return Row(
            tuple(read_annotation(item, at=f"{at}[{index}]", within=within) for index, item in enumerate(arguments))
        )
    if origin is dict or origin is collections.abc.Mapping:
        if arguments[0] is not str:
            raise ToolInvalid(f"{at}: a dict whose keys are not str; expected dict[str, ...]: JSON keys are text")
        return Table(read_annotation(arguments[1], at=f"{at}{{}}", within=within))
    if isinstance(origin, type):
        return _class(annotation, at, within)
    raise ToolInvalid(f"{at}: the annotation {annotation!r} is not supported; expected {SUPPORTED}")


def _class(annotation: object, at: str, within: _Within) -> Shape:
    found = cast("type[object]", annotation if isinstance(annotation, type) else get_origin(annotation))
    if annotation in within:
        raise ToolInvalid(f"{at}: {found.__name__} holds itself; expected a type of bounded depth")
    inside = (*within, annotation)
    if issubclass(found, Enum):
        return Choice(tuple((_written(member.value, at), member) for member in found))
    if found is Attempt:
        raise ToolInvalid(
            f"{at}: an Attempt inside another type; expected a parameter of exactly this type: nobody names it"
        )
    if issubclass(found, BaseModel):
        return _model(found, at, inside)
    if dataclasses.is_dataclass(found):
        return _dataclass(found, at, inside)
    if issubclass(found, dict) and hasattr(cast("object", found), "__required_keys__"):
        return _typed_dict(cast("type[object]", found), at, inside)
    raise ToolInvalid(f"{at}: the type {found.__name__} is not supported; expected {SUPPORTED}")


def _model(model: type[BaseModel], at: str, within: _Within) -> Record:
    if issubclass(model, RootModel):
        raise ToolInvalid(f"{at}: {model.__name__} is a RootModel; use the type it wraps")
    if model.model_config.get("extra") == "allow":
        raise ToolInvalid(f"{at}: {model.__name__} allows undeclared keys; use dict[str, ...] where keys are open")
    found: list[Field] = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias if field.validation_alias is not None else field.alias
        if alias is not None and not isinstance(alias, str):
            raise ToolInvalid(f"{at}.{name}: a choice or path of aliases; expected one alias as text")
        shape = read_annotation(field.annotation, at=f"{at}.{name}", within=within)
        found.append(Field(alias or name, shape, field.is_required()))

    def build(values: dict[str, object], place: str) -> object:
        try:
            return model.model_validate(values, strict=True)
        except ValidationError as error:
            raise _refused(error, place) from None

    return Record(model.__name__, tuple(found), build)


def _dataclass(kind: type[object], at: str, within: _Within) -> Record:
    hints = _hints(kind, at)
    taken = [field for field in dataclasses.fields(cast("Any", kind)) if field.init]
    if set(inspect.signature(kind).parameters) != {field.name for field in taken}:
        raise ToolInvalid(f"{at}: {kind.__name__} is not made from its fields alone; expected a plain data class")
    found = tuple(
        Field(
            field.name, read_annotation(hints[field.name], at=f"{at}.{field.name}", within=within), _is_required(field)
        )
        for field in taken
    )

    def build(values: dict[str, object], place: str) -> object:
        try:
            return cast("Callable[..., object]", kind)(**values)
        except (ValueError, TypeError) as error:
            # The message of a check written by the user may hold the value: only its type is told (rule 5 of shapes).
            raise BadValue(f"{place}: {kind.__name__} refuses these values ({type(error).__name__})") from None

    return Record(kind.__name__, found, build)


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _typed_dict(kind: type[object], at: str, within: _Within) -> Record:
    required = cast("frozenset[str]", getattr(kind, "__required_keys__", frozenset[str]()))
    found = tuple(
        Field(name, read_annotation(hint, at=f"{at}.{name}", within=within), name in required)
        for name, hint in _hints(kind, at).items()
    )
    return Record(kind.__name__, found, lambda values, _place: values)


def _written(value: object, at: str) -> Json:
    try:
        return argument_to_json(value, at=at)
    except BadValue as error:
        raise ToolInvalid(f"a choice that JSON cannot carry: {error}") from None


def _hints(kind: type[object], at: str) -> dict[str, object]:
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise ToolInvalid(f"{at}: an annotation of {kind.__name__} cannot be read: {error}") from None


def _checker(annotation: object, at: str) -> Callable[[object, str], object]:
    try:
        adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", annotation))
    except PydanticUserError as error:
        raise ToolInvalid(f"{at}: pydantic cannot read the annotation: {error.message}") from None

    def check(value: object, place: str) -> object:
        try:
            return adapter.validate_python(value, strict=True)
        except ValidationError as error:
            raise _refused(error, place) from None

    return check


def _refused(error: ValidationError, place: str) -> BadValue:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    inside = "".join(f".{quoted(part) if isinstance(part, str) else part}" for part in first["loc"])
    # The message of a check written by the user may hold the value: it is not passed on (rule 5 of shapes).
    message = "refused by a check of its type" if first["type"] in _OWN_CHECKS else first["msg"]
    return BadValue(f"{place}{inside}: {message}")
