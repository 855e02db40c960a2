"""`due doctor`: what is not as it should be is found, named, and comes with what to do."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from tests.unit.cli.conftest import Due, Outcome
from tests.unit.cli.shop_project import Dying, refund, task

from dueprocess.ledger import Draft, Store
from dueprocess.runtime import Person
from dueprocess.runtime.erase import erase
from dueprocess.runtime.system import StopOrdered, system_run
from dueprocess.values import Instant, RunId
from dueprocess.wiring.access import access

Token = Callable[..., str]


def levels(told: Outcome) -> dict[str, str]:
    """The worst level of each check."""
    found: dict[str, str] = {}
    for each in told.json["checks"]:
        if found.get(each["check"]) in {None, "ok"} or each["level"] == "FAIL":
            found[each["check"]] = each["level"]
    return found


def said(told: Outcome, check: str) -> str:
    return " ".join(f"{each['said']} {each['todo']}" for each in told.json["checks"] if each["check"] == check)


def execute(shop: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(shop / ".due" / "ledger.db")
    with connection:
        connection.execute(sql, values)
    connection.close()


@pytest.fixture
def busy(due: Due, shop: Path, token: Token) -> Path:
    """A project in good order in which something has happened."""
    token("fin", "finance")
    due("run", refund("20"))
    due("run", refund("30"))
    return shop


def test_what_is_in_order_is_said_to_be(due: Due, busy: Path):
    told = due("doctor", "--json")
    assert told.code == 0
    assert told.json["ok"] is True
    assert set(levels(told).values()) == {"ok"}
    assert {"permissions", "disk", "database", "checkpoint", "ledger", "read models", "runs", "holds", "clock"} <= set(
        levels(told)
    )
    assert all(line.startswith("ok ") for line in due("doctor").out.splitlines())


def test_a_project_in_which_nothing_has_run_is_in_order(due: Due, shop: Path):
    told = due("doctor", "--json")
    assert told.code == 0
    assert "nothing has run" in said(told, "store")
    assert not (shop / ".due").exists()


@pytest.mark.parametrize("name", ["kek", "ledger.key", "keys.due"])
def test_a_key_that_others_can_read_fails(due: Due, busy: Path, name: str):
    (busy / ".due" / name).chmod(0o644)
    told = due("doctor", "--json")
    assert (told.code, levels(told)["permissions"]) == (3, "FAIL")
    assert f"chmod 600 .due/{name}" in said(told, "permissions")


def test_a_folder_that_others_can_write_to_fails(due: Due, busy: Path):
    (busy / ".due").chmod(0o777)
    assert levels(due("doctor", "--json"))["permissions"] == "FAIL"


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda shop: (shop / ".due" / "kek").write_bytes(b"x" * 32), "store"),
        (lambda shop: (shop / ".due" / "kek").unlink(), "store"),
        (lambda shop: (shop / ".due" / "keys.due").write_bytes(b"nothing"), "store"),
        (lambda shop: (shop / ".due" / "ledger.key").write_bytes(b"short"), "store"),
        (lambda shop: (shop / ".due" / "ledger.db").write_bytes(b"not a database" * 99), "store"),
        (lambda shop: (shop / ".due" / "identities.yaml").write_text("people: 1"), "store"),
        (lambda shop: (shop / "due.yaml").write_text("project: 9"), "project"),
        (lambda shop: (shop / "tools.py").write_text("import nothing_like_this"), "agent support"),
        (lambda shop: (shop / "policy.yaml").write_text("tools: {nothing: {allowed: true}}"), "agent support"),
        (lambda shop: (shop / "prompt.md").unlink(), "agent support"),
    ],
)
def test_what_cannot_be_opened_fails_and_is_named(due: Due, busy: Path, spoil: Callable[[Path], object], check: str):
    spoil(busy)
    told = due("doctor", "--json")
    assert told.code == 3
    assert levels(told)[check] == "FAIL"


def test_an_altered_event_is_named(due: Due, busy: Path):
    connection = sqlite3.connect(busy / ".due" / "ledger.db")
    (line,) = connection.execute("SELECT line FROM events WHERE leaf = 4").fetchone()
    connection.close()
    execute(busy, "UPDATE events SET line = ? WHERE leaf = 4", line.replace(b'"epoch":', b'"epoch":1'))
    told = due("doctor", "--json")
    assert (told.code, levels(told)["ledger"]) == (3, "FAIL")
    assert "was altered" in said(told, "ledger")
    assert due("doctor", "--quick", "--json").code == 0  # which says that it did not look


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM events WHERE leaf = (SELECT max(leaf) FROM events)",
        "DELETE FROM events WHERE leaf = 3",
        "UPDATE events SET line = x'7b7d' WHERE leaf = 3",
    ],
)
def test_a_missing_or_unreadable_event_fails(due: Due, busy: Path, sql: str):
    execute(busy, sql)
    assert levels(due("doctor", "--json"))["ledger"] == "FAIL"


def test_another_checkpoint_fails(due: Due, busy: Path):
    execute(busy, "UPDATE log SET note = ?", b"another\n1\n\n")
    assert levels(due("doctor", "--json"))["checkpoint"] == "FAIL"


def test_a_read_model_that_was_changed_by_hand_fails(due: Due, busy: Path):
    execute(busy, "UPDATE gauges SET spent = spent + 1")
    told = due("doctor", "--json")
    assert (told.code, levels(told)["read models"]) == (3, "FAIL")
    assert "gauges" in said(told, "read models")


def test_what_waits_for_somebody_is_to_be_looked_at(due: Due, busy: Path, token: Token):
    lost = due("run", task(("lose_refund", {"order_id": "A1"})), "--json").json["actions"][0]["action"]
    due("stop", "tool:close_shop", token=token("ann"))
    told = due("doctor", "--json")
    assert told.code == 0
    assert levels(told)["outcomes"] == levels(told)["stops"] == "warn"
    assert lost in said(told, "outcomes")
    assert "due actions settle" in said(told, "outcomes")
    assert "tool:close_shop by user:ann" in said(told, "stops")


def test_a_run_that_nobody_drives_is_to_be_looked_at(due: Due, busy: Path):
    run = due("run", refund("20"), "--detach").out.strip()
    assert levels(due("doctor", "--json"))["runs"] == "ok"  # it was submitted a moment ago
    hour = 3_600_000_000
    with access(busy) as here:
        now = here.shell.clock.now()
    # As if it had been submitted an hour ago.
    execute(busy, "UPDATE runs SET at = ? WHERE run = ?", now - hour, run)
    told = due("doctor", "--quick", "--json")
    assert levels(told)["runs"] == "warn"
    assert run in said(told, "runs")


def test_a_clock_behind_the_last_event_shows(due: Due, busy: Path):
    with access(busy) as here:
        later = Instant(here.shell.clock.now() + 7_200_000_000)
        record = StopOrdered(target="tool:close_shop", by="user:ann", how="token")
        draft = Draft(run=system_run("default"), tenant="default", record=record, at=later, release="", policy="")
        here.home.store.write(lambda tx: tx.append(draft))
    told = due("doctor", "--json")
    assert (told.code, levels(told)["clock"]) == (3, "FAIL")
    assert "behind the last event" in said(told, "clock")


def test_a_policy_file_that_is_not_in_force_is_to_be_looked_at(due: Due, busy: Path, token: Token):
    due("policy", "publish", "policy.yaml", "--agent", "support", token=token("ops", "finance"))
    assert levels(due("doctor", "--json"))["agent support"] == "ok"
    (busy / "policy.yaml").write_text((busy / "policy.yaml").read_text() + "\n# changed")
    told = due("doctor", "--json")
    assert levels(told)["agent support"] == "warn"
    assert "due policy publish" in said(told, "agent support")


def test_a_hold_that_nobody_could_approve_is_to_be_looked_at(due: Due, shop: Path):
    due("run", refund("20"))
    told = due("doctor", "--json")
    assert levels(told)["agent support"] == "warn"
    assert "due identity add NAME --group finance" in said(told, "agent support")


def test_a_model_that_nobody_answers_for_is_to_be_looked_at(due: Due, busy: Path):
    (busy / "due.yaml").write_text((busy / "due.yaml").read_text().replace("scripted:offline.py:script", "gpt-4o-mini"))
    assert levels(due("doctor", "--json"))["agent support"] == "warn"


def test_an_interrupted_erasure_is_finished_and_told(due: Due, busy: Path):
    run = RunId(due("run", refund("20"), "--json").json["run"])
    with access(busy) as here:
        dying = replace(here.shell, store=cast("Store", Dying(here.home.store)))
        with pytest.raises(KeyboardInterrupt):
            erase(dying, run, person=Person(id="user:dpo", how="token"))
    told = due("doctor", "--json")
    assert told.code == 0
    assert run in said(told, "erasure")
    assert "erasure" not in levels(due("doctor", "--json"))


def test_a_folder_that_is_nothing_is_an_error(due: Due, tmp_path: Path):
    assert due("doctor", "--dir", tmp_path).code == 1
    assert due("doctor", "--dir", tmp_path / "missing").code == 1
    assert not list(tmp_path.iterdir())
