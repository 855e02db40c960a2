"""A run whose steps are decided elsewhere: calls come in one by one, each passes the gate. `guard` and integrations stand on this.

Rule 1. The caller's process owns the run by its epoch; opening the run again anywhere fences the earlier owner.
Rule 2. A call is one logical action. Its cause is its own first event, a read made for it included, so its id is minted in
        the transaction that decides it.
Rule 3. A sync function runs in the caller's thread: nothing is left running behind a deadline. What comes back late is
        still the truth, and is recorded as it is.
Rule 4. Wall clock is the caller's: only the deadline of each attempt is kept here.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from dueprocess.agent import Pending, RunState, initial
from dueprocess.agent.records import (
    CancelRequested,
    ContentEntered,
    RunCancelled,
    RunFinished,
    RunSuspended,
    Suspension,
)
from dueprocess.agent.todo import MAX_RECONCILES
from dueprocess.errors import BadValue, Conflict
from dueprocess.evidence import Viewer, retrieved
from dueprocess.gate import (
    ActionDispatched,
    ActionExpired,
    ActionSettled,
    ActionState,
    Denied,
    Exceeded,
    HeldFor,
    Outcome,
    ReuseOf,
    SettledBy,
    Stopped,
    WaitFor,
)
from dueprocess.ledger import Event, Transaction
from dueprocess.model import ToolRequest
from dueprocess.policy import Policy
from dueprocess.runtime import left_behind, perform, resumption
from dueprocess.runtime.admission import Ruling, rule_on
from dueprocess.runtime.desk import Desk
from dueprocess.runtime.journal import Claim, Item, append, own_run, owned, run_row
from dueprocess.runtime.lease import take, this_process
from dueprocess.runtime.notices import fallen_due
from dueprocess.runtime.performed import DeniedCall, FailedCall, HeldCall, Performed, ReusedCall, UnknownCall
from dueprocess.runtime.policies import in_force, publisher
from dueprocess.runtime.proposed import FreshCall
from dueprocess.runtime.recollection import Past, Recollection
from dueprocess.runtime.rehearse import rehearse
from dueprocess.runtime.renewal import reads_for
from dueprocess.runtime.settling import answer_of
from dueprocess.runtime.shell import Loaded, Shell
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.tables import ACTIONS
from dueprocess.values import FOR_EVER, ActionId, Instant, RunId, action_id, canonical, of_python, parse
from dueprocess.values.foreign import whole

_UNSETTLED: Final = ActionSettled(
    outcome=Outcome.UNSETTLED, by=SettledBy.RECOVERY, error="nobody but a person can tell what became of it"
)

Proposed = Callable[[Transaction], Pending | Performed]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What one transaction decided, and the history it was decided on.

    `policy` names the one in force where it is not the one this run knew; `renewed` is the call for which reads were made.
    """

    ruling: Ruling | None = None
    past: Past | None = None
    told: Performed | None = None
    events: tuple[Event, ...] = ()
    renewed: Pending | None = None
    policy: str = ""


