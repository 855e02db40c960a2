"""What the code of a condition calls while it is asked, wherever a value may be missing or of another kind.

What the operators do is in `operations`; where the code comes from in `expression`.

Rule 1. What cannot be answered raises; nothing here answers false instead.
Rule 2. One condition takes at most 100,000 steps: items of quantifiers, parts of lists and objects compared.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.arguments import MISSING
from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.operations import (
    COMPARISONS,
    NUMBERS,
    Comparison,
    contained,
    domain,
    ends_with,
    size,
    starts_with,
    weight,
)
from dueprocess.tool.schema import kind
from dueprocess.values import Json

MAX_STEPS: Final = 100_000  # two nested quantifiers over 300 items each; a decision stays within milliseconds
_SHORT: Final = 64  # items whose comparison with one text is too little to be counted as steps


class Steps:
    """The steps that one condition has taken for one call."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = 0

    def spend(self, steps: int) -> None:
        """Counts steps.

        Raises:
            BadValue: there are more than `MAX_STEPS`.
        """
        self._taken += steps
        if self._taken > MAX_STEPS:
            raise BadValue(f"the condition takes more than {MAX_STEPS} steps")


def _at(arguments: Mapping[str, Json], path: ArgumentPath) -> Json:
    # Asked only where the name of this path holds nothing: to say why.
    found: Json | Mapping[str, Json] = arguments
    words = "args"
    for key in path:
        if not isinstance(found, Mapping):
            raise BadValue(f"{words} is {kind(found).value}; only an object has fields")
        words = f"{words}.{key}"
        if key not in found:
            raise BadValue(f"{words} is missing")
        found = found[key]
    return found  # pyright: ignore[reportReturnType] - a path has at least one key


def _field(of: Json, name: str, words: str) -> Json:
    if not isinstance(of, dict):
        raise BadValue(f"{words} is {kind(of).value}; only an object has fields")
    if name not in of:
        raise BadValue(f"{words}.{name} is missing")
    return of[name]


def _has(of: Json, name: str, words: str) -> bool:
    if not isinstance(of, dict):
        raise BadValue(f"{words} is {kind(of).value}; only an object has fields")
    return name in of


def _index(of: Json, position: Json, words: str) -> Json:
    if isinstance(of, dict) and isinstance(position, str) and position in of:
        return of[position]
    if isinstance(of, list) and isinstance(position, int) and not isinstance(position, bool):
        if 0 <= position < len(of):
            return of[position]
        raise BadValue(f"{words} is missing: there are {len(of)} items")
    raise BadValue(f"{words} is missing")


def _truth(value: Json, words: str) -> bool:
    if value is True or value is False:
        return value
    raise BadValue(f"{words} is {kind(value).value}; expected true or false")


def _counted(items: Json, words: str, steps: Steps) -> list[Json] | dict[str, Json]:
    if not isinstance(items, (list, dict)):
        raise BadValue(f"{words} is {kind(items).value}; expected a list or an object")
    steps.spend(len(items))
    return items


def _text_in(text: str, container: Json, steps: Steps) -> bool:
    # A list of texts needs no look at kinds; anything else in it, and a long list, goes the general way.
    if type(container) is list and len(container) <= _SHORT:
        for other in container:
            if type(other) is not str:
                break
            if other == text:
                return True
        else:
            return False
    return _search(text, container, steps)


def _search(item: Json, container: Json, steps: Steps) -> bool:
    # A key is found at once; a scalar is compared with each item, a list or an object with all that is in them.
    if not isinstance(container, list):
        steps.spend(1)
    else:
        steps.spend(weight(container) if isinstance(item, (list, dict)) else 1 + len(container))
    return contained(item, container)


def _weighed(compare: Comparison, left: Json, right: Json, steps: Steps) -> bool:
    steps.spend(weight(right) if isinstance(left, (list, dict)) else 1)
    return compare(left, right)


_COMPARED: Final[Mapping[str, str]] = {
    "==": "equal",
    "!=": "unequal",
    "in": "contained",
    "<": "less",
    "<=": "at_most",
    ">": "greater",
    ">=": "at_least",
}


def comparison(operator: str) -> str:
    """The name under which code finds a comparison."""
    return _COMPARED[operator]


NAMES: Final[Mapping[str, object]] = MappingProxyType(
    {
        **{name: COMPARISONS[operator] for operator, name in _COMPARED.items()},
        "MISSING": MISSING,
        "NUMBERS": NUMBERS,
        "BadValue": BadValue,
        "Steps": Steps,
        "all": all,
        "any": any,
        "at": _at,
        "counted": _counted,
        "dict": dict,
        "domain": domain,
        "ends_with": ends_with,
        "field": _field,
        "has": _has,
        "int": int,
        "index": _index,
        "search": _search,
        "size": size,
        "starts_with": starts_with,
        "str": str,
        "text_in": _text_in,
        "truth": _truth,
        "type": type,
        "weighed": _weighed,
    }
)
"""Everything that code can name besides its own constants: no builtin is left to it."""
