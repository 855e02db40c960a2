"""I5: what the requester must confirm waits for them and for nobody else; their yes is for one call, and no approval."""

import pytest
from tests.unit.runtime.shop import ANN, FIN, OPS, POLICY, Shop

from dueprocess.errors import Conflict
from dueprocess.gate import ActionHeld, ApprovalRefused
from dueprocess.gate.records import ActionConfirmed
from dueprocess.ledger import Store
from dueprocess.runtime import HeldCall, RunStatus, SucceededCall, approve, edit, reject
from dueprocess.runtime.answers import confirm
from dueprocess.testing.workbench import Line, Workbench
from dueprocess.values import Json

ASKS = POLICY.replace("pay: {allowed: true,", "pay: {allowed: true, confirm: true,")


def pay(amount: str = "5", order: str = "A") -> tuple[str, dict[str, Json]]:
    return "pay", {"order_id": order, "amount_usd": amount}


def workbench(shop: Shop, store: Store | None, *lines: Line, policy: str = ASKS) -> Workbench:
    return Workbench(tools=shop.tools(), policy=policy, script=[*lines, Line(text="done")], store=store)


def held(bench: Workbench) -> tuple[str, str]:
    run = bench.submit()
    bench.work()
    assert bench.status(run) is RunStatus.HELD
    return run, bench.holds()[0].action


def rules(bench: Workbench, run: str) -> list[list[str]]:
    return [[each.rule for each in record.findings] for record in bench.records(run, ActionHeld)]  # type: ignore[attr-defined]


def test_i5_it_runs_once_the_requester_has_said_yes(store: Store):
    shop = Shop()
    with workbench(shop, store, Line(calls=(pay(),))) as bench:
        run, action = held(bench)
        assert rules(bench, run) == [["pay.confirm"]]
        assert confirm(bench.shell, action, person=ANN).complete
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        (yes,) = bench.records(run, ActionConfirmed)
        assert isinstance(yes, ActionConfirmed)
        assert (yes.by, yes.tool, yes.how) == ("user:ann", "pay", "test")
        with pytest.raises(Conflict, match="closed"):
            confirm(bench.shell, action, person=ANN)


def test_i5_nobody_else_can_say_it_and_no_approval_stands_for_it(store: Store):
    shop = Shop()
    with workbench(shop, store, Line(calls=(pay("30"),))) as bench:
        run, action = held(bench)
        told = confirm(bench.shell, action, person=FIN)
        assert told.refused is not None
        assert told.refused.rule == "confirmation.requester"
        assert told.refused.reason == "user:fin is not user:ann, for whom it is done"
        told = approve(bench.shell, action, person=FIN)
        assert told.refused is not None
        assert told.refused.reason == "user:ann has yet to confirm it; approvers are asked after"
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.HELD, [])
        refused = [record.rule for record in bench.records(run, ApprovalRefused)]  # type: ignore[attr-defined]
        assert refused == ["confirmation.requester", "approval.confirm"]


def test_i5_approvers_are_asked_after_it_and_the_requester_is_none_of_them(store: Store):
    shop = Shop()
    with workbench(shop, store, Line(calls=(pay("30"),))) as bench:
        run, action = held(bench)
        assert rules(bench, run) == [["pay.require_approval_over_usd", "pay.confirm"]]
        assert confirm(bench.shell, action, person=ANN).complete
        bench.work()
        assert rules(bench, run)[1:] == [["pay.require_approval_over_usd"]]
        assert shop.paid == []
        (hold,) = bench.holds()
        told = approve(bench.shell, hold.action, person=ANN)
        assert told.refused is not None
        assert told.refused.rule == "approval.requester"
        with pytest.raises(Conflict, match="does not wait for a confirmation"):
            confirm(bench.shell, hold.action, person=ANN)
        assert approve(bench.shell, hold.action, person=FIN).complete
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i5_a_yes_is_for_one_call(store: Store):
    shop = Shop()
    with workbench(shop, store, Line(calls=(pay(),)), Line(calls=(pay(),))) as bench:
        run, action = held(bench)
        confirm(bench.shell, action, person=ANN)
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.HELD, 1)


def test_i5_one_yes_runs_one_of_two_equal_calls_made_at_once(store: Store):
    shop = Shop()
    with workbench(shop, store, Line(calls=(pay(), pay()))) as bench:
        run, _ = held(bench)
        first, second = (hold.action for hold in bench.holds())
        assert confirm(bench.shell, first, person=ANN).complete
        bench.work()
        assert len(shop.paid) == 1
        assert [hold.action for hold in bench.holds()] == [second]
        assert bench.status(run) is RunStatus.HELD


def test_i5_a_yes_comes_too_late_in_the_end(store: Store):
    shop = Shop()
    policy = ASKS.replace('{any_of: ["group:finance"]}', '{any_of: ["group:finance"], execute_within: 8h}')
    with workbench(shop, store, Line(calls=(pay("30"),)), policy=policy) as bench:
        run, action = held(bench)
        confirm(bench.shell, action, person=ANN)
        bench.work()
        bench.advance(16 * 60)
        approve(bench.shell, bench.holds()[0].action, person=FIN)
        bench.work()
        assert shop.paid == []
        assert rules(bench, run)[-1] == ["pay.require_approval_over_usd", "pay.confirm"]


def test_i5_what_changed_is_confirmed_anew_whoever_changed_it(store: Store):
    shop = Shop()
    policy = ASKS.replace('{any_of: ["group:finance"]}', '{any_of: ["group:finance"], editable: [amount_usd]}')
    with workbench(shop, store, Line(calls=(pay("30"),)), policy=policy) as bench:
        _, action = held(bench)
        told = confirm(bench.shell, action, person=ANN, digest="0" * 64)
        assert told.refused is not None
        assert told.refused.rule == "approval.digest"
        # A lowered amount counts as the editor's approval; it is nobody's confirmation.
        edit(bench.shell, action, person=FIN, arguments=dict(pay("28")[1]))
        bench.work()
        assert shop.paid == []
        (hold,) = bench.holds()
        assert confirm(bench.shell, hold.action, person=ANN).complete
        bench.work()
        assert shop.paid == []
        (hold,) = bench.holds()
        assert approve(bench.shell, hold.action, person=FIN).complete
        bench.work()
        assert [paid for _, _, paid in shop.paid] == ["28.00"]


def test_i5_whom_it_is_done_for_may_say_no(store: Store):
    shop = Shop()
    with workbench(shop, store, Line(calls=(pay(),))) as bench:
        run, action = held(bench)
        assert reject(bench.shell, action, person=ANN).complete
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.FINISHED, [])


def test_i5_one_that_has_expired_is_not_confirmed(store: Store):
    shop = Shop()
    with workbench(shop, store, Line(calls=(pay(),))) as bench:
        _, action = held(bench)
        bench.clock.advance(seconds=25 * 3600)
        told = confirm(bench.shell, action, person=ANN)
        assert told.refused is not None
        assert told.refused.rule == "approval.expired"
        assert shop.paid == []


def test_i5_a_guarded_call_waits_for_it_too(store: Store):
    shop = Shop()
    with workbench(shop, store) as bench:
        calls = bench.govern()
        waits = calls.call("pay", pay()[1])
        assert isinstance(waits, HeldCall)
        assert isinstance(calls.resume(waits.action), HeldCall)
        assert approve(bench.shell, waits.action, person=OPS).refused is not None
        assert confirm(bench.shell, waits.action, person=ANN).complete
        assert isinstance(calls.resume(waits.action), SucceededCall)
        assert isinstance(calls.call("pay", pay()[1]), HeldCall)
        assert len(shop.paid) == 1
