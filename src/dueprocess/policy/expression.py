"""Conditions of rules: typed against a tool's arguments at load, turned into code that answers true or false.

Comparisons are in `comparison`, operators in `operations`; `program` makes a function of the code.

Rule 1. The only name is `args`; in the `assert` of a check also `result` and what it is given. A name or comparison that
        can never be right does not load.
Rule 2. Operands are evaluated from left to right and only as far as needed; an error in an evaluated operand is the
        error of the whole, also where CEL would absorb it (`error || true`). So `has(args.x) && args.x == 'a'` guards,
        and nothing is ever allowed by an error.
Rule 3. What is not certain at load (optional arguments, open objects) is checked when a call is decided.
Rule 4. Parts lie at most 200 deep in one another, those of chains such as `a == b == c` counted.
"""

import ast
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, assert_never

from dueprocess.errors import BadValue
from dueprocess.policy.comparison import compare_parts
from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.operations import SIZED
from dueprocess.policy.part import (
    ARGUMENTS,
    CONTAINERS,
    LIST,
    NUMBER,
    OBJECT,
    RESULT,
    STEPS,
    TEXT,
    TRUTH,
    Names,
    Needs,
    Part,
    call,
    is_,
    is_there,
    name,
    variable_name,
    worded_type,
)
from dueprocess.policy.reader import nearest
from dueprocess.policy.reads import argument_paths
from dueprocess.policy.syntax import (
    Compare,
    Every,
    Expression,
    Has,
    Index,
    Invoke,
    ListOf,
    Literal,
    Name,
    Not,
    Quantified,
    Select,
    Some,
    parse_condition,
)
from dueprocess.tool.schema import ANYTHING, Kind, Type, type_of_value
from dueprocess.values.foreign import quoted

_DEEPEST: Final = 200  # what is made of it is walked by functions that call themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition that loads. `reads` are the paths of arguments it names, `code` answers true or false."""

    source: str
    reads: tuple[ArgumentPath, ...]
    code: ast.expr
    needs: Needs


def compile_condition(source: str, *, arguments: Type) -> Condition:
    """Reads and types a condition against the type of the arguments.

    Raises:
        BadValue: it is not of the language, names an unknown argument, or compares what cannot be compared.
    """
    tree = parse_condition(source)
    needs = Needs()
    part = _part(tree, Names(types={ARGUMENTS: arguments}, needs=needs))
    if Kind.BOOLEAN not in part.type.kinds:
        raise BadValue(f"the condition is {worded_type(part.type)}; expected true or false")
    return Condition(source=source, reads=argument_paths(tree), code=_truth(part, "a rule", 1), needs=needs)


def compile_assertion(source: str, *, arguments: Type, answers: Collection[str] = (RESULT,)) -> Condition:
    """Reads and types the `assert` of a check: over `args`, and over `answers`, of which nothing is known before.

    It is asked of one object that holds them all, such as `{"args": ..., "result": ...}`.

    Raises:
        BadValue: as `compile_condition`.
    """
    tree = parse_condition(source)
    needs = Needs()
    types = {**dict.fromkeys(answers, ANYTHING), ARGUMENTS: arguments}
    part = _part(tree, Names(types=types, needs=needs, roots=frozenset(types)))
    if Kind.BOOLEAN not in part.type.kinds:
        raise BadValue(f"the condition is {worded_type(part.type)}; expected true or false")
    return Condition(source=source, reads=argument_paths(tree), code=_truth(part, "a check", 1), needs=needs)


