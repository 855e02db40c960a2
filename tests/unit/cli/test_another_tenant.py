"""A folder's commands show and answer what is its own tenant's, also where a program keeps another tenant's runs in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due

from dueprocess import HeldCall, guard
from dueprocess.tool import tool
from dueprocess.values import Money

POLICY = """
approvers: {default: {any_of: ["group:finance"]}}
tools: {pay_out: {allowed: true, require_approval_over_usd: 25}}
"""


@tool(effect="write")
def pay_out(order_id: str, amount_usd: Money) -> str:
    """Pay."""
    return f"{order_id}: {amount_usd}"


@pytest.fixture
def foreign(due: Due, shop: Path, tmp_path: Path) -> HeldCall:
    """A hold of another tenant in the project's own store."""
    due("runs", "list")
    (tmp_path / "policy.yaml").write_text(POLICY)
    with guard(pay_out, policy=tmp_path / "policy.yaml", store=shop / ".due", run="theirs", tenant="bolt") as guarded:
        told = guarded("A", amount_usd="30")
    assert isinstance(told, HeldCall)
    return told


def test_what_is_another_tenants_is_neither_listed_nor_shown_nor_answered(
    due: Due, foreign: HeldCall, token: Callable[..., str]
):
    assert due("runs", "list", "--json").json["runs"] == []
    assert due("approvals", "list", "--json").json["holds"] == []
    assert due("actions", "list", "--json").json["actions"] == []
    fin = token("fin", "finance")
    for words in (("approvals", "show"), ("approvals", "approve"), ("audit", "report", "--action")):
        told = due(*words, foreign.action, token=fin)
        assert (told.code, told.out) == (1, ""), words
        assert f"no {'hold of action' if words[0] == 'approvals' else 'run'}" in told.err
    assert due("audit", "report", "--since", "2020-01-01", "--json").json["runs"] == []
