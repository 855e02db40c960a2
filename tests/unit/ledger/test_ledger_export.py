"""The export file: its form, and what is refused before it is signed."""

import base64
import io
import json
from collections.abc import Iterable
from hashlib import sha256

import msgspec
import pytest
from tests.unit.ledger.logbook import KEY, ORIGIN, Log, chained, log_of, one_run, run_name, whole

from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.ledger.checkpoint import Checkpoint
from dueprocess.ledger.event import MAX_LINE_BYTES, LineInvalid, link
from dueprocess.ledger.export import export_log, export_run
from dueprocess.ledger.tree import EMPTY_ROOT, Tree, leaf_hash, verify_inclusion

LOG = log_of([0, 1, 0, 2, 1, 0, 0])


def test_line_one_is_a_header_that_speaks_of_all_that_follows():
    first, rest = whole(LOG).split(b"\n", 1)
    header = json.loads(first)
    assert list(header) == [
        *("format", "origin", "key_id", "run", "first_leaf", "size", "root", "lines", "sha256", "run_length", "head"),
        *("proofs", "signature"),
    ]
    assert header["format"] == "dueprocess-ledger/1"
    assert header["key_id"] == KEY.verifier.key_id.hex()
    assert (header["run"], header["first_leaf"], header["size"], header["lines"]) == ("", 0, 7, 7)
    assert base64.b64decode(header["root"]) == LOG.tree.root()
    assert header["sha256"] == sha256(rest).hexdigest()
    assert header["head"] == link(leaf_hash(LOG.lines[-1]))


def test_the_lines_stand_as_they_are_stored_each_with_a_line_end():
    assert whole(LOG).split(b"\n", 1)[1] == b"".join(line + b"\n" for line in LOG.lines)


def test_a_stranger_checks_the_signature_with_the_line_and_the_key_alone():
    # INVARIANT I9: written out without any of the library's reading code.
    first = whole(LOG).split(b"\n", 1)[0]
    signature = json.loads(first)["signature"]
    message = b"dueprocess-ledger/1 export header\n" + first.replace(signature.encode(), b"")
    KEY.private.public_key().verify(base64.b64decode(signature), message)


def test_a_header_signature_is_no_note_signature():
    first = whole(LOG).split(b"\n", 1)[0]
    signature = base64.b64decode(json.loads(first)["signature"])
    assert not KEY.verifier.verifies(signature, first)
    assert not KEY.verifier.verifies(signature, LOG.checkpoint.text().encode())


def test_a_run_is_exported_with_the_proof_of_each_of_its_events():
    header = json.loads(one_run(LOG, run_name(0)).split(b"\n", 1)[0])
    assert (header["run"], header["first_leaf"], header["lines"], header["run_length"]) == (run_name(0), 0, 4, 4)
    assert [proof["leaf"] for proof in header["proofs"]] == [0, 2, 5, 6]
    for proof, line in zip(header["proofs"], LOG.of_run(run_name(0)), strict=True):
        path = [base64.b64decode(each) for each in proof["path"]]
        assert verify_inclusion(
            leaf=leaf_hash(line), index=proof["leaf"], size=7, path=path, root=base64.b64decode(header["root"])
        )


def test_the_same_log_has_the_same_export():
    assert whole(LOG) == whole(log_of([0, 1, 0, 2, 1, 0, 0]))


def test_an_empty_log_is_one_line():
    exported = whole(log_of([]))
    assert exported.count(b"\n") == 1
    assert json.loads(exported)["head"] == ""


def test_the_written_header_is_also_returned():
    out = io.BytesIO()
    header = export_log(lambda: LOG.lines, out, checkpoint=LOG.checkpoint, key=KEY)
    assert msgspec.json.encode(header) == out.getvalue().split(b"\n", 1)[0]


def refused(lines: Iterable[bytes], *, checkpoint: Checkpoint = LOG.checkpoint) -> str:
    kept, out = list(lines), io.BytesIO()
    with pytest.raises(RecordInvalid) as caught:
        export_log(lambda: kept, out, checkpoint=checkpoint, key=KEY)
    assert out.getvalue() == b"", "something was written before the log was checked"
    return str(caught.value)


