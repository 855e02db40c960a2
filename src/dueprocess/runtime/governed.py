"""A run whose steps are decided elsewhere: calls come in one by one, each passes the gate. `guard` and integrations stand on this.

Rule 1. The caller's process owns the run by its epoch; opening the run again anywhere fences the earlier owner.
Rule 2. A call is one logical action. Its cause is its own first event, so its id is minted in the transaction that decides it.
Rule 3. A sync function runs in the caller's thread: nothing is left running behind a deadline. What comes back late is
        still the truth, and is recorded as it is.
Rule 4. Wall clock is the caller's: only the deadline of each attempt is kept here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.agent import Pending, RunState, Status, initial
from dueprocess.agent.records import BudgetExceeded, RunFinished
from dueprocess.errors import Conflict, NotFound
from dueprocess.evidence import Chunk, read_chunks
from dueprocess.gate import (
    ActionDenied,
    ActionDispatched,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionState,
    CallRecord,
    Denied,
    Exceeded,
    FindingRecord,
    HeldFor,
    Outcome,
    ReuseOf,
    SettledBy,
    Stopped,
    WaitFor,
)
from dueprocess.ledger import Event, Reader, Transaction
from dueprocess.model import ToolRequest
from dueprocess.policy import Policy
from dueprocess.runtime import perform
from dueprocess.runtime.admission import Desk, Ruling, rule_on
from dueprocess.runtime.journal import Claim, Item, append, owned, run_row
from dueprocess.runtime.lease import take, this_process
from dueprocess.runtime.performed import (
    DeniedCall,
    FailedCall,
    HeldCall,
    Performed,
    ReusedCall,
    SucceededCall,
    UnknownCall,
)
from dueprocess.runtime.policies import in_force, publisher
from dueprocess.runtime.settling import answer_of
from dueprocess.runtime.shell import Loaded, Shell
from dueprocess.runtime.tables import ACTIONS
from dueprocess.tool import CITATIONS
from dueprocess.values import ActionId, Instant, Json, RunId, action_id, canonical, of_python, parse

RECONCILE_TIMEOUT_S: Final = 10.0


Proposed = Callable[[Reader], Pending]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What one transaction decided; `policy` names the one in force where it is not the one this run knew."""

    ruling: Ruling | None = None
    events: tuple[Event, ...] = ()
    policy: str = ""


