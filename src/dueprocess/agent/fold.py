"""How one event changes a run. Pure: the same events always fold to the same state (I8). Nothing is wanted or done here.

Rule 1. One handler per record, in one literal table; a record without a handler changes only the clock and the number.
Rule 2. Time is the time of events: `now` never goes backwards.
Rule 3. Events from other processes (approvals, answers, cancels, settlements) fold wherever they stand in the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dueprocess.agent import endings, turns
from dueprocess.agent.actions import ACTION_HANDLERS
from dueprocess.agent.frames import FRAME_HANDLERS
from dueprocess.agent.happened import Happened
from dueprocess.agent.records import (
    BudgetExceeded,
    BudgetOverrun,
    CancelRequested,
    ClarificationAsked,
    ClarificationGiven,
    ModelAsked,
    ModelFailed,
    ModelReplied,
    PlanMade,
    RunCancelled,
    RunClaimed,
    RunFinished,
    RunHandedOff,
    RunStopped,
    RunSuspended,
    TaskSubmitted,
)
from dueprocess.agent.state import Ending, Phase, RunState, Status
from dueprocess.values import Instant

Handler = Callable[[RunState, Happened, Any], RunState]


def fold(state: RunState, event: Happened) -> RunState:
    """The state after this event."""
    advanced = replace(state, seq=event.seq, now=Instant(max(state.now, event.at)))
    handler = HANDLERS.get(type(event.record))
    return advanced if handler is None else handler(advanced, event, event.record)


def _submitted(state: RunState, event: Happened, record: TaskSubmitted) -> RunState:
    started = replace(
        state,
        started=state.now,
        task=record.text,
        principal=record.principal,
        on_behalf_of=record.on_behalf_of,
        session=record.session,
        phase=Phase.THINKING,
    )
    return turns.begin(started, inputs=record.inputs)


def _claimed(state: RunState, event: Happened, record: RunClaimed) -> RunState:
    # A question that was under way is asked again; what it reserved stays at risk in the meter (I6).
    # An action that waits for another run's is decided again: that one may have an outcome by now.
    return replace(
        state,
        epoch=event.epoch,
        pending=tuple(
            replace(item, status=Status.DECIDE) if item.status is Status.WAITING else item for item in state.pending
        ),
        segment_start=state.now,
        active=state.active + record.lost_active,
        phase=Phase.THINKING if state.phase is Phase.ASKING else state.phase,
    )


def _suspended(state: RunState, event: Happened, record: RunSuspended) -> RunState:
    return replace(state, active=state.active + record.active, segment_start=Instant(0))


def _asked(state: RunState, event: Happened, record: ModelAsked) -> RunState:
    return replace(state, phase=Phase.ASKING, asks=state.asks + 1)


def _replied(state: RunState, event: Happened, record: ModelReplied) -> RunState:
    if state.phase is not Phase.ASKING or record.turn != state.turn + 1:
        return state
    return turns.replied(replace(state, turn=record.turn, asks=0, model_tries=0), event.seq, record)


def _plan_made(state: RunState, event: Happened, record: PlanMade) -> RunState:
    if state.phase is not Phase.PLANNED:
        return state
    return turns.follow(state, record, cause=event.seq)


def _model_failed(state: RunState, event: Happened, record: ModelFailed) -> RunState:
    if state.phase is not Phase.ASKING:
        return state
    tries = state.model_tries + 1
    if not record.retryable or tries >= state.config.limits.retries.max_attempts:
        return endings.hand_off(state, f"the model did not answer: {record.reason}")
    return replace(state, phase=Phase.THINKING, model_tries=tries, retry_at=Instant(record.retry_at))


def _exceeded(state: RunState, event: Happened, record: BudgetExceeded) -> RunState:
    reason = (
        f"budget exceeded: {record.unit} of {record.key.partition(':')[0]}: "
        f"spent {record.spent} + reserved {record.reserved} + asked {record.asked} > limit {record.limit}"
    )
    return endings.escalate(state, state.config.limits.on_budget_exceeded, reason)


def _overrun(state: RunState, event: Happened, record: BudgetOverrun) -> RunState:
    reason = f"budget overrun: {record.key.partition(':')[0]}: used {record.used}, reserved {record.reserved}"
    return endings.begin(state, Ending.STOP, reason)


def _clarification_asked(state: RunState, event: Happened, record: ClarificationAsked) -> RunState:
    return replace(state, phase=Phase.CLARIFYING, question=record.question)


def _clarification_given(state: RunState, event: Happened, record: ClarificationGiven) -> RunState:
    if state.phase is not Phase.CLARIFYING:
        return state
    return turns.clarified(state, record.text)


def _cancel(state: RunState, event: Happened, record: CancelRequested) -> RunState:
    if state.phase is Phase.ENDED:
        return state
    return endings.begin(
        state, Ending.CANCEL, f"cancelled by {record.by}" + (f": {record.reason}" if record.reason else "")
    )


def _ended(
    state: RunState, event: Happened, record: RunFinished | RunHandedOff | RunStopped | RunCancelled
) -> RunState:
    return replace(state, phase=Phase.ENDED, active=state.active + record.active, segment_start=Instant(0))


HANDLERS: Mapping[type, Handler] = {
    TaskSubmitted: _submitted,
    RunClaimed: _claimed,
    RunSuspended: _suspended,
    ModelAsked: _asked,
    ModelReplied: _replied,
    PlanMade: _plan_made,
    ModelFailed: _model_failed,
    BudgetExceeded: _exceeded,
    BudgetOverrun: _overrun,
    ClarificationAsked: _clarification_asked,
    ClarificationGiven: _clarification_given,
    CancelRequested: _cancel,
    RunFinished: _ended,
    RunHandedOff: _ended,
    RunStopped: _ended,
    RunCancelled: _ended,
    **ACTION_HANDLERS,
    **FRAME_HANDLERS,
}
