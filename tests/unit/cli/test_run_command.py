"""`due run`: one task from a person's words to its end, or to whoever must act next. The exit code says which."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import refund, task

HOSTILE = "\x1b[2J\u202egnp.exe\u200b\r\nok\x07"


def sink(shop: Path) -> list[str]:
    path = shop / "sink.txt"
    return path.read_text().splitlines() if path.exists() else []


def test_what_is_allowed_runs_once_and_the_result_alone_is_on_stdout(due: Due, shop: Path):
    told = due("run", refund("20"))
    assert (told.code, told.out) == (0, "done\n")
    assert len(sink(shop)) == 1
    assert "issue_refund(amount_usd='20'" in told.err


def test_what_is_held_ends_with_5_and_the_commands_that_go_on(due: Due, shop: Path):
    told = due("run", refund("30"))
    assert told.code == 5
    assert not sink(shop)
    run, action = told.out.split()[0], told.out.split("\n")[1].split()[0]
    assert f"due approvals approve {action}" in told.out
    assert f"due run --resume {run}" in told.out
    assert "group:finance" in told.out
    assert "due identity add NAME --group finance" in told.out  # nobody could approve yet


def test_what_is_denied_ends_with_4_and_says_why(due: Due, shop: Path):
    told = due("run", refund("51"))
    assert told.code == 4
    assert "issue_refund.max_amount_usd" in told.err
    assert not sink(shop)


def test_a_run_that_did_something_before_a_denial_is_no_denied_run(due: Due, shop: Path):
    calls = [("issue_refund", {"order_id": "A1", "amount_usd": amount}) for amount in ("20", "51")]
    assert due("run", task(*calls)).code == 0
    assert len(sink(shop)) == 1


def test_a_run_whose_write_nobody_can_tell_ends_with_a_person(due: Due, shop: Path):
    told = due("run", task(("lose_refund", {"order_id": "A1"})))
    assert told.code == 1
    assert "handed off" in told.out
    assert "due actions settle a_" in told.err


def test_the_same_key_is_the_same_run(due: Due, shop: Path):
    first = due("run", refund("20"), "--key", "t1", "--json").json
    again = due("run", refund("20"), "--key", "t1", "--json").json
    assert first == again
    assert len(sink(shop)) == 1


def test_as_json_it_is_one_line_for_programs(due: Due, shop: Path):
    told = due("run", refund("30"), "--json")
    found = told.json
    assert (told.code, found["exit"], found["status"], found["result"]) == (5, 5, "held", None)
    assert found["actions"][0]["findings"][0]["rule"] == "issue_refund.require_approval_over_usd"
    assert any("--resume" in line for line in found["next"])


def test_after_the_approval_it_goes_on_where_it_rested(
    due: Due, shop: Path, held: tuple[str, str], token: Callable[..., str]
):
    run, action = held
    assert due("approvals", "approve", action, token=token("fin", "finance")).code == 0
    told = due("run", "--resume", run)
    assert (told.code, told.out) == (0, "done\n")
    assert len(sink(shop)) == 1
    assert due("run", "--resume", run).out == "done\n"
    assert len(sink(shop)) == 1


def test_a_worker_takes_up_what_is_due(due: Due, shop: Path):
    runs = [due("run", refund("20"), "--detach").out.strip() for _ in range(3)]
    assert len(set(runs)) == 3
    assert not sink(shop)
    assert due("run", "--work", "--until-idle").code == 0
    assert len(sink(shop)) == 3
    assert {each["status"] for each in due("runs", "list", "--json").json["runs"]} == {"finished"}


def test_driving_one_run_leaves_the_others_alone(due: Due, shop: Path):
    waiting = due("run", refund("20"), "--detach").out.strip()
    due("run", refund("21"))
    assert len(sink(shop)) == 1
    assert due("runs", "show", waiting, "--json").json["run"]["status"] == "ready"


def test_a_question_is_answered_and_the_run_goes_on(due: Due, shop: Path):
    asked = due("run", task(ask="Which one?", say="you said "), "--json")
    assert asked.code == 5
    assert asked.json["question"] == "Which one?"
    run = asked.json["run"]
    assert due("runs", "answer", run, "the blue one").code == 0
    assert due("run", "--resume", run).out == "you said the blue one\n"
    assert due("runs", "answer", run, "again").code == 1


def test_i10_hostile_words_are_shown_and_do_nothing(due: Due, shop: Path):
    told = due("run", task(("get_order", {"order_id": HOSTILE}), say=HOSTILE))
    assert told.code == 0
    for stream in (told.out, told.err):
        assert not set(stream) & set("\x1b\u202e\u200b\x07\r")
    assert told.out.splitlines() == ["\\u001b[2J\\u202egnp.exe\\u200b\\u000d", "ok\\u0007"]
    assert due("run", task(say=HOSTILE), "--json").json["result"] == HOSTILE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("",), "empty"),
        (("x", "--agent", "suport"), "support"),
        (("x", "--on-behalf-of", "ann"), "user:NAME"),
        (("x", "--on-behalf-of", "agent:support"), "user:NAME"),
        (("x", "--session", "a b"), "session"),
        (("x", "--key", "k\u202e"), "key"),
        (("x", "--key", "k\x1f"), "key"),
        (("x", "--inputs", "{"), "JSON"),
        (("x", "--inputs", "[1]"), "no JSON object"),
        (("--resume", "r_nothing"), "no run"),
        (("--resume", "../../etc"), "no run"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_submitted(due: Due, shop: Path, words: tuple[str, ...], said: str):
    told = due("run", *words)
    assert (told.code, told.out) == (1, "")
    assert said in told.err
    assert due("runs", "list", "--json").json["runs"] == []


def test_a_key_that_is_already_another_tasks_is_told(due: Due, shop: Path):
    due("run", task(say="first"), "--key", "k")
    same = due("run", task(say="first"), "--key", "k")
    assert (same.out, "another" in same.err) == ("first\n", False)
    other = due("run", task(say="second"), "--key", "k")
    assert other.out == "first\n"
    assert "the key k is that of an earlier task" in other.err


def test_an_action_that_only_a_person_can_tell_is_told_with_the_commands_that_settle_it(due: Due, shop: Path):
    told = due("run", task(("lose_refund", {"order_id": "A1"})))
    (action,) = due("actions", "list", "--json").json["actions"]
    settle = f"due actions settle {action['action']}"
    assert f"if it took effect: {settle} --succeeded\nif it did not:     {settle} --failed" in told.out
    shown = due("runs", "show", action["run"])
    assert f"{settle} --failed" in shown.out
    again = due("run", "--resume", action["run"], "--json")
    assert again.json["next"] == [f"{settle} --succeeded", f"{settle} --failed"]


@pytest.mark.parametrize("words", [(), ("x", "--work"), ("x", "--resume", "r"), ("--until-idle", "x")])
def test_wrong_words_are_a_usage_error(due: Due, shop: Path, words: tuple[str, ...]):
    assert due("run", *words).code == 2


def test_a_tool_that_was_taken_out_of_the_code_does_not_break_the_project(due: Due, shop: Path, held: tuple[str, str]):
    run, _ = held
    code = (shop / "tools.py").read_text()
    (shop / "policy.yaml").write_text("tools: {get_order: {allowed: true}}\nagent: {max_model_spend_usd: 1}")
    (shop / "tools.py").write_text(code[: code.index('@tool(effect="write")')])
    assert due("run", task(say="fine")).out == "fine\n"
    assert json.loads(due("runs", "show", run, "--json").out)["run"]["status"] == "held"
