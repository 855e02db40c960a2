"""I11: a run at rest holds no thread, survives any restart, is found without a signal, and a stop reaches every process."""

import threading
from pathlib import Path

import pytest
from tests.unit.runtime.shop import FIN, OPS, POLICY, Shop

from dueprocess.agent.records import RunClaimed, RunSuspended, Suspension
from dueprocess.engines import LocalEngine
from dueprocess.errors import Conflict, NotAllowed, NotFound, StoreUnavailable
from dueprocess.ledger import Store
from dueprocess.runtime import RunStatus, answer, approve, cancel, drive, lift, order
from dueprocess.runtime.lease import Owner, beat, this_process
from dueprocess.runtime.tables import LEASES, RUNS
from dueprocess.stores.journal import MemoryKeys
from dueprocess.stores.memory import MemoryStore
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.testing.clock import FakeClock
from dueprocess.testing.faults import Fault, FaultyStore
from dueprocess.testing.workbench import LEASE, Killed, Line, Workbench, signing_key
from dueprocess.values import FOR_EVER, RunId, seconds

PAY_20 = ("pay", {"order_id": "A", "amount_usd": "20"})
PAY_30 = ("pay", {"order_id": "A", "amount_usd": "30"})
HELD = [Line(calls=(PAY_30,)), Line(text="done")]
ASKS = [Line(calls=(("ask_clarification", {"question": "Which order?"}),)), Line(text="done")]


def engine(bench: Workbench, **options: object) -> LocalEngine:
    return LocalEngine(bench.shell, bench.releases, queues=frozenset({bench.queue}), **options)


def test_i11_a_held_run_occupies_no_thread_and_survives_the_store_being_closed(tmp_path: Path):
    keys, shop, clock = MemoryKeys(), Shop(), FakeClock()
    # Other tests of this process may still be ending theirs: only a thread that was not there before counts.
    before = set(threading.enumerate())

    def opened() -> Workbench:
        store = SqliteStore(tmp_path / "ledger.db", keys=keys, signing_key=signing_key(), origin="memory")
        return Workbench(tools=shop.tools(), policy=POLICY, script=HELD, store=store, clock=clock)

    with opened() as bench:
        run = bench.submit()
        engine(bench).run_worker(until_idle=True)
        assert bench.status(run) is RunStatus.HELD
        bench.store.close()
    assert [thread.name for thread in threading.enumerate() if thread not in before] == []
    clock.advance(seconds=3600)
    with opened() as bench:
        assert bench.status(run) is RunStatus.HELD
        assert bench.due() == []
        approve(bench.shell, bench.holds()[0].action, person=FIN)
        engine(bench).run_worker(until_idle=True)
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        bench.store.close()


def test_i11_a_hold_wakes_by_itself_when_it_expires_and_not_before(store: Store):
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        run = bench.submit()
        bench.work()
        expires = bench.holds()[0].expires_at
        assert bench.wakes_at(run) == expires + 1
        bench.clock.set(expires)
        assert bench.due() == []
        bench.clock.advance(micros=1)
        assert bench.due() == [run]


def test_i11_every_rest_says_why_and_when_it_ends(store: Store):
    with Workbench(policy=POLICY, tools=Shop().tools(), script=ASKS, store=store, clarifies=True) as bench:
        run = bench.submit()
        bench.work()
        assert (bench.status(run), bench.wakes_at(run)) == (RunStatus.CLARIFICATION, FOR_EVER)
        assert [r.reason for r in bench.records(run, RunSuspended)] == [Suspension.CLARIFICATION]
        bench.advance(86_400)
        assert bench.status(run) is RunStatus.CLARIFICATION
        answer(bench.shell, run, text="A", by="user:ann")
        assert bench.due() == [run]
        bench.work()
        assert bench.status(run) is RunStatus.FINISHED
        with pytest.raises(Conflict, match="expected one that waits"):
            answer(bench.shell, run, text="A", by="user:ann")
        with pytest.raises(NotFound, match="no run r_none"):
            answer(bench.shell, "r_none", text="A", by="user:ann")


