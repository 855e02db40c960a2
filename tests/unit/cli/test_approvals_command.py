"""`due approvals`: what an approver sees, and which answers count."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import refund

Token = Callable[..., str]


def test_the_list_shows_each_open_hold_on_a_line(due: Due, held: tuple[str, str]):
    _, action = held
    told = due("approvals", "list")
    assert told.code == 0
    assert told.out.startswith(f"{action}  issue_refund(amount_usd='30', order_id='A1')  1 of group:finance  ")
    assert len(told.out.splitlines()) == 1


def test_nothing_held_is_no_error(due: Due, shop: Path):
    told = due("approvals", "list")
    assert (told.code, told.out) == (0, "")
    assert "nothing is held" in told.err
    assert due("approvals", "list", "--json").json == {"holds": []}


def test_the_card_says_all_that_is_approved(due: Due, held: tuple[str, str]):
    run, action = held
    card = due("approvals", "show", action).out
    for part in (
        action,
        run,
        "amount_usd = '30'",
        "issue_refund.require_approval_over_usd",
        "require_approval_over_usd = 25",
        "on behalf of user:cust",
        "1 of group:finance",
        "may not    agent:support, user:cust",
        "amount_usd (to lower it while approving)",
        "nobody has answered",
        "digest",
    ):
        assert part in card


def test_the_card_as_json_has_the_digest_that_is_approved(due: Due, held: tuple[str, str], token: Token):
    _, action = held
    card = due("approvals", "show", action, "--json").json
    assert (card["state"], card["lineage"]["arguments"]) == (
        "held for approval",
        {"amount_usd": "30", "order_id": "A1"},
    )
    told = due("approvals", "approve", action, "--digest", card["digest"], token=token("fin", "finance"))
    assert told.code == 0


def test_what_the_policy_redacts_is_on_no_card_and_in_no_list(due: Due, shop: Path):
    secret = "4111-1111-1111-1111"
    run = due("run", refund("30", card=secret), "--json").json
    action = run["actions"][0]["action"]
    shown = [
        due("approvals", "show", action),
        due("approvals", "show", action, "--json"),
        due("approvals", "list"),
        due("approvals", "list", "--json"),
        due("runs", "show", run["run"]),
        due("runs", "show", run["run"], "--json"),
        due("runs", "list"),
    ]
    assert all("[redacted]" in each.out for each in shown[:2])
    assert not any(secret in each.out + each.err for each in shown)


@pytest.mark.parametrize(
    ("name", "groups", "rule"),
    [
        ("cust", ("finance",), "approval.requester"),
        ("bob", ("sales",), "approval.approver"),
        ("eve", (), "approval.approver"),
    ],
)
def test_i5_who_may_not_approve_is_refused_with_the_rule(
    due: Due, held: tuple[str, str], token: Token, name: str, groups: tuple[str, ...], rule: str
):
    _, action = held
    told = due("approvals", "approve", action, token=token(name, *groups))
    assert (told.code, told.out) == (6, "")
    assert rule in told.err
    told = due("approvals", "approve", action, "--json", token=token(name, *groups))
    assert (told.code, told.json["refused"]["rule"]) == (6, rule)
    assert due("approvals", "show", action, "--json").json["open"]


@pytest.mark.parametrize("verb", [("approve",), ("reject",), ("edit", "--set", "amount_usd=1")])
def test_nobody_answers_without_a_token(due: Due, held: tuple[str, str], verb: tuple[str, ...]):
    _, action = held
    assert due("approvals", verb[0], action, *verb[1:]).code == 6
    assert due("approvals", verb[0], action, *verb[1:], token="due_wrong").code == 6
    assert due("approvals", "show", action, "--json").json["open"]


def test_i5_what_changed_since_it_was_shown_is_not_approved(due: Due, held: tuple[str, str], token: Token):
    _, action = held
    told = due("approvals", "approve", action, "--digest", "0" * 64, token=token("fin", "finance"))
    assert told.code == 6
    assert "approval.digest" in told.err


def test_i5_a_second_approval_has_no_effect(due: Due, held: tuple[str, str], token: Token):
    run, action = held
    fin = token("fin", "finance")
    told = due("approvals", "approve", action, token=fin)
    assert (told.code, told.out) == (0, f"{action} approved\n")
    assert f"due run --resume {run}" in told.err
    assert due("approvals", "approve", action, token=fin).code == 1
    assert due("run", "--resume", run).code == 0
    assert due("approvals", "approve", action, token=fin).code == 1


def test_more_people_are_asked_for_until_the_quorum_is_met(due: Due, shop: Path, token: Token):
    policy = shop / "policy.yaml"
    policy.write_text(policy.read_text().replace('any_of: ["group:finance"]', 'any_of: ["group:finance"], quorum: 2'))
    action = due("run", refund("30"), "--json").json["actions"][0]["action"]
    first = due("approvals", "approve", action, token=token("fin", "finance"))
    assert first.code == 0
    assert "1 so far, of 2 of group:finance" in first.err
    assert due("approvals", "approve", action, token=token("fin", "finance")).code == 6
    assert due("approvals", "approve", action, "--json", token=token("fay", "finance")).json["complete"] is True


def test_a_rejected_action_never_runs(due: Due, shop: Path, held: tuple[str, str], token: Token):
    run, action = held
    assert due("approvals", "reject", action, "--reason", "no\u202e", token=token("fin", "finance")).code == 0
    assert due("approvals", "approve", action, token=token("fin", "finance")).code == 1
    told = due("run", "--resume", run)
    assert told.code == 4
    assert not (shop / "sink.txt").exists()
    assert "rejected by user:fin: no\\u202e" in due("runs", "show", run).out


def test_an_edit_that_lowers_the_amount_counts_as_an_approval(
    due: Due, shop: Path, held: tuple[str, str], token: Token
):
    run, action = held
    told = due("approvals", "edit", action, "--set", "amount_usd=28", token=token("fin", "finance"))
    assert told.code == 0
    assert "counts as your approval" in told.err
    assert due("run", "--resume", run).code == 0
    assert (shop / "sink.txt").read_text().split()[2] == "28.00"


def test_any_other_edit_is_decided_anew_and_makes_a_requester(
    due: Due, shop: Path, held: tuple[str, str], token: Token
):
    run, action = held
    fin = token("fin", "finance")
    told = due("approvals", "edit", action, "--arguments", '{"order_id":"A2","amount_usd":"29"}', token=fin)
    assert "you are a requester now" in told.err
    again = due("run", "--resume", run, "--json")
    assert again.code == 5
    new = next(each["action"] for each in again.json["actions"] if each["state"] == "held")
    assert new != action
    assert due("approvals", "approve", new, token=fin).code == 6
    assert due("approvals", "approve", new, token=token("fay", "finance")).code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--set", "amount_usd"), 1),
        (("--set", "=3"), 1),
        (("--arguments", "[1]"), 1),
        (("--arguments", '{"a":NaN}'), 1),
        ((), 2),
        (("--set", "a=1", "--arguments", "{}"), 2),
    ],
)
def test_an_edit_that_cannot_be_read_changes_nothing(
    due: Due, held: tuple[str, str], token: Token, words: tuple[str, ...], code: int
):
    _, action = held
    assert due("approvals", "edit", action, *words, token=token("fin", "finance")).code == code
    assert due("approvals", "show", action, "--json").json["open"]


@pytest.mark.parametrize("verb", ["show", "approve", "reject"])
@pytest.mark.parametrize("action", ["a_nothing", "", "\u202e\x1b[2J", "x" * 5000])
def test_an_action_that_is_not_here_is_told(due: Due, shop: Path, token: Token, verb: str, action: str):
    told = due("approvals", verb, action, token=token("fin", "finance") if verb != "show" else "")
    assert told.code == 1
    assert not set(told.err) & set("\x1b\u202e")
    assert len(told.err) < 1000


def test_a_token_file_names_the_person_too(due: Due, held: tuple[str, str], token: Token, tmp_path: Path):
    _, action = held
    (tmp_path / "fin").write_text(token("fin", "finance") + "\n")
    assert due("approvals", "approve", action, "--token-file", tmp_path / "fin").code == 0
    assert due("approvals", "approve", action, "--token-file", tmp_path / "none").code == 6


def test_the_card_of_an_answered_hold_says_what_became_of_it(due: Due, held: tuple[str, str], token: Token):
    run, action = held
    fin = token("fin", "finance")
    assert "  until " in due("approvals", "show", action).out
    due("approvals", "approve", action, token=fin)
    approved = due("approvals", "show", action).out
    assert approved.startswith(f"{action}  issue_refund  approved, not run yet\n")
    assert "  to run by " in approved
    assert "  until " not in approved
    due("run", "--resume", run)
    done = due("approvals", "show", action).out
    assert done.startswith(f"{action}  issue_refund  closed: the action is succeeded\n")
    assert "until" not in done
    assert "run by" not in done
