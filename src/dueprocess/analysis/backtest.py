"""Recorded calls decided again under another policy, in the order of their times. Reading the ledger is `wiring.backtest`'s matter.

Rule 1. Every call is first decided again under the policy that decided it, on what its run had read and done until then: where
        that does not give the findings that were recorded, something that was decided on was not kept, and the call is not decided.
Rule 2. It is the gate that decides, both times. Counters start empty and are counted as the other policy would have: what
        it denies takes no place; what it holds takes one only where, and when, the call was dispatched in fact. What people said
        is taken as said: approvals, edits, values they vouched for.
Rule 3. What the run had read and done is as the other policy would have it (`past`): what it denies, or returns again from
        an earlier call, was not dispatched, so that it uses no place, counts for no sequence and answers no check; but what it
        had brought back in fact did enter the run, under the label that the other policy gives its tool.
Rule 4. A model that is told something else does something else: what follows in a run is the recorded past, not a forecast.
Rule 5. What only the other policy lets run takes its places; whether it would have succeeded nobody knows.
Rule 6. A read that the gate made for a check is no call of the run, and is not decided by itself. One that the other policy
        needs and nobody recorded leaves open what rests on it: the check, and afterwards what its answer might vouch for.
Rule 7. What is not known of a call is not known of the later ones that depend on it: on its success (rule 5), or on whether it would
        have run at all (rule 6). A call that depends on anything like that counts by its other rules alone, and is listed as unclear with
        what was missing. One that is decided the same either way is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dueprocess.agent import Happened
from dueprocess.analysis.asking import Asked, Asking, Known, verdict_of
from dueprocess.analysis.past import Past
from dueprocess.analysis.recorded import Again, Frame, NotDecidable, Recorded, RecordedRun, Step, in_order
from dueprocess.analysis.windows import Counters
from dueprocess.gate import (
    ActionCancelled,
    ActionDenied,
    ActionDispatched,
    ActionEdited,
    ActionExpired,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionState,
    Admitted,
    ApprovalRejected,
    CallRecord,
    Denied,
    Exceeded,
    HeldFor,
    Judgement,
    ReuseOf,
    WaitFor,
)
from dueprocess.policy import Verdict
from dueprocess.policy.arguments import Missing, find
from dueprocess.runtime.renewal import is_for_a_check
from dueprocess.values import Money, amount_micros

_Decision = ActionDenied | ActionHeld | ActionDispatched | ActionReused
_ENDS: Final = {
    ActionEdited: ActionState.SUPERSEDED,
    ActionExpired: ActionState.EXPIRED,
    ActionCancelled: ActionState.CANCELLED,
    ApprovalRejected: ActionState.DENIED,
}


def decide_again(runs: Iterable[RecordedRun]) -> tuple[tuple[Again, ...], tuple[NotDecidable, ...]]:
    """Decides the calls of all these runs again, in the order of their times."""
    counters = Counters()
    again: list[Again] = []
    lost: list[NotDecidable] = []
    open_: dict[str, _Run] = {}
    for run, step in in_order(runs):
        if step is None:
            open_.pop(run.run, None)
            continue
        if run.run not in open_:
            open_[run.run] = _Run(run, counters)
        match open_[run.run].goes_on(step):
            case Again() as found:
                again.append(found)
            case NotDecidable() as found:
                lost.append(found)
            case None:
                pass
    return tuple(again), tuple(lost)


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call of the run: its first id, by which the other policy knows it, and whether that one lets it run.

    `alone`: it has run under the other policy, and not in fact so far; `open`: whether it has is not known.
    """

    action: str
    call: CallRecord
    runs: bool = True
    dispatched: bool = False
    alone: bool = False
    open: bool = False


