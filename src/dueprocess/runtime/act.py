"""Acting: actions through the gate, attempts through `perform`, lost outcomes through reconcile. What the run wants is decided by its step.

Rule 1. All actions of a batch are decided in one transaction, one after the other, each seeing what the earlier reserved.
Rule 2. Outcomes are committed one by one, as they come; a write's before anything follows from it (I3).
Rule 3. A policy that was published meanwhile decides: the batch is not decided under an older one.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.agent import Pending, Status
from dueprocess.agent.records import BudgetExceeded, Suspension
from dueprocess.agent.state import THE_AGENT, Asker
from dueprocess.errors import LeaseLost
from dueprocess.gate import (
    ActionDispatched,
    ActionExpired,
    ActionReused,
    ActionSettled,
    Exceeded,
    Outcome,
    SettledBy,
    Stopped,
)
from dueprocess.gate.history import History
from dueprocess.ledger import Event, Reader, Transaction
from dueprocess.meter import Scope, ScopeKind, Unit, meter_key
from dueprocess.policy import Retries
from dueprocess.runtime import perform
from dueprocess.runtime.admission import Ruling, judged_on, rule_on
from dueprocess.runtime.desk import Desk
from dueprocess.runtime.journal import Item, owned
from dueprocess.runtime.notices import notice_item
from dueprocess.runtime.perform import Dispatch
from dueprocess.runtime.policies import in_force, publisher
from dueprocess.runtime.rehearse import rehearse
from dueprocess.runtime.renewal import lost_reads, reads_for
from dueprocess.runtime.rest import rest
from dueprocess.runtime.run import Run
from dueprocess.runtime.settling import answer_of
from dueprocess.tool import Effect, Unclear
from dueprocess.values import FOR_EVER, ActionId, Instant, later

_TICK_S: Final = 0.2  # how often a wait for tools looks whether it is still worth waiting


@dataclass(slots=True)
class _Batch:
    """What the transaction found out beside the records it appended."""

    stopped: bool = False
    policy: str = ""


def act(run: Run, actions: tuple[ActionId, ...]) -> None:
    """Takes these actions through the gate, makes the attempts that were admitted, and records their outcomes."""
    repeats = tuple(item.action for item in _found(run, actions) if item.status is Status.UNKNOWN)
    if repeats and run.wall_clock_left() <= 0:
        # No time is left to repeat what is unknown; an ending run would want it again for ever.
        give_up_settling(run, repeats)
        return
    if not within_time(run):
        return
    items = [item for item in (run.state.find(action) for action in actions) if item is not None]
    if not _renewed(run, items):
        return
    batch = _Batch()
    sync = any(_is_write(run, item) for item in items)
    events = run.commit(lambda tx: _decide(run, tx, items, batch, asker=run.state.asker), sync=sync)
    if batch.policy:
        run.obey(run.shell.policies.find(run.shell, release=run.loaded, digest=batch.policy))
    _attempt(run, events)
    rehearse(run.shell, run.policy, events, left=run.wall_clock_left(), record=run.record)
    if batch.stopped:
        rest(run, Suspension.STOP, until=FOR_EVER)


def _renewed(run: Run, items: list[Pending]) -> bool:
    """Makes the reads that checks need first; whether the actions can be decided now, in the state that is known."""
    desk = _desk(run, policy=run.policy.digest, publisher="", asker=run.state.asker)
    checked = [item for item in items if (tool := run.policy.tools.get(item.request.name)) and tool.checks]
    judged = [(item, judged_on(desk, item)) for item in checked]
    reads = [read for item, each in judged for read in reads_for(run.claim.run, item, each, seq=run.state.seq)]
    if not reads:
        return True
    batch = _Batch()
    # The gate asks for them, not the sub-agent whose call they are for: it needs neither the tool nor the role, and is told nothing.
    events = run.commit(lambda tx: _decide(run, tx, reads, batch, asker=THE_AGENT), sync=False)
    if batch.policy:
        run.obey(run.shell.policies.find(run.shell, release=run.loaded, digest=batch.policy))
    _attempt(run, events)
    return bool(events) or batch.stopped


def settle_lost_reads(run: Run) -> None:
    """Settles what a dead worker left of the reads that checks rest on."""
    lost = lost_reads(run.history, run.state.pending)
    if lost:
        run.record(*lost)


def within_time(run: Run) -> bool:
    """Whether the run has time left; if not, that is recorded and the run decides what follows."""
    if run.wall_clock_left() > 0:
        return True
    limits = run.policy.agent
    record = BudgetExceeded(
        key=meter_key(Scope(kind=ScopeKind.RUN, id=run.claim.run), Unit.WALL_CLOCK),
        unit=Unit.WALL_CLOCK.value,
        limit=limits.max_wall_clock,
        spent=run.state.active_at(run.now(), whole=limits.clock_includes_suspension),
        reserved=0,
        asked=1,
    )
    run.record(Item(record=record), fresh=True)
    return False


def declare_lost(run: Run, actions: tuple[ActionId, ...]) -> None:
    """Records that these attempts died with their worker: a read failed, a write is unknown (I4)."""
    for item in _found(run, actions):
        outcome = Outcome.UNKNOWN if _is_write(run, item) else Outcome.FAILED
        lost = ActionSettled(outcome=outcome, by=SettledBy.RECOVERY, error="its worker died", lost=True)
        run.record(Item(record=lost, action=item.action, attempt=item.attempts))


def reconcile(run: Run, actions: tuple[ActionId, ...]) -> None:
    """Asks the sink what became of these attempts, and fences them."""
    for item in _found(run, actions):
        dispatch = _last_dispatch(run, item)
        tool = run.shell.tools.get(item.request.name)
        answer = (
            perform.reconcile(run.shell, tool, dispatch, timeout=perform.RECONCILE_TIMEOUT_S)
            if tool is not None
            else Unclear("this program does not have the tool")
        )
        # An attempt that died with its worker is made again at once: nothing speaks against the sink.
        retries = run.policy.retries_of(item.request.name)
        is_sure = item.lost and not isinstance(answer, Unclear)
        again_at = run.now() if is_sure else retry_at(run, retries, tries=item.reconciles)
        record = answer_of(answer, retry_at=again_at)
        run.record(Item(record=record, action=item.action, attempt=item.attempts))


def give_up_settling(run: Run, actions: tuple[ActionId, ...]) -> None:
    """Records that only a person can tell what became of these actions."""
    for item in _found(run, actions):
        record = ActionSettled(outcome=Outcome.UNSETTLED, by=SettledBy.RECOVERY, error="the sink could not tell")
        run.record(Item(record=record, action=item.action, attempt=item.attempts))


def expire(run: Run, actions: tuple[ActionId, ...]) -> None:
    """Records that nobody answered for these actions in time."""
    records: list[Item] = []
    for item in _found(run, actions):
        on_timeout = run.policy.approvers_of(item.request.name).on_timeout.value
        record = ActionExpired(reason="nobody answered in time", on_timeout=on_timeout)
        records.append(Item(record=record, action=item.action))
    run.record(*records, fresh=True)


def notify(run: Run, actions: tuple[ActionId, ...]) -> None:
    """Records what has fallen due at these holds."""
    now = run.now()
    due = ((item.action, each) for item in _found(run, actions) for each in item.notices if each.at <= now)
    run.record(*(notice_item(action, notice) for action, notice in due), fresh=True)


def _decide(run: Run, tx: Transaction, items: list[Pending], batch: _Batch, *, asker: Asker) -> Iterator[Item]:
    # Lazily: `commit` appends each record before the next ruling is made (rule 1).
    row = owned(tx, run.claim)
    digest = in_force(tx, row)
    if digest != run.policy.digest:
        batch.policy = digest
        return
    desk = _desk(run, policy=digest, publisher=publisher(tx, row.agent, tenant=row.tenant), asker=asker)
    for item in items:
        ruling = rule_on(tx, desk, item)
        if isinstance(ruling.admission, Stopped):
            batch.stopped = True
            return
        # What a decision was made on can be told from its event: all that stands before it, and its time (I8).
        yield from (replace(made, policy=digest, at=desk.now) for made in ruling.items)
        # INVARIANT I7: the next of the batch sees what this one uses: one place vouches one effect, also in parallel.
        desk = replace(desk, history=_after(desk, ruling))
        if isinstance(ruling.admission, Exceeded):
            return


def _desk(run: Run, *, policy: str, publisher: str, asker: Asker) -> Desk:
    return Desk(
        claim=replace(run.claim, policy=policy),
        state=run.state,
        policy=run.policy,
        history=run.history,
        # What this program cannot run is denied before there is an intent.
        specs={name: spec for name, spec in run.loaded.config.tools.items() if name in run.shell.tools},
        environment=run.loaded.manifest.environment,
        publisher=publisher,
        now=run.now(),
        wall_clock_left=run.wall_clock_left(),
        asker=asker,
        tools=run.shell.tools,
    )


def _after(desk: Desk, ruling: Ruling) -> History:
    history = desk.history
    for made in ruling.items:
        match made.record:
            case ActionDispatched() as record:
                history = history.dispatched(record, action=ruling.action, at=desk.now)
            case ActionReused() as record:
                history = history.reused(record, action=ruling.action)
            case _:
                pass
    return history


def _attempt(run: Run, events: tuple[Event, ...]) -> None:
    dispatches = [dispatch for dispatch in (perform.dispatch_of(event) for event in events) if dispatch is not None]
    under_way: dict[Future[ActionSettled], Dispatch] = {
        perform.start(run.shell, run.shell.tools[dispatch.intent.call.tool], dispatch): dispatch
        for dispatch in dispatches
    }
    try:
        while under_way:
            done, _ = wait(under_way, timeout=_TICK_S, return_when=FIRST_COMPLETED)
            for future in done:
                _settle(run, under_way.pop(future), future.result())
    except LeaseLost:
        for future in under_way:
            future.cancel()
        raise


def _settle(run: Run, dispatch: Dispatch, outcome: ActionSettled) -> None:
    tool = run.shell.tools[dispatch.intent.call.tool]
    if outcome.outcome is Outcome.FAILED or (outcome.outcome is Outcome.UNKNOWN and tool.reconcile is None):
        item = run.state.find(dispatch.attempt.action)
        tries = item.tries if item is not None else 0
        outcome = replace(outcome, retry_at=retry_at(run, run.policy.retries_of(tool.name), tries=tries))
    run.record(
        Item(record=outcome, action=dispatch.attempt.action, attempt=dispatch.attempt.number), sync=dispatch.is_write
    )


def retry_at(run: Run, retries: Retries, *, tries: int) -> Instant:
    """When to try again after this many tries: the backoff of the tool or the agent, its last step repeated."""
    backoff = retries.backoff
    return later(run.now(), backoff[min(tries, len(backoff) - 1)]) if backoff else run.now()


def _last_dispatch(run: Run, item: Pending) -> Dispatch:
    def query(tx: Reader) -> list[Event]:
        return tx.lineage(item.action)

    found = [perform.dispatch_of(event) for event in run.shell.store.read(query)]
    return [dispatch for dispatch in found if dispatch is not None][-1]


def _found(run: Run, actions: tuple[ActionId, ...]) -> list[Pending]:
    return [item for item in (run.state.find(action) for action in actions) if item is not None]


def _is_write(run: Run, item: Pending) -> bool:
    spec = run.loaded.config.tools.get(item.request.name)
    return spec is None or spec.effect is Effect.WRITE
