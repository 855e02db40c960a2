"""What every engine promises, as checks that run against yours: who drives which run, and when. What driving is, is the runtime's.

    from dueprocess.testing import engine_contract as contract

    @pytest.mark.parametrize("check", contract.CHECKS, ids=str)
    def test_my_engine_keeps_the_contract(check):
        check.run(my_engine)

`my_engine(shell, releases, queues=..., concurrency=...)` makes an engine over a shell. Nothing here waits for time to
pass: the clock is a fake one, and an engine is told to work until nothing is due.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from dueprocess.errors import Conflict, NotFound
from dueprocess.ledger import Transaction
from dueprocess.runtime import Releases, RunStatus, Shell, approve
from dueprocess.runtime.answers import Person
from dueprocess.runtime.tables import LEASES, RUNS
from dueprocess.testing.workbench import Line, Workbench
from dueprocess.tool import Attempt, Tool, tool
from dueprocess.values import Money, RunId

_POLICY: Final = """
agent: {max_model_spend_usd: 5, retries: {max_attempts: 2}}
approvers: {default: {any_of: ["group:finance"]}}
tools: {pay: {allowed: true, require_approval_over_usd: 25}}
"""
_FIN: Final = Person(id="user:fin", groups=frozenset({"group:finance"}), how="test")
_RUNS: Final = 12
_AT_ONCE: Final = 3
_PATIENCE_S: Final = 20.0  # an engine that has done nothing by then does nothing


class Engine(Protocol):
    """The port."""

    def wake(self) -> None:
        """Looks for due runs now."""
        ...

    def cancel(self, run: RunId, *, by: str, reason: str = "") -> None:
        """Asks a run to end."""
        ...

    def stop(self) -> None:
        """Lets every run go, and `run_worker` return."""
        ...

    def run_worker(self, *, until_idle: bool = False) -> None:
        """Drives due runs until `stop`, or until nothing is due and nothing in flight."""
        ...


class MakeEngine(Protocol):
    """How an engine is made for a check."""

    def __call__(self, shell: Shell, releases: Releases, *, queues: frozenset[str], concurrency: int) -> Engine:
        """An engine over this shell."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise. It raises AssertionError where the engine does not keep it."""

    name: str
    run: Callable[[MakeEngine], None]

    def __str__(self) -> str:
        return self.name


class _Payments:
    """A tool that pays, what it paid, and what happens while it does."""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.meanwhile: Callable[[Attempt], None] | None = None
        self.done = threading.Event()
        self._lock = threading.Lock()

    def tool(self) -> Tool:
        """The tool `pay`."""

        @tool(effect="write")
        async def pay(order_id: str, amount_usd: Money, call: Attempt) -> str:
            """Pay."""
            if self.meanwhile is not None:
                self.meanwhile(call)
            with self._lock:
                self.paid.append(order_id)
            self.done.set()
            return str(amount_usd)

        return pay


def _bench(payments: _Payments, *, amount: str = "20") -> Workbench:
    script = [Line(calls=(("pay", {"order_id": "A", "amount_usd": amount}),)), Line(text="done")]
    return Workbench(tools=(payments.tool(),), policy=_POLICY, script=script)


def _engine(make: MakeEngine, bench: Workbench, *, concurrency: int = 4) -> Engine:
    return make(bench.shell, bench.releases, queues=frozenset({bench.queue}), concurrency=concurrency)


def _run_until_paid(engine: Engine, payments: _Payments) -> None:
    worker = threading.Thread(target=engine.run_worker)
    worker.start()
    engine.wake()
    assert payments.done.wait(_PATIENCE_S), "the engine drove nothing"
    engine.stop()
    worker.join()


def _every_due_run_is_driven_to_its_end_once(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments) as bench:
        runs = [bench.submit(f"task {number}") for number in range(_RUNS)]
        _engine(make, bench).run_worker(until_idle=True)
        ends = {bench.status(run) for run in runs}
        assert ends == {RunStatus.FINISHED}, f"runs ended as {ends}"
        assert len(payments.paid) == _RUNS, f"{len(payments.paid)} payments of {_RUNS} runs"


