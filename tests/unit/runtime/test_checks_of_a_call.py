"""Checks: what reads have answered in this run. A stale or missing answer is renewed before the decision, once, and on the record."""

from dataclasses import dataclass, field

import pytest

from dueprocess.gate import ActionDenied, ActionDispatched, ActionSettled
from dueprocess.ledger import Store
from dueprocess.runtime import DeniedCall, HeldCall, Person, RunStatus, SucceededCall, approve, order
from dueprocess.testing.workbench import Killed, Line, Workbench
from dueprocess.tool import Tool, tool
from dueprocess.values import Json

POLICY = """
agent: {max_tool_calls: 6, max_model_spend_usd: 5}
approvers: {default: {any_of: ["group:finance"], execute_within: 8h}}
tools:
  get_order: {allowed: true}
  refund:
    allowed: true
    require_approval_over_usd: 25
    checks:
      - {name: recent, from: get_order, where: {id: $.order}, assert: "result.age_days <= 30", max_age: 10m}
      - {name: hers, from: get_order, where: {id: $.order}, assert: "result.customer == args.customer"}
"""
FIN = Person(id="user:fin", groups=frozenset({"group:finance"}), how="test")


@dataclass(slots=True)
class Desk:
    orders: dict[str, dict[str, Json]] = field(
        default_factory=lambda: {
            "A": {"age_days": 3, "customer": "c1"},
            "B": {"age_days": 31, "customer": "c1"},
            "C": {},
        }
    )
    asked: list[str] = field(default_factory=list[str])
    paid: list[str] = field(default_factory=list[str])
    dies: bool = False

    def tools(self) -> tuple[Tool, ...]:
        desk = self

        @tool(effect="read")
        async def get_order(id: str) -> dict[str, Json]:  # noqa: A002
            """Look an order up."""
            desk.asked.append(id)
            if desk.dies:
                desk.dies = False
                raise Killed
            return desk.orders[id]

        @tool(effect="write")
        async def refund(order: str, customer: str, amount_usd: str = "5") -> str:
            """Pay money back."""
            desk.paid.append(order)
            return "paid"

        return get_order, refund


def refund(order: str = "A", customer: str = "c1", amount: str = "5") -> tuple[str, dict[str, Json]]:
    return "refund", {"order": order, "customer": customer, "amount_usd": amount}


def workbench(desk: Desk, store: Store, *lines: Line) -> Workbench:
    return Workbench(tools=desk.tools(), policy=POLICY, script=[*lines, Line(text="done")], store=store)


def denied_by(bench: Workbench, run: str) -> list[str]:
    (record,) = bench.records(run, ActionDenied)  # type: ignore[arg-type]
    assert isinstance(record, ActionDenied)
    return [finding.rule for finding in record.findings]


def test_what_was_not_asked_yet_is_asked_by_the_gate_itself(store: Store):
    desk = Desk()
    with workbench(desk, store, Line(calls=(refund(),))) as bench:
        run = bench.submit("refund A")
        bench.work()
        assert bench.status(run) is RunStatus.FINISHED
        assert (desk.asked, desk.paid) == (["A"], ["A"])
        assert [r.call.tool for r in bench.records(run, ActionDispatched)] == ["get_order", "refund"]  # type: ignore[attr-defined]


def test_an_answer_that_is_there_is_used(store: Store):
    desk = Desk()
    with workbench(desk, store, Line(calls=(("get_order", {"id": "A"}),)), Line(calls=(refund(),))) as bench:
        bench.submit("refund A")
        bench.work()
        assert (desk.asked, desk.paid) == (["A"], ["A"])


@pytest.mark.parametrize(
    ("call", "rules"),
    [
        (refund("B"), ["refund.checks.recent"]),
        (refund("A", "c2"), ["refund.checks.hers"]),
        (refund("C"), ["refund.checks.recent", "refund.checks.hers"]),
        (refund("D"), ["refund.checks.recent", "refund.checks.hers"]),
    ],
)
def test_what_is_not_so_or_cannot_be_told_is_denied(store: Store, call: tuple[str, dict[str, Json]], rules: list[str]):
    desk = Desk()
    with workbench(desk, store, Line(calls=(call,))) as bench:
        run = bench.submit("refund it")
        bench.work()
        assert denied_by(bench, run) == rules
        assert desk.paid == []
        assert len(desk.asked) == 1


def test_a_stale_answer_is_renewed_before_an_approved_call_runs(store: Store):
    desk = Desk()
    with workbench(desk, store, Line(calls=(refund(amount="30"),))) as bench:
        run = bench.submit("refund A")
        bench.work()
        assert bench.status(run) is RunStatus.HELD
        bench.clock.advance(seconds=3600)
        (hold,) = bench.holds()
        assert approve(bench.shell, hold.action, person=FIN).complete
        bench.work()
        assert (desk.asked, desk.paid) == (["A", "A"], ["A"])


