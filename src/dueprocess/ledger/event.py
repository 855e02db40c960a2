"""The stored line of one event: its fields, its bytes, and how they are read back. Sealing and hashing are elsewhere.

Rule 1: what was hashed is what is stored. A line is encoded once; afterwards its bytes are copied, never made again.
Rule 2: a version-1 line has one spelling: compact JSON, the fields in the order below. Every other spelling is refused,
        so no two different lines say the same.
Rule 3: a line of a later version keeps these fields in front and may add others behind them. Those are readable
        (`later_fields`) and their bytes are left alone.
Rule 4: every field but `clear` is printable ASCII without quote or backslash: it can be shown as it is (INVARIANT I10).

Why `prev`: the tree's root says only *that* some line differs. Each line therefore also names the hash of the line
before it; a changed line no longer fits the one after it, and the verifier can say *which* event was changed.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated

import msgspec

from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.ledger.tree import HASH_BYTES
from dueprocess.values import canonical, parse

VERSION = 1
MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is refused when written and when read: a file without line ends must not fill the memory."""

_MAX_INTEGER = 2**63 - 1
"""What SQLite and PostgreSQL keep in an integer column."""
_LINK_CHARACTERS = (HASH_BYTES * 8 + 5) // 6
_KIND = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
_CLEAR = b',"clear":"'

Count = Annotated[int, msgspec.Meta(ge=0, le=_MAX_INTEGER)]


class LineInvalid(RecordInvalid):
    """These bytes are not an event line of a version that can be read."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields of one event. At least one of `body` and `clear` is filled.

    v        version of the line's form
    leaf     index of the event in the log, from 0
    prev     base64url without padding of the leaf hash of the line before; "" at leaf 0
    tenant   the tenant whose event this is
    run      the run, or the named stream, that the event belongs to; never empty
    seq      number of the event in its run: 1, 2, 3 ... without a gap
    kind     `noun.verb`
    at       microseconds since 1970-01-01 UTC
    release  digest of the release that produced it
    policy   digest of the policy in force
    epoch    epoch of the driver that wrote it
    action   the action it is about, or ""
    attempt  the attempt of that action, or 0
    body     base64 of nonce and ciphertext (`seal`), or ""
    clear    canonical JSON of what must stay readable after the run's key is erased, or ""
    """

    v: Annotated[int, msgspec.Meta(ge=1, le=_MAX_INTEGER)] = VERSION
    leaf: Count
    prev: str
    tenant: str
    run: Annotated[str, msgspec.Meta(min_length=1)]
    seq: Annotated[int, msgspec.Meta(ge=1, le=_MAX_INTEGER)]
    kind: str
    at: Count
    release: str
    policy: str
    epoch: Count
    action: str
    attempt: Count
    body: str
    clear: str = ""


_FIELDS = Envelope.__struct_fields__
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Envelope)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def encode_line(envelope: Envelope) -> bytes:
    """The line of this event, without a line end. The same event gives the same bytes, everywhere and always.

    What comes back is read again before it is handed out: `decode_line` accepts it and gives an equal envelope. An
    envelope that breaks a rule is `LineInvalid`; so is one of a later version, whose unknown fields would be lost.
    """
    if envelope.v != VERSION:
        raise LineInvalid(
            f"an event of version {envelope.v}: this release writes version {VERSION}; keep the stored bytes"
        )
    try:
        line = _ENCODER.encode(envelope)
    except (UnicodeError, OverflowError, TypeError) as error:
        raise LineInvalid(f"an event that has no JSON form: {_safe(error)}") from None
    decode_line(line)
    return line


def decode_line(line: bytes) -> Envelope:
    """The event of a stored line; `LineInvalid` unless the bytes are the one spelling of it (Rules 2, 3 and 4)."""
    if len(line) > MAX_LINE_BYTES:
        raise LineInvalid(f"a line of {len(line)} bytes: at most {MAX_LINE_BYTES} are read")
    try:
        envelope = _DECODER.decode(line)
        again = _ENCODER.encode(envelope)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise LineInvalid(f"not an event line: {_safe(error)}") from None
    if again != line:
        _check_later(line, envelope)
    _check_content(line, envelope)
    return envelope


def later_fields(line: bytes) -> Mapping[str, bytes]:
    """The fields that a later version added, each with its exact JSON bytes; empty for a line of version 1."""
    decode_line(line)
    return MappingProxyType({name: bytes(raw) for name, raw in _OBJECT.decode(line).items() if name not in _FIELDS})


def link(leaf: bytes) -> str:
    """The `prev` of the event after the one with this leaf hash."""
    return urlsafe_b64encode(leaf)[:_LINK_CHARACTERS].decode()


def _check_later(line: bytes, envelope: Envelope) -> None:
    if envelope.v <= VERSION:
        raise LineInvalid(
            "not the one spelling of its event: fields missing, unknown, doubled or out of order, or other spacing"
        )
    fields = _OBJECT.decode(line)
    if tuple(fields)[: len(_FIELDS)] != _FIELDS or _ENCODER.encode(fields) != line or b"\r" in line or b"\n" in line:
        raise LineInvalid(
            f"an event of version {envelope.v} whose first fields are not those of version {VERSION}, each once"
        )


def _check_content(line: bytes, envelope: Envelope) -> None:
    head = line
    if envelope.clear or envelope.v != VERSION:
        head = line[: line.index(_CLEAR)]
        _check_clear(envelope.clear)
    if not head.isascii() or b"\\" in head or b"\x7f" in head:
        raise LineInvalid("a field holds a character that is not printable ASCII, a quote or a backslash")
    if (len(envelope.prev) != _LINK_CHARACTERS) if envelope.leaf else envelope.prev:
        raise LineInvalid(
            f"`prev` of {len(envelope.prev)} characters at leaf {envelope.leaf}: expected none at leaf 0, else 43"
        )
    if not _is_kind(envelope.kind):
        raise LineInvalid("`kind` is not of the form noun.verb in lower-case letters")
    if not envelope.body and not envelope.clear:
        raise LineInvalid("neither `body` nor `clear` is filled")


def _check_clear(clear: str) -> None:
    if not clear:
        return
    try:
        again = canonical(parse(clear))
    except BadValue as error:
        raise LineInvalid(f"`clear` is not JSON: {_safe(error)}") from None
    if again != clear:
        raise LineInvalid("`clear` is not canonical JSON")


@lru_cache(maxsize=1024)
def _is_kind(kind: str) -> bool:
    return _KIND.fullmatch(kind) is not None


def _safe(error: Exception) -> str:
    # A message may quote the bytes that were read: foreign text, shown escaped and cut (INVARIANT I10).
    return ascii(str(error))[1:-1][:200]
