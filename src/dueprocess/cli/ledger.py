"""`due ledger`: checks exports, writes them, proves events, erases runs. What a proof is stands in the ledger's room."""

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click

from dueprocess.cli import options
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import in_ascii, print_json, tell
from dueprocess.cli.person import person
from dueprocess.cli.verdicts import Checked, holds, print_verdict, verdict_json
from dueprocess.errors import BadValue, NotFound, StoreUnavailable
from dueprocess.ledger import Checkpoint, CheckpointInvalid, Reader, VerifierKey, verify_checkpoint, verify_export
from dueprocess.runtime.erase import erase
from dueprocess.runtime.journal import run_row
from dueprocess.runtime.tables import ACTIONS
from dueprocess.values import RunId
from dueprocess.wiring.access import access
from dueprocess.wiring.export import export
from dueprocess.wiring.proofs import MAX_BYTES, check_proof, is_proof, proof_text, prove
from dueprocess.wiring.whole import read_bounded, write_whole

_PIECE: Final = 1 << 20
_HEAD: Final = 4096  # enough to tell a proof from an export
_KEY_MOST: Final = 4096
_NOTE_MOST: Final = 64 << 10
_PATH = click.Path(path_type=Path, dir_okay=False)


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """Check, export and prove what the ledger says; erase the content of a run."""


@command.command(short_help="Check an export or a proof.")
@click.argument("file", metavar="FILE")
@click.option("--key", "key_path", type=_PATH, required=True, metavar="PUB", help="The log's public key, a file.")
@click.option("--newer-than", type=_PATH, metavar="CHECKPOINT", help="A checkpoint that the log must go on from.")
@options.as_json
def verify(file: str, *, key_path: Path, newer_than: Path | None, as_json: bool) -> int:
    """Check an export or a proof with the public key alone; - reads stdin.

    Ends with 0 if every byte is as it was signed, with 3 naming the first event that is not. An older genuine export can
    only be told by --newer-than, a checkpoint from elsewhere.
    """
    key = _key(key_path)
    anchor = None if newer_than is None else _anchor(newer_than, key)
    with _opened(file) as stream:
        found = _check(stream, file, key=key, anchor=anchor)
    if as_json:
        print_json(verdict_json(found))
    else:
        print_verdict(found)
    return Exit.OK if holds(found) else Exit.FAILED


@command.command(name="export", short_help="Write the ledger as a file that a stranger can check.")
@click.option("--out", type=_PATH, required=True, metavar="FILE", help="Where it goes; whole, or not at all.")
@click.option(
    "--run", default="", metavar="RUN", help="Only this run, each event with the proof that it is in the log."
)
@click.option(
    "--checkpoint", "note", type=_PATH, metavar="FILE", help="Write the signed checkpoint too: keep it elsewhere."
)
@options.folder
@options.as_json
def export_ledger(*, out: Path, run: str, note: Path | None, directory: Path, as_json: bool) -> None:
    """Write the ledger as a file that a stranger can check with `due ledger verify` and the key in ledger.pub."""
    with access(directory) as here:
        header = export(here.home, out, run=run, checkpoint_out=note)
        key = here.home.path / "ledger.pub"
    if as_json:
        print_json({"file": str(out), "events": header.lines, "run": header.run, "size": header.size, "key": str(key)})
        return
    click.echo(out)
    tell(f"{header.lines} events of {header.run or 'the whole log'}; check it: due ledger verify {out} --key {key}")


@command.command(name="prove", short_help="Prove that events are in the ledger.")
@click.option("--action", metavar="ACTION", help="All events of this action.")
@click.option("--run", metavar="RUN", help="All events of this run.")
@click.option("--out", type=_PATH, metavar="FILE", help="Write the proof here instead of printing it.")
@options.folder
@options.as_json
def prove_events(*, action: str | None, run: str | None, out: Path | None, directory: Path, as_json: bool) -> None:
    """Prove that the events of an action or a run are in the ledger, unaltered: JSON for `due ledger verify`.

    A proof is JSON either way; with --out, --json says as JSON what was written.
    """
    if (action is None) == (run is None):
        raise click.UsageError("name what is to be proven: --action ACTION or --run RUN")
    with access(directory) as here:
        subject, leaves = here.home.store.read(lambda tx: _leaves(tx, action or "", run or ""))
        found = proof_text(prove(here.home.store, leaves), run=subject, action=action or "")
        key = here.home.path / "ledger.pub"
    if out is None:
        click.echo(in_ascii(found))
        return
    write_whole(out, f"{found}\n".encode())
    if as_json:
        print_json({"file": str(out), "events": len(leaves), "run": subject, "action": action, "key": str(key)})
        return
    click.echo(out)
    tell(f"{len(leaves)} events; check it: due ledger verify {out} --key {key}")


@command.command(name="erase", short_help="Destroy the content of RUN for good.")
@click.argument("run")
@options.reason
@options.token_file
@options.folder
@options.as_json
def erase_run(run: str, *, reason: str, token_file: Path | None, directory: Path, as_json: bool) -> None:
    """Destroy the content of RUN for good: arguments, results, texts. Every proof still verifies. There is no way back.

    Only a run that has ended, without an action that nobody could settle yet. Needs a token.
    """
    with access(directory) as here:
        erase(here.shell, RunId(run), person=person(here, token_file), reason=reason)
    if as_json:
        print_json({"run": run, "erased": True})
    else:
        click.echo(f"{run} erased")
        tell("its key is destroyed; copies of the key file elsewhere (backups) are yours to destroy")


def _key(path: Path) -> VerifierKey:
    content = read_bounded(path, most=_KEY_MOST, what="a public key, as ledger.pub holds it")
    try:
        return VerifierKey.parse(content.decode("ascii", "replace"))
    except BadValue as error:
        raise BadValue(f"{path}: {error}") from None


def _anchor(path: Path, key: VerifierKey) -> Checkpoint:
    content = read_bounded(path, most=_NOTE_MOST, what="a checkpoint, as `due ledger export --checkpoint` writes it")
    try:
        return verify_checkpoint(content, key=key)
    except CheckpointInvalid as error:
        raise CheckpointInvalid(f"{path}: {error}") from None


def _check(stream: BinaryIO, name: str, *, key: VerifierKey, anchor: Checkpoint | None) -> Checked:
    head = stream.read(_HEAD)
    if not is_proof(head):
        return verify_export(_pieces(head, stream), key=key, newer_than=anchor)
    if anchor is not None:
        raise BadValue("a proof cannot be compared with an older checkpoint; export the whole log for --newer-than")
    content = head + stream.read(MAX_BYTES)
    if len(content) > MAX_BYTES:
        raise StoreUnavailable(f"{name} has more than {MAX_BYTES} bytes; export the run instead of proving it")
    return check_proof(content, key=key)


@contextmanager
def _opened(file: str) -> Generator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream
    except OSError as error:
        raise StoreUnavailable(f"{file} cannot be read: {error.strerror}") from None


def _pieces(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield head
    while piece := stream.read(_PIECE):
        yield piece


def _leaves(tx: Reader, action: str, run: str) -> tuple[str, tuple[int, ...]]:
    if run:
        return run_row(tx, run).run, tuple(event.envelope.leaf for event in tx.events(RunId(run)))
    row = tx.get(ACTIONS, action)
    events = tx.lineage(action)
    if not events:
        raise NotFound(f"no action {action} here; `due runs show RUN` names those of a run")
    subject = row.run if row is not None else events[0].envelope.run
    return subject, tuple(event.envelope.leaf for event in events)