def test_what_has_become_untrue_while_people_thought_is_denied(store: Store):
    desk = Desk()
    with workbench(desk, store, Line(calls=(refund(amount="30"),))) as bench:
        run = bench.submit("refund A")
        bench.work()
        desk.orders["A"] = {"age_days": 31, "customer": "c1"}
        bench.clock.advance(seconds=3600)
        (hold,) = bench.holds()
        assert approve(bench.shell, hold.action, person=FIN).complete
        bench.work()
        assert "refund.checks.recent" in denied_by(bench, run)
        assert desk.paid == []


def test_a_policy_published_before_the_check_is_asked_decides(store: Store):
    desk = Desk()
    stricter = POLICY.replace("<= 30", "<= 2")

    def script(request: object, run: str, turn: int) -> Line:
        if turn == 1:
            bench.publish(stricter)
            return Line(calls=(refund(),))
        return Line(text="done")

    with Workbench(tools=desk.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit("refund A")
        bench.work()
        assert bench.status(run) is RunStatus.FINISHED
        assert denied_by(bench, run) == ["refund.checks.recent"]
        assert (len(desk.asked), desk.paid) == (1, [])


@pytest.mark.parametrize(("target", "status"), [("tool:get_order", RunStatus.FINISHED), ("all", RunStatus.STOP)])
def test_what_is_stopped_is_not_asked_for_a_check_either(store: Store, target: str, status: RunStatus):
    desk = Desk()
    ordered: list[str] = []

    def script(request: object, run: str, turn: int) -> Line:
        if not ordered:
            ordered.append(target)
            order(bench.shell, target, person=FIN, reason="down")
        return Line(calls=(refund(),)) if turn == 1 else Line(text="done")

    with Workbench(tools=desk.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit("refund A")
        bench.work()
        assert (desk.asked, desk.paid) == ([], [])
        assert bench.status(run) is status


def test_nothing_is_asked_for_a_call_that_is_denied_anyway(store: Store):
    desk = Desk()
    with workbench(
        desk, store, Line(calls=(("refund", {"order": "A", "customer": "c1", "amount_usd": "x"}),))
    ) as bench:
        bench.submit("refund A")
        bench.work()
        assert (desk.asked, desk.paid) == ([], [])


def test_parallel_calls_ask_for_each_of_theirs(store: Store):
    desk = Desk()
    with workbench(desk, store, Line(calls=(refund("A"), refund("B")))) as bench:
        run = bench.submit("refund both")
        bench.work()
        assert (sorted(desk.asked), desk.paid) == (["A", "B"], ["A"])
        assert denied_by(bench, run) == ["refund.checks.recent"]


def test_reads_of_checks_count_as_calls(store: Store):
    desk = Desk()
    policy = POLICY.replace("max_tool_calls: 6", "max_tool_calls: 1")
    with Workbench(tools=desk.tools(), policy=policy, script=[Line(calls=(refund(),))], store=store) as bench:
        run = bench.submit("refund A")
        bench.work()
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert desk.paid == []


def test_a_worker_that_dies_while_it_asks_leaves_nothing_behind(store: Store):
    desk = Desk(dies=True)
    with workbench(desk, store, Line(calls=(refund(),))) as bench:
        run = bench.submit("refund A")
        assert bench.work_until_killed()
        bench.work()
        assert bench.status(run) is RunStatus.FINISHED
        assert (desk.asked, desk.paid) == (["A", "A"], ["A"])
        assert {row.state for row in bench.actions(run)} == {"failed", "succeeded"}


def test_a_guarded_call_asks_as_well(store: Store):
    desk = Desk()
    with workbench(desk, store) as bench:
        governed = bench.govern("refund A")
        assert isinstance(governed.call(*refund()), SucceededCall)
        assert isinstance(governed.call(*refund("B")), DeniedCall)
        assert (desk.asked, desk.paid) == (["A", "B"], ["A"])
        held = governed.call(*refund(amount="30"))
        assert isinstance(held, HeldCall)
        bench.clock.advance(seconds=3600)
        assert approve(bench.shell, held.action, person=FIN).complete
        assert isinstance(governed.resume(held.action), SucceededCall)
        assert desk.asked == ["A", "B", "A"]


def test_the_answer_that_a_denial_rests_on_is_named(store: Store):
    desk = Desk()
    with workbench(desk, store) as bench:
        governed = bench.govern("refund B")
        governed.call(*refund("B"))
        (record,) = bench.records(governed.run, ActionDenied)
        assert isinstance(record, ActionDenied)
        (finding,) = record.findings
        assert finding.reason == "get_order was to show that result.age_days <= 30: it is not so"
        (settled,) = [e for e in bench.events(governed.run) if isinstance(e.record, ActionSettled)]
        assert settled.envelope.action in finding.compared
