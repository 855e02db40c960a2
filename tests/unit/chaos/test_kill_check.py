"""The checker, held against a round that went well and then had one thing of it spoilt."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from chaos import crew
from chaos.agents import Job, answer_holds, work
from chaos.check import check
from chaos.kill import contradiction
from chaos.orders import Order, mixed_orders
from chaos.points import Hit, Point, Spot

from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.values import usd

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Job:
    job = Job(folder=tmp_path_factory.mktemp("round"), orders=mixed_orders(1), seed=1)
    processes = [crew.start(work, job), crew.start(answer_holds, job)]
    crew.wait_for_all(processes, timeout_s=60)
    assert [crew.exit_code(process) for process in processes] == [0, 0]
    return job


@pytest.fixture
def job(played: Job, tmp_path: Path) -> Job:
    shutil.copytree(played.folder, tmp_path / "copy")
    return Job(folder=tmp_path / "copy", orders=played.orders, seed=1)


def violated(job: Job) -> set[str]:
    return {what for what, _ in check(job).violations}


def spoil(job: Job, statement: str) -> None:
    connection = sqlite3.connect(job.home / "ledger.db")
    with connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


def a_refund(job: Job):
    return Sink(job.sink).refunds()[0]


def test_a_round_that_went_well_has_no_violation(job):
    verdict = check(job)
    assert verdict.violations == []
    assert verdict.counts["tasks"] == len(job.orders)
    assert verdict.counts["effects in the sink"] == verdict.counts["effects settled"] > 0
    assert verdict.counts["refused at a cap"] > 0
    assert verdict.counts["grants"] == 2


def test_an_effect_that_is_there_twice_is_found(job):
    paid = a_refund(job)
    Sink(job.sink).take(key=paid.key, order_id=paid.order_id, amount=paid.amount)
    assert violated(job) == {"double effects"}


def test_an_effect_without_an_intent_is_found(job):
    Sink(job.sink).take(key="k_nobody", order_id="plain-1-99", amount=usd("10"))
    assert violated(job) == {"effects"}


def test_an_effect_that_is_settled_and_not_there_is_found(job):
    job.sink.write_bytes(b"".join(job.sink.read_bytes().splitlines(keepends=True)[1:]))
    assert violated(job) == {"effects"}


def test_a_payment_that_nobody_approved_is_found(job):
    denied = next(order.name for order in job.orders if order.name.startswith("unanswered"))
    Sink(job.sink).take(key="k_nobody", order_id=denied, amount=usd("40"))
    assert ("effects", "something was paid that nobody approved") in check(job).violations


def test_a_task_that_was_told_and_is_gone_is_found(job):
    job.notes.write("submitted", order="plain-1-99", run="r_gone")
    assert violated(job) == {"lost tasks"}


def test_a_task_that_nobody_was_told_of_is_found(job):
    more = Job(folder=job.folder, orders=(*job.orders, Order(name="plain-1-99")), seed=1)
    assert violated(more) == {"lost tasks"}


def test_a_yes_that_was_told_and_is_gone_is_found(job):
    job.notes.write("approved", action="a_gone")
    assert violated(job) == {"lost tasks"}


def test_a_run_that_nothing_will_wake_is_found(job):
    spoil(job, "UPDATE runs SET status = 'timer', due = 0, wake_at = 9223372036854775807 WHERE status = 'finished'")
    assert "lost tasks" in violated(job)


def test_a_table_that_the_ledger_does_not_say_is_found(job):
    spoil(job, "UPDATE gauges SET spent = spent + 1")
    assert violated(job) == {"tables"}


def test_a_ledger_that_lost_its_last_event_is_found(job):
    spoil(job, "DELETE FROM events WHERE leaf = (SELECT max(leaf) FROM events)")
    assert "ledger" in violated(job)


def test_an_intent_that_was_told_and_is_gone_contradicts_its_hit(job):
    hit = Hit(point=Point.AFTER_INTENT, pid=1, spot=Spot(action="a_gone", attempt=1, key="k_gone"))
    assert "after-intent" in contradiction(job, hit)


def test_an_effect_that_was_not_there_yet_contradicts_a_kill_before_it(job):
    hit = Hit(point=Point.BEFORE_INTENT, pid=1, spot=Spot(action="a_1", attempt=1, key=a_refund(job).key))
    assert "before-intent" in contradiction(job, hit)
