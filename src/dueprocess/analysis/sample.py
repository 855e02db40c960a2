"""A small value that fits a JSON Schema, for a call that has to say something. Whether it fits is asked in `tool.check`.

Rule 1. What a schema offers is taken: a default, an example, the first of an enum; else the smallest value of the first type.
Rule 2. Only required fields are made. What cannot be made is left to the check, which refuses it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from dueprocess.analysis.pattern import text_like
from dueprocess.tool.schema import resolve
from dueprocess.values import Json

_FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "iri": "https://example.com/",
    "uri-reference": "/",
    "iri-reference": "/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "/a",
    "regex": "a",
}
_DEEPEST: Final = 12  # a schema that contains itself has no end
_LONGEST: Final = 4096
_ORDER: Final = ("string", "integer", "number", "boolean", "array", "object", "null")


def sample(schema: Mapping[str, Json]) -> Json:
    """A value for a schema (rules 1 and 2)."""
    return _sample(dict(schema), dict(schema), _DEEPEST)


def conjuncts(schema: Json, root: Json) -> tuple[Mapping[str, Json], ...]:
    """The schemas that every value of this one satisfies: itself, what it points to, all of `allOf`."""
    found: list[Mapping[str, Json]] = []
    waiting: list[Json] = [schema]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, dict) or any(each is other for other in found):
            continue
        found.append(each)
        reference = each.get("$ref")
        waiting.append(resolve(root, reference) if isinstance(reference, str) else None)
        every = each.get("allOf")
        waiting.extend(every if isinstance(every, list) else [])
    return tuple(found)


def _sample(schema: Json, root: Json, depth: int) -> Json:
    every = conjuncts(schema, root)
    if depth == 0 or not every:
        return "a"
    merged: dict[str, Json] = {}
    for part in reversed(every):
        merged |= part
    for key in ("const", "default"):
        if merged.get(key) is not None:
            return merged[key]
    for key in ("enum", "examples"):
        offered = merged.get(key)
        if isinstance(offered, list) and offered:
            return offered[0]
    for key in ("anyOf", "oneOf"):
        branches = merged.get(key)
        if isinstance(branches, list) and branches and "properties" not in merged:
            return _sample(branches[0], root, depth - 1)
    return _made(_type(merged), merged, every, root, depth)


def _type(schema: Mapping[str, Json]) -> str:
    declared = schema.get("type")
    words = [declared] if isinstance(declared, str) else declared if isinstance(declared, list) else []
    if not words:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return next((word for word in _ORDER if word in words), "string")


def _made(
    type_: str, schema: Mapping[str, Json], every: tuple[Mapping[str, Json], ...], root: Json, depth: int
) -> Json:
    match type_:
        case "string":
            return _text(schema)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return False
        case "null":
            return None
        case "array":
            return [
                _sample(schema.get("items", {}), root, depth - 1) for _ in range(_count(schema, "minItems", most=64))
            ]
        case _:
            made: dict[str, Json] = {}
            for part in every:
                required, properties = part.get("required"), part.get("properties")
                for name in required if isinstance(required, list) else []:
                    if isinstance(name, str) and name not in made:
                        below: Json = properties.get(name) if isinstance(properties, dict) else None
                        made[name] = _sample(below, root, depth - 1)
            return made


def _text(schema: Mapping[str, Json]) -> str:
    known = schema.get("format")
    if isinstance(known, str) and known in _FORMATS:
        return _FORMATS[known]
    pattern = schema.get("pattern")
    like = text_like(pattern) if isinstance(pattern, str) else None
    if like:
        return like
    return "a" * max(1, _count(schema, "minLength", most=_LONGEST)) if schema.get("maxLength") != 0 else ""


def _number(schema: Mapping[str, Json]) -> Json:
    least = schema.get("minimum")
    above = schema.get("exclusiveMinimum")
    most = schema.get("maximum")
    step = schema.get("multipleOf")
    if isinstance(above, (int, Decimal)) and not isinstance(above, bool):
        return int(above // 1) + 1
    if isinstance(least, (int, Decimal)) and not isinstance(least, bool):
        return least if isinstance(least, int) else -int(-least // 1)
    if isinstance(most, (int, Decimal)) and not isinstance(most, bool) and most < 1:
        return int(most // 1)
    return step if isinstance(step, (int, Decimal)) and not isinstance(step, bool) else 1


def _count(schema: Mapping[str, Json], key: str, *, most: int) -> int:
    value = schema.get(key)
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) else 0
