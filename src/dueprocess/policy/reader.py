"""Reads nodes as typed values and collects every problem on the way.

Which keys there are stands in the files that use it.

A reading that fails notes a problem and returns None (or leaves the entry out), so that one pass finds all that is
wrong.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Final, TypeVar, cast

from dueprocess.errors import BadValue, FileInvalid, Problem
from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.source import Listing, Node, Scalar, Table
from dueprocess.values import Duration, Money, parse_duration
from dueprocess.values.foreign import quoted

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
_SPEND = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_SEGMENT = r"[^\s.\[\]\"'$]+"
_PATH = re.compile(rf"\$(\.{_SEGMENT})+")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]+")
MAX_NAME: Final = 128  # a name is shown whole in every finding
MAX_COUNT: Final = 1_000_000_000  # more than any run can do


class Problems:
    """All that is wrong in a file, in file order."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, line: int, path: str, message: str) -> None:
        """Notes one problem."""
        self._found.append(Problem(line=line, path=path, message=message))

    def all(self) -> tuple[Problem, ...]:
        """What was found, by line."""
        return tuple(sorted(self._found, key=lambda problem: problem.line))

    def refuse(self, name: str) -> None:
        """Raises if anything was found.

        Raises:
            FileInvalid: with every problem.
        """
        if self._found:
            raise FileInvalid(name, self.all())


