"""Where a file may be broken, and what a package says of its enums, calls and exceptions. Nothing is broken here.

What is left alone is decided here too: see `mutation.py`.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MESSAGE_KEYWORDS = frozenset({"reason", "why", "message"})
MESSAGE_METHODS = frozenset({"wrong", "expected", "_unexpected"})
ENUMS = frozenset({"Enum", "IntEnum", "StrEnum"})
TYPE_MAKERS = frozenset({"NewType", "TypeVar", "ParamSpec", "TypeAliasType", "assert_never"})
BUILTIN_TYPES = frozenset({"int", "str", "bytes", "bool", "float", "tuple", "dict", "list", "set"})
NOT_READ = frozenset({"annotation", "returns", "decorator_list", "type_params", "bases"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a package says: the members of its enums, which arguments of a call may be missing, its exceptions."""

    enums: Mapping[str, tuple[str, ...]]
    optional: Mapping[str, frozenset[str]]
    errors: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node, where it hangs, and what is around it."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    span: tuple[int, int]
    function: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    in_message: bool = False


def survey(trees: Iterable[ast.Module]) -> Known:
    """Return what all files of a package say."""
    enums: dict[str, tuple[str, ...]] = {}
    optional = {name: {"key", "reverse", "default"} for name in ("sorted", "min", "max")}
    errors = {n for n, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}
    nodes = [node for tree in trees for node in ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            bases = {name_of(base) for base in node.bases}
            errors |= {node.name} if bases & errors else set()
            if bases & ENUMS:
                enums[node.name] = tuple(
                    ast.unparse(line.targets[0]) for line in node.body if isinstance(line, ast.Assign)
                )
            defaults = (line for line in node.body if isinstance(line, ast.AnnAssign) and line.value is not None)
            optional.setdefault(node.name, set()).update(ast.unparse(field.target) for field in defaults)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            late = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            named = {argument.arg for argument, default in late if default is not None}
            named |= {argument.arg for argument in node.args.args[len(node.args.args) - len(node.args.defaults) :]}
            optional.setdefault(node.name, set()).update(named)
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=alias)], value=ast.Name(id=name)) if name in enums:
                enums[alias] = enums[name]
            case _:
                pass
    return Known(enums=enums, optional={k: frozenset(v) for k, v in optional.items()}, errors=frozenset(errors))


def places(tree: ast.Module, known: Known) -> Iterator[Place]:
    return _below(Place(node=tree, parent=tree, field="", index=None, span=(1, 1)), known)


def _below(around: Place, known: Known) -> Iterator[Place]:
    node = around.node
    in_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _left_alone(child, node, field):
                continue
            place = Place(
                node=child,
                parent=node,
                field=field,
                index=index if isinstance(value, list) else None,
                span=_span(child, around.span),
                function=node if in_function else around.function,
                in_message=around.in_message or _is_message(node, known),
            )
            yield place
            yield from _below(place, known)


def _is_message(node: ast.AST, known: Known) -> bool:
    match node:
        case ast.keyword(arg=word):
            return word in MESSAGE_KEYWORDS
        case ast.Call(func=func):
            return name_of(func) in known.errors | MESSAGE_METHODS
        case _:
            return False


def _span(node: ast.AST, around: tuple[int, int]) -> tuple[int, int]:
    # Of what has a body only the head: the lines of the body run, or do not, for themselves.
    match node:
        case ast.match_case(pattern=pattern, body=[inner, *_]):
            return pattern.lineno, max(pattern.lineno, inner.lineno - 1)
        case ast.Match(lineno=line):
            return line, line
        case ast.stmt(body=[ast.stmt() as inner, *_]) | ast.ExceptHandler(body=[inner, *_]):  # type: ignore[misc]
            return node.lineno, max(node.lineno, inner.lineno - 1)
        case ast.stmt(lineno=line, end_lineno=last):
            return line, last or line
        case _:
            return around


def _left_alone(node: ast.AST, parent: ast.AST, field: str) -> bool:
    match node:
        case _ if field in NOT_READ or (field == "keywords" and isinstance(parent, ast.ClassDef)):
            return True
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():
            return True
        case ast.operator() | ast.cmpop() | ast.boolop() | ast.unaryop() | ast.expr_context():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(value=value) if isinstance(parent, ast.Module) and is_type(value):
            return True
        case ast.Call(func=func) | ast.Expr(value=ast.Call(func=func)) if name_of(func) in TYPE_MAKERS:
            return True
        case ast.match_case(body=[ast.Expr(value=ast.Call(func=ast.Name(id="assert_never")))]):
            return True
        case ast.keyword(arg="strict"):
            return True
        case _:
            return isinstance(parent, ast.Call) and name_of(parent.func) == "cast" and node is parent.args[0]


def is_type(node: ast.AST) -> bool:
    """Whether an expression reads as a type: `A | B`, `tuple[int, ...]`, `None`."""
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return is_type(left) and is_type(right)
        case ast.Subscript(value=value):
            return is_type(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in BUILTIN_TYPES or (name[:1].isupper() and (len(name) == 1 or not name.isupper()))
        case ast.Constant(value=None):
            return True
        case _:
            return False


def name_of(node: ast.AST) -> str:
    """The last word of what is called or named."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return name_of(value)
        case _:
            return ""
