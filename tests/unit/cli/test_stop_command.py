"""`due stop`: the kill switch, across processes, lifted by another person only."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import refund, task

Token = Callable[..., str]


@pytest.mark.parametrize("target", ["all", "agent:support"])
def test_nothing_that_is_stopped_acts_until_another_person_lifts_it(due: Due, shop: Path, token: Token, target: str):
    due("run", task(say="hello"))
    ann, bob = token("ann"), token("bob")
    assert due("stop", target, "--reason", "odd refunds", token=ann).code == 0
    stopped = due("run", refund("20"), "--json")
    assert (stopped.code, stopped.json["status"]) == (5, "stop")
    assert not (shop / "sink.txt").exists()
    assert due("stop", "--lift", target, token=ann).code == 6
    assert due("stop", "--lift", target, token=bob).code == 0
    assert due("run", "--resume", stopped.json["run"]).code == 0
    assert (shop / "sink.txt").exists()


def test_a_stopped_tool_is_denied_whoever_calls_it_until_the_stop_is_lifted(due: Due, shop: Path, token: Token):
    due("run", task(say="hello"))
    due("stop", "tool:issue_refund", token=token("ann"))
    stopped = due("run", refund("20"))
    assert stopped.code == 4
    assert "stopped by a person: tool:issue_refund" in stopped.err
    assert not (shop / "sink.txt").exists()
    due("stop", "--lift", "tool:issue_refund", token=token("bob"))
    assert due("run", refund("20")).code == 0


def test_what_is_not_stopped_goes_on(due: Due, shop: Path, token: Token):
    due("run", task(say="hello"))
    due("stop", "tool:close_shop", token=token("ann"))
    assert due("run", refund("20")).code == 0


def test_the_stops_in_force_are_listed_with_who_and_why(due: Due, shop: Path, token: Token):
    assert due("stop", "--list").err == "nothing is stopped\n"
    told = due("stop", "all", "--reason", "fire\u202e", "--json", token=token("ann")).json
    assert told["stops"][0]["reason"] == "fire\u202e"
    listed = due("stop", "--list")
    assert listed.out.split()[:2] == ["all", "user:ann"]
    assert "'fire\\u202e'" in listed.out
    assert due("stop", "--lift", "all", "--json", token=token("bob")).json == {"stops": []}


def test_stopping_twice_and_lifting_what_is_not_stopped_are_conflicts(due: Due, shop: Path, token: Token):
    assert due("stop", "--lift", "all", token=token("ann")).code == 1
    assert due("stop", "all", token=token("ann")).code == 0
    assert due("stop", "all", token=token("bob")).code == 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("tool:isue_refund", "did you mean 'issue_refund'"),
        ("agent:suport", "did you mean 'support'"),
        ("agent:", "expected all, agent:NAME or tool:NAME"),
        ("issue_refund", "expected all, agent:NAME or tool:NAME"),
        ("tool:\u202e", "\\u202e"),
    ],
)
def test_a_slip_in_the_name_stops_nothing_and_says_so(due: Due, shop: Path, token: Token, target: str, said: str):
    due("run", task(say="hello"))
    told = due("stop", target, token=token("ann"))
    assert told.code == 1
    assert said in told.err
    assert due("stop", "--list", "--json").json == {"stops": []}


def test_nobody_stops_or_lifts_without_a_token(due: Due, shop: Path):
    assert due("stop", "all").code == 6
    assert due("stop", "--lift", "all").code == 6


@pytest.mark.parametrize("words", [(), ("all", "--list"), ("all", "--lift", "all")])
def test_wrong_words_are_a_usage_error(due: Due, shop: Path, words: tuple[str, ...]):
    assert due("stop", *words).code == 2


def test_a_lift_says_what_is_stopped_still_and_how_the_rest_goes_on(due: Due, shop: Path, token: Token):
    due("run", task(say="hello"))
    ann, bob = token("ann"), token("bob")
    due("stop", "all", token=ann)
    due("stop", "agent:support", token=ann)
    assert due("stop", "--lift", "agent:support", token=bob).err == "still stopped: all\n"
    assert due("stop", "--lift", "all", token=bob).err == "what rested goes on when it is driven: due run --work\n"
    due("stop", "all", token=ann)
    told = due("stop", "--lift", "all", "--dir", shop / ".due", token=bob)
    assert told.err == "what rested goes on in the program that it belongs to\n"
