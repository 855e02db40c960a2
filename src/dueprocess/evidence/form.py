"""Citations and chunks read from JSON, strictly. Whether a citation resolves is asked in `citation`.

Rule 1. A citation is exactly {document, start, end, digest}, a chunk exactly {document, digest, start, end, text}.
Rule 2. Offsets are whole numbers below 2^53, digests 64 lower-case hex characters, a document is named by text.
Rule 3. What is not of its form is told and left out; the rest is read.
Rule 4. In what a retrieving tool brought back a chunk may have further keys. Who retrieved it and when is never read
        there: whoever tells it reads it from the ledger.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.evidence.access import Viewer
from dueprocess.evidence.citation import Chunk, Citation
from dueprocess.values import Digest, Instant, Json, digest_text
from dueprocess.values.foreign import kind_of, quoted

MAX_CITATIONS: Final = 100  # of one call; each is looked for in every chunk of its document
MAX_CHUNKS: Final = 1000  # of one line; more is not evidence but a flood
_MAX_OFFSET: Final = 2**53
_MAX_NAME: Final = 1024
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CITATION: Final = ("document", "start", "end", "digest")
_CHUNK: Final = ("document", "digest", "start", "end", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """An entry that is not of its form, and why."""

    where: str
    reason: str


def read_citations(value: Json, *, where: str = "citations") -> tuple[tuple[Citation, ...], tuple[Malformed, ...]]:
    """The citations of a list, and what in it is none. None and an absent list are no citations."""
    found: list[Citation] = []
    wrong: list[Malformed] = []
    for place, entry in _entries(value, where, wrong, most=MAX_CITATIONS):
        try:
            fields = _fields(entry, _CITATION)
            found.append(
                Citation(
                    document=_name(fields["document"]),
                    start=_offset(fields["start"], "start"),
                    end=_offset(fields["end"], "end"),
                    digest=_digest(fields["digest"]),
                )
            )
        except BadValue as error:
            wrong.append(Malformed(where=place, reason=str(error)))
    return tuple(found), tuple(wrong)


def read_chunks(value: Json, *, where: str = "evidence") -> tuple[tuple[Chunk, ...], tuple[Malformed, ...]]:
    """The chunks of a list, and what in it is none. None and an absent list are no chunks."""
    found: list[Chunk] = []
    wrong: list[Malformed] = []
    for place, entry in _entries(value, where, wrong, most=MAX_CHUNKS):
        try:
            fields = _fields(entry, _CHUNK)
            text = fields["text"]
            if not isinstance(text, str):
                raise BadValue(f"text is {kind_of(text)}; expected text")
            found.append(
                Chunk(
                    document=_name(fields["document"]),
                    digest=_digest(fields["digest"]),
                    start=_offset(fields["start"], "start"),
                    end=_offset(fields["end"], "end"),
                    text=text,
                )
            )
        except BadValue as error:
            wrong.append(Malformed(where=place, reason=str(error)))
    return tuple(found), tuple(wrong)


def chunks_of(result: Json) -> tuple[Chunk, ...]:
    """The chunks in what a retrieving tool brought back, wherever in it they stand; none where there is a flood of them.

    A chunk is an object with document, start, end and text, and maybe id and document_digest; further keys (a score, a
    title) are ignored here, since the tool is ours. Without a digest it is that of the text.
    """
    found: list[Chunk] = []
    waiting: list[Json] = [result]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            chunk = _retrieved(value)
            if chunk is not None:
                found.append(chunk)
            else:
                waiting.extend(reversed(value.values()))
    return tuple(found) if len(found) <= MAX_CHUNKS else ()


def retrieved(result: Json, *, by: Viewer | None, at: Instant | None) -> tuple[Chunk, ...]:
    """The chunks of a result, with the ledger's word on who retrieved them and when (rule 4)."""
    return tuple(replace(chunk, retrieved_by=by, retrieved_at=at) for chunk in chunks_of(result))


def _retrieved(value: dict[str, Json]) -> Chunk | None:
    text = value.get("text")
    if not isinstance(text, str) or not {"document", "start", "end"} <= value.keys():
        return None
    fields = {name: value[name] for name in _CHUNK if name in value}
    chunks, _ = read_chunks([{"digest": digest_text(text), **fields}])
    if not chunks:
        return None
    name, whole = value.get("id"), value.get("document_digest")
    return replace(
        chunks[0],
        id=name if isinstance(name, str) and len(name) <= _MAX_NAME else "",
        document_digest=Digest(whole) if isinstance(whole, str) and _DIGEST.fullmatch(whole) else None,
    )


def _entries(value: Json, where: str, wrong: list[Malformed], *, most: int) -> list[tuple[str, Json]]:
    if value is None:
        return []
    if not isinstance(value, list):
        wrong.append(Malformed(where=where, reason=f"got {kind_of(value)}; expected a list"))
        return []
    if len(value) > most:
        wrong.append(Malformed(where=where, reason=f"got {len(value)} entries; expected at most {most}"))
        return []
    return [(f"{where}[{index}]", entry) for index, entry in enumerate(value)]


def _fields(entry: Json, names: tuple[str, ...]) -> dict[str, Json]:
    if not isinstance(entry, dict):
        raise BadValue(f"got {kind_of(entry)}; expected an object with {', '.join(names)}")
    unknown = sorted(entry.keys() - set(names))
    if unknown:
        raise BadValue(f"unknown key {quoted(unknown[0])}; expected {', '.join(names)}")
    missing = [name for name in names if name not in entry]
    if missing:
        raise BadValue(f"the key {missing[0]} is missing; expected {', '.join(names)}")
    return entry


def _name(value: Json) -> str:
    if not isinstance(value, str) or not value or len(value) > _MAX_NAME:
        raise BadValue(f"document is {kind_of(value)}; expected a name of 1 to {_MAX_NAME} characters")
    return value


def _offset(value: Json, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_OFFSET:
        raise BadValue(f"{name} is {kind_of(value)}; expected a whole number from 0 on")
    return value


def _digest(value: Json) -> Digest:
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise BadValue(f"digest is {kind_of(value)}; expected 64 lower-case hex characters")
    return Digest(value)
