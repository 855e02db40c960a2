"""Judges what a round has left: effects, tasks, limits, grants, epochs, ledger, tables. It believes the ledger and the sink only.

Rule 1. Nothing was paid twice, nothing was paid without an intent, and what is settled as done was paid (I3, I4).
Rule 2. No action was dispatched again before its attempt was settled, and none by an epoch that was over (I4).
Rule 3. Every task and every yes that somebody was told of is there; every run has ended or waits for somebody or something (I11).
Rule 4. Counted from the events alone, no limit was passed at any event (I6).
Rule 5. A hold that was carried out had exactly one grant, and is closed (I5).
Rule 6. The ledger verifies, and the tables are what it says (I8, I9).
Rule 7. What people command is judged in `check_commands`.
"""

import io
from collections import Counter, defaultdict
from collections.abc import Iterator

from chaos.agents import Job
from chaos.check_commands import check_commands
from chaos.orders import AGENT, CASHIER, EDITED_AMOUNT, MAX_CALLS, RUN_SPEND, SESSION, SESSION_SPEND, Order, Trait
from chaos.verdict import Verdict
from dueprocess.agent.records import ModelAsked, ModelFailed, ModelReplied, RunFinished, SubAgentStarted, TaskSubmitted
from dueprocess.agent.sub_agents import principal_of
from dueprocess.errors import DueProcessError
from dueprocess.examples.support_refunds.sink import Refund, Sink
from dueprocess.gate import ActionDispatched, ActionSettled, ActionState, ApprovalGiven, Outcome
from dueprocess.ledger import Broken, Event, Reader, SigningKey, decode_line, export_log, verify_export
from dueprocess.runtime import RESTING, TERMINAL, RunStatus
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.runtime.tables import ACTIONS, HOLDS, RUNS, RunRow
from dueprocess.stores.journal import opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.values import FOR_EVER, parse, usd
from dueprocess.wiring.home import Home, open_home


def check(job: Job) -> Verdict:
    """All rules on a round that is over."""
    verdict = Verdict()
    try:
        home = open_home(job.home, {})
    except DueProcessError as error:
        verdict.expect(holds=False, what="ledger", said=f"the store does not open: {error}")
        return verdict
    try:
        lines = tuple(home.store.lines())
        events = [opened(decode_line(line), home.keys) for line in lines]
        refunds = Sink(job.sink).refunds()
        _check_effects(events, refunds, verdict)
        _check_attempts(events, verdict)
        _check_tasks(home, job, events, verdict)
        _check_answers(job, events, refunds, verdict)
        _check_limits(events, verdict)
        _check_grants(home, events, verdict)
        check_frames(events, verdict)
        _check_ledger(home, lines, events, verdict)
        check_commands(home, job, events, verdict)
    finally:
        home.store.close()
    return verdict


def _check_effects(events: list[Event], refunds: tuple[Refund, ...], verdict: Verdict) -> None:
    intents = {record.sink_key: event.envelope.action for event, record in _intents(events)}
    for order, times in Counter(refund.order_id for refund in refunds).items():
        verdict.expect(times == 1, "double effects", f"{order} was paid {times} times")
    for refund in refunds:
        verdict.expect(refund.key in intents, "effects", f"{refund.order_id} was paid without an intent")
    settled = {
        event.envelope.action
        for event in events
        if isinstance(event.record, ActionSettled) and event.record.outcome is Outcome.SUCCEEDED
    }
    writes = set(intents.values())
    paid = {intents[refund.key] for refund in refunds if refund.key in intents}
    verdict.expect(
        paid == settled & writes,
        "effects",
        f"settled as done and not paid, or the reverse: {paid ^ (settled & writes)}",
    )
    verdict.counts["effects in the sink"] += len(refunds)
    verdict.counts["effects settled"] += len(settled & writes)


