"""A sub-agent at work: a frame of its agent's run. The agent waits in the same fold; nothing of the run is anybody's own.

Rule 1. One frame at a time, begun once all other calls of the agent's turn are settled: what waits behind it has nothing
        under way, is held for nobody, and cannot be meant by any event.
Rule 2. What a sub-agent was asked and what it answers are text of a model: they enter no history and vouch for nothing (I7).
Rule 3. A sub-agent that comes to nothing is an answer to its agent. What ends a run (limits, a failed tool, a handoff, a
        cancellation) ends it from within a frame too.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from dueprocess.agent import turns
from dueprocess.agent.happened import Happened
from dueprocess.agent.records import SubAgentEnd, SubAgentEnded, SubAgentStarted
from dueprocess.agent.state import Frame, Pending, Phase, Result, RunState, Status
from dueprocess.model import Message, Role
from dueprocess.values import canonical

_RESULTS: Final = {
    SubAgentEnd.ANSWERED: Result.OK,
    SubAgentEnd.INVALID: Result.INVALID,
    SubAgentEnd.REFUSED: Result.REFUSED,
    SubAgentEnd.UNFINISHED: Result.FAILED,
}


def _started(state: RunState, event: Happened, record: SubAgentStarted) -> RunState:
    item = _delegated(state, event.action)
    sub_agent = state.config.sub_agents.get(item.request.name) if item is not None else None
    if item is None or sub_agent is None:
        return state
    frame = Frame(
        sub_agent=sub_agent,
        action=item.action,
        messages=state.messages,
        shown_bytes=state.shown_bytes,
        context=state.context,
        pending=state.pending,
        invalid_turns=state.invalid_turns,
        fruitless_turns=state.fruitless_turns,
    )
    begun = replace(
        state,
        frame=frame,
        frames=state.frames + 1,
        phase=Phase.THINKING,
        messages=(),
        shown_bytes=0,
        context="",
        pending=(),
        invalid_turns=0,
        fruitless_turns=0,
    )
    return begun.said(Message(role=Role.SYSTEM, text=sub_agent.prompt), Message(role=Role.USER, text=record.task))


def _ended(state: RunState, event: Happened, record: SubAgentEnded) -> RunState:
    frame = state.frame
    told = record.reason
    if frame is not None:
        if event.action != frame.action or state.phase is not Phase.RETURNING:
            return state
        told = frame.told
        state = replace(
            state,
            frame=None,
            phase=Phase.ACTING,
            messages=frame.messages,
            shown_bytes=frame.shown_bytes,
            context=frame.context,
            pending=frame.pending,
            invalid_turns=frame.invalid_turns,
            fruitless_turns=frame.fruitless_turns,
        )
    item = _delegated(state, event.action)
    if item is None:
        return state
    result = _RESULTS[record.how]
    answer = canonical({"answer": told} if result is Result.OK else {"error": record.how.value, "reason": told})
    settled = state.change(replace(item, status=Status.SETTLED, result=result, answer=answer))
    return turns.complete(settled, event.seq)


def _delegated(state: RunState, action: str) -> Pending | None:
    item = state.find(action)
    return item if item is not None and item.status is Status.DELEGATED and state.phase is Phase.ACTING else None


FRAME_HANDLERS: Final[Mapping[type, Callable[[RunState, Happened, Any], RunState]]] = {
    SubAgentStarted: _started,
    SubAgentEnded: _ended,
}
