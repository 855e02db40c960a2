"""Making the read models anew from the ledger alone, to prove that they are a cache and nothing more (I8)."""

from collections.abc import Iterator
from typing import Any

from dueprocess.ledger import Event, Reader, Store, Transaction
from dueprocess.runtime.project import project
from dueprocess.runtime.tables import PROJECTED


def snapshot(store: Store) -> dict[str, list[Any]]:
    """Every row of every projected table, in key order."""

    def query(tx: Reader) -> dict[str, list[Any]]:
        return {table.name: tx.find(table) for table in PROJECTED}

    return store.read(query)


def replay_into(events: Iterator[Event], scratch: Store) -> dict[str, list[Any]]:
    """The rows that the projection of these events, in log order, makes in an empty store."""

    def unit(tx: Transaction) -> None:
        for event in events:
            project(tx, event)

    scratch.write(unit)
    return snapshot(scratch)
