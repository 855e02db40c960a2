"""The engine that ships keeps the contract, and an engine that breaks a promise is found out."""

import pytest

from dueprocess.engines import LocalEngine
from dueprocess.testing import engine_contract as contract


@pytest.mark.parametrize("check", contract.CHECKS, ids=str)
def test_the_local_engine_keeps_the_contract(check: contract.Check):
    check.run(LocalEngine)


class Lazy(LocalEngine):
    """Drives one run and goes home."""

    def run_worker(self, *, until_idle: bool = False) -> None:
        self._due = lambda tx: LocalEngine._due(self, tx)[:0]
        super().run_worker(until_idle=True)


class Greedy(LocalEngine):
    """Takes any queue's runs."""

    def __init__(self, shell, releases, *, queues, concurrency):
        super().__init__(shell, releases, queues=queues | {"support/1"}, concurrency=concurrency)


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        (Lazy, "every_due_run_is_driven_to_its_end_once"),
        (Greedy, "a_run_of_another_queue_is_left_alone"),
    ],
)
def test_an_engine_that_breaks_a_promise_is_found_out(engine: type, name: str):
    check = next(check for check in contract.CHECKS if check.name == name)
    with pytest.raises(AssertionError):
        check.run(engine)
