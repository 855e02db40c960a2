"""What a typed part of a condition is: what it may be, the code that gets it, and what it is called in messages.

How parts are made is in `expression`, what their code calls in `evaluation`, how code becomes a function in `program`.

Rule 1. Code is a tree of Python's syntax, never text. Of the file it holds values alone; every name in it is made here.
Rule 2. Names come from what they stand for, so that the code of several conditions can stand in one function.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dueprocess.policy.document import ArgumentPath
from dueprocess.tool.schema import EVERY_KIND, Kind, Type
from dueprocess.values import Json, digest_text

LIST: Final = frozenset({Kind.LIST})
OBJECT: Final = frozenset({Kind.OBJECT})
CONTAINERS: Final = LIST | OBJECT
TRUTH: Final = Type(kinds=frozenset({Kind.BOOLEAN}))
NUMBER: Final = Type(kinds=frozenset({Kind.NUMBER}))
TEXT: Final = Type(kinds=frozenset({Kind.TEXT}))

ARGUMENTS: Final = "args"
RESULT: Final = "result"
STEPS: Final = "steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A typed part. `name` holds its value already, or MISSING; `path` is where in the arguments it lies.

    `code` gets the value, and raises where there is none.
    """

    type: Type
    code: ast.expr
    words: str
    name: ast.Name | None = None
    path: ArgumentPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the code of one condition finds around it, filled while it is written.

    `paths`: the arguments read beforehand, each after what it lies in. `constants`: the values that are no literals.
    """

    paths: dict[ArgumentPath, None] = field(default_factory=dict[ArgumentPath, None])
    constants: dict[str, Json] = field(default_factory=dict[str, Json])

    def argument(self, path: ArgumentPath) -> ast.Name:
        """The name that holds what lies at a path, or MISSING."""
        for length in range(1, len(path) + 1):
            self.paths[path[:length]] = None
        return argument_name(path)

    def constant(self, value: Json) -> ast.expr:
        """A value that is written out."""
        if value is None or isinstance(value, (bool, int, str)):
            return ast.Constant(value)
        name = f"k_{digest_text(repr(value))}"
        self.constants[name] = value
        return ast.Name(name, ast.Load())


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that a part may use with their types, what has been noted of needs, and how deep the part lies.

    `roots`: names of what lies under them in what is asked; without any, the arguments are asked themselves.
    """

    types: Mapping[str, Type]
    needs: Needs
    depth: int = 0
    roots: frozenset[str] = frozenset()


def argument_name(path: ArgumentPath) -> ast.Name:
    """The name of what lies at a path (rule 2)."""
    return ast.Name(f"{ARGUMENTS}{''.join(f'_{key.encode().hex()}' for key in path)}", ast.Load())


def variable_name(name: str) -> ast.Name:
    """The name of the variable of a quantifier."""
    return ast.Name(f"v_{name}", ast.Load())


def name(of: str) -> ast.Name:
    """A name that is there for all code: of `evaluation`, of the function itself."""
    return ast.Name(of, ast.Load())


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """A call of a function of `evaluation`."""
    return ast.Call(func=name(function), args=[*arguments], keywords=[])


def is_(left: ast.expr, right: ast.expr) -> ast.expr:
    """Whether both are the same."""
    return ast.Compare(left=left, ops=[ast.Is()], comparators=[right])


def is_there(held: ast.Name) -> ast.expr:
    """Whether a name holds a value."""
    return ast.Compare(left=held, ops=[ast.IsNot()], comparators=[name("MISSING")])


def worded_type(type_: Type) -> str:
    """What a value of this type is, in words."""
    if type_.kinds == EVERY_KIND:
        return "anything"
    return " or ".join(sorted(each.value for each in type_.kinds)) or "nothing"
