"""The packet a person gets when a run is handed off: what was asked, done, refused and left open. Pure JSON of the state."""

from dueprocess.agent.declared import workflow_to_json
from dueprocess.agent.state import Pending, Result, RunState, Status
from dueprocess.model import Role
from dueprocess.values import Json, canonical


def packet(state: RunState, *, reason: str) -> str:
    """The packet as canonical JSON text. Of a run with a plan it tells that too, and the step it stood at.

    It holds content of the run: it is stored encrypted and rendered as data (I10).
    """
    # The task of a sub-agent at work is among what its agent left open.
    pending = state.pending if state.frame is None else (*state.frame.pending, *state.pending)
    last = next((m.text for m in reversed(state.messages) if m.role is Role.ASSISTANT and m.text), "")
    value: dict[str, Json] = {
        "task": state.task,
        "on_behalf_of": state.on_behalf_of or None,
        "reason": reason,
        "done": [*state.done],
        "open": [_described(item) for item in pending if item.status is not Status.SETTLED],
        "not_done": [_described(item) for item in pending if _is_refused(item)],
        "last_words": last,
        "turns": state.turn,
    }
    if state.plan is not None:
        value |= {"plan": workflow_to_json(state.plan), "step": state.step}
    return canonical(value)


def _is_refused(item: Pending) -> bool:
    return item.status is Status.SETTLED and item.result is not Result.OK


def _described(item: Pending) -> Json:
    return {
        "action": item.action,
        "tool": item.request.name,
        "arguments": item.request.arguments,
        "status": item.status.value,
        "attempts": item.attempts,
        "answer": item.answer,
    }
