"""Which event was altered, told from hashes alone. Reading lines, and what is said to a person, is in `verify`.

Each line names the hash of the line before it, and the signed header that of the last line. Let `got[k]` be the hash
that line k has, and `said[k]` the one that the line after it (or the header) says it has. Where they differ, the link
behind k is broken, and either k was altered or the *next* line's own `prev` was. The difference is told so:

Step 1. The signed root judges. Take for each broken link one of the two, and compare the root of that tree with the
        signed one. If it is equal, exactly the events whose said hash was taken were altered; the first of them is
        named, for sure. `got[k]` can be taken only where `said[k + 1]` is: the line after k is then an altered one.
Step 2. If the root cannot judge (the file is cut, or a line is unreadable) or no choice gives it (events were rewritten
        together with their links), the chain alone speaks: two broken links in a row name the event between them, a
        single one the event before it. This is a good guess, and called one.
"""

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass

from dueprocess.ledger.event import Envelope, link
from dueprocess.ledger.tree import HASH_BYTES, Tree, leaf_hash

_MAX_BREAKS = 100_000
"""Broken links kept: a file altered everywhere must not fill the memory. With more, Step 1 is left out."""
_MANY_BREAKS = 12
"""Up to here every choice of Step 1 is tried; there are at most 233 (a Fibonacci number: no two `got` in a row)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """The first event that is not the one logged, its hash and the expected one. `sure`: it is named by Step 1."""

    event: Envelope
    got: str
    expected: str
    sure: bool


class Chain:
    """The links between the lines read so far, in order from leaf 0. Holds 32 bytes a line, and the broken links."""

    __slots__ = ("_breaks", "_last", "_link", "_suspects", "leaves")

    def __init__(self) -> None:
        self.leaves = bytearray()
        self._link = ""
        self._last: Envelope | None = None
        self._breaks: dict[int, str] = {}
        self._suspects: dict[int, Envelope] = {}

    @property
    def holds(self) -> bool:
        """Whether every line read so far is the one that the line after it names."""
        return not self._breaks

    def add(self, line: bytes, event: Envelope) -> None:
        """The next line; its `leaf` is already known to be right."""
        if event.prev != self._link:
            self._broken(event.leaf - 1, said=event.prev, after=event)
        leaf = leaf_hash(line)
        self.leaves += leaf
        self._link = link(leaf)
        self._last = event

    def close(self, head: str) -> None:
        """The end of a whole log, whose last line has this link by the signed header."""
        if self._last is not None and head != self._link:
            self._broken(self._last.leaf, said=head, after=None)

    def first_altered(self, *, root: bytes | None) -> Altered:
        """Names the first altered event of a chain that does not hold. `root`: the signed one, if all was read."""
        judged = None if root is None else self._judged_by(root)
        first = min(self._breaks)
        named = judged if judged is not None else first + (first + 1 in self._breaks)
        got = link(bytes(self.leaves[named * HASH_BYTES : (named + 1) * HASH_BYTES]))
        return Altered(event=self._suspects[named], got=got, expected=self._breaks[named], sure=judged is not None)

    def _broken(self, leaf: int, *, said: str, after: Envelope | None) -> None:
        if not self._breaks:
            self._suspects = {each.leaf: each for each in (self._last, after) if each is not None}
        if len(self._breaks) < _MAX_BREAKS:
            self._breaks[leaf] = said

    def _judged_by(self, root: bytes) -> int | None:
        if len(self._breaks) >= _MAX_BREAKS:
            return None
        tree = Tree(self.leaves)
        said = {leaf: _unlink(text) for leaf, text in self._breaks.items()}
        choices = iter([said]) if len(said) > _MANY_BREAKS else _choices(sorted(said), said)
        return next(
            (min(choice) for choice in choices if all(choice.values()) and tree.root_with(choice) == root), None
        )


def _choices(leaves: list[int], said: dict[int, bytes]) -> Iterator[dict[int, bytes]]:
    # Each choice: the leaves whose said hash is taken. The first takes them all: every altered line kept its `prev`.
    if not leaves:
        yield {}
        return
    first, rest = leaves[0], leaves[1:]
    for choice in _choices(rest, said):
        yield {first: said[first], **choice}
    if rest and rest[0] == first + 1:
        for choice in _choices(rest[1:], said):
            yield {rest[0]: said[rest[0]], **choice}


def _unlink(text: str) -> bytes:
    # b"" where an altered `prev` is no hash in its one spelling: it cannot be taken.
    try:
        leaf = urlsafe_b64decode(text + "=")
    except (Base64Error, ValueError):
        return b""
    return leaf if link(leaf) == text else b""
