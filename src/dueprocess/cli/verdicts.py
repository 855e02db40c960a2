"""What checking an export or a proof gave, in words and as JSON. The checking is the ledger's and `wiring.proofs`'."""

import click

from dueprocess.cli.output import print_pairs, tell
from dueprocess.ledger import Anchor, Broken, Verified
from dueprocess.values import Json
from dueprocess.values.foreign import visible
from dueprocess.wiring.proofs import ProofBroken, Proofs

Checked = Verified | Broken | Proofs | ProofBroken


def holds(found: Checked) -> bool:
    """Whether all that was asked is so."""
    # One run's events cannot be compared with an older checkpoint: asked and not answered is no success.
    return isinstance(found, Proofs) or (isinstance(found, Verified) and found.anchor is not Anchor.CANNOT_TELL)


def verdict_json(found: Checked) -> dict[str, Json]:
    """The verdict for programs."""
    match found:
        case Verified():
            return {
                "ok": holds(found),
                "origin": found.origin,
                "key_id": found.key_id,
                "run": found.run,
                "events": found.lines,
                "size": found.size,
                "root": found.root.hex(),
                "newer_than": found.anchor.value,
            }
        case Proofs():
            size, root = found.checkpoint.size, found.checkpoint.root.hex()
            return {
                "ok": True,
                "origin": found.checkpoint.origin,
                "events": len(found.events),
                "size": size,
                "root": root,
            }
        case Broken():
            return {
                "ok": False,
                "fault": found.fault.value,
                "reason": found.reason,
                "line": found.line_number,
                "leaf": found.leaf,
                "run": found.run,
                "seq": found.seq,
                "kind": found.kind,
                "got": found.got,
                "expected": found.expected,
            }
        case ProofBroken():
            event = found.event
            return {
                "ok": False,
                "fault": "proof",
                "reason": found.reason,
                "line": found.number,
                "leaf": event.leaf if event is not None else None,
                "run": event.run if event is not None else None,
                "seq": event.seq if event is not None else None,
                "kind": event.kind if event is not None else None,
            }


def print_verdict(found: Checked) -> None:
    """The verdict for a person."""
    match found:
        case Verified():
            what = f"run {found.run}" if found.run else "the whole log"
            if found.anchor is Anchor.CANNOT_TELL:
                click.echo(
                    "CANNOT TELL: one run's events do not show whether the rest of the log goes on from the checkpoint"
                )
                tell("export the whole log and verify that")
            else:
                later = ", and goes on from the checkpoint" if found.anchor is Anchor.EXTENDS else ""
                click.echo(f"holds: {what}, {found.lines} events, every byte as it was signed{later}")
            print_pairs(
                (
                    ("log", f"{visible(found.origin)}, {found.size} events"),
                    ("root", found.root.hex()),
                    ("key", found.key_id),
                )
            )
        case Proofs():
            click.echo(f"holds: {len(found.events)} events are in the log, unaltered")
            print_pairs(
                (
                    ("log", f"{visible(found.checkpoint.origin)}, {found.checkpoint.size} events"),
                    ("root", found.checkpoint.root.hex()),
                )
            )
        case Broken():
            click.echo(f"BROKEN at line {found.line_number}: {found.reason}")
            event = f"{found.seq} of run {found.run}, {found.kind}" if found.run is not None else ""
            leaf = f"leaf {found.leaf}" if found.leaf is not None else ""
            print_pairs((("event", event), ("place", leaf), ("got", found.got), ("expected", found.expected)))
        case ProofBroken():
            click.echo(f"BROKEN{f' at event {found.number} of the proof' if found.number else ''}: {found.reason}")
            if found.event is not None:
                print_pairs((("event", f"{found.event.seq} of run {found.event.run}, {found.event.kind}"),))
