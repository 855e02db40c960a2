"""Attacks on calls from elsewhere: polling, edits, endings, reopening, what cannot be bound. No action is left without an owner."""

import pytest
from tests.unit.runtime.shop import FIN, FIN2, POLICY, Shop

from dueprocess.errors import Conflict, NotFound
from dueprocess.gate import ActionState, Outcome
from dueprocess.ledger import Store
from dueprocess.runtime import (
    DeniedCall,
    FailedCall,
    HeldCall,
    ReusedCall,
    SucceededCall,
    UnknownCall,
    approve,
    edit,
    settle,
)
from dueprocess.runtime.tables import ACTIONS
from dueprocess.testing.workbench import Killed, Workbench
from dueprocess.wiring.guard import guard
from dueprocess.wiring.home import open_home

TWO = POLICY.replace('{default: {any_of: ["group:finance"]}}', '{default: {any_of: ["group:finance"], quorum: 2}}')
EDITABLE = POLICY.replace(
    '{default: {any_of: ["group:finance"]}}', '{default: {any_of: ["group:finance"], editable: [amount_usd]}}'
)
KEYED = POLICY.replace("pay: {allowed: true,", "pay: {allowed: true, idempotency_key: [$.order_id],")
PAY_30 = {"order_id": "A", "amount_usd": "30"}
PAY_20 = {"order_id": "A", "amount_usd": "20"}


def state(bench: Workbench, action: str) -> str:
    row = bench.store.read(lambda tx: tx.get(ACTIONS, action))
    assert row is not None
    return row.state


def test_i5_asking_again_for_a_held_call_leaves_the_hold_and_its_approvals_as_they_are(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=TWO, store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", PAY_30)
        assert isinstance(held, HeldCall)
        approve(bench.shell, held.action, person=FIN)
        again = governed.resume(held.action)
        assert isinstance(again, HeldCall)
        assert (again.action, [hold.action for hold in bench.holds()]) == (held.action, [held.action])
        assert approve(bench.shell, held.action, person=FIN2).complete
        assert isinstance(governed.resume(held.action), SucceededCall)
        assert len(shop.paid) == 1


def test_i5_a_hold_that_nobody_answered_in_time_ends_when_it_is_asked_for(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", PAY_30)
        bench.clock.advance(seconds=25 * 3600)
        assert isinstance(governed.resume(held.action), FailedCall)
        assert state(bench, held.action) == ActionState.EXPIRED.value
        assert bench.holds() == []


@pytest.mark.parametrize(("amount", "runs"), [("26.00", True), ("40.00", False)])
def test_i5_an_edited_call_is_decided_again_as_its_next_revision(amount: str, runs: object, store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=EDITABLE, store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", PAY_30)
        edit(bench.shell, held.action, person=FIN, arguments={"order_id": "A", "amount_usd": amount})
        done = governed.resume(held.action)
        if isinstance(done, HeldCall) and runs:
            done = governed.resume(done.action)
        assert isinstance(done, SucceededCall if runs else HeldCall)
        assert done.action != held.action
        assert [paid for _, _, paid in shop.paid] == ([amount] if runs else [])


def test_i11_ending_a_run_cancels_what_is_held_and_frees_its_key(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=KEYED, store=store) as bench:
        governed = bench.govern("one")
        held = governed.call("pay", PAY_30)
        governed.close()
        assert (bench.holds(), state(bench, held.action)) == ([], ActionState.CANCELLED.value)
        other = bench.govern("two").call("pay", PAY_30)
        assert isinstance(other, HeldCall)
        assert not other.original


def test_i4_a_run_does_not_end_while_an_attempt_of_it_may_be_under_way():
    shop = Shop(faults=["killed_after"])
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY) as bench:
        with pytest.raises(Killed):
            bench.govern().call("pay", PAY_20)
        with pytest.raises(Conflict):
            bench.govern().close()


def test_i4_a_lost_outcome_that_no_sink_can_tell_is_given_to_a_person(store: Store):
    shop = Shop(faults=["error_after"])
    with Workbench(tools=shop.tools(), policy=KEYED, store=store) as bench:
        governed = bench.govern()
        lost = governed.call("pay", PAY_20)
        assert isinstance(lost, UnknownCall)
        assert state(bench, lost.action) == ActionState.UNSETTLED.value
        settle(bench.shell, lost.action, person=FIN, outcome=Outcome.SUCCEEDED)
        assert isinstance(governed.resume(lost.action), SucceededCall)
        assert isinstance(governed.call("pay", PAY_20), ReusedCall)
        assert len(shop.paid) == 1


def test_i4_a_sink_that_never_can_tell_is_asked_a_few_times_and_then_a_person_is():
    shop = Shop(faults=["error_after"], told=["busy"] * 50)
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY) as bench:
        governed = bench.govern()
        lost = governed.call("pay", PAY_20)
        for _ in range(6):
            assert isinstance(governed.resume(lost.action), UnknownCall)
        assert state(bench, lost.action) == ActionState.UNSETTLED.value


def test_i5_a_run_opened_again_stays_on_behalf_of_whom_it_was_opened_for():
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY) as bench:
        bench.govern("one", on_behalf_of="user:fin")
        with pytest.raises(Conflict):
            bench.govern("one", on_behalf_of="user:bob")
        held = bench.govern("one", on_behalf_of="").call("pay", PAY_30)
        refused = approve(bench.shell, held.action, person=FIN).refused
        assert refused is not None
        assert refused.rule == "approval.requester"


