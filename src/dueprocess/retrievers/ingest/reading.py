"""From bytes to a document: which reader, and what is done with every part. Each format has a file of its own.

Rule 1. All of it is untrusted unless the caller says otherwise; what is hidden stays so (`evidence.document`).
Rule 2. Invisible characters are taken out of every part, seen or not, and become parts of their own.
Rule 3. Foreign bytes raise nothing but `Unreadable`.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.evidence import Access, Document, bare_parts
from dueprocess.retrievers.ingest.html_page import read_page
from dueprocess.retrievers.ingest.limits import Budget, Limits, Unreadable, decoded
from dueprocess.retrievers.ingest.mail import read_mail
from dueprocess.retrievers.ingest.markdown import read_markdown
from dueprocess.retrievers.ingest.page_charset import charset_of_page
from dueprocess.retrievers.ingest.pdf import read_pdf
from dueprocess.values.foreign import quoted
from dueprocess.values.trust import Integrity


class Format(Enum):
    """What the bytes are. Never guessed from them."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    EMAIL = "email"
    PDF = "pdf"


_SUFFIXES: Final[Mapping[str, Format]] = {
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".xhtml": Format.HTML,
    ".eml": Format.EMAIL,
    ".pdf": Format.PDF,
}


def format_of(name: str) -> Format:
    """The format that a file's name says it is of.

    Raises:
        Unreadable: its ending is none that is read.
    """
    dot = name.rfind(".")
    found = _SUFFIXES.get(name[dot:].lower()) if dot >= 0 else None
    if found is None:
        raise Unreadable(f"{quoted(name)} ends as no format that is read; expected one of {', '.join(_SUFFIXES)}")
    return found


def read(
    content: bytes,
    kind: Format,
    *,
    id: str,  # noqa: A002 - as a document calls it
    access: Access,
    source: str = "",
    integrity: Integrity = Integrity.UNTRUSTED,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
) -> Document:
    """Reads a document.

    Raises:
        Unreadable: the bytes are not of the format, damaged, encrypted, or beyond the limits. StoreUnavailable: the
        extra that reads the format is not installed.
    """
    budget = Budget.of(limits, content)
    _READERS[kind](content, budget)
    try:
        return Document(id=id, parts=bare_parts(budget.parts), access=access, source=source or id, integrity=integrity)
    except BadValue as error:
        raise Unreadable(str(error)) from None


def _text(content: bytes, budget: Budget) -> None:
    budget.keep(decoded(content))


def _html(content: bytes, budget: Budget) -> None:
    read_page(decoded(content, charset=charset_of_page(content)), budget)


def _markdown(content: bytes, budget: Budget) -> None:
    read_markdown(decoded(content), budget)


_READERS: Final[Mapping[Format, Callable[[bytes, Budget], None]]] = {
    Format.TEXT: _text,
    Format.MARKDOWN: _markdown,
    Format.HTML: _html,
    Format.EMAIL: read_mail,
    Format.PDF: read_pdf,
}
