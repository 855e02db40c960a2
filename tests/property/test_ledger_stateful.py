"""INVARIANT I9, over time: a log grows, is signed, exported, erased from; every promise once given still holds."""

import io

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.ledger.logbook import KEY, KINDS, ORIGIN, envelope, run_key, run_name

from dueprocess.ledger.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from dueprocess.ledger.event import decode_line, encode_line, link
from dueprocess.ledger.export import export_log, export_run
from dueprocess.ledger.seal import Erased, RunKey, read_body
from dueprocess.ledger.tree import Frontier, Tree, leaf_hash, verify_consistency, verify_inclusion
from dueprocess.ledger.verdict import Anchor, Broken, Fault, Verified
from dueprocess.ledger.verify import verify_export

runs = st.integers(0, 3).map(run_name)


class Ledger(RuleBasedStateMachine):
    """The log as a store would keep it, beside the plain lists that say what it must mean."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self.bodies: list[bytes] = []
        self.frontier = Frontier()
        self.keys: dict[str, RunKey | Erased] = {run_name(number): run_key(run_name(number)) for number in range(4)}
        self.notes: list[bytes] = []
        self.proofs: list[tuple[int, int, tuple[bytes, ...]]] = []

    def of_run(self, run: str) -> list[bytes]:
        return [line for line in self.lines if decode_line(line).run == run]

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(origin=ORIGIN, size=self.frontier.size, root=self.frontier.root())

    @rule(run=runs, body=st.binary(max_size=20))
    def append(self, run: str, body: bytes) -> None:
        key = self.keys[run]
        if isinstance(key, Erased):
            return
        leaf, seq = len(self.lines), len(self.of_run(run)) + 1
        prev = link(leaf_hash(self.lines[-1])) if self.lines else ""
        kind = KINDS[seq % len(KINDS)]
        sealed = key.seal(body, nonce=leaf.to_bytes(12, "big"), run=run, seq=seq, kind=kind)
        self.lines.append(encode_line(envelope(leaf=leaf, prev=prev, run=run, seq=seq, body=sealed)))
        self.bodies.append(body)
        self.frontier = Frontier.from_bytes(self.frontier.append(leaf_hash(self.lines[-1])).to_bytes())

    @rule()
    def sign(self) -> None:
        self.notes.append(sign_checkpoint(self.checkpoint(), key=KEY))

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.lines) - 1))
        tree = Tree([leaf_hash(line) for line in self.lines])
        self.proofs.append((tree.size, index, tree.inclusion_proof(index)))

    @rule(run=runs)
    def erase(self, run: str) -> None:
        self.keys[run] = Erased(run=run)

    @rule(data=st.data())
    def export_all(self, data: st.DataObject) -> None:
        out = io.BytesIO()
        export_log(lambda: self.lines, out, checkpoint=self.checkpoint(), key=KEY)
        newer_than = self.drawn_checkpoint(data)
        found = verify_export([out.getvalue()], key=KEY.verifier, newer_than=newer_than)
        assert isinstance(found, Verified)
        assert (found.lines, found.anchor) == (len(self.lines), Anchor.EXTENDS if newer_than else Anchor.NOT_ASKED)

    @rule(run=runs, data=st.data())
    def export_one(self, run: str, data: st.DataObject) -> None:
        mine, out = self.of_run(run), io.BytesIO()
        if not mine:
            return
        tree = Tree([leaf_hash(line) for line in self.lines])
        export_run(lambda: mine, out, run=run, run_length=len(mine), tree=tree, checkpoint=self.checkpoint(), key=KEY)
        newer_than = self.drawn_checkpoint(data)
        found = verify_export([out.getvalue()], key=KEY.verifier, newer_than=newer_than)
        assert isinstance(found, Verified)
        if newer_than is not None:
            expected = Anchor.EXTENDS if newer_than.size == len(self.lines) else Anchor.CANNOT_TELL
            assert found.anchor is expected

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def export_of_the_past_is_old(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(0, len(self.lines) - 1))
        past = Tree([leaf_hash(line) for line in self.lines[:size]])
        out, old = io.BytesIO(), Checkpoint(origin=ORIGIN, size=size, root=past.root())
        export_log(lambda: self.lines[:size], out, checkpoint=old, key=KEY)
        found = verify_export([out.getvalue()], key=KEY.verifier, newer_than=self.checkpoint())
        assert isinstance(found, Broken)
        assert found.fault is Fault.OLDER

    def drawn_checkpoint(self, data: st.DataObject) -> Checkpoint | None:
        note = data.draw(st.sampled_from([b"", *self.notes]))
        return verify_checkpoint(note, key=KEY.verifier) if note else None

    @invariant()
    def every_checkpoint_is_of_the_same_history(self) -> None:
        tree = Tree([leaf_hash(line) for line in self.lines])
        assert tree.root() == self.frontier.root()
        for note in self.notes:
            old = verify_checkpoint(note, key=KEY.verifier)
            path = tree.consistency_proof(old.size)
            assert verify_consistency(old_size=old.size, old_root=old.root, size=tree.size, root=tree.root(), path=path)

    @invariant()
    def every_proof_once_given_still_holds_whatever_was_erased(self) -> None:
        for size, index, path in self.proofs:
            root = Tree([leaf_hash(line) for line in self.lines[:size]]).root()
            assert verify_inclusion(leaf=leaf_hash(self.lines[index]), index=index, size=size, path=path, root=root)

    @invariant()
    def bodies_are_readable_exactly_where_the_key_is(self) -> None:
        for line, body in zip(self.lines, self.bodies, strict=True):
            event = decode_line(line)
            key = self.keys[event.run]
            assert read_body(event, key=key) == (key if isinstance(key, Erased) else body)


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
