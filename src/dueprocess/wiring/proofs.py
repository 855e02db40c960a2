"""Proofs that events are in the log: made from a store, checked by anybody with the public key. Whole exports are in `export`.

The form, `dueprocess-proof/1`: one JSON object with the signed checkpoint and, for each event, its exact line, its place
and the path from it to the checkpoint's root.

Rule 1. A proof says that these events are in the log, unaltered, at these places. It does not say that there are no others:
        for that a run is exported.
Rule 2. Checking trusts the key that the reader brings, never one that the proof brings.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.ledger import (
    Checkpoint,
    Envelope,
    LineInvalid,
    Store,
    Tree,
    VerifierKey,
    decode_line,
    leaf_hash,
    verify_checkpoint,
    verify_inclusion,
)
from dueprocess.ledger.checkpoint import decode_base64
from dueprocess.values import Json, canonical, parse
from dueprocess.values.foreign import visible

FORMAT: Final = "dueprocess-proof/1"
_BEGINNING: Final = '{"format":'
MAX_BYTES: Final = 64 << 20  # of a proof file: thousands of events; more is an export's matter
_FIELDS: Final = frozenset(("format", "run", "action", "checkpoint", "events"))
_EVENT_FIELDS: Final = frozenset(("leaf", "line", "path"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenEvent:
    """An event's exact line, its place in the log and the path from it to the root."""

    leaf: int
    line: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Events and the checkpoint that they are proven against. `note` is the signed text of the checkpoint."""

    checkpoint: Checkpoint
    note: bytes
    events: Mapping[int, ProvenEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofBroken:
    """The first thing in a proof that does not hold. `number` counts its events from 1; 0 is the proof itself."""

    number: int
    reason: str
    event: Envelope | None = None


def prove(store: Store, leaves: Iterable[int]) -> Proofs:
    """Proves the events at these places under the last checkpoint. Reads the whole log once.

    Raises:
        RecordInvalid: the log is not the one of its checkpoint; nothing of it can be proven.
    """
    wanted = frozenset(leaves)
    checkpoint, note = store.checkpoint()
    hashes, lines = bytearray(), dict[int, bytes]()
    for leaf, line in enumerate(islice(store.lines(), checkpoint.size)):
        hashes += leaf_hash(line)
        if leaf in wanted:
            lines[leaf] = line
    tree = Tree(hashes)
    if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
        raise RecordInvalid(
            f"the ledger was altered: its {tree.size} lines do not give the root that its checkpoint of "
            f"{checkpoint.size} was signed with; `due doctor` says more"
        )
    return Proofs(
        checkpoint=checkpoint,
        note=note,
        events={
            leaf: ProvenEvent(leaf=leaf, line=line, path=tree.inclusion_proof(leaf)) for leaf, line in lines.items()
        },
    )


def proof_text(proofs: Proofs, *, run: str, action: str) -> str:
    """The proof file's text, its format in front. `action` is empty where a whole run is proven."""
    rest: dict[str, Json] = {
        "run": run,
        "action": action,
        "checkpoint": proofs.note.decode(),
        "events": [
            {"leaf": leaf, "line": each.line.decode(), "path": [b64encode(step).decode() for step in each.path]}
            for leaf, each in sorted(proofs.events.items())
        ],
    }
    return f'{_BEGINNING}"{FORMAT}",{canonical(rest)[1:]}'


def is_proof(head: bytes) -> bool:
    """Whether a file that begins so is a proof, not an export."""
    return b"".join(head.split()).startswith(f'{_BEGINNING}"{FORMAT}"'.encode())


def check_proof(content: bytes, *, key: VerifierKey) -> Proofs | ProofBroken:
    """Checks a proof file. Never raises for what the bytes are."""
    try:
        found = parse(content)
        if not isinstance(found, dict) or found.keys() != _FIELDS or found["format"] != FORMAT:
            return ProofBroken(number=0, reason=f"not a proof: expected an object of {', '.join(sorted(_FIELDS))}")
        run, action = _text(found["run"]), _text(found["action"])
        note = _text(found["checkpoint"]).encode()
        events = found["events"]
        if not isinstance(events, list) or not events:
            return ProofBroken(number=0, reason="it has no events")
        checkpoint = verify_checkpoint(note, key=key)
    except BadValue as error:
        return ProofBroken(number=0, reason=visible(str(error), limit=400))
    proven: dict[int, ProvenEvent] = {}
    for number, event in enumerate(events, start=1):
        checked = _check_event(event, checkpoint, run=run, action=action)
        if isinstance(checked, str):
            return ProofBroken(number=number, reason=checked, event=_readable(event))
        proven[checked.leaf] = checked
    return Proofs(checkpoint=checkpoint, note=note, events=proven)


def _check_event(event: Json, checkpoint: Checkpoint, *, run: str, action: str) -> ProvenEvent | str:
    try:
        if not isinstance(event, dict) or event.keys() != _EVENT_FIELDS:
            return f"not an event of a proof: expected an object of {', '.join(sorted(_EVENT_FIELDS))}"
        line, leaf, steps = _text(event["line"]).encode(), event["leaf"], event["path"]
        envelope = decode_line(line)
        if not isinstance(leaf, int) or isinstance(leaf, bool) or not isinstance(steps, list):
            return "its place or its path is not of its form"
        path = tuple(_hash(_text(step)) for step in steps)
    except (BadValue, LineInvalid) as error:
        return visible(str(error), limit=400)
    if envelope.leaf != leaf or envelope.run != run or (action and envelope.action != action):
        return "the event is another one than the proof says"
    if not verify_inclusion(leaf=leaf_hash(line), index=leaf, size=checkpoint.size, path=path, root=checkpoint.root):
        return "its path does not lead to the signed root: the event was altered, or is not in this log"
    return ProvenEvent(leaf=leaf, line=line, path=path)


def _readable(event: Json) -> Envelope | None:
    line = event.get("line") if isinstance(event, dict) else None
    try:
        return decode_line(line.encode()) if isinstance(line, str) else None
    except LineInvalid:
        return None


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise BadValue("a field of the proof is not text")
    return value


def _hash(text: str) -> bytes:
    decoded = decode_base64(text)
    if b64encode(decoded).decode() != text or not decoded:
        raise BadValue("a step of a path is not base64 in its one spelling")
    return decoded
