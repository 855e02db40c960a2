"""`due runs`: which runs there are and what happened in one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import refund, task


def test_the_newest_run_comes_first_and_ids_are_whole(due: Due, shop: Path):
    runs = [due("run", task(say=str(number)), "--json").json["run"] for number in range(3)]
    listed = [line.split()[0] for line in due("runs", "list").out.splitlines()]
    assert listed == runs[::-1]
    some = due("runs", "list", "--limit", "2", "--json").json
    assert ([each["run"] for each in some["runs"]], some["more"]) == (runs[:0:-1], 1)


def test_runs_are_chosen_by_where_they_stand(due: Due, shop: Path, held: tuple[str, str]):
    due("run", task())
    assert [each["run"] for each in due("runs", "list", "--status", "held", "--json").json["runs"]] == [held[0]]
    assert due("runs", "list", "--status", "lost").code == 2
    assert due("runs", "list", "--agent", "nobody", "--json").json["runs"] == []


def test_the_story_has_every_event_in_order(due: Due, held: tuple[str, str]):
    run, action = held
    told = due("runs", "show", run).out
    numbers = [int(line.split()[0]) for line in told.splitlines() if line.strip().split()[0].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "task submitted to support on behalf of user:cust" in told
    assert f"{action} issue_refund(amount_usd='30', order_id='A1') held for approval" in told
    assert f"due approvals approve {action}" in told


def test_the_story_as_json_is_the_lineage(due: Due, held: tuple[str, str]):
    run, action = held
    story = due("runs", "show", run, "--json").json["run"]
    assert (story["status"], story["on_behalf_of"], story["agent"]) == ("held", "user:cust", "support")
    (told,) = story["actions"]
    assert (told["action"], told["state"], told["hold"]["quorum"]) == (action, "held", 1)
    assert [event["seq"] for event in story["events"]] == list(range(1, len(story["events"]) + 1))


def test_a_cancelled_run_ends_and_its_hold_with_it(
    due: Due, shop: Path, held: tuple[str, str], token: Callable[..., str]
):
    run, action = held
    told = due("runs", "cancel", run, "--reason", "no need", token=token("ops"))
    assert told.code == 0
    assert due("run", "--resume", run).code == 1
    assert due("runs", "show", run, "--json").json["run"]["outcome"] == "cancelled by user:ops: no need"
    assert due("approvals", "approve", action, token=token("fin", "finance")).code == 1
    assert due("runs", "cancel", run).code == 1


def test_who_speaks_without_a_token_is_the_operator(due: Due, shop: Path):
    run = due("run", task(ask="Which?"), "--json").json["run"]
    assert due("runs", "answer", run, "that").code == 0
    assert "operator answers: 'that'" in due("runs", "show", run).out
    assert due("runs", "cancel", run, token="due_wrong").code == 0
    assert due("runs", "cancel", run, "--token-file", shop / "none").code == 6


@pytest.mark.parametrize("words", [("show", "r_nothing"), ("cancel", "r_nothing"), ("answer", "r_nothing", "x")])
def test_a_run_that_is_not_here_is_told(due: Due, shop: Path, words: tuple[str, ...]):
    told = due("runs", *words)
    assert told.code == 1
    assert "no run" in told.err


def test_an_answer_that_nobody_asked_for_is_a_conflict(due: Due, shop: Path, held: tuple[str, str]):
    assert due("runs", "answer", held[0], "x").code == 1


def test_crashes_and_costs_are_told(due: Due, shop: Path):
    (shop / "due.yaml").write_text(
        (shop / "due.yaml").read_text()
        + "prices: {'scripted:offline.py:script': {input_usd: 1, output_usd: 2}}\nspend_limits: {tenant: 5, agent: 1}\n"
    )
    run = due("run", refund("20"), "--json").json
    assert run["model_cost_usd"] > "0.00"
    assert f"model {run['model_cost_usd']} USD" in due("runs", "show", run["run"]).out


def test_a_run_in_a_folder_that_is_no_project_goes_on_in_its_own_program(due: Due, shop: Path, held: tuple[str, str]):
    run, _ = held
    told = due("runs", "cancel", run, "--dir", shop / ".due")
    assert told.err == "its run goes on in the program that it belongs to\n"
    assert due("runs", "cancel", run, "--dir", shop / ".due", "--json").json["next"] == []
    assert due("runs", "cancel", run, "--json").json["next"] == [f"due run --resume {run}"]
