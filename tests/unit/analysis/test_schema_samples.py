"""Small values for schemas: each fits the schema that it was made for."""

import pytest

from dueprocess.analysis.pattern import text_like
from dueprocess.analysis.sample import sample
from dueprocess.tool.check import ArgumentCheck
from dueprocess.values import Json

SCHEMAS: list[Json] = [
    {"type": "string"},
    {"type": "string", "minLength": 3},
    {"type": "string", "maxLength": 0},
    {"type": "string", "format": "email"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "pattern": "^#W[0-9]+$"},
    {"type": "string", "pattern": r"^[A-Z]{2}\d{4,}(-x)?$"},
    {"type": "string", "pattern": r"^(abc|d)+\.\w\s[\-a]$"},
    {"type": "integer", "minimum": 3},
    {"type": "integer", "exclusiveMinimum": 3},
    {"type": "integer", "maximum": -3},
    {"type": "integer", "multipleOf": 7},
    {"type": "number", "minimum": 2},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["null", "integer"]},
    {"const": [1]},
    {"enum": ["b", "a"]},
    {"type": "integer", "default": 4},
    {"type": "string", "examples": ["x"]},
    {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    {"allOf": [{"type": "string"}, {"minLength": 4}]},
    {"$ref": "#/$defs/it"},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
    {"properties": {"a": {"$ref": "#/$defs/it"}}, "required": ["a"]},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_a_sample_fits_its_schema(schema: Json):
    whole: dict[str, Json] = {
        "type": "object",
        "properties": {"it": schema},
        "required": ["it"],
        "$defs": {"it": {"type": "integer", "minimum": 2}},
    }
    made = sample(whole)
    assert isinstance(made, dict)
    assert ArgumentCheck(whole).problems(made) == ()
    assert "it" in made


def test_a_schema_that_contains_itself_ends():
    node: dict[str, Json] = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert isinstance(sample(node), dict)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^a$", "a"),
        ("a|b", "a"),
        ("(?:ab){2}c*", "abab"),
        (r"\d+\.\d{2}", "0.00"),
        ("[^a]", None),
        ("(?=a)", None),
        ("(?P<n>a)", None),
        (r"\bword", None),
        ("a{999}", None),
        ("(a", None),
        ("*", None),
        ("[a", None),
    ],
)
def test_a_plain_pattern_gives_a_text_and_any_other_none(pattern: str, text: str | None):
    assert text_like(pattern) == text
