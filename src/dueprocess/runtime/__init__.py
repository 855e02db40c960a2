"""The one shell that takes commands, acts through ports and appends events. What is decided or wanted is decided in pure rooms."""

from dueprocess.runtime.answers import Answered, HoldCard, Person, approve, card, edit, reject, settle
from dueprocess.runtime.drive import drive
from dueprocess.runtime.governed import Governed
from dueprocess.runtime.performed import (
    DeniedCall,
    FailedCall,
    HeldCall,
    Performed,
    ReusedCall,
    SucceededCall,
    UnknownCall,
)
from dueprocess.runtime.policies import publish
from dueprocess.runtime.releases import Releases, loaded
from dueprocess.runtime.shell import Clock, Loaded, Loop, PolicyShelf, Shell
from dueprocess.runtime.status import RESTING, TERMINAL, RunStatus
from dueprocess.runtime.stops import lift, order
from dueprocess.runtime.submit import Task, answer, cancel, introduce, queue_of, submit

__all__ = [
    "RESTING",
    "TERMINAL",
    "Answered",
    "Clock",
    "DeniedCall",
    "FailedCall",
    "Governed",
    "HeldCall",
    "HoldCard",
    "Loaded",
    "Loop",
    "Performed",
    "Person",
    "PolicyShelf",
    "Releases",
    "ReusedCall",
    "RunStatus",
    "Shell",
    "SucceededCall",
    "Task",
    "UnknownCall",
    "answer",
    "approve",
    "cancel",
    "card",
    "drive",
    "edit",
    "introduce",
    "lift",
    "loaded",
    "order",
    "publish",
    "queue_of",
    "reject",
    "settle",
    "submit",
]
