"""A tools file: what it must hold, what it may hold, and what a missing or unknown kind is."""

import json

import pytest

from dueprocess.errors import FileInvalid
from dueprocess.tool import Effect, ToolSpec
from dueprocess.tool.catalogue import MAX_BYTES, read_catalogue

PARAMETERS = {"type": "object", "properties": {"a": {"type": "number"}}}


def read(*tools: object, **more: object) -> dict[str, ToolSpec]:
    return read_catalogue(json.dumps({"tools": tools, **more}).encode(), name="tools.json")


def refusals(content: bytes) -> list[str]:
    with pytest.raises(FileInvalid) as raised:
        read_catalogue(content, name="tools.json")
    assert raised.value.name == "tools.json"
    return [str(problem) for problem in raised.value.problems]


def refused(*tools: object) -> list[str]:
    return refusals(json.dumps({"tools": tools}).encode())


def test_a_tool_is_read_with_its_schema_and_kind():
    assert read({"name": "t", "description": "d", "parameters": PARAMETERS, "kind": "read"}) == {
        "t": ToolSpec(name="t", description="d", parameters=PARAMETERS, effect=Effect.READ)
    }


@pytest.mark.parametrize("kind", ["write", "READ", "Read", " read", "reads", "", None, True, 1, [], {"read": 1}])
def test_every_kind_but_read_is_a_write(kind: object):
    assert read({"name": "t", "parameters": PARAMETERS, "kind": kind})["t"].effect is Effect.WRITE


def test_a_missing_kind_is_a_write():
    assert read({"name": "t", "parameters": PARAMETERS})["t"].effect is Effect.WRITE


def test_further_keys_are_ignored():
    found = read(
        {"name": "t", "parameters": PARAMETERS, "kind": "read", "retrieves": True, "x": 1}, source="s", version=2
    )

    assert found["t"].retrieves is False
    assert list(found) == ["t"]


def test_a_tool_without_parameters_takes_no_arguments():
    for tool in ({"name": "t"}, {"name": "t", "parameters": None}):
        assert read(tool)["t"].parameters == {"type": "object", "properties": {}}
        assert read(tool)["t"].description == ""


def test_a_description_may_be_null():
    assert read({"name": "t", "description": None})["t"].description == ""


def test_no_tools_are_a_catalogue_too():
    assert read() == {}


def test_names_that_differ_in_one_byte_are_two_tools():
    assert list(read({"name": "t"}, {"name": "T"}, {"name": "t "})) == ["t", "T", "t "]


def test_every_problem_is_told():
    assert refused(
        {"name": "a"},
        {"name": "a"},
        {"name": ""},
        {},
        "x",
        {"name": "b", "parameters": []},
        {"name": "c", "description": 5},
        {"name": "d", "parameters": {"type": "objct"}},
        {"name": "x\u202e"},
        {"name": "n" * 129},
        {"name": 7},
    ) == [
        "tools[1]: the tool 'a' is there twice; expected each name once",
        "tools[2]: the name is text; expected text of 1 to 128 visible characters",
        "tools[3]: the name is null; expected text of 1 to 128 visible characters",
        "tools[4]: got text; expected an object with name, description, parameters and kind",
        "tools[5]: the parameters of 'b' are a list; expected a JSON Schema of an object",
        "tools[6]: the description of 'c' is a number; expected text",
        refused({"name": "d", "parameters": {"type": "objct"}})[0].replace("tools[0]", "tools[7]"),
        "tools[8]: the name is text; expected text of 1 to 128 visible characters",
        "tools[9]: the name is text; expected text of 1 to 128 visible characters",
        "tools[10]: the name is a number; expected text of 1 to 128 visible characters",
    ]
    assert list(read({"name": "n" * 128})) == ["n" * 128]


def test_a_schema_that_is_not_valid_names_its_tool_by_place():
    (problem,) = refused({"name": "d", "parameters": {"type": "objct"}})
    assert problem.startswith("tools[0]: the schema of the arguments is not valid: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON: Expecting value at line 1, column 1"),
        (b"{", "not JSON: "),
        (b"\xff", "not UTF-8: "),
        (b'{"tools": [], "tools": []}', "key 'tools' occurs twice"),
        (b'{"tools": [{"name": "t", "x": NaN}]}', "NaN is not JSON"),
        (b"[]", 'tools: expected {"tools": [{"name", "description", "parameters", "kind"}]}'),
        (b"{}", "tools: expected "),
        (b'{"tools": {}}', "tools: expected "),
        (b'{"tools": null}', "tools: expected "),
        (b"[" * 1000 + b"]" * 1000, "nested too deep"),
    ],
)
def test_a_file_that_is_not_of_its_form_is_refused(content: bytes, problem: str):
    (found,) = refusals(content)
    assert found.startswith(problem)


def test_a_byte_order_mark_is_no_part_of_the_content():
    assert read_catalogue(b'\xef\xbb\xbf{"tools": []}', name="t") == {}


def test_a_file_is_only_so_large():
    assert refusals(b" " * (MAX_BYTES + 1)) == [f"{MAX_BYTES + 1} bytes; expected at most {MAX_BYTES}"]
    assert read_catalogue(b'{"tools": []}'.ljust(MAX_BYTES), name="t") == {}
