"""How every store turns a draft into a stored line: number, seal, link, hash. Where the line is put is each store's matter."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dueprocess.errors import NotFound
from dueprocess.ledger import (
    NONCE_BYTES,
    Checkpoint,
    Draft,
    Envelope,
    Erased,
    Event,
    Frontier,
    Keyring,
    Missing,
    RunKey,
    SigningKey,
    encode_line,
    leaf_hash,
    link,
    sign_checkpoint,
)
from dueprocess.runtime.kinds import decode, encode, kind_of
from dueprocess.values import canonical, parse

_NO_LEAF: Final = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the log: what the next line needs to follow it. Small, and equal after equal lines."""

    frontier: Frontier = field(default_factory=Frontier)
    last: bytes = _NO_LEAF

    def checkpoint(self, *, origin: str, key: SigningKey) -> tuple[Checkpoint, bytes]:
        """The signed checkpoint of the log that ends here."""
        checkpoint = Checkpoint(origin=origin, size=self.frontier.size, root=self.frontier.root())
        return checkpoint, sign_checkpoint(checkpoint, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A line ready to be stored, its event, and the head after it."""

    line: bytes
    event: Event
    head: Head


def compose(draft: Draft, *, seq: int, head: Head, keys: Keyring) -> Written:
    """Turns a draft into the next line of the log.

    Raises:
        NotFound: the run has no key (any more), and the draft is not in the clear.
    """
    kind = kind_of(draft.record)
    body = encode(draft.record)
    in_clear = draft.in_clear
    envelope = Envelope(
        leaf=head.frontier.size,
        prev=link(head.last) if head.last else "",
        tenant=draft.tenant,
        run=draft.run,
        seq=seq,
        kind=kind,
        at=draft.at,
        release=draft.release,
        policy=draft.policy,
        epoch=draft.epoch,
        action=draft.action,
        attempt=draft.attempt,
        body=""
        if in_clear
        else run_key(keys, draft.run).seal(body, nonce=os.urandom(NONCE_BYTES), run=draft.run, seq=seq, kind=kind),
        clear=canonical(parse(body)) if in_clear else "",
    )
    line = encode_line(envelope)
    leaf = leaf_hash(line)
    return Written(
        line=line,
        event=Event(envelope=envelope, record=draft.record),
        head=Head(frontier=head.frontier.append(leaf), last=leaf),
    )


def run_key(keys: Keyring, run: str) -> RunKey:
    """The key of a run.

    Raises:
        NotFound: it was erased, or never made.
    """
    key = keys.get(run)
    if isinstance(key, RunKey):
        return key
    state = "was erased" if isinstance(key, Erased) else "was never made"
    raise NotFound(f"the key of run {run} {state}; its content cannot be read or added to")


def opened(envelope: Envelope, keys: Keyring) -> Event:
    """The event of a stored line, with its record where its run's key is there."""
    if envelope.clear:
        return Event(envelope=envelope, record=decode(envelope.kind, envelope.clear.encode()))
    key = keys.get(envelope.run)
    if isinstance(key, (Erased, Missing)):
        return Event(envelope=envelope, record=None)
    return Event(envelope=envelope, record=decode(envelope.kind, _body(envelope, key)))


def _body(envelope: Envelope, key: RunKey) -> bytes:
    return key.unseal(envelope.body, run=envelope.run, seq=envelope.seq, kind=envelope.kind)


class MemoryKeys:
    """A keyring that lives and dies with the process. For tests and trials: nothing here is durable."""

    def __init__(self) -> None:
        self._keys: dict[str, RunKey | Erased] = {}

    def create(self, runs: Sequence[str]) -> Mapping[str, RunKey | Erased]:
        """The keys of these runs, made where they are missing."""
        return {run: self._keys.setdefault(run, RunKey(secret=os.urandom(32))) for run in runs}

    def get(self, run: str) -> RunKey | Erased | Missing:
        """The key of a run, or why there is none."""
        return self._keys.get(run) or Missing(run=run)

    def erase(self, run: str) -> None:
        """Destroys the key of a run."""
        self._keys[run] = Erased(run=run)
