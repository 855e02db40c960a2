"""What a compiled part of a condition is: its type, how its value is got, and what it is called in messages.

How parts are made of text is in `expression`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dueprocess.errors import BadValue
from dueprocess.tool.schema import EVERY_KIND, Kind, Type
from dueprocess.values import Json

MAX_STEPS: Final = 100_000  # two nested quantifiers over 300 items each; a decision stays within milliseconds
_STEPS: Final = ""  # no variable has this name

Scope = dict[str, Any]  # `args` and the variables of quantifiers; what is in it was read as exact JSON
Run = Callable[[Scope], Json]

LIST: Final = frozenset({Kind.LIST})
OBJECT: Final = frozenset({Kind.OBJECT})
CONTAINERS: Final = LIST | OBJECT
TRUTH: Final = Type(kinds=frozenset({Kind.BOOLEAN}))
NUMBER: Final = Type(kinds=frozenset({Kind.NUMBER}))
TEXT: Final = Type(kinds=frozenset({Kind.TEXT}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A compiled part: what it may be, how to get it, and how it is called in messages."""

    type: Type
    run: Run
    words: str


def spend(scope: Scope, steps: int) -> None:
    """Counts steps of one evaluation.

    Raises:
        BadValue: there are more than `MAX_STEPS`.
    """
    spent = scope.get(_STEPS, 0)
    total = (spent if isinstance(spent, int) else 0) + steps
    if total > MAX_STEPS:
        raise BadValue(f"the condition takes more than {MAX_STEPS} steps")
    scope[_STEPS] = total


def worded_type(type_: Type) -> str:
    """What a value of this type is, in words."""
    if type_.kinds == EVERY_KIND:
        return "anything"
    return " or ".join(sorted(each.value for each in type_.kinds)) or "nothing"
