"""The port of retrieval: who asks, what may be found, and where each thing found stands. Adapters are on the shelf.

Rule 1. What a viewer may not see is not found, and takes the place of nothing that they may.
Rule 2. Parts that a person does not see come after all that they see, marked, within a limit of their own.
Rule 3. A document that was removed, or replaced by another text, is never found again.
Rule 4. The query is data: nothing in it is an operator.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from dueprocess.evidence.access import Access, Viewer
from dueprocess.evidence.citation import Chunk
from dueprocess.evidence.document import Document, Visibility
from dueprocess.values import Digest
from dueprocess.values.trust import Integrity

MAX_LIMIT: Final = 100  # chunks of one search: more is not an answer but a dump
MAX_QUERY: Final = 4000  # code points read of a query


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """A chunk that was found, and what is known of it.

    `access` are the names by which the viewer may see it, never those of others. `why` as in `Part`.
    """

    chunk: Chunk
    access: tuple[str, ...]
    source: str = ""
    integrity: Integrity = Integrity.UNTRUSTED
    visibility: Visibility = Visibility.VISIBLE
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document in an index. `passages` counts its chunks, `hidden` those that a person does not see."""

    id: str
    digest: Digest
    source: str
    access: Access
    integrity: Integrity
    passages: int
    hidden: int


class Retriever(Protocol):
    """Finds chunks."""

    def search(self, query: str, *, principal: Viewer, limit: int = 5) -> tuple[Retrieved, ...]:
        """The best chunks that this viewer may see, best first (rules 1, 2 and 4): at most `limit` seen and `limit` not.

        Raises:
            BadValue: the limit is none from 1 to MAX_LIMIT.
            StoreUnavailable: it cannot be asked.
        """
        ...


class Index(Retriever, Protocol):
    """A retriever that keeps documents itself. Every change is whole, and durable when it returns."""

    def add(self, document: Document) -> bool:
        """Keeps a document, in place of the one of the same id (rule 3). False: exactly this was kept already."""
        ...

    def remove(self, document: str) -> bool:
        """Forgets a document and every trace of its text. False: none of this id is kept."""
        ...

    def documents(self, *, principal: Viewer | None = None) -> tuple[Listed, ...]:
        """The documents kept, by id: all, or those that a viewer may see."""
        ...

    def close(self) -> None:
        """Gives up what is open. Every later call is refused."""
        ...
