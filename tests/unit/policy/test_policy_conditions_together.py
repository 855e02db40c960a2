"""The conditions of one tool become one function: each is answered as if it stood alone, and nothing of a file runs."""

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from types import FunctionType

import pytest

from dueprocess.errors import BadValue
from dueprocess.policy.evaluation import MAX_STEPS, NAMES
from dueprocess.policy.expression import Condition, compile_condition
from dueprocess.policy.program import Ask, together
from dueprocess.tool.schema import ANYTHING
from dueprocess.values import Json


def condition(source: str) -> Condition:
    return compile_condition(source, arguments=ANYTHING)


def asking(*sources: str) -> Ask:
    return together([condition(source) for source in sources])


def told(found: list[tuple[int, BadValue | None]]) -> list[tuple[int, str]]:
    return [(at, "holds" if error is None else str(error)) for at, error in found]


def test_each_condition_is_asked_whatever_the_others_say():
    ask = asking("args.a == 1", "args.b == 1", "args.a > 0 && args.c == 'x'", "args.a == 2", "has(args.a)")

    assert told(ask({"a": 1, "c": "x"})) == [(0, "holds"), (1, "args.b is missing"), (2, "holds"), (4, "holds")]
    assert told(ask({"a": 2, "b": 1, "c": "y"})) == [(1, "holds"), (3, "holds"), (4, "holds")]


def test_no_conditions_find_nothing():
    assert together([])({"a": 1}) == []


def test_constants_of_several_conditions_are_not_mixed_up():
    ask = asking("args.a == 1.5", "args.a == 1.50", "args.a in [1.5, 2]", "args.a in [1, 2]", "args.l == [1.5, 2]")

    assert told(ask({"a": Decimal("1.5"), "l": [Decimal("1.5"), 2]})) == [(at, "holds") for at in (0, 1, 2, 4)]


def test_keys_that_look_alike_are_told_apart():
    ask = asking("args['a_b'] == 1", "args.a.b == 2", "args['a.b'] == 3", "args['a_62'] == 4", "args['_'] == 5")

    given: dict[str, Json] = {"a_b": 1, "a": {"b": 2}, "a.b": 3, "a_62": 4, "_": 5}
    assert told(ask(given)) == [(at, "holds") for at in range(5)]


def test_each_condition_has_steps_of_its_own_for_each_call():
    source = "args.many.all(x, x > 0)"
    ask = asking(source, source)
    enough: dict[str, Json] = {"many": [1] * MAX_STEPS}

    for _ in range(2):
        assert told(ask(enough)) == [(0, "holds"), (1, "holds")]
    too_many: dict[str, Json] = {"many": [1] * (MAX_STEPS + 1)}
    assert told(ask(too_many)) == [(at, f"the condition takes more than {MAX_STEPS} steps") for at in (0, 1)]


def test_objects_that_are_no_plain_dictionaries_are_read_all_the_same():
    ask = asking("args.to.name == 'x'", "has(args.to.name)", "args.to.flag", "args.to.name.startsWith('x')")

    assert told(ask({"to": OrderedDict(name="x", flag=True)})) == [(at, "holds") for at in range(4)]


HOSTILE = (
    "__import__('os').abort()",
    "'",
    '"',
    "\\",
    "a\nimport os\nos.abort()",
    "{a}",
    "{0}",
    "%s",
    "args",
    "found",
    "steps",
    "error",
    "__builtins__",
    "\u202e",
    "é",
    "😀",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    ("write", "given"),
    [
        (lambda quoted: f"args.a == {quoted}", lambda text: {"a": text}),
        (lambda quoted: f"args.a in ['b', {quoted}]", lambda text: {"a": text}),
        (lambda quoted: f"args[{quoted}] == 1", lambda text: {text: 1}),
        (lambda quoted: f"args[{quoted}].b.all(x, x in [{quoted}, 1.5])", lambda text: {text: {"b": [text]}}),
        (lambda quoted: f"args.a[args.k][{quoted}] == 1", lambda text: {"k": "k", "a": {"k": {text: 1}}}),
        (lambda quoted: f"args.a.startsWith({quoted})", lambda text: {"a": text}),
    ],
)
def test_text_of_a_condition_is_a_value_and_never_code(
    text: str, write: Callable[[str], str], given: Callable[[str], dict[str, Json]]
):
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"

    assert told(asking(write(quoted))(given(text))) == [(0, "holds")]


@pytest.mark.parametrize("variable", ["found", "steps", "error", "__class__", "args_61", "MISSING", "v_x"])
def test_the_variable_of_a_quantifier_hides_nothing(variable: str):
    ask = asking(f"args.a.all({variable}, {variable} == 1 && args.b == 2)", "args.b == 2", "args.c == 3")

    assert told(ask({"a": [1, 1], "b": 2})) == [(0, "holds"), (1, "holds"), (2, "args.c is missing")]


def test_the_code_reaches_nothing_but_what_conditions_may_call():
    ask = asking("args.a.all(x, x.b in args.c) || domain(args.d) == 'e.f' && size(args.g) > 1.5")
    assert isinstance(ask, FunctionType)

    constants = {name for name in ask.__globals__ if name.startswith("k_")}
    assert ask.__globals__["__builtins__"] == {}
    assert set(ask.__globals__) == {*NAMES, *constants, "__builtins__", "ask"}
    assert set(ask.__code__.co_names) <= {*NAMES, *constants, "get", "append", "startswith", "endswith"}


def nested(levels: int, *, indexed: int = 1, compared: int = 0) -> str:
    source = "true"
    for _ in range(levels):
        source = f"[{source}]{'[0]' * indexed}{' == true' * compared}"
    return source


def test_a_condition_is_nested_as_deep_as_can_be_answered():
    assert told(asking(nested(15, compared=11))({})) == [(0, "holds")]

    for source in (nested(16, compared=11), nested(28, indexed=30), nested(31, indexed=8)):
        with pytest.raises(BadValue, match="nested too deep; expected at most 200 parts in one another"):
            condition(source)
