"""I6: calls, time and money are reserved before and settled after; spent and reserved together never pass a limit."""

import threading

import pytest
from tests.unit.runtime.shop import AGENT, POLICY, Shop

from dueprocess.agent.records import BudgetExceeded, BudgetOverrun, ModelAsked, ModelFailed, ModelReplied
from dueprocess.engines import LocalEngine
from dueprocess.errors import ModelUnavailable
from dueprocess.gate import ActionDispatched
from dueprocess.ledger import Store
from dueprocess.meter import Scope, ScopeKind, Unit, meter_key
from dueprocess.model import Price, Usage
from dueprocess.runtime import RunStatus, Task, answer, submit
from dueprocess.runtime.tables import GAUGES
from dueprocess.testing.workbench import PRICE, Killed, Line, Workbench
from dueprocess.values import RunId, usd

TOOLLESS = "agent: {max_model_spend_usd: %s}\ntools: {}"
TENANT = meter_key(Scope(kind=ScopeKind.TENANT, id="default"), Unit.SPEND)


def gauge(bench: Workbench, key: str) -> tuple[int, int]:
    row = bench.store.read(lambda tx: tx.get(GAUGES, key))
    return (row.spent, row.reserved) if row is not None else (0, 0)


def spend_key(run: str) -> str:
    return meter_key(Scope(kind=ScopeKind.RUN, id=run), Unit.SPEND)


