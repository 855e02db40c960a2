"""The export file: its signed first line, and how it is written. How one is checked is in `verify`; no file is opened.

The form, `dueprocess-ledger/1`. Every line ends in LF; nothing stands before the first or after the last.
  line 1   the header below as compact JSON, the fields in that order, signed
  then     one event line each (`event`), exactly as stored

Rule 1: the signature is Ed25519 over a fixed prefix and line 1 with an empty `signature`; the prefix keeps a header
        from ever passing for a checkpoint of the same key.
Rule 2: what is signed here has been checked: an export is made against a checkpoint, and lines that do not give its
        root are refused. A store that was tampered with cannot be exported into a genuine file.
Rule 3: `head` commits to the last line as `prev` does to every other one; so the last event can be named too.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import BinaryIO

import msgspec

from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.ledger.checkpoint import Checkpoint, SigningKey
from dueprocess.ledger.event import MAX_LINE_BYTES, Count, decode_line, link
from dueprocess.ledger.tree import Tree, leaf_hash, root_of

FORMAT = "dueprocess-ledger/1"

_SIGNED = b"dueprocess-ledger/1 export header\n"
_ENCODER = msgspec.json.Encoder()
_LF = b"\n"

Lines = Callable[[], Iterable[bytes]]
"""Gives the same event lines, without line ends, each time it is called: the file is written in two passes."""


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The inclusion proof of one line: its index in the log and its path, each hash in base64."""

    leaf: Count
    path: tuple[str, ...]


class ExportHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Line 1 of an export.

    format      `dueprocess-ledger/1`
    origin      which log
    key_id      the signer's key id, eight hex digits
    run         the run that was exported; "" for the whole log
    first_leaf  index of the first event line; 0 for the whole log
    size        leaves of the tree that `root` is over
    root        base64 of the tree's root
    lines       number of event lines
    sha256      hex SHA-256 of every byte after line 1
    run_length  the number of events of the run; 0 for the whole log
    head        what `prev` of a line after the last one would be; "" if there are no lines
    proofs      for one run, an inclusion proof per line; else none
    signature   base64 (Rule 1)
    """

    format: str
    origin: str
    key_id: str
    run: str
    first_leaf: Count
    size: Count
    root: str
    lines: Count
    sha256: str
    run_length: Count
    head: str
    proofs: tuple[Proof, ...]
    signature: str = ""


def export_log(lines: Lines, out: BinaryIO, *, checkpoint: Checkpoint, key: SigningKey) -> ExportHeader:
    """Write the whole log as the checkpoint knows it.

    `lines` gives the first `checkpoint.size` lines, in order. If they do not hold together or do not give the
    checkpoint's root, that is `RecordInvalid` before anything is written; if the second pass gives other lines, it is
    `RecordInvalid` after. So write to a file of another name, and rename it when this has returned.
    """
    digest, packed, expected = sha256(), bytearray(), ""
    count = 0
    for line in lines():
        event = decode_line(line)
        if event.leaf != count or event.prev != expected:
            raise RecordInvalid(
                f"the log does not hold at leaf {count}: got leaf {event.leaf} after {event.prev!r}, "
                f"expected leaf {count} after {expected!r}"
            )
        leaf = leaf_hash(line)
        packed += leaf
        expected = link(leaf)
        digest.update(line + _LF)
        count += 1
    _check_root(size=count, root=root_of(packed), checkpoint=checkpoint)
    header = ExportHeader(
        format=FORMAT,
        origin=checkpoint.origin,
        key_id=key.verifier.key_id.hex(),
        run="",
        first_leaf=0,
        size=count,
        root=b64encode(checkpoint.root).decode(),
        lines=count,
        sha256=digest.hexdigest(),
        run_length=0,
        head=expected,
        proofs=(),
    )
    return _write(header, lines, out=out, key=key)


def export_run(
    lines: Lines, out: BinaryIO, *, run: str, run_length: int, tree: Tree, checkpoint: Checkpoint, key: SigningKey
) -> ExportHeader:
    """Write all events of one run, each with the proof that it is in the log.

    `tree` is over the leaves of the whole log at the checkpoint; `run_length` is how many events the store says the run
    has. Refuses, promises and asks of the caller what `export_log` does.
    """
    _check_root(size=tree.size, root=tree.root(), checkpoint=checkpoint)
    digest, proofs, head = sha256(), list[Proof](), ""
    for line in lines():
        event, leaf = decode_line(line), leaf_hash(line)
        if event.run != run or event.seq != len(proofs) + 1:
            raise RecordInvalid(
                f"the run does not hold: got event {event.seq} of run {event.run!r}, "
                f"expected event {len(proofs) + 1} of {run!r}"
            )
        if event.leaf >= tree.size or tree.leaf(event.leaf) != leaf:
            raise RecordInvalid(
                f"event {event.seq} of run {run!r} is not the leaf {event.leaf} that the checkpoint is over"
            )
        path = tuple(b64encode(each).decode() for each in tree.inclusion_proof(event.leaf))
        proofs.append(Proof(leaf=event.leaf, path=path))
        head = link(leaf)
        digest.update(line + _LF)
    if not proofs or len(proofs) != run_length:
        raise RecordInvalid(f"got {len(proofs)} events of run {run!r}: expected {run_length}, and at least one")
    header = ExportHeader(
        format=FORMAT,
        origin=checkpoint.origin,
        key_id=key.verifier.key_id.hex(),
        run=run,
        first_leaf=proofs[0].leaf,
        size=tree.size,
        root=b64encode(checkpoint.root).decode(),
        lines=len(proofs),
        sha256=digest.hexdigest(),
        run_length=run_length,
        head=head,
        proofs=tuple(proofs),
    )
    return _write(header, lines, out=out, key=key)


def encode_header(header: ExportHeader) -> bytes:
    """Line 1 without its line end: the one spelling of this header."""
    return _ENCODER.encode(header)


def signed_message(header: ExportHeader) -> bytes:
    """The bytes that the signature of this header is over (Rule 1)."""
    return _SIGNED + _ENCODER.encode(msgspec.structs.replace(header, signature=""))


def _check_root(*, size: int, root: bytes, checkpoint: Checkpoint) -> None:
    if (size, root) != (checkpoint.size, checkpoint.root):
        raise RecordInvalid(
            f"the log is not the one of the checkpoint: got {size} leaves with root {root.hex()}, "
            f"expected {checkpoint.size} with {checkpoint.root.hex()}"
        )


def _write(header: ExportHeader, lines: Lines, *, out: BinaryIO, key: SigningKey) -> ExportHeader:
    signature = b64encode(key.sign(signed_message(header))).decode()
    signed = msgspec.structs.replace(header, signature=signature)
    first = encode_header(signed)
    if len(first) > MAX_LINE_BYTES:
        raise BadValue(
            f"a header of {len(first)} bytes: at most {MAX_LINE_BYTES} are read back; export the whole log instead"
        )
    out.write(first + _LF)
    digest = sha256()
    for line in lines():
        ended = line + _LF
        out.write(ended)
        digest.update(ended)
    if digest.hexdigest() != header.sha256:
        raise RecordInvalid("the log changed while it was exported: the second pass gave other lines; export again")
    return signed
