"""The `assert` of a check: typed over the arguments, free over the result; it holds, does not, or cannot be told."""

import pytest

from dueprocess.errors import BadValue, FileInvalid
from dueprocess.policy import load
from dueprocess.policy.document import Assertion
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json

NUMBER: Json = {"type": "number"}
TEXT: Json = {"type": "string"}
TOOLS = {
    "look": ToolSpec(name="look", effect=Effect.READ),
    "pay": ToolSpec(name="pay", parameters={"type": "object", "properties": {"n": NUMBER, "to": TEXT}}),
}


def assertion(text: str) -> Assertion:
    written = f'tools: {{look: {{allowed: true}}, pay: {{allowed: true, checks: [{{name: a, from: look, assert: "{text}"}}]}}}}'
    return load(written.encode(), name="p.yaml", tools=TOOLS).compiled["pay"].assertions[0]


@pytest.mark.parametrize(
    ("text", "arguments", "result", "holds"),
    [
        ("result.a == args.n", {"n": 5}, {"a": 5}, True),
        ("result.a == args.n", {"n": 5}, {"a": 6}, False),
        ("result == 'open'", {}, "open", True),
        ("result in ['a', 'b']", {}, "c", False),
        ("result.items.exists(i, i.id == args.to)", {"to": "x"}, {"items": [{"id": "x"}]}, True),
        ("result.items.all(i, i.ok)", {}, {"items": [{"ok": True}, {"ok": False}]}, False),
        ("has(result.a) && result.a == 1", {}, {}, False),
        ("args.n > 1", {"n": 2}, None, True),
        ("size(result) == 2", {}, [1, 2], True),
    ],
)
def test_it_holds_or_it_does_not(text: str, arguments: dict[str, Json], result: Json, holds: bool):  # noqa: FBT001
    assert assertion(text)({"args": arguments, "result": result}) is holds


@pytest.mark.parametrize(
    ("text", "arguments", "result", "why"),
    [
        ("result.a == args.n", {"n": 5}, {}, "result.a is missing"),
        ("result.a == args.n", {}, {"a": 1}, "args.n is missing"),
        ("result.a.b == 1", {}, {"a": 1}, "result.a is a number; only an object has fields"),
        ("result", {}, 5, "result is a number; expected true or false"),
    ],
)
def test_what_cannot_be_told_is_neither(text: str, arguments: dict[str, Json], result: Json, why: str):
    told = assertion(text)({"args": arguments, "result": result})
    assert isinstance(told, BadValue)
    assert str(told) == why


@pytest.mark.parametrize("text", ["args.to", "args.nope == 1", "other.a == 1", "args.n == 'x'", "result +", ""])
def test_what_can_never_be_right_does_not_load(text: str):
    with pytest.raises(FileInvalid, match=r"checks\[0\]\.assert"):
        assertion(text)


def given(text: str) -> Assertion:
    check = f'{{name: a, given: {{who: look, a: look}}, assert: "{text}"}}'
    written = f"tools: {{look: {{allowed: true}}, pay: {{allowed: true, checks: [{check}]}}}}"
    return load(written.encode(), name="p.yaml", tools=TOOLS).compiled["pay"].assertions[0]


def test_what_is_given_is_known_by_its_name():
    assert given("who.id == args.to")({"args": {"to": "x"}, "who": {"id": "x"}, "a": 1}) is True
    assert given("who.id == args.to")({"args": {"to": "x"}, "who": {"id": "y"}, "a": 1}) is False
    told = given("a.to == args.to")({"args": {"to": "x"}, "who": {}, "a": {}})
    assert str(told) == "a.to is missing"
    told = given("who == args.to")({"args": {}, "who": "x", "a": 1})
    assert str(told) == "args.to is missing"


def test_without_a_read_of_its_own_a_check_knows_no_result():
    with pytest.raises(FileInvalid, match="unknown name 'result'"):
        given("result == 1")
