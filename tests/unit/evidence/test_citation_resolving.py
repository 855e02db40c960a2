"""Citations: a span resolves to a chunk that was retrieved, by place and by digest, or says why it does not."""

import pytest

from dueprocess.evidence import Chunk, Citation, resolve
from dueprocess.values import Digest, digest_text

TEXT = "Refunds within 30 days — siempre. 😀 Ende."


def chunk(text: str = TEXT, *, document: str = "kb", start: int = 0, end: int | None = None) -> Chunk:
    return Chunk(
        document=document,
        digest=digest_text("the whole document"),
        start=start,
        end=start + len(text) if end is None else end,
        text=text,
    )


def cite(start: int, end: int, *, of: str = TEXT, offset: int = 0, document: str = "kb") -> Citation:
    return Citation(document=document, start=start, end=end, digest=digest_text(of[start - offset : end - offset]))


def why(citation: Citation, *chunks: Chunk) -> str:
    (found,) = resolve([citation], chunks)
    assert (found.chunk is None) == bool(found.reason)
    assert found.citation is citation
    return found.reason


@pytest.mark.parametrize(
    ("start", "end"), [(0, 7), (0, len(TEXT)), (23, 24), (34, 35), (36, len(TEXT)), (len(TEXT) - 1, len(TEXT))]
)
def test_a_span_within_a_retrieved_chunk_resolves_by_code_points(start: int, end: int):
    assert why(cite(start, end), chunk()) == ""


def test_a_span_is_counted_from_the_start_of_the_document():
    assert why(cite(1000, 1007, offset=1000), chunk(start=1000)) == ""
    assert why(cite(0, 7), chunk(start=1000)).endswith("lies in no chunk that was retrieved")


def test_the_chunk_that_a_citation_lies_in_is_told():
    other, right = chunk("x" * len(TEXT)), chunk()

    (found,) = resolve([cite(0, 7)], [other, right])
    assert found.chunk is right


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, len(TEXT) + 1), (-1, 5), (5, 5), (0, 0), (7, 3), (len(TEXT), len(TEXT) + 1), (-5, -1), (2**60, 2**60 + 1)],
)
def test_a_span_that_is_none_or_outside_does_not_resolve(start: int, end: int):
    citation = Citation(document="kb", start=start, end=end, digest=digest_text(TEXT[max(start, 0) : max(end, 0)]))

    reason = why(citation, chunk())
    if 0 <= start < end:
        assert reason == f"{start} to {end} of 'kb' lies in no chunk that was retrieved"
    else:
        assert reason == f"{start} to {end} is no span; expected 0 <= start < end"


def test_a_span_must_lie_whole_in_one_chunk():
    first, second = chunk(TEXT[:10]), chunk(TEXT[10:], start=10)

    assert why(cite(5, 10), first, second) == ""
    assert why(cite(10, 15), first, second) == ""
    assert why(cite(9, 11), first, second) == "9 to 11 of 'kb' lies in no chunk that was retrieved"


def test_another_document_is_no_evidence():
    assert why(cite(0, 7, document="KB"), chunk()) == "the document 'KB' was not retrieved in this run"
    assert why(cite(0, 7), chunk(document="other")) == "the document 'kb' was not retrieved in this run"
    assert why(cite(0, 7)) == "the document 'kb' was not retrieved in this run"
    assert why(cite(0, 7, document="\u202ekb")) == "the document '\\u202ekb' was not retrieved in this run"


def test_another_digest_is_no_evidence():
    wrong = Citation(document="kb", start=0, end=7, digest=digest_text("refunds"))

    assert why(wrong, chunk()) == f"0 to 7 of 'kb' does not have the digest {digest_text('refunds')[:12]}"
    whole = Citation(document="kb", start=0, end=7, digest=chunk().digest)
    assert "does not have the digest" in why(whole, chunk())
    upper = Citation(document="kb", start=0, end=7, digest=Digest(digest_text(TEXT[:7]).upper()))
    assert "does not have the digest" in why(upper, chunk())


@pytest.mark.parametrize(
    ("start", "end"), [(0, len(TEXT) - 1), (0, len(TEXT) + 1), (5, 5), (7, 0), (-1, len(TEXT) - 1)]
)
def test_a_chunk_whose_text_is_not_as_long_as_its_span_is_no_evidence(start: int, end: int):
    broken = chunk(start=start, end=end)

    assert broken.whole is False
    assert why(cite(max(start, 0), max(start, 0) + 1), broken).endswith("lies in no chunk that was retrieved")
    assert chunk().whole is True


def test_each_citation_is_resolved_by_itself_and_in_order():
    found = resolve([cite(0, 7), cite(0, 7, document="x"), cite(8, 14)], [chunk()])

    assert [each.chunk is not None for each in found] == [True, False, True]
    assert resolve([], [chunk()]) == ()
