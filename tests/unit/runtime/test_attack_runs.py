"""Attacks on a driven run: that it ends, wakes and stays alive whatever a clock, a key, a tool or a stop does to it."""

import pytest
from tests.unit.runtime.shop import AGENT, FIN, OPS, POLICY, Shop

from dueprocess.gate import ActionReused, ActionSettled, Outcome
from dueprocess.ledger import Store
from dueprocess.runtime import RunStatus, approve, lift, order
from dueprocess.runtime.tables import RUNS
from dueprocess.testing.workbench import Killed, Line, Workbench
from dueprocess.tool import tool
from dueprocess.values import Money

PAY_20 = ("pay", {"order_id": "A", "amount_usd": "20"})
SCRIPT = [Line(calls=(PAY_20,)), Line(text="done")]
KEYED = POLICY.replace("pay: {allowed: true,", "pay: {allowed: true, idempotency_key: [$.order_id],")
SHORT = POLICY.replace("max_wall_clock_seconds: 90", "max_wall_clock_seconds: 2")


def test_i11_a_repeat_that_no_time_is_left_for_is_given_to_a_person_and_not_asked_for_for_ever():
    shop = Shop(faults=["error_before"])
    shop.before = lambda _: bench.clock.advance(seconds=3)
    with Workbench(tools=shop.tools(idempotency="sink"), policy=SHORT, script=SCRIPT) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(1)
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert [r.outcome for r in bench.records(run, ActionSettled)][-1] is Outcome.UNSETTLED


def test_i11_a_run_whose_clock_ran_out_while_it_waits_for_a_lost_write_says_so_once():
    shop = Shop(faults=["killed_after"])
    policy = POLICY.replace("max_wall_clock_seconds: 90", "max_wall_clock_seconds: 5, clock: include_suspension")
    with Workbench(tools=shop.tools(reconcile=True), policy=policy, script=SCRIPT) as bench:
        run = bench.submit()
        with pytest.raises(Killed):
            bench.work()
        shop.told.extend(["busy"] * 2)
        bench.clock.advance(seconds=10)
        bench.work()
        for _ in range(20):
            bench.advance(1)
        assert bench.kinds(run, without=()).count("budget.exceeded") <= 1
        assert len(bench.events(run)) < 40
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert len(shop.paid) == 1


def test_i4_a_retry_finds_its_key_used_meanwhile_and_returns_that_outcome(store: Store):
    shop = Shop(faults=["no_effect"])
    with Workbench(tools=shop.tools(), policy=KEYED, script=SCRIPT, store=store) as bench:
        first = bench.submit("first")
        bench.work()
        assert bench.status(first) is RunStatus.TIMER
        second = bench.submit("second")
        bench.work()
        assert bench.status(second) is RunStatus.FINISHED
        bench.advance(1)
        assert bench.status(first) is RunStatus.FINISHED
        assert len(shop.paid) == 1
        assert len(bench.records(first, ActionReused)) == 1


def test_i4_an_approved_action_finds_its_key_used_meanwhile_and_returns_that_outcome(store: Store):
    shop = Shop()
    held = POLICY.replace("require_approval_over_usd: 25", "require_approval_over_usd: 10")
    with Workbench(tools=shop.tools(), policy=held, script=SCRIPT, store=store) as bench:
        first = bench.submit("first")
        bench.work()
        bench.publish(KEYED)
        second = bench.submit("second")
        bench.work()
        assert bench.status(second) is RunStatus.FINISHED
        assert approve(bench.shell, bench.holds()[0].action, person=FIN).complete
        bench.work()
        assert bench.status(first) is RunStatus.FINISHED
        assert (len(shop.paid), bench.holds()) == (1, [])


@pytest.mark.parametrize("effect", ["read", "write"])
@pytest.mark.parametrize("leaves", [SystemExit, KeyboardInterrupt])
def test_i4_a_tool_that_leaves_the_program_is_an_outcome_and_not_the_end_of_the_worker(
    leaves: type[BaseException], effect: str
):
    @tool(effect=effect, name="pay")
    async def pay(order_id: str, amount_usd: Money) -> str:
        """Pay.

        Args:
            order_id: which
            amount_usd: how much
        """
        raise leaves(1)

    policy = AGENT + "}\ntools:\n  pay: {allowed: true}\n"
    with Workbench(tools=(pay,), policy=policy, script=SCRIPT) as bench:
        run = bench.submit()
        bench.work()
        for _ in range(8):
            bench.advance(5)
        outcomes = {r.outcome for r in bench.records(run, ActionSettled)}
        assert outcomes == ({Outcome.FAILED} if effect == "read" else {Outcome.UNKNOWN, Outcome.UNSETTLED})
        assert bench.status(run) is RunStatus.HANDED_OFF


def test_i11_a_stop_that_is_lifted_before_the_run_has_rested_leaves_it_due(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        order(bench.shell, "all", person=OPS)
        # The lift comes between the transaction that saw the stop and the one in which the run rests.
        written, lifted = store.write, []

        def write(unit, *, sync=True):
            row = store.read(lambda tx: tx.get(RUNS, run))
            done = written(unit, sync=sync)
            if row.status == RunStatus.RUNNING.value and not lifted:
                lifted.append(True)
                store.write = written
                lift(bench.shell, "all", person=FIN)
            return done

        store.write = write
        bench.work()
        assert lifted
        assert bench.status(run) is RunStatus.FINISHED
        assert len(shop.paid) == 1


def test_i2_a_tool_that_this_program_does_not_have_any_more_is_denied(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        del bench.shell.tools["pay"]
        bench.work()
        assert bench.status(run) is RunStatus.FINISHED
        assert bench.kinds(run) == ["action.denied"]


def test_i4_a_lost_write_whose_tool_is_gone_is_given_to_a_person():
    shop = Shop(faults=["killed_after"])
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, script=SCRIPT) as bench:
        run = bench.submit()
        with pytest.raises(Killed):
            bench.work()
        del bench.shell.tools["pay"]
        for _ in range(30):
            bench.advance(30)
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert [r.outcome for r in bench.records(run, ActionSettled)][-1] is Outcome.UNSETTLED


@pytest.mark.parametrize("second", ["20", "20.0", "20.00"])
def test_i4_an_amount_in_a_key_is_the_same_key_however_it_is_written(second: str, store: Store):
    shop = Shop()
    by_amount = KEYED.replace("[$.order_id]", "[$.order_id, $.amount_usd]")

    def script(request: object, run: str, turn: int) -> Line:
        written = "20" if run == first else second
        return Line(calls=(("pay", {"order_id": "A", "amount_usd": written}),)) if turn == 1 else Line(text="done")

    with Workbench(tools=shop.tools(), policy=by_amount, script=script, store=store) as bench:
        first = bench.submit("first")
        bench.work()
        again = bench.submit("again")
        bench.work()
        assert (len(shop.paid), len(bench.records(again, ActionReused))) == (1, 1)
