"""A hold that nobody answers, as people see it: reminded, and gone to others too."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.runtime.shop import AGENT, Shop

from dueprocess.testing.clock import FakeClock
from dueprocess.testing.workbench import Line, Workbench
from dueprocess.values import Instant, rfc3339, seconds
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import open_home

Token = Callable[..., str]
POLICY = (
    f"{AGENT}}}\napprovers: {{default: {{any_of: ['group:finance'], remind: [10m, 20m], "
    "escalate: {after: 30m, to: 'group:bosses'}}}\n"
    "tools: {look: {allowed: true}, pay: {allowed: true, require_approval_over_usd: 25}}\n"
)
SCRIPT = [Line(calls=(("pay", {"order_id": "A", "amount_usd": "30"}),)), Line(text="done")]


@pytest.fixture
def overdue(shop: Path) -> tuple[str, Instant]:
    """A hold made 45 minutes ago, at which a driver looked a quarter of an hour ago: (action, when it was made)."""
    home = open_home(shop / ".due", os.environ)
    clock = FakeClock(Instant(SystemClock().now() - seconds(45 * 60)))
    with Workbench(tools=Shop().tools(), policy=POLICY, script=SCRIPT, store=home.store, clock=clock) as bench:
        bench.submit()
        bench.work()
        (hold,) = bench.holds()
        bench.advance(30 * 60)
        home.store.close()
    return hold.action, Instant(hold.asked_at)


def test_the_list_says_that_people_were_reminded_and_whom_it_went_to(due: Due, overdue: tuple[str, Instant]):
    told = due("approvals", "list").out
    assert "  1 of group:finance; also group:bosses from 20" in told
    assert ", reminded 2 times, escalated to group:bosses  " in told


def test_the_card_says_when(due: Due, overdue: tuple[str, Instant]):
    action, asked_at = overdue
    card = due("approvals", "show", action).out
    for minutes, words in ((10, "reminded: still waiting at "), (20, "reminded: still waiting at ")):
        assert words + rfc3339(Instant(asked_at + seconds(minutes * 60))) in card
    since = rfc3339(Instant(asked_at + seconds(30 * 60)))
    assert f"escalated: group:bosses may answer too since {since}" in card
    shown = due("approvals", "show", action, "--json").json
    assert (shown["reminded"], shown["escalated_to"]) == (2, "group:bosses")
    hold = shown["lineage"]["hold"]
    assert (hold["escalate_to"], hold["escalate_at"]) == ("group:bosses", since)
    assert [(each["due_at"], each["to"]) for each in hold["notices"]][-1] == (since, "group:bosses")


def test_i5_whom_it_went_to_approves_it_and_the_report_tells_all_of_it(
    due: Due, overdue: tuple[str, Instant], token: Token
):
    action, _ = overdue
    told = due("approvals", "approve", action, token=token("eva", "sales"))
    assert (told.code, "approval.approver" in told.err) == (6, True)
    assert due("approvals", "approve", action, token=token("boss", "bosses")).code == 0
    for report in (due("audit", "report", "--action", action).out, due("runs", "show", run_of(due, action)).out):
        lines = [line for line in report.splitlines() if "escalated" in line or "approved by user:boss" in line]
        assert "group:bosses may answer" in lines[0]
        assert "approved by user:boss" in lines[-1]
    page = due("audit", "report", "--action", action, "--out", "report.html")
    assert page.code == 0
    assert Path("report.html").read_text("utf-8").count("reminded: still waiting at") == 2


def run_of(due: Due, action: str) -> str:
    return due("approvals", "show", action, "--json").json["run"]


def test_a_hold_that_waits_for_nobody_long_is_not_called_overdue(due: Due, held: tuple[str, str]):
    _, action = held
    card = due("approvals", "show", action, "--json").json
    assert (card["reminded"], card["escalated_to"]) == (0, None)
    assert "reminded" not in due("approvals", "list").out
    assert "overdue" not in due("approvals", "show", action).out
