"""A document as it was read: parts that a person sees and parts that they do not, one text, one digest. Reading is elsewhere.

Rule 1. The text is the parts, in order, with a blank line between two. Offsets are code points of it.
Rule 2. The digest is the SHA-256 of the UTF-8 of exactly this text: hidden parts count.
Rule 3. All is untrusted unless the caller says otherwise; what a person does not see is untrusted whatever they say.
Rule 4. A chunk lies in one part, so it never mixes what is seen with what is not. Chunks are the same every time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.evidence.access import Access
from dueprocess.values import Digest, digest_json, digest_text
from dueprocess.values.foreign import quoted, whole
from dueprocess.values.trust import Integrity

MAX_TEXT: Final = 16 << 20  # code points of one document; more is several
MAX_NAME: Final = 1024  # as in the form of a citation
CHUNK_SIZE: Final = 1200  # code points: some 300 tokens, a few paragraphs that are read as one
BETWEEN: Final = "\n\n"
_LEAST_SIZE: Final = 40
_ID_LENGTH: Final = 32  # hex characters: 128 bits name a chunk among all there will ever be
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+|\n")


class Visibility(Enum):
    """What a person who opens the document sees of a part."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    COMMENT = "comment"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A passage of a document. `why`: what hides it (`display:none`, `white on white`), or where it comes from (`quoted`).

    Raises:
        BadValue: it is empty, or not whole Unicode.
    """

    text: str
    visibility: Visibility = Visibility.VISIBLE
    why: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise BadValue("a part is empty; expected text, or no part")
        if whole(self.text) != self.text:
            raise BadValue("a part holds a lone surrogate; expected whole Unicode characters")


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document as it was read. `source` says where it came from, for people.

    Raises:
        BadValue: no name, or too large.
    """

    id: str
    parts: tuple[Part, ...]
    access: Access
    source: str = ""
    integrity: Integrity = Integrity.UNTRUSTED

    def __post_init__(self) -> None:
        for what, name in (("id", self.id), ("source", self.source)):
            if len(name) > MAX_NAME or whole(name) != name:
                raise BadValue(f"the {what} has {len(name)} characters; expected at most {MAX_NAME}, whole Unicode")
        if not self.id:
            raise BadValue("the document has no id; expected a name such as kb/refunds")
        size = sum(len(part.text) for part in self.parts) + len(BETWEEN) * max(len(self.parts) - 1, 0)
        if size > MAX_TEXT:
            raise BadValue(f"{quoted(self.id)} has {size} characters; expected at most {MAX_TEXT}: split it")

    @cached_property
    def text(self) -> str:
        """The text that offsets count in (rule 1)."""
        return BETWEEN.join(part.text for part in self.parts)

    @cached_property
    def digest(self) -> Digest:
        """The digest of the text (rule 2)."""
        return digest_text(self.text)

    @property
    def hidden(self) -> tuple[Part, ...]:
        """The parts that a person does not see."""
        return tuple(part for part in self.parts if part.visibility is not Visibility.VISIBLE)

    def spans(self) -> Iterator[tuple[int, Part]]:
        """Each part and the offset it starts at."""
        at = 0
        for part in self.parts:
            yield at, part
            at += len(part.text) + len(BETWEEN)

    def trust(self, part: Part) -> Integrity:
        """Whether a part may be taken at its word (rule 3)."""
        return self.integrity if part.visibility is Visibility.VISIBLE else Integrity.UNTRUSTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk of a document as it is kept: where it stands, and what a person sees of it. Its id follows from the rest."""

    id: str
    start: int
    text: str
    visibility: Visibility
    why: str
    integrity: Integrity

    @property
    def end(self) -> int:
        """The offset after its last code point."""
        return self.start + len(self.text)


def passages(document: Document, *, size: int = CHUNK_SIZE) -> tuple[Passage, ...]:
    """Cuts a document into passages of at most `size` code points, by paragraphs, else sentences, else blanks (rule 4).

    Raises:
        BadValue: the size is too small to hold a sentence.
    """
    if size < _LEAST_SIZE:
        raise BadValue(f"a size of {size}; expected at least {_LEAST_SIZE} code points")
    return tuple(
        Passage(
            id=chunk_id(document.id, digest=document.digest, start=at + start, end=at + end),
            start=at + start,
            text=part.text[start:end],
            visibility=part.visibility,
            why=part.why,
            integrity=document.trust(part),
        )
        for at, part in document.spans()
        for start, end in _cut(part.text, size)
    )


def chunk_id(document: str, *, digest: str, start: int, end: int) -> str:
    """The id of a span of this very text: the same wherever it is cut, another as soon as the text is another."""
    return digest_json([document, digest, start, end])[:_ID_LENGTH]


def _cut(text: str, size: int) -> Iterator[tuple[int, int]]:
    # Greedy: pieces are joined as long as they fit, so that small paragraphs are read together.
    begin = end = -1
    for start, stop in _pieces(text, 0, len(text), size, _PARAGRAPH):
        if begin >= 0 and stop - begin <= size:
            end = stop
            continue
        if begin >= 0:
            yield begin, end
        begin, end = start, stop
    if begin >= 0:
        yield begin, end


def _pieces(text: str, start: int, stop: int, size: int, border: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    at = start
    for found in border.finditer(text, start, stop):
        yield from _fitting(text, at, found.start(), size, border)
        at = found.end()
    yield from _fitting(text, at, stop, size, border)


def _fitting(text: str, start: int, stop: int, size: int, border: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    while start < stop and text[start].isspace():
        start += 1
    while start < stop and text[stop - 1].isspace():
        stop -= 1
    if start == stop:
        return
    if stop - start <= size:
        yield start, stop
    elif border is _PARAGRAPH:
        yield from _pieces(text, start, stop, size, _SENTENCE)
    else:
        yield from _hard(text, start, stop, size)


def _hard(text: str, start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    while stop - start > size:
        blank = text.rfind(" ", start + size // 2, start + size)
        end = blank if blank > 0 else start + size
        last = end
        while last > start and text[last - 1].isspace():
            last -= 1
        if last > start:
            yield start, last
        start = end
        while start < stop and text[start].isspace():
            start += 1
    if start < stop:
        yield start, stop