def _part(tree: Expression, above: Names) -> Part:  # noqa: C901 - one branch per kind of expression
    if above.depth == _DEEPEST:
        raise BadValue(f"the condition is nested too deep; expected at most {_DEEPEST} parts in one another")
    names = replace(above, depth=above.depth + 1)
    match tree:
        case Literal():
            return Part(type=type_of_value(tree.value), code=names.needs.constant(tree.value), words="the value")
        case ListOf():
            return _list(tree, names)
        case Name():
            return _name(tree, names)
        case Select():
            return _field(_part(tree.of, names), tree.field, at=tree.at, names=names)
        case Index():
            return _index(tree, names)
        case Has():
            return _has(tree, names)
        case Not():
            of = _truth(_part(tree.of, names), "!", tree.at)
            return Part(type=TRUTH, code=ast.UnaryOp(op=ast.Not(), operand=of), words="the condition")
        case Every():
            return _joined(ast.And(), "&&", tree, names)
        case Some():
            return _joined(ast.Or(), "||", tree, names)
        case Compare():
            left, right = _part(tree.left, names), _part(tree.right, names)
            return compare_parts(tree, left=left, right=right)
        case Invoke():
            return _invoke(tree, names)
        case Quantified():
            return _quantified(tree, names)
        case _:
            assert_never(tree)


def _list(tree: ListOf, names: Names) -> Part:
    literals = tree.literals
    parts = [_part(item, names) for item in tree.items]
    if len(literals) == len(parts):
        code = names.needs.constant([*literals])
    else:
        code = ast.List(elts=[part.code for part in parts], ctx=ast.Load())
    return Part(type=Type(kinds=LIST), code=code, words="the list")


def _name(tree: Name, names: Names) -> Part:
    found = names.types.get(tree.name)
    if found is None:
        raise BadValue(f"unknown name {quoted(tree.name)} at character {tree.at}; {nearest(tree.name, names.types)}")
    if tree.name in names.roots:
        held = names.needs.argument((tree.name,))
        keys = ast.Tuple(elts=[ast.Constant(tree.name)], ctx=ast.Load())
        code = ast.IfExp(test=is_there(held), body=held, orelse=call("at", name(ARGUMENTS), keys))
        return Part(type=found, code=code, words=tree.name, name=held, path=(tree.name,))
    if tree.name == ARGUMENTS:
        return Part(type=found, code=name(ARGUMENTS), words=ARGUMENTS, path=())
    held = variable_name(tree.name)
    return Part(type=found, code=held, words=tree.name, name=held)


def _field(of: Part, field: str, *, at: int, names: Names) -> Part:
    if Kind.OBJECT not in of.type.kinds:
        raise BadValue(
            f"{of.words} at character {at} is {worded_type(of.type)}; only an object has the field {quoted(field)}"
        )
    found = of.type.field(field)
    if found is None:
        raise BadValue(
            f"unknown field {quoted(field)} of {of.words} at character {at}; {nearest(field, of.type.names() or ())}"
        )
    words = f"{of.words}.{field}"
    if of.path is None:
        code = call("field", of.code, ast.Constant(field), ast.Constant(of.words))
        return Part(type=found, code=code, words=words)
    path = (*of.path, field)
    held = names.needs.argument(path)
    keys = ast.Tuple(elts=[ast.Constant(key) for key in path], ctx=ast.Load())
    asked = call("at", name(ARGUMENTS), keys)
    return Part(
        type=found,
        code=ast.IfExp(test=is_there(held), body=held, orelse=asked),
        words=words,
        name=held,
        path=path,
    )


def _index(tree: Index, names: Names) -> Part:
    of = _part(tree.of, names)
    if isinstance(tree.key, Literal) and isinstance(tree.key.value, str):
        return _field(of, tree.key.value, at=tree.at, names=names)
    key = _part(tree.key, names)
    fits = (Kind.OBJECT in of.type.kinds and Kind.TEXT in key.type.kinds) or (
        Kind.LIST in of.type.kinds and Kind.NUMBER in key.type.kinds
    )
    if not fits:
        raise BadValue(f"{worded_type(of.type)} at character {tree.at} is not indexed by {worded_type(key.type)}")
    words = f"{of.words}[...]"
    found = of.type.item() if of.type.kinds == LIST else ANYTHING
    return Part(type=found, code=call("index", of.code, key.code, ast.Constant(words)), words=words)


