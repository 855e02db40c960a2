"""Citations and chunks as JSON: exactly their form, and what is not of it is told and left out."""

import pytest

from dueprocess.evidence import Chunk, Citation, Malformed, chunks_of, read_chunks, read_citations
from dueprocess.values import Json, digest_text, parse

DIGEST = digest_text("x")
CITATION = f'{{"document": "kb", "start": 0, "end": 1, "digest": "{DIGEST}"}}'
CHUNK = f'{{"document": "kb", "digest": "{DIGEST}", "start": 0, "end": 1, "text": "x"}}'


def citations(text: str) -> tuple[tuple[Citation, ...], tuple[Malformed, ...]]:
    return read_citations(parse(text))


def chunks(text: str) -> tuple[tuple[Chunk, ...], tuple[Malformed, ...]]:
    return read_chunks(parse(text))


def test_what_is_of_its_form_is_read():
    assert citations(f"[{CITATION}]") == ((Citation(document="kb", start=0, end=1, digest=DIGEST),), ())
    assert chunks(f"[{CHUNK}]") == ((Chunk(document="kb", digest=DIGEST, start=0, end=1, text="x"),), ())


def test_nothing_is_no_citation_and_no_chunk():
    for nothing in ("null", "[]"):
        assert citations(nothing) == ((), ())
        assert chunks(nothing) == ((), ())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"see the policy"', "got text; expected a list"),
        ("5", "got a number; expected a list"),
        ("{}", "got an object; expected a list"),
        ("true", "got a boolean; expected a list"),
    ],
)
def test_what_is_no_list_is_told(value: str, reason: str):
    assert citations(value) == ((), (Malformed(where="citations", reason=reason),))
    assert chunks(value) == ((), (Malformed(where="evidence", reason=reason),))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('"kb"', "got text; expected an object with document, start, end, digest"),
        ("null", "got null; expected an object with document, start, end, digest"),
        ("[]", "got a list; expected an object with document, start, end, digest"),
        (CITATION.replace('"end"', '"ending"'), "unknown key 'ending'; expected document, start, end, digest"),
        (CITATION.replace("{", '{"page": 1, '), "unknown key 'page'; expected document, start, end, digest"),
        (CITATION.replace('"end": 1, ', ""), "the key end is missing; expected document, start, end, digest"),
        (CITATION.replace('"kb"', '""'), "document is text; expected a name of 1 to 1024 characters"),
        (CITATION.replace('"kb"', "1"), "document is a number; expected a name of 1 to 1024 characters"),
        (CITATION.replace('"kb"', f'"{"k" * 1025}"'), "document is text; expected a name of 1 to 1024 characters"),
        (CITATION.replace('"start": 0', '"start": -1'), "start is a number; expected a whole number from 0 on"),
        (CITATION.replace('"start": 0', '"start": 0.0'), "start is a number; expected a whole number from 0 on"),
        (CITATION.replace('"start": 0', '"start": false'), "start is a boolean; expected a whole number from 0 on"),
        (CITATION.replace('"start": 0', '"start": "0"'), "start is text; expected a whole number from 0 on"),
        (CITATION.replace('"end": 1', '"end": true'), "end is a boolean; expected a whole number from 0 on"),
        (CITATION.replace('"end": 1', f'"end": {2**53}'), "end is a number; expected a whole number from 0 on"),
        (CITATION.replace('"end": 1', '"end": null'), "end is null; expected a whole number from 0 on"),
        (CITATION.replace(DIGEST, DIGEST.upper()), "digest is text; expected 64 lower-case hex characters"),
        (CITATION.replace(DIGEST, DIGEST[:-1]), "digest is text; expected 64 lower-case hex characters"),
        (CITATION.replace(DIGEST, DIGEST + "0"), "digest is text; expected 64 lower-case hex characters"),
        (CITATION.replace(DIGEST, DIGEST[:-1] + "\\n"), "digest is text; expected 64 lower-case hex characters"),
        (CITATION.replace(f'"{DIGEST}"', "7"), "digest is a number; expected 64 lower-case hex characters"),
    ],
)
def test_an_entry_that_is_not_of_its_form_is_left_out(entry: str, reason: str):
    found, wrong = citations(f"[{CITATION}, {entry}]")

    assert len(found) == 1
    assert wrong == (Malformed(where="citations[1]", reason=reason),)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (CHUNK.replace('"x"', "1"), "text is a number; expected text"),
        (CHUNK.replace(', "text": "x"', ""), "the key text is missing; expected document, digest, start, end, text"),
        (CHUNK.replace("{", '{"score": 1, '), "unknown key 'score'; expected document, digest, start, end, text"),
        (CHUNK.replace(DIGEST, "abc"), "digest is text; expected 64 lower-case hex characters"),
        (CHUNK.replace('"start": 0', '"start": -1'), "start is a number; expected a whole number from 0 on"),
        (CHUNK.replace('"end": 1', '"end": 1.5'), "end is a number; expected a whole number from 0 on"),
        (CHUNK.replace('"kb"', "null"), "document is null; expected a name of 1 to 1024 characters"),
    ],
)
def test_a_chunk_that_is_not_of_its_form_is_left_out(entry: str, reason: str):
    found, wrong = chunks(f"[{entry}, {CHUNK}]")

    assert len(found) == 1
    assert wrong == (Malformed(where="evidence[0]", reason=reason),)


