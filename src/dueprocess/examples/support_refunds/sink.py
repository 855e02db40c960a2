"""The payments file: the one place where money moves in this example. Who may write to it is decided elsewhere.

Rule 1. One JSON line per refund taken, synced before anyone is told; whole lines are never changed. No de-duplication:
        whoever asks twice pays twice, as at many processors. All effect counts are made from this file.
Rule 2. A key with a `void` line is refused from then on. Writing that line is what makes a reconcile final: an attempt
        that is still on its way finds its key closed.
Rule 3. Looking and writing are one step, under the lock of the file.
Rule 4. A last line without its end was cut by a crash. It is ended before anything is written after it; what is not one
        whole JSON object is no refund.
"""

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dueprocess.errors import BadValue, NoEffect
from dueprocess.values import Money, parse, read_amount

_NEW_FILE_MODE: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that was given back, as its line says."""

    key: str
    order_id: str
    amount: Money


class KeyVoided(NoEffect):
    """The key was closed: nothing was taken and nothing will be under it."""


class Sink:
    """A payments file at a path. It is made by the first line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, *, key: str, order_id: str, amount: Money) -> Refund:
        """Gives the money back, once per call. When this returns, the line is on the disk.

        Raises:
            KeyVoided: the key was closed; nothing was written.
        """
        taken = Refund(key=key, order_id=order_id, amount=amount)
        with self._opened() as file:
            _, voided = _read(file)
            if key in voided:
                raise KeyVoided(f"the payments file refuses the key {key}: it was voided")
            # The amount is put in as text: a number with exactly its cents, which no float can promise.
            named = json.dumps({"kind": "refund", "key": key, "order_id": order_id})
            _append(file, f'{named.removesuffix("}")}, "amount_usd": {amount}}}')
        return taken

    def void(self, key: str) -> Refund | None:
        """Tells whether a refund was taken under this key; if not, closes the key for ever and returns None."""
        with self._opened() as file:
            refunds, voided = _read(file)
            found = next((refund for refund in refunds if refund.key == key), None)
            if found is None and key not in voided:
                _append(file, json.dumps({"kind": "void", "key": key}))
        return found

    def refunds(self) -> tuple[Refund, ...]:
        """All that was taken, in order. A file that is not there holds nothing."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        return _parsed(content)[0]

    @contextmanager
    def _opened(self) -> Generator[int, None, None]:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _NEW_FILE_MODE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_size == 0:
                # The first line is only safe if the file's name is.
                _sync_folder(self.path.parent)
            yield file
        finally:
            os.close(file)


def _read(file: int) -> tuple[tuple[Refund, ...], frozenset[str]]:
    os.lseek(file, 0, os.SEEK_SET)
    content = b""
    while part := os.read(file, 1 << 16):
        content += part
    if content and not content.endswith(b"\n"):
        # Ended first and then read: whether the cut line counts is settled before anybody acts on it.
        _write(file, b"\n")
        content += b"\n"
    return _parsed(content)


def _parsed(content: bytes) -> tuple[tuple[Refund, ...], frozenset[str]]:
    refunds: list[Refund] = []
    voided: set[str] = set()
    *whole, _cut = content.split(b"\n")
    for line in whole:
        try:
            found = parse(line)
        except BadValue:
            continue
        match found:
            case {"kind": "refund", "key": str() as key, "order_id": str() as order_id, "amount_usd": written}:
                amount = read_amount(written)
                if amount is not None:
                    refunds.append(Refund(key=key, order_id=order_id, amount=amount))
            case {"kind": "void", "key": str() as key}:
                voided.add(key)
            case _:
                continue
    return tuple(refunds), frozenset(voided)


def _append(file: int, line: str) -> None:
    _write(file, line.encode() + b"\n")


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
