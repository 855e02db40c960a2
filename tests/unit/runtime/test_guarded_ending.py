"""A guarded run that somebody asks to end, settles or tries again, while its program still has it (I3, I4, I11)."""

import threading

import pytest
from tests.unit.runtime.shop import FIN, POLICY, Shop

from dueprocess.agent.records import RunCancelled, RunClaimed
from dueprocess.errors import Conflict, LeaseLost
from dueprocess.gate import ActionDispatched, Outcome
from dueprocess.ledger import Store, decode_line
from dueprocess.runtime import FailedCall, HeldCall, RunStatus, SucceededCall, UnknownCall, cancel, settle
from dueprocess.runtime.lease import Owner, this_process
from dueprocess.runtime.left_behind import Program, program_of
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.stores.journal import opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.workbench import Killed, Workbench, signing_key
from dueprocess.tool import tool
from dueprocess.values import Money

PAY_20 = {"order_id": "A", "amount_usd": "20"}
PAY_30 = {"order_id": "A", "amount_usd": "30"}


def is_what_the_events_make(store: Store) -> bool:
    events = (opened(decode_line(line), store._keys) for line in store.lines())
    return replay_into(events, MemoryStore(signing_key=signing_key())) == snapshot(store)


def test_i3_a_cancelled_run_ends_at_once_where_nothing_is_under_way_and_decides_nothing_more(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", PAY_30)
        assert isinstance(held, HeldCall)
        cancel(bench.shell, governed.run, by="user:ann", reason="never mind")
        assert bench.status(governed.run) is RunStatus.CANCELLED
        assert [row.state for row in bench.actions(governed.run)] == ["cancelled"]
        for call in (lambda: governed.call("pay", PAY_20), lambda: governed.resume(held.action), governed.close):
            with pytest.raises(LeaseLost, match="cancelled"):
                call()
        with pytest.raises(Conflict, match="has ended"):
            bench.govern()
        assert shop.paid == []
        assert is_what_the_events_make(store)


def test_i3_a_run_cancelled_in_the_middle_of_an_attempt_ends_with_its_outcome(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        states: list[RunStatus] = []

        def meanwhile(call: object) -> None:
            cancel(bench.shell, governed.run, by="user:ann")
            states.append(bench.status(governed.run))
            with pytest.raises(Conflict, match="was cancelled"):
                governed.call("pay", PAY_20)

        shop.before = meanwhile
        told = governed.call("pay", PAY_20)
        assert isinstance(told, SucceededCall)
        assert (states, bench.status(governed.run)) == ([RunStatus.RUNNING], RunStatus.CANCELLED)
        assert [row.state for row in bench.actions(governed.run)] == ["succeeded"]
        assert (len(shop.paid), len(bench.records(governed.run, RunCancelled))) == (1, 1)
        assert is_what_the_events_make(store)


def test_i3_of_two_attempts_under_way_the_last_one_ends_the_cancelled_run(store: Store):
    both_in, cancelled, first_out = threading.Barrier(3), threading.Event(), threading.Event()

    @tool(effect="write", name="pay")
    def pay(order_id: str, amount_usd: Money) -> str:
        """Pay."""
        both_in.wait(20)
        assert cancelled.wait(20)
        if order_id == "second":
            assert first_out.wait(20)
        return order_id

    with Workbench(tools=(pay,), policy=POLICY.replace("  look: {allowed: true}\n", ""), store=store) as bench:
        governed, told = bench.govern(), dict[str, object]()

        def call(order_id: str) -> None:
            told[order_id] = governed.call("pay", {"order_id": order_id, "amount_usd": "20"})
            stands[order_id] = bench.status(governed.run)
            first_out.set()

        stands: dict[str, RunStatus] = {}
        threads = [threading.Thread(target=call, args=(name,)) for name in ("first", "second")]
        for thread in threads:
            thread.start()
        both_in.wait(20)
        cancel(bench.shell, governed.run, by="user:ann")
        cancelled.set()
        for thread in threads:
            thread.join()
        assert {type(each) for each in told.values()} == {SucceededCall}
        assert stands == {"first": RunStatus.RUNNING, "second": RunStatus.CANCELLED}
        assert len(bench.records(governed.run, RunCancelled)) == 1


def test_i4_a_cancelled_run_whose_program_died_is_only_settled_when_it_is_opened_again(store: Store):
    shop = Shop(faults=["killed_after"])
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, store=store) as bench:
        with pytest.raises(Killed):
            bench.govern().call("pay", PAY_20)
        (lost,) = bench.actions(bench.govern().run)
        cancel(bench.shell, lost.run, by="user:ann")
        assert bench.status(lost.run) is RunStatus.RUNNING
        again = bench.govern()
        with pytest.raises(Conflict, match="was cancelled"):
            again.call("pay", {"order_id": "B", "amount_usd": "20"})
        bench.clock.advance(seconds=60)
        assert isinstance(again.resume(lost.action), SucceededCall)
        assert (bench.status(lost.run), len(shop.paid)) == (RunStatus.CANCELLED, 1)
        assert is_what_the_events_make(store)


def test_i4_what_a_living_program_may_have_under_way_nobody_settles_for_it(store: Store):
    shop = Shop(faults=["error_after"], told=["busy"])
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        lost = governed.call("pay", PAY_20)
        assert isinstance(lost, UnknownCall)
        with pytest.raises(Conflict, match="still runs"):
            settle(bench.shell, lost.action, person=FIN, outcome=Outcome.FAILED)
        assert isinstance(governed.resume(lost.action), SucceededCall)


def test_i4_a_run_that_was_cancelled_with_an_unknown_outcome_leaves_it_to_a_person(store: Store):
    shop = Shop(faults=["error_after"], told=["busy"])
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        lost = governed.call("pay", PAY_20)
        cancel(bench.shell, governed.run, by="user:ann")
        assert bench.status(governed.run) is RunStatus.CANCELLED
        settle(bench.shell, lost.action, person=FIN, outcome=Outcome.SUCCEEDED)
        assert [row.state for row in bench.actions(governed.run)] == ["succeeded"]
        assert is_what_the_events_make(store)


def test_i4_a_call_that_surely_failed_is_tried_again_within_the_retries_and_no_further(store: Store):
    shop = Shop(faults=["no_effect"] * 9)
    with Workbench(tools=shop.tools(), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        failed = governed.call("pay", PAY_20)
        for _ in range(9):
            assert isinstance(governed.resume(failed.action), FailedCall)
        most = bench.release.policy.retries_of("pay").max_attempts
        assert len(bench.records(governed.run, ActionDispatched)) == most == 3


def test_a_run_that_is_given_back_is_opened_again_as_one_that_did_not_crash(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", PAY_30)
        governed.rest()
        assert (bench.status(governed.run), bench.due()) == (RunStatus.YIELDED, [])
        with pytest.raises(LeaseLost):
            governed.call("pay", PAY_20)
        again = bench.govern()
        assert isinstance(again.resume(held.action), HeldCall)
        assert [claim.crashed for claim in bench.records(again.run, RunClaimed)] == [False, False]


def test_whose_program_still_runs_is_known_by_boot_process_and_start():
    mine = this_process()
    assert (mine.is_alive(), mine.is_gone()) == (True, False)
    reused = Owner(boot=mine.boot, pid=mine.pid, started="1")
    assert (reused.is_alive(), reused.is_gone()) == (False, True)
    elsewhere = Owner(boot="another", pid=mine.pid, started=mine.started)
    assert (elsewhere.is_alive(), elsewhere.is_gone()) == (False, False)
    assert program_of(()) is Program.GONE
