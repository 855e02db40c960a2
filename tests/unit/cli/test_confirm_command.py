"""`due approvals confirm`: whoever an action is done for says yes to it; approvers are asked only after."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import POLICY, refund

Token = Callable[..., str]


@pytest.fixture
def waiting(due: Due, shop: Path) -> tuple[str, str]:
    """A run that rests until its requester confirms a refund which people must approve as well: (run, action)."""
    (shop / "policy.yaml").write_text(POLICY.replace("redact: [$.card]", "redact: [$.card], confirm: true"))
    told = due("run", refund("30"), "--on-behalf-of", "user:cust")
    assert told.code == 5
    assert "to confirm: user:cust; until" in told.out
    assert "confirm it:" in told.out
    assert "make an approver" not in told.out
    (hold,) = due("approvals", "list", "--json").json["holds"]
    return hold["run"], hold["action"]


def test_the_card_asks_whoever_it_is_done_for(due: Due, waiting: tuple[str, str]):
    _, action = waiting
    card = due("approvals", "show", action).out
    assert card.splitlines()[0] == f"{action}  issue_refund  waits for a confirmation"
    assert "user:cust, for whom it is done" in card
    assert f"confirm:  due approvals confirm {action} --digest " in card
    assert "due approvals approve" not in card
    assert "user:cust, to confirm" in due("approvals", "list").out
    assert due("approvals", "show", action, "--json").json["state"] == "waits for a confirmation"


def test_it_goes_on_to_the_approvers_once_it_is_said(due: Due, shop: Path, waiting: tuple[str, str], token: Token):
    run, action = waiting
    fin = token("fin", "finance")
    told = due("approvals", "approve", action, token=fin)
    assert told.code == 6
    assert "approval.confirm: user:cust has yet to confirm it" in told.err
    assert due("approvals", "confirm", action, token=fin).code == 6
    told = due("approvals", "confirm", action, token=token("cust"))
    assert (told.code, told.out) == (0, f"{action} confirmed\n")
    assert "it is decided again, and held only for what else speaks against it" in told.err
    assert due("run", "--resume", run).code == 5
    (hold,) = due("approvals", "list", "--json").json["holds"]
    findings = hold["lineage"]["decisions"][-1]["findings"]
    assert [each["rule"] for each in findings] == ["issue_refund.require_approval_over_usd"]
    assert due("approvals", "approve", hold["action"], token=fin).code == 0
    assert due("run", "--resume", run).code == 0
    assert len((shop / "sink.txt").read_text().splitlines()) == 1
    story = due("runs", "show", run).out
    assert "confirmed by user:cust (token), whom it is done for" in story


def test_what_does_not_wait_for_it_says_so(due: Due, held: tuple[str, str], token: Token):
    told = due("approvals", "confirm", held[1], token=token("cust"))
    assert told.code == 1
    assert f"{held[1]} does not wait for a confirmation" in told.err