class Governed:
    """An open run for calls from elsewhere. May be used from several threads at once.

    Raises on opening:
        NotFound: no such run. Conflict: it has ended.
    """

    def __init__(self, shell: Shell, loaded: Loaded, run: RunId, *, on_behalf_of: str = "") -> None:
        self._shell = shell
        self._loaded = loaded

        def unit(tx: Transaction) -> Claim:
            return take(tx, run_row(tx, run), owner=this_process(), lease=None, now=shell.clock.now())

        self._claim = shell.store.write(unit)
        self._policy: Policy = shell.policies.find(shell, release=loaded, digest=self._claim.policy)
        self._state: RunState = replace(
            initial(loaded.config, run), principal=loaded.manifest.principal, on_behalf_of=on_behalf_of
        )
        self._evidence: tuple[Chunk, ...] = shell.store.read(lambda tx: _evidence(tx.events(run), loaded))

    @property
    def run(self) -> RunId:
        """The run that the calls stand in."""
        return self._claim.run

    def call(self, tool: str, arguments: object) -> Performed:
        """Takes one call through the gate and, if it is allowed, makes it. Every end is a value.

        `arguments`: a mapping, or JSON text as a model wrote it.

        Raises:
            LeaseLost: the run was opened elsewhere. CommitLost, StoreUnavailable: the store failed; nothing was dispatched,
            or the action stays `dispatched` and is settled on the next opening.
        """
        text = arguments if isinstance(arguments, str) else canonical(of_python(arguments))
        request = ToolRequest(id="", name=tool, arguments=text)

        def proposed(tx: Reader) -> Pending:
            cause = run_row(tx, self._claim.run).seq + 1
            action = action_id(run=self._claim.run, cause=cause, index=0, revision=0)
            return Pending(action=action, cause=cause, index=0, request=request)

        return self._take(proposed)

    def resume(self, action: str) -> Performed:
        """Goes on with an action, or says where it stands.

        Runs it if people have approved it, asks the sink if its outcome was lost, tries it again if it surely had no effect.

        Raises:
            NotFound: no such action in this run.
        """
        row = self._shell.store.read(lambda tx: tx.get(ACTIONS, action))
        if row is None or row.run != self._claim.run:
            raise NotFound(f"no action {action} in run {self._claim.run}")
        events = self._shell.store.read(lambda tx: tx.lineage(action))
        state = ActionState(row.state)
        if state in {ActionState.HELD, ActionState.FAILED}:
            again = _again(events, ActionId(action), state)
            return self._take(lambda _: again)
        if state in {ActionState.DISPATCHED, ActionState.UNKNOWN}:
            return self._settle_lost(events, state)
        return _standing(events, ActionId(action), state)

    def close(self) -> None:
        """Ends the run. What is held stays for people to see, and is cancelled."""
        record = RunFinished(result="", active=0)
        self._shell.store.write(lambda tx: append(tx, self._claim, [Item(record=record)], now=self._shell.clock.now()))

    def _take(self, proposed: Proposed) -> Performed:
        while True:
            decided = self._shell.store.write(lambda tx: self._decide(tx, proposed))
            if decided.ruling is not None:
                return self._follow(decided.ruling, decided.events)
            self._policy = self._shell.policies.find(self._shell, release=self._loaded, digest=decided.policy)

    def _decide(self, tx: Transaction, proposed: Proposed) -> _Decided:
        row = owned(tx, self._claim)
        digest = in_force(tx, row)
        if digest != self._policy.digest:
            return _Decided(policy=digest)
        now = Instant(max(self._shell.clock.now(), row.at))
        desk = Desk(
            claim=self._claim,
            state=replace(self._state, evidence=self._evidence),
            policy=self._policy,
            specs=self._loaded.config.tools,
            environment=self._loaded.manifest.environment,
            publisher=publisher(tx, row.agent),
            now=now,
            wall_clock_left=self._policy.agent.max_wall_clock,
        )
        ruling = rule_on(tx, desk, proposed(tx))
        return _Decided(ruling=ruling, events=append(tx, self._claim, ruling.items, now=now))

    def _follow(self, ruling: Ruling, events: tuple[Event, ...]) -> Performed:
        admission, action = ruling.admission, ruling.action
        match admission:
            case Denied():
                return DeniedCall(action=action, findings=_findings_of(events))
            case HeldFor():
                return HeldCall(action=action, findings=_findings_of(events), reason="waits for people")
            case ReuseOf():
                original = ActionId(admission.original)
                return ReusedCall(action=action, original=original, value=_result(events))
            case WaitFor():
                return HeldCall(action=action, reason="the same call is under way", original=admission.original)
            case Exceeded():
                return FailedCall(action=action, reason=_over(events))
            case Stopped():
                return HeldCall(action=action, reason=f"stopped: {admission.target}")
            case _:
                return self._attempt(events)

    def _attempt(self, events: tuple[Event, ...]) -> Performed:
        dispatch = next(d for d in (perform.dispatch_of(event) for event in events) if d is not None)
        tool = self._shell.tools[dispatch.intent.call.tool]
        outcome = perform.make(self._shell, tool, dispatch)
        self._record(dispatch, outcome)
        if outcome.outcome is Outcome.UNKNOWN and tool.reconcile is not None:
            return self._reconcile(dispatch)
        if outcome.outcome is Outcome.SUCCEEDED and tool.spec.retrieves:
            chunks, _ = read_chunks(parse(outcome.result))
            self._evidence = (*self._evidence, *chunks)
        return _performed(dispatch.attempt.action, outcome)

    def _reconcile(self, dispatch: perform.Dispatch) -> Performed:
        tool = self._shell.tools[dispatch.intent.call.tool]
        answer = perform.reconcile(self._shell, tool, dispatch, timeout=RECONCILE_TIMEOUT_S)
        record = answer_of(answer, retry_at=self._shell.clock.now())
        self._record(dispatch, record)
        if isinstance(record, ActionSettled):
            return _performed(dispatch.attempt.action, record)
        return UnknownCall(action=dispatch.attempt.action, reason=record.reason)

    def _settle_lost(self, events: list[Event], state: ActionState) -> Performed:
        dispatch = [d for d in (perform.dispatch_of(event) for event in events) if d is not None][-1]
        if state is ActionState.DISPATCHED:
            # INVARIANT I4: lost only if its epoch is older than mine and its deadline has passed.
            latest = next(e for e in reversed(events) if isinstance(e.record, ActionDispatched))
            if latest.envelope.epoch >= self._claim.epoch:
                raise Conflict(f"action {dispatch.attempt.action} is under way in this process")
            if self._shell.clock.now() <= dispatch.attempt.deadline:
                return UnknownCall(action=dispatch.attempt.action, reason="its attempt may still be under way")
            lost = Outcome.UNKNOWN if dispatch.is_write else Outcome.FAILED
            record = ActionSettled(outcome=lost, by=SettledBy.RECOVERY, error="its worker died", lost=True)
            self._record(dispatch, record)
            if not dispatch.is_write:
                return _performed(dispatch.attempt.action, record)
        return self._reconcile(dispatch)

    def _record(self, dispatch: perform.Dispatch, record: object) -> None:
        item = Item(record=record, action=dispatch.attempt.action, attempt=dispatch.attempt.number)
        self._shell.store.write(
            lambda tx: append(tx, self._claim, [item], now=self._shell.clock.now()), sync=dispatch.is_write
        )


