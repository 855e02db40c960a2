"""Arguments against a tool's schema: exact numbers, undeclared keys wherever an applicable schema declares some, no values in messages."""

import pytest

from dueprocess.errors import ToolInvalid
from dueprocess.tool import ToolSpec
from dueprocess.tool.check import MAX_PROBLEMS, ArgumentCheck, check_arguments
from dueprocess.values import Json, parse


def problems(schema: str, arguments: str) -> list[str]:
    parameters, value = parse(schema, max_depth=100), parse(arguments, max_depth=100)
    assert isinstance(parameters, dict)
    assert isinstance(value, dict)
    return [f"{each.place} {each.message}" for each in ArgumentCheck(parameters).problems(value)]


def of_properties(properties: str, **more: str) -> str:
    rest = "".join(f', "{key}": {value}' for key, value in more.items())
    return f'{{"type": "object", "properties": {properties}{rest}}}'


UNDECLARED = "is not declared by the tool's schema"


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (of_properties('{"a": {"type": "number"}}'), '{"a": 25.00}'),
        (of_properties('{"a": {"type": "integer"}}'), '{"a": 25.00}'),
        (of_properties('{"a": {"maximum": 50}}'), '{"a": 50.00}'),
        (of_properties('{"a": {"multipleOf": 0.01}}'), '{"a": 0.07}'),
        (of_properties('{"a": {"enum": [25]}}'), '{"a": 25.0}'),
        (of_properties('{"a": {"type": "string"}}'), "{}"),
        (of_properties('{"a": {"type": "string", "format": "email"}}'), '{"a": "a@example.com"}'),
        (of_properties('{"a": true}'), '{"a": {"x": [1]}}'),
        ("{}", "{}"),
        ('{"type": "object"}', "{}"),
        (
            '{"$id": "https://example.com/x", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "null"}}}',
            '{"a": null}',
        ),
        (
            '{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"id": {"type": "string"}}}',
            '{"id": "x"}',
        ),
        (of_properties('{"id": {"type": "string"}, "$id": {}, "$ref": {}}'), '{"id": "x", "$id": 1, "$ref": 2}'),
        (
            of_properties('{"a": {"default": {"$ref": "x"}, "examples": [{"$id": "y"}], "enum": [{"$ref": "z"}]}}'),
            '{"a": {"$ref": "z"}}',
        ),
    ],
)
def test_what_fits_has_no_problem(schema: str, arguments: str):
    assert problems(schema, arguments) == []