def test_i6_the_worst_case_is_reserved_before_the_question_and_settled_to_its_cost_after(store: Store):
    seen: list[tuple[int, int]] = []

    def script(request: object, run: str, turn: int) -> Line:
        seen.append(gauge(bench, spend_key(run)))
        return Line(text="hi", usage=Usage(input_tokens=100, output_tokens=10))

    with Workbench(policy=TOOLLESS % "1", script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        asked = bench.records(run, ModelAsked)[0]
        worst = PRICE.worst_case(request_bytes=asked.request_bytes, max_output_tokens=asked.max_output_tokens)
        assert seen == [(0, worst.micros)]
        assert gauge(bench, spend_key(run)) == (PRICE.cost(Usage(input_tokens=100, output_tokens=10)).micros, 0)


def test_i6_a_spend_cap_of_the_tenant_holds_under_twenty_parallel_runs(store: Store):
    cap = usd("0.004")
    looks: list[int] = []

    def script(request: object, run: str, turn: int) -> Line:
        spent, reserved = gauge(bench, TENANT)
        looks.append(spent + reserved)
        return Line(text="hi", usage=Usage(input_tokens=400, output_tokens=100))

    policy = TOOLLESS % "1"
    with Workbench(policy=policy, script=script, store=store, spend_limits={ScopeKind.TENANT: cap}) as bench:
        runs = [bench.submit(f"task {number}") for number in range(20)]
        engine = LocalEngine(bench.shell, bench.releases, queues=frozenset({bench.queue}), concurrency=20)
        engine.run_worker(until_idle=True)
        ended = [bench.status(run) for run in runs]
        spent, reserved = gauge(bench, TENANT)
        costs = sum(r.cost_micros for run in runs for r in bench.records(run, ModelReplied))
    assert max(looks) <= cap.micros
    assert (spent, reserved) == (costs, 0)
    assert 0 < ended.count(RunStatus.FINISHED) < 20
    assert ended.count(RunStatus.FINISHED) + ended.count(RunStatus.HANDED_OFF) == 20


@pytest.mark.parametrize("kind", [ScopeKind.TASK, ScopeKind.SESSION, ScopeKind.AGENT, ScopeKind.TENANT])
def test_i6_every_wider_scope_can_refuse(kind: ScopeKind):
    with Workbench(policy=TOOLLESS % "1", script=[Line(text="hi")], spend_limits={kind: usd("0.0001")}) as bench:
        run = bench.submit(session="s")
        bench.work()
        over = bench.records(run, BudgetExceeded)[0]
        assert (bench.status(run), over.key.partition(":")[0]) == (RunStatus.HANDED_OFF, kind.value)
        assert bench.records(run, ModelReplied) == []


def test_i6_the_output_is_clamped_to_what_fits_before_a_question_is_refused():
    with Workbench(policy=TOOLLESS % "0.00075", script=[Line(text="hi")]) as bench:
        run = bench.submit()
        bench.work()
        asked = bench.records(run, ModelAsked)[0]
        assert 16 <= asked.max_output_tokens < 100
        assert bench.status(run) is RunStatus.FINISHED


def test_i6_call_nine_of_eight_is_not_dispatched(store: Store):
    shop = Shop()
    script = [Line(calls=(("look", {"order_id": str(turn)}),)) for turn in range(20)]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        assert (bench.status(run), shop.looked, len(bench.records(run, ActionDispatched))) == (
            RunStatus.HANDED_OFF,
            8,
            8,
        )
        over = bench.records(run, BudgetExceeded)[0]
        assert (over.unit, over.spent, over.asked, over.limit) == ("calls", 8, 1, 8)


def test_i6_of_nine_parallel_calls_in_one_reply_eight_are_dispatched(store: Store):
    shop = Shop()
    script = [Line(calls=tuple(("look", {"order_id": str(number)}) for number in range(9)))]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        assert (bench.status(run), shop.looked) == (RunStatus.HANDED_OFF, 8)


def test_i6_a_retry_counts_as_a_call():
    shop = Shop(faults=["look_fails"] * 3)
    policy = POLICY.replace("max_tool_calls: 8", "max_tool_calls: 2")
    script = [Line(calls=(("look", {"order_id": "A"}),))]
    with Workbench(tools=shop.tools(), policy=policy, script=script) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(10)
        bench.advance(10)
        assert (bench.status(run), shop.looked) == (RunStatus.HANDED_OFF, 2)


def test_i6_an_attempt_that_died_with_its_worker_is_no_second_call():
    shop = Shop(faults=["killed_before"])
    policy = POLICY.replace("max_tool_calls: 8", "max_tool_calls: 1")
    script = [Line(calls=(("pay", {"order_id": "A", "amount_usd": "20"}),)), Line(text="done")]
    with Workbench(tools=shop.tools(reconcile=True), policy=policy, script=script) as bench:
        run = bench.submit()
        assert bench.work_until_killed()
        bench.advance(30)
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i6_money_of_a_question_whose_answer_was_lost_stays_reserved(store: Store):
    dies = [True]

    def script(request: object, run: str, turn: int) -> Line:
        if dies and dies.pop():
            raise Killed
        return Line(text="hi")

    with Workbench(policy=TOOLLESS % "1", script=script, store=store) as bench:
        run = bench.submit()
        assert bench.work_until_killed()
        at_risk = gauge(bench, spend_key(run))
        assert at_risk[1] > 0
        bench.work()
        assert bench.status(run) is RunStatus.FINISHED
        assert gauge(bench, spend_key(run))[1] == at_risk[1]


@pytest.mark.parametrize(("may_have_run", "freed"), [(False, True), (True, False)])
def test_i6_a_failed_question_is_free_only_where_it_surely_cost_nothing(*, may_have_run: bool, freed: bool):
    lines = [Line(failure=ModelUnavailable("busy", may_have_run=may_have_run, retry_after_s=7.0)), Line(text="hi")]
    said = iter(lines)
    with Workbench(policy=TOOLLESS % "1", script=lambda *_: next(said)) as bench:
        run = bench.submit()
        bench.work()
        assert (gauge(bench, spend_key(run))[1] == 0) is freed
        assert bench.records(run, ModelFailed)[0].retry_at == bench.clock.now() + 7_000_000
        bench.advance(6)
        assert bench.status(run) is RunStatus.TIMER
        bench.advance(1)
        assert bench.status(run) is RunStatus.FINISHED


def test_i6_a_provider_that_used_more_than_was_reserved_is_an_overrun_and_a_stop(store: Store):
    shop = Shop()
    usage = Usage(input_tokens=10, output_tokens=400_000)
    acts = Line(calls=(("look", {"order_id": "A"}),), usage=usage)
    for line, status in ((acts, RunStatus.STOPPED), (Line(text="hi", usage=usage), RunStatus.FINISHED)):
        with Workbench(tools=shop.tools(), policy=POLICY, script=[line], store=store) as bench:
            run = bench.submit(status.value)
            bench.work()
            over = bench.records(run, BudgetOverrun)[0]
            assert over.used > over.reserved
            assert gauge(bench, spend_key(run)) == (over.used, 0)
            assert (bench.status(run), shop.looked) == (status, 0)


def test_i6_time_is_checked_before_every_question_and_call_and_passed_on_as_a_deadline(store: Store):
    shop = Shop()
    timeouts: list[float] = []

    def script(request: object, run: str, turn: int) -> Line:
        timeouts.append(request.timeout_s)
        bench.clock.advance(seconds=40)
        return Line(calls=(("look", {"order_id": "A"}),))

    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        over = bench.records(run, BudgetExceeded)[0]
        assert (bench.status(run), over.unit, shop.looked) == (RunStatus.HANDED_OFF, "microseconds", 2)
        deadlines = [
            r.dispatch_before - bench.release.config.limits.retries.timeout
            for r in bench.records(run, ActionDispatched)
        ]
        assert timeouts == [90.0, 50.0, 10.0]
        assert len(deadlines) == 2


def test_i6_time_stands_still_while_people_think_unless_the_policy_counts_it():
    held = [Line(calls=(("pay", {"order_id": "A", "amount_usd": "30"}),)), Line(text="done")]
    for counted, how in ((False, ""), (True, "stop"), (True, "handoff_to_human"), (True, "ask_clarification")):
        policy = POLICY.replace(
            AGENT,
            AGENT + (f", clock: include_suspension, escalation: {{on_budget_exceeded: {how}}}" if counted else ""),
        )
        with Workbench(tools=Shop().tools(), policy=policy, script=held) as bench:
            run = bench.submit()
            bench.work()
            bench.advance(3600)
            ended = RunStatus.STOPPED if how == "stop" else RunStatus.HANDED_OFF
            assert bench.status(run) is (ended if counted else RunStatus.HELD)


@pytest.mark.parametrize(
    ("how", "status"), [("stop", RunStatus.STOPPED), ("ask_clarification", RunStatus.CLARIFICATION)]
)
def test_i6_at_a_cap_the_run_does_what_its_policy_says(how: str, status: RunStatus, store: Store):
    policy = f"agent: {{max_model_spend_usd: 0.0001, escalation: {{on_budget_exceeded: {how}}}}}\ntools: {{}}"
    with Workbench(policy=policy, script=[Line(text="hi")], store=store) as bench:
        run = bench.submit()
        bench.work()
        assert bench.status(run) is status
        if status is RunStatus.CLARIFICATION:
            answer(bench.shell, run, text="go on", by="user:ann")
            bench.work()
            assert bench.status(run) is RunStatus.HANDED_OFF


def test_i6_a_rate_is_of_all_runs_of_the_agent_and_a_failed_call_gives_its_place_back(store: Store):
    policy = POLICY.replace("look: {allowed: true}", "look: {allowed: true, rate: {count: 2, window: 1m}}")
    shop = Shop()
    script = [Line(calls=(("look", {"order_id": "A"}),)), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=policy, script=script, store=store) as bench:
        runs = [bench.submit(f"task {number}") for number in range(3)]
        bench.work()
        assert shop.looked == 2
        assert [bench.kinds(run)[0] for run in runs].count("action.denied") == 1
        bench.clock.advance(seconds=61)
        bench.submit("later")
        bench.work()
        assert shop.looked == 3


def test_i6_calls_at_once_from_threads_never_pass_the_limit_of_their_run(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, store=store) as bench:
        governed = bench.govern()
        ends: list[str] = []

        def call(number: int) -> None:
            ends.append(type(governed.call("look", {"order_id": str(number)})).__name__)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (ends.count("SucceededCall"), ends.count("FailedCall"), shop.looked) == (8, 12, 8)


def test_a_model_that_costs_nothing_needs_no_cap():
    free = Price(input=usd("0"), output=usd("0"))
    with Workbench(policy="tools: {}", script=[Line(text="hi")], price=free) as bench:
        run = bench.submit()
        bench.work()
        assert bench.status(run) is RunStatus.FINISHED


def test_a_task_of_one_key_is_one_run(store: Store):
    with Workbench(policy=TOOLLESS % "1", script=[Line(text="hi")], store=store) as bench:
        same = {submit(bench.shell, bench.release, task=Task(text=text, key="k")) for text in ("a", "b")}
        apart = {submit(bench.shell, bench.release, task=Task(text="a")) for _ in range(2)}
        assert (len(same), len(apart)) == (1, 2)
        assert bench.records(RunId(same.pop()), ModelAsked) == []


def test_i6_what_is_at_risk_counts_against_the_limit(store: Store):
    """Each worker dies with a question under way: what it may have cost stays reserved, until no more fits."""
    asked: list[int] = []

    def script(request: object, run: str, turn: int) -> Line:
        asked.append(gauge(bench, spend_key(run))[1])
        raise Killed

    with Workbench(policy=TOOLLESS % "0.0025", script=script, store=store) as bench:
        run = bench.submit()
        deaths = 0
        while bench.work_until_killed():
            deaths += 1
            assert deaths < 20
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert 2 <= deaths <= 4
        assert asked == sorted(asked)
        assert asked[-1] <= usd("0.0025").micros
