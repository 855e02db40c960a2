"""The ledger of a store: the database, the tree recomputed from its lines, the read models made anew from its events.

Rule 1. What is compared belongs together: if somebody writes meanwhile it is read again, and said if that never ends.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from dueprocess.errors import DueProcessError
from dueprocess.ledger import (
    Checkpoint,
    LineInvalid,
    SigningKey,
    decode_line,
    leaf_hash,
    link,
    root_of,
)
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.stores.journal import MemoryKeys, opened
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.wiring.access import LEDGER
from dueprocess.wiring.home import Home
from dueprocess.wiring.symptom import Symptom, fail, fine, warn

_TRIES: Final = 3
_SCRATCH: Final = SigningKey.from_seed(b"scratch store, signs nothing ...", name="scratch")
_ALTERED: Final = (
    "stop all agents; compare with an export and a checkpoint from elsewhere: due ledger verify --newer-than; "
    "restore the database from before"
)


def check_ledger(home: Home, *, quick: bool) -> Iterator[Symptom]:
    """Database, ledger and read models; `quick` leaves out what reads all of them."""
    yield from _database(home.path / LEDGER, quick=quick)
    try:
        checkpoint, _ = home.store.checkpoint()
    except DueProcessError as error:
        yield fail("checkpoint", f"the last checkpoint does not hold: {error}", todo=_ALTERED)
        return
    yield fine("checkpoint", f"signed over {checkpoint.size} events by {home.verifier.key_id.hex()}")
    if quick:
        return
    broken = _recompute(home, checkpoint)
    if broken is not None:
        yield broken
        return
    yield fine("ledger", f"its lines give the signed root {checkpoint.root.hex()[:16]}")
    yield _rebuild(home)


def _database(path: Path, *, quick: bool) -> Iterator[Symptom]:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
            checked = "ok" if quick else str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield fail("database", f"{path} cannot be read: {error}", todo="restore it from a copy")
        return
    if mode != "wal":
        yield fail("database", f"journal mode {mode}", todo="expected WAL: use a local file system with shared memory")
    if checked != "ok":
        yield fail(
            "database", f"integrity check: {checked}", todo="restore the database from a copy, and look at the disk"
        )
    elif mode == "wal":
        yield fine("database", "WAL" if quick else "WAL, its integrity checked")


def _recompute(home: Home, checkpoint: Checkpoint) -> Symptom | None:
    hashes, expected, leaf = bytearray(), "", 0
    for leaf, line in enumerate(islice(home.store.lines(), checkpoint.size)):
        try:
            event = decode_line(line)
        except LineInvalid as error:
            return fail("ledger", f"the line at leaf {leaf} is no event: {error}", todo=_ALTERED)
        if event.leaf != leaf or event.prev != expected:
            said = (
                f"event {event.seq} of run {event.run} ({event.kind}) at leaf {leaf}, or the one before it, was altered"
            )
            return fail("ledger", said, todo=_ALTERED)
        hashed = leaf_hash(line)
        hashes += hashed
        expected = link(hashed)
    count = len(hashes) // len(leaf_hash(b""))
    if count != checkpoint.size:
        return fail("ledger", f"{count} lines are there, {checkpoint.size} were signed", todo=_ALTERED)
    if root_of(hashes) != checkpoint.root:
        return fail("ledger", "its lines do not give the signed root: the last ones were altered", todo=_ALTERED)
    return None


def _rebuild(home: Home) -> Symptom:
    for _ in range(_TRIES):
        before = home.store.checkpoint()[0]
        found = snapshot(home.store)
        if home.store.checkpoint()[0].size != before.size:
            continue
        try:
            made = _made_anew(home, before.size)
        except DueProcessError as error:
            return fail("read models", f"they cannot be made from the events: {error}", todo=_ALTERED)
        wrong = [name for name, rows in found.items() if rows != made[name]]
        if wrong:
            return fail("read models", f"they are not what the events make: {', '.join(wrong)}", todo=_ALTERED)
        return fine("read models", f"{sum(map(len, found.values()))} rows, as the events make them")
    return warn(
        "read models", "somebody writes without a pause; they were not compared", todo="run it again when it is quieter"
    )


def _made_anew(home: Home, size: int) -> dict[str, list[Any]]:
    events = (opened(decode_line(line), home.keys) for line in islice(home.store.lines(), size))
    with tempfile.TemporaryDirectory(prefix="due-doctor-") as folder:
        scratch = SqliteStore(Path(folder) / LEDGER, keys=MemoryKeys(), signing_key=_SCRATCH, origin="scratch")
        try:
            return replay_into(events, scratch)
        finally:
            scratch.close()
