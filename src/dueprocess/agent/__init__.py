"""The loop of a run as pure values: state, events, commands, step. Nothing is read, waited for or done here."""

from dueprocess.agent.commands import (
    Act,
    AskClarification,
    AskModel,
    AwaitClarification,
    Cancel,
    Command,
    DeclareLost,
    Expire,
    Finish,
    GiveUpSettling,
    HandOff,
    Hold,
    Reconcile,
    Stop,
    Wait,
)
from dueprocess.agent.declared import workflow_from_json, workflow_to_json
from dueprocess.agent.happened import Happened
from dueprocess.agent.packet import packet
from dueprocess.agent.state import AgentConfig, Pending, Phase, RunState, Status
from dueprocess.agent.step import initial, refold, step
from dueprocess.agent.workflow import Branch, Calls, Decide, End, GiveToPerson, StepCall, Workflow

__all__ = [
    "Act",
    "AgentConfig",
    "AskClarification",
    "AskModel",
    "AwaitClarification",
    "Branch",
    "Calls",
    "Cancel",
    "Command",
    "Decide",
    "DeclareLost",
    "End",
    "Expire",
    "Finish",
    "GiveToPerson",
    "GiveUpSettling",
    "HandOff",
    "Happened",
    "Hold",
    "Pending",
    "Phase",
    "Reconcile",
    "RunState",
    "Status",
    "StepCall",
    "Stop",
    "Wait",
    "Workflow",
    "initial",
    "packet",
    "refold",
    "step",
    "workflow_from_json",
    "workflow_to_json",
]