class Governed:
    """An open run for calls from elsewhere. May be used from several threads at once.

    Raises on opening:
        NotFound: no such run. Conflict: it has ended, or acts on behalf of somebody else than the one named here.
    """

    def __init__(self, shell: Shell, loaded: Loaded, run: RunId, *, on_behalf_of: str = "") -> None:
        self._shell = shell
        self._loaded = loaded
        self._lock = threading.Lock()

        def unit(tx: Transaction) -> Claim:
            row = own_run(tx, run, tenant=shell.tenant)
            resumption.refuse_other_requester(tx.events(run), on_behalf_of)
            return take(tx, row, owner=this_process(), lease=None, now=shell.clock.now())

        # INVARIANT I12: what is decided from here on is decided by this release, whichever one the run was begun under.
        self._claim = replace(shell.store.write(unit), release=loaded.digest)
        told = shell.store.read(lambda tx: tx.events(run))
        self._policy: Policy = shell.policies.find(shell, release=loaded, digest=self._claim.policy)
        self._state: RunState = replace(
            initial(loaded.config, run),
            principal=loaded.manifest.principal,
            on_behalf_of=resumption.requester_of(told),
            evidence=resumption.evidence_of(told, loaded),
        )
        self._recollection = Recollection(run, self._policy)
        self._cancelled = any(isinstance(event.record, CancelRequested) for event in told)
        # What this program cannot run is denied before there is an intent.
        self._specs = {name: spec for name, spec in loaded.config.tools.items() if name in shell.tools}

    @property
    def run(self) -> RunId:
        """The run that the calls stand in."""
        return self._claim.run

    def call(self, tool: str, arguments: object) -> Performed:
        """Takes one call through the gate and, if it is allowed, makes it. Every end is a value.

        `arguments`: a mapping, or JSON text as a model wrote it.

        Raises:
            Conflict: somebody has cancelled the run. LeaseLost: it was opened elsewhere, or has ended.
            CommitLost, StoreUnavailable: the store failed; nothing was dispatched, or the action stays `dispatched` and is
            settled on the next opening.
        """
        try:
            text = arguments if isinstance(arguments, str) else canonical(of_python(arguments))
        except BadValue as error:
            return self.refuse(tool, str(error))
        request = ToolRequest(id="", name=whole(tool), arguments=text)

        told = self._take(FreshCall(self._claim.run, request))
        self._end_if_cancelled()
        return told

    def refuse(self, tool: str, reason: str) -> DeniedCall:
        """Records the denial of a call that cannot be read, for this reason (I2)."""

        def unit(tx: Transaction) -> DeniedCall:
            row = run_row(tx, self._claim.run)
            record = resumption.unreadable(self._state, whole(tool), reason, cause=row.seq + 1)
            action = action_id(run=self._claim.run, cause=row.seq + 1, index=0, revision=0)
            append(tx, self._claim, [Item(record=record, action=action)], now=self._shell.clock.now())
            return DeniedCall(action=action, findings=record.findings)

        return self._shell.store.write(unit)

    def tell(self, text: str, *, source: str) -> None:
        """Records what the model was shown beside the answers of these calls; no source: what the requester said (I7)."""
        told = Item(record=ContentEntered(text=whole(text), source=whole(source)))
        self._shell.store.write(lambda tx: append(tx, self._claim, [told], now=self._shell.clock.now()), sync=False)

    def resume(self, action: str) -> Performed:
        """Goes on with an action, or says where it stands.

        Runs it if people have approved it, asks the sink if its outcome was lost, tries it again if it surely had no effect.

        Raises:
            NotFound: no such action in this run.
        """
        told = self._resumed(action)
        self._end_if_cancelled()
        return told

    def _resumed(self, action: str) -> Performed:
        state, events = self._shell.store.read(lambda tx: resumption.known(tx, action, run=self._claim.run))
        if state in {ActionState.DISPATCHED, ActionState.UNKNOWN}:
            told = self._settle_lost(events, state)
            if told is not None:
                return told
        if state is ActionState.SUPERSEDED and self._is_decided(resumption.successor(events, ActionId(action))):
            return self._resumed(resumption.successor(events, ActionId(action)))
        return self._take(lambda tx: self._proposed_again(tx, ActionId(action)))

    def close(self) -> None:
        """Ends the run: what is held is cancelled, what nobody can tell any more is left for a person to settle.

        Raises:
            Conflict: an attempt may still be under way; `resume` its action first.
        """
        self._shell.store.write(lambda tx: self._leave(tx, RunFinished(result="", active=0)))

    def rest(self) -> None:
        """Gives the run back: nobody owns it until it is opened again.

        Raises:
            Conflict: an attempt may still be under way. LeaseLost: it is not this program's any more.
        """
        record = RunSuspended(reason=Suspension.YIELDED, active=0, wake_at=FOR_EVER)
        self._shell.store.write(lambda tx: self._leave(tx, record), sync=False)

    def _leave(self, tx: Transaction, last: RunFinished | RunCancelled | RunSuspended) -> None:
        owned(tx, self._claim)
        busy = left_behind.under_way(tx, self._claim.run)
        if busy:
            raise Conflict(f"action {busy[0]} may still be under way; resume it before the run is left")
        rows = tx.find(ACTIONS, equal=(("run", self._claim.run),))
        ends = not isinstance(last, RunSuspended)
        items = [item for row in rows for item in left_behind.closing(row)] if ends else []
        append(tx, self._claim, [*items, Item(record=last)], now=self._shell.clock.now())

    def _end_if_cancelled(self) -> None:
        """Ends a run that somebody asked to end, now that this call is over. Another one under way ends it when it is over."""

        def unit(tx: Transaction) -> None:
            row = run_row(tx, self._claim.run)
            is_mine = row.epoch == self._claim.epoch and row.status == RunStatus.RUNNING.value
            if is_mine and not left_behind.under_way(tx, self._claim.run):
                self._leave(tx, RunCancelled(reason="cancelled", active=0))

        if self._cancelled:
            self._shell.store.write(unit)

    def _is_decided(self, action: str) -> bool:
        return self._shell.store.read(lambda tx: tx.get(ACTIONS, action)) is not None

    def _proposed_again(self, tx: Transaction, action: ActionId) -> Pending | Performed:
        # Read in the transaction that decides: two who resume at once are one after the other, and the grant is used once.
        state, events = resumption.known(tx, action, run=self._claim.run)
        now = Instant(max(self._shell.clock.now(), run_row(tx, self._claim.run).at))
        match state:
            case ActionState.HELD:
                found = resumption.held(tx, events, action, now=now)
                if isinstance(found, HeldCall):
                    append(tx, self._claim, fallen_due(events, now=now), now=now)
                return found if found is not None else self._expire(tx, action, events, now=now)
            case ActionState.FAILED if not resumption.may_try_again(events, self._policy):
                return resumption.standing(events, action, state)
            case ActionState.FAILED | ActionState.UNKNOWN | ActionState.PROPOSED:
                return resumption.again(events, action, state)
            case ActionState.SUPERSEDED:
                return resumption.edited(events) or resumption.standing(events, action, state)
            case _:
                return resumption.standing(events, action, state)

    def _expire(self, tx: Transaction, action: ActionId, events: list[Event], *, now: Instant) -> Performed:
        reason = "nobody answered in time"
        on_timeout = self._policy.approvers_of(resumption.call_of(events).tool).on_timeout
        expired = Item(record=ActionExpired(reason=reason, on_timeout=on_timeout.value), action=action)
        append(tx, self._claim, [expired], now=now)
        return FailedCall(action=action, reason=reason)

    def _take(self, proposed: Proposed) -> Performed:
        renewed = False
        while True:
            decided = self._shell.store.write(partial(self._decide, proposed=proposed, renewed=renewed))
            if decided.past is not None:
                self._recollection.keep(decided.past)
            if decided.told is not None:
                return decided.told
            if decided.ruling is not None:
                return self._follow(decided.ruling, decided.events)
            if decided.renewed is not None:
                renewed = True
                if isinstance(proposed, FreshCall):
                    proposed.begins(decided.renewed)
                for event in decided.events:
                    self._attempt((event,))
                continue
            self._policy = self._shell.policies.find(self._shell, release=self._loaded, digest=decided.policy)

    def _decide(self, tx: Transaction, *, proposed: Proposed, renewed: bool) -> _Decided:
        row = owned(tx, self._claim)
        digest = in_force(tx, row)
        if digest != self._policy.digest:
            return _Decided(policy=digest)
        proposal = proposed(tx)
        if not isinstance(proposal, Pending):
            return _Decided(told=proposal)
        past = self._recollection.up_to_now(tx, self._policy)
        self._cancelled = self._cancelled or bool(row.due)
        if self._cancelled:
            raise Conflict(f"run {self._claim.run} was cancelled; nothing of it is decided any more")
        now = Instant(max(self._shell.clock.now(), row.at))
        desk = Desk(
            claim=self._claim,
            state=self._state,
            policy=self._policy,
            history=past.history,
            specs=self._specs,
            tools=self._shell.tools,
            environment=self._loaded.manifest.environment,
            publisher=publisher(tx, row.agent, tenant=row.tenant),
            now=now,
            wall_clock_left=self._policy.agent.max_wall_clock,
        )
        ruling = rule_on(tx, desk, proposal)
        wanted = () if renewed else reads_for(self._claim.run, proposal, ruling.judged, seq=row.seq)
        if wanted:
            reads = [item for each in wanted for item in rule_on(tx, desk, each).items]
            made = self._append(tx, reads, policy=digest, now=now)
            return _Decided(renewed=proposal, events=tuple(filter(perform.dispatch_of, made)), past=past)
        # INVARIANT I2: a call that meets a stop leaves its reason on the record. One that is known stands where it stood.
        stays = isinstance(ruling.admission, Stopped) and bool(tx.lineage(ruling.action))
        events = () if stays else self._append(tx, ruling.items, policy=digest, now=now)
        return _Decided(ruling=ruling, events=events, past=past)

    def _append(self, tx: Transaction, items: Iterable[Item], *, policy: str, now: Instant) -> tuple[Event, ...]:
        # INVARIANT I12: the events name the policy that decided, which may have come into force after the run was opened.
        named = [replace(item, policy=policy) if policy != self._claim.policy else item for item in items]
        return append(tx, self._claim, named, now=now)

    def _follow(self, ruling: Ruling, events: tuple[Event, ...]) -> Performed:
        admission, action = ruling.admission, ruling.action
        given_up = next((e.record for e in events if isinstance(e.record, ActionSettled)), None)
        if given_up is not None:
            return resumption.performed(action, given_up)
        match admission:
            case Denied():
                return DeniedCall(action=action, findings=resumption.findings_of(events))
            case HeldFor():
                if resumption.is_granted(events):
                    return self.resume(action)
                self._rehearse(events)
                return HeldCall(action=action, findings=resumption.findings_of(events), reason="waits for people")
            case ReuseOf():
                original = ActionId(admission.original)
                return ReusedCall(action=action, original=original, value=resumption.reused_result(events))
            case WaitFor():
                return HeldCall(action=action, reason="the same call is under way", original=admission.original)
            case Exceeded():
                return FailedCall(action=action, reason=resumption.over_budget(events))
            case Stopped():
                return HeldCall(action=action, reason=f"stopped: {admission.target}")
            case _:
                return self._attempt(events)

    def _rehearse(self, events: tuple[Event, ...]) -> None:
        def record(item: Item) -> None:
            self._shell.store.write(lambda tx: append(tx, self._claim, [item], now=self._shell.clock.now()))

        rehearse(self._shell, self._policy, events, left=self._policy.agent.max_wall_clock, record=record)

    def _attempt(self, events: tuple[Event, ...]) -> Performed:
        dispatch = next(d for d in (perform.dispatch_of(event) for event in events) if d is not None)
        tool = self._shell.tools[dispatch.intent.call.tool]
        outcome = perform.make(self._shell, tool, dispatch)
        self._record(dispatch, outcome)
        if outcome.outcome is Outcome.UNKNOWN and not resumption.is_repeatable(
            self._shell.tools, dispatch, self._policy
        ):
            return self._reconcile(dispatch)
        if outcome.outcome is Outcome.SUCCEEDED and tool.spec.retrieves:
            viewer = Viewer.of(dispatch.attempt.principal, on_behalf_of=dispatch.attempt.on_behalf_of)
            chunks = retrieved(parse(outcome.result), by=viewer, at=self._shell.clock.now())
            with self._lock:
                self._state = replace(self._state, evidence=(*self._state.evidence, *chunks))
        return resumption.performed(dispatch.attempt.action, outcome)

    def _reconcile(self, dispatch: perform.Dispatch) -> Performed:
        tool = self._shell.tools[dispatch.intent.call.tool]
        if tool.reconcile is None:
            # INVARIANT I4: nobody can be asked and the key may not be used again: only a person can tell.
            self._record(dispatch, _UNSETTLED)
            return resumption.performed(dispatch.attempt.action, _UNSETTLED)
        answer = perform.reconcile(self._shell, tool, dispatch, timeout=perform.RECONCILE_TIMEOUT_S)
        record = answer_of(answer, retry_at=self._shell.clock.now())
        self._record(dispatch, record)
        if isinstance(record, ActionSettled):
            return resumption.performed(dispatch.attempt.action, record)
        return UnknownCall(action=dispatch.attempt.action, reason=record.reason)

    def _settle_lost(self, events: list[Event], state: ActionState) -> Performed | None:
        """Finds out about a lost outcome; None where the action may be repeated under its key."""
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
                return resumption.performed(dispatch.attempt.action, record)
        if resumption.is_repeatable(self._shell.tools, dispatch, self._policy):
            return None
        if resumption.times_unclear(events) >= MAX_RECONCILES:
            self._record(dispatch, _UNSETTLED)
            return resumption.performed(dispatch.attempt.action, _UNSETTLED)
        return self._reconcile(dispatch)

    def _record(self, dispatch: perform.Dispatch, record: object) -> None:
        item = Item(record=record, action=dispatch.attempt.action, attempt=dispatch.attempt.number)

        def unit(tx: Transaction) -> bool:
            append(tx, self._claim, [item], now=self._shell.clock.now())
            return bool(run_row(tx, self._claim.run).due)

        self._cancelled = self._shell.store.write(unit, sync=dispatch.is_write) or self._cancelled
