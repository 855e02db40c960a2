"""Erasing a run: its content is gone for good, and every proof still verifies. How a key is destroyed is the store's matter.

Rule 1. Only a run that has ended is erased, and only when nobody needs its content to settle an action any more.
Rule 2. First the tombstone, durable and in the clear, then the key. Whoever is killed between the two leaves a run that
        says it is erased and whose key still lives; `finish_erasures`, at every opening of the store, destroys it. The
        other order could lose the key and say nothing, and with it what the run used of shared limits.
Rule 3. The tombstone carries what must outlive the run: its use of shared gauges, its places in sliding windows, and the
        idempotency keys under which it acted, so that a rebuild, which cannot read the run any more, makes the same rows
        (I8), and the same key does not act a second time (I4). Of a key only digests under the tenant's key are left.
"""

from collections.abc import Iterable
from typing import Final

from dueprocess.agent.records import ModelAsked, ModelFailed, ModelReplied, Reservation
from dueprocess.errors import Conflict
from dueprocess.gate import ActionState
from dueprocess.ledger import Draft, Event, Keyring, Reader, RunKey, Store, Transaction
from dueprocess.meter import Scope, ScopeKind, Unit, meter_key
from dueprocess.runtime.answers import Person
from dueprocess.runtime.journal import own_run
from dueprocess.runtime.shell import Shell
from dueprocess.runtime.status import TERMINAL, RunStatus
from dueprocess.runtime.system import RunErased, Use, UsedKey, UsedMark
from dueprocess.runtime.tables import ACTIONS, KEYS, MARKS, RUNS
from dueprocess.values import Instant, RunId

_OPEN: Final = frozenset({ActionState.DISPATCHED, ActionState.UNKNOWN, ActionState.UNSETTLED})


def erase(shell: Shell, run: RunId, *, person: Person, reason: str = "") -> None:
    """Destroys the content of a run: bodies, keyed digests, read models. Its events, hashes and proofs stay.

    Raises:
        NotFound: no such run. Conflict: it has not ended, is erased already, or an action of it is not settled (rule 1).
    """

    def unit(tx: Transaction) -> None:
        row = own_run(tx, run, tenant=shell.tenant)
        if row.status == RunStatus.ERASED.value:
            raise Conflict(f"run {run} is erased already")
        if row.status not in TERMINAL:
            raise Conflict(f"run {run} is {row.status}; only a run that has ended is erased: `due runs cancel {run}`")
        open_ = [action for action in tx.find(ACTIONS, equal=(("run", run),)) if ActionState(action.state) in _OPEN]
        if open_:
            raise Conflict(
                f"action {open_[0].action} of run {run} is {open_[0].state}; settle it first: "
                f"`due actions settle {open_[0].action} --succeeded|--failed`"
            )
        record = RunErased(
            by=person.id,
            how=person.how,
            reason=reason,
            uses=shared_uses(tx.events(run), run),
            marks=_marks(tx, run),
            keys=_keys(tx, run),
        )
        at = Instant(max(shell.clock.now(), row.at))
        draft = Draft(run=run, tenant=row.tenant, record=record, at=at, release="", policy="", in_clear=True)
        tx.append(draft)

    shell.store.write(unit)
    shell.store.erase_key(run)


def unfinished_erasures(store: Store, keys: Keyring) -> tuple[RunId, ...]:
    """Runs that say they are erased and whose key still lives."""

    def query(tx: Reader) -> list[RunId]:
        return [RunId(row.run) for row in tx.find(RUNS, equal=(("status", RunStatus.ERASED.value),))]

    return tuple(run for run in store.read(query) if isinstance(keys.get(run), RunKey))


def finish_erasures(store: Store, keys: Keyring) -> tuple[RunId, ...]:
    """Destroys the keys that an interrupted erasure left (rule 2). Returns their runs."""
    found = unfinished_erasures(store, keys)
    for run in found:
        store.erase_key(run)
    return found


def shared_uses(events: Iterable[Event], run: RunId) -> tuple[Use, ...]:
    """What these events of a run used of gauges that other runs share, by key."""
    own = {meter_key(Scope(kind=ScopeKind.RUN, id=run), unit) for unit in Unit}
    spent: dict[str, int] = {}
    reserved: dict[str, int] = {}

    def add(items: tuple[Reservation, ...], *, used: int, sign: int) -> None:
        for item in items:
            if item.key not in own:
                spent[item.key] = spent.get(item.key, 0) + used
                reserved[item.key] = reserved.get(item.key, 0) + sign * item.amount

    for event in events:
        match event.record:
            case ModelAsked(reserved=items):
                add(items, used=0, sign=1)
            case ModelReplied(settles=items, cost_micros=cost):
                add(items, used=cost, sign=-1)
            case ModelFailed(freed=items):
                add(items, used=0, sign=-1)
            case _:
                pass
    return tuple(Use(key=key, spent=spent[key], reserved=reserved[key]) for key in sorted(spent))


def _marks(tx: Reader, run: RunId) -> tuple[UsedMark, ...]:
    actions = tx.find(ACTIONS, equal=(("run", run),))
    rows = [mark for action in actions for mark in tx.find(MARKS, equal=(("action", action.action),))]
    return tuple(
        UsedMark(key=mark.key, action=mark.action, attempt=mark.attempt, at=mark.at, amount=mark.amount)
        for mark in rows
    )


def _keys(tx: Reader, run: RunId) -> tuple[UsedKey, ...]:
    rows = tx.find(KEYS, equal=(("run", run),))
    acted = [row for row in rows if ActionState(row.state) is ActionState.SUCCEEDED]
    return tuple(UsedKey(scope=row.scope, action=row.action, arguments=row.arguments) for row in acted)
