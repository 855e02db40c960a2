"""A tool's JSON Schema seen as types: what a value at a path may be, and which names an object declares.

Values are checked in `tool.check`.

Rule 1. A type is an over-approximation: what it excludes is excluded by the schema; what it admits may still be
        refused.
Rule 2. References are local pointers (`#/$defs/address`), not percent-encoded; any other admits everything.
Rule 3. The arguments themselves are closed; below, an object is closed where any schema that may apply declares
        `properties`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from dueprocess.values import Json


class Kind(Enum):
    """The types of JSON, with one kind of number. The value is the word used in messages."""

    TEXT = "text"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    NULL = "null"
    LIST = "a list"
    OBJECT = "an object"


EVERY_KIND: Final = frozenset(Kind)
_KINDS: Final[Mapping[str, Kind]] = {
    "string": Kind.TEXT,
    "number": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "null": Kind.NULL,
    "array": Kind.LIST,
    "object": Kind.OBJECT,
}
_ALTERNATIVES: Final = ("anyOf", "oneOf")
_CONDITIONAL: Final = ("then", "else")
_MAX_NESTED: Final = 8  # references and combinations one inside the other; what lies deeper may be of any kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """What a value may be. `schemas` are all that may say something of it; none of them: anything."""

    kinds: frozenset[Kind] = EVERY_KIND
    schemas: tuple[Mapping[str, Json], ...] = ()
    root: Json = None
    closed: bool = False

    def names(self) -> frozenset[str] | None:
        """The declared names of an object; None where it is open."""
        found: set[str] = set()
        closed = self.closed
        for schema in self.parts():
            properties = schema.get("properties")
            if isinstance(properties, dict):
                closed = True
                found.update(properties)
        return frozenset(found) if closed else None

    def field(self, name: str) -> "Type | None":
        """The type of a named value in an object; None where the object is closed and does not declare it."""
        names = self.names()
        if names is None:
            return ANYTHING
        if name not in names:
            return None
        found: list[Json] = []
        for schema in self.parts():
            properties = schema.get("properties")
            if isinstance(properties, dict) and name in properties:
                found.append(properties[name])
        return _union(found, self.root)

    def at(self, path: tuple[str, ...]) -> "Type | None":
        """The type at a path of names; None where one of them is not declared."""
        found: Type | None = self
        for name in path:
            if found is None:
                return None
            found = found.field(name)
        return found

    def item(self) -> "Type":
        """The type of the items of a list."""
        found: list[Json] = []
        for schema in self.parts():
            for key in ("items", "prefixItems", "additionalItems"):
                value = schema.get(key)
                found.extend(value if isinstance(value, list) else [value] if value is not None else [])
        return _union(found, self.root) if found else ANYTHING

    def paths_to(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Every place where an object or a list below declares this name; list steps are written `[]`."""
        return tuple(dict.fromkeys(_paths_to(self, name)))

    def parts(self) -> Iterator[Mapping[str, Json]]:
        """All schemas that may say something of it, references and combinations unfolded."""
        return _in_place(self.schemas, self.root)


ANYTHING: Final = Type()


def type_of_arguments(parameters: Mapping[str, Json]) -> Type:
    """The type of a tool's arguments: one object, closed at the top (rule 3)."""
    return Type(kinds=frozenset({Kind.OBJECT}), schemas=(parameters,), root=dict(parameters), closed=True)


def type_of_value(value: Json) -> Type:
    """The type of exactly this value, as far as kinds go."""
    return Type(kinds=frozenset({kind(value)}))


def kind(value: Json) -> Kind:
    """The kind of a value."""
    match value:
        case None:
            return Kind.NULL
        case bool():
            return Kind.BOOLEAN
        case int() | Decimal():
            return Kind.NUMBER
        case str():
            return Kind.TEXT
        case list():
            return Kind.LIST
        case dict():
            return Kind.OBJECT


def kinds_of(schema: Mapping[str, Json]) -> frozenset[Kind]:
    """The kinds of values that a schema, whole in itself, may admit."""
    return _kinds(dict(schema), dict(schema), _MAX_NESTED)


def resolve(root: Json, reference: str) -> Json:
    """What a local pointer points to; None where it is not local or points nowhere (rule 2)."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    found = root
    for step in reference.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def subschemas(schema: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """The schemas written in place inside a schema, of which some apply to the same value; references not followed."""
    for key in ("allOf", *_ALTERNATIVES):
        value = schema.get(key)
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))
    for key in _CONDITIONAL:
        value = schema.get(key)
        if isinstance(value, dict):
            yield value
    dependent = schema.get("dependentSchemas")
    if isinstance(dependent, dict):
        yield from (item for item in dependent.values() if isinstance(item, dict))


def _in_place(schemas: Iterable[Mapping[str, Json]], root: Json) -> Iterator[Mapping[str, Json]]:
    # Each schema once, however often and in whatever circle it is referred to.
    waiting = list(schemas)
    seen: list[Mapping[str, Json]] = []
    while waiting:
        schema = waiting.pop(0)
        if any(schema is other for other in seen):
            continue
        seen.append(schema)
        yield schema
        reference = schema.get("$ref")
        target = resolve(root, reference) if isinstance(reference, str) else None
        if isinstance(target, dict):
            waiting.append(target)
        waiting.extend(subschemas(schema))


def _union(found: list[Json], root: Json) -> Type:
    kinds: frozenset[Kind] = frozenset()
    for schema in found:
        kinds |= _kinds(schema, root, _MAX_NESTED)
    schemas = tuple(schema for schema in found if isinstance(schema, dict))
    return Type(kinds=kinds, schemas=schemas if len(schemas) == len(found) else (), root=root)


def _kinds(schema: Json, root: Json, depth: int) -> frozenset[Kind]:
    if schema is False:
        return frozenset()
    if not isinstance(schema, dict) or depth == 0:
        return EVERY_KIND
    found = EVERY_KIND
    declared = schema.get("type")
    if isinstance(declared, str):
        declared = [declared]
    if isinstance(declared, list):
        found &= frozenset(_KINDS[word] for word in declared if isinstance(word, str) and word in _KINDS)
    values = schema.get("enum")
    if isinstance(values, list):
        found &= frozenset(kind(value) for value in values)
    if "const" in schema:
        found &= frozenset({kind(schema["const"])})
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = resolve(root, reference)
        found &= _kinds(target, root, depth - 1) if target is not None else EVERY_KIND
    every = schema.get("allOf")
    for part in every if isinstance(every, list) else []:
        found &= _kinds(part, root, depth - 1)
    for key in _ALTERNATIVES:
        parts = schema.get(key)
        if isinstance(parts, list) and parts:
            found &= frozenset[Kind]().union(*(_kinds(part, root, depth - 1) for part in parts))
    return found


def _paths_to(start: Type, name: str) -> Iterator[tuple[str, ...]]:
    # A place is entered once per schema: one that contains itself has no end.
    waiting: list[tuple[tuple[str, ...], Type]] = [((), start)]
    entered: list[Mapping[str, Json]] = []
    while waiting:
        path, type_ = waiting.pop(0)
        if type_.schemas and all(any(schema is other for other in entered) for schema in type_.schemas):
            continue
        entered.extend(type_.schemas)
        for declared in sorted(type_.names() or ()):
            field = type_.field(declared)
            if declared == name:
                yield (*path, declared)
            if field is not None:
                waiting.append(((*path, declared), field))
        if any("items" in part or "prefixItems" in part for part in type_.parts()):
            waiting.append(((*path, "[]"), type_.item()))
