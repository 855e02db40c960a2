"""Every small way to break a Python file on purpose: where it is, what changes, and the changed tree. No test runs here.

Each rule gives variants of one node of the syntax tree:

comparison      another boundary, the opposite                 arithmetic   another operator
and, or, not    swapped, one side left out, not left out       constant     a number +-1, a flag turned, a text changed
condition       always, never (if, while, match, filter)       return       nothing; of a truth value: both
statement       left out: a call, raise, break, continue,      call         any <-> all, min <-> max, two arguments swapped,
                a change in place, a second assignment                      an argument left out that may be missing
except          raises on, swallows                            enum         the next member
collection      an element, an entry, a spread left out        default      left out

Left alone, since no test of behaviour can tell or should: docstrings, annotations, type names, imports, decorators,
`__all__`, what only guards our own slips (`assert_never`, `zip(strict=...)`), and the words of messages to people (a
`reason`, what an exception says). Not left alone: rule ids, keys, states, and what a message computes.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mutation_tree import Known, Place, is_type, name_of, places

Variant = tuple[ast.AST, str]
"""What stands in a node's place, and the change in words."""

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
SWAPPED = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}
NO_PAIR = frozenset({"isinstance", "issubclass", "field", "range", "cast"})
"""Calls whose two arguments are of two kinds: swapped, they say nothing about the tests."""

