import asyncio
import json
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dueprocess.errors import FileInvalid, ModelRefused, ModelUnavailable, StoreUnavailable
from dueprocess.model import Message, ModelReply, ModelRequest, OfferedTool, Price, Provider, Role
from dueprocess.providers import CassetteRecorder, CassetteReplayer, Line, PydanticAi, Scripted, by_turn
from dueprocess.testing.model_server import ModelServer, answering, completion
from dueprocess.values import Money

PRICE = Price(input=Money(1_000_000), output=Money(2_000_000))
REQUEST = ModelRequest(
    model="scripted",
    messages=(Message(role=Role.SYSTEM, text="Be short."), Message(role=Role.USER, text="refund A-1")),
    tools=(OfferedTool(name="pay", description="Pays.", parameters={"type": "object"}),),
    max_output_tokens=50,
    timeout_s=1.0,
)


def echo(request: ModelRequest, run: str, turn: int) -> Line:
    return Line(text=f"{run}/{turn}: {request.messages[-1].text}")


def ask(provider: Provider, request: ModelRequest = REQUEST, *, run: str = "r", turn: int = 1) -> ModelReply:
    return asyncio.run(provider.request(request, run=run, turn=turn))


def close(provider: Provider) -> None:
    asyncio.run(provider.close())


def record(path: Path, *questions: tuple[str, int], request: ModelRequest = REQUEST) -> list[ModelReply]:
    recorder = CassetteRecorder(Scripted(echo, price=PRICE), path)
    replies = [ask(recorder, request, run=run, turn=turn) for run, turn in questions]
    close(recorder)
    return replies


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


def test_a_replay_gives_what_was_recorded(path: Path):
    recorded = record(path, ("r", 1), ("r", 2))
    replayer = CassetteReplayer(path)
    assert [ask(replayer, turn=1), ask(replayer, turn=2)] == recorded
    close(replayer)


def test_the_order_in_which_runs_ask_does_not_matter(path: Path):
    questions = [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    recorded = dict(zip(questions, record(path, *questions), strict=True))

    async def other_order() -> None:
        replayer = CassetteReplayer(path)
        asked = [replayer.request(REQUEST, run=run, turn=turn) for run, turn in reversed(questions)]
        assert await asyncio.gather(*asked) == [recorded[question] for question in reversed(questions)]
        await replayer.close()

    asyncio.run(other_order())


def test_a_turn_asked_again_after_a_crash_gets_the_same_reply(path: Path):
    (recorded,) = record(path, ("r", 1))
    replayer = CassetteReplayer(path)
    assert [ask(replayer), ask(replayer)] == [recorded, recorded]
    close(replayer)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (replace(REQUEST, model="other"), "at $.model expected 'scripted', got 'other'"),
        (replace(REQUEST, max_output_tokens=49), "at $.max_output_tokens expected 50, got 49"),
        (replace(REQUEST, tools=()), "at $.tools[0] expected "),
        (replace(REQUEST, schema={"type": "object"}), 'at $.schema expected null, got {"type":"object"}'),
        (replace(REQUEST, messages=REQUEST.messages[:1]), "at $.messages[1] expected "),
        (
            replace(REQUEST, messages=(REQUEST.messages[0], Message(role=Role.USER, text="refund A-2"))),
            "at $.messages[1].text expected 'refund A-1', got 'refund A-2'",
        ),
    ],
)
def test_another_question_is_refused_and_the_first_difference_named(path: Path, asked: ModelRequest, says: str):
    record(path, ("r", 1))
    with pytest.raises(ModelRefused) as caught:
        ask(CassetteReplayer(path), asked)
    assert "run 'r' turn 1" in str(caught.value)
    assert "line 2" in str(caught.value)
    assert says in str(caught.value)
    assert not caught.value.may_have_run


def test_the_timeout_may_differ(path: Path):
    (recorded,) = record(path, ("r", 1))
    assert ask(CassetteReplayer(path), replace(REQUEST, timeout_s=0.5)) == recorded


def test_a_refused_question_is_not_read(path: Path):
    record(path, ("r", 1))
    replayer = CassetteReplayer(path)
    with pytest.raises(ModelRefused):
        ask(replayer, replace(REQUEST, model="other"))
    assert replayer.unread() == (("r", 1),)