def nearest(word: str, known: Iterable[str]) -> str:
    """The words to add to a message about an unknown name: the nearest one, or all of them."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {quoted(close[0])}?"
    return f"expected one of: {', '.join(names)}" if names else "there is none to name"


class Spot:
    """One node with its path and the place where problems are noted."""

    __slots__ = ("line", "node", "path", "problems")

    def __init__(self, node: Node, path: str, *, problems: Problems, line: int = 0) -> None:
        """A node; `line` is that of its key, where it has one."""
        self.node = node
        self.path = path
        self.problems = problems
        self.line = line or node.line

    def wrong(self, message: str) -> None:
        """Notes a problem with this node."""
        self.problems.add(self.line, self.path, message)

    def expected(self, what: str) -> None:
        """Notes that this is not what was expected, saying what was got."""
        self.wrong(f"got {got(self.node)}; expected {what}")

    def unknown(self, what: str, word: str, known: Iterable[str]) -> None:
        """Notes a name that nothing has."""
        self.wrong(f"unknown {what} {quoted(word)}; {nearest(word, known)}")

    def boolean(self) -> bool | None:
        """`true` or `false`."""
        if isinstance(self.node, Scalar) and isinstance(self.node.value, bool):
            return self.node.value
        self.expected("true or false")
        return None

    def text(self, what: str = "text") -> str | None:
        """Any text but the empty one."""
        if isinstance(self.node, Scalar) and isinstance(self.node.value, str) and self.node.value:
            return self.node.value
        self.expected(what)
        return None

    def name(self, what: str = "a name") -> str | None:
        """Text without blanks and control characters, short enough to be shown whole."""
        text = self.text(what)
        if text is None:
            return None
        if _NAME.fullmatch(text) is None or len(text) > MAX_NAME or not text.isprintable():
            self.wrong(f"{quoted(text)} is not {what}; expected at most {MAX_NAME} visible characters without blanks")
            return None
        return text

    def count(self, *, least: int = 0) -> int | None:
        """A whole number, written as one."""
        value = self.node.value if isinstance(self.node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_COUNT:
            return value
        self.expected(f"a whole number from {least} to {MAX_COUNT}")
        return None

    def amount(self) -> Money | None:
        """An amount of USD by the grammar of amounts."""
        return self._money(
            _AMOUNT, "an amount of USD: a number with at most 12 digits and 2 decimals, such as 25 or 25.50"
        )

    def spend(self) -> Money | None:
        """A spend limit: an amount with up to six decimals."""
        return self._money(_SPEND, "an amount of USD: a number with at most 12 digits and 6 decimals, such as 0.35")

    def seconds(self) -> Duration | None:
        """A time in seconds, more than none, with up to six decimals."""
        money = self._money(_SPEND, "a number of seconds above 0, with at most 6 decimals")
        if money is None:
            return None
        if money.micros == 0:
            self.expected("a number of seconds above 0, with at most 6 decimals")
            return None
        return Duration(money.micros)

    def duration(self) -> Duration | None:
        """A time with its unit, more than none."""
        expectation = "a duration above 0, a whole number and a unit, such as 90s, 15m, 4h or 30d"
        text = self.node.value if isinstance(self.node, Scalar) else None
        if not isinstance(text, str):
            self.expected(expectation)
            return None
        try:
            duration = parse_duration(text)
        except BadValue:
            duration = Duration(0)
        if duration == 0:
            self.expected(expectation)
            return None
        return duration

    def choice(self, kind: type[E]) -> E | None:
        """One of an enumeration's values."""
        words = {member.value: member for member in kind}
        word = self.node.value if isinstance(self.node, Scalar) else None
        if isinstance(word, str):
            if word in words:
                return words[word]
            self.unknown("value", word, words)
        else:
            self.expected(f"one of: {', '.join(words)}")
        return None

    def path_to(self) -> ArgumentPath | None:
        """A path into the arguments, `$.customer.id`."""
        text = self.node.value if isinstance(self.node, Scalar) else None
        if not isinstance(text, str) or _PATH.fullmatch(text) is None:
            self.expected("a path into the arguments, such as $.customer_id")
            return None
        return tuple(text.split(".")[1:])

    def path_in(self, key: str) -> ArgumentPath | None:
        """A path into an answer that is written as the key of this entry, `$.records.id`."""
        if _PATH.fullmatch(key) is None:
            self.wrong(f"{quoted(key)} is no path into an answer; expected one such as $.id")
            return None
        return tuple(key.split(".")[1:])

    def listed(self, read: Callable[["Spot"], T | None], *, empty: bool = False) -> tuple[T, ...] | None:
        """A list of what `read` reads; None if it is no list or any item is not read."""
        if not isinstance(self.node, Listing):
            self.expected("a list")
            return None
        if not self.node.items and not empty:
            self.wrong("got an empty list; expected at least one entry")
            return None
        found: list[T] = []
        for index, item in enumerate(self.node.items):
            value = read(Spot(item, f"{self.path}[{index}]", problems=self.problems))
            if value is not None:
                found.append(value)
        return tuple(found) if len(found) == len(self.node.items) else None

    def distinct(self, read: Callable[["Spot"], T | None], *, empty: bool = False) -> tuple[T, ...] | None:
        """A list whose entries differ."""
        found = self.listed(read, empty=empty)
        if found is not None and len(set(found)) != len(found):
            twice = next(item for item in found if found.count(item) > 1)
            shown = ".".join(cast("ArgumentPath", twice)) if isinstance(twice, tuple) else str(twice)
            self.wrong(f"{quoted(shown)} is listed twice; expected each entry once")
            return None
        return found

    def table(self, known: Iterable[str], *, required: Iterable[str] = ()) -> dict[str, "Spot"]:
        """The entries of a mapping with these keys; notes unknown and missing ones. Empty where it is no mapping."""
        entries = self.entries()
        if entries is None:
            return {}
        names = tuple(known)
        for key in [key for key in entries if key not in names]:
            entries.pop(key).wrong(f"unknown key {quoted(key)}; {nearest(key, names)}")
        for key in required:
            if key not in entries:
                self.wrong(f"the key {key} is missing")
        return entries

    def holds(self, key: str) -> bool:
        """Whether it is a mapping with this key; notes nothing."""
        return isinstance(self.node, Table) and key in self.node.items

    def entries(self) -> dict[str, "Spot"] | None:
        """The entries of a mapping with free keys; None where it is no mapping."""
        if not isinstance(self.node, Table):
            self.expected("a mapping")
            return None
        lines = self.node.lines
        return {
            key: Spot(item, _joined(self.path, key), problems=self.problems, line=lines[key])
            for key, item in self.node.items.items()
        }

    def _money(self, grammar: re.Pattern[str], expectation: str) -> Money | None:
        node = self.node
        if not isinstance(node, Scalar) or not _is_number(node) or grammar.fullmatch(node.text) is None:
            self.expected(expectation)
            return None
        whole, _, fraction = node.text.partition(".")
        return Money(int(whole) * 1_000_000 + int(fraction.ljust(6, "0")))


def _is_number(node: Scalar) -> bool:
    return isinstance(node.value, (int, Decimal)) and not isinstance(node.value, bool)


def got(node: Node) -> str:
    """What a node is, for a message."""
    match node:
        case Table():
            return "a mapping"
        case Listing():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=str()):
            return f"the text {quoted(node.text)}"
        case Scalar():
            return quoted(node.text)


def named_tables(spot: Spot | None, what: str) -> Mapping[str, Spot]:
    """A mapping from names to mappings; keys that cannot be names are noted and left out. Nothing is an empty one."""
    found: dict[str, Spot] = {}
    if spot is None:
        return found
    for key, entry in (spot.entries() or {}).items():
        if not key or len(key) > MAX_NAME or _NAME.fullmatch(key) is None or not key.isprintable():
            entry.wrong(f"{quoted(key)} is not {what}; expected at most {MAX_NAME} visible characters without blanks")
        else:
            found[key] = entry
    return found


def _joined(path: str, key: str) -> str:
    shown = quoted(key)[1:-1]
    return f"{path}.{shown}" if path else shown
