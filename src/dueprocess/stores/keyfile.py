"""The key file: one wrapped data key per run, apart from the ledger, so that content can be erased. No event is here.

The file is a row of slots of 128 bytes. The first is the file's own, the others hold one run each:

    file   magic 16 | form 4 | slot size 4 | check of the key-encryption key 32 | zeros 56 | checksum 16
    run    "slot" 4 | version of the key-encryption key 4 | SHA-256 of the run 32 | checksum of these 8
           | wrapped key 60 | checksum of all before 12 | erased 8 (zeros while the key is alive)

Rule 1. Nothing is handed out before it is durable: slots are written, the file is synced, the folder too (once), then
        the keys are returned. Whoever dies before has handed out nothing, and its slots may be torn or lost.
Rule 2. A slot of which any byte is wrong is no slot. Those at the end of the file are overwritten by the next one; one
        further in front (written in one batch with slots that did arrive) is left alone.
Rule 3. Erasing takes two steps, each synced: the mark `erased`, then zeros over the wrapped key. From the first byte of
        the mark on, the answer is `Erased`; a mark without zeros is finished by whoever opens the file next. Wherever
        the machine stops, no erased key comes back, and none is lost that nobody asked to erase.
Rule 4. Writers of all processes exclude each other by a lock on the file, taken on a descriptor of their own: it also
        holds between threads and across fork. Slots never move, so readers need no lock where a slot is known.

What erasing cannot reach: copies of the file elsewhere, and old blocks on flash or copy-on-write disks. What is left
there is still wrapped, and as safe as the key-encryption key.
"""

import fcntl
import os
import struct
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Self

from dueprocess.errors import CallerError, NotFound, RecordInvalid, StoreUnavailable
from dueprocess.ledger.seal import KEY_BYTES, NONCE_BYTES, WRAPPED_KEY_BYTES, Erased, Missing, RunKey, unwrap, wrap
from dueprocess.stores.kek import Kek, publish, sync_folder, write_at

SLOT_BYTES = 128
"""A power of two, so that a slot lies within one sector and one page: then a disk tears it rarely."""

_FILE = struct.Struct(">16sII32s56s")
_FILE_MAGIC = b"dueprocess keys\n"
_FORM = 1
_FILE_CHECKSUM = 16
_HEAD = struct.Struct(">4sI32s")
_SLOT_MAGIC = b"slot"
_HEAD_CHECKSUM = 8
_WRAPPED_AT = _HEAD.size + _HEAD_CHECKSUM
_CHECKSUM_AT = _WRAPPED_AT + WRAPPED_KEY_BYTES
_CHECKSUM = 12
_MARK_AT = _CHECKSUM_AT + _CHECKSUM
_ALIVE = bytes(SLOT_BYTES - _MARK_AT)
_MARK = b"erased!\n"
_NO_KEY = bytes(_MARK_AT - _WRAPPED_AT)
_BLOCK = 8192 * SLOT_BYTES
_UNWRAPPED_KEPT = 1024
"""Keys kept in memory: more runs than are at work at one time; a key in memory is one that erasing does not reach."""


class KeyFileInvalid(RecordInvalid):
    """The file is not a key file, or the slot of a run is damaged."""


