"""`due demo` as others build on it: its figures, its files, its payments, and that it may be killed at any moment."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dueprocess.ledger import Verified, VerifierKey, verify_export
from dueprocess.testing.model_server import Answer, Asked, ModelServer, answering, completion

DUE = [sys.executable, "-c", "from dueprocess.cli.main import main; main()", "demo"]
MAY_DIFFER = {"ledger_events", "cost_usd", "without_gate"}
SEED = "7"


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in {"OPENAI_API_KEY", "DUE_BASE_URL"}}


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*DUE, "--dir", str(folder), "--seed", SEED, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment(),
    )


def let_run(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Returns when the process has ended, or has had this long."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


def finish(folder: Path, *more: str) -> str:
    out, err = start(folder, *more).communicate(timeout=120)
    assert err == b"", err.decode()
    return out.decode()


def refunds(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    return [line for line in lines if line["kind"] == "refund"]


def paid(folder: Path) -> Counter[tuple[str, str]]:
    return Counter((line["order_id"], str(line["amount_usd"])) for line in refunds(folder / "payments.jsonl"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "undisturbed"
    (folder.parent / "screen.txt").write_text(finish(folder), "utf-8")
    return folder


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text("utf-8"))


@pytest.mark.slow
def test_the_figures_add_up_and_are_those_of_the_payments_file(undisturbed: Path):
    told = summary(undisturbed)
    assert told["tasks"] == 40 == told["completed"] + told["held"] + told["handed_off"]
    assert told["effects_in_sink"] == told["effects_settled"] == len(refunds(undisturbed / "payments.jsonl"))
    assert told["double_effects"] == told["budget_overruns"] == told["unknown_outcomes"] == 0
    assert told["ledger_verified"] is True
    assert told["held"] > 0
    assert told["denied_actions"] > 0
    plain = refunds(undisturbed / "plain" / "plain-payments.jsonl")
    orders = Counter(line["order_id"] for line in plain)
    assert told["without_gate"]["double_effects"] == sum(count - 1 for count in orders.values()) > 0
    assert told["without_gate"]["overspent_usd"] > 0


@pytest.mark.slow
def test_the_exported_ledger_verifies_with_the_exported_key_alone(undisturbed: Path):
    key = VerifierKey.parse((undisturbed / "ledger.pub").read_text("utf-8"))
    verified = verify_export([(undisturbed / "ledger.jsonl").read_bytes()], key=key)
    assert isinstance(verified, Verified)
    assert verified.lines == summary(undisturbed)["ledger_events"]


@pytest.mark.slow
def test_its_agent_cites_what_it_has_read(undisturbed: Path):
    words = ["evidence", "rate", "--dir", str(undisturbed), "--json"]
    done = subprocess.run([*DUE[:-1], *words], capture_output=True, text=True, check=True)
    (told,) = json.loads(done.stdout)["agents"]
    assert told["named"] == told["resolved"] > 0
    assert told["hallucinated"] == 0


@pytest.mark.slow
def test_a_run_after_the_end_prints_the_same_and_pays_nothing(undisturbed: Path):
    before = (undisturbed / "payments.jsonl").read_bytes()
    events = summary(undisturbed)["ledger_events"]
    assert finish(undisturbed) == (undisturbed.parent / "screen.txt").read_text("utf-8")
    assert (undisturbed / "payments.jsonl").read_bytes() == before
    assert summary(undisturbed)["ledger_events"] == events


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_refunds_and_figures(undisturbed: Path, tmp_path: Path):
    folder, chance = tmp_path / "killed", random.Random(SEED)
    kept: list[bytes] = []
    for kill in range(5):
        process = start(folder)
        let_run(process, chance.uniform(0.3, 3.5))  # the moment of the kill is what varies
        if kill % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.communicate()
        kept = still_there(folder, kept)
    finish(folder)
    still_there(folder, kept)
    got, expected = summary(folder), summary(undisturbed)
    assert {key: got[key] for key in got.keys() - MAY_DIFFER} == {
        key: expected[key] for key in expected.keys() - MAY_DIFFER
    }
    assert paid(folder) == paid(undisturbed)


def still_there(folder: Path, kept: list[bytes]) -> list[bytes]:
    """Events that were committed before a kill stay as they were."""
    exporter = "import sys; from pathlib import Path; from dueprocess.wiring.home import open_home; "
    exporter += "store = open_home(Path(sys.argv[1]), {}).store; [print(line.decode()) for line in store.lines()]"
    if not (folder / ".due" / "ledger.db").exists():
        return kept
    done = subprocess.run([sys.executable, "-c", exporter, str(folder / ".due")], capture_output=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[: len(kept)] == kept
    return lines


@pytest.mark.slow
def test_no_worker_outlives_its_command(tmp_path: Path):
    process = start(tmp_path / "d")
    until = time.monotonic() + 60
    while not workers(process.pid) and time.monotonic() < until:
        let_run(process, 0.05)
    assert workers(process.pid)
    process.kill()
    process.communicate()
    while workers(process.pid) and time.monotonic() < until:
        os.sched_yield()
    assert workers(process.pid) == []


def workers(group: int) -> list[int]:
    """The living processes of this process group but its leader."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != group:
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path):
    script = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    done = subprocess.run(
        [*DUE, "--dir", str(tmp_path)], capture_output=True, text=True, env=environment(), check=False
    )
    holder.communicate(b"\n")
    assert done.returncode == 1
    assert "another demo runs" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_in_the_place_of_the_folder_is_a_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    folder = tmp_path / "file" / "d"
    done = subprocess.run([*DUE, "--dir", str(folder)], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 1
    assert "expected a folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_with_a_model_server_the_same_inbox_runs_on_that_and_the_screen_says_so(
    tmp_path: Path,
):
    def answer(asked: Asked) -> Answer:
        messages = asked.body["messages"]
        order = re.search(r"O-\d+", " ".join(str(each["content"]) for each in messages if each["role"] == "user"))
        if order is None or any(each["role"] == "tool" for each in messages):
            return answering(completion("I looked into it."))
        return answering(
            completion(None, calls=(("c1", "get_order", json.dumps({"order_id": order[0]})),), finish="tool_calls")
        )

    with ModelServer(answer) as server:
        model = {"DUE_MODEL": "m-1", "DUE_BASE_URL": server.base_url, "DUE_PRICE": "0.1,0.4"}
        command = [*DUE, "--dir", str(tmp_path / "demo")]
        done = subprocess.run(command, env={**environment(), **model}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The model is m-1, a real one." in done.stdout
    assert "2  The same inbox through the gate\n" in done.stdout
    figures = summary(tmp_path / "demo")
    assert (figures["tasks"], figures["completed"], figures["effects_in_sink"]) == (40, 40, 0)
    assert figures["ledger_verified"]
    assert {asked.body["model"] for asked in server.asked} == {"m-1"}
    assert len(server.asked) >= 2 * 40