def test_a_turn_that_is_not_on_the_tape_is_refused_and_told_which_are(path: Path):
    record(path, ("r", 1), ("r", 2), ("s", 1))
    replayer = CassetteReplayer(path)
    with pytest.raises(ModelRefused, match=r"run 'r' turn 3 is not on the tape .* which has of this run: 1, 2; record"):
        ask(replayer, turn=3)
    with pytest.raises(ModelRefused, match=r"run 't' turn 1 is not on the tape .* which has of this run: nothing"):
        ask(replayer, run="t")


def test_a_tape_with_unread_replies_does_not_end(path: Path):
    record(path, ("r", 1), ("r", 2), ("s\n", 1))
    replayer = CassetteReplayer(path)
    ask(replayer)
    for _ in range(2):
        with pytest.raises(ModelRefused) as caught:
            close(replayer)
        assert str(caught.value).endswith(r"were not asked for: run 'r' turn 2; run 's\n' turn 1")
    ask(replayer, turn=2)
    ask(replayer, run="s\n")
    close(replayer)


def test_the_list_of_unread_replies_is_bounded(path: Path):
    record(path, *((f"run-{number}", 1) for number in range(50)))
    with pytest.raises(ModelRefused) as caught:
        close(CassetteReplayer(path))
    assert str(caught.value).startswith("50 of 50 replies")
    assert str(caught.value).endswith("run 'run-19' turn 1; and 30 more")


def test_a_replay_knows_the_recorded_prices_and_no_other(path: Path):
    record(path, ("r", 1))
    replayer = CassetteReplayer(path)
    assert replayer.price("scripted") == PRICE
    assert replayer.price("gpt-4o") is None


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "line|empty"), (b"x", "line 1: torn"), (b"x\n", "line 1: not JSON")]
)
def test_a_file_that_is_no_tape_is_not_replayed(path: Path, content: bytes, says: str):
    path.write_bytes(content)
    with pytest.raises(FileInvalid, match=says):
        CassetteReplayer(path)


def test_a_tape_that_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(FileInvalid, match="cannot be read: No such file"):
        CassetteReplayer(tmp_path / "none.jsonl")
    with pytest.raises(FileInvalid, match="cannot be read: Is a directory"):
        CassetteReplayer(tmp_path)


# Recording ------------------------------------------------------------------------------------------------------------


def test_a_reply_is_on_the_tape_before_it_is_given_to_anybody(path: Path):
    recorder = CassetteRecorder(Scripted(echo), path)
    reply = ask(recorder)
    # Read while the recorder is open, as after a crash: nothing was closed, flushed or synced.
    assert ask(CassetteReplayer(path)) == reply
    close(recorder)


def test_a_tape_is_continued_and_what_is_on_it_is_not_asked_again(path: Path):
    recorded = record(path, ("r", 1))
    asked: list[int] = []

    def script(request: ModelRequest, run: str, turn: int) -> Line:
        asked.append(turn)
        return Line(text="new")

    recorder = CassetteRecorder(Scripted(script), path)
    assert [ask(recorder, turn=1)] == recorded
    assert ask(recorder, turn=2).text == "new"
    close(recorder)
    assert asked == [2]
    assert [ask(CassetteReplayer(path), turn=turn).text for turn in (1, 2)] == [recorded[0].text, "new"]


def test_another_question_for_a_recorded_turn_is_refused_without_asking(path: Path):
    record(path, ("r", 1))
    recorder = CassetteRecorder(Scripted(by_turn([])), path)
    with pytest.raises(ModelRefused, match=r"at \$.max_output_tokens expected 50, got 1;"):
        ask(recorder, replace(REQUEST, max_output_tokens=1))
    close(recorder)


def test_two_drivers_that_ask_the_same_at_once_get_the_one_recorded_reply(path: Path):
    numbers = iter(range(9))

    def script(request: ModelRequest, run: str, turn: int) -> Line:
        return Line(text=str(next(numbers)))

    async def both() -> None:
        recorder = CassetteRecorder(Scripted(script), path)
        one, other = await asyncio.gather(*(recorder.request(REQUEST, run="r", turn=1) for _ in range(2)))
        await recorder.close()
        assert one == other

    asyncio.run(both())
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("failure", [ModelUnavailable("busy"), ModelRefused("no")])
def test_failures_are_not_recorded(path: Path, failure: ModelUnavailable | ModelRefused):
    lines = [Line(failure=failure)]
    recorder = CassetteRecorder(Scripted(by_turn(lines)), path)
    with pytest.raises(type(failure)):
        ask(recorder)
    close(recorder)
    assert len(path.read_text().splitlines()) == 1


