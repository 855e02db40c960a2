"""A call's arguments against the tool's schema: every problem, told without the values.

What the policy says of them is not asked here.

Rule 1. The schema is a promise about one object. At the top, and in every object for which an applicable schema
        declares `properties`, undeclared keys are problems, also where the schema lets them pass.
Rule 2. Where schemas are combined, a key is declared if any that applies declares it: all of `allOf`, the branches of
        `anyOf` and `oneOf` that the value satisfies, `then` or `else`, `dependentSchemas`, what `$ref` points to.
Rule 3. Numbers are exact, formats are checked, a number beyond 10^400 is no quantity.
Rule 4. A schema is closed in itself: only local pointers as references; nothing is ever fetched.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, cast

import jsonschema_rs

from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.tool.schema import Kind, kinds_of, resolve
from dueprocess.tool.spec import ToolSpec
from dueprocess.values import Json, of_python, parse
from dueprocess.values.foreign import kind_of, quoted, worded

Location = tuple[str | int, ...]

MAX_PROBLEMS: Final = 20  # of one call; who sends more is told enough
MAX_MAGNITUDE: Final = (
    400  # digits before or behind the point; a tool that reads more into an integer runs out of memory
)
UNDECLARED: Final = "is not declared by the tool's schema"
_MAX_SCHEMA_DEPTH: Final = 128
_DATA: Final = frozenset({"default", "examples", "enum", "const"})
_NAMED: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)
_UNSUPPORTED: Final = ("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$recursiveAnchor")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentProblem:
    """One thing wrong with the arguments: where, and what. No value of an argument is in the message."""

    where: Location
    message: str

    @property
    def place(self) -> str:
        """The path for a person: `$.lines[0].sku`."""
        return "".join(
            ["$", *(f"[{step}]" if isinstance(step, int) else f".{quoted(step)[1:-1]}" for step in self.where)]
        )


class ArgumentCheck:
    """The check of one tool's arguments, compiled once."""

    def __init__(self, parameters: Mapping[str, Json]) -> None:
        """Compiles the schema.

        Raises:
            ToolInvalid: it is no valid JSON Schema of an object, or refers to something outside itself.
        """
        # Its own name would make local pointers relative to an address.
        root = {
            key: value for key, value in parameters.items() if key not in ("$id", "id") or not isinstance(value, str)
        }
        _refuse_foreign(root, root, "$", 0)
        try:
            self._validator = jsonschema_rs.validator_for(root, offline=True, validate_formats=True)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            said = quoted(str(error).partition("\n")[0], limit=300)
            raise ToolInvalid(f"the schema of the arguments is not valid: {said}") from None
        if Kind.OBJECT not in kinds_of(root):
            raise ToolInvalid("the schema of the arguments admits no object; expected one with type: object")
        self._root = root
        self._parts: jsonschema_rs.ValidatorMap | None = None

    def problems(self, arguments: Mapping[str, Json]) -> tuple[ArgumentProblem, ...]:
        """Everything wrong with these arguments, at most `MAX_PROBLEMS`."""
        value = dict(arguments)
        found: list[ArgumentProblem] = []
        for problem in self._all(value):
            if len(found) == MAX_PROBLEMS:
                break
            found.append(problem)
        return tuple(found)

    def _all(self, value: dict[str, Json]) -> Iterator[ArgumentProblem]:
        oversized = tuple(_oversized(value, ()))
        if oversized:
            yield from oversized
            return
        try:
            if not self._validator.is_valid(value):
                yield from map(_told, self._validator.iter_errors(value))
        except ValueError:
            yield ArgumentProblem(where=(), message="cannot be checked against the tool's schema")
            return
        yield from self._undeclared(value, [(self._root, "#")], (), top=True)

    def _undeclared(
        self, value: Json, schemas: list[tuple[Json, str]], where: Location, *, top: bool = False
    ) -> Iterator[ArgumentProblem]:
        if not isinstance(value, (dict, list)):
            return
        parts = [part for schema, pointer in schemas for part in self._applicable(schema, pointer, value, set())]
        if isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, (dict, list)):
                    below = [found for schema, pointer in parts for found in _item_schemas(schema, pointer, index)]
                    yield from self._undeclared(item, below, (*where, index))
            return
        declaring = [names for schema, _ in parts if isinstance(names := schema.get("properties"), dict)]
        declared = frozenset[str]().union(*declaring)
        for key, item in value.items():
            if (top or declaring) and key not in declared:
                yield ArgumentProblem(where=(*where, key), message=UNDECLARED)
            elif isinstance(item, (dict, list)):
                below = [found for schema, pointer in parts for found in _key_schemas(schema, pointer, key)]
                yield from self._undeclared(item, below, (*where, key))

    def _applicable(
        self, schema: Json, pointer: str, value: Json, seen: set[str]
    ) -> Iterator[tuple[Mapping[str, Json], str]]:
        if not isinstance(schema, dict) or pointer in seen:
            return
        seen.add(pointer)
        yield schema, pointer
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from self._applicable(resolve(self._root, reference), reference, value, seen)
        for index, part in enumerate(_list(schema.get("allOf"))):
            yield from self._applicable(part, f"{pointer}/allOf/{index}", value, seen)
        for key in ("anyOf", "oneOf"):
            branches = [(part, f"{pointer}/{key}/{index}") for index, part in enumerate(_list(schema.get(key)))]
            # Where no branch fits the schema has said so already; then all count, so that no second problem is made up.
            fitting = [branch for branch in branches if self._fits(branch, value)] or branches
            for part, place in fitting:
                yield from self._applicable(part, place, value, seen)
        if "if" in schema:
            key = "then" if self._fits((schema["if"], f"{pointer}/if"), value) else "else"
            yield from self._applicable(schema.get(key), f"{pointer}/{key}", value, seen)
        for key in ("dependentSchemas", "dependencies"):
            dependent = schema.get(key)
            for name, part in dependent.items() if isinstance(dependent, dict) else ():
                if isinstance(value, dict) and name in value:
                    yield from self._applicable(part, f"{pointer}/{key}/{_step(name)}", value, seen)

    def _fits(self, branch: tuple[Json, str], value: Json) -> bool:
        schema, pointer = branch
        if isinstance(schema, bool):
            return schema
        if self._parts is None:
            self._parts = jsonschema_rs.validator_map_for(self._root, offline=True, validate_formats=True)
        validator = self._parts.get(pointer)
        return validator is not None and validator.is_valid(value)