@pytest.mark.parametrize(
    ("schema", "arguments", "expected"),
    [
        (of_properties('{"a": {"type": "number"}}'), '{"a": "secret"}', ["$.a is text; expected number"]),
        (
            of_properties('{"a": {"type": ["number", "null"]}}'),
            '{"a": true}',
            ["$.a is a boolean; expected null or number"],
        ),
        (of_properties('{"a": {"type": "integer"}}'), '{"a": 25.5}', ["$.a is a number; expected integer"]),
        (of_properties('{"a": {"type": "string"}}'), '{"a": null}', ["$.a is null; expected string"]),
        (of_properties('{"a": {"type": "string"}}'), '{"a": {"b": 1}}', ["$.a is an object; expected string"]),
        (of_properties('{"a": {"type": "string"}}'), '{"a": [1]}', ["$.a is a list; expected string"]),
        (of_properties('{"a": {}}', required='["a", "b"]'), "{}", ["$.a is missing", "$.b is missing"]),
        (of_properties('{"a": {"properties": {}, "required": ["b"]}}'), '{"a": {}}', ["$.a.b is missing"]),
        (of_properties('{"a": {"enum": ["x", 2]}}'), '{"a": "secret"}', ['$.a is not one of ["x",2]']),
        (of_properties('{"a": {"const": 5}}'), '{"a": 6}', ["$.a breaks the schema's const 5"]),
        (
            of_properties('{"a": {"maximum": 50}}'),
            '{"a": 50.000000000000000000001}',
            ["$.a breaks the schema's maximum 50"],
        ),
        (of_properties('{"a": {"minLength": 3}}'), '{"a": "xy"}', ["$.a breaks the schema's minLength 3"]),
        (of_properties('{"a": {"pattern": "^a+$"}}'), '{"a": "secret"}', ["$.a breaks the schema's pattern '^a+$'"]),
        (of_properties('{"a": {"format": "email"}}'), '{"a": "secret"}', ["$.a breaks the schema's format 'email'"]),
        (of_properties('{"a": {"items": {"type": "number"}}}'), '{"a": [1, "x"]}', ["$.a[1] is text; expected number"]),
        (
            of_properties('{"a": {"anyOf": [{"type": "number"}, {"type": "null"}]}}'),
            '{"a": "x"}',
            ["$.a fits none, or too many, of what anyOf offers"],
        ),
        (
            of_properties('{"a": {"oneOf": [{}, {}]}}'),
            '{"a": "x"}',
            ["$.a fits none, or too many, of what oneOf offers"],
        ),
        (of_properties('{"a": {"not": {"const": "secret"}}}'), '{"a": "secret"}', ["$.a breaks the schema's not"]),
        (of_properties('{"a": false}'), '{"a": 1}', ["$.a breaks the schema's falseSchema"]),
        (
            of_properties('{"a": {}}', additionalProperties="false"),
            '{"b": 1}',
            ["$ breaks the schema's additionalProperties", f"$.b {UNDECLARED}"],
        ),
        (
            of_properties('{"a": {"propertyNames": {"pattern": "^x"}}}'),
            '{"a": {"secret": 1}}',
            ["$.a breaks the schema's propertyNames"],
        ),
        (
            of_properties('{"a\\u202e": {"type": "number"}}'),
            '{"a\\u202e": "x"}',
            ["$.a\\u202e is text; expected number"],
        ),
    ],
)
def test_what_does_not_fit_is_told_without_its_value(schema: str, arguments: str, expected: list[str]):
    found = problems(schema, arguments)

    assert found == expected
    assert not any("secret" in each for each in found)


CONDITIONAL = (
    '{"a": {"properties": {"k": {}}, "if": {"properties": {"k": {"const": 1}}}, '
    '"then": {"properties": {"x": {}}}, "else": {"properties": {"y": {}}}}}'
)
DRAFT_7 = '"$schema": "http://json-schema.org/draft-07/schema#"'
D = '{"type": "object", "properties": {"x": {}}}'


