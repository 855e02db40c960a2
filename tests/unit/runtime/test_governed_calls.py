"""Calls that come from elsewhere, one by one: each end is a value, and none of them is lost when the program dies."""

import threading

import pytest
from tests.unit.runtime.shop import ANN, FIN, FIN2, POLICY, Shop

from dueprocess.agent.records import RunFinished
from dueprocess.errors import Conflict, LeaseLost, NotFound
from dueprocess.gate import ActionDispatched, ActionHeld, ActionWaiting, Outcome
from dueprocess.ledger import Store
from dueprocess.runtime import (
    DeniedCall,
    FailedCall,
    HeldCall,
    ReusedCall,
    RunStatus,
    SucceededCall,
    UnknownCall,
    approve,
    edit,
    lift,
    order,
    reject,
    settle,
)
from dueprocess.testing.workbench import Killed, Workbench
from dueprocess.tool import tool
from dueprocess.values import digest_text

A20 = {"order_id": "A", "amount_usd": "20"}
A30 = {"order_id": "A", "amount_usd": "30"}


def workbench(shop: Shop, store: Store | None = None, *, policy: str = POLICY, **tools: object) -> Workbench:
    return Workbench(tools=shop.tools(**tools), policy=policy, store=store)


def test_an_allowed_call_succeeds_with_its_result(store: Store):
    shop = Shop()
    with workbench(shop, store) as bench:
        done = bench.govern().call("pay", A20)
        assert isinstance(done, SucceededCall)
        assert done.value == {"receipt": "A: 20.00"}


def test_i2_a_denied_call_says_why_and_does_not_run(store: Store):
    shop = Shop()
    with workbench(shop, store) as bench:
        denied = bench.govern().call("pay", {"order_id": "A", "amount_usd": "51"})
        assert isinstance(denied, DeniedCall)
        assert [finding.rule for finding in denied.findings] == ["pay.max_amount_usd", "pay.require_approval_over_usd"]
        assert shop.paid == []


def test_i5_a_held_call_runs_once_when_it_is_resumed_after_its_approval(store: Store):
    shop = Shop()
    with workbench(shop, store) as bench:
        governed = bench.govern()
        held = governed.call("pay", A30)
        assert isinstance(held, HeldCall)
        assert approve(bench.shell, held.action, person=ANN).refused is not None
        assert approve(bench.shell, held.action, person=FIN).complete
        assert isinstance(governed.resume(held.action), SucceededCall)
        assert isinstance(governed.resume(held.action), SucceededCall)
        assert len(shop.paid) == 1


def test_i5_asking_where_a_hold_stands_does_not_replace_it(store: Store):
    shop = Shop()
    policy = POLICY.replace('{any_of: ["group:finance"]}', '{any_of: ["group:finance"], quorum: 2}')
    with workbench(shop, store, policy=policy) as bench:
        governed = bench.govern()
        held = governed.call("pay", A30)
        approve(bench.shell, held.action, person=FIN)
        again = governed.resume(held.action)
        assert isinstance(again, HeldCall)
        assert (again.action, again.findings, len(bench.records(governed.run, ActionHeld))) == (
            held.action,
            held.findings,
            1,
        )
        assert approve(bench.shell, held.action, person=FIN2).complete
        assert isinstance(governed.resume(held.action), SucceededCall)


