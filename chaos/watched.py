"""A store and a signing key with points in them. They change nothing of what they pass on; what strikes is in `points`.

Before-intent is within the transaction, before the intent is appended; after-intent and after-outcome are after the
commit has been told, before anything follows from it; so is each part of approving and of signing a checkpoint.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from chaos.points import Notes, Point, Spot, Striker
from dueprocess.agent.records import (
    CancelRequested,
    ModelReplied,
    RunCancelled,
    RunFinished,
    RunHandedOff,
    RunSuspended,
    TaskSubmitted,
)
from dueprocess.errors import Conflict, LeaseLost
from dueprocess.gate import ActionDispatched, ActionEdited, ActionSettled, ApprovalGiven, ApprovalRejected, SettledBy
from dueprocess.ledger import Checkpoint, Draft, Event, Reader, SigningKey, Store, Transaction, VerifierKey
from dueprocess.runtime.system import PolicyPublished, RunErased, StopLifted, StopOrdered
from dueprocess.values import RunId

T = TypeVar("T")
OnAppend = Callable[[Event], None]


class WatchedStore:
    """A store that strikes at the points around its commits, and notes what an epoch refused.

    `on_append` is told of each event within its transaction: a test build acts there. `serial`: one write at a time, so
    that a process can be frozen while it holds no lock of the file.
    """

    def __init__(
        self, inner: Store, striker: Striker, *, notes: Notes, on_append: OnAppend | None = None, serial: bool = False
    ) -> None:
        self._inner = inner
        self._striker = striker
        self._notes = notes
        self._on_append = on_append
        self._serial = threading.RLock() if serial else None
        striker.quiet = self._quietly

    def write(self, unit: Callable[[Transaction], T], *, sync: bool = True) -> T:
        """Passes a unit on, and stands at the points before and after what it appends."""
        appended: list[Event] = []

        def watched(tx: Transaction) -> T:
            appended.clear()
            return unit(_Watched(tx, self._before, appended, self._on_append))

        woken = self._striker.struck
        try:
            done = self._exclusively(lambda: self._inner.write(watched, sync=sync))
        except LeaseLost:
            self._notes.write("refused-by-epoch")
            if woken:
                self._notes.write("woken-append")
            raise
        except Conflict:
            self._notes.write("refused-by-conflict", sync=False)
            raise
        # One who was frozen has tried to append, and has had an answer. A renewal of its leases is no such thing.
        if woken and appended:
            self._notes.write("woken-append")
        for event in appended:
            self._after(event)
        return done

    def _exclusively(self, work: Callable[[], T]) -> T:
        if self._serial is None:
            return work()
        with self._serial:
            return work()

    def _quietly(self, work: Callable[[], None]) -> None:
        self._exclusively(work)

    def _before(self, draft: Draft) -> None:
        record = draft.record
        if isinstance(record, ActionDispatched) and record.effect == "write":
            self._striker.at(Point.BEFORE_INTENT, Spot(action=draft.action, attempt=draft.attempt, key=record.sink_key))
        point = point_around(record)
        if point is not None:
            self._striker.at(point, Spot(action=draft.action, part="before"))

    def _after(self, event: Event) -> None:
        record, envelope = event.record, event.envelope
        spot = Spot(action=envelope.action, attempt=envelope.attempt)
        match record:
            case ActionDispatched(effect="write", sink_key=key):
                self._striker.at(Point.AFTER_INTENT, Spot(action=spot.action, attempt=spot.attempt, key=key))
            case ActionSettled(by=SettledBy.TOOL) if _is_write(event, self._inner):
                self._striker.at(Point.AFTER_OUTCOME, spot)
            case ActionSettled(by=SettledBy.RECOVERY | SettledBy.RECONCILE):
                self._striker.at(Point.RECOVERING, replace(spot, part="after"))
            case ModelReplied():
                self._striker.at(Point.MODEL_REPLIED, spot)
            case _:
                point = point_around(record)
                if point is not None:
                    self._striker.at(point, Spot(action=spot.action, part="after"))

    def open_run(self, run: RunId) -> None:
        """As the store, with a point on either side."""
        self._striker.at(Point.SUBMITTING, Spot(part="before the key"))
        self._inner.open_run(run)
        self._striker.at(Point.SUBMITTING, Spot(part="after the key"))

    def read(self, query: Callable[[Reader], T]) -> T:
        """As the store."""
        return self._inner.read(query)

    def lines(self, *, first: int = 0) -> Iterator[bytes]:
        """As the store."""
        return self._inner.lines(first=first)

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """As the store."""
        return self._inner.checkpoint()

    def erase_key(self, run: RunId) -> None:
        """As the store, with a point on either side."""
        self._striker.at(Point.COMMANDING, Spot(part="before the key"))
        self._inner.erase_key(run)
        self._striker.at(Point.COMMANDING, Spot(part="after the key"))

    def close(self) -> None:
        """As the store."""
        self._inner.close()


class _Watched:
    """One unit's transaction: every append passes a hook before, and is remembered after."""

    def __init__(
        self, tx: Transaction, before: Callable[[Draft], None], appended: list[Event], on_append: OnAppend | None
    ) -> None:
        self._tx = tx
        self._before = before
        self._appended = appended
        self._on_append = on_append

    def append(self, draft: Draft) -> Event:
        self._before(draft)
        event = self._tx.append(draft)
        self._appended.append(event)
        if self._on_append is not None:
            self._on_append(event)
        return event

    def __getattr__(self, name: str) -> object:
        return getattr(self._tx, name)


class WatchedKey:
    """A signing key that strikes while it signs a checkpoint, within the commit that the checkpoint is for."""

    def __init__(self, inner: SigningKey, striker: Striker, *, point: Point) -> None:
        self._inner = inner
        self._striker = striker
        self._point = point

    @property
    def name(self) -> str:
        """As the key."""
        return self._inner.name

    @property
    def verifier(self) -> VerifierKey:
        """As the key."""
        return self._inner.verifier

    def sign(self, message: bytes) -> bytes:
        """Signs, and may not come back."""
        signature = self._inner.sign(message)
        self._striker.at(self._point, Spot(part="signing"))
        return signature


def point_around(record: object) -> Point | None:
    """The point that is before and after the commit of this record; None where there is none."""
    match record:
        case ApprovalGiven():
            return Point.APPROVING
        case ActionEdited() | ApprovalRejected():
            return Point.ANSWERING
        case TaskSubmitted():
            return Point.SUBMITTING
        case RunSuspended() | RunFinished() | RunHandedOff() | RunCancelled():
            return Point.RESTING
        case StopOrdered() | StopLifted() | PolicyPublished() | RunErased() | CancelRequested():
            return Point.COMMANDING
        case ActionSettled(by=SettledBy.PERSON):
            return Point.COMMANDING
        case _:
            return None


def _is_write(event: Event, store: Store) -> bool:
    def query(tx: Reader) -> bool:
        found = (e.record for e in tx.lineage(event.envelope.action))
        return any(isinstance(record, ActionDispatched) and record.effect == "write" for record in found)

    return store.read(query)