@pytest.mark.parametrize(
    ("schema", "arguments", "undeclared"),
    [
        # At the top, whatever the schema says.
        ("{}", '{"a": 1}', ["$.a"]),
        ('{"type": "object"}', '{"a": 1}', ["$.a"]),
        ('{"additionalProperties": true}', '{"a": 1}', ["$.a"]),
        ('{"additionalProperties": {"type": "number"}}', '{"a": 1}', ["$.a"]),
        ('{"patternProperties": {"^a": {}}}', '{"a": 1}', ["$.a"]),
        (of_properties('{"a": {}}', additionalProperties="true"), '{"a": 1, "b": 1, "A": 1}', ["$.b", "$.A"]),
        (of_properties('{"user_id": {}}'), '{"user": {"role": "admin"}}', ["$.user"]),
        # Below, where properties are declared.
        (of_properties(f'{{"a": {D}}}'), '{"a": {"x": 1, "y": 2}}', ["$.a.y"]),
        (of_properties('{"a": {"properties": {}}}'), '{"a": {"y": 2}}', ["$.a.y"]),
        (of_properties('{"a": {"properties": {"x": {}}, "additionalProperties": true}}'), '{"a": {"y": 2}}', ["$.a.y"]),
        (of_properties(f'{{"a": {{"properties": {{"b": {D}}}}}}}'), '{"a": {"b": {"y": 1}}}', ["$.a.b.y"]),
        (of_properties(f'{{"a": {{"type": "array", "items": {D}}}}}'), '{"a": [{"x": 1}, {"y": 1}]}', ["$.a[1].y"]),
        (
            of_properties(f'{{"a": {{"prefixItems": [true, {D}], "items": {D}}}}}'),
            '{"a": [{"y": 1}, {"y": 1}, {"y": 1}]}',
            ["$.a[1].y", "$.a[2].y"],
        ),
        (of_properties(f'{{"a": {{"items": {{"items": {D}}}}}}}'), '{"a": [[{"y": 1}]]}', ["$.a[0][0].y"]),
        # An object without properties is open, what lies in it is checked.
        (of_properties('{"a": {"type": "object"}}'), '{"a": {"y": {"z": [{}]}}}', []),
        (of_properties('{"a": {}}'), '{"a": {"y": 1}}', []),
        (
            of_properties(f'{{"a": {{"additionalProperties": {D}}}}}'),
            '{"a": {"k": {"x": 1}, "l": {"y": 1}}}',
            ["$.a.l.y"],
        ),
        (
            of_properties(f'{{"a": {{"patternProperties": {{"^k": {D}}}}}}}'),
            '{"a": {"k": {"y": 1}, "l": {"y": 1}}}',
            ["$.a.k.y"],
        ),
        (
            of_properties(f'{{"a": {{"patternProperties": {{"^k": true}}, "additionalProperties": {D}}}}}'),
            '{"a": {"k": {"y": 1}, "l": {"y": 1}}}',
            ["$.a.l.y"],
        ),
        # Combinations.
        (of_properties(f'{{"a": {{"anyOf": [{D}, {{"type": "null"}}]}}}}'), '{"a": {"y": 1}}', ["$.a.y"]),
        (of_properties(f'{{"a": {{"anyOf": [{{"type": "null"}}, {D}]}}}}'), '{"a": {"x": 1}}', []),
        (
            of_properties('{"a": {"anyOf": [{"properties": {"x": {}}}, {"properties": {"y": {}}}]}}'),
            '{"a": {"x": 1, "y": 2, "z": 3}}',
            ["$.a.z"],
        ),
        (
            of_properties(
                '{"a": {"oneOf": [{"properties": {"kind": {"const": "x"}, "x": {}}, "required": ["kind"]},'
                ' {"properties": {"kind": {"const": "y"}, "y": {}}, "required": ["kind"]}]}}'
            ),
            '{"a": {"kind": "x", "x": 1, "y": 2}}',
            ["$.a.y"],
        ),
        (
            of_properties('{"a": {"allOf": [{"properties": {"x": {}}}, {"properties": {"y": {}}}]}}'),
            '{"a": {"x": 1, "y": 2, "z": 3}}',
            ["$.a.z"],
        ),
        (
            of_properties('{"a": {"properties": {"x": {}}, "allOf": [{"properties": {"y": {}}}]}}'),
            '{"a": {"x": 1, "y": 2}}',
            [],
        ),
        (of_properties('{"a": {"anyOf": [true, {"properties": {"x": {}}}]}}'), '{"a": {"x": 1, "y": 2}}', ["$.a.y"]),
        (of_properties('{"a": {"anyOf": [{"type": "object"}, false]}}'), '{"a": {"y": 2}}', []),
        (
            of_properties(CONDITIONAL),
            '{"a": {"k": 1, "x": 1, "y": 1}}',
            ["$.a.y"],
        ),
        (
            of_properties(CONDITIONAL),
            '{"a": {"k": 2, "x": 1, "y": 1}}',
            ["$.a.x"],
        ),
        (
            of_properties('{"a": {"properties": {"k": {}}, "dependentSchemas": {"k": {"properties": {"x": {}}}}}}'),
            '{"a": {"k": 1, "x": 1, "y": 1}}',
            ["$.a.y"],
        ),
        (
            of_properties('{"a": {"properties": {"k": {}}, "dependentSchemas": {"k": {"properties": {"x": {}}}}}}'),
            '{"a": {"x": 1}}',
            ["$.a.x"],
        ),
        (of_properties('{"a": {"not": {"properties": {"x": {"const": 1}}}}}'), '{"a": {"x": 2, "y": 1}}', []),
        # References.
        (
            of_properties('{"a": {"$ref": "#/$defs/d"}}', **{"$defs": f'{{"d": {D}}}'}),
            '{"a": {"x": 1, "y": 1}}',
            ["$.a.y"],
        ),
        (
            of_properties('{"a": {"$ref": "#/$defs/d"}}', **{"$defs": f'{{"d": {{"$ref": "#/$defs/e"}}, "e": {D}}}'}),
            '{"a": {"y": 1}}',
            ["$.a.y"],
        ),
        (
            of_properties('{"a": {"$ref": "#/$defs/d~1~0e"}}', **{"$defs": f'{{"d/~e": {D}}}'}),
            '{"a": {"y": 1}}',
            ["$.a.y"],
        ),
        (
            of_properties('{"a": {"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]}}', **{"$defs": f'{{"d": {D}}}'}),
            '{"a": {"y": 1}}',
            ["$.a.y"],
        ),
        ('{"$ref": "#/$defs/d", "$defs": {"d": {"properties": {"x": {}}}}}', '{"x": 1, "y": 1}', ["$.y"]),
        ('{"allOf": [{"properties": {"x": {}}}, {"properties": {"y": {}}}]}', '{"x": 1, "y": 1, "z": 1}', ["$.z"]),
        (
            of_properties(
                '{"a": {"$ref": "#/$defs/n"}}',
                **{"$defs": '{"n": {"properties": {"next": {"$ref": "#/$defs/n"}, "v": {}}}}'},
            ),
            '{"a": {"next": {"next": {"v": 1, "w": 1}}}}',
            ["$.a.next.next.w"],
        ),
        (
            of_properties(
                '{"a": {"$ref": "#/$defs/n"}}',
                **{"$defs": '{"n": {"anyOf": [{"$ref": "#/$defs/n"}, {"properties": {"x": {}}}]}}'},
            ),
            '{"a": {"y": 1}}',
            ["$.a.y"],
        ),
        (of_properties('{"a": {"$ref": "#"}}'), '{"a": {"a": {"b": 1}}}', ["$.a.a.b"]),
        (
            of_properties('{"p q/é": {"anyOf": [{"properties": {"x": {}}}, {"type": "null"}]}}'),
            '{"p q/é": {"y": 1}}',
            ["$.p q/é.y"],
        ),
        # Older drafts.
        (
            f'{{{DRAFT_7}, "properties": {{"a": {{"items": [{D}], "additionalItems": {{"properties": {{"z": {{}}}}}}}}}}}}',
            '{"a": [{"y": 1}, {"y": 1}]}',
            ["$.a[0].y", "$.a[1].y"],
        ),
        (
            f'{{{DRAFT_7}, "properties": {{"a": {{"dependencies": {{"k": {D}, "l": ["k"]}}, "properties": {{"k": {{}}}}}}}}}}',
            '{"a": {"k": 1, "x": 1, "y": 1}}',
            ["$.a.y"],
        ),
    ],
)
def test_undeclared_keys_are_problems_wherever_an_applicable_schema_declares_some(
    schema: str, arguments: str, undeclared: list[str]
):
    assert problems(schema, arguments) == [f"{place} {UNDECLARED}" for place in undeclared]