def _has(tree: Has, names: Names) -> Part:
    of = _part(tree.select.of, names)
    field = _field(of, tree.select.field, at=tree.select.at, names=names)  # refuses what can never be there
    asked = call("has", of.code, ast.Constant(tree.select.field), ast.Constant(of.words))
    if field.name is not None:
        there = is_there(field.name)
        asked = ast.BoolOp(op=ast.Or(), values=[there, asked]) if of.path else there
    return Part(type=TRUTH, code=asked, words="has()")


def _joined(operator: ast.boolop, sign: str, tree: Every | Some, names: Names) -> Part:
    values = [_truth(_part(item, names), sign, tree.at) for item in tree.of]
    return Part(type=TRUTH, code=ast.BoolOp(op=operator, values=values), words="the condition")


def _truth(part: Part, operator: str, at: int) -> ast.expr:
    if Kind.BOOLEAN not in part.type.kinds:
        raise BadValue(f"{operator} at character {at} joins conditions; {part.words} is {worded_type(part.type)}")
    if part.type is TRUTH:
        return part.code
    asked = call("truth", part.code, ast.Constant(part.words))
    if part.name is None:
        return asked
    plain = ast.BoolOp(op=ast.Or(), values=[is_(part.name, ast.Constant(value)) for value in (True, False)])
    return ast.IfExp(test=plain, body=part.name, orelse=asked)


def _invoke(tree: Invoke, names: Names) -> Part:
    of = _part(tree.of, names)
    if tree.function == "size":
        _require(of, SIZED, tree)
        return Part(type=NUMBER, code=call("size", of.code), words="size()")
    _require(of, TEXT.kinds, tree)
    if tree.with_ is None:
        return Part(type=TEXT, code=call("domain", of.code), words="domain()")
    with_ = _part(tree.with_, names)
    _require(with_, TEXT.kinds, tree)
    ours, method = ("starts_with", "startswith") if tree.function == "startsWith" else ("ends_with", "endswith")
    code = call(ours, of.code, with_.code)
    if of.name is not None and isinstance(tree.with_, Literal):
        asked = ast.Attribute(value=of.name, attr=method, ctx=ast.Load())
        plain = ast.Call(func=asked, args=[with_.code], keywords=[])
        code = ast.IfExp(test=is_(call("type", of.name), name("str")), body=plain, orelse=code)
    return Part(type=TRUTH, code=code, words=f"{tree.function}()")


def _require(part: Part, kinds: frozenset[Kind], tree: Invoke) -> None:
    if not part.type.kinds & kinds:
        expected = worded_type(Type(kinds=kinds))
        raise BadValue(
            f"{tree.function} at character {tree.at} is given {part.words}, which is {worded_type(part.type)}; "
            f"expected {expected}"
        )


def _quantified(tree: Quantified, names: Names) -> Part:
    over = _part(tree.over, names)
    if not over.type.kinds & CONTAINERS:
        raise BadValue(f"{over.words} at character {tree.at} is {worded_type(over.type)}; expected a list or an object")
    if tree.variable in names.types:
        raise BadValue(f"the variable {quoted(tree.variable)} at character {tree.at} is taken; choose another name")
    of = over.type.item() if over.type.kinds == LIST else TEXT if over.type.kinds == OBJECT else ANYTHING
    within = replace(names, types={**names.types, tree.variable: of})
    body = _truth(_part(tree.body, within), "a quantifier", tree.at)
    held = ast.Name(variable_name(tree.variable).id, ast.Store())
    items = call("counted", over.code, ast.Constant(over.words), name(STEPS))
    each = ast.comprehension(target=held, iter=items, ifs=[], is_async=0)
    asked = ast.GeneratorExp(elt=body, generators=[each])
    return Part(type=TRUTH, code=call("all" if tree.every else "any", asked), words="the quantifier")