class _Run:
    """One run, gone through again."""

    def __init__(self, run: RecordedRun, counters: Counters) -> None:
        self._run = run
        self._counters = counters
        self._past = Past(run.workflow)
        self._asking = Asking(run, self._past, counters)
        self._calls: dict[str, _Call] = {}
        self._turns: dict[tuple[int, int], _Call] = {}
        self._reads: dict[str, CallRecord] = {}

    def goes_on(self, step: Step) -> Again | NotDecidable | None:
        """One more event: what it says, and the decision that it records, if it is the first of its call."""
        event, found = step.event, None
        if not isinstance(step.frame, str):
            self._past.begins(step.frame.now)
        match event.record:
            case ActionDenied() | ActionHeld() | ActionDispatched() | ActionReused() as record:
                found = self._decision(step, record)
            case ActionSettled() as record:
                self._settled(step, record)
            case ActionEdited() | ActionExpired() | ActionCancelled() | ApprovalRejected() as record:
                self._ended(event, _ENDS[type(record)])
            case _:
                self._past.enters(event)
        self._past.told(event)
        return found

    def _decision(self, step: Step, record: _Decision) -> Again | NotDecidable | None:
        call, event = record.call, step.event
        if is_for_a_check(call):
            self._reads[event.action] = call
            self._past.aside(event, call)
            return None
        known = self._turns.get((call.cause, call.index))
        if known is not None:
            self._calls[event.action] = known
            self._later(step, known, record)
            return None
        first = _Call(action=event.action, call=call)
        self._turns[call.cause, call.index] = self._calls[event.action] = first
        return self._first(step, first, record)

    def _first(self, step: Step, first: _Call, record: _Decision) -> Again | NotDecidable:
        event, frame = step.event, step.frame
        recorded, known = _recorded(self._run, event, record), _known(first, event)
        why = frame if isinstance(frame, str) else self._asking.not_reproduced(frame, known, recorded.said)
        if isinstance(frame, str) or why is not None:
            # What is not decided stays in the past as it was.
            self._later(step, first, record)
            return NotDecidable(action=event.action, run=self._run.run, at=event.at, why=why or "")
        stop = f"tool:{first.call.tool}" if any(rule == "stop" for rule, _ in recorded.said or ()) else ""
        asked = self._asking.ask(frame, known, stop=stop)
        again = _again(recorded, frame, asked)
        first.runs = isinstance(asked.admission, (Admitted, HeldFor, WaitFor))
        if asked.use is not None and first.runs:
            in_fact = isinstance(record, ActionDispatched)
            if again.after is Verdict.ALLOW or in_fact:
                self._dispatch(first, asked, event, alone=not in_fact)
            elif isinstance(record, ActionHeld):
                self._counters.occupy(asked.use, ActionState.HELD)
                self._doubt(first, asked, calls=0)
        if isinstance(record, ActionReused):
            self._past.enters(event)
        return again

    def _later(self, step: Step, known: _Call, record: _Decision) -> None:
        """A further decision of a call: people have let it run, it is tried again, or nothing comes of it."""
        match record:
            case ActionDispatched() as record:
                self._runs(step, known, record)
            case ActionReused():
                self._past.enters(step.event)
                self._over(known, ActionState.REUSED)
            case ActionDenied():
                self._over(known, ActionState.DENIED)
            case ActionHeld():
                pass

    def _runs(self, step: Step, known: _Call, record: ActionDispatched) -> None:
        """It was dispatched in fact, and the other policy does not keep it from that."""
        event, frame = step.event, step.frame
        if not known.runs or isinstance(frame, str):
            return
        if known.alone:
            known.alone = False
            return
        known.call = record.call
        asked = self._asking.ask(frame, _known(known, event))
        self._dispatch(known, asked, event, alone=False, attempt=event.attempt, calls=record.calls)

    def _dispatch(
        self, known: _Call, asked: Asked, event: Happened, *, alone: bool, attempt: int = 1, calls: int = 1
    ) -> None:
        known.dispatched, known.alone = True, alone
        # What only the other policy lets run has run, as far as anybody can know (rule 5).
        state = ActionState.SUCCEEDED if alone else ActionState.DISPATCHED
        if asked.use is not None:
            self._counters.take(asked.use, attempt=attempt, calls=calls, state=state)
            self._doubt(known, asked, calls=calls)
        self._past.dispatched(known.call, action=known.action, at=event.at, uses=asked.judged.uses, alone=alone)

    def _doubt(self, known: _Call, asked: Asked, *, calls: int) -> None:
        """Rule 7: a call that is unclear may have been dispatched or not, and stays so."""
        known.open = known.open or bool(asked.unclear)
        if known.open and asked.use is not None:
            self._counters.doubt(asked.use, calls=calls)
            self._past.doubts(known.action)

    def _settled(self, step: Step, record: ActionSettled) -> None:
        event, frame = step.event, step.frame
        read, known = self._reads.get(event.action), self._calls.get(event.action)
        call = read or (known.call if known is not None else None)
        if call is None:
            return
        # A loop takes what a read for a check has retrieved for no evidence: it is no part of a turn.
        if not isinstance(frame, str) and not (read is not None and self._run.is_looped):
            self._past.retrieved(record, call, frame.tools, at=event.at)
        if known is None:
            self._past.aside(event, None)
            return
        self._past.settled(record, call, action=known.action, at=event.at, counts=known.dispatched)
        if known.dispatched:
            state = ActionState(record.outcome.value)
            self._counters.settle(known.action, attempt=max(1, event.attempt), state=state)

    def _ended(self, event: Happened, state: ActionState) -> None:
        known = self._calls.get(event.action)
        if known is None:
            return
        self._over(known, state)
        if state is ActionState.SUPERSEDED and not known.alone:
            # What a person edited is another call, decided from the start; but nobody is asked to edit what runs at once.
            self._turns.pop((known.call.cause, known.call.index), None)

    def _over(self, known: _Call, state: ActionState) -> None:
        if not known.dispatched:
            self._counters.settle(known.action, attempt=0, state=state)


def _recorded(run: RecordedRun, event: Happened, record: _Decision) -> Recorded:
    said = (
        None if isinstance(record, ActionReused) else frozenset((each.rule, each.decision) for each in record.findings)
    )
    match record:
        case ActionDenied():
            decision = Verdict.DENY
        case ActionHeld():
            decision = Verdict.HOLD
        case ActionDispatched() | ActionReused():
            decision = Verdict.ALLOW
    return Recorded(
        action=event.action,
        run=run.run,
        agent=run.agent,
        at=event.at,
        tool=record.call.tool,
        decision=decision,
        said=said,
        reused=isinstance(record, ActionReused),
    )


def _known(call: _Call, event: Happened) -> Known:
    return Known(call=call.call, action=call.action, event=event)


def _again(recorded: Recorded, frame: Frame, asked: Asked) -> Again:
    admission = asked.admission
    findings = admission.findings if isinstance(admission, (Admitted, Denied, HeldFor)) else ()
    rules = [each.rule for each in findings if not each.advisory]
    return Again(
        recorded=recorded,
        after=verdict_of(admission),
        rules=tuple(dict.fromkeys((*rules, *(["agent.max_tool_calls"] if isinstance(admission, Exceeded) else [])))),
        amount=_amount(frame, asked.judged),
        reused=isinstance(admission, ReuseOf),
        unclear=asked.unclear,
    )


def _amount(frame: Frame, judged: Judgement) -> Money | None:
    if judged.call is None:
        return None
    for policy in (frame.now, frame.then):
        tool = policy.tools.get(judged.call.tool)
        value = find(judged.call.arguments, tool.amount) if tool is not None and tool.amount is not None else None
        micros = None if isinstance(value, Missing) else amount_micros(value)
        if micros is not None:
            return Money(micros)
    return None
