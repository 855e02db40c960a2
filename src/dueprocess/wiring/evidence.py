"""The index of documents of a folder, and files read for it. What is in a document is found out in `retrievers.ingest`.

Rule 1. The index stands beside the ledger, in a file of its own: `FOLDER/.due/evidence.db`.
Rule 2. No more is read of a file than tells that it is too large.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dueprocess.errors import BadValue, StoreUnavailable
from dueprocess.evidence import Access, Document, Index, Retrieved
from dueprocess.retrievers.ingest import Format, Limits, Unreadable, format_of, read
from dueprocess.retrievers.sqlite import SqliteIndex
from dueprocess.retrievers.tool import told
from dueprocess.values import Json
from dueprocess.values.foreign import visible
from dueprocess.values.trust import Integrity
from dueprocess.wiring.access import home_of

EVIDENCE: Final = "evidence.db"
FORMATS: Final = tuple(each.value for each in Format)


@contextmanager
def open_evidence(folder: Path, *, make: bool = False) -> Generator[Index, None, None]:
    """Opens the index of a folder (rule 1) and closes it at the end. `make`: where there is none yet, one is made.

    Raises:
        StoreUnavailable: there is none, or it cannot be opened.
    """
    path = home_of(folder) / EVIDENCE
    if not make and not path.exists():
        raise StoreUnavailable(f"{path} is not there; add a first document: due evidence add FILE --everyone")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    index = SqliteIndex(path)
    try:
        yield index
    finally:
        index.close()


def read_file(
    path: Path, *, access: Access, name: str = "", source: str = "", kind: str = "", trusted: bool = False
) -> Document:
    """Reads a file as a document. Its id is `name`, else the path as it was given; `kind` one of FORMATS, else by its name.

    Raises:
        BadValue: it is not of its format or beyond the limits; names the file. StoreUnavailable: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(Limits().bytes + 1)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}; expected a file") from None
    try:
        return read(
            content,
            Format(kind) if kind else format_of(path.name),
            id=name or str(path),
            access=access,
            source=source or str(path),
            integrity=Integrity.OPERATOR if trusted else Integrity.UNTRUSTED,
        )
    except Unreadable as error:
        raise BadValue(f"{visible(str(path), limit=400)}: {error}") from None


def found_json(found: Iterable[Retrieved], *, with_hidden: bool) -> dict[str, Json]:
    """What was found, as an agent is told it."""
    return told(found, with_hidden=with_hidden)
