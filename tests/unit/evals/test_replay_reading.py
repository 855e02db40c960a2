"""Recordings as lines: what is read, what is refused, and that the refusal names the line and the place."""

import json
import lzma
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from dueprocess.errors import DueProcessError, FileInvalid, StoreUnavailable
from dueprocess.evals import Course, TaskKind, numbered_lines, read_episodes, read_ground_truth
from dueprocess.evals.lines import MAX_LINE

CALL = {"name": "pay", "arguments": {"amount": 98.7}, "result": {}, "error": None, "env_changed": True}
TASK = {"suite": "s", "task_id": "user_0", "kind": "user", "prompt": "", "calls": [CALL], "gt_check": True}
EPISODE = {"id": "e", "attack": None, "steps": [{"tool_calls": [CALL], "results": [{"error": "503"}]}]}


def lines(*rows: Any) -> list[tuple[int, bytes]]:
    texts = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return list(enumerate(texts, start=1))


def refusal(reading: Callable[[], Iterable[object]]) -> str:
    with pytest.raises(FileInvalid) as caught:
        tuple(reading())
    return str(caught.value)


def test_a_task_is_read_with_exact_numbers_and_what_its_calls_changed():
    (task,) = read_ground_truth(lines(TASK), name="g")
    (call,) = task.calls
    assert (task.suite, task.id, task.kind) == ("s", "user_0", TaskKind.USER)
    assert (call.tool, str(call.arguments), call.changed, call.failed) == (
        "pay",
        "{'amount': Decimal('98.7')}",
        True,
        False,
    )


def test_whose_task_it_is_is_one_of_three():
    kinds = [{**TASK, "kind": kind} for kind in ("user", "injection", "mistake")]
    assert [task.kind for task in read_ground_truth(lines(*kinds), name="g")] == [*TaskKind]
    with pytest.raises(FileInvalid, match="got 'error'; expected user, injection or mistake"):
        read_ground_truth(lines({**TASK, "kind": "error"}), name="g")


def test_what_ground_truth_may_leave_out():
    (task,) = read_ground_truth(
        lines({"task_id": 3, "kind": "injection", "calls": [{"name": "p", "arguments": {}}]}), name="g"
    )
    assert (task.suite, task.id, task.calls[0].changed, task.calls[0].failed) == ("", "3", None, False)


def test_an_episode_pairs_each_call_with_its_result():
    steps = [
        {"assistant_text": "no call", "tool_calls": []},
        {"tool_calls": [CALL, CALL, CALL], "results": [{"error": None}, {"error": "503"}]},
    ]
    (episode,) = read_episodes(lines({**EPISODE, "steps": steps}), name="e")
    assert [(call.failed, call.answered) for call in episode.calls] == [(False, True), (True, True), (False, False)]


@pytest.mark.parametrize(
    ("attack", "recorded", "course"),
    [
        (None, None, Course.BENIGN),
        (None, {"attack_success": None}, Course.BENIGN),
        ("direct", {"attack_success": True}, Course.ATTACK_SUCCEEDED),
        ("direct", {"attack_success": False}, Course.ATTACK_FAILED),
        ("direct", {}, Course.ATTACK_FAILED),
        ("direct", None, Course.ATTACK_FAILED),
    ],
)
def test_how_an_episode_went_is_told_by_the_attack_and_its_success(attack: Any, recorded: Any, course: Course):
    (episode,) = read_episodes(lines({**EPISODE, "attack": attack, "recorded": recorded}), name="e")
    assert episode.course is course


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"kind": "users"}, "kind"),
        ({"kind": None}, "kind"),
        ({"calls": None}, "calls"),
        ({"calls": {"name": "pay"}}, "calls"),
        ({"calls": [CALL, "pay"]}, "calls[1]"),
        ({"calls": [{**CALL, "name": 7}]}, "calls[0].name"),
        ({"calls": [{"name": "pay"}]}, "calls[0].arguments"),
        ({"calls": [{"arguments": {}}]}, "calls[0].name"),
        ({"calls": [{**CALL, "env_changed": "yes"}]}, "calls[0].env_changed"),
        ({"task_id": None}, "task_id"),
        ({"task_id": True}, "task_id"),
        ({"suite": 1}, "suite"),
    ],
)
def test_a_task_that_is_not_of_its_form_names_line_and_place(change: dict[str, Any], place: str):
    told = refusal(lambda: read_ground_truth(lines({**TASK, "task_id": "first"}, {**TASK, **change}), name="g.jsonl"))
    assert f"line 2: {place}: " in told
    assert told.startswith("g.jsonl does not load")
    assert "expected" in told


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"steps": None}, "steps"),
        ({"steps": [None]}, "steps[0]"),
        ({"steps": [{}]}, "steps[0].tool_calls"),
        ({"steps": [{"tool_calls": [CALL], "results": {}}]}, "steps[0].results"),
        ({"steps": [{"tool_calls": [CALL], "results": ["ok"]}]}, "steps[0].results[0]"),
        ({"recorded": {"attack_success": "yes"}}, "recorded.attack_success"),
        ({"recorded": []}, "recorded"),
        ({"id": None}, "id"),
    ],
)
def test_an_episode_that_is_not_of_its_form_names_line_and_place(change: dict[str, Any], place: str):
    told = refusal(lambda: read_episodes(lines(EPISODE, EPISODE, {**EPISODE, **change}), name="e"))
    assert f"line 3: {place}: " in told


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"null",
        b"not json",
        b"\xff{}",
        b'{"task_id": "a", "task_id": "b", "kind": "user", "calls": []}',
        b'{"task_id": "a", "kind": "user", "calls": [{"name": "pay", "arguments": {"amount": NaN}}]}',
        b'{"task_id": "a", "kind": "user", "calls": [{"name": "pay", "arguments": {"to": "\\ud800"}}]}',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_exact_json_object_is_an_error_with_its_number(text: bytes):
    for read in (read_ground_truth, read_episodes):
        row = TASK if read is read_ground_truth else EPISODE
        with pytest.raises(FileInvalid, match="line 2"):
            tuple(read(lines(row, text), name="f"))


