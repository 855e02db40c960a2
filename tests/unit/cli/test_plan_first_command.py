"""`due run` of an agent that plans first: the plan is shown before it acts, afterwards, and in the audit report."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due

OFFLINE = r'''
import json
from dueprocess.model import Role
from dueprocess.providers import Line

def script(request, run, turn):
    """The task is the plan itself; an extraction answers with what it was shown, whatever that says."""
    if request.messages[0].text.startswith("You fill in a form"):
        return Line(text=json.dumps({"note": request.messages[-1].text}))
    return Line(text=request.messages[1].text)
'''
REFUND = {"order_id": "A1", "amount_usd": "$.task", "card": "4111-1111"}
PLAN = {
    "start": "look",
    "steps": [
        {"id": "end", "kind": "end", "result": "$.steps.read.note"},
        {
            "id": "look",
            "kind": "calls",
            "calls": [{"name": "order", "tool": "get_order", "arguments": {"order_id": "A1"}}],
            "next": "read",
            "on_denied": "person",
        },
        {
            "id": "read",
            "kind": "extract",
            "prompt": "What \x1b[2J does it say?",
            "shows": ["$.steps.look.order"],
            "schema": {"type": "object", "properties": {"note": {"type": "string"}}},
            "branches": [{"path": "$.note", "equals": "late", "next": "pay"}],
            "otherwise": "end",
        },
        {
            "id": "pay",
            "kind": "calls",
            "calls": [{"name": "paid", "tool": "issue_refund", "arguments": REFUND}],
            "next": "end",
            "on_failed": "person",
        },
        {"id": "person", "kind": "give_to_person", "reason": "to Ann"},
    ],
}  # fmt: skip
LINES = [
    "look    call order = get_order(order_id='A1'); then read; if denied person",
    "end     answer $.steps.read.note",
    r"read    extract note from $.steps.look.order: 'What \u001b[2J does it say?'; if $.note is 'late' then pay; else end",
    "pay     call paid = issue_refund(amount_usd=$.task, card='[redacted]', order_id='A1'); then end; if it fails person",
    "person  give to a person: 'to Ann'",
]


@pytest.fixture
def planning(shop: Path) -> Path:
    (shop / "due.yaml").write_text((shop / "due.yaml").read_text().replace("clarifies: true", "mode: plan_first"))
    (shop / "offline.py").write_text(OFFLINE)
    return shop


def test_the_plan_is_shown_before_it_acts_and_in_every_story_of_the_run(due: Due, planning: Path):
    told = due("run", json.dumps(PLAN))
    assert told.code == 0, told
    lines = told.err.split("\n")
    at = next(number for number, line in enumerate(lines) if "plan made" in line)
    assert lines[at].strip() == "plan made and from now on followed; it calls get_order, issue_refund"
    assert [line.strip() for line in lines[at + 1 : at + 6]] == LINES
    assert "get_order(order_id='A1') allowed" in lines[at + 6]
    run = lines[0].split()[0]
    shown = due("runs", "show", run).out
    assert all(line in shown for line in LINES)
    audit = due("audit", "report", "--run", run).out
    assert all(line in audit for line in LINES)
    assert "4111-1111" not in told.out + told.err + shown + audit
    assert "\x1b" not in told.out + told.err + shown + audit


def test_the_plan_is_among_the_data_and_on_the_page_of_the_report(due: Due, planning: Path):
    run = due("run", json.dumps(PLAN)).err.split()[0]
    plan = due("runs", "show", run, "--json").json["run"]["plan"]
    assert [step["id"] for step in plan["steps"]] == ["end", "look", "read", "pay", "person"]
    assert plan["steps"][3]["calls"][0]["arguments"]["card"] == "[redacted]"
    page = planning / "report.html"
    assert due("audit", "report", "--run", run, "--format", "html", "--out", page).code == 0
    html = page.read_text()
    assert "call order = get_order(order_id=" in html
    assert "\x1b" not in html


def test_a_run_without_a_plan_shows_none(due: Due, shop: Path):
    run = due("run", '{"say": "hi"}').err.split()[0]
    assert "plan" not in due("runs", "show", run).out
    assert due("runs", "show", run, "--json").json["run"]["plan"] is None


def test_an_agent_whose_plan_is_none_ends_with_a_person_and_says_why(due: Due, planning: Path):
    told = due("run", "no plan at all")
    assert told.code == 1
    assert "the plan cannot be used: not JSON" in told.out
