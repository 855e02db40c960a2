"""`due policy publish`: a policy comes in force by somebody who is known, and not by a slip."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import refund, task

Token = Callable[..., str]


def stricter(shop: Path) -> Path:
    path = shop / "stricter.yaml"
    path.write_text((shop / "policy.yaml").read_text().replace("over_usd: 25", "over_usd: 10"))
    return path


def test_what_was_published_decides_from_then_on(due: Due, shop: Path, token: Token):
    assert due("run", refund("20")).code == 0
    told = due("policy", "publish", stricter(shop), "--agent", "support", token=token("ops", "finance"))
    assert told.code == 0
    assert len(told.out.strip()) == 64
    later = due("run", refund("20"))
    assert later.code == 5
    assert "stricter" not in later.err
    assert "is not the policy in force for support, which user:ops published" in later.err


def test_who_published_it_cannot_approve_under_it(due: Due, shop: Path, token: Token):
    fin = token("fin", "finance")
    due("policy", "publish", stricter(shop), "--agent", "support", token=fin)
    action = due("run", refund("20"), "--json").json["actions"][0]["action"]
    told = due("approvals", "approve", action, token=fin)
    assert told.code == 6
    assert "approval.publisher" in told.err
    assert "user:fin" in due("approvals", "show", action).out
    assert due("approvals", "approve", action, token=token("fay", "finance")).code == 0


def test_the_same_by_the_same_person_is_no_change(due: Due, shop: Path, token: Token):
    words = ("policy", "publish", "policy.yaml", "--agent", "support", "--json")
    ops = token("ops")
    assert due(*words, token=ops).json["changed"] is True
    assert due(*words, token=ops).json["changed"] is False
    assert due(*words, token=token("bob")).json["changed"] is True


def test_it_needs_a_token(due: Due, shop: Path):
    assert due("policy", "publish", "policy.yaml", "--agent", "support").code == 6


@pytest.mark.parametrize(
    ("content", "agent", "code", "said"),
    [
        ("tools: {get_ordr: {allowed: true}}", "support", 1, "did you mean 'get_order'"),
        ("", "support", 1, "does not load"),
        ("tools: {get_order: {allowed: true}}", "suport", 1, "no agent 'suport'"),
        (
            "approvers: {default: {any_of: ['group:finance'], quorum: 3}}\ntools: {issue_refund: {allowed: true}}",
            "support",
            1,
            "quorum",
        ),
    ],
)
def test_what_does_not_load_is_not_published(
    due: Due, shop: Path, token: Token, content: str, agent: str, code: int, said: str
):
    ops = token("ops", "finance")
    (shop / "new.yaml").write_text(content)
    told = due("policy", "publish", "new.yaml", "--agent", agent, token=ops)
    assert told.code == code
    assert said in told.err
    assert due("policy", "publish", "none.yaml", "--agent", "support", token=ops).code == 1
    assert due("run", refund("20")).code == 0


def test_a_policy_whose_own_tests_fail_is_not_published(due: Due, shop: Path, token: Token):
    wrong = (
        "{name: 20 is held, call: {tool: issue_refund, args: {order_id: A1, amount_usd: 20}}, expect: {decision: hold}}"
    )
    path = shop / "new.yaml"
    path.write_text((shop / "policy.yaml").read_text() + f"tests: [{wrong}]\n")
    told = due("policy", "publish", path, "--agent", "support", token=token("ops"))
    assert told.code == 3
    assert "FAIL  20 is held" in told.out
    assert due("run", refund("20")).code == 0
    path.write_text(path.read_text().replace("over_usd: 25", "over_usd: 10"))
    assert due("policy", "publish", path, "--agent", "support", "--json", token=token("ops")).json["ok"] is True


def test_runs_that_cannot_go_on_under_it_are_named(due: Due, shop: Path, held: tuple[str, str], token: Token):
    run, _ = held
    (shop / "tools.py").write_text((shop / "tools.py").read_text().replace("lose_refund", "mislay_refund"))
    (shop / "policy.yaml").write_text((shop / "policy.yaml").read_text().replace("lose_refund", "mislay_refund"))
    told = due("policy", "publish", "policy.yaml", "--agent", "support", token=token("ops"))
    assert told.code == 0
    assert f"{run} cannot go on under it" in told.err


def test_an_agent_that_only_the_store_knows_is_checked_against_its_last_release(
    due: Due, shop: Path, token: Token, tmp_path: Path
):
    due("run", task(say="hello"))
    ops = token("ops")
    (shop / ".due").rename(tmp_path / "store")
    told = due("policy", "publish", "policy.yaml", "--agent", "support", "--dir", tmp_path / "store", token=ops)
    assert told.code == 0
