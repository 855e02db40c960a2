"""How a function's signature is read: parameters, schema, description. What a tool promises is in `tool.function`.

Rule 1. Every parameter is named and annotated with a type of the closed set (`tool.shape`).
Rule 2. A write takes no float and no untyped value, at any depth: money and evidence must be exact and checkable.
Rule 3. A parameter of type `Attempt` is handed in by the runtime and not in the schema; `citations` is reserved.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.tool.annotation import read_annotation
from dueprocess.tool.attempt import Attempt
from dueprocess.tool.docstring import read_docstring
from dueprocess.tool.result import argument_to_json
from dueprocess.tool.shape import Kind, Shape, convert, walk
from dueprocess.tool.signature import Signature
from dueprocess.tool.spec import CITATIONS, Effect
from dueprocess.values import Json, Money, of_python

_MONEY_TEXT: Final = r"^[0-9]{1,12}(\.[0-9]{1,2})?$"  # values.money, rule 1
_DECIMAL_TEXT: Final = r"^-?[0-9]{1,40}(\.[0-9]{1,40})?$"  # tool.shape reads the same
_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")


def read_signature(function: Callable[..., object], *, effect: Effect, where: str) -> Signature:
    """Reads the signature of a tool function.

    Raises:
        ToolInvalid: by rules 1 to 3; says which parameter, and what to write instead.
    """
    python = inspect.signature(function)
    hints = type_hints(function, where=where)
    shapes: dict[str, Shape] = {}
    schemas: dict[str, dict[str, Json]] = {}
    attempt: str | None = None
    about, lines = read_docstring(function.__doc__, parameters=python.parameters)
    for name, parameter in python.parameters.items():
        at = f"{where}({name})"
        _check_form(parameter, hints, at)
        if hints[name] is Attempt:
            if attempt is not None:
                raise ToolInvalid(f"{at}: a second parameter of type Attempt; expected at most one")
            attempt = name
            continue
        shape = read_annotation(hints[name], at=at)
        if effect is Effect.WRITE:
            _check_exact(shape, at)
        shapes[name] = shape
        schemas[name] = _schema(hints[name], at=at, line=lines.get(name))
        if parameter.default is not inspect.Parameter.empty:
            schemas[name]["default"] = _default(shape, parameter.default, at)
    required = [name for name in shapes if python.parameters[name].default is inspect.Parameter.empty]
    parameters: dict[str, Json] = {"type": "object", "properties": {**schemas}, "additionalProperties": False}
    if required:
        parameters["required"] = [*required]
    return Signature(
        description=about,
        parameters=parameters,
        shapes=shapes,
        required=frozenset(required),
        attempt=attempt,
        python=python,
    )


def type_hints(function: Callable[..., object], *, where: str) -> dict[str, object]:
    """The resolved annotations of a function.

    Raises:
        ToolInvalid: one names what is not defined where the function is, or is no type.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise ToolInvalid(
            f"{where}: an annotation cannot be read: {error}; expected types that its module knows"
        ) from None


def _check_form(parameter: inspect.Parameter, hints: Mapping[str, object], at: str) -> None:
    if parameter.kind not in _BY_NAME:
        raise ToolInvalid(f"{at}: {parameter.kind.description}; expected a parameter that can be given by name")
    if parameter.name == CITATIONS:
        raise ToolInvalid(f"{at}: the name is reserved for the model's evidence; use another one")
    if parameter.name not in hints:
        raise ToolInvalid(f"{at}: no annotation; a tool's schema comes from its types")
    if isinstance(parameter.default, FieldInfo):
        raise ToolInvalid(f"{at}: Field(...) as a default; put it into Annotated[..., Field(...)]")


def _check_exact(shape: Shape, at: str) -> None:
    for place, kind in walk(shape, at):
        if kind is Kind.FLOAT:
            raise ToolInvalid(f"{place}: a write takes no float, binary fractions are not exact; use Decimal or Money")
        if kind is Kind.ANYTHING:
            raise ToolInvalid(f"{place}: a write takes no untyped value; say what it is, such as dict[str, str]")


def _schema(annotation: object, *, at: str, line: str | None) -> dict[str, Json]:
    try:
        adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", annotation))
        made = adapter.json_schema(schema_generator=_ExactSchema, ref_template="{model}")
    except PydanticUserError as error:
        raise ToolInvalid(f"{at}: pydantic cannot read the annotation: {error.message}") from None
    schema = _tidy(cast("dict[str, Json]", of_python(made)), made.get("$defs", {}))
    if line:
        schema["description"] = line
    return schema


def _default(shape: Shape, default: object, at: str) -> Json:
    try:
        written = argument_to_json(default, at=at)
        convert(shape, written, at=at)
    except BadValue as error:
        raise ToolInvalid(f"the default does not fit its type: {error}") from None
    return written


class _ExactSchema(GenerateJsonSchema):
    """pydantic's schemas, but Money is an amount, a Decimal is a number or exact text, and defaults are exact."""

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        if schema["cls"] is Money:
            return {"anyOf": [{"type": "string", "pattern": _MONEY_TEXT}, {"type": "number"}]}
        return super().dataclass_schema(schema)

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        made = super().decimal_schema(schema)
        number = next(part for part in cast("list[dict[str, Any]]", made["anyOf"]) if part["type"] == "number")
        return {"anyOf": [number, {"type": "string", "pattern": _DECIMAL_TEXT}]}

    def encode_default(self, dft: object) -> Json:
        return argument_to_json(dft, at="default")


def _tidy(schema: dict[str, Json], definitions: Mapping[str, Any]) -> dict[str, Json]:
    """References inlined, titles dropped, records closed: readers of a schema then need no second look.

    It ends: `read_annotation` has refused types that hold themselves.
    """
    reference = schema.get("$ref")
    if isinstance(reference, str):
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _tidy({**cast("dict[str, Json]", of_python(definitions[reference])), **beside}, definitions)
    found: dict[str, Json] = {}
    for key, value in schema.items():
        match key, value:
            case "title" | "$defs" | "discriminator", _:
                continue
            case "properties", dict():
                found[key] = {name: _tidy(cast("dict[str, Json]", part), definitions) for name, part in value.items()}
            case "items" | "additionalProperties", dict():
                found[key] = _tidy(value, definitions)
            case _, list() if key in _LISTS:
                found[key] = [_tidy(cast("dict[str, Json]", part), definitions) for part in value]
            case _:
                found[key] = value
    if "properties" in found:
        found.setdefault("additionalProperties", False)
    return found