def test_a_reply_that_a_tape_cannot_hold_is_refused_and_leaves_no_line(path: Path):
    recorder = CassetteRecorder(Scripted(by_turn([Line(text="\ud800")])), path)
    with pytest.raises(ModelRefused, match=r"the reply cannot be put on a tape: .*lone surrogate") as caught:
        ask(recorder)
    assert caught.value.may_have_run
    close(recorder)
    assert len(path.read_text().splitlines()) == 1


def test_a_question_that_a_tape_cannot_hold_is_refused_before_it_is_asked(path: Path):
    recorder = CassetteRecorder(Scripted(by_turn([])), path)
    with pytest.raises(ModelRefused, match="the request cannot be put on a tape") as caught:
        ask(recorder, replace(REQUEST, messages=(Message(role=Role.USER, text="\udfff"),)))
    assert not caught.value.may_have_run
    close(recorder)


def test_a_torn_tape_is_not_continued(path: Path):
    record(path, ("r", 1))
    path.write_bytes(path.read_bytes() + b'{"run":"r","tu')
    with pytest.raises(FileInvalid, match="line 3: torn: 14 bytes without a newline"):
        CassetteRecorder(Scripted(echo), path)
    # What was refused holds no lock: cut back, the tape is good again.
    os.truncate(path, path.stat().st_size - 14)
    record(path, ("r", 2))
    assert len(path.read_text().splitlines()) == 3


def test_one_process_at_a_time_records(path: Path):
    recorder = CassetteRecorder(Scripted(echo), path)
    with pytest.raises(StoreUnavailable, match="another process records on the tape"):
        CassetteRecorder(Scripted(echo), path)
    close(recorder)
    close(CassetteRecorder(Scripted(echo), path))


def test_a_tape_that_cannot_be_opened_is_told(tmp_path: Path):
    with pytest.raises(StoreUnavailable, match="cannot be opened: No such file"):
        CassetteRecorder(Scripted(echo), tmp_path / "missing" / "tape.jsonl")
    with pytest.raises(StoreUnavailable, match="cannot be opened: Is a directory"):
        CassetteRecorder(Scripted(echo), tmp_path)


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk_leaves_no_torn_line_and_recording_goes_on_when_there_is_room(path: Path, room: int):
    recorder = CassetteRecorder(Scripted(echo), path)
    ask(recorder)
    good = path.read_bytes()
    with disk_full_at(len(good) + room):
        with pytest.raises(ModelUnavailable, match=r"cannot be written: .* then run again") as caught:
            ask(recorder, turn=2)
        assert caught.value.may_have_run
    assert path.read_bytes() == good
    ask(recorder, turn=2)
    close(recorder)
    assert len(path.read_text().splitlines()) == 3


def test_a_disk_that_is_full_at_once_makes_no_tape(path: Path):
    with disk_full_at(0), pytest.raises(StoreUnavailable, match="cannot be written"):
        CassetteRecorder(Scripted(echo), path)
    close(CassetteRecorder(Scripted(echo), path))
    assert len(path.read_text().splitlines()) == 1


def test_a_closed_tape_is_written_no_more(path: Path):
    recorder = CassetteRecorder(Scripted(echo), path)
    close(recorder)
    # The number of the closed file may be that of another one by now: it must not get our line.
    with (path.parent / "other").open("w+b") as other:
        with pytest.raises(ModelUnavailable, match="is closed"):
            ask(recorder)
        assert other.read() == b""


def test_only_the_owner_can_read_a_tape(path: Path):
    record(path, ("r", 1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_tape_holds_no_key_and_no_header(path: Path):
    with ModelServer(answering(completion("Hello."), headers={"x-secret": "sk-of-the-server"})) as server:

        async def record_over_http() -> None:
            inner = PydanticAi(base_url=server.base_url, api_key="sk-of-the-client")
            recorder = CassetteRecorder(inner, path)
            await recorder.request(REQUEST, run="r", turn=1)
            await recorder.close()

        asyncio.run(record_over_http())
        assert server.asked[0].headers["authorization"] == "Bearer sk-of-the-client"
    kept = path.read_text()
    assert "sk-of" not in kept
    assert "127.0.0.1" not in kept
    assert set(json.loads(kept.splitlines()[1])) == {"run", "turn", "request", "reply", "price"}
