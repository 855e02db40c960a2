"""`due ledger`: a stranger checks what was exported, and what was erased is gone while every proof still holds."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import Dying, refund, task

from dueprocess.errors import Conflict
from dueprocess.ledger import RunKey, SigningKey, Store, decode_line
from dueprocess.runtime import Person
from dueprocess.runtime.erase import erase, finish_erasures, unfinished_erasures
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.runtime.tables import RUNS
from dueprocess.stores.journal import opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.values import RunId
from dueprocess.wiring.access import Access, access

Token = Callable[..., str]
MARKER = "zebra-4711-marker"


@pytest.fixture
def exported(due: Due, shop: Path, held: tuple[str, str]) -> Path:
    due("run", refund("20"))
    assert due("ledger", "export", "--out", "all.jsonl", "--checkpoint", "note").code == 0
    return shop / "all.jsonl"


def rebuilt(here: Access) -> bool:
    """Whether the read models are what the events alone make."""
    scratch = MemoryStore(signing_key=SigningKey.from_seed(b"1" * 32, name="x"))
    events = (opened(decode_line(line), here.home.keys) for line in here.home.store.lines())
    return replay_into(events, scratch) == snapshot(here.home.store)


def test_an_export_holds(due: Due, exported: Path):
    told = due("ledger", "verify", exported, "--key", ".due/ledger.pub", "--json")
    assert (told.code, told.json["ok"], told.json["newer_than"]) == (0, True, "not_asked")
    assert told.json["events"] == len(exported.read_text().splitlines()) - 1


def test_it_goes_on_from_an_older_checkpoint_and_not_from_a_newer_one(due: Due, exported: Path):
    due("run", refund("21"))
    due("ledger", "export", "--out", "later.jsonl", "--checkpoint", "later.note")
    key = ("--key", ".due/ledger.pub")
    assert due("ledger", "verify", "later.jsonl", *key, "--newer-than", "note").code == 0
    older = due("ledger", "verify", exported, *key, "--newer-than", "later.note")
    assert older.code == 3
    assert "older" in older.out


def test_i9_one_changed_byte_names_the_event(due: Due, exported: Path):
    lines = exported.read_bytes().split(b"\n")
    changed = decode_line(lines[5])
    lines[5] = lines[5].replace(b'"epoch":', b'"epoch":1', 1)
    exported.write_bytes(b"\n".join(lines))
    told = due("ledger", "verify", exported, "--key", ".due/ledger.pub")
    assert told.code == 3
    assert told.out.startswith("BROKEN at line 6: the event is not the one that was logged")
    assert f"{changed.seq} of run {changed.run}, {changed.kind}" in told.out
    assert f"leaf {changed.leaf}" in told.out
    found = due("ledger", "verify", exported, "--key", ".due/ledger.pub", "--json").json
    assert (found["ok"], found["line"], found["leaf"], found["fault"]) == (False, 6, changed.leaf, "altered")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{}", b"not a ledger\x1b[2J", b"\xff\xfe", b'{"format":"dueprocess-proof/1"}']
)
def test_what_is_no_export_is_broken_not_an_error(due: Due, exported: Path, content: bytes):
    exported.write_bytes(content)
    told = due("ledger", "verify", exported, "--key", ".due/ledger.pub")
    assert told.code == 3
    assert "\x1b" not in told.out


@pytest.mark.parametrize(
    "words",
    [
        ("missing", "--key", ".due/ledger.pub"),
        (".", "--key", ".due/ledger.pub"),
        ("all.jsonl", "--key", "missing"),
        ("all.jsonl", "--key", "all.jsonl"),
        ("all.jsonl", "--key", ".due/ledger.pub", "--newer-than", "missing"),
        ("all.jsonl", "--key", ".due/ledger.pub", "--newer-than", "all.jsonl"),
        ("proof", "--key", ".due/ledger.pub", "--newer-than", "note"),
    ],
)
def test_what_cannot_be_read_is_an_error(due: Due, exported: Path, held: tuple[str, str], words: tuple[str, ...]):
    due("ledger", "prove", "--action", held[1], "--out", "proof")
    assert due("ledger", "verify", *words).code == 1


@pytest.mark.parametrize("name", ["ledger.key", "kek", "keys.due"])
def test_a_file_that_is_no_public_key_is_named_and_nothing_of_it_is_shown(due: Due, exported: Path, name: str):
    secret = b"SECRET" + bytes(range(200, 226))
    Path("secret").write_bytes(secret)
    for path in (Path("secret"), Path(".due") / name):
        told = due("ledger", "verify", exported, "--key", path)
        assert (told.code, told.out) == (1, "")
        assert told.err.startswith(f"error: {path}: no verifier key, but {len(path.read_bytes())} characters")
        assert "SECRET" not in told.err


def test_a_file_that_is_too_large_is_told_with_what_was_expected(due: Due, exported: Path):
    Path("large").write_bytes(b"x" * (1 << 17))
    key = due("ledger", "verify", exported, "--key", "large").err
    assert key == "error: large has more than 4096 bytes; expected a public key, as ledger.pub holds it\n"
    anchor = due("ledger", "verify", exported, "--key", ".due/ledger.pub", "--newer-than", "large").err
    assert "expected a checkpoint, as `due ledger export --checkpoint` writes it" in anchor
    wrong = due("ledger", "verify", exported, "--key", ".due/ledger.pub", "--newer-than", ".due/ledger.pub").err
    assert wrong.startswith("error: .due/ledger.pub: not a signed note")


def test_a_proof_that_is_written_is_told_as_json(due: Due, exported: Path, held: tuple[str, str]):
    run, action = held
    told = due("ledger", "prove", "--action", action, "--out", "proof", "--json").json
    assert (told["file"], told["run"], told["action"], told["events"] > 0) == ("proof", run, action, True)
    assert due("ledger", "verify", "proof", "--key", told["key"], "--json").json["events"] == told["events"]


def test_anothers_key_does_not_hold(due: Due, exported: Path, tmp_path: Path):
    other = SigningKey.from_seed(b"2" * 32, name="dueprocess.local").verifier
    (tmp_path / "other.pub").write_text(f"{other}\n")
    assert due("ledger", "verify", exported, "--key", tmp_path / "other.pub").code == 3


def test_one_run_is_exported_with_its_proofs(due: Due, exported: Path, held: tuple[str, str]):
    assert due("ledger", "export", "--run", held[0], "--out", "one.jsonl").code == 0
    found = due("ledger", "verify", "one.jsonl", "--key", ".due/ledger.pub", "--json").json
    assert (found["ok"], found["run"]) == (True, held[0])
    due("run", refund("21"))
    due("ledger", "export", "--out", "all.jsonl", "--checkpoint", "note")
    due("run", refund("22"))
    due("ledger", "export", "--run", held[0], "--out", "one.jsonl")
    told = due("ledger", "verify", "one.jsonl", "--key", ".due/ledger.pub", "--newer-than", "note")
    assert (told.code, told.out.split(":")[0]) == (3, "CANNOT TELL")


def test_a_failed_export_leaves_what_was_there(due: Due, exported: Path):
    before = exported.read_bytes()
    assert due("ledger", "export", "--run", "r_nothing", "--out", exported).code == 1
    assert due("ledger", "export", "--out", "missing/all.jsonl").code == 1
    assert exported.read_bytes() == before
    assert not [path for path in exported.parent.iterdir() if path.name.endswith(".new")]


def test_an_action_is_proven_and_a_change_shows(due: Due, exported: Path, held: tuple[str, str]):
    run, action = held
    printed = due("ledger", "prove", "--action", action)
    assert printed.json["action"] == action
    due("ledger", "prove", "--action", action, "--out", "proof.json")
    proof = Path("proof.json")
    assert due("ledger", "verify", proof, "--key", ".due/ledger.pub").code == 0
    proof.write_text(json.dumps(printed.json, indent=1))  # what is proven are the lines in it, not its own form
    assert due("ledger", "verify", proof, "--key", ".due/ledger.pub").code == 0
    for old, new in ((action, action[:-1] + "1"), (run, run[:-1] + "1"), ("action.held", "action.hold")):
        proof.write_text(printed.out.replace(old, new))
        told = due("ledger", "verify", proof, "--key", ".due/ledger.pub")
        assert told.code == 3, (old, new)
    told = due("ledger", "verify", proof, "--key", ".due/ledger.pub", "--json").json
    assert (told["ok"], told["kind"], told["run"]) == (False, "action.hold", run)


@pytest.mark.parametrize("words", [(), ("--run", "r", "--action", "a")])
def test_what_is_proven_is_named_once(due: Due, shop: Path, words: tuple[str, ...]):
    assert due("ledger", "prove", *words).code == 2
    assert due("ledger", "prove", "--run", "r_nothing").code == 1
    assert due("ledger", "prove", "--action", "a_nothing").code == 1


def test_a_ledger_that_was_altered_can_be_neither_exported_nor_proven(due: Due, exported: Path, held: tuple[str, str]):
    database = exported.parent / ".due" / "ledger.db"
    with sqlite3.connect(database) as connection:
        (line,) = connection.execute("SELECT line FROM events WHERE leaf = 3").fetchone()
        connection.execute("UPDATE events SET line = ? WHERE leaf = 3", (line.replace(b'"epoch":', b'"epoch":1'),))
    connection.close()
    for words in (("export", "--out", "new.jsonl"), ("prove", "--run", held[0])):
        told = due("ledger", *words)
        assert told.code == 1, words
        assert not Path("new.jsonl").exists()


def test_erasing_needs_a_person_and_a_run_that_has_ended(due: Due, shop: Path, held: tuple[str, str], token: Token):
    run, _ = held
    assert due("ledger", "erase", run).code == 6
    told = due("ledger", "erase", run, token=token("dpo"))
    assert told.code == 1
    assert "held" in told.err
    assert due("ledger", "erase", "r_nothing", token=token("dpo")).code == 1
    assert due("ledger", "erase", "s_default", token=token("dpo")).code == 1


def test_a_run_with_an_open_outcome_is_settled_before_it_is_erased(due: Due, shop: Path, token: Token):
    told = due("run", task(("lose_refund", {"order_id": "A1"})), "--json").json
    run, action = told["run"], told["actions"][0]["action"]
    refused = due("ledger", "erase", run, token=token("dpo"))
    assert refused.code == 1
    assert f"due actions settle {action}" in refused.err
    assert due("actions", "settle", action, "--failed", token=token("ops")).code == 0
    assert due("ledger", "erase", run, token=token("dpo")).code == 0


def erasable(due: Due, shop: Path) -> str:
    """A run that has ended and has the marker in all that can hold content."""
    (shop / "due.yaml").write_text((shop / "due.yaml").read_text() + "spend_limits: {tenant: 5, agent: 5, task: 5}\n")
    policy = (shop / "policy.yaml").read_text()
    rate = "get_order: {allowed: true, rate: {count: 9, window: 1m}}"
    (shop / "policy.yaml").write_text(policy.replace("get_order: {allowed: true}", rate))
    words = ("--on-behalf-of", f"user:{MARKER}", "--session", MARKER, "--key", MARKER, "--correlation", MARKER)
    calls = (
        ("get_order", {"order_id": MARKER}),
        ("issue_refund", {"order_id": MARKER, "amount_usd": "20", "card": MARKER}),
    )
    told = due("run", task(*calls, say=MARKER), *words, "--json")
    assert told.code == 0, told
    return told.json["run"]


def files_with(folder: Path, text: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_i9_what_was_erased_is_in_no_file_and_every_proof_still_holds(due: Due, shop: Path, token: Token):
    run = erasable(due, shop)
    due("ledger", "export", "--out", "before.jsonl", "--checkpoint", "note")
    assert files_with(shop / ".due", MARKER)  # the session, in the read models: the search finds what is there
    assert due("ledger", "erase", run, "--reason", "asked for", token=token("dpo")).code == 0
    assert files_with(shop / ".due", MARKER) == []
    with access(shop) as here:
        assert rebuilt(here)
        assert not isinstance(here.home.keys.get(run), RunKey)
    due("ledger", "export", "--out", "after.jsonl")
    key = ("--key", ".due/ledger.pub")
    assert due("ledger", "verify", "before.jsonl", *key).code == 0
    assert due("ledger", "verify", "after.jsonl", *key, "--newer-than", "note").code == 0
    assert due("ledger", "export", "--run", run, "--out", "one.jsonl").code == 0
    assert due("ledger", "verify", "one.jsonl", *key).code == 0
    shown = due("runs", "show", run)
    assert shown.code == 0
    assert MARKER not in shown.out
    assert "erased by user:dpo: asked for" in shown.out
    assert due("ledger", "erase", run, token=token("dpo")).code == 1
    assert due("run", "again", "--key", MARKER).code == 1


def test_i8_what_an_erased_run_used_of_shared_limits_stays_used(due: Due, shop: Path, token: Token):
    (shop / "due.yaml").write_text(
        (shop / "due.yaml").read_text() + "prices: {'scripted:offline.py:script': {input_usd: 1, output_usd: 2}}\n"
    )
    run = erasable(due, shop)
    with access(shop) as here:
        before = {name: rows for name, rows in snapshot(here.home.store).items() if name in {"gauges", "marks"}}
    assert any(row.spent and row.key.startswith("tenant:") for row in before["gauges"])
    assert before["marks"]
    due("ledger", "erase", run, token=token("dpo"))
    with access(shop) as here:
        after = snapshot(here.home.store)
        assert rebuilt(here)
    assert after["marks"] == before["marks"]
    shared = [row for row in before["gauges"] if not row.key.startswith("run:")]
    assert [row for row in after["gauges"] if row.key in {each.key for each in shared}] == shared


def test_i8_an_erasure_that_was_interrupted_is_finished_at_the_next_opening(due: Due, shop: Path):
    run = erasable(due, shop)
    with access(shop) as here:
        dying = replace(here.shell, store=cast("Store", Dying(here.home.store)))
        with pytest.raises(KeyboardInterrupt):
            erase(dying, RunId(run), person=Person(id="user:dpo", how="token"))
        assert unfinished_erasures(here.home.store, here.home.keys) == (run,)
        assert rebuilt(here)
        row = here.home.store.read(lambda tx: tx.get(RUNS, run))
        assert row is not None
        assert row.status == "erased"
    with access(shop) as here:
        assert not isinstance(here.home.keys.get(run), RunKey)
        assert finish_erasures(here.home.store, here.home.keys) == ()
        assert rebuilt(here)
        with pytest.raises(Conflict):
            erase(here.shell, RunId(run), person=Person(id="user:dpo"))
    assert files_with(shop / ".due", MARKER) == []
