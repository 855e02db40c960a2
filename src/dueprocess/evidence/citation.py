"""A citation resolved against the chunks that were retrieved in this run: it does, or why it does not.

Reading JSON is in `form`; what else somebody asks of a citation is in `narrowing`.

Rule 1. Offsets are code points of the document; a span is not empty and lies whole in one retrieved chunk of its
        document.
Rule 2. The digest is the SHA-256 of the UTF-8 of exactly the cited span.
Rule 3. A chunk whose text is not as long as its span is no evidence.
Rule 4. Where it is asked who retrieved a chunk, or when at the earliest, a chunk of which that is not known is none.
Rule 5. That a span is there says nothing of what follows from it: entailment is not claimed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dueprocess.evidence.access import Viewer
from dueprocess.values import Digest, Instant, digest_text, rfc3339
from dueprocess.values.foreign import quoted, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Retrieved text: code points `start` to `end` of a document.

    `digest` is what the retriever says of its source (of the document, or of this text) and is recorded; a citation is
    checked against the text itself. `id` and `document_digest` name the chunk and the text it was cut from, where the
    retriever tells them. `retrieved_by` and `retrieved_at` are the ledger's word, never the retriever's.
    """

    document: str
    digest: Digest
    start: int
    end: int
    text: str
    id: str = ""
    document_digest: Digest | None = None
    retrieved_by: Viewer | None = None
    retrieved_at: Instant | None = None

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


def resolve(
    citations: Iterable[Citation],
    chunks: Iterable[Chunk],
    *,
    principal: Viewer | None = None,
    since: Instant | None = None,
) -> tuple[Resolution, ...]:
    """Resolves each citation (rules 1 to 3), in order.

    `principal`: only what this one retrieved counts; `since`: only what was retrieved then or later (rule 4).
    """
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document, []).append(chunk)
    return tuple(_resolved(citation, by_document, principal, since) for citation in citations)


def _resolved(
    citation: Citation, by_document: Mapping[str, list[Chunk]], principal: Viewer | None, since: Instant | None
) -> Resolution:
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
    same = [
        chunk for chunk in around if digest_text(chunk.text[start - chunk.start : end - chunk.start]) == citation.digest
    ]
    if not same:
        reason = f"{start} to {end} of {quoted(document)} does not have the digest {citation.digest[:12]}"
        return Resolution(citation=citation, reason=reason)
    return _counted(citation, same, principal, since)


def _counted(
    citation: Citation, chunks: Sequence[Chunk], principal: Viewer | None, since: Instant | None
) -> Resolution:
    place = f"{citation.start} to {citation.end} of {quoted(citation.document)}"
    own = [chunk for chunk in chunks if principal is None or chunk.retrieved_by == principal]
    if not own:
        who = ", ".join(sorted({str(chunk.retrieved_by or "nobody known") for chunk in chunks}))
        told = f"{visible(who)}, not by {visible(str(principal))}"
        return Resolution(citation=citation, reason=f"{place} was retrieved by {told}")
    # The latest one is told: it is the evidence that is freshest.
    latest = max(own, key=lambda chunk: -1 if chunk.retrieved_at is None else chunk.retrieved_at)
    if since is None:
        return Resolution(citation=citation, chunk=own[0])
    if latest.retrieved_at is None or latest.retrieved_at < since:
        when = "at a time not known" if latest.retrieved_at is None else f"at {rfc3339(latest.retrieved_at)}"
        reason = f"{place} was retrieved {when}; expected not before {rfc3339(since)}: retrieve it again"
        return Resolution(citation=citation, reason=reason)
    return Resolution(citation=citation, chunk=latest)