def test_i11_an_approval_that_came_while_the_run_went_to_rest_is_not_slept_through():
    """The driver decides to rest, an approval comes in before that is stored: the run goes on with it."""
    shop = Shop()

    class Approving(MemoryStore):
        armed = True

        def write(self, unit, *, sync=True):
            held = benches[0].holds() if benches else []
            if held and self.armed:
                self.armed = False
                approve(benches[0].shell, held[0].action, person=FIN)
            return super().write(unit, sync=sync)

    benches: list[Workbench] = []
    with Workbench(tools=shop.tools(), policy=POLICY, script=HELD, store=Approving(signing_key=signing_key())) as bench:
        benches.append(bench)
        run = bench.submit()
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i11_the_outcome_another_run_waits_for_is_not_slept_through(store: Store):
    policy = POLICY.replace(
        "require_approval_over_usd: 25", "require_approval_over_usd: 25, idempotency_key: [$.order_id]"
    )
    shop = Shop()
    script = [Line(calls=(PAY_20,)), Line(text="done")]
    with (
        Workbench(tools=shop.tools(), policy=policy, script=script, store=store) as bench,
        Workbench(tools=shop.tools(), policy=policy, script=script, store=store) as other,
    ):
        first, second = bench.submit("one"), bench.submit("two")
        made = bench.claim(first)

        def other_run(call: object) -> None:
            shop.before = None
            other.drive(other.claim(second))
            assert bench.status(second) is RunStatus.OTHER_ACTION

        shop.before = other_run
        bench.drive(made)
        assert bench.due() == [second]
        bench.work()
        assert (bench.status(second), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i11_a_lost_signal_costs_nothing_but_time(store: Store):
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        worker = engine(bench)
        run = bench.submit()
        thread = threading.Thread(target=worker.run_worker)
        thread.start()
        try:
            # Nobody calls `wake`: the store alone says what is due.
            deadline = threading.Event()
            for _ in range(200):
                if bench.status(run) is RunStatus.HELD:
                    break
                deadline.wait(0.02)
            assert bench.status(run) is RunStatus.HELD
        finally:
            worker.stop()
            thread.join()


def test_i11_a_run_of_a_dead_process_is_taken_at_once_and_of_a_living_one_when_its_lease_is_over(store: Store):
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        run = bench.submit()
        assert bench.claim(run) is not None
        assert bench.claim(run) is None
        lease = store.read(lambda tx: tx.get(LEASES, run))
        me = Owner.parse(lease.owner)
        assert not me.is_gone()
        dead = Owner(boot=me.boot, pid=me.pid, started="1")
        assert dead.is_gone()
        assert not Owner(boot="another machine", pid=1, started="1").is_gone()
        assert not Owner(boot="", pid=1, started="").is_gone()
        store.write(lambda tx: tx.put(LEASES, type(lease)(**{**_cells(lease), "owner": str(dead)})))
        assert bench.due() == [run]
        bench.work()
        assert bench.status(run) is RunStatus.HELD
        assert [r.crashed for r in bench.records(run, RunClaimed)] == [False, True]


def _cells(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in type(row).__dataclass_fields__}


def test_a_beat_keeps_a_lease_and_tells_which_runs_are_lost(store: Store):
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        run = bench.submit()
        mine = bench.claim(run)
        bench.clock.advance(micros=LEASE - 1)
        now = bench.clock.now()
        assert store.write(lambda tx: beat(tx, (mine,), lease=LEASE, now=now)) == ()
        bench.clock.advance(seconds=1)
        assert bench.claim(run) is None
        bench.clock.advance(seconds=1)
        assert bench.claim(run) is not None
        assert store.write(lambda tx: beat(tx, (mine,), lease=LEASE, now=now)) == (run,)
        lost = [r.lost_active for r in bench.records(run, RunClaimed)]
        assert lost == [0, LEASE - 1]


def test_i11_a_timer_wakes_after_the_backoff(store: Store):
    shop = Shop(faults=["no_effect"])
    script = [Line(calls=(PAY_20,)), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        run = bench.submit()
        bench.work()
        assert bench.wakes_at(run) == bench.clock.now() + seconds(1)
        bench.clock.advance(seconds=-3600)
        assert bench.due() == []
        bench.advance(3601)
        assert bench.status(run) is RunStatus.FINISHED


@pytest.mark.parametrize("target", ["all", "agent:support"])
def test_a_stop_reaches_another_engine_at_its_next_step_and_another_person_lifts_it(target: str, tmp_path: Path):
    keys, shop, clock = MemoryKeys(), Shop(), FakeClock()
    script = [Line(calls=(("look", {"order_id": "A"}),)), Line(calls=(PAY_20,)), Line(text="done")]

    def opened() -> Workbench:
        store = SqliteStore(tmp_path / "ledger.db", keys=keys, signing_key=signing_key(), origin="memory")
        return Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store, clock=clock)

    with opened() as one, opened() as two:
        run = one.submit()
        shop.on_look = lambda: order(two.shell, target, person=OPS, reason="incident")
        engine(one).run_worker(until_idle=True)
        assert (one.status(run), shop.paid, one.wakes_at(run)) == (RunStatus.STOP, [], FOR_EVER)
        with pytest.raises(Conflict, match="stopped already"):
            order(one.shell, target, person=FIN)
        with pytest.raises(NotAllowed, match="another person must lift it"):
            lift(one.shell, target, person=OPS)
        engine(one).run_worker(until_idle=True)
        assert one.status(run) is RunStatus.STOP
        lift(two.shell, target, person=FIN)
        with pytest.raises(Conflict, match="is not stopped"):
            lift(two.shell, target, person=FIN)
        engine(one).run_worker(until_idle=True)
        assert (one.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        one.store.close()
        two.store.close()


def test_a_stop_of_a_tool_denies_that_tool_only(store: Store):
    shop = Shop()
    script = [Line(calls=(("look", {"order_id": "A"}), PAY_20)), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store) as bench:
        order(bench.shell, "tool:pay", person=OPS)
        run = bench.submit()
        bench.work()
        assert (bench.status(run), shop.looked, shop.paid) == (RunStatus.FINISHED, 1, [])


def test_a_stop_holds_before_the_model_is_asked(store: Store):
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        order(bench.shell, "all", person=OPS)
        run = bench.submit()
        bench.work()
        assert bench.status(run) is RunStatus.STOP
        assert [e.envelope.kind for e in bench.events(run)] == ["task.submitted", "run.claimed", "run.suspended"]


def test_a_stopped_run_can_be_cancelled(store: Store):
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        order(bench.shell, "all", person=OPS)
        run = bench.submit()
        bench.work()
        cancel(bench.shell, run, by="user:ann")
        bench.work()
        assert bench.status(run) is RunStatus.CANCELLED
        with pytest.raises(Conflict, match="has ended"):
            cancel(bench.shell, run, by="user:ann")


def test_a_cancelled_run_cancels_what_is_held(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=POLICY, script=HELD, store=store) as bench:
        run = bench.submit()
        bench.work()
        action = bench.holds()[0].action
        cancel(bench.shell, run, by="user:ann", reason="never mind")
        bench.work()
        assert (bench.status(run), bench.holds()) == (RunStatus.CANCELLED, [])
        with pytest.raises(Conflict, match="cancelled"):
            approve(bench.shell, action, person=FIN)


def test_a_drive_that_is_asked_to_yield_gives_the_run_back_and_it_is_due_at_once(store: Store):
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        run = bench.submit()
        drive(bench.shell, bench.release, claim=bench.claim(run), yields=lambda: True)
        assert bench.status(run) is RunStatus.YIELDED
        assert bench.due() == [run]
        bench.work()
        assert bench.status(run) is RunStatus.HELD


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.LOST_AFTER, Fault.LOST_BEFORE])
def test_i11_a_drive_that_failed_is_told_of_and_taken_up_again(fault: Fault):
    counting = FaultyStore(MemoryStore(signing_key=signing_key()))
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=counting) as bench:
        bench.submit()
        at = counting.commits + 2
    store, failures = FaultyStore(MemoryStore(signing_key=signing_key()), at=at, fault=fault), []

    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        run = bench.submit()

        def failed(failure: object) -> None:
            failures.append(failure)
            bench.clock.advance(seconds=60)

        engine(bench, on_failure=failed).run_worker(until_idle=True)
        assert [failure.run for failure in failures] == [run]
        assert bench.status(run) is RunStatus.HELD