def _check_attempts(events: list[Event], verdict: Verdict) -> None:
    under_way: dict[str, int] = {}
    epochs: dict[str, int] = defaultdict(int)
    keys = Counter(record.sink_key for _, record in _intents(events))
    verdict.expect(all(times == 1 for times in keys.values()), "attempts", "a key was dispatched twice")
    for event in events:
        envelope, record = event.envelope, event.record
        if envelope.epoch:
            late = envelope.epoch < epochs[envelope.run]
            said = (
                f"{envelope.kind} of epoch {envelope.epoch} stands after epoch {epochs[envelope.run]} in {envelope.run}"
            )
            verdict.expect(not late, "epochs", said)
            epochs[envelope.run] = max(epochs[envelope.run], envelope.epoch)
        if isinstance(record, ActionDispatched):
            before = under_way.get(envelope.action)
            verdict.expect(
                before is None, "attempts", f"{envelope.action} was dispatched while attempt {before} was under way"
            )
            under_way[envelope.action] = envelope.attempt
            verdict.counts["attempts"] += 1
        elif isinstance(record, ActionSettled):
            if record.outcome is not Outcome.UNKNOWN:
                under_way.pop(envelope.action, None)
            verdict.counts["attempts lost with a worker"] += record.lost
    verdict.expect(not under_way, "attempts", f"never settled: {sorted(under_way)}")


def _check_tasks(home: Home, job: Job, events: list[Event], verdict: Verdict) -> None:
    told = {str(said["run"]): str(said["order"]) for said in job.notes.of("submitted")}
    rows = {row.run: row for row in home.store.read(lambda tx: tx.find(RUNS))}
    verdict.expect(
        len(told) == len(job.orders), "lost tasks", f"{len(told)} of {len(job.orders)} orders were submitted"
    )
    submitted = {event.envelope.run for event in events if isinstance(event.record, TaskSubmitted)}
    erased = {run for run, row in rows.items() if row.status == RunStatus.ERASED.value}
    for run, order in told.items():
        verdict.expect(
            run in submitted | erased and run in rows, "lost tasks", f"{order} was submitted, and its run {run} is gone"
        )
    for row in rows.values():
        if row.status != RunStatus.SYSTEM.value:
            said = f"{told.get(row.run, row.run)} is {row.status} without owner or wake time"
            verdict.expect(home.store.read(lambda tx, row=row: _is_seen_to(tx, row)), "lost tasks", said)
            verdict.counts[f"runs {row.status}"] += 1
    verdict.counts["tasks"] += len(told)


def _is_seen_to(tx: Reader, row: RunRow) -> bool:
    if row.status in TERMINAL:
        return True
    has_hold = any(hold.run == row.run for hold in tx.find(HOLDS, equal=(("open", 1),)))
    return row.status in RESTING and (bool(row.due) or row.wake_at < FOR_EVER or has_hold)


def _check_answers(job: Job, events: list[Event], refunds: tuple[Refund, ...], verdict: Verdict) -> None:
    paid = {refund.order_id for refund in refunds}
    finished = {event.envelope.run for event in events if isinstance(event.record, RunFinished)}
    for said in job.notes.of("submitted"):
        order = Order(name=str(said["order"]))
        if said["run"] in finished and order.trait not in {Trait.UNANSWERED, Trait.GREEDY}:
            unpaid = set(order.lines) - paid
            verdict.expect(not unpaid, "effects", f"{order.name} ended well, and was not paid: {sorted(unpaid)}")
    verdict.expect(not any(_unapproved(one) for one in paid), "effects", "something was paid that nobody approved")
    for refund in refunds:
        if Order(name=refund.order_id).trait is Trait.EDITED:
            said = f"{refund.order_id} was edited, and {refund.amount} were paid"
            verdict.expect(refund.amount == usd(EDITED_AMOUNT), "effects", said)
    for said in job.notes.of("failed-drive"):
        verdict.counts[f"failed drives: {str(said['error'])[:80]}"] += 1


def _unapproved(order_id: str) -> bool:
    return Order(name=order_id).trait in {Trait.UNANSWERED, Trait.DENIED, Trait.REJECTED}


