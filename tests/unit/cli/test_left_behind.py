"""A program that guards its own functions is killed: what it leaves behind is found, settled by a person, and ended (I4, I11)."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due

from dueprocess.ledger import Store, decode_line
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.stores.journal import opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.workbench import signing_key
from dueprocess.wiring.home import open_home

Token = Callable[..., str]
ROOT = Path(__file__).parents[3]
POLICY = """
agent: {retries: {timeout_seconds: 20}}
approvers: {default: {any_of: ["group:finance"]}}
tools:
  pay: {allowed: true, require_approval_over_usd: 25}
  look: {allowed: true}
"""
PROGRAM = """
import os, signal, sys
from dueprocess import guard
from dueprocess.tool import tool
from dueprocess.values import Money

@tool(effect="write")
def pay(order_id: str, amount_usd: Money) -> str:
    "Pay."
    with open("paid", "a") as paid:
        paid.write(order_id)
    if order_id == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    return order_id

@tool(effect="read")
def look(order_id: str) -> str:
    "Look."
    os.kill(os.getpid(), signal.SIGKILL)

how, name = sys.argv[1:]
guarded = guard(look if how == "looks" else pay, policy="policy.yaml", store="store", run=name, beside=(pay, look))
print(guarded.run, flush=True)
if how == "looks":
    guarded("x")
if how in {"holds", "closes"}:
    print(guarded("later", "30").action, flush=True)
if how == "dies":
    guarded("dies", "20")
if how == "closes":
    guarded.close()
os._exit(0)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runs the program in a folder of its own, which is also the present one; returns what it printed."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUE_DIR", "store")

    def call(how: str, name: str = "") -> list[str]:
        done = subprocess.run(
            [sys.executable, "program.py", how, name],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        return done.stdout.split()

    return call


@pytest.fixture
def at(due: Due, tmp_path: Path) -> Callable[..., object]:
    """The command, on the program's store."""

    def call(*words: object, token: str = "") -> object:
        return due(*words, "--dir", tmp_path / "store", token=token)

    return call


def later(folder: Path) -> None:
    """As if the attempt had been made an hour ago."""
    database = sqlite3.connect(folder / "store" / "ledger.db")
    with database:
        database.execute("UPDATE actions SET dispatch_before = dispatch_before - 3600000000")
    database.close()


def check(at: Callable[..., object], name: str) -> tuple[str, str]:
    found = [each for each in at("doctor", "--quick", "--json").json["checks"] if each["check"] == name]
    return found[0]["level"], f"{found[0]['said']} {found[0]['todo']}"


def is_what_the_events_make(folder: Path) -> bool:
    home = open_home(folder / "store", {})
    store: Store = home.store
    events = (opened(decode_line(line), home.keys) for line in store.lines())
    same = replay_into(events, MemoryStore(signing_key=signing_key())) == snapshot(store)
    store.close()
    return same


@pytest.mark.parametrize("name", ["", "job 7"])
@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_i4_a_person_settles_what_a_dead_program_had_under_way(
    at: Callable[..., object], program: Callable[..., list[str]], tmp_path: Path, token: Token, outcome: str, name: str
):
    (run,) = program("dies", name)
    ops = at("identity", "add", "ops").out.strip()
    (row,) = at("actions", "list", "--json").json["actions"]
    assert (row["run"], row["state"]) == (run, "dispatched")
    early = at("actions", "settle", row["action"], f"--{outcome}", token=ops)
    assert early.code == 1
    assert "may still be under way" in early.err
    assert at("doctor", "--json").code == 0
    later(tmp_path)
    level, said = check(at, "outcomes")
    assert (level, row["action"] in said, "due actions settle" in said) == ("warn", True, True)
    assert check(at, "guarded runs")[0] == "warn"
    told = at("actions", "settle", row["action"], f"--{outcome}", token=ops)
    assert (told.code, told.out) == (0, f"{row['action']} settled as {outcome}\n")
    (story,) = at("runs", "show", run, "--json").json["run"]["actions"]
    assert (story["state"], story["answers"][-1]["by"]) == (outcome, "user:ops")
    assert at("actions", "settle", row["action"], f"--{outcome}", token=ops).code == 1
    assert at("actions", "list").err == "every outcome is known\n"
    assert (tmp_path / "paid").read_text() == "dies"


def test_i11_a_run_that_a_dead_program_left_open_is_found_and_ended_with_its_holds(
    at: Callable[..., object], program: Callable[..., list[str]], tmp_path: Path
):
    run, action = program("holds")
    (listed,) = at("runs", "list", "--json").json["runs"]
    assert (listed["run"], listed["status"], listed["program"]) == (run, "running", "gone")
    assert "open, its program is gone" in at("runs", "list").out
    level, said = check(at, "guarded runs")
    assert (level, run in said, "1 held" in said, "due runs cancel" in said) == ("warn", True, True, True)
    told = at("runs", "cancel", run, "--reason", "it died")
    assert (told.code, told.out) == (0, f"{run} has ended\n")
    story = at("runs", "show", run, "--json").json["run"]
    assert (story["status"], story["outcome"]) == ("cancelled", "cancelled by operator: it died")
    assert [each["state"] for each in story["actions"]] == ["cancelled"]
    assert at("approvals", "approve", action).code != 0
    assert check(at, "guarded runs")[0] == check(at, "holds")[0] == "ok"
    assert at("runs", "cancel", run).code == 1
    assert is_what_the_events_make(tmp_path)


@pytest.mark.parametrize(("how", "ends"), [("dies", "unsettled"), ("looks", "failed")])
def test_i4_ending_a_run_that_died_in_an_attempt_leaves_a_write_to_a_person_and_a_read_to_nobody(
    at: Callable[..., object], program: Callable[..., list[str]], tmp_path: Path, how: str, ends: str
):
    (run,) = program(how)
    told = at("runs", "cancel", run)
    assert (told.code, told.out) == (0, f"{run} asked to end\n")
    assert at("runs", "show", run, "--json").json["run"]["status"] == "running"
    later(tmp_path)
    assert at("runs", "cancel", run).out == f"{run} has ended\n"
    (story,) = at("runs", "show", run, "--json").json["run"]["actions"]
    assert story["state"] == ends
    assert (check(at, "outcomes")[0] == "warn") is (ends == "unsettled")


@pytest.mark.parametrize(("name", "status", "state"), [("", "finished", "cancelled"), ("job 7", "yielded", "held")])
def test_i11_a_program_that_closes_its_guard_leaves_nothing_to_look_after(
    at: Callable[..., object], program: Callable[..., list[str]], name: str, status: str, state: str
):
    _, action = program("closes", name)
    (listed,) = at("runs", "list", "--json").json["runs"]
    assert listed["status"] == status
    (story,) = at("runs", "show", listed["run"], "--json").json["run"]["actions"]
    assert (story["action"], story["state"]) == (action, state)
    assert check(at, "guarded runs")[0] == "ok"
