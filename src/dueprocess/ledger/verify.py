"""Checks an export with the public key alone, and names the first broken event. How the file is made is in `export`.

Steps, each again at the code:
  1. The header is the one spelling of itself, of this key, and signed by it; what it says fits together.
  2. Each line is an event line, at its place.
     Whole log: its leaf index is its place, and `prev` names the line before it.
     One run: its inclusion proof from the signed header leads to the signed root.
  3. The file ends where it should: no line too few or too many, no byte behind the last line end.
  4. Whole log: all lines give the signed root; if not, `blame` names the first altered event.
  5. What was signed is itself in order: the links, numbers of a run without gaps, the checksum of the file.
  6. Newer than: the log goes on from the caller's checkpoint.

INVARIANT I9: a file in which any byte differs from the one exported is `Broken`.
What remains with the caller: an older genuine export passes unless a checkpoint from outside is given (step 6), and a
one-run export cannot be compared with it: the answer is then `Anchor.CANNOT_TELL`, not to be shown as a success.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from dueprocess.ledger.blame import Chain
from dueprocess.ledger.checkpoint import Checkpoint, VerifierKey, decode_base64
from dueprocess.ledger.event import MAX_LINE_BYTES, LineInvalid, decode_line, link
from dueprocess.ledger.export import FORMAT, ExportHeader, encode_header, signed_message
from dueprocess.ledger.tree import HASH_BYTES, leaf_hash, root_of, verify_inclusion
from dueprocess.ledger.verdict import (
    Anchor,
    Broken,
    Fault,
    Verified,
    cut,
    escaped,
    extra,
    in_event,
    in_header,
    misplaced,
    summary,
    unreadable,
)

_HEADER = msgspec.json.Decoder(ExportHeader)
_BOM = b"\xef\xbb\xbf"
_LF = b"\n"
_BEFORE_EVENTS = 2
"""Lines are numbered from 1, and the header is one of them: the first event is on line 2."""
_WRONG_HEAD = "the links between the events, or the head, are not those of the events"


def verify_export(
    chunks: Iterable[bytes], *, key: VerifierKey, newer_than: Checkpoint | None = None
) -> Verified | Broken:
    """Check an export, given in pieces of any size. Reads it once; holds 32 bytes an event, and never the events.

    Never raises for what the bytes are. `newer_than`: a checkpoint, already verified, that the log must go on from.
    """
    reader = _Reader(chunks)
    signed = _check_header(reader.first_line(), key)
    if isinstance(signed, Broken):
        return signed
    check = _RunCheck(signed) if signed.header.run else _LogCheck(signed)
    for line in reader.lines():
        broken = check.add(line)
        if broken is not None:
            return check.stop(broken)
    # Step 3.
    here = check.count + _BEFORE_EVENTS
    if check.count < signed.header.lines:
        return check.stop(cut(reader.rest, line_number=here, leaf=check.expected_leaf()))
    if reader.rest:
        return check.stop(extra(reader.rest, line_number=here))
    broken = check.finish()
    if broken is None and reader.sha256() != signed.header.sha256:
        reason = "the checksum is not that of the lines"
        broken = in_header(Fault.SIGNED_SO, reason, got=reader.sha256(), expected=escaped(signed.header.sha256))
    return broken or _anchored(signed, newer_than, check)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """A header that holds, and what its texts decode to."""

    header: ExportHeader
    root: bytes
    paths: tuple[tuple[bytes, ...], ...]


class _LogCheck:
    """Steps 2, 4 and 5 for a whole log."""

    def __init__(self, signed: _Signed) -> None:
        self._signed = signed
        self._chain = Chain()
        self._seqs: dict[str, int] = {}
        self._gap: Broken | None = None
        self.count = 0

    def expected_leaf(self) -> int:
        return self.count

    def add(self, line: bytes) -> Broken | None:
        leaf, line_number = self.count, self.count + _BEFORE_EVENTS
        # Step 3.
        if leaf == self._signed.header.lines:
            return extra(line, line_number=line_number)
        # Step 2.
        try:
            event = decode_line(line)
        except LineInvalid as error:
            return unreadable(line, line_number=line_number, leaf=leaf, why=str(error))
        if event.leaf != leaf:
            return misplaced(event, line_number=line_number, leaf=leaf)
        self._chain.add(line, event)
        seq = self._seqs.get(event.run, 0) + 1
        if event.seq != seq and self._gap is None:
            reason = "the numbers of its run are not gapless"
            self._gap = in_event(
                event, Fault.SIGNED_SO, line_number=line_number, reason=reason, got=str(event.seq), expected=str(seq)
            )
        self._seqs[event.run] = event.seq
        self.count += 1
        return None

    def stop(self, broken: Broken) -> Broken:
        # An event altered before this place is the first one broken, though it was not yet named.
        if self.count == self._signed.header.lines:
            return self.finish() or broken
        return broken if self._chain.holds else self._altered(root=None)

    def finish(self) -> Broken | None:
        # Step 4.
        self._chain.close(self._signed.header.head)
        root = root_of(self._chain.leaves)
        if root != self._signed.root and not self._chain.holds:
            return self._altered(root=self._signed.root)
        # Step 5.
        if root != self._signed.root:
            reason = "its head commits to these events, its root to others"
            return in_header(Fault.SIGNED_SO, reason, got=root.hex(), expected=self._signed.root.hex())
        if not self._chain.holds:
            head = self._signed.header.head
            return in_header(Fault.SIGNED_SO, _WRONG_HEAD, got=escaped(head), expected="links that hold")
        return self._gap

    def root_at(self, size: int) -> bytes | None:
        return root_of(self._chain.leaves[: size * HASH_BYTES])

    def _altered(self, *, root: bytes | None) -> Broken:
        altered = self._chain.first_altered(root=root)
        fault, reason = Fault.ALTERED, "the event is not the one that was logged"
        if root is None:
            reason += ", or the one beside it is not: the rest of the file is too broken to tell"
        elif not altered.sure:
            fault = Fault.REWRITTEN
            reason = "events here were altered together with the links between them; this one is a guess at the first"
        line_number = altered.event.leaf + _BEFORE_EVENTS
        return in_event(
            altered.event,
            fault,
            line_number=line_number,
            reason=reason,
            got=altered.got,
            expected=escaped(altered.expected),
        )


class _RunCheck:
    """Steps 2 and 5 for one run."""

    def __init__(self, signed: _Signed) -> None:
        self._signed = signed
        self._link = ""
        self.count = 0

    def expected_leaf(self) -> int:
        return self._signed.header.proofs[self.count].leaf

    def add(self, line: bytes) -> Broken | None:
        header, line_number = self._signed.header, self.count + _BEFORE_EVENTS
        # Step 3.
        if self.count == header.lines:
            return extra(line, line_number=line_number)
        # Step 2.
        leaf = self.expected_leaf()
        try:
            event = decode_line(line)
        except LineInvalid as error:
            return unreadable(line, line_number=line_number, leaf=leaf, why=str(error))
        path = self._signed.paths[self.count]
        got = leaf_hash(line)
        if not verify_inclusion(leaf=got, index=leaf, size=header.size, path=path, root=self._signed.root):
            if event.leaf != leaf:
                return misplaced(event, line_number=line_number, leaf=leaf)
            reason = "the event is not the one that was logged: its proof does not lead to the signed root"
            return in_event(
                event,
                Fault.ALTERED,
                line_number=line_number,
                reason=reason,
                got=got.hex(),
                expected="the leaf of its proof",
            )
        # Step 5.
        self.count += 1
        self._link = link(got)
        if (event.run, event.seq, event.leaf) == (header.run, self.count, leaf):
            return None
        reason = "the event is in the log, but is not this one of the run"
        found, expected = f"event {event.seq} of {event.run}", f"event {self.count} of {escaped(header.run)}"
        return in_event(event, Fault.SIGNED_SO, line_number=line_number, reason=reason, got=found, expected=expected)

    def stop(self, broken: Broken) -> Broken:
        return broken

    def finish(self) -> Broken | None:
        # Step 5.
        head = self._signed.header.head
        if head == self._link:
            return None
        return in_header(Fault.SIGNED_SO, _WRONG_HEAD, got=escaped(head), expected=self._link)

    def root_at(self, size: int) -> bytes | None:
        # Of an older tree one run's proofs show nothing: that would take a consistency proof.
        return self._signed.root if size == self._signed.header.size else None


class _Reader:
    """Lines out of pieces, and the checksum of all bytes behind the first line."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._digest = sha256()
        self.rest = b""

    def first_line(self) -> bytes | None:
        """Line 1 without its line end; None if no line ends within the limit."""
        pieces: list[bytes] = []
        size = 0
        for chunk in self._chunks:
            head, end, self.rest = chunk.partition(_LF)
            pieces.append(head)
            size += len(head)
            if size > MAX_LINE_BYTES:
                break
            if end:
                return b"".join(pieces)
        return None

    def lines(self) -> Iterator[bytes]:
        """Each further line without its line end. A line beyond the limit comes cut, so that it is refused."""
        pieces: list[bytes] = []
        size = 0
        chunk: bytes | None = self.rest
        while chunk is not None:
            self._digest.update(chunk)
            first, *others = chunk.split(_LF)
            pieces.append(first)
            size += len(first)
            if others or size > MAX_LINE_BYTES:
                yield b"".join(pieces)
                yield from others[:-1]
                pieces = others[-1:]
                size = len(b"".join(pieces))
            chunk = next(self._chunks, None)
        self.rest = b"".join(pieces)

    def sha256(self) -> str:
        return self._digest.hexdigest()


