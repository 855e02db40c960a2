"""What the command tells of a run with sub-agents: who asked, through whom, for whom; and it goes on after kill -9 in a frame."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import DUE, TOOLS, task
from tests.unit.cli.test_command_processes import start, wait_for

Token = Callable[..., str]
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
SUB_AGENTS = """
    sub_agents:
      helper:
        prompt: helper.md
        describe: Helps.
        tools: [get_order, issue_refund]
        max_turns: 4
"""
GET: tuple[str, dict[str, Any]] = ("get_order", {"order_id": "A1"})


def refund(amount: str) -> tuple[str, dict[str, Any]]:
    return ("issue_refund", {"order_id": "A1", "amount_usd": amount})


def delegated(*calls: tuple[str, dict[str, Any]], say: str = "found") -> str:
    """A task that the agent gives to its sub-agent, which carries it out word for word."""
    return task(("helper", {"task": task(*calls, say=say)}))


@pytest.fixture
def project(shop: Path) -> Path:
    (shop / "due.yaml").write_text(DUE.rstrip() + SUB_AGENTS)
    (shop / "helper.md").write_text("You help.")
    return shop


@pytest.fixture
def held(due: Due, project: Path) -> tuple[str, str]:
    told = due(
        "run", delegated(GET, refund("30"), ("lose_refund", {}), say=HOSTILE), "--on-behalf-of", "user:cust", "--json"
    )
    assert told.code == 5, told
    (action,) = [each["action"] for each in told.json["actions"] if each["state"] == "held"]
    return told.json["run"], action


@pytest.fixture
def paid(due: Due, held: tuple[str, str], token: Token) -> tuple[str, str]:
    run, action = held
    due("approvals", "approve", action, token=token("fin", "finance"))
    assert due("run", "--resume", run).code == 0
    return run, action


def test_the_card_says_who_asked_through_whom_and_what_it_had_been_told_to_do(due: Due, held: tuple[str, str]):
    _, action = held
    told = due("approvals", "show", action)
    assert "asked by   agent:support/helper for agent:support@" in told.out
    assert ", on behalf of user:cust\n" in told.out
    assert "its part   | {" in told.out
    assert "may not    agent:support, agent:support/helper, user:cust" in told.out
    assert due("approvals", "show", action, "--json").json["lineage"]["through"] == ["agent:support/helper"]


def test_the_story_of_a_run_shows_its_frames(due: Due, paid: tuple[str, str]):
    run, action = paid
    lines = due("runs", "show", run).out.splitlines()
    (begins,) = [line for line in lines if " agent:support/helper begins: " in line]
    (ends,) = [line for line in lines if line.endswith(" agent:support/helper has answered after 4 turns")]
    inside = lines[lines.index(begins) + 1 : lines.index(ends)]
    at = begins.index(" a_") + 1
    assert all(line[at : at + 2] == "  " != line[at + 2 : at + 4] for line in inside), inside
    assert ends[at:].startswith("a_")
    assert any(
        f"{action} issue_refund(" in line and " by agent:support/helper held for approval" in line for line in inside
    )
    assert any("model scripted:offline.py:script asked by agent:support/helper, turn 2" in line for line in inside)
    assert any(
        "denied: sub_agent: 'lose_refund' is not among the tools of agent:support/helper" in line for line in inside
    )
    assert all(line.isascii() for line in lines)


def test_the_story_as_json_names_task_answer_and_cost(due: Due, paid: tuple[str, str]):
    run, action = paid
    story = due("runs", "show", run, "--json").json["run"]
    (helper,) = story["sub_agents"]
    assert {key: helper[key] for key in ("sub_agent", "how", "turns", "told", "cost")} == {
        "sub_agent": "agent:support/helper",
        "how": "answered",
        "turns": 4,
        "told": HOSTILE,
        "cost": "0.00",
    }
    assert json.loads(helper["task"])["say"] == HOSTILE
    refunds = [each for each in story["actions"] if each["action"] == action]
    assert [(each["through"], each["frame"]) for each in refunds] == [(["agent:support/helper"], helper["action"])]


def test_a_report_tells_the_work_of_a_sub_agent_with_its_proof(due: Due, paid: tuple[str, str], project: Path):
    run, action = paid
    for about in (("--action", action), ("--run", run)):
        text = due("audit", "report", *about).out
        assert "SUB-AGENT a_" in text
        assert ": agent:support/helper, answered\n    was asked\n" in text
        assert "asked by  agent:support/helper for agent:support@" in text
        assert "| <script>alert(1)</script>\\u001b[31m\\u202e" in text
        report = due("audit", "report", *about, "--json").json
        (helper,) = report["runs"][0]["sub_agents"]
        proven = {event["leaf"] for event in report["runs"][0]["events"]}
        assert set(helper["events"]) <= proven
        assert len(helper["events"]) == 2
    due("audit", "report", "--run", run, "--out", "r.html")
    html = (project / "r.html").read_text()
    assert "agent:support/helper for agent:support@" in html
    assert "<script>" not in html


def test_a_denied_request_of_a_sub_agent_is_told_where_the_run_ends(due: Due, project: Path):
    told = due("run", delegated(("close_shop", {})))
    assert told.code == 4
    assert "'close_shop' is not among the tools of agent:support/helper" in told.out + told.err


def test_doctor_names_a_sub_agent_that_has_a_tool_and_no_role_for_it(due: Due, project: Path):
    told = due("doctor")
    assert "4 tools, 1 sub-agent, model scripted:offline.py:script" in told.out
    policy = (project / "policy.yaml").read_text().replace("get_order: {", "get_order: {roles: [one], ")
    (project / "policy.yaml").write_text('roles: {one: {members: ["agent:support"]}}\n' + policy)
    told = due("doctor")
    assert "agent:support/helper is no member of one: its every call of get_order is denied" in told.out


def test_what_the_policy_hides_is_hidden_in_the_task_of_a_sub_agent_too(due: Due, project: Path):
    card = "4111-1111-1111-1111"
    told = due(
        "run", delegated(("issue_refund", {"order_id": "A1", "amount_usd": "5", "card": card}), say=card), "--json"
    )
    assert told.code == 0, told
    run = told.json["run"]
    for words in (("runs", "show", run), ("runs", "show", run, "--json"), ("audit", "report", "--run", run)):
        out = due(*words).out
        assert "agent:support/helper" in out
        assert card not in out
        assert "[redacted]" in out


def test_a_backtest_decides_the_calls_of_a_sub_agent_again_as_its_own(due: Due, paid: tuple[str, str]):
    told = due("policy", "backtest", "policy.yaml", "--since", "1h")
    assert told.code == 0, told
    assert "nothing that was decided would have been decided otherwise" in told.out + told.err


WAITS = '''

import asyncio

@tool(effect="read")
async def wait_order(order_id: str) -> str:
    """Waits until the file `go` is there."""
    folder = SINK.parent
    (folder / "waiting").write_text("")
    while not (folder / "go").exists():
        await asyncio.sleep(0.01)
    return "there"
'''


@pytest.mark.slow
def test_i4_i8_a_run_killed_in_the_middle_of_a_frame_goes_on_there(due: Due, project: Path):
    (project / "tools.py").write_text(TOOLS + WAITS)
    (project / "policy.yaml").write_text((project / "policy.yaml").read_text() + "  wait_order: {allowed: true}\n")
    text = (project / "due.yaml").read_text().replace("[get_order,", "[wait_order, get_order,")
    (project / "due.yaml").write_text(text)
    with start("run", delegated(refund("5"), ("wait_order", {"order_id": "A1"}), refund("6")), "--key", "k") as process:
        wait_for(project / "waiting", process)
        process.kill()
    (project / "go").write_text("")
    run = due("runs", "list", "--json").json["runs"][0]["run"]
    assert due("run", "--resume", run).code == 0
    assert [line.split()[2] for line in (project / "sink.txt").read_text().splitlines()] == ["5.00", "6.00"]
    story = due("runs", "show", run, "--json").json["run"]
    assert [(each["how"], each["turns"]) for each in story["sub_agents"]] == [("answered", 4)]
    assert story["crashes"] == 1