class WrongKek(CallerError):
    """The key file was made under another key-encryption key, or another version of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    digest: bytes
    version: int
    wrapped: bytes
    erased: bool
    finished: bool


class KeyFile:
    """The keys of all runs in one file, got by `open`. Safe to use from several threads and processes at once."""

    def __init__(self, path: Path, kek: Kek) -> None:
        self._path = path
        self._name = str(path)
        self._kek = kek
        self._offsets: dict[bytes, int] = {}
        self._end = SLOT_BYTES
        self._durable: set[bytes] = set()
        self._unwrapped: dict[bytes, tuple[bytes, RunKey]] = {}
        self._folder_is_durable = False
        self._mutex = Lock()

    @classmethod
    def open(cls, path: Path, kek: Kek) -> Self:
        """Open the file, or make it if it is missing, and finish erasures that were interrupted.

        Raises `WrongKek`, `KeyFileInvalid`, or `StoreUnavailable` if the disk refuses.
        """
        keys = cls(path.absolute(), kek)
        with _disk(path):
            publish(path, content=lambda: _file_slot(kek))
        with keys._locked(fcntl.LOCK_SH) as descriptor:
            keys._check_file(os.pread(descriptor, SLOT_BYTES, 0))
            unfinished = keys._read_on(descriptor)
        if unfinished:
            with keys._locked(fcntl.LOCK_EX) as descriptor:
                for offset in unfinished:
                    _erase_slot(descriptor, offset)
        return keys

    def create(self, runs: Sequence[str]) -> Mapping[str, RunKey | Erased]:
        """The keys of these runs, made where there is none; an erased one stays erased. All are durable on return."""
        with self._locked(fcntl.LOCK_EX) as descriptor:
            self._read_on(descriptor)
            try:
                return self._create(descriptor, runs)
            except OSError:
                # What reached the disk is not known: the next call reads the file anew.
                self._forget()
                raise

    def get(self, run: str) -> RunKey | Erased | Missing:
        """The key of the run, or why there is none. Sees at once what other processes made or erased."""
        digest = _digest(run)
        offset = self._offsets.get(digest)
        if offset is None:
            with self._locked(fcntl.LOCK_SH) as descriptor:
                self._read_on(descriptor)
            offset = self._offsets.get(digest)
        if offset is None:
            return Missing(run=run)
        return self._key(run, digest, self._slot_at(offset), offset=offset)

    def erase(self, run: str) -> None:
        """Destroy the key of the run in this file, for good and durably. Again is no change.

        A run without a key is `NotFound`.
        """
        digest, found = _digest(run), False
        with self._locked(fcntl.LOCK_EX) as descriptor:
            # The whole file is read again: an erasure must not depend on what this process happens to remember.
            for offset, slot in _slots(descriptor, SLOT_BYTES):
                if slot.digest == digest:
                    found = True
                    self._unwrapped.pop(digest, None)
                    _erase_slot(descriptor, offset)
        if not found:
            raise NotFound(f"no key was ever made for the run {run!r} in {self._path}: there is nothing to erase")

    def _create(self, descriptor: int, runs: Sequence[str]) -> Mapping[str, RunKey | Erased]:
        keys: dict[str, RunKey | Erased] = {}
        unsynced: list[bytes] = []
        for run in runs:
            digest = _digest(run)
            offset = self._offsets.get(digest)
            if offset is None:
                raw, key = self._new_slot(run, digest)
                offset, self._end = self._end, self._end + SLOT_BYTES
            else:
                raw = os.pread(descriptor, SLOT_BYTES, offset)
                key = self._key(run, digest, raw, offset=offset)
            keys[run] = key
            if isinstance(key, RunKey) and digest not in self._durable:
                # A slot found here may be of a writer that died, or failed, before it was synced. Writing the same
                # bytes again makes them part of this sync; after a sync that failed, only that brings them to disk.
                write_at(descriptor, raw, offset=offset)
                self._offsets[digest] = offset
                unsynced.append(digest)
        if unsynced:
            self._sync(descriptor)
            self._durable.update(unsynced)
        return keys

    def _new_slot(self, run: str, digest: bytes) -> tuple[bytes, RunKey]:
        secret = os.urandom(KEY_BYTES)
        wrapped = wrap(secret, kek=self._kek.secret, nonce=os.urandom(NONCE_BYTES), run=run)
        head = _HEAD.pack(_SLOT_MAGIC, self._kek.version, digest)
        body = head + _checksum(head, _HEAD_CHECKSUM) + wrapped
        return body + _checksum(body, _CHECKSUM) + _ALIVE, RunKey(secret=secret)

    def _slot_at(self, offset: int) -> bytes:
        # As with `_disk` and `_opened`, but this is on the way of every event: it is spared two context managers.
        try:
            descriptor = os.open(self._name, os.O_RDONLY)
            try:
                return os.pread(descriptor, SLOT_BYTES, offset)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _refused(self._path, error) from error

    def _key(self, run: str, digest: bytes, raw: bytes, *, offset: int) -> RunKey | Erased:
        # The slot itself is read each time; only unwrapping the same bytes again is saved.
        known = self._unwrapped.pop(digest, None)
        if known is None or known[0] != raw:
            key = self._unwrap(run, raw, digest=digest, offset=offset)
            if isinstance(key, Erased):
                return key
            known = (raw, key)
        if len(self._unwrapped) >= _UNWRAPPED_KEPT:
            self._unwrapped.clear()
        self._unwrapped[digest] = known
        return known[1]

    def _unwrap(self, run: str, raw: bytes, *, digest: bytes, offset: int) -> RunKey | Erased:
        slot = _read_slot(raw)
        if slot is None or slot.digest != digest:
            raise KeyFileInvalid(
                f"the slot of run {run!r} at byte {offset} of {self._path} is damaged: restore the file"
            )
        if slot.erased:
            return Erased(run=run)
        if slot.version != self._kek.version:
            raise WrongKek(
                f"the key of run {run!r} is wrapped under version {slot.version} of the key-encryption key: "
                f"got version {self._kek.version}"
            )
        return RunKey(secret=unwrap(slot.wrapped, kek=self._kek.secret, run=run))

    def _check_file(self, raw: bytes) -> None:
        body, checksum = raw[: _FILE.size], raw[_FILE.size :]
        if len(raw) != SLOT_BYTES or checksum != _checksum(body, _FILE_CHECKSUM):
            raise KeyFileInvalid(
                f"{self._path} is not a key file, or its beginning is damaged: restore it, or name another"
            )
        magic, form, size, check, _ = _FILE.unpack(body)
        if (magic, form, size) != (_FILE_MAGIC, _FORM, SLOT_BYTES):
            raise KeyFileInvalid(
                f"{self._path} has form {form} with slots of {size} bytes: expected {_FORM} and {SLOT_BYTES}"
            )
        if check != self._kek.check():
            raise WrongKek(f"{self._path} was made under another key-encryption key: give the one it was made with")

    def _read_on(self, descriptor: int) -> list[int]:
        # Notes the slots behind those already known; gives the places of erasures that were not finished.
        unfinished: list[int] = []
        for offset, slot in _slots(descriptor, self._end):
            if slot.erased or slot.digest not in self._offsets:
                self._offsets[slot.digest] = offset
            self._end = offset + SLOT_BYTES
            if not slot.finished:
                unfinished.append(offset)
        return unfinished

    def _forget(self) -> None:
        self._offsets.clear()
        self._durable.clear()
        self._end = SLOT_BYTES

    def _sync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        if not self._folder_is_durable:
            # Whoever made the file may have died before its name was durable.
            sync_folder(self._path.parent)
            self._folder_is_durable = True

    @contextmanager
    def _locked(self, how: int) -> Generator[int, None, None]:
        access = os.O_RDWR if how == fcntl.LOCK_EX else os.O_RDONLY
        with self._mutex, _disk(self._path), _opened(self._path, access) as descriptor:
            fcntl.flock(descriptor, how)
            yield descriptor


@contextmanager
def _disk(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the key file {path} cannot be read or written: {error.strerror}")


@contextmanager
def _opened(path: Path, access: int) -> Generator[int, None, None]:
    descriptor = os.open(path, access)
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # this also gives up the lock


def _slots(descriptor: int, start: int) -> Iterator[tuple[int, _Slot]]:
    while block := os.pread(descriptor, _BLOCK, start):
        for at in range(0, len(block), SLOT_BYTES):
            slot = _read_slot(block[at : at + SLOT_BYTES])
            if slot is not None:
                yield start + at, slot
        start += _BLOCK


def _erase_slot(descriptor: int, offset: int) -> None:
    # Rule 3: the mark is durable before the key is touched.
    write_at(descriptor, _MARK, offset=offset + _MARK_AT)
    os.fsync(descriptor)
    write_at(descriptor, _NO_KEY, offset=offset + _WRAPPED_AT)
    os.fsync(descriptor)


def _read_slot(raw: bytes) -> _Slot | None:
    if len(raw) != SLOT_BYTES:
        return None
    head, wrapped, mark = raw[: _HEAD.size], raw[_WRAPPED_AT:_CHECKSUM_AT], raw[_MARK_AT:]
    if raw[_HEAD.size : _WRAPPED_AT] != _checksum(head, _HEAD_CHECKSUM):
        return None
    erased = mark != _ALIVE
    if not erased and raw[_CHECKSUM_AT:_MARK_AT] != _checksum(raw[:_CHECKSUM_AT], _CHECKSUM):
        return None
    magic, version, digest = _HEAD.unpack(head)
    if magic != _SLOT_MAGIC:
        return None
    finished = not erased or (mark == _MARK and raw[_WRAPPED_AT:_MARK_AT] == _NO_KEY)
    return _Slot(digest=digest, version=version, wrapped=wrapped, erased=erased, finished=finished)


def _file_slot(kek: Kek) -> bytes:
    body = _FILE.pack(_FILE_MAGIC, _FORM, SLOT_BYTES, kek.check(), b"")
    return body + _checksum(body, _FILE_CHECKSUM)


def _digest(run: str) -> bytes:
    return sha256(run.encode()).digest()


def _checksum(content: bytes, size: int) -> bytes:
    return sha256(content).digest()[:size]
