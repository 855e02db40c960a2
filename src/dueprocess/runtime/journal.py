"""Appending to a run: as its driver, whose epoch is checked, or as another process with a message. What is appended is decided elsewhere.

Rule 1. A driver's append is refused where a later epoch owns the run: a zombie writes nothing (I3, I4).
Rule 2. Events of a run never go back in time: an event is stamped with the later of the clock and the last event.
Rule 3. A driver that appends gets every event since the last one it folded, foreign ones included, in log order.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dueprocess.agent import Happened
from dueprocess.errors import Conflict, LeaseLost, NotFound
from dueprocess.ledger import Draft, Event, Reader, Transaction
from dueprocess.runtime.status import TERMINAL, RunStatus
from dueprocess.runtime.tables import RUNS, RunRow
from dueprocess.values import Instant, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right of one driver to write a run: its epoch. `policy` is the digest of the policy in force when it was claimed."""

    run: RunId
    tenant: str
    release: str
    policy: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A record to append, with the action and attempt it is about. `at`: when it was decided, where that was before now."""

    record: object
    action: str = ""
    attempt: int = 0
    policy: str = ""
    at: Instant | None = None


def run_row(tx: Reader, run: str) -> RunRow:
    """The row of a run.

    Raises:
        NotFound: there is no such run.
    """
    row = tx.get(RUNS, run)
    if row is None:
        raise NotFound(f"no run {run} here; `due runs list` shows those there are")
    return row


def own_run(tx: Reader, run: str, *, tenant: str) -> RunRow:
    """The row of a run of this tenant.

    Raises:
        NotFound: there is no such run, or it is another tenant's: which of both is not told.
    """
    if not is_own(tx, run, tenant=tenant):
        raise NotFound(f"no run {run} here; `due runs list` shows those there are")
    return run_row(tx, run)


def is_own(tx: Reader, run: str, *, tenant: str) -> bool:
    """Whether this run is the tenant's."""
    row = tx.get(RUNS, run)
    return row is not None and row.tenant == tenant


def owned(tx: Reader, claim: Claim) -> RunRow:
    """The row of a run that this driver still owns.

    Raises:
        LeaseLost: a later epoch owns it, or it has ended.
    """
    row = run_row(tx, claim.run)
    # INVARIANT I3: every append of a driver checks its epoch in the same transaction.
    if row.epoch != claim.epoch or row.status != RunStatus.RUNNING.value:
        raise LeaseLost(f"run {claim.run}: epoch {claim.epoch} no longer drives it (now {row.epoch}, {row.status})")
    return row


def append(tx: Transaction, claim: Claim, items: Iterable[Item], *, now: Instant) -> tuple[Event, ...]:
    """Appends as the driver of the run (rules 1 and 2)."""
    row = owned(tx, claim)
    return tuple(
        tx.append(_draft(claim, item, at=Instant(max(item.at if item.at is not None else now, row.at))))
        for item in items
    )


def since(tx: Reader, claim: Claim, appended: tuple[Event, ...], *, seen: int) -> tuple[Happened, ...]:
    """All events after `seen`, those just appended included (rule 3). Reads the log only where something foreign came between."""
    if appended and appended[0].envelope.seq == seen + 1:
        return tuple(happened(event) for event in appended)
    return tuple(happened(event) for event in tx.events(claim.run, after=seen))


def message(
    tx: Transaction, run: str, items: Iterable[Item], *, tenant: str, now: Instant, ended: bool = False
) -> tuple[Event, ...]:
    """Appends from outside the driver: an approval, an answer, a cancel. The run's driver ingests it.

    Raises:
        NotFound: the tenant has no such run. Conflict: it has ended, unless `ended` says that this may come afterwards.
    """
    row = own_run(tx, run, tenant=tenant)
    if row.status in TERMINAL and not ended:
        raise Conflict(f"run {run} has ended ({row.status}); nothing can be said to it any more")
    claim = Claim(run=RunId(run), tenant=tenant, release=row.release, policy=row.policy, epoch=0)
    at = Instant(max(now, row.at))
    return tuple(tx.append(_draft(claim, item, at=at)) for item in items)


def happened(event: Event) -> Happened:
    """A stored event as a run sees it."""
    envelope = event.envelope
    return Happened(
        seq=envelope.seq,
        at=Instant(envelope.at),
        record=event.record,
        epoch=envelope.epoch,
        action=envelope.action,
        attempt=envelope.attempt,
    )


def _draft(claim: Claim, item: Item, *, at: Instant) -> Draft:
    return Draft(
        run=claim.run,
        tenant=claim.tenant,
        record=item.record,
        at=at,
        release=claim.release,
        policy=item.policy or claim.policy,
        epoch=claim.epoch,
        action=item.action,
        attempt=item.attempt,
    )
