"""The conditions of one tool as one function: what they read is read once, and each is asked, whatever the others say.

What they say is in `expression`. Nothing is judged here.

Rule 1. The function is made of syntax nodes (`part`, rule 1) and reaches nothing but the names of `evaluation`.
Rule 2. A condition that cannot be answered does not keep the next one from being asked.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from dueprocess.errors import BadValue
from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.evaluation import NAMES
from dueprocess.policy.expression import Condition
from dueprocess.policy.part import ARGUMENTS, STEPS, argument_name, call, is_, name
from dueprocess.values import Json

Ask = Callable[[Mapping[str, Json]], list[tuple[int, BadValue | None]]]
"""Which conditions hold, by their place and in their order; with the error, those that cannot be answered."""

_ASK = "ask"
_FOUND = "found"
_ERROR = "error"


def together(conditions: Sequence[Condition]) -> Ask:
    """One function that asks all of these conditions, in their order. Pure: it keeps nothing from call to call."""
    paths: dict[ArgumentPath, None] = {}
    names: dict[str, object] = {**NAMES, "__builtins__": {}}
    for condition in conditions:
        paths |= condition.needs.paths
        names |= condition.needs.constants
    body = [
        _set(_FOUND, ast.List(elts=[], ctx=ast.Load())),
        *map(_read, paths),
        *(statement for at, condition in enumerate(conditions) for statement in _asked(condition, at)),
        ast.Return(value=name(_FOUND)),
    ]
    given = ast.arguments(posonlyargs=[], args=[ast.arg(ARGUMENTS)], kwonlyargs=[], kw_defaults=[], defaults=[])
    function = ast.FunctionDef(name=_ASK, args=given, body=body, decorator_list=[])
    module = ast.fix_missing_locations(ast.Module(body=[function], type_ignores=[]))
    exec(compile(module, "<conditions>", "exec"), names)  # noqa: S102 - rule 1
    return cast("Ask", names[_ASK])


def _read(path: ArgumentPath) -> ast.stmt:
    # What is no plain object holds nothing here: whoever needs it asks again, and is told why.
    *above, key = path
    holder = argument_name(tuple(above))
    get = ast.Attribute(value=holder, attr="get", ctx=ast.Load())
    value: ast.expr = ast.Call(func=get, args=[ast.Constant(key), name("MISSING")], keywords=[])
    if above:
        value = ast.IfExp(test=is_(call("type", holder), name("dict")), body=value, orelse=name("MISSING"))
    return _set(argument_name(path).id, value)


def _asked(condition: Condition, at: int) -> list[ast.stmt]:
    holds = ast.If(test=condition.code, body=[_append(at, ast.Constant(None))], orelse=[])
    fails = ast.ExceptHandler(type=name("BadValue"), name=_ERROR, body=[_append(at, name(_ERROR))])
    asked = ast.Try(body=[holds], handlers=[fails], orelse=[], finalbody=[])
    counts = any(isinstance(node, ast.Name) and node.id == STEPS for node in ast.walk(condition.code))
    return [_set(STEPS, call("Steps")), asked] if counts else [asked]


def _append(at: int, error: ast.expr) -> ast.stmt:
    append = ast.Attribute(value=name(_FOUND), attr="append", ctx=ast.Load())
    pair = ast.Tuple(elts=[ast.Constant(at), error], ctx=ast.Load())
    return ast.Expr(ast.Call(func=append, args=[pair], keywords=[]))


def _set(variable: str, value: ast.expr) -> ast.stmt:
    return ast.Assign(targets=[ast.Name(variable, ast.Store())], value=value)
