"""The keys of a run: sealing and opening bodies, keyed digests, wrapping the key. Where keys are kept is in `stores`.

Rule 1: a run has one random secret; the key that encrypts and the key of its digests are derived from it, so that
        erasing the one secret erases both (its bodies cannot be read, its digests cannot be tried out).
Rule 2: nonces are random and given by the caller. Counters would be repeated by a driver that has lost its lease.
Rule 3: a sealed body is bound to its place (run, seq, kind): moved to another event it does not open.
Rule 4: an erased key is an answer (`Erased`), not an exception; what does not open under its key is `SealBroken`.
"""

import hmac
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.ledger.event import Envelope

KEY_BYTES = 32
NONCE_BYTES = 12
"""The nonce size for which GCM is defined without a further hash (NIST SP 800-38D, section 5.2.1.1)."""
TAG_BYTES = 16
WRAPPED_KEY_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES

_ENCRYPT = b"dueprocess/1 encrypt"
_DIGEST = b"dueprocess/1 digest"
_WRAP = b"dueprocess/1 run key|"


class SealBroken(RecordInvalid):
    """A sealed body or wrapped key does not open: other key, other place, or altered bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The answer in place of a key or a body: the key of this run was erased, nothing of it can be read again."""

    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The answer in place of a key: no key was ever made for this run."""

    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """The key of one run, made from 32 random bytes. Holds the ciphers derived from it; shows nothing of itself."""

    secret: bytes = field(repr=False)
    _aead: AESGCM = field(init=False, repr=False, compare=False)
    _digest_key: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_length("a run's secret", self.secret, KEY_BYTES)
        object.__setattr__(self, "_aead", AESGCM(hmac.digest(self.secret, _ENCRYPT, "sha256")))
        object.__setattr__(self, "_digest_key", hmac.digest(self.secret, _DIGEST, "sha256"))

    def seal(self, body: bytes, *, nonce: bytes, run: str, seq: int, kind: str) -> str:
        """The body, encrypted for this one place, as base64 of nonce, ciphertext and tag.

        `nonce` is 12 random bytes that are used once.
        """
        _check_length("a nonce", nonce, NONCE_BYTES)
        return b64encode(nonce + self._aead.encrypt(nonce, body, _place(run, seq, kind))).decode()

    def unseal(self, sealed: str, *, run: str, seq: int, kind: str) -> bytes:
        """The body that was sealed for this place; `SealBroken` if it does not open, or is not in its one spelling."""
        try:
            packed = a2b_base64(sealed, strict_mode=True)
        except (Base64Error, ValueError):
            packed = b""
        # Unused bits in the last character decode to the same bytes: only the one spelling is accepted.
        if len(packed) < NONCE_BYTES + TAG_BYTES or b64encode(packed).decode() != sealed:
            raise SealBroken(f"the body of event {seq} of run {run!r} is not base64 of a nonce and a ciphertext")
        try:
            return self._aead.decrypt(packed[:NONCE_BYTES], packed[NONCE_BYTES:], _place(run, seq, kind))
        except InvalidTag:
            raise SealBroken(
                f"the body of event {seq} ({kind}) of run {run!r} does not open: "
                "it was altered, moved, or sealed under another key"
            ) from None

    def keyed_digest(self, *, label: str, data: bytes) -> str:
        """HMAC-SHA-256 of `data` under this run's digest key, as hex. Digests of different labels never meet."""
        encoded = label.encode()
        return hmac.digest(self._digest_key, b"%d|%b|" % (len(encoded), encoded) + data, "sha256").hex()


def read_body(envelope: Envelope, *, key: RunKey | Erased) -> bytes | Erased:
    """What the run's key opens, or that the key is erased; of an event without a sealed body, its clear text."""
    if not envelope.body:
        return envelope.clear.encode()
    if isinstance(key, Erased):
        return key
    return key.unseal(envelope.body, run=envelope.run, seq=envelope.seq, kind=envelope.kind)


def wrap(secret: bytes, *, kek: bytes, nonce: bytes, run: str) -> bytes:
    """A run's secret encrypted under the key-encryption key, bound to its run: nonce, ciphertext, tag; 60 bytes."""
    _check_length("a run's secret", secret, KEY_BYTES)
    _check_length("a key-encryption key", kek, KEY_BYTES)
    _check_length("a nonce", nonce, NONCE_BYTES)
    return nonce + AESGCM(kek).encrypt(nonce, secret, _WRAP + run.encode())


def unwrap(wrapped: bytes, *, kek: bytes, run: str) -> bytes:
    """The secret that was wrapped for this run; `SealBroken` if it does not open."""
    _check_length("a key-encryption key", kek, KEY_BYTES)
    if len(wrapped) != WRAPPED_KEY_BYTES:
        raise SealBroken(f"a wrapped key of {len(wrapped)} bytes: expected {WRAPPED_KEY_BYTES}")
    try:
        return AESGCM(kek).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _WRAP + run.encode())
    except InvalidTag:
        raise SealBroken(
            f"the key of run {run!r} does not open: it was altered, moved, or wrapped under another key"
        ) from None


def _place(run: str, seq: int, kind: str) -> bytes:
    # The length of the run's name comes first: whatever it contains, two places never share one text.
    encoded = run.encode()
    return b"%d|%b|%d|%b" % (len(encoded), encoded, seq, kind.encode())


def _check_length(what: str, value: bytes, expected: int) -> None:
    if len(value) != expected:
        raise BadValue(f"{what} of {len(value)} bytes: expected {expected}")
