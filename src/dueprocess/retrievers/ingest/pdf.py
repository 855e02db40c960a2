"""A PDF file as parts: the text that is painted on its pages, and all that is in it besides. Pages are in `pdf_page`.

Rule 1. Read with `pypdf` (extra `pdf`), whose own bounds on streams, pages and forms hold; a file that it cannot read
        whole is not read in part.
Rule 2. Annotations are comments; document properties, form fields, bookmarks and attachments are metadata. Attachments
        are listed, not read.
Rule 3. `pypdf` is told not to log: its messages carry what stands in the file.
"""

import logging
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Final, cast

from dueprocess.errors import CallerError
from dueprocess.evidence import Visibility
from dueprocess.retrievers.ingest.limits import Budget, Unreadable
from dueprocess.retrievers.ingest.pdf_page import Page, dictionary_of, list_of, text_of
from dueprocess.values.foreign import described

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES: Final = 5_000
_MOST_NODES: Final = 10_000  # bookmarks, fields, annotations of one file
_DAMAGED: Final = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError,
    RecursionError, RuntimeError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pypdf raises for files that are damaged, besides its own errors."""


def read_pdf(content: bytes, budget: Budget) -> None:
    """Adds the parts of a PDF file to the budget.

    Raises:
        Unreadable: it is no PDF, damaged, encrypted, or beyond the limits. CallerError: `pypdf` is not installed.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, PyPdfError
    except ModuleNotFoundError as error:
        raise CallerError(
            f"reading PDF files needs the package {error.name}, which is not installed; "
            "install it: pip install 'dueprocess[pdf]'"
        ) from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # rule 3
    if b"%PDF-" not in content[:1024]:
        raise Unreadable("no %PDF- at the beginning; expected a PDF file")
    try:
        reader = PdfReader(BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("the file is encrypted; expected one that opens without a password")
        _read(reader, budget)
    except Unreadable:
        raise
    except (PyPdfError, DependencyError, *_DAMAGED) as error:
        raise Unreadable(f"the file is damaged or not PDF: {described(error)}; expected one that opens whole") from None


def _read(reader: "PdfReader", budget: Budget) -> None:
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise Unreadable(f"{count} pages; expected at most {MAX_PAGES}: split it")
    off = _layers_off(reader)
    for number, page in enumerate(reader.pages, start=1):
        budget.spend()
        shown = Page(page, reader, budget, off=off)
        for why, text in shown.texts():
            budget.keep(text, Visibility.HIDDEN if why else Visibility.VISIBLE, why=why)
        for text in shown.said:
            budget.keep(text, Visibility.METADATA, why="PDF alternative text")
        for text in _annotations(page):
            budget.keep(text, Visibility.COMMENT, why=f"PDF annotation on page {number}")
    for name, value in dictionary_of(reader.trailer.get("/Info")).items():
        budget.keep(f"{str(name).lstrip('/')[:100]}: {text_of(value)}", Visibility.METADATA, why="PDF properties")
    catalog = dictionary_of(reader.trailer.get("/Root"))
    budget.keep(_packet(catalog), Visibility.METADATA, why="PDF metadata (XMP)")
    for text in _outline(catalog, budget):
        budget.keep(text, Visibility.METADATA, why="PDF bookmark")
    for text in _fields(catalog, budget):
        budget.keep(text, Visibility.METADATA, why="PDF form field")
    for text in _alternatives(catalog, budget):
        budget.keep(text, Visibility.METADATA, why="PDF alternative text")
    for text in _scripts(catalog, budget):
        budget.keep(text, Visibility.METADATA, why="PDF script, not run")
    for text in _attached(catalog, budget):
        budget.keep(text, Visibility.METADATA, why="attachment, not read")


def _layers_off(reader: "PdfReader") -> frozenset[int]:
    """The numbers of the optional content groups that are off when the file is opened."""
    properties = dictionary_of(dictionary_of(reader.trailer.get("/Root")).get("/OCProperties"))
    default = dictionary_of(properties.get("/D"))
    off = {_number(each) for each in list_of(default.get("/OFF"))}
    if default.get("/BaseState") == "/OFF":
        off |= {_number(each) for each in list_of(properties.get("/OCGs"))}
        off -= {_number(each) for each in list_of(default.get("/ON"))}
    return frozenset(off - {-1})


def _number(reference: object) -> int:
    found: object = getattr(reference, "idnum", -1)
    return found if isinstance(found, int) else -1


def _annotations(page: object) -> Iterator[str]:
    for each in list_of(dictionary_of(page).get("/Annots"))[:_MOST_NODES]:
        annotation = dictionary_of(each)
        told = [text_of(annotation.get(key)) for key in ("/T", "/Subj", "/Contents")]
        action = dictionary_of(annotation.get("/A"))
        told += [text_of(action.get(key)) for key in ("/URI", "/JS")]
        text = " ".join(each for each in told if each)
        if text:
            yield text


def _packet(catalog: dict[str, object]) -> str:
    stream = catalog.get("/Metadata")
    found = getattr(stream, "get_object", lambda: stream)()
    data = getattr(found, "get_data", lambda: b"")()
    return data[:100_000].decode("utf-8", "replace") if isinstance(data, bytes) else ""


def _outline(catalog: dict[str, object], budget: Budget) -> Iterator[str]:
    for node in _walked(dictionary_of(catalog.get("/Outlines")).get("/First"), ("/First", "/Next"), budget):
        yield text_of(node.get("/Title"))


def _fields(catalog: dict[str, object], budget: Budget) -> Iterator[str]:
    for field in list_of(dictionary_of(catalog.get("/AcroForm")).get("/Fields"))[:_MOST_NODES]:
        for node in _walked(field, ("/Kids",), budget):
            told = [text_of(node.get(key)) for key in ("/T", "/TU", "/V", "/DV")]
            yield ": ".join(each for each in told if each)


def _alternatives(catalog: dict[str, object], budget: Budget) -> Iterator[str]:
    """What the tree of the document's structure says in place of what is painted."""
    for node in _walked(catalog.get("/StructTreeRoot"), ("/K",), budget):
        yield " ".join(filter(None, (text_of(node.get(key)) for key in ("/T", "/Alt", "/ActualText", "/E"))))


def _scripts(catalog: dict[str, object], budget: Budget) -> Iterator[str]:
    yield text_of(dictionary_of(catalog.get("/OpenAction")).get("/JS"))
    for node in _walked(dictionary_of(catalog.get("/Names")).get("/JavaScript"), ("/Kids",), budget):
        for reference in list_of(node.get("/Names"))[1::2]:
            yield text_of(dictionary_of(reference).get("/JS"))


def _attached(catalog: dict[str, object], budget: Budget) -> Iterator[str]:
    tree = dictionary_of(dictionary_of(catalog.get("/Names")).get("/EmbeddedFiles"))
    for node in _walked(tree, ("/Kids",), budget):
        names = list_of(node.get("/Names"))
        for name, reference in zip(names[::2], names[1::2], strict=False):
            file = dictionary_of(reference)
            told = [text_of(file.get(key)) for key in ("/UF", "/F", "/Desc")]
            yield " ".join(dict.fromkeys(each for each in (text_of(name), *told) if each))


def _walked(first: object, links: tuple[str, ...], budget: Budget) -> Iterator[dict[str, object]]:
    """The nodes of a tree, each once, whatever its links point to."""
    waiting, seen = [first], set[int]()
    while waiting and len(seen) < _MOST_NODES:
        budget.spend()
        reference = waiting.pop()
        number = _number(reference)
        node = dictionary_of(reference)
        if not node or number in seen:
            continue
        seen.add(number if number >= 0 else -2 - len(seen))
        yield node
        for link in reversed(links):
            found = node.get(link)
            waiting.extend(reversed(cast("list[object]", found)) if isinstance(found, list) else [found])
