"""I4, I8: a worker that dies at any write of a run with sub-agents is followed by one that goes on in the same frame."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.runtime.delegation import FINDER, both, calls, find
from tests.unit.runtime.shop import POLICY, Shop

from dueprocess.agent.records import RunFinished, SubAgentEnd, SubAgentEnded, SubAgentStarted
from dueprocess.gate import ActionSettled, Outcome
from dueprocess.ledger import Store
from dueprocess.runtime import RunStatus
from dueprocess.testing.workbench import Killed, Line, Workbench
from dueprocess.values import RunId

WRITES = 28
"""How often a worker writes from its claim to the end of the run below, if it does not die."""


class Dying:
    """A store whose worker dies at its nth write: before it is committed, or just after."""

    def __init__(self, store: Store, *, at: int, after: bool) -> None:
        self._store = store
        self.left = at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, unit: Any, **more: Any) -> Any:
        self.left -= 1
        if not self.left and not self._after:
            raise Killed
        made = self._store.write(unit, **more)
        if not self.left and self._after:
            raise Killed
        return made


def bench_of(shop: Shop) -> Workbench:
    """An agent that has two tasks done by its sub-agent, each with a look and a payment, and then pays itself."""
    agent = [find(times=2), calls(("pay", {"order_id": "A", "amount_usd": "7"})), Line(text="done")]
    finder = [calls(("look", {"order_id": "A"}), ("pay", {"order_id": "A", "amount_usd": "5"})), Line(text="fine")]
    return Workbench(tools=shop.tools(reconcile=True), policy=POLICY, script=both(agent, finder), sub_agents=(FINDER,))


def with_store(bench: Workbench, store: Any) -> None:
    """The worker writes to this store."""
    bench.shell, bench.store = replace(bench.shell, store=store), store


def check(bench: Workbench, run: RunId, shop: Shop) -> None:
    """All was done once, in the frames that were opened once."""
    assert bench.status(run) is RunStatus.FINISHED
    assert sorted(paid for _, _, paid in shop.paid) == ["5.00", "5.00", "7.00"]
    assert [type(r) for r in bench.records(run, SubAgentStarted)] == [SubAgentStarted] * 2
    ends: list[Any] = bench.records(run, SubAgentEnded)
    assert [each.how for each in ends] == [SubAgentEnd.ANSWERED] * 2
    assert [each.turns for each in ends] == [2] * 2
    outcomes: list[Any] = bench.records(run, ActionSettled)
    assert sum(each.outcome is Outcome.SUCCEEDED for each in outcomes) == 5
    (finished,) = bench.records(run, RunFinished)
    assert isinstance(finished, RunFinished)
    assert finished.result == "done"


def test_a_worker_that_lives_writes_so_often():
    shop = Shop()
    with bench_of(shop) as bench:
        run = bench.submit()
        counted = Dying(bench.store, at=0, after=False)
        with_store(bench, counted)
        bench.work()
        check(bench, run, shop)
        assert -counted.left == WRITES


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, WRITES + 1))
def test_i4_i8_a_worker_killed_at_any_write_is_followed_by_one_that_goes_on(at: int, *, after: bool):
    shop = Shop()
    with bench_of(shop) as bench:
        run = bench.submit()
        with_store(bench, Dying(bench.store, at=at, after=after))
        assert bench.work_until_killed()
        for _ in range(4):
            bench.advance(30)
        check(bench, run, shop)
