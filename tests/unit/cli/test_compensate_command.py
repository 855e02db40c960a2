"""`due actions compensate`: an effect is taken back by a new action, decided like any other, once."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import POLICY, TOOLS, refund, task

from dueprocess.values import later, seconds
from dueprocess.wiring.clock import SystemClock

Token = Callable[..., str]

TAKES_BACK = '''
from dueprocess import Done

async def take_back(order_id: str, done: Done, call: Attempt) -> dict[str, str]:
    """Takes it back."""
    import os, time
    fate = SINK.with_name("fate")
    if fate.exists() and fate.read_text() == "no effect":
        raise NoEffect("the bank is closed")
    with SINK.open("a") as file:
        file.write(f"{call.key} takes {done.key} {done.result['refunded']}\\n")
    if fate.exists() and fate.read_text() == "lost":
        raise ConnectionError("lost")
    if fate.exists() and fate.read_text() == "hangs":
        fate.write_text("hung")
        while True:
            time.sleep(1)
    return {"taken": order_id}

@tool(effect="write", compensate=take_back)
async def issue_refund('''
LISTED = "  issue_refund.compensate: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 20}\n"


@pytest.fixture
def paid(due: Due, shop: Path) -> Callable[[str], str]:
    """Pays an amount back with a tool whose effect can be taken back; returns the action."""
    (shop / "tools.py").write_text(
        TOOLS.replace('@tool(effect="write")\nasync def issue_refund(', TAKES_BACK.lstrip(), 1)
    )
    (shop / "policy.yaml").write_text(POLICY + LISTED)

    def pay(amount: str) -> str:
        told = due("run", refund(amount, card="4111"), "--json")
        assert told.code == 0, told
        return str(told.json["actions"][0]["action"])

    return pay


def sink(shop: Path) -> list[str]:
    return (shop / "sink.txt").read_text().splitlines()


def test_it_is_taken_back_once_under_a_key_of_its_own(due: Due, shop: Path, token: Token, paid: Callable[[str], str]):
    action, ann = paid("20"), token("ann", "finance")
    told = due("actions", "compensate", action, token=ann)
    assert (told.code, told.out) == (0, f"{action} is taken back\n")
    assert due("actions", "compensate", action, token=ann).code == 0
    first, second = (line.split() for line in sink(shop))
    assert second[1:] == ["takes", first[0], "20.00"]
    assert second[0] != first[0]


def test_a_hold_waits_for_somebody_else_than_who_asked(due: Due, shop: Path, token: Token, paid: Callable[[str], str]):
    action, ann, ben = paid("21"), token("ann", "finance"), token("ben", "finance")
    told = due("actions", "compensate", action, "--json", token=ann)
    assert (told.code, told.json["takes_back"]) == (5, action)
    hold = told.json["actions"][0]["action"]
    assert f"due actions compensate {action}" in told.json["next"]
    assert due("approvals", "approve", hold, token=ann).code == 6
    assert due("actions", "compensate", action, token=ben).code == 5
    assert len(sink(shop)) == 1
    approved = due("approvals", "approve", hold, token=ben)
    assert f"due actions compensate {action}" in approved.err
    assert due("actions", "compensate", action, token=ann).code == 0
    assert due("actions", "compensate", action, token=ben).code == 0
    assert len(sink(shop)) == 2


def test_what_the_policy_does_not_list_is_not_taken_back_until_it_does(
    due: Due, shop: Path, token: Token, paid: Callable[[str], str]
):
    (shop / "policy.yaml").write_text(POLICY)
    action, ann = paid("20"), token("ann")
    assert due("actions", "compensate", action, token=ann).code == 4
    assert due("actions", "compensate", action, token=ann).code == 4
    (shop / "policy.yaml").write_text(POLICY + LISTED)
    assert due("actions", "compensate", action, token=ann).code == 0
    assert len(sink(shop)) == 2


def test_no_model_can_ask_for_it(due: Due, shop: Path, paid: Callable[[str], str]):
    paid("20")
    arguments = {"order_id": "A1", "amount_usd": "20"}
    told = due("run", task(("issue_refund.compensate", arguments)), "--json")
    assert told.code == 4
    assert told.json["actions"][0]["state"] == "denied"
    assert len(sink(shop)) == 1


def test_one_that_surely_failed_may_be_asked_for_again(due: Due, shop: Path, token: Token, paid: Callable[[str], str]):
    action, ann = paid("20"), token("ann")
    (shop / "fate").write_text("no effect")
    assert due("actions", "compensate", action, token=ann).code == 1
    (shop / "fate").unlink()
    assert due("actions", "compensate", action, token=ann).code == 0
    assert len(sink(shop)) == 2


def test_one_whose_end_nobody_knows_is_in_the_way_until_a_person_has_told(
    due: Due, shop: Path, token: Token, paid: Callable[[str], str]
):
    action, ann = paid("20"), token("ann")
    (shop / "fate").write_text("lost")
    told = due("actions", "compensate", action, "--json", token=ann)
    assert told.code == 1
    assert due("actions", "compensate", action, token=ann).code == 1
    assert len(sink(shop)) == 2
    lost = told.json["actions"][0]["action"]
    assert due("actions", "settle", lost, "--succeeded", token=ann).code == 0
    assert due("actions", "compensate", action, token=ann).code == 0
    assert len(sink(shop)) == 2


def test_only_a_known_effect_of_a_tool_that_says_how_is_taken_back(
    due: Due, shop: Path, token: Token, paid: Callable[[str], str]
):
    action, ann = paid("20"), token("ann")
    assert due("actions", "compensate", action).code == 6
    assert "no action a_none" in due("actions", "compensate", "a_none", token=ann).err
    denied = due("run", refund("51"), "--json").json["actions"][0]["action"]
    assert "is denied" in due("actions", "compensate", denied, token=ann).err
    read = due("run", task(("get_order", {"order_id": "A1"})), "--json").json["actions"][0]["action"]
    assert "is a read" in due("actions", "compensate", read, token=ann).err
    (shop / "tools.py").write_text(TOOLS)
    (shop / "policy.yaml").write_text(POLICY)
    assert "has no compensate" in due("actions", "compensate", action, token=ann).err


def test_what_was_erased_is_not_taken_back_again(due: Due, shop: Path, token: Token, paid: Callable[[str], str]):
    action, ann = paid("20"), token("ann", "admin")
    run = due("actions", "compensate", action, "--json", token=ann).json["run"]
    assert due("ledger", "erase", run, token=ann).code == 0
    told = due("actions", "compensate", action, token=ann)
    assert (told.code, "was erased" in told.err) == (1, True)
    assert len(sink(shop)) == 2


def test_each_points_to_the_other_and_hides_what_the_other_hides(
    due: Due, shop: Path, token: Token, paid: Callable[[str], str]
):
    action, ann = paid("20"), token("ann")
    run = due("actions", "compensate", action, "--json", token=ann).json["run"]
    first = due("audit", "report", "--action", action, "--format", "json").json["runs"][0]["actions"][0]
    assert first["taken_back"] == [{"run": run, "state": "succeeded"}]
    assert f"taken back: succeeded, in run {run}" in due("audit", "report", "--action", action).out
    told = due("audit", "report", "--run", run, "--format", "json")
    assert told.json["runs"][0]["takes_back"] == action
    assert f"it takes back action {action}" in due("audit", "report", "--run", run).out
    assert "4111" not in told.out
    assert told.json["runs"][0]["actions"][0]["arguments"]["card"] == "[redacted]"


def test_two_who_ask_at_once_and_one_who_dies_make_one_effect(
    due: Due, shop: Path, token: Token, paid: Callable[[str], str]
):
    action, ann = paid("20"), token("ann")
    command = [
        sys.executable,
        "-c",
        "from dueprocess.cli.main import main; main()",
        "actions",
        "compensate",
        action,
        "--json",
    ]
    environment = {**os.environ, "DUE_TOKEN": ann}
    (shop / "fate").write_text("hangs")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dying:
        while (shop / "fate").read_text() != "hung":
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(dying.wait(0.02))
        dying.kill()
    asking = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    for process in asking:
        process.communicate(timeout=60)
    assert 0 not in [process.returncode for process in asking]  # it may be done or not: nobody says it is
    assert len(sink(shop)) == 2
    (open_,) = due("actions", "list", "--json").json["actions"]
    with pytest.MonkeyPatch.context() as patch:  # past the deadline of the attempt that died
        patch.setattr(SystemClock, "now", lambda clock, now=SystemClock.now: later(now(clock), seconds(60)))
        told = due("actions", "compensate", action, "--json", token=ann)
    assert (told.json["actions"][0]["action"], told.json["actions"][0]["state"]) == (open_["action"], "unsettled")
    assert due("actions", "settle", open_["action"], "--succeeded", token=ann).code == 0
    assert due("actions", "compensate", action, token=ann).code == 0
    assert len(sink(shop)) == 2
