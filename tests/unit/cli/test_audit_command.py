"""`due audit report`: why the agent did this, told to somebody who was not there, with proofs that they can check."""

import json
from base64 import b64decode
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import refund, task

from dueprocess.ledger import VerifierKey, decode_line, leaf_hash, verify_checkpoint, verify_inclusion

Token = Callable[..., str]
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\u200b\r\n</pre>&amp;"


@pytest.fixture
def approved(due: Due, held: tuple[str, str], token: Token) -> tuple[str, str]:
    """A refund that its requester tried to approve, finance approved, and that ran once: (run, action)."""
    run, action = held
    due("approvals", "approve", action, token=token("cust", "finance"))
    due("approvals", "approve", action, token=token("fin", "finance"))
    assert due("run", "--resume", run).code == 0
    return run, action


def test_it_says_who_for_whom_what_why_who_approved_and_what_came_of_it(due: Due, approved: tuple[str, str]):
    run, action = approved
    told = due("audit", "report", "--action", action)
    assert told.code == 0
    for part in (
        run,
        "agent:support@",
        "on behalf of user:cust",
        "amount_usd = '30'",
        "held for approval",
        "issue_refund.require_approval_over_usd",
        "amount_usd = 30, require_approval_over_usd = 25",
        "issue_refund.max_amount_usd (amount_usd = 30, max_amount_usd = 50)",  # a rule that passed, with its values
        "answer of user:cust (token) refused: approval.requester",
        "approved by user:fin (token), of group:finance",
        "attempt 1 (approved by user:fin): succeeded",
        "key at the sink k_",
        "fee 0.00 USD",
        "cost",
        "release",
        "put in force by unknown",
        "proof",
        "root",
    ):
        assert part in told.out, part


def test_the_json_report_is_proven_event_by_event(due: Due, approved: tuple[str, str], shop: Path):
    run, action = approved
    report = due("audit", "report", "--action", action, "--json").json
    key = VerifierKey.parse((shop / ".due" / "ledger.pub").read_text())
    checkpoint = verify_checkpoint(report["checkpoint"].encode(), key=key)
    (told,) = report["runs"]
    assert [each["kind"] for each in told["events"]] == [
        "action.held",
        "approval.refused",
        "approval.given",
        "action.dispatched",
        "action.settled",
    ]
    for event in told["events"]:
        line = event["line"].encode()
        assert (decode_line(line).run, decode_line(line).action) == (run, action)
        path = [b64decode(step) for step in event["path"]]
        where = {"leaf": leaf_hash(line), "index": event["leaf"], "size": checkpoint.size}
        assert verify_inclusion(**where, path=path, root=checkpoint.root)
    (about,) = told["actions"]
    assert (about["action"], about["state"], about["attempts"][0]["granted_by"]) == (action, "succeeded", ["user:fin"])
    assert {each["rule"] for each in about["passed"]} >= {"issue_refund.max_amount_usd"}
    assert about["events"] == [each["leaf"] for each in told["events"]]


def test_a_run_report_has_all_its_actions_and_events(due: Due, approved: tuple[str, str]):
    run, _ = approved
    (told,) = due("audit", "report", "--run", run, "--format", "json").json["runs"]
    assert [each["seq"] for each in told["events"]] == list(range(1, len(told["events"]) + 1))
    assert (told["status"], told["outcome"], told["model"]) == ("finished", "done", "scripted:offline.py:script")


def test_since_takes_in_what_happened_then_and_later(due: Due, approved: tuple[str, str]):
    other = due("run", refund("51"), "--json").json["run"]
    everything = due("audit", "report", "--since", "1h", "--json").json
    assert [each["run"] for each in everything["runs"]] == [approved[0], other]
    assert due("audit", "report", "--since", "2020-01-01", "--json").json["runs"] == everything["runs"]
    assert due("audit", "report", "--since", "2999-01-01T00:00:00Z", "--json").json["runs"] == []
    assert "Nothing happened." in due("audit", "report", "--since", "2999-01-01").out
    wrong = due("audit", "report", "--since", "yester\x1bday")
    assert wrong.code == 1
    assert "'yester\\u001bday' is no time; expected a date, RFC 3339" in wrong.err
    assert "24h" in wrong.err


