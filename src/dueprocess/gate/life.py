"""The life of an action as a literal table. What makes an action move is decided elsewhere; which moves exist, here.

Rule 1. A missing entry is the error (design section 5).
Rule 2. `unknown` goes back to `dispatched` only as a next attempt under a key that the sink enforces (I4).
Rule 3. `unsettled` is settled by a person, also after the run has ended.
"""

from enum import Enum
from types import MappingProxyType
from typing import Final

from dueprocess.errors import IllegalTransition


class ActionState(Enum):
    """Where an action stands. `PROPOSED` is never stored: an action is stored with its first decision."""

    PROPOSED = "proposed"
    DENIED = "denied"
    HELD = "held"
    REUSED = "reused"
    DISPATCHED = "dispatched"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNSETTLED = "unsettled"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


_S = ActionState
MOVES: Final = MappingProxyType(
    {
        _S.PROPOSED: frozenset({_S.DENIED, _S.HELD, _S.DISPATCHED, _S.CANCELLED, _S.REUSED}),
        _S.HELD: frozenset({_S.DISPATCHED, _S.DENIED, _S.EXPIRED, _S.CANCELLED, _S.SUPERSEDED}),
        _S.DISPATCHED: frozenset({_S.SUCCEEDED, _S.FAILED, _S.UNKNOWN}),
        _S.UNKNOWN: frozenset({_S.DISPATCHED, _S.SUCCEEDED, _S.FAILED, _S.UNSETTLED}),
        _S.UNSETTLED: frozenset({_S.SUCCEEDED, _S.FAILED}),
        _S.FAILED: frozenset({_S.DISPATCHED}),
        _S.DENIED: frozenset[ActionState](),
        _S.REUSED: frozenset[ActionState](),
        _S.SUCCEEDED: frozenset[ActionState](),
        _S.EXPIRED: frozenset[ActionState](),
        _S.CANCELLED: frozenset[ActionState](),
        _S.SUPERSEDED: frozenset[ActionState](),
    }
)

FREES_KEY: Final = frozenset({_S.DENIED, _S.FAILED, _S.EXPIRED, _S.CANCELLED, _S.SUPERSEDED, _S.REUSED})
"""States in which an action no longer occupies its idempotency key. `unknown` does (policy language)."""

UNDER_WAY: Final = frozenset({_S.HELD, _S.DISPATCHED, _S.UNKNOWN, _S.UNSETTLED})
"""States in which a second use of the same key waits for the first."""


def move(state: ActionState, to: ActionState) -> ActionState:
    """The new state.

    Raises:
        IllegalTransition: the table does not have this move.
    """
    if to not in MOVES[state]:
        allowed = ", ".join(sorted(option.value for option in MOVES[state])) or "nothing: it is final"
        raise IllegalTransition(f"an action cannot go from {state.value} to {to.value}; from there: {allowed}")
    return to
