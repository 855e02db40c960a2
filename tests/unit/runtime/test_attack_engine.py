"""Attacks on the embedded engine: foreign backlogs and leases, runs that cannot be driven, clocks that ran ahead."""

import threading
from collections.abc import Iterator

import pytest
from tests.unit.runtime.shop import POLICY, Shop

from dueprocess.engines import LocalEngine
from dueprocess.engines.local import Failed
from dueprocess.errors import FileInvalid
from dueprocess.ledger import Store
from dueprocess.runtime import Releases, RunStatus
from dueprocess.runtime.lease import Owner, this_process
from dueprocess.runtime.submit import Task, submit
from dueprocess.runtime.tables import LEASES
from dueprocess.testing.workbench import LEASE, Line, Workbench
from dueprocess.values import RunId

PAY_20 = ("pay", {"order_id": "A", "amount_usd": "20"})
SCRIPT = [Line(calls=(PAY_20,)), Line(text="done")]


@pytest.fixture
def bench(store: Store) -> Iterator[Workbench]:
    with Workbench(tools=Shop().tools(), policy=POLICY, script=SCRIPT, store=store) as made:
        yield made


def ends(bench: Workbench, *, only: frozenset[RunId] | None = None) -> list[Failed]:
    """Works until idle; a worker that does not come to that is stopped and told on."""
    failures: list[Failed] = []
    engine = LocalEngine(
        bench.shell,
        Releases(bench.release),
        queues=frozenset({bench.queue}),
        only=only,
        on_failure=failures.append,
    )
    worker = threading.Thread(target=lambda: engine.run_worker(until_idle=True), daemon=True)
    worker.start()
    worker.join(timeout=5)
    hangs = worker.is_alive()
    engine.stop()
    worker.join(timeout=5)
    assert not hangs
    return failures


def test_i11_a_backlog_of_another_queue_hides_no_run(bench: Workbench):
    for number in range(400):
        submit(bench.shell, bench.release, task=Task(text="x", key=f"{number}"), queue="other/1")
    runs = [bench.submit(f"task {number}") for number in range(3)]
    ends(bench)
    assert {bench.status(run) for run in runs} == {RunStatus.FINISHED}


def test_i11_a_dead_worker_of_another_queue_keeps_nobody_from_being_idle(bench: Workbench):
    other = submit(bench.shell, bench.release, task=Task(text="x", key="o"), queue="other/1")
    assert bench.claim(other) is not None
    ends(bench)


def test_i11_a_worker_of_chosen_runs_waits_for_no_others(bench: Workbench):
    bench.submit("not chosen")
    resting = bench.submit("also not chosen")
    assert bench.claim(resting) is not None
    chosen = bench.submit("chosen")
    ends(bench, only=frozenset({chosen}))
    assert bench.status(chosen) is RunStatus.FINISHED


def test_i2_a_run_whose_policy_does_not_load_is_set_aside_and_goes_on_when_it_does(bench: Workbench):
    run = bench.submit()
    bench.publish(POLICY + "  gone: {allowed: true}\n")
    failures = ends(bench)
    assert [type(failed.error) for failed in failures] == [FileInvalid]
    assert bench.status(run) is RunStatus.TIMER
    assert bench.store.read(lambda tx: tx.find(LEASES)) == []
    bench.publish(POLICY)
    bench.clock.advance(seconds=61)
    assert ends(bench) == []
    assert bench.status(run) is RunStatus.FINISHED


def test_i11_a_lease_taken_after_a_clock_ran_ahead_does_not_outlive_its_driver(bench: Workbench):
    bench.clock.advance(seconds=10**8)
    run = bench.submit()
    bench.clock.advance(seconds=-(10**8))
    assert bench.claim(run) is not None
    bench.clock.advance(micros=LEASE + 1)
    assert bench.claim(run) is not None


def test_i11_a_process_of_another_container_is_not_taken_for_dead():
    here = this_process()
    elsewhere = Owner(boot=here.boot.replace("pid:[", "pid:[1"), pid=2**22 + 1, started="1")
    assert Owner(boot=here.boot, pid=2**22 + 1, started="1").is_gone()
    assert not elsewhere.is_gone()
