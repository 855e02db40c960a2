"""I1, I2, I3: nothing runs but what was decided, after its intent is stored, and whatever is unclear does not run."""

import pytest
from tests.unit.runtime.shop import FIN, POLICY, Shop

from dueprocess.agent.records import BudgetExceeded, ModelReplied, RunHandedOff
from dueprocess.errors import BadValue, CommitLost, FileInvalid, LeaseLost, NotAllowed, StoreUnavailable, ToolInvalid
from dueprocess.gate import ActionDenied, ActionDispatched, ActionSettled, Outcome
from dueprocess.ledger import Store
from dueprocess.runtime import RunStatus, approve
from dueprocess.runtime.tables import ACTIONS
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.clock import FakeClock
from dueprocess.testing.faults import Fault, FaultyStore
from dueprocess.testing.workbench import Killed, Line, Workbench, signing_key
from dueprocess.tool import Attempt, tool
from dueprocess.values import Money, parse

PAY_20 = ("pay", {"order_id": "A", "amount_usd": "20"})
PAY_THEN_STOP = [Line(calls=(PAY_20,)), Line(text="done")]


def test_i3_when_the_function_runs_its_intent_is_stored_and_names_its_key(store: Store):
    shop, seen = Shop(), []

    def look_into_the_store(call: Attempt) -> None:
        row = store.read(lambda tx: tx.get(ACTIONS, call.action))
        seen.append((row.state, row.sink_key, row.attempt, row.dispatch_before) if row is not None else None)
        seen.append((call.key, call.number, call.deadline))

    shop.before = look_into_the_store
    with Workbench(tools=shop.tools(), policy=POLICY, script=PAY_THEN_STOP, store=store) as bench:
        run = bench.submit()
        bench.work()
        intent = bench.records(run, ActionDispatched)[0]
    assert seen == [
        ("dispatched", intent.sink_key, 1, intent.dispatch_before),
        (intent.sink_key, 1, intent.dispatch_before),
    ]


def test_i1_the_function_gets_exactly_the_decided_arguments():
    got: list[object] = []

    @tool(effect="write")
    async def pay(order_id: str, amount_usd: Money, note: str = "none", lines: list[int] | None = None) -> None:
        """Pay."""
        got.append((order_id, amount_usd, note, lines))

    policy = POLICY.replace("  look: {allowed: true}\n", "")
    text = '{"amount_usd": 20.0, "lines": [1, 2], "order_id": "A\\u0031"}'
    with Workbench(tools=(pay,), policy=policy, script=[Line(calls=(("pay", text),)), Line(text="ok")]) as bench:
        run = bench.submit()
        bench.work()
        intent = bench.records(run, ActionDispatched)[0]
        proposed = bench.records(run, ModelReplied)[0].requests[0].arguments
    assert parse(intent.call.arguments) == parse(proposed)
    assert got == [("A1", Money(20_000_000), "none", [1, 2])]


def test_i1_a_tool_cannot_be_called_around_the_gate():
    _, pay = Shop().tools()
    with pytest.raises(NotAllowed, match="acts only through the gate"):
        pay(order_id="A", amount_usd="20")


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.UNAVAILABLE, Fault.KILLED_BEFORE])
def test_i3_where_the_intent_may_not_be_stored_nothing_runs(fault: Fault):
    shop = Shop()
    inner = MemoryStore(signing_key=signing_key())
    counting = FaultyStore(inner)
    with Workbench(tools=shop.tools(), policy=POLICY, script=PAY_THEN_STOP, store=counting) as bench:
        bench.submit("a")
        before = counting.commits
        bench.work()
    assert len(shop.paid) == 1
    shop.paid.clear()
    # The commits of a run: its claim, the question, the reply, the intent.
    intent = before + 4
    store = FaultyStore(MemoryStore(signing_key=signing_key()), at=intent, fault=fault)
    with Workbench(tools=shop.tools(), policy=POLICY, script=PAY_THEN_STOP, store=store) as bench:
        run = bench.submit("a")
        with pytest.raises((CommitLost, StoreUnavailable, Killed)):
            bench.work()
        assert shop.paid == []
        # It is found again: at most once, and nothing is forgotten.
        bench.clock.advance(seconds=60)
        bench.work()
        wanted = (RunStatus.HANDED_OFF, 0) if fault is Fault.LOST_AFTER else (RunStatus.FINISHED, 1)
        assert (bench.status(run), len(shop.paid)) == wanted


