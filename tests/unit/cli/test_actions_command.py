"""`due actions`: outcomes that only a person can tell."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import refund, task

Token = Callable[..., str]


@pytest.fixture
def lost(due: Due, shop: Path) -> tuple[str, str]:
    """A run and its action whose outcome was lost."""
    told = due("run", task(("lose_refund", {"order_id": "A1"})), "--json").json
    return told["run"], told["actions"][0]["action"]


def test_what_nobody_can_tell_is_listed_with_its_key(due: Due, lost: tuple[str, str]):
    run, action = lost
    (row,) = due("actions", "list", "--json").json["actions"]
    assert (row["action"], row["run"], row["state"], row["tool"]) == (action, run, "unsettled", "lose_refund")
    assert due("actions", "list").out.split() == [action, "unsettled", "lose_refund", run, row["sink_key"]]


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_a_person_settles_it_once_and_it_is_on_the_record(due: Due, lost: tuple[str, str], token: Token, outcome: str):
    run, action = lost
    told = due("actions", "settle", action, f"--{outcome}", "--note", "saw it", token=token("ops"))
    assert (told.code, told.out) == (0, f"{action} settled as {outcome}\n")
    assert due("actions", "settle", action, f"--{outcome}", token=token("ops")).code == 1
    assert due("actions", "list").err == "every outcome is known\n"
    (story,) = due("runs", "show", run, "--json").json["run"]["actions"]
    assert (story["state"], story["answers"][-1]["by"], story["answers"][-1]["how"]) == (outcome, "user:ops", "token")


def test_it_needs_a_person_an_outcome_and_an_action(due: Due, lost: tuple[str, str], token: Token):
    _, action = lost
    assert due("actions", "settle", action, "--failed").code == 6
    assert due("actions", "settle", action, token=token("ops")).code == 2
    assert due("actions", "settle", action, "--failed", "--succeeded", token=token("ops")).code == 2
    (open_,) = due("actions", "list", "--json").json["actions"]
    assert open_["state"] == "unsettled"
    assert due("actions", "settle", "a_nothing", "--failed", token=token("ops")).code == 1


def test_what_is_known_is_not_settled(due: Due, shop: Path, token: Token):
    done = due("run", refund("20"), "--json").json["actions"][0]["action"]
    told = due("actions", "settle", done, "--failed", token=token("ops"))
    assert told.code == 1
    assert "only an unsettled one" in told.err