def test_i2_a_call_that_waits_for_another_can_be_asked_for_again(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=KEYED, store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", PAY_30)
        waits = governed.call("pay", PAY_30)
        assert isinstance(waits, HeldCall)
        assert waits.original == held.action
        assert isinstance(governed.resume(waits.action), HeldCall)
        approve(bench.shell, held.action, person=FIN)
        governed.resume(held.action)
        assert isinstance(governed.resume(waits.action), ReusedCall)
        assert len(shop.paid) == 1


def test_i2_arguments_that_are_no_json_are_a_recorded_denial(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        for wrong in ({"order_id": "A", "amount_usd": float("nan")}, {"order_id": object()}, {"order_id": "\ud800"}):
            denied = governed.call("pay", wrong)
            assert isinstance(denied, DeniedCall)
            assert [finding.rule for finding in denied.findings] == ["parse"]
        assert bench.kinds(governed.run).count("action.denied") == 3
        assert not shop.paid


def test_i6_a_call_that_a_budget_refused_is_not_there_to_be_asked_for():
    policy = POLICY.replace("max_tool_calls: 8", "max_tool_calls: 1")
    with Workbench(tools=Shop().tools(), policy=policy) as bench:
        governed = bench.govern()
        governed.call("pay", PAY_20)
        refused = governed.call("pay", PAY_20)
        assert isinstance(refused, FailedCall)
        with pytest.raises(NotFound):
            governed.resume(refused.action)


def test_i2_what_does_not_bind_to_the_function_is_a_recorded_denial(tmp_path):
    shop = Shop()
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, "utf-8")
    look, pay = shop.tools()
    with guard(pay, policy=policy, store=tmp_path / "home", beside=(look,), on_behalf_of="user:ann") as guarded:
        nan = float("nan")
        tries = (
            guarded("A", nan),
            guarded("A"),
            guarded("A", "1", "2", "3"),
            guarded(self="A"),
            guarded("A", amount_usd="20", **{"\x1b[31m": 1}),
        )
        assert all(isinstance(one, DeniedCall) for one in tries)
        assert all(one.findings for one in tries if isinstance(one, DeniedCall))
        assert not shop.paid
        assert isinstance(guarded("A", "20"), SucceededCall)


def test_i12_the_events_of_a_run_opened_again_name_the_release_that_decides_them(tmp_path):
    shop = Shop()
    policy = tmp_path / "policy.yaml"
    look, pay = shop.tools()
    home = open_home(tmp_path / "home", {})
    named = []
    for text in (POLICY, POLICY.replace("50", "40")):
        policy.write_text(text, "utf-8")
        with guard(pay, policy=policy, store=home, beside=(look,), run="one") as guarded:
            guarded("A", "20")
            events = home.store.read(lambda tx, run=guarded.run: tx.events(run))
            named.append([e.envelope.release for e in events if e.envelope.kind == "action.dispatched"][-1])
    home.store.close()
    assert len(set(named)) == 2
