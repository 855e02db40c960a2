"""A model on tape: recorded from another provider once, replayed strictly ever after. The format is in `tape`.

Rule 1. A question is kept under its run and turn, so that the order in which runs ask does not matter.
Rule 2. A question whose run and turn are on the tape gets the recorded reply, also while recording, if it is the same
        question; else it is refused, and the first difference is named. So a turn asked again after a crash is safe.
Rule 3. A reply is on the tape before it is given to anybody. Failures are not: one that may pass is asked again, and
        one that may not is refused in the replay too, since its turn is not there.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dueprocess.errors import BadValue, FileInvalid, ModelRefused, ModelUnavailable, Problem, StoreUnavailable
from dueprocess.model import ModelReply, ModelRequest, Price, Provider
from dueprocess.providers import tape
from dueprocess.values import Json

_LISTED: Final = 20  # unread replies that are named; the rest is counted
_OWNER_ONLY: Final = 0o600  # a tape holds prompts in clear text


class CassetteRecorder:
    """Asks another provider and keeps each answer. An existing tape is continued; one process at a time may record."""

    def __init__(self, inner: Provider, path: Path) -> None:
        """Opens or creates the tape.

        Raises:
            FileInvalid: the file is no tape, or its last line is torn.
            StoreUnavailable: it cannot be opened or written, or another process records on it.
        """
        self._inner = inner
        self._path = path
        self._closed = False
        self._file = _open(path)
        try:
            content = path.read_bytes()
            self._entries = _by_question(tape.read(str(path), content))
            if not content:
                self._append(tape.header())
        except BaseException:
            os.close(self._file)
            raise

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Gives the recorded reply, or asks the inner provider and records."""
        asked = _asked(request)
        if known := self._entries.get((run, turn)):
            return _reply(known, asked, self._path)
        reply = await self._inner.request(request, run=run, turn=turn)
        # Two drivers may have asked at once: the first answer is on the tape, and counts for both.
        if known := self._entries.get((run, turn)):
            return _reply(known, asked, self._path)
        entry = tape.Entry(run=run, turn=turn, asked=asked, reply=reply, price=self._inner.price(request.model))
        try:
            line = tape.written(entry)
        except BadValue as error:
            raise ModelRefused(f"the reply cannot be put on a tape: {error}") from None
        try:
            self._append(line)
        except StoreUnavailable as error:
            raise ModelUnavailable(str(error)) from None
        self._entries[run, turn] = entry
        return reply

    def price(self, model: str) -> Price | None:
        """The inner provider's price."""
        return self._inner.price(model)

    async def close(self) -> None:
        """Syncs the tape to disk, then closes it and the inner provider."""
        if self._closed:
            return
        self._closed = True
        try:
            os.fsync(self._file)
        except OSError as error:
            raise StoreUnavailable(f"the tape {str(self._path)!a} may not be on disk: {error.strerror}") from None
        finally:
            os.close(self._file)
            await self._inner.close()

    def _append(self, line: bytes) -> None:
        """One write for one line; what a full disk cut off is taken back."""
        if self._closed:
            raise StoreUnavailable(f"the tape {str(self._path)!a} is closed")
        before = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) == len(line):
                return
            reason = "only a part of the line fitted"
        except OSError as error:
            reason = str(error.strerror)
        with contextlib.suppress(OSError):  # what stays is a torn line, and told when the tape is opened next
            os.ftruncate(self._file, before)
        raise StoreUnavailable(f"the tape {str(self._path)!a} cannot be written: {reason}; free space, then run again")


class CassetteReplayer:
    """Answers from a tape alone. What counts as read is what was asked of this object, in this process."""

    def __init__(self, path: Path) -> None:
        """Reads the whole tape.

        Raises:
            FileInvalid: it cannot be read, is no tape, or its last line is torn.
        """
        self._path = path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _no_tape(path, f"cannot be read: {error.strerror}") from None
        if not content:
            raise _no_tape(path, "empty; expected the header of a tape")
        entries = tape.read(str(path), content)
        self._entries = _by_question(entries)
        self._prices = {entry.reply.requested: entry.price for entry in entries}
        self._read: set[tuple[str, int]] = set()

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Gives the recorded reply to the recorded question, as often as it is asked."""
        # Like a real provider it lets others run first, and can be cancelled here.
        await asyncio.sleep(0)
        known = self._entries.get((run, turn))
        if known is None:
            turns = ", ".join(str(there) for name, there in sorted(self._entries) if name == run)
            raise ModelRefused(
                f"run {run[:80]!a} turn {turn} is not on the tape {str(self._path)!a}, which has of this run: "
                f"{turns[:200] or 'nothing'}; record it anew",
                may_have_run=False,
            )
        reply = _reply(known, _asked(request), self._path)
        self._read.add((run, turn))
        return reply

    def price(self, model: str) -> Price | None:
        """The price that was recorded last for this model."""
        return self._prices.get(model)

    async def close(self) -> None:
        """Ends the replay.

        Raises:
            ModelRefused: not every reply was asked for; the message lists the first, `unread` returns all.
        """
        left = self.unread()
        if left:
            named = "; ".join(f"run {run[:80]!a} turn {turn}" for run, turn in left[:_LISTED])
            more = f"; and {len(left) - _LISTED} more" if len(left) > _LISTED else ""
            raise ModelRefused(
                f"{len(left)} of {len(self._entries)} replies on the tape {str(self._path)!a} "
                f"were not asked for: {named}{more}",
                may_have_run=False,
            )

    def unread(self) -> tuple[tuple[str, int], ...]:
        """The questions, as run and turn, that nobody has asked yet, in the order of the tape."""
        return tuple(question for question in self._entries if question not in self._read)


def _open(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
    except OSError as error:
        raise StoreUnavailable(f"the tape {str(path)!a} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise StoreUnavailable(f"another process records on the tape {str(path)!a}; give each its own") from None
    return file


def _no_tape(path: Path, reason: str) -> FileInvalid:
    return FileInvalid(str(path), (Problem(line=0, path="", message=reason),))


def _by_question(entries: Iterable[tape.Entry]) -> dict[tuple[str, int], tape.Entry]:
    return {(entry.run, entry.turn): entry for entry in entries}


def _asked(request: ModelRequest) -> dict[str, Json]:
    try:
        return tape.asked(request)
    except BadValue as error:
        raise ModelRefused(f"the request cannot be put on a tape: {error}", may_have_run=False) from None


def _reply(known: tape.Entry, asked: dict[str, Json], path: Path) -> ModelReply:
    found = tape.difference(known.asked, asked)
    if found is not None:
        where = f"line {known.line} of " if known.line else ""
        raise ModelRefused(
            f"run {known.run[:80]!a} turn {known.turn} does not ask what {where}the tape {str(path)!a} has: {found}; "
            "ask the same, or record it anew",
            may_have_run=False,
        )
    return known.reply
