"""Which arguments a condition names, so that a finding can show their values. What it says is not asked."""

from typing import assert_never

from dueprocess.policy.document import ArgumentPath
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
)


def argument_paths(tree: Expression) -> tuple[ArgumentPath, ...]:
    """Each path of arguments that is written out in a condition, once, in the order of the text."""
    return tuple(dict.fromkeys(_read(tree)))


def _read(tree: Expression) -> list[ArgumentPath]:
    path = _argument(tree)
    if path is not None:
        return [path] if path else []
    match tree:
        case Literal() | Name():
            return []
        case ListOf():
            return [path for item in tree.items for path in _read(item)]
        case Select():
            return _read(tree.of)
        case Index():
            return _read(tree.of) + _read(tree.key)
        case Has():
            return _read(tree.select)
        case Not():
            return _read(tree.of)
        case Every() | Some():
            return [path for item in tree.of for path in _read(item)]
        case Compare():
            return _read(tree.left) + _read(tree.right)
        case Invoke():
            return _read(tree.of) + (_read(tree.with_) if tree.with_ is not None else [])
        case Quantified():
            return _read(tree.over) + _read(tree.body)
        case _:
            assert_never(tree)


def _argument(tree: Expression) -> ArgumentPath | None:
    match tree:
        case Name(name="args"):
            return ()
        case Select():
            above = _argument(tree.of)
            return None if above is None else (*above, tree.field)
        case Index(key=Literal(value=str() as key)):
            above = _argument(tree.of)
            return None if above is None else (*above, key)
        case _:
            return None
