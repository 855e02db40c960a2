"""The tutorial, second part: a whole agent on a workbench, where a model is a script and time stands still until it is moved."""

from dueprocess import Attempt, Found, Money, Voided
from dueprocess.runtime import Person, RunStatus, approve
from dueprocess.testing.workbench import Killed, Line, Workbench
from dueprocess.tool import tool

POLICY = """
agent: {max_tool_calls: 3, max_model_spend_usd: 1}
approvers: {default: {any_of: ["group:finance"]}}
tools: {refund: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 25}}
"""
BOB = Person(id="user:bob", groups=frozenset({"group:finance"}))


def a_model_that_refunds(amount: str) -> list[Line]:
    """First it calls the tool, then it says that it is done."""
    return [Line(calls=(("refund", {"order_id": "order-1", "amount_usd": amount}),)), Line(text="Done.")]


def refunds_into(paid: dict[str, str], *, dies: bool = False):
    """A refund that writes into a dict, under the key of its attempt; its worker may die in the middle of it."""
    deaths = [Killed] if dies else []

    async def look_up(call: Attempt) -> Found | Voided:
        return Found(paid[call.key]) if call.key in paid else Voided()

    @tool(effect="write", reconcile=look_up)
    async def refund(order_id: str, amount_usd: Money, call: Attempt) -> str:
        """Pay money back for an order."""
        paid[call.key] = order_id
        if deaths:
            raise deaths.pop()
        return str(amount_usd)

    return refund


def test_13_a_task_becomes_a_run_that_ends_with_an_answer():
    paid: dict[str, str] = {}
    with Workbench(tools=[refunds_into(paid)], policy=POLICY, script=a_model_that_refunds("20")) as bench:
        run = bench.submit("Please refund order-1.")
        bench.work()

        assert bench.status(run) is RunStatus.FINISHED
        assert list(paid.values()) == ["order-1"]


def test_14_a_run_that_waits_for_a_person_waits_for_as_long_as_it_takes():
    paid: dict[str, str] = {}
    with Workbench(tools=[refunds_into(paid)], policy=POLICY, script=a_model_that_refunds("30")) as bench:
        run = bench.submit("Please refund order-1.")
        bench.work()
        bench.advance(20 * 3600)
        assert bench.status(run) is RunStatus.HELD

        approve(bench.shell, bench.holds()[0].action, person=BOB)
        bench.work()

        assert bench.status(run) is RunStatus.FINISHED
        assert list(paid.values()) == ["order-1"]


def test_15_a_worker_that_dies_in_the_middle_of_a_refund_leaves_one_refund():
    paid: dict[str, str] = {}
    with Workbench(tools=[refunds_into(paid, dies=True)], policy=POLICY, script=a_model_that_refunds("20")) as bench:
        run = bench.submit("Please refund order-1.")
        assert bench.work_until_killed()

        bench.advance(60)  # another worker finds the run, asks the bank, and goes on

        assert bench.status(run) is RunStatus.FINISHED
        assert list(paid.values()) == ["order-1"]


def test_16_a_model_that_loops_is_stopped_at_its_budget():
    paid: dict[str, str] = {}
    loops = [Line(calls=(("refund", {"order_id": f"order-{turn}", "amount_usd": "1"}),)) for turn in range(9)]
    with Workbench(tools=[refunds_into(paid)], policy=POLICY, script=loops) as bench:
        run = bench.submit("Refund everything.")
        bench.work()

        assert bench.status(run) is RunStatus.HANDED_OFF
        assert len(paid) == 3
