"""Exports of a store: the whole log or one run, as a file that a stranger can check. The form is the ledger's."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from dueprocess.errors import NotFound, RecordInvalid
from dueprocess.ledger import ExportHeader, Tree, decode_line, export_log, export_run, leaf_hash
from dueprocess.runtime.journal import run_row
from dueprocess.wiring.home import Home
from dueprocess.wiring.whole import whole_file, write_whole


def export(home: Home, out: Path, *, run: str = "", checkpoint_out: Path | None = None) -> ExportHeader:
    """Writes the whole log, or one run, as of the last checkpoint; the file is whole or not there.

    `checkpoint_out`: where the signed checkpoint goes too, for `verify --newer-than`.

    Raises:
        NotFound: no such run, or it has no event under the last checkpoint. StoreUnavailable: a file cannot be written.
        RecordInvalid: the log is not the one of its checkpoint; nothing was written.
    """
    known = home.store.read(lambda tx: run_row(tx, run)).seq if run else 0
    checkpoint, note = home.store.checkpoint()

    def lines() -> Iterator[bytes]:
        # Lines appended meanwhile are not under this checkpoint.
        return islice(home.store.lines(), checkpoint.size)

    with whole_file(out) as file:
        if not run:
            header = export_log(lines, file, checkpoint=checkpoint, key=home.signing_key)
        else:
            hashes, of_run = bytearray(), list[bytes]()
            for line in lines():
                hashes += leaf_hash(line)
                if decode_line(line).run == run:
                    of_run.append(line)
            if not of_run:
                raise NotFound(f"no event of run {run} is under the last checkpoint")
            if len(of_run) < known:
                raise RecordInvalid(f"the ledger was altered: run {run} has {known} events, {len(of_run)} are there")
            header = export_run(
                lambda: iter(of_run),
                file,
                run=run,
                run_length=len(of_run),
                tree=Tree(hashes),
                checkpoint=checkpoint,
                key=home.signing_key,
            )
    if checkpoint_out is not None:
        write_whole(checkpoint_out, note)
    return header
