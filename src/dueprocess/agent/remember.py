"""What a run's history keeps of each of its events: who said what, what was dispatched, what came back. Labels are the policy's.

Rule 1. The task and the answers to clarifications are the requester's words; inputs given with a task are theirs too.
Rule 2. What a workflow writes out is its author's word: it vouches wherever the workflow uses it.
Rule 3. The declared scope is what the task carries, else the tools of its workflow. A plan of the model narrows it to its
        own tools and vouches nothing: what it writes out is the model's word, not its author's.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from dueprocess.agent.declared import workflow_from_json
from dueprocess.agent.happened import Happened
from dueprocess.agent.records import ClarificationGiven, ContentEntered, PlanMade, TaskSubmitted
from dueprocess.agent.workflow import Workflow, calls_of, is_path
from dueprocess.gate import ActionDispatched, ActionReused, ActionSettled
from dueprocess.gate.history import History
from dueprocess.gate.records import ActionConfirmed, ValueEndorsed
from dueprocess.provenance import Entered, answered, said, written_out
from dueprocess.values import Json, parse
from dueprocess.values.canonical import parse_or
from dueprocess.values.trust import Integrity


def remember(history: History, event: Happened, *, workflow: Workflow | None = None) -> History:
    """The history after this event. Pure; an event that says nothing of origins leaves it as it is."""
    handler = _HANDLERS.get(type(event.record))
    return history if handler is None else handler(history, event, event.record, workflow)


def _submitted(history: History, event: Happened, record: TaskSubmitted, workflow: Workflow | None) -> History:
    history = history.enter(said(record.text, origin="task"))
    inputs = parse_or(record.inputs)
    if inputs:
        history = history.enter(written_out(inputs, origin="inputs", integrity=Integrity.USER))
    if workflow is not None:
        history = history.enter(_literals(workflow))
    scope = record.scope if record.scope is not None else tuple(workflow.tools) if workflow is not None else None
    return history if scope is None else history.within(frozenset(scope))


def _planned(history: History, event: Happened, record: PlanMade, workflow: Workflow | None) -> History:
    plan = workflow_from_json(parse(record.plan))
    tools = plan.tools if plan is not None else frozenset[str]()
    carried = history.standing.scope
    return history.within(tools if carried is None else tools & carried)


def _clarified(history: History, event: Happened, record: ClarificationGiven, workflow: Workflow | None) -> History:
    return history.enter(said(record.text, origin="clarification"))


def _entered(history: History, event: Happened, record: ContentEntered, workflow: Workflow | None) -> History:
    if not record.source:
        return history.enter(said(record.text, origin="requester"))
    # Nobody here knows what was asked for it: it taints as its label says, and vouches nothing.
    label = history.policy.source_of(record.source)
    origin = f"event {event.seq}"
    return history.enter(answered(record.text, origin=origin, tool=record.source, source=label, query_vouched=False))


def _dispatched(history: History, event: Happened, record: ActionDispatched, workflow: Workflow | None) -> History:
    return history.dispatched(record, action=event.action, at=event.at)


def _settled(history: History, event: Happened, record: ActionSettled, workflow: Workflow | None) -> History:
    return history.settled(record, action=event.action, at=event.at)


def _reused(history: History, event: Happened, record: ActionReused, workflow: Workflow | None) -> History:
    return history.reused(record, action=event.action)


def _endorsed(history: History, event: Happened, record: ValueEndorsed, workflow: Workflow | None) -> History:
    return history.endorsed(record)


def _confirmed(history: History, event: Happened, record: ActionConfirmed, workflow: Workflow | None) -> History:
    return history.confirm(record, at=event.at)


def _literals(workflow: Workflow) -> Entered:
    written: dict[str, Json] = {}
    for step in workflow.steps:
        for call in calls_of(step):
            written[f"{step.id}.{call.name}"] = {
                name: value for name, value in call.arguments.items() if not is_path(value)
            }
    return written_out(written, origin="workflow", integrity=Integrity.OPERATOR)


_HANDLERS: Final[Mapping[type, Callable[[History, Happened, Any, Workflow | None], History]]] = {
    TaskSubmitted: _submitted,
    PlanMade: _planned,
    ClarificationGiven: _clarified,
    ContentEntered: _entered,
    ActionDispatched: _dispatched,
    ActionSettled: _settled,
    ActionReused: _reused,
    ActionConfirmed: _confirmed,
    ValueEndorsed: _endorsed,
}
