"""What the checks of a store share: the bench a store is set up with, and events and rows to write. The checks are in `store_contract`."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from dueprocess.agent.records import CancelRequested
from dueprocess.errors import DueProcessError
from dueprocess.ledger import (
    Draft,
    Event,
    Store,
    VerifierKey,
    decode_line,
    leaf_hash,
    link,
    root_of,
    verify_checkpoint,
)
from dueprocess.runtime.tables import GaugeRow
from dueprocess.values import Instant, RunId

TENANT: Final = "t"
WRITERS: Final = 8
EACH: Final = 12


class Feature(Enum):
    """What not every store offers."""

    SHARED = "a second handle on the same place, while the first is open"
    DURABLE = "a handle opened after all were closed finds what was written"


class StoreBench(Protocol):
    """How a store is set up for the checks: `open` gives another handle on the place of this bench."""

    features: frozenset[Feature]
    verifier: VerifierKey

    def open(self) -> Store:
        """A handle. The check closes it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise. It raises AssertionError where the store of the bench does not keep it."""

    name: str
    needs: frozenset[Feature]
    run: Callable[[StoreBench], None]

    def __str__(self) -> str:
        return self.name


def run_named(number: int) -> RunId:
    """A run of the checks."""
    return RunId(f"r_{number}")


def draft(run: RunId, *, text: str = "hello", action: str = "", in_clear: bool = False) -> Draft:
    """An event for the checks: it changes no table but that of the runs."""
    return Draft(
        run=run,
        tenant=TENANT,
        record=CancelRequested(by=text),
        at=Instant(1),
        release="r",
        policy="p",
        action=action,
        in_clear=in_clear,
    )


class Refused(Exception):
    """What a unit of the checks raises."""


@contextmanager
def opened(bench: StoreBench) -> Generator[Store]:
    """A handle that is closed at the end."""
    store = bench.open()
    try:
        yield store
    finally:
        store.close()


def with_run(store: Store, number: int = 1) -> RunId:
    """Opens a run of the checks."""
    run = run_named(number)
    store.open_run(run)
    return run


def raises(kind: type[Exception], call: Callable[[], object], *, what: str) -> None:
    """The call raises an error of this kind."""
    try:
        call()
    except (DueProcessError, Refused) as error:
        raised: Exception | None = error
    else:
        raised = None
    assert isinstance(raised, kind), f"{what}: raised {type(raised).__name__}, expected {kind.__name__}"


def size_of(store: Store) -> int:
    """How many events the checkpoint covers."""
    return store.checkpoint()[0].size


def in_threads(work: Callable[[int], None]) -> None:
    """Does the work in several threads at once, each with its number."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def texts(events: list[Event]) -> set[str]:
    """The texts of the events of the checks."""
    return {event.record.by for event in events if isinstance(event.record, CancelRequested)}


def holds_together(store: Store, bench: StoreBench) -> None:
    """Lines, links, numbers, root and signature of the whole log fit each other."""
    lines = list(store.lines())
    checkpoint, note = store.checkpoint()
    assert verify_checkpoint(note, key=bench.verifier) == checkpoint, "the checkpoint is not signed by this log"
    assert checkpoint.size == len(lines), f"a checkpoint of {checkpoint.size} over {len(lines)} lines"
    leaves = [leaf_hash(line) for line in lines]
    assert checkpoint.root == root_of(leaves), "the root is not that of the lines"
    numbers: dict[str, int] = {}
    for place, line in enumerate(lines):
        envelope = decode_line(line)
        wanted = numbers.get(envelope.run, 0) + 1
        before = link(leaves[place - 1]) if place else ""
        assert envelope.leaf == place, f"leaf {envelope.leaf} at place {place}"
        assert envelope.prev == before, f"line {place} does not link to the one before"
        assert envelope.seq == wanted, f"event {envelope.seq} of {envelope.run} where {wanted} was due"
        numbers[envelope.run] = wanted


def gauge(key: str, spent: int) -> GaugeRow:
    """A row of the checks."""
    return GaugeRow(key=key, spent=spent, reserved=0)
