"""Every store that ships keeps the contract, and a store that breaks a promise is found out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dueprocess.ledger import Event, Store
from dueprocess.stores.journal import MemoryKeys
from dueprocess.stores.memory import MemoryStore
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.testing import store_contract as contract
from dueprocess.testing.store_contract import Feature
from dueprocess.testing.workbench import signing_key


class MemoryBench:
    features = frozenset[Feature]()
    verifier = signing_key().verifier

    def open(self) -> Store:
        return MemoryStore(signing_key=signing_key())


class SqliteBench:
    features = frozenset(Feature)
    verifier = signing_key().verifier

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.db"
        self._keys = MemoryKeys()

    def open(self) -> Store:
        return SqliteStore(self._path, keys=self._keys, signing_key=signing_key(), origin="tests")


@pytest.mark.parametrize("check", contract.checks_for(MemoryBench.features), ids=str)
def test_the_memory_store_keeps_the_contract(check: contract.Check):
    check.run(MemoryBench())


@pytest.mark.parametrize("check", contract.checks_for(SqliteBench.features), ids=str)
def test_the_sqlite_store_keeps_the_contract(check: contract.Check, tmp_path: Path):
    check.run(SqliteBench(tmp_path))


def test_a_check_is_left_out_only_where_the_store_does_not_offer_what_it_needs():
    offered = {check.name for check in contract.checks_for(frozenset(Feature))}
    assert offered - {check.name for check in contract.checks_for(frozenset())} == {
        "what_was_written_is_there_when_it_is_opened_again",
        "two_handles_write_one_log",
    }


def keeps_what_raised(store: MemoryStore) -> None:
    def write(unit, *, sync=True):
        from dueprocess.stores.memory.store import _MemoryTransaction

        transaction = _MemoryTransaction(store._tables, store._lines, store._head, store._keys)
        try:
            return unit(transaction)
        finally:
            store._head = transaction.head

    store.write = write


def forgets_a_line(store: MemoryStore) -> None:
    lines = store.lines
    store.lines = lambda *, first=0: (line for number, line in enumerate(lines(first=first)) if number != 1)


def reads_after_closing(store: MemoryStore) -> None:
    store._refuse_closed = lambda: None


def keeps_the_key(store: MemoryStore) -> None:
    store.erase_key = lambda run: None


def finds_too_much(store: MemoryStore) -> None:
    read = store.read

    class Loose:
        def __init__(self, tx):
            self._tx = tx

        def __getattr__(self, name):
            return getattr(self._tx, name)

        def find(self, table, *, equal=(), at_most=None, more_than=None, limit=0):
            bound = None if at_most is None else (at_most[0], at_most[1] + 1)
            return self._tx.find(table, equal=equal, at_most=bound, more_than=more_than, limit=limit)

    store.read = lambda query: read(lambda tx: query(Loose(tx)))


def numbers_from_zero(store: MemoryStore) -> None:
    read = store.read

    class Shifted:
        def __init__(self, tx):
            self._tx = tx

        def __getattr__(self, name):
            return getattr(self._tx, name)

        def events(self, run, *, after=0) -> list[Event]:
            return self._tx.events(run, after=after + 1)

    store.read = lambda query: read(lambda tx: query(Shifted(tx)))


@pytest.mark.parametrize(
    "breaks",
    [keeps_what_raised, forgets_a_line, reads_after_closing, keeps_the_key, finds_too_much, numbers_from_zero],
    ids=lambda breaks: breaks.__name__,
)
def test_a_store_that_breaks_a_promise_is_found_out(breaks: Callable[[MemoryStore], None]):
    class Broken(MemoryBench):
        def open(self) -> Store:
            store = MemoryStore(signing_key=signing_key())
            breaks(store)
            return store

    failed = []
    for check in contract.checks_for(frozenset()):
        try:
            check.run(Broken())
        except AssertionError:
            failed.append(check.name)
    assert failed