def _check_limits(events: list[Event], verdict: Verdict) -> None:
    calls: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for event in events:
        record = event.record
        match record:
            case ActionDispatched():
                calls[event.envelope.run] += record.calls
                said = f"{event.envelope.run} made {calls[event.envelope.run]} calls of {MAX_CALLS}"
                verdict.expect(calls[event.envelope.run] <= MAX_CALLS, "overruns", said)
            case ModelAsked():
                for held in record.reserved:
                    used[held.key] += held.amount
                    said = f"{held.key}: {used[held.key]} spent or reserved of {_limit(held.key)}"
                    verdict.expect(used[held.key] <= _limit(held.key), "overruns", said)
            case ModelReplied():
                for held in record.settles:
                    used[held.key] += record.cost_micros - held.amount
            case ModelFailed():
                for held in record.freed:
                    used[held.key] -= held.amount
            case _:
                continue
    verdict.counts["refused at a cap"] += sum(event.envelope.kind == "budget.exceeded" for event in events)


def _limit(key: str) -> int:
    return SESSION_SPEND.micros if key.endswith(f"/{SESSION}") else RUN_SPEND.micros


def _check_grants(home: Home, events: list[Event], verdict: Verdict) -> None:
    open_ = {row.action for row in home.store.read(lambda tx: tx.find(HOLDS, equal=(("open", 1),)))}
    grants = Counter(
        event.envelope.action for event in events if isinstance(event.record, ApprovalGiven) and event.record.execute_by
    )
    for action, times in grants.items():
        verdict.expect(times == 1, "grants", f"{action} was granted {times} times")
    for event, record in _intents(events):
        said = f"{event.envelope.action} was dispatched, and its hold is open still"
        verdict.expect(event.envelope.action not in open_, "grants", said)
        arguments = parse(record.call.arguments)
        assert isinstance(arguments, dict)
        trait = Order(name=str(arguments["order_id"])).trait
        if trait in {Trait.HELD, Trait.PAIR, Trait.EDITED, Trait.GUARDED, Trait.DELEGATED}:
            said = f"{event.envelope.action} was dispatched without a grant"
            verdict.expect(record.granted and grants[event.envelope.action], "grants", said)
    verdict.counts["grants"] += len(grants)


def check_frames(events: list[Event], verdict: Verdict) -> None:
    """What a sub-agent was given is asked for through it alone, and was given once, whoever died meanwhile."""
    for event, record in _intents(events):
        arguments = parse(record.call.arguments)
        assert isinstance(arguments, dict)
        is_delegated = Order(name=str(arguments["order_id"])).trait is Trait.DELEGATED
        asks = (principal_of(AGENT, CASHIER.name),) if is_delegated else ()
        said = f"{event.envelope.action} was asked for through {record.call.through}, not {asks}"
        verdict.expect(record.call.through == asks, "frames", said)
    begun = Counter(event.envelope.run for event in events if isinstance(event.record, SubAgentStarted))
    for run, times in begun.items():
        verdict.expect(times == 1, "frames", f"a sub-agent of {run} began its task {times} times")
    verdict.counts["frames"] += len(begun)


def _check_ledger(home: Home, lines: tuple[bytes, ...], events: list[Event], verdict: Verdict) -> None:
    checkpoint, _ = home.store.checkpoint()
    out = io.BytesIO()
    try:
        export_log(lambda: iter(lines), out, checkpoint=checkpoint, key=home.signing_key)
    except DueProcessError as error:
        verdict.expect(holds=False, what="ledger", said=f"it cannot be exported: {error}")
        return
    answer = verify_export([out.getvalue()], key=home.verifier)
    verdict.expect(not isinstance(answer, Broken), "ledger", f"the export does not verify: {answer}")
    scratch = MemoryStore(signing_key=SigningKey.from_seed(bytes(32), name="scratch"))
    try:
        rebuilt, stored = replay_into(iter(events), scratch), snapshot(home.store)
    except DueProcessError as error:
        verdict.expect(holds=False, what="tables", said=f"they cannot be made anew: {error}")
        return
    for table, rows in stored.items():
        verdict.expect(rows == rebuilt[table], "tables", f"{table} is not what the ledger says")
    unclear = [row for row in home.store.read(lambda tx: tx.find(ACTIONS)) if row.state == ActionState.UNSETTLED.value]
    verdict.counts["unsettled actions"] += len(unclear)
    verdict.counts["events"] += len(events)


def _intents(events: list[Event]) -> Iterator[tuple[Event, ActionDispatched]]:
    for event in events:
        if isinstance(event.record, ActionDispatched) and event.record.effect == "write":
            yield event, event.record
