"""The command as a process: signals, pipes, terminals, two at once, and a disk that is full."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import TOOLS, refund, task

pytestmark = pytest.mark.slow
# A shell starts its background jobs, and these tests with them, with the interrupt ignored; a terminal does not.
FROM_A_TERMINAL = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
DUE = (sys.executable, "-c", f"{FROM_A_TERMINAL} from dueprocess.cli.main import main; main()")
SLOW = '''
import asyncio

@tool(effect="write")
async def wait_refund(order_id: str, *, call: Attempt) -> str:
    """Waits until the file `go` is there, then pays."""
    folder = SINK.parent
    (folder / "waiting").write_text("")
    while not (folder / "go").exists():
        await asyncio.sleep(0.01)
    with SINK.open("a") as file:
        file.write(f"{call.key}\\n")
    return "paid"
'''


@pytest.fixture
def slow_shop(shop: Path) -> Path:
    (shop / "tools.py").write_text(TOOLS + SLOW)
    policy = (shop / "policy.yaml").read_text()
    (shop / "policy.yaml").write_text(policy.replace("  close_shop:", "  wait_refund: {allowed: true}\n  close_shop:"))
    return shop


def start(*words: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DUE_", "OPENAI_"))}
    return subprocess.Popen([*DUE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    while not path.exists():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            raise AssertionError(process.communicate())


def test_an_interrupt_finishes_what_is_under_way_and_the_run_goes_on_later(slow_shop: Path, due: Due):
    process = start("run", task(("wait_refund", {"order_id": "A1"}), ("get_order", {"order_id": "A1"})), "--key", "k")
    wait_for(slow_shop / "waiting", process)
    process.send_signal(signal.SIGINT)
    (slow_shop / "go").write_text("")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted: what is under way is finished" in err
    assert "Traceback" not in out + err
    assert len((slow_shop / "sink.txt").read_text().splitlines()) == 1
    run = due("runs", "list", "--json").json["runs"][0]["run"]
    assert f"due run --resume {run}" in err
    assert due("run", "--resume", run).code == 0
    assert len((slow_shop / "sink.txt").read_text().splitlines()) == 1


def test_a_second_interrupt_leaves_at_once_and_the_outcome_is_not_guessed(slow_shop: Path, due: Due):
    with start("run", task(("wait_refund", {"order_id": "A1"}))) as process:
        wait_for(slow_shop / "waiting", process)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "interrupted" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    (open_,) = due("actions", "list", "--json").json["actions"]
    assert (open_["tool"], open_["state"]) == ("wait_refund", "dispatched")


def test_a_worker_stops_after_what_is_under_way(slow_shop: Path, due: Due):
    run = due("run", task(("wait_refund", {"order_id": "A1"})), "--detach").out.strip()
    process = start("run", "--work")
    wait_for(slow_shop / "waiting", process)
    process.send_signal(signal.SIGTERM)
    (slow_shop / "go").write_text("")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False)
    assert due("run", "--resume", run).code == 0
    assert len((slow_shop / "sink.txt").read_text().splitlines()) == 1


def test_two_processes_with_one_key_are_one_run_and_one_effect(shop: Path, due: Due):
    processes = [start("run", refund("20"), "--key", "same") for _ in range(2)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert [(out, code) for (out, _), code in ended] == [("done\n", 0)] * 2, ended
    assert len((shop / "sink.txt").read_text().splitlines()) == 1
    assert len(due("runs", "list", "--json").json["runs"]) == 1


def test_a_reader_that_leaves_early_is_no_error_to_be_told(shop: Path, due: Due):
    due("run", refund("20"))
    with start("runs", "list") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_output_that_finds_no_room_is_an_error_without_a_traceback(shop: Path, due: Due):
    due("run", refund("20"))
    with Path("/dev/full").open("w") as full:
        process = subprocess.run([*DUE, "runs", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert process.returncode == 1
    assert "No space left" in process.stderr
    assert "Traceback" not in process.stderr


def test_what_goes_wrong_with_the_answers_is_not_said_of_the_calls(shop: Path):
    (shop / "tools.json").write_text('{"tools": []}')
    (shop / "calls.jsonl").write_text("{}\n" * 10_000)
    (shop / "policy.yaml").write_text("tools: {}")
    words = ("policy", "decide", "--policy", "policy.yaml", "--tools", "tools.json", "--calls", "calls.jsonl")
    with Path("/dev/full").open("w") as full:
        process = subprocess.run([*DUE, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.startswith("error: No space left on device")
    with subprocess.Popen([*DUE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as left:
        assert left.stdout is not None
        assert left.stderr is not None
        assert json.loads(left.stdout.readline())["decision"] == "deny"
        left.stdout.close()
        assert left.stderr.read() == ""


def test_a_full_disk_is_an_error_and_the_ledger_stays_whole(shop: Path, due: Due):
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    process = subprocess.run(
        [*DUE, "run", refund("20")], capture_output=True, text=True, check=False, preexec_fn=little_room
    )
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    assert process.stderr.splitlines()[-1].startswith("error: ")
    assert due("doctor", "--json").json["ok"] is True
    assert due("run", refund("20")).code == 0


def test_a_project_that_finds_no_room_leaves_nothing_behind(tmp_path: Path):
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    (tmp_path / "mine").write_text("mine")
    for folder in (tmp_path / "a" / "b", tmp_path):
        process = subprocess.run(
            [*DUE, "init", folder], capture_output=True, text=True, check=False, preexec_fn=little_room
        )
        assert process.returncode == 1
        assert process.stderr.startswith(f"error: {folder}: File too large; expected a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8:strict", "ascii:strict", "latin-1"])
@pytest.mark.parametrize("words", [("run", "-"), ("policy", "explain", "--policy", "policy.yaml", "--call", "-")])
def test_bytes_on_stdin_that_are_no_text_are_an_error(shop: Path, encoding: str, words: tuple[str, ...]):
    (shop / "tools.json").write_text('{"tools": []}')
    (shop / "policy.yaml").write_text("tools: {}")
    more = ("--tools", "tools.json") if words[0] == "policy" else ()
    process = subprocess.run(
        [*DUE, *words, *more],
        input=b"Refund \xff\xfe",
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert process.returncode == 1
    assert process.stderr.startswith(b"error: ")
    assert b"UTF-8" in process.stderr or b"policy.yaml" in process.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "show", b"r_\xff"),
        ("approvals", "show", b"\xff"),
        ("run", b"Refund \xff"),
        ("audit", "report", "--run", b"\xff"),
        ("ledger", "prove", "--action", b"\x80"),
        ("actions", "settle", b"\xff", "--failed"),
        ("runs", "list", "--agent", b"\xff"),
        ("policy", "publish", b"\xff.yaml", "--agent", b"\xff"),
        ("stop", "--lift", b"tool:\xff"),
        (b"\xff",),
    ],
)
def test_words_that_are_no_text_are_wrong_words(shop: Path, due: Due, words: tuple[str | bytes, ...]):
    due("run", refund("20"))
    process = subprocess.run([*DUE, *words], capture_output=True, check=False)
    assert process.returncode == 2, process.stderr
    assert b"is not UTF-8; expected whole Unicode text" in process.stderr
    assert b"Traceback" not in process.stderr


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_that_want_them(shop: Path, due: Due, environment: dict[str, str], *, coloured: bool):
    due("run", refund("20"))
    shown = b"".join(terminal(["doctor", "--quick"], environment))
    assert b"ok" in shown
    assert (b"\x1b[" in shown) is coloured
    assert "\x1b" not in due("doctor", "--quick").out


def terminal(words: list[str], environment: dict[str, str]) -> Iterator[bytes]:
    """What the command prints on a terminal."""
    mine, its = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen([*DUE, *words], stdout=its, stderr=its, env={**kept, **environment, "TERM": "xterm"})
    os.close(its)
    with suppress(OSError):
        while piece := os.read(mine, 4096):
            yield piece
    os.close(mine)
    assert process.wait(60) == 0
