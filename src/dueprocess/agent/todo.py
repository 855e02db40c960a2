"""What a run wants done next, as a function of its state alone. Doing it is the runtime's.

The order, numbered at the code: 1 attempts lost with a dead worker, 2 outcomes to reconcile or give up, 3 holds that
expired or at which something fell due, 4 actions that are ready, 5 an ending once nothing is under way, 6 the model, 7 rest,
8 a sub-agent, once all other calls of its agent's turn are settled; and its end.
"""

from typing import Final, assert_never

from dueprocess.agent.commands import (
    Act,
    AskClarification,
    AskModel,
    AwaitClarification,
    Cancel,
    Command,
    DeclareLost,
    EndSubAgent,
    Expire,
    Finish,
    GiveUpSettling,
    HandOff,
    Hold,
    Notify,
    Reconcile,
    RecordPlan,
    StartSubAgent,
    Stop,
    Wait,
)
from dueprocess.agent.declared import workflow_to_json
from dueprocess.agent.records import SubAgentEnd
from dueprocess.agent.state import MAX_FRAMES, Ending, Frame, Pending, Phase, RunState, Status
from dueprocess.agent.sub_agents import task_of
from dueprocess.errors import BadValue
from dueprocess.tool import Effect, Idempotency, ToolSpec
from dueprocess.values import ActionId, Instant, canonical, later, seconds

MAX_RECONCILES: Final = 5  # a sink that cannot tell five times in a row is a matter for a person
LOOK_AGAIN: Final = seconds(
    3600
)  # the other action's outcome wakes the run in its own transaction; this is the sweeper's net


def todo(state: RunState) -> tuple[Command, ...]:
    """The commands for this state. Empty only before the first event and after the last."""
    if state.phase in {Phase.NEW, Phase.ENDED}:
        return ()
    urgent = _lost(state) or _settling(state)
    if urgent:
        return urgent
    if state.phase is Phase.ENDING:
        return _ending(state)
    if state.phase is Phase.QUESTION:
        return (AskClarification(question=state.question),)
    if state.phase is Phase.CLARIFYING:
        return (AwaitClarification(),)
    if state.phase is Phase.RETURNING:
        return _returning(state.frame)
    if state.phase is Phase.PLANNED:
        return (RecordPlan(plan=canonical(workflow_to_json(state.plan))),)
    if state.phase is Phase.ACTING:
        return _acting(state)
    if state.retry_at > state.now:
        return (Wait(until=state.retry_at),)
    return (AskModel(turn=state.turn + 1, attempt=state.asks + 1, step=state.step),)


def _lost(state: RunState) -> tuple[Command, ...]:
    # 1. INVARIANT I4: an intent counts as lost only if its epoch is older than mine and its `dispatch_before` has passed.
    orphans = [item for item in state.pending if item.status is Status.DISPATCHED and item.epoch < state.epoch]
    gone = tuple(item.action for item in orphans if _is_read(state, item) or item.dispatch_before < state.now)
    if gone:
        return (DeclareLost(actions=gone),)
    if orphans:
        return (Wait(until=Instant(min(item.dispatch_before for item in orphans) + 1)),)
    return ()


def _settling(state: RunState) -> tuple[Command, ...]:
    # 2. Reconcile where the tool can, else repeat under a key the sink enforces (as an act), else a person.
    unknown = [item for item in state.pending if item.status is Status.UNKNOWN]
    ready = [item for item in unknown if item.retry_at <= state.now]
    able = tuple(i.action for i in ready if _spec(state, i).reconcile and i.reconciles < MAX_RECONCILES)
    if able:
        return (Reconcile(actions=able),)
    lost = tuple(item.action for item in ready if not _repeatable(state, item))
    if lost:
        return (GiveUpSettling(actions=lost),)
    repeat = tuple(item.action for item in ready if _repeatable(state, item))
    if repeat:
        return (Act(actions=repeat),)
    if unknown and state.phase is Phase.ENDING:
        return (Wait(until=Instant(min(item.retry_at for item in unknown))),)
    return ()


