"""How a run comes to its end: what is under way is settled first, nothing new starts. The last event is the runtime's."""

from dataclasses import replace
from typing import assert_never

from dueprocess.agent.records import SubAgentEnd
from dueprocess.agent.state import Ending, Pending, Phase, Result, RunState, Status
from dueprocess.policy import Escalation

_NOT_STARTED = frozenset({Status.DELEGATED, Status.DECIDE, Status.GRANTED, Status.RETRY, Status.WAITING})


def begin(state: RunState, ending: Ending, reason: str) -> RunState:
    """Begins an ending. An ending under way is only overruled by a cancellation, which a person asked for."""
    if state.phase is Phase.ENDED or (state.phase is Phase.ENDING and ending is not Ending.CANCEL):
        return state
    return replace(
        state,
        phase=Phase.ENDING,
        ending=ending,
        reason=reason,
        pending=tuple(_drop(item, reason) for item in state.pending),
    )


def hand_off(state: RunState, reason: str) -> RunState:
    """Begins a human handoff."""
    return begin(state, Ending.HAND_OFF, reason)


def give_up(state: RunState, reason: str) -> RunState:
    """A model gets nowhere: a sub-agent's agent is told, an agent's run is handed off."""
    return hand_off(state, reason) if state.frame is None else leave_frame(state, SubAgentEnd.UNFINISHED, reason)


def leave_frame(state: RunState, how: SubAgentEnd, told: str) -> RunState:
    """The sub-agent at work is over. Nothing of it is under way: it was heard, or its batch was settled."""
    if state.frame is None or state.phase in {Phase.ENDING, Phase.ENDED}:
        return state
    return replace(state, phase=Phase.RETURNING, pending=(), frame=replace(state.frame, how=how, told=told))


def escalate(state: RunState, how: Escalation, reason: str) -> RunState:
    """Does what the policy says at a limit. A question about a limit is put once; the next time a person takes over."""
    match how:
        case Escalation.HANDOFF:
            return hand_off(state, reason)
        case Escalation.STOP:
            return begin(state, Ending.STOP, reason)
        case Escalation.CLARIFY:
            # The calls of a workflow step cannot be taken up again: some may have run, and the model has no part in them.
            asked = state.clarified_limits or state.ending is Ending.CLARIFY
            no_way_back = asked or (state.step and state.pending)
            return hand_off(state, reason) if no_way_back else begin(state, Ending.CLARIFY, reason)
        case _:
            assert_never(how)


def _drop(item: Pending, reason: str) -> Pending:
    if item.status not in _NOT_STARTED:
        return item
    return replace(
        item, status=Status.SETTLED, result=Result.REFUSED, answer=f'{{"error":"not run: {_plain(reason)}"}}'
    )


def _plain(reason: str) -> str:
    return "".join(character for character in reason if character.isprintable() and character not in '"\\')