class Page(HTMLParser):
    """All that a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_i10_the_page_is_one_file_without_scripts_and_foreign_text_is_only_text(due: Due, shop: Path, token: Token):
    calls = (
        ("get_order", {"order_id": HOSTILE}),
        ("issue_refund", {"order_id": HOSTILE, "amount_usd": "30"}),
    )
    run = due("run", task(*calls, say=HOSTILE), "--on-behalf-of", "user:<b>", "--json").json
    action = next(each["action"] for each in run["actions"] if each["state"] == "held")
    due("approvals", "reject", action, "--reason", HOSTILE, token=token("fin", "finance"))
    due("run", "--resume", run["run"])
    assert due("audit", "report", "--run", run["run"], "--out", "report.html").code == 0
    content = Path("report.html").read_text()
    page = Page()
    page.feed(content)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "link", "iframe", "object", "form", "b"} - {"b"})
    assert [tag for tag, _ in page.tags].count("b") == 1  # the requester's own, not the name's
    assert not any(name.startswith("on") or name in {"src", "href"} for _, given in page.tags for name in given)
    assert "default-src 'none'" in content
    assert "<script>alert(1)</script>" in page.text
    assert not set(content) & set("\x1b\u202e\u200b\r")
    text = due("audit", "report", "--run", run["run"]).out
    assert not set(text) & set("\x1b\u202e\u200b\r")


def test_what_the_policy_redacts_is_in_no_form_of_the_report(due: Due, shop: Path):
    secret = "4111-1111-1111-1111"
    run = due("run", refund("20", card=secret), "--json").json["run"]
    for form in ("text", "json", "html"):
        told = due("audit", "report", "--run", run, "--format", form).out
        assert secret not in told
        assert "[redacted]" in told
    assert secret not in json.dumps(due("audit", "report", "--since", "1h", "--json").json)


def test_the_name_of_the_file_says_how_it_is_written(due: Due, approved: tuple[str, str]):
    for name, beginning in (("a.html", "<!doctype html>"), ("a.json", '{"checkpoint"'), ("a.txt", "AUDIT REPORT")):
        assert due("audit", "report", "--action", approved[1], "--out", name).out == f"{name}\n"
        assert Path(name).read_text().startswith(beginning)


def test_an_erased_run_is_reported_as_erased(due: Due, approved: tuple[str, str], token: Token):
    run, action = approved
    due("ledger", "erase", run, "--reason", "asked for", token=token("dpo"))
    for form in ("text", "html"):
        told = due("audit", "report", "--run", run, "--format", form)
        assert told.code == 0
        assert "user:dpo (token)" in told.out
        assert "asked for" in told.out
    assert due("audit", "report", "--action", action).code == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("--run", "r", "--action", "a"), 2),
        (("--run", "r_nothing"), 1),
        (("--action", "a_nothing"), 1),
        (("--since", "1h", "--out", "missing/report.html"), 1),
        (("--since", "1h", "--format", "pdf"), 2),
    ],
)
def test_a_mistake_is_told(due: Due, shop: Path, words: tuple[str, ...], code: int):
    assert due("audit", "report", *words).code == code


@pytest.mark.parametrize(("name", "form"), [("r.html", "html"), ("r.txt", "text"), ("r.json", "json"), ("r", "json")])
def test_with_json_a_file_is_written_in_its_own_form_and_told_as_json(due: Due, shop: Path, name: str, form: str):
    run = due("run", task(say="fine"), "--json").json["run"]
    assert due("audit", "report", "--run", run, "--out", name, "--json").json == {"file": name, "format": form}
    assert Path(name).read_text()[:1] == {"html": "<", "text": "A", "json": "{"}[form]


def test_json_and_another_form_on_one_stream_are_a_usage_error(due: Due, shop: Path):
    run = due("run", task(say="fine"), "--json").json["run"]
    told = due("audit", "report", "--run", run, "--json", "--format", "html")
    assert (told.code, told.out) == (2, "")
    assert due("audit", "report", "--run", run, "--json", "--format", "json").json["subject"].endswith(run)
