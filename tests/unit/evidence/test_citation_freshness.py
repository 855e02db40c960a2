"""Whose chunks count, how old they may be, and a hook that can only take away."""

import pytest

from dueprocess.evidence import Chunk, Citation, Resolution, Viewer, chunks_of, narrow, resolve, retrieved
from dueprocess.values import Digest, Instant, digest_text

TEXT = "Refunds within 30 days."
ANN = Viewer.of("agent:support@r1", on_behalf_of="user:ann")
BOB = Viewer.of("agent:support@r1", on_behalf_of="user:bob")
CITATION = Citation(document="kb", start=0, end=7, digest=digest_text("Refunds"))


def chunk(*, by: Viewer | None = ANN, at: int | None = 5_000_000, text: str = TEXT) -> Chunk:
    when = None if at is None else Instant(at)
    return Chunk(
        document="kb", digest=digest_text(text), start=0, end=len(text), text=text, retrieved_by=by, retrieved_at=when
    )


def only(*chunks: Chunk, **asked: object) -> Resolution:
    (found,) = resolve([CITATION], chunks, **asked)
    return found


def test_what_another_principal_retrieved_is_no_evidence():
    assert only(chunk(), principal=ANN).chunk is not None
    assert only(chunk(), principal=BOB).reason == (
        "0 to 7 of 'kb' was retrieved by agent:support for user:ann, not by agent:support for user:bob"
    )
    assert only(chunk(by=None), principal=ANN).reason.startswith("0 to 7 of 'kb' was retrieved by nobody known, not by")
    assert only(chunk(by=BOB), chunk(), principal=ANN).chunk == chunk()


def test_a_principal_is_the_same_under_another_release_and_with_other_groups():
    later = Viewer.of("agent:support@r2", on_behalf_of="user:ann", groups=["finance"])
    assert only(chunk(), principal=later).chunk is not None
    assert only(chunk(), principal=Viewer.of("agent:support@r1")).chunk is None
    assert only(chunk(), principal=Viewer.of("agent:other@r1", on_behalf_of="user:ann")).chunk is None


def test_what_is_older_than_is_asked_is_no_evidence():
    assert only(chunk(), since=Instant(5_000_000)).chunk is not None
    assert only(chunk(), since=Instant(5_000_001)).reason == (
        "0 to 7 of 'kb' was retrieved at 1970-01-01T00:00:05.000Z; expected not before 1970-01-01T00:00:05.000Z: "
        "retrieve it again"
    )
    assert "at a time not known" in only(chunk(at=None), since=Instant(0)).reason


def test_the_freshest_of_several_counts():
    old, new = chunk(at=1), chunk(at=9)
    assert only(old, new, since=Instant(5)).chunk is new
    assert only(new, old, since=Instant(5)).chunk is new
    assert only(chunk(at=None), new, since=Instant(5)).chunk is new
    assert only(chunk(by=BOB, at=9), old, principal=ANN, since=Instant(5)).chunk is None


def test_nothing_is_asked_where_nothing_is_said():
    assert only(chunk(by=None, at=None)).chunk is not None


def test_what_is_wrong_with_a_span_is_told_before_whose_it_is():
    wrong = Citation(document="kb", start=0, end=7, digest=digest_text("refunds"))
    (found,) = resolve([wrong], [chunk(by=BOB)], principal=ANN)
    assert "does not have the digest" in found.reason


def test_who_retrieved_is_the_ledger_s_word_and_not_the_retriever_s():
    result = {"document": "kb", "start": 0, "end": 1, "text": "x", "retrieved_by": "user:ann", "retrieved_at": 9}
    (found,) = chunks_of(result)
    assert (found.retrieved_by, found.retrieved_at) == (None, None)
    (found,) = retrieved([result], by=BOB, at=Instant(7))
    assert (found.retrieved_by, found.retrieved_at) == (BOB, 7)


def test_the_names_that_a_retriever_gives_are_kept_where_they_are_of_their_form():
    result = {"document": "kb", "start": 0, "end": 1, "text": "x", "id": "c1", "document_digest": "0" * 64}
    (found,) = chunks_of(result)
    assert (found.id, found.document_digest) == ("c1", Digest("0" * 64))
    (found,) = chunks_of({**result, "id": 5, "document_digest": "abc"})
    assert (found.id, found.document_digest) == ("", None)
    (found,) = chunks_of({**result, "id": "c" * 1025})
    assert found.id == ""


def test_a_flood_of_chunks_is_none():
    one = {"document": "kb", "start": 0, "end": 1, "text": "x"}
    assert len(chunks_of([one] * 1000)) == 1000
    assert chunks_of([one] * 1001) == ()


# The hook -------------------------------------------------------------------------------------------------------------


def narrowed(validator, *chunks: Chunk) -> Resolution:
    (found,) = narrow(resolve([CITATION], chunks), validator, arguments={"amount": 5})
    return found


def test_a_validator_hears_the_citation_its_chunk_and_the_arguments():
    heard = []

    def validator(citation, chunk, arguments):
        heard.append((citation, chunk, arguments))

    assert narrowed(validator, chunk()).chunk == chunk()
    assert heard == [(CITATION, chunk(), {"amount": 5})]


def test_a_validator_makes_a_citation_count_as_none():
    assert narrowed(lambda *_: "the amount is not in the span", chunk()) == Resolution(
        citation=CITATION, reason="the amount is not in the span"
    )


def test_a_validator_cannot_make_a_citation_count():
    def never(*_):
        raise AssertionError("asked about what does not resolve")

    before = only()
    assert narrowed(never) == before
    assert before.chunk is None


class Odd(Exception):
    pass


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), Odd("secret"), RecursionError("secret")])
def test_an_error_of_a_validator_makes_a_citation_count_as_none(error: Exception):
    def fails(*_):
        raise error

    found = narrowed(fails, chunk())
    assert found.chunk is None
    assert found.reason.startswith(f"the validator failed: {type(error).__name__} (")
    assert "secret" not in found.reason


@pytest.mark.parametrize("answer", ["", True, False, 0, object()])
def test_any_answer_but_none_takes_away(answer: object):
    assert narrowed(lambda *_: answer, chunk()) == Resolution(
        citation=CITATION, reason="the validator refused it and gave no reason"
    )


def test_a_reason_is_shown_and_bounded():
    assert narrowed(lambda *_: "\x1b[31m", chunk()).reason == "\\u001b[31m"
    assert len(narrowed(lambda *_: "x" * 10_000, chunk()).reason) < 500