def test_a_task_that_is_there_twice_is_refused_and_one_of_another_suite_or_kind_is_not():
    read_ground_truth(lines(TASK, {**TASK, "suite": "t"}, {**TASK, "kind": "injection"}), name="g")
    assert "line 2: task_id: the user task 'user_0' is there twice" in refusal(
        lambda: read_ground_truth(lines(TASK, TASK), name="g")
    )


def test_a_file_that_holds_nothing_is_refused():
    assert "it holds no tasks" in refusal(lambda: read_ground_truth([], name="g"))
    assert "it holds no episodes" in refusal(lambda: read_episodes([], name="e"))


def test_lines_are_numbered_as_an_editor_numbers_them(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf{}\n\n  \r\n{1}\r\n{2}")
    assert list(numbered_lines(path)) == [(1, b"{}"), (4, b"{1}"), (5, b"{2}")]


def test_packed_lines_are_told_by_their_bytes_and_not_by_the_name(tmp_path: Path):
    for name in ("a.jsonl", "a.jsonl.xz"):
        path = tmp_path / name
        path.write_bytes(lzma.compress(b"{1}\n{2}\n"))
        assert list(numbered_lines(path)) == [(1, b"{1}"), (2, b"{2}")]
    plain = tmp_path / "plain.jsonl.xz"
    plain.write_bytes(b"{1}\n")
    assert list(numbered_lines(plain)) == [(1, b"{1}")]


@pytest.mark.parametrize("content", [b"{1}\n{2}\n", lzma.compress(b"{1}\n{2}\n")], ids=["plain", "packed"])
def test_a_pipe_can_be_read(tmp_path: Path, content: bytes):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    assert list(numbered_lines(path)) == [(1, b"{1}"), (2, b"{2}")]
    writer.join(timeout=10)


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_packed_file_is_refused(tmp_path: Path, harm: str):
    packed = bytearray(lzma.compress(b"".join(b'{"n": %d}\n' % n for n in range(5000))))
    if harm == "cut":
        del packed[len(packed) // 2 :]
    else:
        packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "a.jsonl.xz"
    path.write_bytes(packed)
    assert "the packed data is damaged or cut" in refusal(lambda: numbered_lines(path))


def test_a_line_longer_than_any_recording_is_refused_before_it_is_held_whole(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lzma.compress(b"{}\n" + b" " * (2 * MAX_LINE), preset=0))
    assert f"line 2: longer than {MAX_LINE} bytes" in refusal(lambda: numbered_lines(path))


def test_a_file_that_is_not_there_says_so(tmp_path: Path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            list(numbered_lines(path))


def test_every_refusal_is_an_error_of_the_library():
    assert issubclass(FileInvalid, DueProcessError)


def test_a_call_may_say_what_was_confirmed_answered_and_expected():
    call = {
        **CALL,
        "confirmed": True,
        "answers": [{"name": "look", "arguments": {"id": 1}, "result": "x"}],
        "gold_match": None,
    }
    (task,) = read_ground_truth(
        lines({**TASK, "sort": "theft", "calls": [call, CALL, {**CALL, "gold_match": "exact"}]}), name="g"
    )
    first, second, third = task.calls
    assert task.sort == "theft"
    assert (first.confirmed, second.confirmed) == (True, False)
    assert [(each.tool, each.arguments, each.result) for each in first.answers] == [("look", {"id": 1}, "x")]
    assert (first.expected, second.expected, third.expected) == (False, None, True)


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ({"confirmed": "yes"}, "calls[0].confirmed"),
        ({"answers": {}}, "calls[0].answers"),
        ({"answers": [{"name": "look", "arguments": {}}]}, "calls[0].answers[0].result"),
        ({"answers": [{"arguments": {}, "result": 1}]}, "calls[0].answers[0].name"),
    ],
)
def test_what_is_beside_a_call_is_read_strictly(call: dict[str, Any], place: str):
    assert place in refusal(lambda: read_ground_truth(lines({**TASK, "calls": [{**CALL, **call}]}), name="g"))
