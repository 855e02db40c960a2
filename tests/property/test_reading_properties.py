"""Foreign bytes of any kind: a reader gives parts that can be kept, or the one error, and nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.retrievers.pdf_samples import pdf, text

from dueprocess.evidence import PUBLIC, Document, Viewer, Visibility, lay_bare, passages
from dueprocess.retrievers.ingest import Format, Limits, Unreadable, read
from dueprocess.retrievers.sqlite import SqliteIndex

LIMITS = Limits(bytes=200_000, parts=500, seconds=10)
PIECES = st.sampled_from(
    [
        "<p>", "</p>", "<b style=display:none>", "<div hidden>", "</div>", "<style>.a{color:#fff}", "</style>", "<!--", "-->",
        "<table><tr><td>", "</table>", "<svg>", "<text>", "</svg>", "<a class=a href='x'>", "<title>", "</title>", "&#x200b;",
        "&lt;", "<", ">", '"', "'", "`", "```\n", "[a](b 'c')", "[a]: b\n", "![x](y)", "---\n", "> ", "text", "\n\n", "\x00",
        "\U000e0041", "\u202e", "\ufe0f", "\u200d", "<template>", "<script>", "</script>", "<font color=white>", "<body bgcolor=red>",
    ]
)  # fmt: skip
SOURCES = st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=100))
HEADERS = st.sampled_from(
    ["From: a", "Content-Type: text/html", "Content-Type: multipart/mixed; boundary=b", "Content-Type: message/rfc822",
     "Content-Type: multipart/alternative; boundary=b", "Content-Transfer-Encoding: base64", "Content-Disposition: attachment",
     "Content-Transfer-Encoding: quoted-printable", "Subject: =?utf-8?q?=41?=", "Content-Type: text/plain; charset=utf-16"]
)  # fmt: skip
LETTERS = st.builds(
    lambda blocks: "\n--b\n".join("\n".join(headers) + "\n\n" + body for headers, body in blocks).encode(
        "utf-8", "replace"
    ),
    st.lists(st.tuples(st.lists(HEADERS, min_size=1, max_size=3), SOURCES), min_size=1, max_size=4),
)


def check(content: bytes, kind: Format) -> Document | None:
    try:
        document = read(content, kind, id="x", access=PUBLIC, limits=LIMITS)
    except Unreadable:
        return None
    for part in document.parts:
        assert lay_bare(part.text) == (part.text, ())
        assert part.why == "" or part.why.isascii()
    assert all(each.text == document.text[each.start : each.end] for each in passages(document))
    return document


@given(SOURCES)
@example("<p style='\\110000:x'>")
def test_any_page_is_read(source: str):
    assert check(source.encode("utf-8", "replace"), Format.HTML) is not None


@given(SOURCES)
def test_any_note_is_read(source: str):
    assert check(source.encode("utf-8", "replace"), Format.MARKDOWN) is not None


@given(LETTERS)
def test_any_letter_is_read(content: bytes):
    check(content, Format.EMAIL)


@pytest.mark.parametrize("kind", Format)
@given(content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(kind: Format, content: bytes):
    check(content, kind)


@settings(max_examples=60)
@given(st.data())
def test_a_file_with_any_bytes_changed_is_read_or_refused(data: st.DataObject):
    whole = bytearray(pdf(text("Refunds") + "q 1 g /X0 Do Q", info="/Title (x)", page="/Annots []"))
    for _ in range(data.draw(st.integers(min_value=1, max_value=4))):
        at = data.draw(st.integers(min_value=0, max_value=len(whole) - 1))
        whole[at : at + data.draw(st.integers(min_value=0, max_value=3))] = data.draw(st.binary(max_size=4))
    check(bytes(whole), Format.PDF)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(
    ["q", "Q", "BT", "ET", "(x) Tj", "[(a) -9 (b)] TJ", "/F1 12 Tf", "1 0 0 1 5 5 cm", "3 Tr", "1 g", "0 0 9 9 re", "f", "W n",
     "/X0 Do", "BDC", "EMC", "(", "<<", "]", "1 2 3", "/G gs", "T*", "9 TL", "Tm"]
), max_size=20))  # fmt: skip
def test_any_operations_are_followed_or_refused(operations: list[str]):
    check(pdf("\n".join(operations)), Format.PDF)


@settings(max_examples=25)
@given(SOURCES)
def test_what_is_hidden_is_never_found_as_seen(source: str):
    document = read(
        f"<p>refund</p><p hidden>{source} refund</p>".encode("utf-8", "replace"), Format.HTML, id="x", access=PUBLIC
    )
    with tempfile.TemporaryDirectory() as folder:
        index = SqliteIndex(Path(folder) / "evidence.db")
        index.add(document)
        found = index.search("refund", principal=Viewer())
        index.close()
    seen = [each for each in found if each.visibility is Visibility.VISIBLE]
    assert seen
    assert all(
        any(each.chunk.text in part.text for part in document.parts if part not in document.hidden) for each in seen
    )
