"""Any retriever of LlamaIndex behind our port (extra `llamaindex`): its nodes as chunks with provenance and access.

Rule 1. Access is read from the metadata of a node. A node whose access cannot be read is not returned, unless the
        wrapper was told that what says nothing is public.
Rule 2. Offsets are those of the node where the document's text bears them out, else those where its text stands in the
        document; where neither is known, the node is a document of its own.
Rule 3. Access and limit are applied to what the retriever returned: ask it for more than the limit, or give it the filter
        of its own vector store.
Rule 4. A node that spells or reorders what nobody sees is hidden: its text cannot be changed, since offsets count in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, cast

from dueprocess.errors import BadValue, CallerError
from dueprocess.evidence import (
    MAX_LIMIT,
    MAX_QUERY,
    PUBLIC,
    Access,
    Chunk,
    Retrieved,
    Viewer,
    Visibility,
    read_access,
    smuggled,
)
from dueprocess.values import digest_text, of_python
from dueprocess.values.foreign import whole
from dueprocess.values.trust import Integrity

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever

_MAX_NAME: Final = 1024  # as in the form of a citation

TextOf = Callable[[str], str | None]
"""The whole text of a document, by the id that nodes refer to; None where it is not known."""


class _Node(Protocol):
    """What is used of a node: all of it documented. Not every kind of node has offsets."""

    node_id: str
    metadata: dict[str, object]

    @property
    def ref_doc_id(self) -> str | None: ...

    def get_content(self) -> str: ...


class _Scored(Protocol):
    node: _Node


class LlamaIndexRetriever:
    """A `Retriever` made of one of LlamaIndex. What that one raises is raised."""

    def __init__(
        self,
        retriever: "BaseRetriever",
        *,
        access_key: str = "access",
        public: bool = False,
        text_of: TextOf | None = None,
        integrity: Integrity = Integrity.UNTRUSTED,
    ) -> None:
        """Wraps a retriever.

        `access_key`: where in a node's metadata its access stands, in the form of `read_access`; `public`: a node whose
        access cannot be read is for everyone (rule 1); `text_of`: the documents' texts, if they are at hand (rule 2);
        `integrity`: of all that is seen.

        Raises:
            BadValue: it is no retriever of LlamaIndex. CallerError: LlamaIndex is not installed.
        """
        try:
            from llama_index.core.base.base_retriever import BaseRetriever
        except ModuleNotFoundError as error:
            raise CallerError(
                f"asking a retriever of LlamaIndex needs the package {error.name}, which is not installed; "
                "install it: pip install 'dueprocess[llamaindex]'"
            ) from None
        if not isinstance(retriever, BaseRetriever):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadValue(f"a {type(retriever).__name__} is no retriever; expected a BaseRetriever of LlamaIndex")
        self._retriever = retriever
        self._key = access_key
        self._otherwise = PUBLIC if public else Access.of()
        self._text_of = text_of
        self._integrity = integrity

    def search(self, query: str, *, principal: Viewer, limit: int = 5) -> tuple[Retrieved, ...]:
        """The best chunks that this viewer may see, in the order of the retriever (rule 3)."""
        if isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
            raise BadValue(f"a limit of {limit}; expected 1 to {MAX_LIMIT}")
        if not query.strip():
            return ()
        nodes = cast("list[_Scored]", self._retriever.retrieve(query[:MAX_QUERY]))
        found = [each for each in (self._retrieved(scored.node, principal) for scored in nodes) if each is not None]
        seen = [each for each in found if each.visibility is Visibility.VISIBLE]
        hidden = [each for each in found if each.visibility is not Visibility.VISIBLE]
        return (*seen[:limit], *hidden[:limit])

    def _retrieved(self, node: _Node, principal: Viewer) -> Retrieved | None:
        metadata = node.metadata
        labels = self._access(metadata).seen_by(principal)
        text, name = node.get_content(), node.node_id
        if not labels or not text.strip() or whole(text) != text:
            return None
        chunk = self._chunk(node, text, name)
        if not 0 < len(chunk.document) <= _MAX_NAME or whole(chunk.document) != chunk.document:
            return None
        visibility, why = _visibility(metadata, text)
        return Retrieved(
            chunk=chunk,
            access=labels,
            source=_label(metadata.get("file_name", "")),
            integrity=self._integrity if visibility is Visibility.VISIBLE else Integrity.UNTRUSTED,
            visibility=visibility,
            why=why,
        )

    def _access(self, metadata: Mapping[str, object]) -> Access:
        if self._key not in metadata:
            return self._otherwise
        try:
            return read_access(of_python(metadata[self._key]))
        except BadValue:
            return self._otherwise

    def _chunk(self, node: _Node, text: str, name: str) -> Chunk:
        alone = Chunk(document=name, digest=digest_text(text), start=0, end=len(text), text=text, id=name[:_MAX_NAME])
        document = node.ref_doc_id
        if not document:
            return alone
        whole_text = self._text_of(document) if self._text_of is not None else None
        place = _told_start(node, len(text))
        if whole_text is not None and (place < 0 or whole_text[place : place + len(text)] != text):
            place = whole_text.find(text)
        if place < 0:
            return alone
        digest = digest_text(whole_text) if whole_text is not None else None
        return replace(alone, document=document, document_digest=digest, start=place, end=place + len(text))


def _told_start(node: _Node, length: int) -> int:
    """Where the node says that it starts, if what it says fits its text; else -1."""
    start: object = getattr(node, "start_char_idx", None)
    end: object = getattr(node, "end_char_idx", None)
    fits = isinstance(start, int) and isinstance(end, int) and start >= 0 and end - start == length
    return start if fits and isinstance(start, int) else -1


def _visibility(metadata: Mapping[str, object], text: str) -> tuple[Visibility, str]:
    spells = smuggled(text)
    if spells:
        return Visibility.HIDDEN, spells
    named = [each for each in Visibility if each.value == metadata.get("visibility")]
    return (named[0] if named else Visibility.VISIBLE), ""


def _label(value: object) -> str:
    return whole(value)[:_MAX_NAME] if isinstance(value, str) else ""