def test_i3_an_attempt_whose_deadline_has_passed_before_it_starts_is_not_started():
    shop = Shop()
    clock = FakeClock()

    class Slow(MemoryStore):
        """A store that takes a minute for every commit."""

        def write(self, unit, *, sync=True):
            done = super().write(unit, sync=sync)
            clock.advance(seconds=15)
            return done

    policy = POLICY.replace(
        "max_wall_clock_seconds: 90", "max_wall_clock_seconds: 3000, retries: {timeout_seconds: 10}"
    )
    store = Slow(signing_key=signing_key())
    with Workbench(tools=shop.tools(), policy=policy, script=PAY_THEN_STOP, store=store, clock=clock) as bench:
        run = bench.submit()
        made = bench.claim(run)
        bench.drive(made)
        bench.advance(60)
        assert shop.paid == []
        outcomes = {(r.outcome, r.error) for r in bench.records(run, ActionSettled)}
        assert outcomes == {(Outcome.FAILED, "not started: its deadline had passed")}
        assert bench.status(run) is RunStatus.HANDED_OFF


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ('{"order_id": "A", "amount_usd": NaN}', "parse"),
        ('{"order_id": "A", "amount_usd": "20"', "parse"),
        ('["A", "20"]', "parse"),
        ('{"order_id": "A", "amount_usd": "20", "amount_usd": "2"}', "parse"),
        ('{"order_id": "A", "amount_usd": "20", "user": {"role": "admin"}}', "schema"),
        ('{"order_id": "A", "amount_usd": "900 USD"}', "schema"),
        ('{"order_id": "A"}', "schema"),
        ('{"order_id": "A", "amount_usd": "51"}', "pay.max_amount_usd"),
        ('{"order_id": "A", "amount_usd": -5}', "pay.max_amount_usd"),
        ('{"order_id": "\\ud800", "amount_usd": "5"}', "parse"),
        ("[" * 40 + "]" * 40, "parse"),
        (b'{"order_id": "A", "amount_usd": "5", "note": "'.decode() + "x" * (1 << 20) + '"}', "schema"),
    ],
)
def test_i2_what_cannot_be_read_or_is_not_allowed_has_no_effect_and_a_reason(arguments: str, rule: str):
    shop = Shop()
    script = [Line(calls=(("pay", arguments),)), Line(text="I could not.")]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script) as bench:
        run = bench.submit()
        bench.work()
        rules = {finding.rule for record in bench.records(run, ActionDenied) for finding in record.findings}
        assert rule in rules
        assert shop.paid == []
        assert bench.status(run) is RunStatus.FINISHED


@pytest.mark.parametrize("name", ["refund", "Pay", "pay ", "tools.pay", "pаy", "", "look\npay"])
def test_i2_a_tool_that_is_not_listed_by_exactly_this_name_does_not_run(name: str):
    shop = Shop()
    script = [Line(calls=((name, {"order_id": "A", "amount_usd": "20"}),)), Line(text="I could not.")]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script) as bench:
        run = bench.submit()
        bench.work()
        assert [f.rule for r in bench.records(run, ActionDenied) for f in r.findings] == ["unlisted"]
        assert shop.paid == []


def test_i2_a_policy_published_for_other_tools_stops_the_run_instead_of_deciding_without_it(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, script=PAY_THEN_STOP, store=store) as bench:
        run = bench.submit()
        bench.publish(POLICY.replace("  pay:", "  refund:"))
        with pytest.raises(FileInvalid, match="refund"):
            bench.work()
        assert shop.paid == []
        bench.publish(POLICY)
        bench.advance(3)
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i2_without_a_price_no_model_is_asked():
    with Workbench(policy="agent: {max_model_spend_usd: 5}\ntools: {}", script=[Line(text="hi")], price=None) as bench:
        run = bench.submit()
        bench.work()
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert bench.records(run, ModelReplied) == []
        assert [over.unit for over in bench.records(run, BudgetExceeded)] == ["unpriced"]


