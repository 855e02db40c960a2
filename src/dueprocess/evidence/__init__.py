"""Citations: spans of documents retrieved in this run, resolved by digest and place.

What must be cited is the policy's matter.
"""

from dueprocess.evidence.citation import Chunk, Citation, Resolution, resolve
from dueprocess.evidence.form import Malformed, chunks_of, read_chunks, read_citations

__all__ = ["Chunk", "Citation", "Malformed", "Resolution", "chunks_of", "read_chunks", "read_citations", "resolve"]
