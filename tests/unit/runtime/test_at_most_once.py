"""I4: whatever fails and wherever a worker dies, an action has at most one effect, and what nobody knows is not called failed."""

import pytest
from tests.unit.runtime.shop import AGENT, FIN, POLICY, Shop

from dueprocess.agent import initial, refold
from dueprocess.errors import CommitLost, Conflict, NotFound, StoreUnavailable
from dueprocess.gate import ActionDispatched, ActionSettled, Outcome
from dueprocess.ledger import Store
from dueprocess.runtime import RunStatus, approve, settle
from dueprocess.runtime.journal import happened
from dueprocess.runtime.tables import RUNS
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.faults import Fault, FaultyStore
from dueprocess.testing.workbench import Killed, Line, Workbench, signing_key
from dueprocess.values import action_id, attempt_key, parse

PAY_20 = ("pay", {"order_id": "A", "amount_usd": "20"})
SCRIPT = [Line(calls=(PAY_20,)), Line(text="done")]


def outcomes(bench: Workbench, run: str) -> list[tuple[Outcome, str]]:
    return [(record.outcome, record.by.value) for record in bench.records(run, ActionSettled)]


def test_i4_only_a_declared_no_effect_is_failed_and_it_is_tried_again_under_a_new_key(store: Store):
    shop = Shop(faults=["no_effect"])
    with Workbench(tools=shop.tools(), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        assert bench.status(run) is RunStatus.TIMER
        bench.advance(1)
        intents = bench.records(run, ActionDispatched)
        ids = {e.envelope.action for e in bench.events(run) if isinstance(e.record, ActionDispatched)}
        assert outcomes(bench, run) == [(Outcome.FAILED, "tool"), (Outcome.SUCCEEDED, "tool")]
        assert (len(ids), len({intent.sink_key for intent in intents}), len(shop.paid)) == (1, 2, 1)
        action = ids.pop()
        assert [intent.sink_key for intent in intents] == [attempt_key(action=action, attempt=n) for n in (1, 2)]


@pytest.mark.parametrize("fault", ["error_before", "error_after"])
def test_i4_any_other_error_of_a_write_is_unknown_and_goes_to_a_person(fault: str, store: Store):
    shop = Shop(faults=[fault])
    with Workbench(tools=shop.tools(), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(1)
        assert outcomes(bench, run) == [(Outcome.UNKNOWN, "tool"), (Outcome.UNSETTLED, "recovery")]
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert len(shop.paid) == (1 if fault == "error_after" else 0)


def test_i4_a_write_that_does_not_come_back_before_its_deadline_is_unknown():
    shop = Shop(faults=["hangs"])
    policy = POLICY.replace("max_wall_clock_seconds: 90", "max_wall_clock_seconds: 2")

    with Workbench(
        tools=shop.tools(), policy=policy, script=[Line(calls=(("look", {"order_id": "A"}),)), *SCRIPT[:1]]
    ) as bench:
        # All but a hundredth of a second is used up before the write is dispatched.
        shop.on_look = lambda: bench.clock.advance(micros=1_990_000)
        run = bench.submit()
        bench.work()
        bench.advance(1)
        told = [(r.outcome, r.error) for r in bench.records(run, ActionSettled)]
        assert told[1] == (Outcome.UNKNOWN, "no answer before the deadline")
        assert bench.status(run) is RunStatus.HANDED_OFF


@pytest.mark.parametrize(
    ("fault", "story"),
    [
        ("error_after", [(Outcome.UNKNOWN, "tool"), (Outcome.SUCCEEDED, "reconcile")]),
        (
            "error_before",
            [(Outcome.UNKNOWN, "tool"), (Outcome.FAILED, "reconcile"), (Outcome.SUCCEEDED, "tool")],
        ),
    ],
)
def test_i4_a_lost_outcome_is_settled_at_the_sink(fault: str, story: list[object], store: Store):
    shop = Shop(faults=[fault])
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(5)
        assert outcomes(bench, run) == story
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        result = next(r.result for r in bench.records(run, ActionSettled) if r.outcome is Outcome.SUCCEEDED)
        assert parse(result) == {"receipt": "A: 20.00"}


def test_i4_a_sink_that_cannot_tell_is_asked_again_and_then_a_person_settles(store: Store):
    shop = Shop(faults=["error_after"], told=["busy"] * 5)
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        for _ in range(5):
            bench.advance(5)
        assert bench.kinds(run).count("action.unclear") == 5
        assert bench.status(run) is RunStatus.HANDED_OFF
        action = bench.actions(run)[0].action
        settle(bench.shell, action, person=FIN, outcome=Outcome.SUCCEEDED, note="seen at the bank")
        assert bench.actions(run)[0].state == "succeeded"
        with pytest.raises(Conflict, match="only an unsettled one"):
            settle(bench.shell, action, person=FIN, outcome=Outcome.FAILED)


def test_a_person_settles_as_succeeded_or_failed_and_only_what_is_there():
    with Workbench(policy="agent: {max_model_spend_usd: 5}\ntools: {}") as bench:
        with pytest.raises(Conflict, match="not as unknown"):
            settle(bench.shell, "a_1", person=FIN, outcome=Outcome.UNKNOWN)
        with pytest.raises(NotFound, match="no action a_1"):
            settle(bench.shell, "a_1", person=FIN, outcome=Outcome.FAILED)


@pytest.mark.parametrize("fault", ["error_before", "error_after"])
def test_i4_a_lost_outcome_is_repeated_under_the_same_key_where_the_sink_enforces_it(fault: str, store: Store):
    shop = Shop(faults=[fault], enforces=True)
    with Workbench(tools=shop.tools(idempotency="sink"), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(5)
        keys = [intent.sink_key for intent in bench.records(run, ActionDispatched)]
        assert (len(keys), len(set(keys))) == (2, 1)
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i4_a_repeat_ends_with_a_person_after_the_retries(store: Store):
    shop = Shop(faults=["error_before"] * 9, enforces=True)
    with Workbench(tools=shop.tools(idempotency="sink"), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        for _ in range(3):
            bench.advance(5)
        assert len(bench.records(run, ActionDispatched)) == 3
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert bench.actions(run)[0].state == "unsettled"


DENIES = POLICY.replace("max_amount_usd: 50, require_approval_over_usd: 25", "max_amount_usd: 5")
HOLDS = POLICY.replace("usd: 25", "usd: 5")


@pytest.mark.parametrize("policy", [DENIES, HOLDS])
def test_i4_a_lost_outcome_that_may_not_be_repeated_any_more_goes_to_a_person_and_gets_no_second_key(
    policy: str, store: Store
):
    shop = Shop(faults=["killed_after"], enforces=True)
    with Workbench(tools=shop.tools(idempotency="sink"), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        assert bench.work_until_killed()
        bench.publish(policy)
        bench.advance(60)
        bench.advance(5)
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert bench.holds() == []
        assert len(shop.paid) == 1
        assert [row.state for row in bench.actions(run)] == ["unsettled"]


def test_i4_a_repeat_that_the_calls_of_the_run_have_no_room_for_ends_with_a_person(store: Store):
    shop = Shop(faults=["error_after"], enforces=True)
    policy = POLICY.replace("max_tool_calls: 8", "max_tool_calls: 1")
    with Workbench(tools=shop.tools(idempotency="sink"), policy=policy, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(5)
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert [row.state for row in bench.actions(run)] == ["unsettled"]


def test_i4_one_that_failed_for_sure_may_become_a_hold_under_a_stricter_policy_and_runs_once(store: Store):
    shop = Shop(faults=["no_effect"])
    with Workbench(tools=shop.tools(), policy=POLICY, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.publish(HOLDS)
        bench.advance(1)
        assert bench.status(run) is RunStatus.HELD
        hold = bench.holds()[0]
        assert approve(bench.shell, hold.action, person=FIN).complete
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        first, second = bench.actions(run)
        assert {first.state, second.state} == {"failed", "succeeded"}


def test_i4_a_read_that_failed_is_tried_three_times_and_the_run_says_so(store: Store):
    shop = Shop(faults=["look_fails"] * 3)
    script = [Line(calls=(("look", {"order_id": "A"}),)), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(1)
        bench.advance(5)
        assert (bench.status(run), shop.looked) == (RunStatus.HANDED_OFF, 3)


def test_i4_the_model_proposing_the_same_refund_twice_is_one_refund(store: Store):
    policy = POLICY.replace(
        "require_approval_over_usd: 25", "require_approval_over_usd: 25, idempotency_key: [$.order_id]"
    )
    shop = Shop()
    twice = [Line(calls=(PAY_20, PAY_20)), Line(calls=(PAY_20,)), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=policy, script=twice, store=store) as bench:
        run = bench.submit()
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        assert bench.kinds(run).count("action.reused") == 2
        other = bench.submit("another task of the same tenant")
        bench.work()
        assert (bench.status(other), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i4_a_second_run_waits_for_the_same_key_until_people_have_answered_for_the_first(store: Store):
    policy = POLICY.replace(
        "require_approval_over_usd: 25", "require_approval_over_usd: 5, idempotency_key: [$.order_id]"
    )
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=policy, script=SCRIPT, store=store) as bench:
        first, second = bench.submit("one"), bench.submit("two")
        bench.work()
        assert sorted(bench.status(run).value for run in (first, second)) == ["held", "other_action"]
        approve(bench.shell, bench.holds()[0].action, person=FIN)
        bench.work()
        assert (bench.status(first), bench.status(second)) == (RunStatus.FINISHED, RunStatus.FINISHED)
        assert len(shop.paid) == 1


def test_i4_a_refold_mints_the_same_ids_as_were_stored(store: Store):
    shop = Shop(faults=["no_effect"])
    script = [Line(calls=(PAY_20, ("look", {"order_id": "B"}))), Line(calls=(PAY_20,)), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(1)
        events = bench.events(run)
        state, _ = refold(initial(bench.release.config, run), tuple(happened(event) for event in events))
        assert state.done == ("look", "pay", "pay")
        for event in events:
            if isinstance(event.record, ActionDispatched):
                call = event.record.call
                minted = action_id(run=run, cause=call.cause, index=call.index, revision=call.revision)
                assert event.envelope.action == minted


def story(store: Store, shop: Shop, *, reconcile: bool, idempotency: str) -> Workbench:
    """A run with a read, a hold and two writes; whoever drives it may die."""
    script = [
        Line(calls=(("look", {"order_id": "A"}), PAY_20)),
        Line(calls=(("pay", {"order_id": "B", "amount_usd": "30"}),)),
        Line(text="done"),
    ]
    tools = shop.tools(reconcile=reconcile, idempotency=idempotency)
    return Workbench(tools=tools, policy=POLICY, script=script, store=store)


def to_the_end(bench: Workbench, run: str) -> None:
    """Works, dies, approves and waits until the run has ended."""
    for _ in range(40):
        try:
            bench.work_until_killed()
        except (CommitLost, StoreUnavailable):
            bench.clock.advance(seconds=3)
        for hold in bench.holds():
            if not hold.execute_by:
                approve_somehow(bench, hold.action)
        if bench.status(run) in {RunStatus.FINISHED, RunStatus.HANDED_OFF}:
            return
        bench.clock.advance(seconds=21)
    raise AssertionError(f"the run is {bench.status(run)} after forty workers")


def approve_somehow(bench: Workbench, action: str) -> None:
    try:
        approve(bench.shell, action, person=FIN)
    except (Killed, CommitLost, StoreUnavailable, Conflict):
        return


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize(("reconcile", "idempotency"), [(True, "none"), (False, "sink"), (False, "none")])
def test_i4_wherever_a_worker_dies_or_a_commit_is_lost_each_payment_is_made_once(
    fault: Fault, *, reconcile: bool, idempotency: str
):
    counting = FaultyStore(MemoryStore(signing_key=signing_key()))
    shop = Shop(enforces=idempotency == "sink")
    with story(counting, shop, reconcile=reconcile, idempotency=idempotency) as bench:
        started = counting.commits
        run = bench.submit()
        to_the_end(bench, run)
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 2)
    finished = 0
    for commit in range(started + 2, counting.commits + 1):
        store = FaultyStore(MemoryStore(signing_key=signing_key()), at=commit, fault=fault)
        shop = Shop(enforces=idempotency == "sink")
        with story(store, shop, reconcile=reconcile, idempotency=idempotency) as bench:
            run = bench.submit()
            to_the_end(bench, run)
            orders = [order for _, order, _ in shop.paid]
            assert len(orders) == len(set(orders)), f"commit {commit}: paid twice"
            if bench.status(run) is RunStatus.FINISHED:
                finished += 1
                assert sorted(orders) == ["A", "B"], f"commit {commit}: not paid"
            elif reconcile or idempotency == "sink":
                raise AssertionError(f"commit {commit}: the run ended with a person, though the sink could tell")
            row = bench.store.read(lambda tx, run=run: tx.get(RUNS, run))
            assert row is not None
    assert finished > 5


def test_attempts_lost_to_dead_workers_are_bounded(store: Store):
    shop = Shop(faults=["killed_before"] * 40)
    with Workbench(
        tools=shop.tools(reconcile=True),
        policy=POLICY.replace(AGENT, AGENT.replace("90", "90000")),
        script=SCRIPT,
        store=store,
    ) as bench:
        run = bench.submit()
        crashes = 0
        while bench.status(run) is not RunStatus.HANDED_OFF:
            crashes += bench.work_until_killed()
            bench.clock.advance(seconds=21)
            assert crashes < 30
        assert (crashes, shop.paid) == (26, [])
