"""Signed checkpoints: a C2SP tlog-checkpoint inside a C2SP signed note, and the texts of its keys. No event is here.

Rule 1: what is read is written again and compared; any other spelling is refused (leading zeros, unused base64 bits,
        spaces, lines too many or too few, CR).
Rule 2: a note here has exactly one signature, by the one key the reader names. C2SP lets a reader pass over those of
        other keys; this reader refuses them, since a log of ours never writes any.

Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dueprocess.errors import BadValue
from dueprocess.ledger.tree import HASH_BYTES

MAX_NOTE_BYTES = 64 * 1024
"""Ours have some 200 bytes; more is not read."""

_ED25519 = b"\x01"
"""The signature type byte of Ed25519 (signed-note, "Signature types")."""
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_MAX_SIZE = 2**63 - 1
_SIGNED_BY = "— "
_VKEY_PARTS = 3
_TEXT_LINES = 3


class CheckpointInvalid(BadValue):
    """These bytes are not a checkpoint signed by this key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key and its name. `str(key)` is its text form, `name+key id+base64`, on one line."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise BadValue(f"the key name {self.name!a}: expected printable text without spaces or '+'")
        if len(self.public) != _KEY_BYTES:
            raise BadValue(f"an Ed25519 public key of {len(self.public)} bytes: expected {_KEY_BYTES}")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, 0x01, public key): which key it is, not a proof of it."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; one line end behind it is allowed.

        Anything else is `BadValue`, which does not repeat it: what is no public key may be a secret one.
        """
        line = text.removesuffix("\n")
        parts = line.split("+", _VKEY_PARTS - 1)
        typed = decode_base64(parts[-1]) if len(parts) == _VKEY_PARTS else b""
        if not typed.startswith(_ED25519):
            raise BadValue(
                f"no verifier key, but {len(text)} characters of something else: "
                "expected one line, NAME+8 hex digits+base64 of an Ed25519 key"
            )
        key = cls(name=parts[0], public=typed[1:])
        if str(key) != line:
            raise BadValue(f"no verifier key: its key id is not that of its name and key; expected {key}")
        return key

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made this signature of this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key and its name."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)
    verifier: VerifierKey = field(init=False)

    def __post_init__(self) -> None:
        public = self.private.public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", VerifierKey(name=self.name, public=public))

    @classmethod
    def from_seed(cls, seed: bytes, *, name: str) -> Self:
        """The key of these 32 secret bytes (RFC 8032, section 5.1.5)."""
        if len(seed) != _KEY_BYTES:
            raise BadValue(f"an Ed25519 seed of {len(seed)} bytes: expected {_KEY_BYTES}")
        return cls(name=name, private=Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of exactly these bytes."""
        return self.private.sign(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log commits to: which log, how many leaves, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or not line.isprintable():
                raise BadValue(f"the checkpoint line {line!a}: expected printable text on one line")
        if not 0 <= self.size <= _MAX_SIZE:
            raise BadValue(f"a checkpoint of size {self.size}: expected 0..{_MAX_SIZE}")
        if len(self.root) != HASH_BYTES:
            raise BadValue(f"a checkpoint root of {len(self.root)} bytes: expected {HASH_BYTES}")

    def text(self) -> str:
        """The note text: origin, size, root, extensions, each on a line."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def sign_checkpoint(checkpoint: Checkpoint, *, key: SigningKey) -> bytes:
    """The signed note of this checkpoint. The caller promises never to sign two that contradict each other."""
    return sign_note(checkpoint.text(), key=key)


def verify_checkpoint(note: bytes, *, key: VerifierKey) -> Checkpoint:
    """The checkpoint of a note that this key signed; anything else is `CheckpointInvalid`.

    Which log it is of (`origin`) is for the caller to compare.
    """
    lines = open_note(note, key=key).split("\n")[:-1]
    if len(lines) < _TEXT_LINES or not lines[1].isascii() or not lines[1].isdigit():
        raise CheckpointInvalid("not a checkpoint: expected a line of origin, one of size in digits, one of root")
    try:
        checkpoint = Checkpoint(
            origin=lines[0], size=int(lines[1][:20]), root=decode_base64(lines[2]), extensions=tuple(lines[3:])
        )
    except BadValue as error:
        raise CheckpointInvalid(f"not a checkpoint: {error}") from None
    if checkpoint.text().split("\n")[:-1] != lines:
        raise CheckpointInvalid("not a checkpoint: its size or root is not in its one spelling")
    return checkpoint


def sign_note(text: str, *, key: SigningKey) -> bytes:
    """The text, which must end in a newline, with this key's signature line under it."""
    if not text.endswith("\n") or _has_controls(text):
        raise BadValue("a note must end in a newline and hold no other control character")
    return _note(text, key.verifier, key.sign(text.encode()))


def open_note(note: bytes, *, key: VerifierKey) -> str:
    """The text of a note that has exactly one signature, by this key; anything else is `CheckpointInvalid`."""
    if len(note) > MAX_NOTE_BYTES:
        raise CheckpointInvalid(f"a note of {len(note)} bytes: at most {MAX_NOTE_BYTES} are read")
    try:
        text, blank, signatures = note.decode().rpartition("\n\n")
    except UnicodeDecodeError as error:
        raise CheckpointInvalid(f"not a signed note: not UTF-8 at byte {error.start}") from None
    text += "\n"
    opening = f"{_SIGNED_BY}{key.name} "
    if not blank or _has_controls(text):
        raise CheckpointInvalid("not a signed note: expected text, an empty line and a signature line")
    if not signatures.startswith(opening):
        raise CheckpointInvalid(f"not signed by the key {key.name!r}: its signature line is another's")
    packed = decode_base64(signatures.removeprefix(opening).removesuffix("\n"))
    if packed[:_KEY_ID_BYTES] != key.key_id:
        raise CheckpointInvalid(
            f"not signed by this key: got key id {packed[:_KEY_ID_BYTES].hex()!r}, expected {key.key_id.hex()!r}"
        )
    signature = packed[_KEY_ID_BYTES:]
    if _note(text, key, signature) != note:
        raise CheckpointInvalid(
            "not a signed note: something stands besides the text and its one signature, or base64 is not exact"
        )
    if not key.verifies(signature, text.encode()):
        raise CheckpointInvalid(
            f"the signature of the key {key.name!r} does not hold: the text was altered or signed by another key"
        )
    return text


def decode_base64(text: str) -> bytes:
    """The bytes of a text; b"" if it is not base64: no caller accepts an empty value, and each compares the text written again."""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""


def _note(text: str, key: VerifierKey, signature: bytes) -> bytes:
    return f"{text}\n{_SIGNED_BY}{key.name} {b64encode(key.key_id + signature).decode()}\n".encode()


_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")


def _has_controls(text: str) -> bool:
    # Lone surrogates have no UTF-8, so they count with what a note cannot hold.
    return _CONTROLS.search(text) is not None


def _is_name(name: str) -> bool:
    return name.isprintable() and bool(name) and " " not in name and "+" not in name