PLAIN = (bool, int, str, bytes, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file. `first` to `last` are the lines of its statement; `node` and `variant` find it again."""

    path: str
    line: int
    text: str
    change: str
    first: int
    last: int
    node: int
    variant: int

    def __str__(self) -> str:
        """Return it as editors know how to jump to it."""
        return f"{self.path}:{self.line}: {self.change}"


def mutants_of(path: str, text: str, known: Known) -> list[Mutant]:
    """Return every mutant of a file, in the order of its lines."""
    lines = text.splitlines()
    found = [
        Mutant(
            path=path,
            line=getattr(place.node, "lineno", place.span[0]),
            text=lines[getattr(place.node, "lineno", place.span[0]) - 1].strip(),
            change=change,
            first=place.span[0],
            last=place.span[1],
            node=number,
            variant=variant,
        )
        for number, place in enumerate(places(ast.parse(text), known))
        for variant, (_, change) in enumerate(_variants(place, known))
    ]
    return sorted(found, key=lambda mutant: (mutant.line, mutant.node, mutant.variant))


def mutated(text: str, mutant: Mutant, known: Known) -> ast.Module:
    """Return the tree of a file with this one change made."""
    tree = ast.parse(text)
    place = next(place for number, place in enumerate(places(tree, known)) if number == mutant.node)
    new = [variant for variant, _ in _variants(place, known)][mutant.variant]
    if hasattr(place.node, "lineno"):
        ast.copy_location(new, place.node)
    if place.index is None:
        setattr(place.parent, place.field, new)
    else:
        getattr(place.parent, place.field)[place.index] = new
    return ast.fix_missing_locations(tree)


# Variants -------------------------------------------------------------------------------------------------------------


def _variants(place: Place, known: Known) -> Iterator[Variant]:
    yield from _forced(place)
    rule = RULES.get(type(place.node))
    if rule is not None:
        yield from rule(place, known)


def _to(node: ast.AST, new: ast.AST) -> Variant:
    return new, f"{_source(node)} -> {_source(new)}"


def _without(node: ast.AST, what: ast.AST, new: ast.AST) -> Variant:
    return new, f"without {_source(what)} in {_source(node)[:60]}"


def _source(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split()).removesuffix(" pass")


def _but(items: list[ast.expr], index: int) -> list[ast.expr]:
    return items[:index] + items[index + 1 :]


def _forced(place: Place) -> Iterator[Variant]:
    values: tuple[bool, ...] = ()
    match place.parent:
        case ast.If() | ast.IfExp() if place.field == "test":
            values = (True, False)
        case ast.While() if place.field == "test":
            values = (False,)  # a loop without an end would only be stopped by the clock
        case ast.match_case() if place.field == "guard":
            values = (True, False)
        case _:
            return
    for value in values:
        yield ast.Constant(value=value), f"{_source(place.node)} -> {'always' if value else 'never'}"


def _compare(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Compare)
    for index, op in enumerate(node.ops):
        for other in COMPARISONS[type(op)]:
            ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield _to(node, ast.Compare(left=node.left, ops=ops, comparators=node.comparators))


def _boolean(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.BoolOp)
    yield _to(node, ast.BoolOp(op=ast.Or() if isinstance(node.op, ast.And) else ast.And(), values=node.values))
    for index, value in enumerate(node.values):
        rest = _but(node.values, index)
        yield _without(node, value, rest[0] if len(rest) == 1 else ast.BoolOp(op=node.op, values=rest))


def _unary(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.Not | ast.USub):
        yield _to(node, node.operand)


def _arithmetic(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.BinOp)
    other = ARITHMETIC.get(type(node.op))
    if other is not None and not is_type(node) and not (place.in_message and isinstance(node.left, ast.Constant)):
        yield _to(node, ast.BinOp(left=node.left, op=other(), right=node.right))


def _constant(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Constant)
    match node.value:
        case bool() as flag:
            yield _to(node, ast.Constant(value=not flag))
        case int() | float() as number:
            yield _to(node, ast.Constant(value=number + 1))
            yield _to(node, ast.Constant(value=number - 1))
        case str() as text if not place.in_message:
            yield ast.Constant(value=text + "~"), f"{text!r} -> {text + '~'!r}"
        case bytes() as text:
            yield _to(node, ast.Constant(value=text + b"~"))
        case _:
            return


def _returned(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Return)
    if node.value is None or isinstance(node.value, ast.Constant):
        return
    truth = place.function is not None and name_of(place.function.returns or ast.Pass()) == "bool"
    for value in (True, False) if truth else (None,):
        yield _to(node, ast.Return(value=ast.Constant(value=value)))


def _left_out(place: Place, known: Known) -> Iterator[Variant]:
    yield ast.Pass(), f"left out: {_source(place.node)}"


def _jump(place: Place, known: Known) -> Iterator[Variant]:
    yield from _left_out(place, known)
    yield _to(place.node, ast.Continue() if isinstance(place.node, ast.Break) else ast.Break())


def _in_place(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.AugAssign)
    yield from _left_out(place, known)
    other = ARITHMETIC.get(type(node.op))
    if other is not None:
        yield _to(node, ast.AugAssign(target=node.target, op=other(), value=node.value))


def _assigned(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Assign)
    match node.targets:
        case [ast.Subscript() | ast.Attribute()]:
            yield from _left_out(place, known)
        case [ast.Name(id=name)] if place.function is not None:
            named = (n for n in ast.walk(place.function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            before = {n.id for n in named if n.lineno < node.lineno}
            if name in before | {
                argument.arg for argument in ast.walk(place.function.args) if isinstance(argument, ast.arg)
            }:
                yield from _left_out(place, known)
        case _:
            return


def _field(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.AnnAssign)
    if isinstance(place.parent, ast.ClassDef) and node.value is not None and not _is_plain(node.value):
        new = ast.AnnAssign(target=node.target, annotation=node.annotation, value=None, simple=node.simple)
        yield new, f"without the default: {_source(node)}"


def _arguments(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.arguments)
    for index, default in enumerate(node.kw_defaults):
        if default is not None and not _is_plain(default):
            defaults = [*node.kw_defaults[:index], None, *node.kw_defaults[index + 1 :]]
            new = ast.arguments(
                posonlyargs=node.posonlyargs,
                args=node.args,
                vararg=node.vararg,
                kwonlyargs=node.kwonlyargs,
                kw_defaults=defaults,
                kwarg=node.kwarg,
                defaults=node.defaults,
            )
            yield new, f"without the default: {node.kwonlyargs[index].arg} = {_source(default)}"


def _is_plain(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, PLAIN)


def _filter(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.comprehension)
    for index, condition in enumerate(node.ifs):
        new = ast.comprehension(target=node.target, iter=node.iter, ifs=_but(node.ifs, index), is_async=node.is_async)
        yield new, f"without the filter: {_source(condition)}"


def _case(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.match_case)
    if node.guard is None:
        new = ast.match_case(pattern=node.pattern, guard=ast.Constant(value=False), body=node.body)
        yield new, f"case {_source(node.pattern)} -> never"


def _handler(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.ExceptHandler)
    head = f"except {_source(node.type) if node.type is not None else ''}"
    for body, change in ((ast.Raise(exc=None, cause=None), "raises on"), (ast.Pass(), "swallows")):
        if not (len(node.body) == 1 and ast.dump(node.body[0]) == ast.dump(body)):
            yield ast.ExceptHandler(type=node.type, name=node.name, body=[body]), f"{head}: {change}"


def _call(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Call)
    name, count = name_of(node.func), len(node.args)
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    if isinstance(node.func, ast.Name) and name in SWAPPED:
        kept = node.keywords if name != "sorted" else []
        yield _to(node, ast.Call(func=ast.Name(id=SWAPPED[name], ctx=ast.Load()), args=node.args, keywords=kept))
    if name in {"min", "max"} and count > 1 and not starred:
        for index, argument in enumerate(node.args):
            rest = _but(node.args, index)
            new = rest[0] if count == 2 else ast.Call(func=node.func, args=rest, keywords=node.keywords)
            yield _without(node, argument, new)
    elif count == 2 and not starred and name not in NO_PAIR and ast.dump(node.args[0]) != ast.dump(node.args[1]):
        yield _to(node, ast.Call(func=node.func, args=[*reversed(node.args)], keywords=node.keywords))
    for index, keyword in enumerate(node.keywords):
        if keyword.arg is not None and (name == "replace" or keyword.arg in known.optional.get(name, ())):
            rest = node.keywords[:index] + node.keywords[index + 1 :]
            yield _without(node, keyword, ast.Call(func=node.func, args=node.args, keywords=rest))


def _elements(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Set | ast.Tuple | ast.List)
    if place.in_message or (isinstance(node, ast.Tuple | ast.List) and not isinstance(node.ctx, ast.Load)):
        return
    listed = len(node.elts) > 1 and all(isinstance(item, ast.Constant | ast.Attribute) for item in node.elts)
    for index, item in enumerate(node.elts):
        if listed or isinstance(item, ast.Starred) or (isinstance(node, ast.Set) and len(node.elts) > 1):
            rest = _but(node.elts, index)
            new = ast.Set(elts=rest) if isinstance(node, ast.Set) else type(node)(elts=rest, ctx=ast.Load())
            yield _without(node, item, new)


def _entries(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Dict)
    for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
        keys = node.keys[:index] + node.keys[index + 1 :]
        shown = f"{_source(key)}: " if key is not None else "**"
        yield ast.Dict(keys=keys, values=_but(node.values, index)), f"without the entry {shown}{_source(value)}"


def _member(place: Place, known: Known) -> Iterator[Variant]:
    node = place.node
    assert isinstance(node, ast.Attribute)
    members = known.enums.get(node.value.id, ()) if isinstance(node.value, ast.Name) else ()
    if node.attr in members and len(members) > 1:
        following = members[(members.index(node.attr) + 1) % len(members)]
        yield _to(node, ast.Attribute(value=node.value, attr=following, ctx=node.ctx))


RULES: dict[type[ast.AST], Callable[[Place, Known], Iterator[Variant]]] = {
    ast.AnnAssign: _field,
    ast.Assign: _assigned,
    ast.Attribute: _member,
    ast.AugAssign: _in_place,
    ast.BinOp: _arithmetic,
    ast.BoolOp: _boolean,
    ast.Break: _jump,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Continue: _jump,
    ast.Delete: _left_out,
    ast.Dict: _entries,
    ast.ExceptHandler: _handler,
    ast.Expr: _left_out,
    ast.List: _elements,
    ast.Raise: _left_out,
    ast.Return: _returned,
    ast.Set: _elements,
    ast.Tuple: _elements,
    ast.UnaryOp: _unary,
    ast.arguments: _arguments,
    ast.comprehension: _filter,
    ast.match_case: _case,
}
