"""Who drives a run: claims, heartbeats, and whose death is known. What a driver does with a run is in `drive`.

Rule 1. A claim is a new epoch; the row's epoch is the fence (see `journal.owned`).
Rule 2. A lease that expired, or whose process is gone from this machine, may be taken; nothing else may.
Rule 3. A segment that died counts to its last heartbeat (design section 7, "Time").
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dueprocess.agent import records as run_records
from dueprocess.errors import Conflict
from dueprocess.ledger import Reader, Transaction
from dueprocess.runtime.journal import Claim, Item, append, run_row
from dueprocess.runtime.policies import in_force
from dueprocess.runtime.status import TERMINAL, RunStatus
from dueprocess.runtime.tables import LEASES, RUNS, LeaseRow, RunRow
from dueprocess.values import Duration, Instant, RunId

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_PIDS: Final = Path("/proc/self/ns/pid")  # containers of one machine share its boot and not its process ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, named so that its death can be known: boot and space of process ids, id, start time. Empty without a /proc."""

    boot: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.boot}|{self.pid}|{self.started}"

    @classmethod
    def parse(cls, text: str) -> "Owner":
        """Reads the text form."""
        boot, pid, started = text.split("|")
        return cls(boot=boot, pid=int(pid), started=started)

    def is_alive(self) -> bool:
        """Whether this process surely runs: same boot, and a process of that id and start time."""
        known = bool(self.boot and self.started) and self.boot == _boot_id()
        return known and _start_time(self.pid) == self.started

    def is_gone(self) -> bool:
        """Whether this process surely runs no more: same boot, and no process of that id and start time."""
        if not self.boot or not self.started or self.boot != _boot_id():
            return False
        return _start_time(self.pid) != self.started


def this_process() -> Owner:
    """The owner that this process claims runs as."""
    return Owner(boot=_boot_id(), pid=os.getpid(), started=_start_time(os.getpid()))


def claimable(tx: Reader, row: RunRow, *, now: Instant) -> bool:
    """Whether a driver is needed and may come: due, its time has come, or its driver is dead."""
    if row.status in TERMINAL or row.status == RunStatus.SYSTEM.value:
        return False
    if row.status == RunStatus.RUNNING.value:
        lease = tx.get(LEASES, row.run)
        return lease is None or lease.expires_at <= now or Owner.parse(lease.owner).is_gone()
    return bool(row.due) or row.wake_at <= now


def claim(tx: Transaction, run: RunId, *, owner: Owner, lease: Duration, now: Instant) -> Claim | None:
    """Claims a run for a new epoch; None where no driver is needed or another one has it.

    Raises:
        NotFound: no such run.
    """
    row = run_row(tx, run)
    if not claimable(tx, row, now=now):
        return None
    return take(tx, row, owner=owner, lease=lease, now=now)


def take(tx: Transaction, row: RunRow, *, owner: Owner, lease: Duration | None, now: Instant) -> Claim:
    """Claims a run whatever its state, for callers that own it by other means (`guard`); `lease` of None: nobody else ever will."""
    if row.status in TERMINAL:
        raise Conflict(f"run {row.run} has ended ({row.status}); start another")
    crashed = row.status == RunStatus.RUNNING.value
    before = tx.get(LEASES, row.run)
    lost = max(0, before.beat_at - before.started_at) if crashed and before is not None else 0
    epoch = row.epoch + 1
    policy = in_force(tx, row)
    made = Claim(run=RunId(row.run), tenant=row.tenant, release=row.release, policy=policy, epoch=epoch)
    # The row moves first: an append checks it. The event's projection writes the same again on a rebuild.
    tx.put(RUNS, replace(row, epoch=epoch, status=RunStatus.RUNNING.value))
    append(
        tx, made, [Item(record=run_records.RunClaimed(owner=str(owner), lost_active=lost, crashed=crashed))], now=now
    )
    if lease is not None:
        # By the clock alone: a lease is compared with nothing else, and after one event from a clock that ran ahead it
        # would outlive its driver by as much. What is safe rests on the epoch.
        held = LeaseRow(run=row.run, epoch=epoch, expires_at=now + lease, beat_at=now, started_at=now, owner=str(owner))
        tx.put(LEASES, held)
    return made


def set_aside(tx: Transaction, held: Claim, *, until: Instant, now: Instant) -> None:
    """Rests a run that its driver could not drive, until this instant or a message.

    Raises:
        LeaseLost: it is driven by somebody else, or rests or has ended already.
    """
    lease = tx.get(LEASES, held.run)
    active = max(0, now - lease.started_at) if lease is not None else 0
    record = run_records.RunSuspended(reason=run_records.Suspension.TIMER, active=active, wake_at=until)
    append(tx, held, [Item(record=record)], now=now)
    tx.delete(LEASES, held.run)


def beat(tx: Transaction, claims: tuple[Claim, ...], *, lease: Duration, now: Instant) -> tuple[RunId, ...]:
    """Renews leases in one go. Returns the runs that are no longer ours."""
    lost: list[RunId] = []
    for held in claims:
        row = tx.get(LEASES, held.run)
        if row is None or row.epoch != held.epoch:
            lost.append(held.run)
        else:
            tx.put(
                LEASES,
                LeaseRow(
                    run=row.run,
                    epoch=row.epoch,
                    expires_at=now + lease,
                    beat_at=now,
                    started_at=row.started_at,
                    owner=row.owner,
                ),
            )
    return tuple(lost)


def _boot_id() -> str:
    try:
        return f"{_BOOT.read_text('ascii').strip()}/{_PIDS.readlink()}"
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    # The command name may hold blanks and brackets; the fields after its last bracket do not. Field 22 is the start time.
    fields = stat.rpartition(")")[2].split()
    is_zombie = fields[0] == "Z"
    return "" if is_zombie else fields[19]