def test_i11_every_run_at_rest_has_an_owner_or_a_time(store: Store):
    shop = Shop(faults=["no_effect"])
    with Workbench(tools=shop.tools(), policy=POLICY, script=HELD, store=store, clarifies=True) as bench:
        for number in range(5):
            bench.submit(f"task {number}")
        bench.work()
        for row in store.read(lambda tx: tx.find(RUNS)):
            if row.queue:
                assert row.status in {"held", "timer", "finished"}
                assert row.due or row.wake_at < FOR_EVER or row.status == "finished"


def test_a_killed_worker_leaves_its_run_claimed_until_the_lease_is_over():
    shop = Shop(faults=["killed_before"])
    script = [Line(calls=(PAY_20,)), Line(text="done")]
    with Workbench(tools=shop.tools(reconcile=True), policy=POLICY, script=script) as bench:
        run = bench.submit()
        with pytest.raises(Killed):
            bench.work()
        assert (bench.status(run), bench.due()) == (RunStatus.RUNNING, [])
        bench.clock.advance(seconds=2)
        assert bench.due() == [RunId(run)]


def test_this_process_is_alive_and_named():
    assert not this_process().is_gone()
    assert Owner.parse(str(this_process())) == this_process()


def test_a_closed_store_is_unavailable_and_no_run_is_lost_by_it():
    store = MemoryStore(signing_key=signing_key())
    with Workbench(tools=Shop().tools(), policy=POLICY, script=HELD, store=store) as bench:
        bench.submit()
        store.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            bench.work()