def _two_engines_on_one_store_share_the_runs(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments) as bench:
        runs = [bench.submit(f"task {number}") for number in range(_RUNS)]
        engines = [_engine(make, bench, concurrency=2) for _ in range(3)]
        threads = [threading.Thread(target=engine.run_worker, kwargs={"until_idle": True}) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {bench.status(run) for run in runs} == {RunStatus.FINISHED}, "a run was left over"
        assert len(payments.paid) == _RUNS, f"{len(payments.paid)} payments of {_RUNS} runs: one was driven twice"


def _a_held_run_is_left_alone_until_it_is_answered(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments, amount="30") as bench:
        run = bench.submit()
        engine = _engine(make, bench)
        engine.run_worker(until_idle=True)
        seen = len(bench.events(run))
        _engine(make, bench).run_worker(until_idle=True)
        assert (bench.status(run), len(bench.events(run))) == (RunStatus.HELD, seen), "a held run was driven"
        approve(bench.shell, bench.holds()[0].action, person=_FIN)
        _engine(make, bench).run_worker(until_idle=True)
        assert (bench.status(run), payments.paid) == (RunStatus.FINISHED, ["A"]), "an approved run was not driven"


def _a_run_of_another_queue_is_left_alone(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments) as bench:
        run = bench.submit()
        make(bench.shell, bench.releases, queues=frozenset({"other/1"}), concurrency=1).run_worker(until_idle=True)
        assert bench.status(run) is RunStatus.READY, "a run of another queue was driven"


def _a_run_with_a_living_driver_is_left_alone_and_taken_when_its_lease_is_over(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments) as bench:
        run = bench.submit()
        bench.claim(run)
        stopped = _engine(make, bench)
        stopper = threading.Thread(target=stopped.run_worker)
        stopper.start()
        stopped.wake()
        stopped.stop()
        stopper.join()
        assert (bench.status(run), payments.paid) == (RunStatus.RUNNING, []), "a run was taken from a living driver"
        bench.clock.advance(seconds=3)
        _engine(make, bench).run_worker(until_idle=True)
        assert (bench.status(run), payments.paid) == (RunStatus.FINISHED, ["A"]), "a dead driver's run was not taken"


def _no_more_runs_are_in_flight_than_asked_for(make: MakeEngine) -> None:
    payments, most = _Payments(), [0]
    lock = threading.Lock()

    def count(call: Attempt) -> None:
        with lock:
            leases = bench.store.read(lambda tx: len(tx.find(LEASES)))
            most[0] = max(most[0], leases)

    payments.meanwhile = count
    with _bench(payments) as bench:
        for number in range(_RUNS):
            bench.submit(f"task {number}")
        _engine(make, bench, concurrency=_AT_ONCE).run_worker(until_idle=True)
        assert 1 <= most[0] <= _AT_ONCE, f"{most[0]} runs in flight at once, expected at most {_AT_ONCE}"
        assert len(payments.paid) == _RUNS, "a run was left over"


def _cancelling_reaches_a_run_and_refuses_one_that_is_not_there_or_has_ended(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments, amount="30") as bench:
        run = bench.submit()
        engine = _engine(make, bench)
        engine.run_worker(until_idle=True)
        engine.cancel(run, by="user:ann", reason="never mind")
        _engine(make, bench).run_worker(until_idle=True)
        assert (bench.status(run), payments.paid) == (RunStatus.CANCELLED, []), "a cancelled run went on"
        for name, kind in ((run, Conflict), (RunId("r_none"), NotFound)):
            raised: Exception | None = None
            try:
                engine.cancel(name, by="user:ann")
            except (Conflict, NotFound) as error:
                raised = error
            assert isinstance(raised, kind), f"cancelling {name} raised {raised!r}, expected {kind.__name__}"


def _a_run_that_was_taken_away_is_not_gone_on_with(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments) as bench:
        run = bench.submit()

        def taken(call: Attempt) -> None:
            payments.meanwhile = None
            bench.clock.advance(seconds=60)
            bench.claim(run)

        payments.meanwhile = taken
        _run_until_paid(_engine(make, bench), payments)
        kinds = bench.kinds(run)
        assert kinds == ["action.dispatched"], f"a driver that lost its run wrote {kinds}"


def _a_stopped_engine_gives_its_runs_back(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments) as bench:
        run = bench.submit()
        engine = _engine(make, bench)
        payments.meanwhile = lambda _: engine.stop()
        engine.run_worker()
        assert payments.paid == ["A"], "what was under way is finished first"
        assert bench.due() == [run], "a run that was given back is due at once"
        payments.meanwhile = None
        _engine(make, bench).run_worker(until_idle=True)
        assert (bench.status(run), payments.paid) == (RunStatus.FINISHED, ["A"]), "it went on from where it was"


def _a_release_that_is_not_known_fails_its_own_run_only(make: MakeEngine) -> None:
    payments = _Payments()
    with _bench(payments) as bench:
        first, second = bench.submit("one"), bench.submit("two")

        def forget(tx: Transaction) -> None:
            row = tx.get(RUNS, first)
            assert row is not None, "no row"
            tx.put(RUNS, replace(row, release="0" * 64))

        bench.store.write(forget)
        _run_until_paid(_engine(make, bench), payments)
        assert bench.status(first) is not RunStatus.FINISHED, "a run without its release was driven"
        assert payments.paid == ["A"], "a run without its release acted"
        assert bench.status(second) in {RunStatus.FINISHED, RunStatus.YIELDED}, "another run was held up by it"


CHECKS: Final = tuple(
    Check(name=run.__name__.strip("_"), run=run)
    for run in (
        _every_due_run_is_driven_to_its_end_once,
        _two_engines_on_one_store_share_the_runs,
        _a_held_run_is_left_alone_until_it_is_answered,
        _a_run_of_another_queue_is_left_alone,
        _a_run_with_a_living_driver_is_left_alone_and_taken_when_its_lease_is_over,
        _no_more_runs_are_in_flight_than_asked_for,
        _cancelling_reaches_a_run_and_refuses_one_that_is_not_there_or_has_ended,
        _a_run_that_was_taken_away_is_not_gone_on_with,
        _a_stopped_engine_gives_its_runs_back,
        _a_release_that_is_not_known_fails_its_own_run_only,
    )
)
