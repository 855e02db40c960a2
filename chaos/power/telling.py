"""A store that tells: after each durable write, what was committed is put on the record as a promise. It changes nothing."""

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from chaos.power.facts import Fact, Told
from chaos.power.recorder import LOG
from chaos.power.trace import tell
from dueprocess.agent.records import TaskSubmitted
from dueprocess.gate import ActionSettled, ApprovalGiven
from dueprocess.ledger import Checkpoint, Draft, Event, Reader, Store, Transaction
from dueprocess.stores.journal import Head
from dueprocess.values import RunId

T = TypeVar("T")
Hook = Callable[[Event], None]


class Teller:
    """Tells facts into the log of the recording; without a recording nobody is told."""

    def __init__(self) -> None:
        path = os.environ.get(LOG)
        self._log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600) if path else -1

    def tell(self, kind: Told, subject: str, detail: str = "") -> None:
        """Tells a fact: from here on in the log it is promised."""
        if self._log >= 0:
            tell(self._log, Fact(kind=kind, subject=subject, detail=detail).text())


class _Listening:
    """A transaction that notes what is appended. Everything else goes to the one behind it."""

    def __init__(self, behind: Any, *, hook: Hook) -> None:  # noqa: ANN401 - a transaction of any store, with its head
        self._behind = behind
        self._hook = hook
        self.heard: list[Event] = []

    def append(self, draft: Draft) -> Event:
        event: Event = self._behind.append(draft)
        self.heard.append(event)
        self._hook(event)
        return event

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the one behind has
        return getattr(self._behind, name)


def _ignore(event: Event) -> None:
    """Does nothing with an event."""


class TellingStore:
    """A `Store` around another. `hook` sees each event inside its transaction; `lazy` asks for no durability at all."""

    def __init__(self, store: Store, teller: Teller, *, hook: Hook = _ignore, lazy: bool = False) -> None:
        self._store = store
        self._teller = teller
        self._hook = hook
        self._lazy = lazy

    def write(self, unit: Callable[[Transaction], T], *, sync: bool = True) -> T:
        """Writes, and tells what was committed if that was to be durable."""
        heard: list[tuple[Head, list[Event]]] = []

        def listening(tx: Transaction) -> T:
            around: Any = _Listening(tx, hook=self._hook)
            result = unit(around)
            if around.heard:
                heard.append((around.head, around.heard))
            return result

        result = self._store.write(listening, sync=sync and not self._lazy)
        for head, events in heard if sync else ():
            for event in events:
                self._tell(event)
            self._teller.tell(Told.COMMITTED, str(head.frontier.size - 1), head.last.hex())
        return result

    def _tell(self, event: Event) -> None:
        place = event.envelope
        match event.record:
            case TaskSubmitted() as record:
                self._teller.tell(Told.SUBMITTED, place.run, record.key)
            case ApprovalGiven() as record:
                self._teller.tell(Told.APPROVED, place.action, record.approval.by)
            case ActionSettled() as record:
                self._teller.tell(Told.SETTLED, place.action, record.outcome.value)
            case _:
                pass

    def open_run(self, run: RunId) -> None:
        """As the store behind."""
        self._store.open_run(run)

    def read(self, query: Callable[[Reader], T]) -> T:
        """As the store behind."""
        return self._store.read(query)

    def lines(self, *, first: int = 0) -> Iterator[bytes]:
        """As the store behind."""
        return self._store.lines(first=first)

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """As the store behind. What leaves the house is a promise: the log will go on from there."""
        checkpoint, note = self._store.checkpoint()
        self._teller.tell(Told.ANCHORED, str(checkpoint.size), checkpoint.root.hex())
        return checkpoint, note

    def erase_key(self, run: RunId) -> None:
        """As the store behind."""
        self._store.erase_key(run)
        self._teller.tell(Told.ERASED, run)

    def close(self) -> None:
        """As the store behind."""
        self._store.close()