def test_i2_a_sync_write_that_could_not_be_killed_is_refused_before_any_run():
    @tool(effect="write")
    def pay(order_id: str, amount_usd: Money) -> None:
        """Pay."""

    policy = POLICY.replace("  look: {allowed: true}\n", "")
    with Workbench(tools=(pay,), policy=policy) as bench, pytest.raises(ToolInvalid, match="pay is a write"):
        bench.shell.ready_tools()


def test_i3_a_driver_whose_run_was_taken_over_writes_nothing_any_more(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, script=PAY_THEN_STOP, store=store) as bench:
        run = bench.submit()
        zombie = bench.claim(run)
        bench.clock.advance(seconds=3)
        assert bench.claim(run).epoch == zombie.epoch + 1
        before = len(bench.events(run))
        with pytest.raises(LeaseLost, match="epoch 1 no longer drives it"):
            bench.drive(zombie)
        assert (len(bench.events(run)), shop.paid) == (before, [])


def test_i3_the_late_outcome_of_a_zombie_is_refused_and_the_sink_is_asked_instead(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, script=PAY_THEN_STOP, store=store) as bench:
        run = bench.submit()
        zombie = bench.claim(run)
        taken = []

        def taken_over(call: Attempt) -> None:
            if not taken:
                # The worker stops (SIGSTOP) in the tool, past its lease and its deadline; another one takes the run.
                bench.clock.advance(seconds=60)
                taken.append(bench.claim(run))

        shop.before = taken_over
        with pytest.raises(LeaseLost):
            bench.drive(zombie)
        assert len(shop.paid) == 1
        assert bench.records(run, ActionSettled) == []
        bench.drive(taken[0])
        settled = [(r.outcome, r.by.value) for r in bench.records(run, ActionSettled)]
        assert settled == [(Outcome.UNKNOWN, "recovery"), (Outcome.SUCCEEDED, "reconcile")]
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i2_an_approved_action_meets_the_gate_again(store: Store):
    shop = Shop()
    script = [Line(calls=(("pay", {"order_id": "A", "amount_usd": "30"}),)), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        action = bench.holds()[0].action
        assert approve(bench.shell, action, person=FIN).complete
        bench.publish(POLICY.replace("max_amount_usd: 50", "max_amount_usd: 29").replace("usd: 25", "usd: 20"))
        bench.work()
        assert shop.paid == []
        assert bench.kinds(run)[-1] == "action.denied"


def test_i2_a_run_that_ends_with_a_person_brings_a_packet():
    shop = Shop()
    shop.faults[:] = ["error_after"]
    with Workbench(tools=shop.tools(), policy=POLICY, script=PAY_THEN_STOP) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(1)
        assert bench.status(run) is RunStatus.HANDED_OFF
        packet = parse(bench.records(run, RunHandedOff)[0].packet)
        assert packet["open"][0]["status"] == "unsettled"


def test_i2_a_reply_with_lone_surrogates_is_recorded_refused_and_answered():
    shop = Shop()
    bad = Line(text="\ud800 well", calls=(("pay", '{"order_id": "\ud800", "amount_usd": "20"}'), ("\udfff", "{}")))
    with Workbench(tools=shop.tools(), policy=POLICY, script=[bad, Line(text="I could not.")]) as bench:
        run = bench.submit()
        bench.work()
        assert [f.rule for r in bench.records(run, ActionDenied) for f in r.findings] == ["parse", "unlisted"]
        assert (bench.status(run), shop.paid) == (RunStatus.FINISHED, [])
        assert bench.records(run, ModelReplied)[0].text == "\\ud800 well"


def test_i2_a_task_that_no_record_can_hold_is_refused_and_leaves_nothing(store: Store):
    with Workbench(policy="tools: {}", store=store) as bench:
        before = bench.store.checkpoint()[0].size
        with pytest.raises(BadValue, match="lone surrogate"):
            bench.submit("\ud800", key="k")
        assert bench.store.checkpoint()[0].size == before
