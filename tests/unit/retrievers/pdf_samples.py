"""PDF files written by hand: only what a test is about, so that what a reader makes of it can be told."""

from collections.abc import Mapping

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def text(words: str, *, x: float = 72, y: float = 700, size: float = 12, before: str = "") -> str:
    """Operations that show words."""
    return f"BT /F1 {size} Tf {before} 1 0 0 1 {x} {y} Tm ({words}) Tj ET\n"


def pdf(
    content: str,
    *,
    resources: str = "",
    page: str = "",
    catalog: str = "",
    info: str = "",
    objects: Mapping[int, bytes] | None = None,
) -> bytes:
    """One page of these operations. Further objects are numbered from 10 on."""
    data = content.encode("latin-1")
    numbered: dict[int, bytes] = {
        1: f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode("latin-1"),
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
            f"/Resources << /Font << /F1 5 0 R >> {resources} >> {page} >>"
        ).encode("latin-1"),
        4: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(data), data),
        5: FONT,
        6: f"<< {info} >>".encode("latin-1"),
        **(objects or {}),
    }
    return written(numbered, trailer="/Root 1 0 R /Info 6 0 R")


def stream(dictionary: str, data: bytes) -> bytes:
    """A stream object."""
    return f"<< {dictionary} /Length {len(data)} >>\nstream\n".encode("latin-1") + data + b"\nendstream"


def written(numbered: Mapping[int, bytes], *, trailer: str) -> bytes:
    """The objects as a file with its table of places."""
    found = b"%PDF-1.7\n"
    places: dict[int, int] = {}
    for number, body in sorted(numbered.items()):
        places[number] = len(found)
        found += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(found), max(numbered) + 1
    found += b"xref\n0 %d\n" % size
    for number in range(size):
        found += b"%010d %05d %s \n" % (
            places.get(number, 0),
            0 if number in places else 65535,
            b"n" if number in places else b"f",
        )
    return found + f"trailer\n<< /Size {size} {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode("latin-1")