def test_where_no_branch_fits_no_second_problem_is_made_up():
    schema = of_properties(
        '{"a": {"oneOf": [{"properties": {"x": {"type": "number"}}}, {"properties": {"x": {"type": "null"}}}]}}'
    )

    assert problems(schema, '{"a": {"x": "text"}}') == ["$.a fits none, or too many, of what oneOf offers"]


@pytest.mark.parametrize("number", ["1e401", "-1e401", "1e-401", "1e999999999999999"])
def test_a_number_beyond_every_quantity_is_a_problem(number: str):
    schema = of_properties('{"a": {"type": "array", "items": {"type": "number"}}}')

    assert problems(schema, f'{{"a": [1, {number}]}}') == ["$.a[1] is a number beyond 10^400; expected a quantity"]
    assert problems(schema, '{"a": [1e400, 1e-400]}') == []


def test_problems_are_bounded():
    keys = ",".join(f'"k{index}": 1' for index in range(100))

    assert len(problems("{}", f"{{{keys}}}")) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ('{"type": "objct"}', "is not valid"),
        ('{"properties": {"a": {"type": 5}}}', "is not valid"),
        ('{"properties": {"a": {"pattern": "("}}}', "is not valid"),
        ('{"$schema": "http://example.com/mine"}', "is not valid"),
        ('{"type": "array"}', "admits no object; expected one with type: object"),
        ('{"type": "string"}', "admits no object"),
        ('{"enum": ["a"]}', "admits no object"),
        (
            '{"properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}}',
            "'$.properties.a.$ref': 'http://127.0.0.1:9/x' is not a pointer into this schema",
        ),
        (
            '{"properties": {"a": {"$ref": "file:///etc/passwd"}}}',
            "is not a pointer into this schema, such as #/$defs/name",
        ),
        ('{"properties": {"a": {"$ref": "other.json#/a"}}}', "is not a pointer into this schema"),
        ('{"properties": {"a": {"$ref": "#/$defs/nope"}}}', "is not a pointer into this schema"),
        ('{"properties": {"a": {"$ref": "#name"}}}', "is not a pointer into this schema"),
        ('{"properties": {"a": {"items": [{"$ref": "x"}]}}}', "'$.properties.a.items[0].$ref'"),
        (
            '{"$defs": {"a": {"$id": "https://example.com/y"}}}',
            "$id is not supported; expected a schema with local $ref only",
        ),
        ('{"properties": {"a": {"$anchor": "x"}}}', "$anchor is not supported"),
        ('{"properties": {"a": {"$dynamicRef": "#x"}}}', "$dynamicRef is not supported"),
        ('{"$recursiveRef": "#"}', "$recursiveRef is not supported"),
    ],
)
def test_a_schema_that_is_not_valid_or_not_closed_in_itself_is_refused(schema: str, message: str):
    parameters = parse(schema)
    assert isinstance(parameters, dict)

    with pytest.raises(ToolInvalid) as raised:
        ArgumentCheck(parameters)
    assert message in str(raised.value)


