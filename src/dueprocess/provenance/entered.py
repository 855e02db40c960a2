"""What has entered a run: a span of text with its origin and label, ready to be searched. What it vouches is decided in `vouch`.

Rule 1. A person's words vouch by what they said themselves (see `words`). An answer vouches value by value, and only
        values at places that are labelled trusted.
Rule 2. An answer of a directory that cannot be read value by value counts as untrusted.
        Where only some fields are trusted the answer must be JSON: lines that a stranger wrote could look like records.
Rule 3. A `system_id` vouches where its path leads to exactly one value.
Rule 4. An answer without any text (a number, true, nothing) taints nothing, whoever gave it.
Rule 5. An answer whose query was not vouched vouches nothing: whoever asks chooses what is answered.
Rule 6. A place is told by the number of its value among all values of the answer: what is labelled otherwise later, under
        another policy, moves no place that was used.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from dueprocess.provenance.answer import leaves, records, says_something, structured
from dueprocess.provenance.words import GAP, Words, own_words
from dueprocess.values import Json, canonical
from dueprocess.values.trust import Integrity, Label, Source

_IN_ONE: Final = 32  # bits: no value of an answer is as long
_Leaf = tuple[int, tuple[tuple[str, ...], str]]
"""A value of an answer: which one it is, its path, and its text."""
_EXCERPT: Final = 60  # characters to each side of what is shown of a span


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A span that entered a run. `origin`: the id of the action that brought it, or who said it; `source`: the tool.

    `words` is what is searched: a person's own words, or the answer's text. `paths`: where each of the pieces of
    `vouching` stood in the answer; empty for a person's words. `numbers`: of each, which of the answer's values it is.
    `lasts`: what vouches is not used up.
    """

    origin: str
    source: str = ""
    label: Label
    words: Words
    vouches: bool = False
    paths: tuple[tuple[str, ...], ...] = ()
    numbers: tuple[int, ...] = ()
    vouching: Words = field(default_factory=lambda: Words(""))
    lasts: bool = False

    @property
    def is_prose(self) -> bool:
        """Whether what vouches is running text, rather than values by their place."""
        return not self.paths

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        return tuple(found.start() for found in re.finditer(GAP, self.vouching.folded))

    def piece(self, at: int) -> tuple[tuple[str, ...], int, int]:
        """The value around a place in `vouching`: its path, start and end without blanks."""
        index, start = self._piece_at(at)
        end = self._ends[index] if index < len(self._ends) else len(self.vouching.folded)
        text = self.vouching.folded[start:end]
        start += len(text) - len(text.lstrip())
        return self.paths[index], start, start + len(text.strip())

    def place_of(self, at: int) -> int:
        """A place in `vouching` as it is recorded (rule 6): in a person's words as it is, else within its value."""
        if self.is_prose:
            return at
        index, start = self._piece_at(at)
        return (self.numbers[index] << _IN_ONE) + at - start

    def _piece_at(self, at: int) -> tuple[int, int]:
        index = bisect_right(self._ends, at)
        return index, self._ends[index - 1] + 1 if index else 0


def said(text: str, *, origin: str) -> Entered:
    """The requester's words: the task, or an answer to a question of the run."""
    words = Words(own_words(text))
    return Entered(origin=origin, label=Label(integrity=Integrity.USER), words=words, vouches=True, vouching=words)


def written_out(values: Json, *, origin: str, integrity: Integrity) -> Entered:
    """Values that somebody gave as data: the inputs of a task, what a workflow's author wrote out."""
    return replace(
        _vouching(
            Entered(origin=origin, label=Label(integrity=integrity), words=Words(canonical(values))),
            list(enumerate(leaves(values))),
        ),
        lasts=integrity is Integrity.OPERATOR,
    )


def answered(answer: Json, *, origin: str, tool: str, source: Source, query_vouched: bool) -> Entered:
    """What a tool brought back, labelled as the policy says of its source (rules 1 to 5)."""
    text = answer if isinstance(answer, str) else canonical(answer)
    found = structured(answer)
    is_text, declared = isinstance(found, str), source.label.integrity
    taints = declared is Integrity.UNTRUSTED or (is_text and declared in _BY_VALUE)
    label = replace(source.label, integrity=Integrity.UNTRUSTED) if taints else source.label
    if taints and not says_something(found):
        label = replace(label, integrity=Integrity.DIRECTORY)  # rule 4
    entered = Entered(origin=origin, source=tool, label=label, words=Words(text))
    if not query_vouched or is_text:
        return entered
    if declared is not Integrity.UNTRUSTED:
        trusted = list(enumerate(leaves(found)))
        if declared is Integrity.SYSTEM_ID and len(trusted) != 1:
            trusted = []
    else:
        is_data = not isinstance(answer, str) or answer.lstrip()[:1] in {"{", "["}
        trusted = list(_fields(found, source)) if is_data else []
    return _vouching(entered, trusted)


_BY_VALUE: Final = frozenset({Integrity.DIRECTORY, Integrity.SYSTEM_ID})


def _vouching(span: Entered, trusted: list[_Leaf]) -> Entered:
    if not trusted:
        return span
    return replace(
        span,
        vouches=True,
        paths=tuple(path for _, (path, _) in trusted),
        numbers=tuple(number for number, _ in trusted),
        vouching=Words(GAP.join(piece.replace(GAP, " ") for _, (_, piece) in trusted)),
    )


def _fields(answer: Json, source: Source) -> Iterable[_Leaf]:
    if not source.fields:
        return
    everything = list(enumerate(leaves(answer)))
    for wanted, integrity in source.fields:
        there = [leaf for leaf in everything if leaf[1][0][: len(wanted)] == wanted]
        if integrity is Integrity.UNTRUSTED:
            continue
        if integrity is Integrity.SYSTEM_ID and (len(there) != 1 or records(answer, wanted) != 1):
            continue
        yield from there


def excerpt(words: Words, start: int, end: int) -> str:
    """What stands around a place in a text, as it was written."""
    text = words.plain
    before = "..." if start > _EXCERPT else ""
    after = "..." if end + _EXCERPT < len(text) else ""
    around = text[max(0, start - _EXCERPT) : end + _EXCERPT].replace(GAP, " ")
    return f"{before}{around.strip()}{after}"