def _check_header(line: bytes | None, key: VerifierKey) -> _Signed | Broken:
    # Step 1.
    if line is None:
        return in_header(Fault.HEADER, "line 1 does not end", got="no line end", expected="a header and a line end")
    if line.startswith(_BOM):
        return in_header(Fault.HEADER, "the file begins with a byte order mark", got="a byte order mark", expected="{")
    try:
        header = _HEADER.decode(line)
        again = encode_header(header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return in_header(
            Fault.HEADER, "line 1 is not the header of an export", got=escaped(str(error)), expected=FORMAT
        )
    if again != line:
        return in_header(Fault.HEADER, "line 1 is not in its one spelling", got=summary(line), expected=summary(again))
    if header.format != FORMAT:
        return in_header(Fault.HEADER, "the format is another one", got=escaped(header.format), expected=FORMAT)
    if header.key_id != key.key_id.hex():
        reason = "the export is signed by another key"
        return in_header(Fault.KEY, reason, got=escaped(header.key_id), expected=key.key_id.hex())
    signature = decode_base64(header.signature)
    if b64encode(signature).decode() != header.signature or not key.verifies(signature, signed_message(header)):
        reason = "the header's signature does not hold: it was altered or is another key's"
        return in_header(
            Fault.SIGNATURE, reason, got=summary(signature), expected=f"a signature by {escaped(key.name)}"
        )
    return _check_signed(header)


def _check_signed(header: ExportHeader) -> _Signed | Broken:
    # Step 1, what is said fits together. It is signed: what fails here is the signer's fault.
    root = _hash(header.root)
    paths = tuple(tuple(_hash(each) for each in proof.path) for proof in header.proofs)
    if header.run:
        leaves = [proof.leaf for proof in header.proofs]
        counts = header.lines == header.run_length == len(leaves) > 0
        fits = counts and header.first_leaf == leaves[0] and leaves == sorted(set(leaves))
    else:
        fits = header.lines == header.size and not header.proofs and header.first_leaf == header.run_length == 0
        fits = fits and (header.head == "") == (header.lines == 0)
    if not fits or not root or not all(all(path) for path in paths):
        reason = "what the header says does not fit together"
        return in_header(
            Fault.SIGNED_SO, reason, got=summary(encode_header(header)), expected=f"a header as {FORMAT} has it"
        )
    return _Signed(header=header, root=root, paths=paths)


def _anchored(signed: _Signed, newer_than: Checkpoint | None, check: _LogCheck | _RunCheck) -> Verified | Broken:
    # Step 6.
    header, anchor = signed.header, Anchor.NOT_ASKED
    if newer_than is not None:
        if header.origin != newer_than.origin:
            reason = "the checkpoint is of another log"
            return in_header(Fault.FORKED, reason, got=escaped(header.origin), expected=escaped(newer_than.origin))
        if header.size < newer_than.size:
            reason = "the export is older than the checkpoint"
            return in_header(Fault.OLDER, reason, got=f"size {header.size}", expected=f"size {newer_than.size} or more")
        root = check.root_at(newer_than.size)
        if root is not None and root != newer_than.root:
            reason = f"the first {newer_than.size} events are not those of the checkpoint"
            return in_header(Fault.FORKED, reason, got=root.hex(), expected=newer_than.root.hex())
        anchor = Anchor.EXTENDS if root is not None else Anchor.CANNOT_TELL
    return Verified(
        origin=header.origin,
        key_id=header.key_id,
        size=header.size,
        root=signed.root,
        lines=header.lines,
        run=header.run,
        anchor=anchor,
    )


def _hash(text: str) -> bytes:
    # b"" for anything but 32 bytes in their one spelling.
    decoded = decode_base64(text)
    return decoded if len(decoded) == HASH_BYTES and b64encode(decoded).decode() == text else b""