def check_arguments(spec: ToolSpec, arguments: Mapping[str, Json]) -> tuple[ArgumentProblem, ...]:
    """Everything wrong with these arguments of this tool. The compiled schema is kept by its content.

    Raises:
        ToolInvalid: the tool's schema itself is not valid.
    """
    return _compiled(spec.schema_text).problems(arguments)


@lru_cache(maxsize=256)
def _compiled(schema: str) -> ArgumentCheck:
    parameters = parse(schema, max_depth=_MAX_SCHEMA_DEPTH)
    if not isinstance(parameters, dict):
        raise ToolInvalid("the schema of the arguments is not an object")
    return ArgumentCheck(parameters)


def _refuse_foreign(schema: Json, root: Json, place: str, depth: int) -> None:
    if depth > _MAX_SCHEMA_DEPTH:
        raise ToolInvalid(f"the schema nests deeper than {_MAX_SCHEMA_DEPTH} levels")
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            _refuse_foreign(item, root, f"{place}[{index}]", depth + 1)
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        here = f"{place}.{key}"
        if key in _UNSUPPORTED or (key == "$id" and isinstance(value, str)):
            raise ToolInvalid(f"{quoted(here)}: {key} is not supported; expected a schema with local $ref only")
        if key == "$ref" and isinstance(value, str):
            if resolve(root, value) is None:
                raise ToolInvalid(
                    f"{quoted(here)}: {quoted(value)} is not a pointer into this schema, such as #/$defs/name"
                )
        elif key in _NAMED and isinstance(value, dict):
            for name, item in value.items():
                _refuse_foreign(item, root, f"{here}.{name}", depth + 1)
        elif key not in _DATA:
            _refuse_foreign(value, root, here, depth + 1)


def _item_schemas(schema: Mapping[str, Json], pointer: str, index: int) -> Iterator[tuple[Json, str]]:
    before = 0
    for key in ("prefixItems", "items"):
        value = schema.get(key)
        if isinstance(value, list):
            before = len(value)
            if index < before:
                yield value[index], f"{pointer}/{key}/{index}"
        elif value is not None and index >= before:
            yield value, f"{pointer}/{key}"
    for key in ("additionalItems", "unevaluatedItems"):
        if key in schema and index >= before:
            yield schema[key], f"{pointer}/{key}"


def _key_schemas(schema: Mapping[str, Json], pointer: str, name: str) -> Iterator[tuple[Json, str]]:
    properties = schema.get("properties")
    if isinstance(properties, dict) and name in properties:
        yield properties[name], f"{pointer}/properties/{_step(name)}"
        return
    patterns = schema.get("patternProperties")
    matched = False
    for pattern, part in patterns.items() if isinstance(patterns, dict) else ():
        if _matches(pattern, name):
            matched = True
            yield part, f"{pointer}/patternProperties/{_step(pattern)}"
    if not matched:
        for key in ("additionalProperties", "unevaluatedProperties"):
            if key in schema:
                yield schema[key], f"{pointer}/{key}"


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return True  # a dialect Python does not read: its schema then counts as well as the others


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _oversized(value: Json, where: Location) -> Iterator[ArgumentProblem]:
    match value:
        case Decimal() if abs(value.adjusted()) > MAX_MAGNITUDE:
            yield ArgumentProblem(where=where, message=f"is a number beyond 10^{MAX_MAGNITUDE}; expected a quantity")
        case dict():
            for key, item in value.items():
                yield from _oversized(item, (*where, key))
        case list():
            for index, item in enumerate(value):
                yield from _oversized(item, (*where, index))
        case _:
            pass


def _told(error: jsonschema_rs.ValidationError) -> ArgumentProblem:
    where: Location = tuple(error.instance_path)
    kind = error.kind
    match kind.name:
        case "type":
            expected = " or ".join(map(str, kind.as_dict().get("types", ())))
            return ArgumentProblem(where=where, message=f"is {_kind_of(error.instance)}; expected {expected}")
        case "required":
            name = str(kind.as_dict().get("property", ""))
            return ArgumentProblem(where=(*where, name), message="is missing")
        case "enum":
            return ArgumentProblem(where=where, message=f"is not one of {_bounds(kind.as_dict())}")
        case "anyOf" | "oneOf":
            return ArgumentProblem(where=where, message=f"fits none, or too many, of what {kind.name} offers")
        case name:
            bounds = "" if name in ("additionalProperties", "unevaluatedProperties", "not") else _bounds(kind.as_dict())
            return ArgumentProblem(where=where, message=f"breaks the schema's {name} {bounds}".rstrip())


def _bounds(details: Mapping[str, object]) -> str:
    shown: list[str] = []
    for value in details.values():
        try:
            shown.append(worded(of_python(value), limit=200))
        except BadValue:
            continue  # the error of a nested keyword, which may hold values of the call
    return ", ".join(shown)


def _kind_of(value: object) -> str:
    # The validator hands back its own copy of the value, in which a number may be a float.
    return "a number" if isinstance(value, float) else kind_of(cast("Json", value))
