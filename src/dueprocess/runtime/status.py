"""Where a run stands, as the store knows it."""

from enum import Enum
from typing import Final


class RunStatus(Enum):
    """The status of a run. The resting ones carry the value of their `Suspension`."""

    SYSTEM = "system"
    READY = "ready"
    RUNNING = "running"
    HELD = "held"
    CLARIFICATION = "clarification"
    TIMER = "timer"
    OTHER_ACTION = "other_action"
    STOP = "stop"
    YIELDED = "yielded"
    FINISHED = "finished"
    HANDED_OFF = "handed_off"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    ERASED = "erased"


RESTING: Final = frozenset(
    status.value
    for status in (
        RunStatus.HELD,
        RunStatus.CLARIFICATION,
        RunStatus.TIMER,
        RunStatus.OTHER_ACTION,
        RunStatus.STOP,
        RunStatus.YIELDED,
    )
)
TERMINAL: Final = frozenset(
    status.value
    for status in (
        RunStatus.FINISHED,
        RunStatus.HANDED_OFF,
        RunStatus.STOPPED,
        RunStatus.CANCELLED,
        RunStatus.ERASED,
    )
)
