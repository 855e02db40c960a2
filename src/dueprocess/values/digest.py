"""Digests of content: plain SHA-256 as lower-case hex. Keyed digests live with the keys, in `ledger.seal`."""

import hashlib
from typing import NewType

from dueprocess.values.canonical import Json, canonical

Digest = NewType("Digest", str)
"""64 lower-case hex characters of a SHA-256."""


def digest_bytes(content: bytes) -> Digest:
    """The SHA-256 of exactly these bytes."""
    return Digest(hashlib.sha256(content).hexdigest())


def digest_text(text: str) -> Digest:
    """The SHA-256 of the UTF-8 of this text."""
    return digest_bytes(text.encode())


def digest_json(value: Json) -> Digest:
    """The SHA-256 of the one canonical text of this value: equal values share it, different ones do not."""
    return digest_text(canonical(value))
