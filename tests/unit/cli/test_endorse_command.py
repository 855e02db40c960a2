"""`due approvals endorse`: a person vouches for a value once for a run; what else an action is held for stays."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import POLICY

Token = Callable[..., str]

SCRIPT = """
from dueprocess.model import Role
from dueprocess.providers import Line

CALLS = [("get_order", {"order_id": "A1"})] + [("issue_refund", {"order_id": "EVE-99", "amount_usd": AMOUNT})] * 2

def script(request, run, turn):
    answered = sum(m.role is Role.TOOL for m in request.messages)
    return Line(calls=(CALLS[answered],)) if answered < len(CALLS) else Line(text="done")
"""


@pytest.fixture
def hijacked(shop: Path) -> Path:
    """A project whose model does what a stranger wants, under a policy that asks where values come from."""
    policy = POLICY.replace("redact: [$.card]", "redact: [$.card], control: [order_id], content: [card, amount_usd]")
    (shop / "policy.yaml").write_text(policy)
    (shop / "offline.py").write_text(SCRIPT.replace("AMOUNT", '"5"'))
    return shop


def test_what_was_only_held_for_its_origin_runs_and_so_does_the_next(due: Due, hijacked: Path, token: Token):
    run = due("run", "look at order A1", "--json").json
    action = next(each["action"] for each in run["actions"] if each["state"] == "held")
    card = due("approvals", "show", action)
    assert "order_id 'EVE-99' was found nowhere" in card.out
    assert f"vouch:    due approvals endorse {action} order_id" in card.out
    assert due("approvals", "show", action, "--json").json["endorsable"] == ["order_id"]
    told = due("approvals", "endorse", action, "order_id", token=token("fin", "finance"))
    assert (told.code, told.out) == (0, f"{action} endorsed\n")
    assert due("run", "--resume", run["run"]).code == 0
    assert [line.split()[1] for line in (hijacked / "sink.txt").read_text().splitlines()] == ["EVE-99", "EVE-99"]
    story = due("runs", "show", run["run"]).out
    assert "user:fin (token) vouches in this run for issue_refund(order_id='EVE-99')" in story
    assert "endorsed by user:fin" in due("approvals", "show", action).out


def test_what_else_speaks_against_it_stays(due: Due, hijacked: Path, token: Token):
    (hijacked / "offline.py").write_text(SCRIPT.replace("AMOUNT", '"30"'))
    run = due("run", "look at order A1", "--json").json
    action = next(each["action"] for each in run["actions"] if each["state"] == "held")
    assert due("approvals", "endorse", action, "order_id", token=token("fin", "finance")).code == 0
    assert due("run", "--resume", run["run"]).code == 5
    assert not (hijacked / "sink.txt").exists()
    (hold,) = due("approvals", "list", "--json").json["holds"]
    assert hold["action"] != action
    assert [each["rule"] for each in hold["lineage"]["decisions"][-1]["findings"]] == [
        "issue_refund.require_approval_over_usd"
    ]


@pytest.mark.parametrize(
    ("name", "groups", "code", "said"),
    [("bob", ("sales",), 6, "approval.approver"), ("fin", ("finance",), 1, "'card' comes from; it is for: order_id")],
)
def test_who_may_not_and_what_it_is_not_held_for_is_refused(
    due: Due, hijacked: Path, token: Token, name: str, groups: tuple[str, ...], code: int, said: str
):
    run = due("run", "look at order A1", "--json").json
    action = next(each["action"] for each in run["actions"] if each["state"] == "held")
    argument = "order_id" if code == 6 else "card"
    told = due("approvals", "endorse", action, argument, token=token(name, *groups))
    assert told.code == code
    assert said in told.err


def test_where_two_people_are_asked_one_cannot_vouch(due: Due, hijacked: Path, token: Token):
    policy = hijacked / "policy.yaml"
    policy.write_text(policy.read_text().replace('any_of: ["group:finance"]', 'any_of: ["group:finance"], quorum: 2'))
    run = due("run", "look at order A1", "--json").json
    action = next(each["action"] for each in run["actions"] if each["state"] == "held")
    told = due("approvals", "endorse", action, "order_id", token=token("fin", "finance"))
    assert told.code == 6
    assert "approval.quorum: 2 people are asked for" in told.err
