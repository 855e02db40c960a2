"""Allowed fields: which argument they are of, and which keys they cover."""

import pytest
from tests.unit.policy.policies import DENY, Finding, ask, loads, refused, said, tool

from dueprocess.tool import ToolSpec
from dueprocess.values import Json

RULE = ("update_crm_record.allowed_fields", DENY)


def policy_text(keys: str) -> str:
    return f"tools: {{update_crm_record: {{allowed: true, {keys}}}}}"


def crm(**properties: Json) -> dict[str, ToolSpec]:
    return {"update_crm_record": tool("update_crm_record", properties)}


OPEN: Json = {"type": "object"}


def findings(fields: str, update: str) -> tuple[Finding, ...]:
    policy = loads(policy_text(f"allowed_fields: {fields}"), tools=crm(changes=OPEN))
    return ask(policy, f'{{"changes": {update}}}', tool="update_crm_record")


@pytest.mark.parametrize(
    ("fields", "update"),
    [
        ("[email]", "{}"),
        ("[email]", '{"email": null}'),
        ("[email]", '{"email": {"deep": {"er": [1]}}}'),
        ("[email]", '{"email": {}}'),
        ("[email]", '{"email": {"a.b": 1}}'),
        ("[address.city]", '{"address": {"city": "X"}}'),
        ("[address.city]", '{"address": {"city": {}}}'),
        ("[address.city]", '{"address": {"city": {"any": 1, "a.b": 2}}}'),
        ("[address.city, address.zip]", '{"address": {"city": 1, "zip": 2}}'),
        ("[a, a.b]", '{"a": {"c": 1}}'),
        ("[tags]", '{"tags": [{"x": 1}]}'),
        ("[a.b.c]", '{"a": {"b": {"c": 1}}}'),
        ("['Straße']", '{"Straße": 1}'),
    ],
)
def test_a_listed_field_allows_the_whole_value_under_it(fields: str, update: str):
    assert findings(fields, update) == ()


@pytest.mark.parametrize(
    ("fields", "update", "outside"),
    [
        ("[email]", '{"is_admin": true}', "'is_admin'"),
        ("[email]", '{"x": {"email": 1}}', "'x'"),
        ("[email]", '{"Email": 1}', "'Email'"),
        ("[email]", '{"email ": 1}', "'email '"),
        ("[email]", '{"email": 1, "x": {}}', "'x'"),
        ("[email]", '{"x": []}', "'x'"),
        ("[email]", '{"": 1}', "''"),
        ("[a.b]", '{"a.b": 1}', "'a.b'"),
        ("[a]", '{"a.b": 1}', "'a.b'"),
        ("[a.b]", '{"a": {}}', "'a'"),
        ("[a.b]", '{"a": 1}', "'a'"),
        ("[a.b]", '{"a": null}', "'a'"),
        ("[a.b]", '{"a": [{"b": 1}]}', "'a'"),
        ("[a.b]", '{"a": {"c": 1}}', "'a.c'"),
        ("[a.b]", '{"a": {"b": 1, "c": 2}}', "'a.c'"),
        ("[a.b]", '{"b": 1}', "'b'"),
        ("[a.b.c]", '{"a": {"b": {}}}', "'a.b'"),
        ("[a.b.c]", '{"a": {"b.c": 1}}', "'a.b.c'"),
        ("[a.b.c.d]", '{"a": {"b.c": {"d": 1}}}', "'a.b.c'"),
        ("[e\u0301]", '{"\u00e9": 1}', "'\u00e9'"),
        ("[email]", '{"email": 1, "x": 1, "y": 2}', "'x', 'y'"),
        ("[email]", '{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1}', "'a', 'b', 'c', 'd', 'e' and 2 more"),
        ("[email]", '{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}', "'a', 'b', 'c', 'd', 'e'"),
    ],
)
def test_every_other_key_is_outside(fields: str, update: str, outside: str):
    found = findings(fields, update)

    assert said(found) == [RULE]
    assert found[0].reason == f"not among the allowed fields: {outside}"


def test_the_finding_shows_what_was_compared():
    (finding,) = findings("[email, a.b]", '{"email": 1, "x": 2}')

    assert finding.compared == {"fields": ["email", "x"], "allowed_fields": ["email", "a.b"]}


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ("{}", "missing"),
        ('{"changes": null}', "null"),
        ('{"changes": []}', "a list"),
        ('{"changes": "email"}', "text"),
        ('{"changes": true}', "a boolean"),
        ('{"changes": 1}', "a number"),
    ],
)
def test_an_update_that_is_no_object_is_denied(arguments: str, got: str):
    policy = loads(policy_text("allowed_fields: [email]"), tools=crm(changes=OPEN))

    found = ask(policy, arguments, tool="update_crm_record")

    assert said(found) == [RULE]
    assert found[0].reason == f"changes is {got}; expected the object that holds the fields"
    assert found[0].compared == {"allowed_fields": ["email"]}