def _ending(state: RunState) -> tuple[Command, ...]:
    # 5. INVARIANT I4: no ending while an attempt of this run is under way.
    if any(item.status is Status.DISPATCHED for item in state.pending):
        return ()
    match state.ending:
        case Ending.FINISH:
            return (Finish(result=state.reason),)
        case Ending.CLARIFY:
            return (AskClarification(question=state.reason),)
        case Ending.STOP:
            return (Stop(reason=state.reason),)
        case Ending.CANCEL:
            return (Cancel(reason=state.reason),)
        case Ending.HAND_OFF | None:
            return (HandOff(reason=state.reason),)
        case _:
            assert_never(state.ending)


def _acting(state: RunState) -> tuple[Command, ...]:
    held = [item for item in state.pending if item.status is Status.HELD]
    expired = tuple(item.action for item in held if item.expires_at < state.now)
    if expired:  # 3
        return (Expire(actions=expired),)
    due = tuple(item.action for item in held if any(notice.at <= state.now for notice in item.notices))
    if due:
        return (Notify(actions=due),)
    ready = tuple(item.action for item in state.pending if _is_ready(state, item))
    if ready:  # 4
        return (Act(actions=ready),)
    if all(item.status in {Status.SETTLED, Status.DELEGATED} for item in state.pending):
        return _delegating(state)
    return _rest(state, held)


def _delegating(state: RunState) -> tuple[Command, ...]:
    # 8. One after the other, in the order in which they were asked for.
    item = next((item for item in state.pending if item.status is Status.DELEGATED), None)
    if item is None:
        return ()
    try:
        task = task_of(item.request.arguments)
    except BadValue as error:
        return (_refused(item, SubAgentEnd.INVALID, str(error)),)
    if state.frames >= MAX_FRAMES:
        reason = f"this run has given {state.frames} tasks to sub-agents; expected at most {MAX_FRAMES}"
        return (_refused(item, SubAgentEnd.REFUSED, reason),)
    return (StartSubAgent(action=item.action, name=item.request.name, task=task),)


def _refused(item: Pending, how: SubAgentEnd, reason: str) -> EndSubAgent:
    return EndSubAgent(action=item.action, name=item.request.name, how=how, reason=reason)


def _returning(frame: Frame | None) -> tuple[Command, ...]:
    if frame is None or frame.how is None:
        return ()
    reason = "" if frame.how is SubAgentEnd.ANSWERED else frame.told
    name = frame.sub_agent.name
    return (EndSubAgent(action=frame.action, name=name, how=frame.how, turns=frame.turns, reason=reason),)


def _rest(state: RunState, held: list[Pending]) -> tuple[Command, ...]:
    # 7. Whatever it is that the run rests for, it wakes at the first instant that matters to any of its actions (I11).
    timers = [
        item.retry_at
        for item in state.pending
        if item.status in {Status.RETRY, Status.UNKNOWN} and item.retry_at > state.now
    ]
    expiries = [Instant(item.expires_at + 1) for item in held]
    notices = [notice.at for item in held for notice in item.notices]
    originals = tuple(dict.fromkeys(ActionId(item.original) for item in state.pending if item.status is Status.WAITING))
    look_again = [later(state.now, LOOK_AGAIN)] if originals else []
    moments = (*timers, *expiries, *notices, *look_again)
    if not moments:
        return ()
    until = min(moments)
    if held and until not in timers:
        return (Hold(actions=tuple(item.action for item in held), until=until, others=originals),)
    return (Wait(until=until, others=originals),)


def _is_ready(state: RunState, item: Pending) -> bool:
    if item.status in {Status.DECIDE, Status.GRANTED}:
        return True
    return item.status is Status.RETRY and item.retry_at <= state.now


def _is_read(state: RunState, item: Pending) -> bool:
    return _spec(state, item).effect is Effect.READ


def _repeatable(state: RunState, item: Pending) -> bool:
    spec = _spec(state, item)
    tries_left = item.tries < state.config.attempts_of(item.request.name)
    return spec.idempotency is Idempotency.SINK and not spec.reconcile and tries_left


def _spec(state: RunState, item: Pending) -> ToolSpec:
    found = state.config.tools.get(item.request.name)
    return found if found is not None else ToolSpec(name=item.request.name)