def test_i5_two_threads_that_resume_one_approved_call_run_it_once(store: Store):
    shop = Shop(faults=["no_effect"])
    with workbench(shop, store) as bench:
        governed = bench.govern()
        held = governed.call("pay", A30)
        approve(bench.shell, held.action, person=FIN)
        barrier, ends = threading.Barrier(6), []

        def resume() -> None:
            barrier.wait()
            try:
                ends.append(governed.resume(held.action))
            except Conflict as error:
                ends.append(error)

        threads = [threading.Thread(target=resume) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keys = [intent.sink_key for intent in bench.records(governed.run, ActionDispatched)]
        assert len(ends) == 6
        assert len(keys) == len(set(keys)) <= 2
        assert len(shop.paid) <= 1


def test_i5_a_stricter_policy_between_approval_and_resume_asks_again():
    shop = Shop()
    with workbench(shop) as bench:
        governed = bench.govern()
        held = governed.call("pay", A30)
        approve(bench.shell, held.action, person=FIN)
        bench.publish(POLICY.replace('["group:finance"]', '["group:ops"]'))
        again = governed.resume(held.action)
        assert isinstance(again, HeldCall)
        assert again.action != held.action
        assert isinstance(governed.resume(held.action), HeldCall)
        assert governed.resume(held.action).action == again.action
        assert shop.paid == []


@pytest.mark.parametrize("editable", [False, True])
def test_i5_an_edited_hold_goes_on_as_its_next_revision(*, editable: bool, store: Store):
    shop = Shop()
    policy = POLICY.replace('"group:finance"]', '"group:finance"], editable: [amount_usd]') if editable else POLICY
    with workbench(shop, store, policy=policy) as bench:
        governed = bench.govern()
        held = governed.call("pay", A30)
        edit(bench.shell, held.action, person=FIN, arguments={"order_id": "A", "amount_usd": "28"})
        after = governed.resume(held.action)
        # An edit that counts as the only approval it needs leaves nothing to wait for.
        assert isinstance(after, SucceededCall if editable else HeldCall)
        if not editable:
            assert approve(bench.shell, after.action, person=FIN).refused is not None
            approve(bench.shell, after.action, person=FIN2)
        assert isinstance(governed.resume(held.action), SucceededCall)
        assert [amount for _, _, amount in shop.paid] == ["28.00"]


def test_a_rejected_or_expired_call_says_so_and_never_runs(store: Store):
    shop = Shop()
    with workbench(shop, store) as bench:
        governed = bench.govern()
        first, second = governed.call("pay", A30), governed.call("pay", A30)
        reject(bench.shell, first.action, person=FIN)
        assert isinstance(governed.resume(first.action), DeniedCall)
        bench.clock.advance(seconds=24 * 3600 + 1)
        for _ in range(2):
            late = governed.resume(second.action)
            assert isinstance(late, FailedCall)
        with pytest.raises(Conflict, match="expired"):
            approve(bench.shell, second.action, person=FIN2)
        assert shop.paid == []


def test_i4_a_call_that_surely_had_no_effect_may_be_tried_again(store: Store):
    shop = Shop(faults=["no_effect"])
    with workbench(shop, store) as bench:
        governed = bench.govern()
        failed = governed.call("pay", A20)
        assert isinstance(failed, FailedCall)
        assert isinstance(governed.resume(failed.action), SucceededCall)
        assert len({intent.sink_key for intent in bench.records(governed.run, ActionDispatched)}) == 2


def test_i4_a_lost_outcome_that_nobody_can_tell_is_left_for_a_person(store: Store):
    shop = Shop(faults=["error_after"])
    with workbench(shop, store) as bench:
        governed = bench.govern()
        unknown = governed.call("pay", A20)
        assert isinstance(unknown, UnknownCall)
        assert isinstance(governed.resume(unknown.action), UnknownCall)
        settle(bench.shell, unknown.action, person=FIN, outcome=Outcome.SUCCEEDED)
        assert isinstance(governed.resume(unknown.action), SucceededCall)
        assert len(shop.paid) == 1


@pytest.mark.parametrize(("fault", "paid"), [("error_after", SucceededCall), ("error_before", FailedCall)])
def test_i4_a_lost_outcome_is_asked_for_at_the_sink_at_once(fault: str, paid: type, store: Store):
    shop = Shop(faults=[fault])
    with workbench(shop, store, reconcile=True) as bench:
        governed = bench.govern()
        told = governed.call("pay", A20)
        assert isinstance(told, paid)
        assert isinstance(governed.resume(told.action), SucceededCall)
        assert len(shop.paid) == 1


def test_i4_a_sink_that_cannot_tell_is_asked_again_on_resume(store: Store):
    shop = Shop(faults=["error_after"], told=["busy"])
    with workbench(shop, store, reconcile=True) as bench:
        governed = bench.govern()
        told = governed.call("pay", A20)
        assert isinstance(told, UnknownCall)
        assert isinstance(governed.resume(told.action), SucceededCall)


def test_i4_a_lost_outcome_is_repeated_under_its_key_where_the_sink_enforces_it(store: Store):
    shop = Shop(faults=["error_after", "error_after"], enforces=True)
    with workbench(shop, store, idempotency="sink") as bench:
        governed = bench.govern()
        told = governed.call("pay", A20)
        assert isinstance(told, UnknownCall)
        assert isinstance(governed.resume(told.action), SucceededCall)
        assert len({intent.sink_key for intent in bench.records(governed.run, ActionDispatched)}) == 1
        assert len(shop.paid) == 1


def test_i4_repeats_end_after_the_retries_and_a_person_settles(store: Store):
    shop = Shop(faults=["error_before"] * 9, enforces=True)
    with workbench(shop, store, idempotency="sink") as bench:
        governed = bench.govern()
        told = governed.call("pay", A20)
        for _ in range(5):
            told = governed.resume(told.action)
            assert isinstance(told, UnknownCall)
        assert len(bench.records(governed.run, ActionDispatched)) == 3
        settle(bench.shell, told.action, person=FIN, outcome=Outcome.FAILED)


def test_i4_a_repeat_that_is_not_allowed_any_more_is_left_for_a_person():
    shop = Shop(faults=["error_after"], enforces=True)
    with workbench(shop, idempotency="sink") as bench:
        governed = bench.govern()
        told = governed.call("pay", A20)
        bench.publish(POLICY.replace("usd: 25", "usd: 5"))
        assert isinstance(governed.resume(told.action), UnknownCall)
        assert (bench.holds(), [row.state for row in bench.actions(governed.run)]) == ([], ["unsettled"])


@pytest.mark.parametrize("fault", ["killed_before", "killed_after"])
def test_i4_a_program_that_died_in_the_tool_goes_on_when_it_is_opened_again(fault: str, store: Store):
    shop = Shop(faults=[fault])
    with workbench(shop, store, reconcile=True) as bench:
        first = bench.govern("k")
        with pytest.raises(Killed):
            first.call("pay", A20)
        second = bench.govern("k")
        action = bench.actions(second.run)[0].action
        with pytest.raises(LeaseLost):
            first.call("pay", A20)
        assert isinstance(second.resume(action), UnknownCall)
        assert shop.voided == set()
        bench.clock.advance(seconds=21)
        told = second.resume(action)
        if isinstance(told, FailedCall):
            told = second.resume(action)
        assert isinstance(told, SucceededCall)
        assert len(shop.paid) == 1


def test_i4_a_read_that_died_with_its_program_failed():
    shop = Shop()
    shop.on_look = lambda: (_ for _ in ()).throw(Killed())
    with workbench(shop) as bench:
        with pytest.raises(Killed):
            bench.govern("k").call("look", {"order_id": "A"})
        again = bench.govern("k")
        action = bench.actions(again.run)[0].action
        shop.on_look = None
        bench.clock.advance(seconds=21)
        assert isinstance(again.resume(action), FailedCall)
        assert isinstance(again.resume(action), SucceededCall)


def test_i4_an_attempt_under_way_in_this_program_is_not_taken_for_lost():
    shop = Shop()
    with workbench(shop) as bench:
        governed = bench.govern()

        def resume_meanwhile(call: object) -> None:
            with pytest.raises(Conflict, match="under way in this process"):
                governed.resume(call.action)
            with pytest.raises(Conflict, match="may still be under way"):
                governed.close()

        shop.before = resume_meanwhile
        assert isinstance(governed.call("pay", A20), SucceededCall)


def test_i4_the_same_key_is_one_effect(store: Store):
    shop = Shop()
    policy = POLICY.replace(
        "require_approval_over_usd: 25", "require_approval_over_usd: 25, idempotency_key: [$.order_id]"
    )
    with workbench(shop, store, policy=policy) as bench:
        governed = bench.govern()
        first, second = governed.call("pay", A20), governed.call("pay", A20)
        assert isinstance(second, ReusedCall)
        assert (second.original, second.value, len(shop.paid)) == (first.action, first.value, 1)
        other = governed.call("pay", {"order_id": "A", "amount_usd": "21"})
        assert isinstance(other, HeldCall)
        waiting = governed.call("pay", {"order_id": "B", "amount_usd": "30"})
        third = governed.call("pay", {"order_id": "B", "amount_usd": "30"})
        assert isinstance(third, HeldCall)
        assert third.original == waiting.action


def test_a_stop_holds_calls_or_denies_the_tool(store: Store):
    shop = Shop()
    with workbench(shop, store) as bench:
        governed = bench.govern()
        order(bench.shell, "tool:pay", person=FIN)
        assert isinstance(governed.call("pay", A20), DeniedCall)
        order(bench.shell, "agent:support", person=FIN)
        stopped = governed.call("look", {"order_id": "A"})
        assert isinstance(stopped, HeldCall)
        assert (stopped.reason, shop.paid, shop.looked) == ("stopped: agent:support", [], 0)


def test_i2_a_call_that_meets_a_stop_is_recorded_and_goes_on_when_the_stop_is_lifted(store: Store):
    shop = Shop()
    with workbench(shop, store) as bench:
        governed = bench.govern()
        order(bench.shell, "all", person=FIN)
        stopped = governed.call("pay", A20)
        assert isinstance(governed.resume(stopped.action), HeldCall)
        assert [record.stop for record in bench.records(governed.run, ActionWaiting)] == ["all"]
        lift(bench.shell, "all", person=FIN2)
        assert isinstance(governed.resume(stopped.action), SucceededCall)
        assert isinstance(governed.resume(stopped.action), SucceededCall)
        assert len(shop.paid) == 1


def test_i5_citations_rest_on_what_was_retrieved_in_this_run_and_stay_with_a_hold(store: Store):
    text = "Refunds within 30 days."

    @tool(effect="read", retrieves=True)
    async def search(words: str) -> list[dict[str, object]]:
        """Search."""
        return [{"document": "kb", "digest": digest_text(text), "start": 0, "end": len(text), "text": text}]

    shop = Shop()
    policy = POLICY.replace("require_approval_over_usd: 25", "require_approval_over_usd: 25, require_citation: true")
    policy = policy.replace("  look: {allowed: true}", "  look: {allowed: true}\n  search: {allowed: true}")
    cited = [{"document": "kb", "start": 0, "end": 7, "digest": digest_text("Refunds")}]
    with Workbench(tools=(*shop.tools(), search), policy=policy, store=store) as bench:
        governed = bench.govern("k")
        early = governed.call("pay", {**A20, "citations": cited})
        assert isinstance(early, DeniedCall)
        governed.call("search", {"words": "refund"})
        assert isinstance(governed.call("pay", {**A20, "citations": cited}), SucceededCall)
        held = governed.call("pay", {**A30, "citations": cited})
        assert isinstance(held, HeldCall)
        approve(bench.shell, held.action, person=FIN)
        again = bench.govern("k")
        assert isinstance(again.resume(held.action), SucceededCall)


def test_an_action_of_another_run_is_not_resumed_here():
    shop = Shop()
    with workbench(shop) as bench:
        action = bench.govern("one").call("pay", A20).action
        with pytest.raises(NotFound, match="no action"):
            bench.govern("two").resume(action)
        with pytest.raises(NotFound):
            bench.govern("two").resume("a_none")


def test_i4_a_run_that_is_ended_cancels_its_holds_and_leaves_what_is_unknown_to_a_person(store: Store):
    shop = Shop(faults=["error_after"])
    with workbench(shop, store, idempotency="sink") as bench:
        governed = bench.govern("k")
        unknown, held = governed.call("pay", A20), governed.call("pay", A30)
        governed.close()
        assert bench.status(governed.run) is RunStatus.FINISHED
        assert len(bench.records(governed.run, RunFinished)) == 1
        assert {row.action: row.state for row in bench.actions(governed.run)} == {
            unknown.action: "unsettled",
            held.action: "cancelled",
        }
        assert bench.holds() == []
        settle(bench.shell, unknown.action, person=FIN, outcome=Outcome.SUCCEEDED)
        with pytest.raises(Conflict, match="has ended"):
            bench.govern("k")
        with pytest.raises(LeaseLost):
            governed.call("pay", A20)


def test_i12_a_policy_published_meanwhile_decides_the_next_call_and_is_named():
    shop = Shop()
    with workbench(shop) as bench:
        governed = bench.govern()
        assert isinstance(governed.call("pay", A20), SucceededCall)
        stricter = POLICY.replace("max_amount_usd: 50, require_approval_over_usd: 25", "max_amount_usd: 10")
        bench.publish(stricter)
        denied = governed.call("pay", A20)
        assert isinstance(denied, DeniedCall)
        events = bench.shell.store.read(lambda tx: tx.events(governed.run))
        named = {type(event.record).__name__: event.envelope.policy for event in events}
        assert named["ActionDispatched"] == digest_text(POLICY)
        assert named["ActionDenied"] == digest_text(stricter)
