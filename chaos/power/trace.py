"""The log of a recording: its records, how they are read, and how a fact that was told gets its place among them.

Rule 1. A record's place in the log is its time: what a fact says was promised by all that was recorded before it.
Rule 2. A log that says that something was not seen is no log of the whole: it is refused here, once and for all.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

_MAGIC: Final = 0x70777231
_HEADER: Final = struct.Struct("=6IQ2q")


class Kind(Enum):
    """What was asked of the disk. The same numbers stand in chaos/native/recorder.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    RENAME = 5
    UNLINK = 6
    LINK = 7
    MKDIR = 8
    RMDIR = 9
    ALLOCATE = 10
    RANGE = 11
    TOLD = 12
    UNSEEN = 13


class TraceUnusable(Exception):
    """The log cannot be read, or something was done to the files that it does not contain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One call, after it returned. `path` and `second` are relative to the recorded folder ("" is the folder itself).

    `end` is where the record ends in the log. `a`: offset of a write, size after a truncation, length of the log when a
    sync began. `b`: mode of a creation, end of an allocation. `data`: bytes of a write, text of a fact that was told.
    """

    kind: Kind
    end: int
    pid: int = 0
    inode: int = 0
    a: int = 0
    b: int = 0
    path: str = ""
    second: str = ""
    data: bytes = b""


def tell(log: int, text: str) -> None:
    """Appends a fact to an open log: what follows in the log cannot take it back."""
    data = text.encode()
    head = _HEADER.pack(_MAGIC, Kind.TOLD.value, os.getpid(), 0, 0, len(data), 0, 0, 0)
    if os.write(log, head + data) != len(head) + len(data):
        raise TraceUnusable("a fact was cut while it was written: is the disk full?")


def told_text(record: bytes) -> bytes:
    """The fact in the bytes that `tell` wrote."""
    return record[_HEADER.size :]


def read_log(log: Path, *, root: Path) -> list[Record]:
    """Every record of a log, in order.

    Raises:
        TraceUnusable: the log is cut or tells of a change that it does not contain.
    """
    found = list(_records(log.read_bytes(), root=str(root.resolve())))
    for record in found:
        if record.kind is Kind.UNSEEN:
            raise TraceUnusable(f"{record.path} was changed by {record.second}, which is not recorded")
    return found


def _records(content: bytes, *, root: str) -> Iterator[Record]:
    at = 0
    while at < len(content):
        if at + _HEADER.size > len(content):
            raise TraceUnusable(f"the log is cut at byte {at}")
        magic, kind, pid, path, second, data, inode, a, b = _HEADER.unpack_from(content, at)
        start = at + _HEADER.size
        end = start + path + second + data
        if magic != _MAGIC or end > len(content):
            raise TraceUnusable(f"the log is cut or is none at byte {at}")
        yield Record(
            kind=Kind(kind),
            end=end,
            pid=pid,
            inode=inode,
            a=a,
            b=b,
            path=_relative(content[start : start + path], root),
            second=_relative(content[start + path : start + path + second], root),
            data=content[start + path + second : end],
        )
        at = end


def _relative(path: bytes, root: str) -> str:
    text = os.fsdecode(path).removesuffix(" (deleted)")
    return text[len(root) :].lstrip("/") if text.startswith(root) else text
