"""The key-encryption key and where it comes from: a file, or a text from the environment. Run keys are in `keyfile`.

A key-management service comes in as a further `KekSource`: at start it lets the service decrypt a stored key and hands
out the 32 bytes. That is one call for each start of a process, not one for each run.
"""

import errno
import fcntl
import hmac
import os
import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dueprocess.errors import BadValue, StoreUnavailable

KEK_BYTES = 32
_OWNER_ONLY = 0o600
_OTHERS = 0o077
_CHECK = b"dueprocess/1 key file check"
_NEVER_UNSYNCED = frozenset({errno.EROFS, errno.EINVAL, errno.EACCES, errno.EPERM})
"""A folder that this process cannot write to or sync holds nothing that it has left unsynced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kek:
    """The key that wraps run keys, and its version. Shows nothing of itself."""

    secret: bytes = field(repr=False)
    version: int = 1

    def __post_init__(self) -> None:
        if len(self.secret) != KEK_BYTES:
            raise BadValue(f"a key-encryption key of {len(self.secret)} bytes: expected {KEK_BYTES} random bytes")

    def check(self) -> bytes:
        """What tells this key from another one, and nothing else about it: 32 bytes."""
        return hmac.digest(self.secret, _CHECK, "sha256")


class KekSource(Protocol):
    """Wherever the key-encryption key is kept."""

    def load(self) -> Kek:
        """The key, durable before it is handed out. Raises `BadValue` or `StoreUnavailable`, saying what to do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KekFile:
    """A file of exactly 32 bytes that only its owner may read. It is made, of random bytes, if it is missing."""

    path: Path

    def load(self) -> Kek:
        """Read the key, or make it; durable when this returns."""
        try:
            publish(self.path, content=lambda: os.urandom(KEK_BYTES))
            mode = stat.S_IMODE(self.path.stat().st_mode)
            secret = self.path.read_bytes()
        except OSError as error:
            raise StoreUnavailable(
                f"the key-encryption key {self.path} cannot be read or made: {error.strerror}"
            ) from error
        if mode & _OTHERS:
            raise BadValue(f"{self.path} can be read by others (mode {mode:04o}): run `chmod 600 {self.path}`")
        if len(secret) != KEK_BYTES:
            raise BadValue(f"{self.path} holds {len(secret)} bytes: expected {KEK_BYTES}; put the right file back")
        return Kek(secret=secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class KekText:
    """The key as base64, as an environment variable holds it. Messages show `name`, never `text`."""

    text: str = field(repr=False)
    name: str

    def load(self) -> Kek:
        """Decode the key."""
        try:
            secret = b64decode(self.text, validate=True)
        except (Base64Error, ValueError):
            secret = b""
        if len(secret) != KEK_BYTES or b64encode(secret).decode() != self.text:
            raise BadValue(
                f"{self.name} is not the base64 of {KEK_BYTES} bytes: make one with `openssl rand -base64 32`"
            )
        return Kek(secret=secret)


def publish(path: Path, *, content: Callable[[], bytes]) -> None:
    """Make the file with this content if it is missing; whole and durable, file and folder, when this returns.

    The content is written and synced under another name, then renamed: under `path` there is never a part of it,
    whoever is killed when. Of several processes one wins, and all return with the winner's file there.
    """
    if not path.exists():
        fresh = path.with_name(f"{path.name}.new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _publish_locked(path, fresh, descriptor=descriptor, content=content)
        finally:
            os.close(descriptor)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NEVER_UNSYNCED:
            raise
    finally:
        os.close(descriptor)


def write_at(descriptor: int, content: bytes, *, offset: int) -> None:
    """Write all of it; a disk that takes only a part is asked again until it takes the rest or says why not."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _publish_locked(path: Path, fresh: Path, *, descriptor: int, content: Callable[[], bytes]) -> None:
    if not path.exists():
        os.ftruncate(descriptor, 0)
        write_at(descriptor, content(), offset=0)
        os.fsync(descriptor)
        fresh.rename(path)
        return
    # Another process won while this one waited. If it renamed the very file that is locked here, nothing is left over;
    # if this process made the name anew, it takes it away again.
    with suppress(FileNotFoundError):
        if os.path.samestat(fresh.stat(), os.fstat(descriptor)):
            fresh.unlink()