@pytest.mark.parametrize(
    "schema",
    [
        OPEN,
        {"type": ["object", "null"]},
        {"anyOf": [{"type": "object"}, {"type": "null"}]},
        {"oneOf": [{"$ref": "#/$defs/changes"}, {"type": "null"}]},
        {"$ref": "#/$defs/changes"},
        {"allOf": [{"$ref": "#/$defs/changes"}]},
    ],
)
def test_the_fields_are_of_the_one_argument_that_is_an_object(schema: Json):
    spec = tool("update_crm_record", {"id": {"type": "string"}, "changes": schema}, **{"$defs": {"changes": OPEN}})

    policy = loads(policy_text("allowed_fields: [email]"), tools={spec.name: spec})

    assert policy.tools[spec.name].fields == ("changes",)


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"id": {"type": "string"}}, "none is surely one"),
        ({}, "none is surely one"),
        ({"changes": {}}, "none is surely one"),
        ({"changes": {"type": "array", "items": {"type": "object"}}}, "none is surely one"),
        ({"a": OPEN, "b": OPEN}, "several: a, b"),
        ({"a": OPEN, "b": {}}, "several: a, b"),
        ({"a": OPEN, "b": {"type": ["string", "object"]}}, "several: a, b"),
    ],
)
def test_none_or_several_objects_do_not_load(properties: dict[str, Json], found: str):
    assert refused(policy_text("allowed_fields: [email]"), tools=crm(**properties)) == [
        (
            "line 1: tools.update_crm_record.allowed_fields: which argument holds the fields is open: expected one object, "
            f"{found}; say it, bind: {{fields: $.NAME}}"
        )
    ]


def test_bind_fields_says_which():
    tools = crm(a=OPEN, b={"type": "object", "properties": {"c": OPEN}})
    policy = loads(policy_text("allowed_fields: [email], bind: {fields: $.b.c}"), tools=tools)

    assert said(ask(policy, {"a": {"x": 1}, "b": {"c": {"email": 1}}}, tool="update_crm_record")) == []
    found = ask(policy, {"b": {"c": {"x": 1}}}, tool="update_crm_record")
    assert said(found) == [RULE]
    found = ask(policy, {"b": {}}, tool="update_crm_record")
    assert found[0].reason == "b.c is missing; expected the object that holds the fields"


def test_bound_fields_must_be_an_object():
    assert refused(policy_text("allowed_fields: [x], bind: {fields: $.id}"), tools=crm(id={"type": "string"})) == [
        "line 1: tools.update_crm_record.bind.fields: $.id is not an object; the fields are the keys of one"
    ]


def test_a_field_that_the_object_does_not_declare_does_not_load():
    declared: Json = {"type": "object", "properties": {"email": {}, "address": {"properties": {"city": {}}}}}

    assert refused(
        policy_text("allowed_fields: [emial, address.zip, address.city.x]"), tools=crm(changes=declared)
    ) == [
        "line 1: tools.update_crm_record.allowed_fields: unknown field 'emial'; did you mean 'email'?",
        "line 1: tools.update_crm_record.allowed_fields: unknown field 'address.zip'; expected one of: city",
    ]


def test_without_a_schema_the_fields_cannot_be_told_and_every_call_is_denied():
    policy = loads(policy_text("allowed_fields: [email]"))

    found = ask(policy, {"changes": {"email": 1}}, tool="update_crm_record")
    assert said(found) == [RULE]
    assert found[0].reason == "the update is missing; expected the object that holds the fields"
    bound = loads(policy_text("allowed_fields: [email], bind: {fields: $.changes}"))
    assert said(ask(bound, {"changes": {"email": 1}}, tool="update_crm_record")) == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("[]", "tools.update_crm_record.allowed_fields: got an empty list; expected at least one entry"),
        ("email", "tools.update_crm_record.allowed_fields: got the text 'email'; expected a list"),
        ("[email, email]", "tools.update_crm_record.allowed_fields: 'email' is listed twice; expected each entry once"),
        ("[a..b]", "tools.update_crm_record.allowed_fields[0]: 'a..b' is not a field"),
        ("['.a']", "tools.update_crm_record.allowed_fields[0]: '.a' is not a field"),
        ("[1]", "tools.update_crm_record.allowed_fields[0]: got '1'; expected the name of a field"),
        ("['']", "tools.update_crm_record.allowed_fields[0]: got the text ''; expected the name of a field"),
    ],
)
def test_what_is_no_list_of_fields_does_not_load(fields: str, problem: str):
    (found,) = refused(policy_text(f"allowed_fields: {fields}"), tools=crm(changes=OPEN))

    assert problem in found


def test_a_redacted_field_is_not_named():
    policy = loads(
        policy_text("allowed_fields: [email], redact: [$.changes.ssn]"),
        tools=crm(changes={"type": "object"}),
    )

    (finding,) = ask(policy, {"changes": {"ssn": "1", "x": 2}}, tool="update_crm_record")
    assert finding.reason == "not among the allowed fields: [redacted], 'x'"
    assert finding.compared["fields"] == ["x", "[redacted]"]