def test_a_schema_nests_only_so_deep():
    def nested(levels: int) -> dict[str, Json]:
        schema: dict[str, Json] = {}
        for _ in range(levels):
            schema = {"not": schema}
        return {"properties": {"a": schema}}

    ArgumentCheck(nested(100))
    with pytest.raises(ToolInvalid, match="deeper than 128 levels"):
        ArgumentCheck(nested(200))


def test_the_check_of_a_tool_is_that_of_its_schema():
    spec = ToolSpec(name="t", parameters={"type": "object", "properties": {"a": {"type": "number"}}})

    assert check_arguments(spec, {"a": 1}) == ()
    (problem,) = check_arguments(spec, {"a": "x"})
    assert (problem.where, problem.place) == (("a",), "$.a")
    (problem,) = check_arguments(spec, {"b": 1})
    assert problem.message == UNDECLARED
    with pytest.raises(ToolInvalid):
        check_arguments(ToolSpec(name="t", parameters={"type": "nonsense"}), {})


def test_a_value_that_is_not_json_cannot_be_checked():
    spec = ToolSpec(name="t", parameters={"type": "object", "properties": {"a": {"type": "object"}}})

    (problem,) = check_arguments(spec, {"a": object()})
    assert problem.message == "cannot be checked against the tool's schema"
