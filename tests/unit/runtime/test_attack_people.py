"""Attacks on what people say: edits that approve too much, requesters of another form, stops of nothing, children that die early."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.runtime.shop import FIN, OPS, POLICY, Shop

from dueprocess.errors import BadValue, NoEffect
from dueprocess.runtime import RunStatus, edit, order
from dueprocess.runtime.host import Hosts
from dueprocess.testing.workbench import Line, Workbench
from dueprocess.tool import Attempt, tool
from dueprocess.values import ActionId, AttemptKey, Instant, Money, PrincipalId, RunId

EDITABLE = POLICY.replace(
    '{default: {any_of: ["group:finance"]}}', '{default: {any_of: ["group:finance"], editable: [amount_usd, order_id]}}'
)
PAY_30 = ("pay", {"order_id": "500", "amount_usd": "30"})
SCRIPT = [Line(calls=(PAY_30,)), Line(text="done")]


@tool(effect="write")
def spend(amount_usd: Money) -> str:
    """Spend money."""
    Path("spent").write_text(str(amount_usd), "utf-8")
    return "spent"


def test_i5_an_edit_of_anything_but_the_amount_is_no_approval_even_if_it_reads_like_one():
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=EDITABLE, script=SCRIPT) as bench:
        run = bench.submit()
        bench.work()
        answered = edit(
            bench.shell, bench.holds()[0].action, person=FIN, arguments={"order_id": "400", "amount_usd": "30"}
        )
        assert not answered.complete
        bench.work()
        assert bench.status(run) is RunStatus.HELD
        assert not shop.paid


def test_i5_an_edit_approves_nothing_that_the_hold_was_not_asked_for():
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=EDITABLE, script=SCRIPT) as bench:
        run = bench.submit()
        bench.work()
        edit(bench.shell, bench.holds()[0].action, person=FIN, arguments={"order_id": "500", "amount_usd": "29"})
        rule = "rules: [{id: odd, when: \"args.order_id == '500'\", then: hold, why: odd}]"
        bench.publish(EDITABLE.replace("max_amount_usd: 50,", f"max_amount_usd: 50, {rule},"))
        bench.work()
        assert bench.status(run) is RunStatus.HELD
        assert not shop.paid


@pytest.mark.parametrize("name", ["ann", "user:", "user: ann", "agent:support", "user:an\u202en"])
def test_i5_a_requester_who_could_not_be_told_from_an_approver_is_refused(name: str):
    with Workbench(tools=Shop().tools(), policy=POLICY) as bench, pytest.raises(BadValue):
        bench.submit(on_behalf_of=name)


@pytest.mark.parametrize("target", ["", "pay", "tools:pay", "tool:", "ALL"])
def test_i2_a_stop_that_would_stop_nothing_is_refused(target: str):
    with Workbench(tools=Shop().tools(), policy=POLICY) as bench, pytest.raises(BadValue):
        order(bench.shell, target, person=OPS)


def test_i4_a_child_that_died_before_it_was_told_to_go_has_done_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    attempt = Attempt(
        key=AttemptKey("k"),
        action=ActionId("a"),
        number=1,
        run=RunId("r"),
        deadline=Instant(0),
        principal=PrincipalId("agent:x"),
    )

    async def call_of_a_dead_child() -> None:
        hosts = Hosts()
        try:
            await hosts.warm()
            child = await hosts._idle.get()
            child.kill()
            await child.wait()
            hosts._idle.put_nowait(child)
            with pytest.raises(NoEffect):
                await hosts.run(spend, arguments='{"amount_usd":"1"}', attempt=attempt, timeout_s=20)
        finally:
            await hosts.close()

    asyncio.run(call_of_a_dead_child())
    assert not Path("spent").exists()
