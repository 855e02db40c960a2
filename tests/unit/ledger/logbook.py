"""A small log to test with: every value is fixed, so the same log has the same bytes everywhere."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from dueprocess.ledger.checkpoint import Checkpoint, SigningKey
from dueprocess.ledger.event import Envelope, encode_line, link
from dueprocess.ledger.export import export_log, export_run
from dueprocess.ledger.seal import RunKey
from dueprocess.ledger.tree import Tree, leaf_hash

ORIGIN = "example.test/log"
KEY = SigningKey.from_seed(b"\x01" * 32, name=ORIGIN)
OTHER_KEY = SigningKey.from_seed(b"\x02" * 32, name=ORIGIN)
KINDS = ("run.claimed", "model.replied", "action.proposed", "action.dispatched", "action.settled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Lines and what is over them."""

    lines: tuple[bytes, ...]
    tree: Tree

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(origin=ORIGIN, size=self.tree.size, root=self.tree.root())

    def of_run(self, run: str) -> list[bytes]:
        return [line for line in self.lines if f'"run":"{run}"'.encode() in line]


def run_name(number: int) -> str:
    return f"run_{number:04x}"


def run_key(run: str) -> RunKey:
    return RunKey(secret=run.encode().ljust(32, b"."))


def envelope(
    *, leaf: int = 0, prev: str = "", run: str = "run_0000", seq: int = 1, body: str = "", clear: str = ""
) -> Envelope:
    return Envelope(
        leaf=leaf,
        prev=prev,
        tenant="acme",
        run=run,
        seq=seq,
        kind=KINDS[seq % len(KINDS)],
        at=1_764_000_000_000_000 + leaf,
        release="a" * 64,
        policy="b" * 64,
        epoch=1,
        action="",
        attempt=0,
        body=body if body or clear else "AAAA",
        clear=clear,
    )


def log_of(runs: Sequence[int]) -> Log:
    """A log whose event `i` belongs to the run of number `runs[i]`."""
    lines: list[bytes] = []
    leaves: list[bytes] = []
    prev, seqs = "", dict[str, int]()
    for leaf, number in enumerate(runs):
        run = run_name(number)
        seq = seqs[run] = seqs.get(run, 0) + 1
        kind = KINDS[seq % len(KINDS)]
        body = run_key(run).seal(b"body %d" % leaf, nonce=leaf.to_bytes(12, "big"), run=run, seq=seq, kind=kind)
        line = encode_line(envelope(leaf=leaf, prev=prev, run=run, seq=seq, body=body))
        lines.append(line)
        leaves.append(leaf_hash(line))
        prev = link(leaves[-1])
    return Log(lines=tuple(lines), tree=Tree(leaves))


def whole(log: Log) -> bytes:
    """The export of all of it."""
    out = io.BytesIO()
    export_log(lambda: log.lines, out, checkpoint=log.checkpoint, key=KEY)
    return out.getvalue()


def one_run(log: Log, run: str) -> bytes:
    """The export of one run."""
    out, lines = io.BytesIO(), log.of_run(run)
    export_run(lambda: lines, out, run=run, run_length=len(lines), tree=log.tree, checkpoint=log.checkpoint, key=KEY)
    return out.getvalue()


def chained(lines: Sequence[bytes], *, first: int) -> list[bytes]:
    """The lines with every link from `first` on made to fit again, as a forger without the key would do."""
    forged = list(lines)
    for leaf in range(first, len(forged)):
        before = link(leaf_hash(forged[leaf - 1]))
        start = forged[leaf].index(b'"prev":"') + len(b'"prev":"')
        forged[leaf] = forged[leaf][:start] + before.encode() + forged[leaf][start + len(before) :]
    return forged
