"""The checker, held against a round that went well and then had one thing of it spoilt."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from chaos import crew
from chaos.agents import Job, answer_holds, run_of, work
from chaos.check import check, check_frames
from chaos.check_commands import check_commands
from chaos.kill import contradiction
from chaos.office import call_guarded, command
from chaos.orders import FINANCE, Order, Trait, mixed_orders
from chaos.points import Hit, Point, Spot
from chaos.verdict import Verdict

from dueprocess.agent.records import SubAgentStarted
from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.gate import ActionDispatched
from dueprocess.ledger import Event, Store, decode_line
from dueprocess.runtime import Loop, Shell
from dueprocess.runtime.erase import erase
from dueprocess.runtime.system import PolicyPublished, StopLifted
from dueprocess.stores.journal import opened
from dueprocess.tool import Registry
from dueprocess.values import usd
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import open_home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Job:
    job = Job(folder=tmp_path_factory.mktemp("round"), orders=mixed_orders(1), seed=1, has_office=True)
    processes = [crew.start(role, job) for role in (work, answer_holds, call_guarded, command)]
    crew.wait_for_all(processes, timeout_s=60)
    assert [crew.exit_code(process) for process in processes] == [0] * 4
    return job


@pytest.fixture
def job(played: Job, tmp_path: Path) -> Job:
    shutil.copytree(played.folder, tmp_path / "copy")
    return replace(played, folder=tmp_path / "copy")


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
    assert (verdict.counts["grants"], verdict.counts["frames"]) == (5, 1)
    assert verdict.counts["commands"] == 9


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
    assert violated(replace(job, orders=(*job.orders, Order(name="plain-1-99")))) == {"lost tasks"}


@pytest.mark.parametrize("what", ["approved", "edited", "rejected", "settled"])
def test_an_answer_that_was_told_and_is_gone_is_found(job, what):
    job.notes.write(what, action="a_gone")
    assert violated(job) == {"lost tasks"}


def test_a_command_that_was_told_and_is_gone_is_found(job):
    job.notes.write("commanded", event="stop.ordered", about="tool:gone")
    assert violated(job) == {"commands"}


def test_an_edit_that_is_not_what_was_paid_is_found(job):
    lines = job.sink.read_text().splitlines(keepends=True)
    job.sink.write_text("".join(line.replace("30.00", "40.00") if '"edited-' in line else line for line in lines))
    assert violated(job) == {"effects"}


def commands(job: Job, *, but: Callable[[Event], bool]) -> list[str]:
    """What is wrong with the commands of a round whose log lacks these events."""
    home, verdict = open_home(job.home, {}), Verdict()
    try:
        events = [opened(decode_line(line), home.keys) for line in home.store.lines()]
        check_commands(home, job, [event for event in events if not but(event)], verdict)
    finally:
        home.store.close()
    return [said for what, said in verdict.violations if what == "commands"]


def test_what_is_dispatched_under_a_stop_is_found(job):
    said = commands(job, but=lambda event: isinstance(event.record, StopLifted))
    assert any("was dispatched: stopped was" in each for each in said)
    assert any("asked its model: stopped was" in each for each in said)
    assert any("never lifted" in each for each in said)


def test_a_decision_under_another_policy_than_the_one_in_force_is_found(job):
    said = commands(job, but=lambda event: isinstance(event.record, PolicyPublished))
    assert any("in force was" in each for each in said)


def frames(job: Job, *, change: Callable[[Event], list[Event]]) -> list[str]:
    """What is wrong with the sub-agents of a round whose events are changed so."""
    home, verdict = open_home(job.home, {}), Verdict()
    try:
        events = [opened(decode_line(line), home.keys) for line in home.store.lines()]
        check_frames([made for event in events for made in change(event)], verdict)
    finally:
        home.store.close()
    return [said for _, said in verdict.violations]


def test_a_task_that_a_sub_agent_began_twice_is_found(job):
    assert frames(job, change=lambda event: [event]) == []
    (said,) = frames(job, change=lambda event: [event] * (1 + isinstance(event.record, SubAgentStarted)))
    assert "began its task 2 times" in said


def test_a_call_of_a_sub_agent_that_does_not_name_it_is_found(job):
    def nameless(event: Event) -> list[Event]:
        record = event.record
        if not isinstance(record, ActionDispatched):
            return [event]
        return [replace(event, record=replace(record, call=replace(record.call, through=())))]

    said = frames(job, change=nameless)
    assert said
    assert all("was asked for through ()" in each for each in said)


class KeepsKeys:
    """A store whose process dies before it destroys a key."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def erase_key(self, run: str) -> None:
        raise InterruptedError(run)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_an_erasure_that_was_left_by_half_is_found(job):
    home, loop = open_home(job.home, {}), Loop()
    try:
        shell = Shell(store=KeepsKeys(home.store), clock=SystemClock(), loop=loop, tools=Registry(()))
        rejected = next(order for order in job.orders if order.trait is Trait.REJECTED)
        with pytest.raises(InterruptedError):
            erase(shell, run_of(shell, rejected), person=FINANCE)
    finally:
        loop.close()
        home.store.close()
    assert violated(job) == {"commands"}


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