ALTERED = LOG.lines[3].replace(b"acme", b"acne")


def test_a_store_that_was_tampered_with_is_not_signed():
    assert "does not hold at leaf 4" in refused([*LOG.lines[:3], ALTERED, *LOG.lines[4:]])
    assert "does not hold at leaf 3" in refused([*LOG.lines[:3], *LOG.lines[4:]])
    assert "does not hold at leaf 1" in refused([LOG.lines[0], *LOG.lines])
    assert "not the one of the checkpoint" in refused(LOG.lines[:-1])
    assert "not the one of the checkpoint" in refused([*LOG.lines[:-1], LOG.lines[-1].replace(b"acme", b"acne")])
    assert "not the one of the checkpoint" in refused(chained([*LOG.lines[:3], ALTERED, *LOG.lines[4:]], first=4))
    assert "not the one of the checkpoint" in refused([], checkpoint=LOG.checkpoint)


def test_a_log_that_was_numbered_wrong_is_not_signed_though_its_links_and_root_hold():
    wrong = chained([*LOG.lines[:3], LOG.lines[3].replace(b'"leaf":3', b'"leaf":8'), *LOG.lines[4:]], first=4)
    tree = Tree([leaf_hash(line) for line in wrong])
    assert "got leaf 8" in refused(wrong, checkpoint=Checkpoint(origin=ORIGIN, size=7, root=tree.root()))


def test_what_is_no_event_is_not_signed():
    kept = [*LOG.lines[:3], b"{}", *LOG.lines[4:]]
    with pytest.raises(LineInvalid):
        export_log(lambda: kept, io.BytesIO(), checkpoint=LOG.checkpoint, key=KEY)


def test_a_header_that_would_not_be_read_back_is_not_written():
    out = io.BytesIO()
    checkpoint = Checkpoint(origin="o" * (MAX_LINE_BYTES + 1), size=0, root=EMPTY_ROOT)
    with pytest.raises(BadValue, match="are read back"):
        export_log(list, out, checkpoint=checkpoint, key=KEY)
    assert out.getvalue() == b""


def test_a_checkpoint_of_another_tree_is_not_exported():
    assert "not the one of the checkpoint" in refused(
        LOG.lines, checkpoint=Checkpoint(origin=ORIGIN, size=7, root=EMPTY_ROOT)
    )


def test_a_log_that_changes_between_the_two_passes_is_told():
    passes = iter([LOG.lines, log_of([0, 1, 0, 2, 1, 0, 1]).lines])
    with pytest.raises(RecordInvalid, match="changed while it was exported"):
        export_log(lambda: next(passes), io.BytesIO(), checkpoint=LOG.checkpoint, key=KEY)


def run_refused(
    lines: Iterable[bytes],
    *,
    run: str = run_name(0),
    run_length: int = 4,
    log: Log = LOG,
    checkpoint: Checkpoint = LOG.checkpoint,
) -> str:
    kept, out = list(lines), io.BytesIO()
    with pytest.raises(RecordInvalid) as caught:
        export_run(lambda: kept, out, run=run, run_length=run_length, tree=log.tree, checkpoint=checkpoint, key=KEY)
    assert out.getvalue() == b""
    return str(caught.value)


def test_a_run_that_is_not_whole_or_not_in_the_log_is_not_signed():
    mine = LOG.of_run(run_name(0))
    assert "expected event 2 of 'run_0000'" in run_refused([mine[0], *mine[2:]])
    assert "expected event 1 of 'run_0000'" in run_refused(LOG.of_run(run_name(1)))
    assert "got 3 events of run 'run_0000': expected 4" in run_refused(mine[:-1])
    assert "got 0 events of run 'run_0009'" in run_refused([], run=run_name(9), run_length=0)
    assert "not the leaf 5" in run_refused([*mine[:2], mine[2].replace(b"acme", b"acne"), mine[3]])
    assert "not the leaf 1000" in run_refused(
        [mine[0].replace(b'"leaf":0,"prev":"', b'"leaf":1000,"prev":"' + b"A" * 43)]
    )
    assert "not the one of the checkpoint" in run_refused(mine, log=Log(lines=LOG.lines, tree=Tree([])))
