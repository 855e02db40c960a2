"""Evidence: documents as they were read, who may see them, and citations resolved by digest and place.

What must be cited is the policy's matter. Retrievers are on the shelf `retrievers`.
"""

from dueprocess.evidence.access import EVERYONE, PUBLIC, Access, Viewer, read_access
from dueprocess.evidence.citation import Chunk, Citation, Resolution, resolve
from dueprocess.evidence.document import Document, Part, Passage, Visibility, chunk_id, passages
from dueprocess.evidence.form import Malformed, chunks_of, read_chunks, read_citations, retrieved
from dueprocess.evidence.invisible import bare_parts, lay_bare, smuggled
from dueprocess.evidence.narrowing import Validator, narrow
from dueprocess.evidence.retriever import MAX_LIMIT, MAX_QUERY, Index, Listed, Retrieved, Retriever

__all__ = [
    "EVERYONE",
    "MAX_LIMIT",
    "MAX_QUERY",
    "PUBLIC",
    "Access",
    "Chunk",
    "Citation",
    "Document",
    "Index",
    "Listed",
    "Malformed",
    "Part",
    "Passage",
    "Resolution",
    "Retrieved",
    "Retriever",
    "Validator",
    "Viewer",
    "Visibility",
    "bare_parts",
    "chunk_id",
    "chunks_of",
    "lay_bare",
    "narrow",
    "passages",
    "read_access",
    "read_chunks",
    "read_citations",
    "resolve",
    "retrieved",
    "smuggled",
]