def _again(events: list[Event], action: ActionId, state: ActionState) -> Pending:
    call = next(r for r in (_call_of(event) for event in reversed(events)) if r is not None)
    dispatches = [event for event in events if isinstance(event.record, ActionDispatched)]
    lost = any(isinstance(e.record, ActionSettled) and e.record.lost for e in events[-2:])
    return Pending(
        action=action,
        cause=call.cause,
        index=call.index,
        revision=call.revision,
        request=ToolRequest(id=call.request, name=call.tool, arguments=_with_citations(call)),
        status=Status.GRANTED if state is ActionState.HELD else Status.RETRY,
        attempts=len(dispatches),
        lost=lost,
        edited_by=call.edited_by,
    )


def _call_of(event: Event) -> CallRecord | None:
    record = event.record
    return record.call if isinstance(record, (ActionHeld, ActionDispatched, ActionDenied)) else None


def _standing(events: list[Event], action: ActionId, state: ActionState) -> Performed:
    settled = next((e.record for e in reversed(events) if isinstance(e.record, ActionSettled)), None)
    if settled is not None:
        return _performed(action, settled)
    if state is ActionState.DENIED:
        return DeniedCall(action=action, findings=_findings_of(tuple(events)))
    return FailedCall(action=action, reason=f"it is {state.value} and will not run")


def _performed(action: ActionId, outcome: ActionSettled) -> Performed:
    match outcome.outcome:
        case Outcome.SUCCEEDED:
            return SucceededCall(action=action, value=parse(outcome.result))
        case Outcome.FAILED:
            return FailedCall(action=action, reason=outcome.error)
        case Outcome.UNKNOWN | Outcome.UNSETTLED:
            return UnknownCall(action=action, reason=outcome.error)


def _findings_of(events: tuple[Event, ...]) -> tuple[FindingRecord, ...]:
    found = [e.record.findings for e in events if isinstance(e.record, (ActionDenied, ActionHeld))]
    return found[-1] if found else ()


def _result(events: tuple[Event, ...]) -> Json:
    return next((parse(e.record.result) for e in events if isinstance(e.record, ActionReused)), None)


def _over(events: tuple[Event, ...]) -> str:
    over = next(e.record for e in events if isinstance(e.record, BudgetExceeded))
    return f"budget exceeded: {over.unit}: spent {over.spent} + asked {over.asked} > limit {over.limit}"


def _with_citations(call: CallRecord) -> str:
    # The gate took the citations out of the arguments and bound them apart; to be decided again they go back in.
    arguments = parse(call.arguments)
    if not call.citations or not isinstance(arguments, dict):
        return call.arguments
    return canonical({**arguments, CITATIONS: parse(call.citations)})


def _evidence(events: list[Event], loaded: Loaded) -> tuple[Chunk, ...]:
    tools = {e.envelope.action: e.record.call.tool for e in events if isinstance(e.record, ActionDispatched)}
    found: list[Chunk] = []
    for event in events:
        record, spec = event.record, loaded.config.tools.get(tools.get(event.envelope.action, ""))
        if isinstance(record, ActionSettled) and record.outcome is Outcome.SUCCEEDED and spec and spec.retrieves:
            found.extend(read_chunks(parse(record.result))[0])
    return tuple(found)