def test_the_bounds_themselves_are_of_the_form():
    most = CITATION.replace('"end": 1', f'"end": {2**53 - 1}').replace('"kb"', f'"{"k" * 1024}"')
    assert len(citations(f"[{most}]")[0]) == 1


def test_a_flood_of_entries_is_none():
    assert len(citations(f"[{','.join([CITATION] * 100)}]")[0]) == 100
    assert citations(f"[{','.join([CITATION] * 101)}]") == (
        (),
        (Malformed(where="citations", reason="got 101 entries; expected at most 100"),),
    )
    assert len(chunks(f"[{','.join([CHUNK] * 1000)}]")[0]) == 1000
    assert chunks(f"[{','.join([CHUNK] * 1001)}]") == (
        (),
        (Malformed(where="evidence", reason="got 1001 entries; expected at most 1000"),),
    )


def test_where_an_entry_stands_is_told_from_where_the_list_stands():
    _, (wrong,) = read_citations(["x"], where="$.citations")
    assert wrong.where == "$.citations[0]"
    _, (wrong,) = read_chunks(["x"], where="e")
    assert wrong.where == "e[0]"


def passage(**more: Json) -> dict[str, Json]:
    return {"document": "kb", "start": 3, "end": 4, "text": "x", **more}


@pytest.mark.parametrize(
    "result",
    [
        passage(),
        [passage()],
        {"results": [passage()]},
        {"a": {"b": [[passage(score=1, title="t")]]}},
        [passage(digest=DIGEST)],
        [passage(), {"document": "kb"}, "text", None, 5],
    ],
)
def test_the_chunks_of_a_result_are_found_wherever_they_stand(result: Json):
    assert chunks_of(result) == (Chunk(document="kb", digest=DIGEST, start=3, end=4, text="x"),)


def test_the_chunks_of_a_result_keep_their_order():
    found = chunks_of({"a": [passage(text="1"), passage(text="2")], "b": passage(text="3")})
    assert [chunk.text for chunk in found] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        {},
        {"document": "kb", "start": 0, "end": 1},
        passage(text=1),
        passage(start="3"),
        passage(digest="abc"),
        {"document": "kb", "text": "x"},
    ],
)
def test_what_is_no_chunk_is_none(result: Json):
    assert chunks_of(result) == ()


def test_a_document_that_quotes_a_chunk_in_its_text_is_one_chunk():
    assert len(chunks_of([passage(text=CHUNK)])) == 1
    assert len(chunks_of([passage(extra=passage())])) == 1
