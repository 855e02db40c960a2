"""A citation resolved against the chunks that were retrieved in this run: it does, or why it does not.

Reading JSON is in `form`.

Rule 1. Offsets are code points of the document; a span is not empty and lies whole in one retrieved chunk of its
        document.
Rule 2. The digest is the SHA-256 of the UTF-8 of exactly the cited span.
Rule 3. A chunk whose text is not as long as its span is no evidence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dueprocess.values import Digest, digest_text
from dueprocess.values.foreign import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Retrieved text: code points `start` to `end` of a document.

    `digest` is what the retriever says of its source (of the document, or of this text) and is recorded; a citation is
    checked against the text itself.
    """

    document: str
    digest: Digest
    start: int
    end: int
    text: str

    @property
    def whole(self) -> bool:
        """Whether the text is as long as the span says (rule 3)."""
        return 0 <= self.start < self.end and len(self.text) == self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A span that is named as evidence, with the digest of its text."""

    document: str
    start: int
    end: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What became of a citation: the chunk it lies in, or the reason why it is no evidence."""

    citation: Citation
    chunk: Chunk | None = None
    reason: str = ""


def resolve(citations: Iterable[Citation], chunks: Iterable[Chunk]) -> tuple[Resolution, ...]:
    """Resolves each citation (rules 1 to 3), in order."""
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document, []).append(chunk)
    return tuple(_resolved(citation, by_document) for citation in citations)


def _resolved(citation: Citation, by_document: Mapping[str, list[Chunk]]) -> Resolution:
    document, start, end = citation.document, citation.start, citation.end
    if not 0 <= start < end:
        return Resolution(citation=citation, reason=f"{start} to {end} is no span; expected 0 <= start < end")
    retrieved = by_document.get(document)
    if retrieved is None:
        return Resolution(citation=citation, reason=f"the document {quoted(document)} was not retrieved in this run")
    around = [chunk for chunk in retrieved if chunk.whole and chunk.start <= start and end <= chunk.end]
    if not around:
        reason = f"{start} to {end} of {quoted(document)} lies in no chunk that was retrieved"
        return Resolution(citation=citation, reason=reason)
    for chunk in around:
        if digest_text(chunk.text[start - chunk.start : end - chunk.start]) == citation.digest:
            return Resolution(citation=citation, chunk=chunk)
    reason = f"{start} to {end} of {quoted(document)} does not have the digest {citation.digest[:12]}"
    return Resolution(citation=citation, reason=reason)
