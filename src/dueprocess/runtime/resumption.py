"""How an action of a governed run is taken up again, read from its events. Deciding it anew is `admission`'s, doing it `governed`'s.

Rule 1. A hold that people have not answered yet is left as it is: asking where it stands must not replace what they look at.
Rule 2. What a person edited goes on as the next revision, whether that was decided before or not.
"""

from collections.abc import Mapping

from dueprocess.agent import Pending, RunState, Status
from dueprocess.agent.records import BudgetExceeded, TaskSubmitted
from dueprocess.errors import Conflict, NotFound
from dueprocess.evidence import Chunk, Viewer, retrieved
from dueprocess.gate import (
    ActionDenied,
    ActionDispatched,
    ActionEdited,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionState,
    ActionSuperseded,
    ActionUnclear,
    ActionWaiting,
    ApprovalGiven,
    CallRecord,
    FindingRecord,
    Outcome,
)
from dueprocess.gate.records import ActionConfirmed, ValueEndorsed
from dueprocess.ledger import Event, Reader
from dueprocess.model import ToolRequest
from dueprocess.policy import Policy
from dueprocess.runtime.perform import Dispatch
from dueprocess.runtime.performed import DeniedCall, FailedCall, HeldCall, Performed, SucceededCall, UnknownCall
from dueprocess.runtime.shell import Loaded
from dueprocess.runtime.tables import ACTIONS, HOLDS
from dueprocess.tool import CITATIONS, Idempotency, Tool
from dueprocess.values import ActionId, Instant, Json, RunId, action_id, canonical, parse
from dueprocess.values.foreign import visible

_REASON = 300  # characters of why a call cannot be read

_STATUS = {
    ActionState.HELD: Status.GRANTED,
    ActionState.FAILED: Status.RETRY,
    ActionState.UNKNOWN: Status.UNKNOWN,
    ActionState.PROPOSED: Status.DECIDE,
}


def known(tx: Reader, action: str, *, run: RunId) -> tuple[ActionState, list[Event]]:
    """Where an action of this run stands, and its events.

    Raises:
        NotFound: no such action in this run.
    """
    row, events = tx.get(ACTIONS, action), tx.lineage(action)
    is_known = row is not None or any(isinstance(event.record, ActionWaiting) for event in events)
    if not is_known or events[0].envelope.run != run:
        raise NotFound(f"no action {action} in run {run}")
    # One that has only waited, for another or for a lift, was never decided to its end: it has no row.
    return ActionState(row.state) if row is not None else ActionState.PROPOSED, events


def again(events: list[Event], action: ActionId, state: ActionState) -> Pending:
    """The action as it is decided once more: a granted hold, one that surely failed, or a repeat under the same key."""
    call = call_of(events)
    dispatches = [event for event in events if isinstance(event.record, ActionDispatched)]
    lost = any(isinstance(e.record, ActionSettled) and e.record.lost for e in events[-2:])
    return Pending(
        action=action,
        cause=call.cause,
        index=call.index,
        revision=call.revision,
        request=ToolRequest(id=call.request, name=call.tool, arguments=_with_citations(call)),
        status=_STATUS[state],
        attempts=len(dispatches),
        lost=lost,
        edited_by=call.edited_by,
    )


def held(tx: Reader, events: list[Event], action: ActionId, *, now: Instant) -> Pending | HeldCall | None:
    """A hold: to be decided again if its approvals are complete, left alone if they are not; None once it has expired."""
    hold = tx.get(HOLDS, action)
    if hold is not None and (hold.execute_by or _is_answered(events)):
        return again(events, action, ActionState.HELD)
    if hold is not None and hold.expires_at < now:
        return None
    return HeldCall(action=action, findings=findings_of(tuple(events)), reason="waits for people")


def _is_answered(events: list[Event]) -> bool:
    held = max((at for at, event in enumerate(events) if isinstance(event.record, ActionHeld)), default=0)
    return any(isinstance(event.record, (ValueEndorsed, ActionConfirmed)) for event in events[held:])


def successor(events: list[Event], action: ActionId) -> str:
    """The id of the revision that stands for a superseded action."""
    found = next((e.record.by for e in reversed(events) if isinstance(e.record, ActionSuperseded)), "")
    return found or action


def edited(events: list[Event]) -> Pending | None:
    """The next revision of a hold that a person edited, as it is decided for the first time."""
    edit = next((e.record for e in reversed(events) if isinstance(e.record, ActionEdited)), None)
    if edit is None:
        return None
    call = call_of(events)
    revision = call.revision + 1
    run = RunId(events[-1].envelope.run)
    return Pending(
        action=action_id(run=run, cause=call.cause, index=call.index, revision=revision),
        cause=call.cause,
        index=call.index,
        revision=revision,
        request=ToolRequest(id=call.request, name=call.tool, arguments=edit.arguments),
        edited_by=call.edited_by if edit.approves else (*call.edited_by, edit.by.by),
        carried=edit.by if edit.approves else None,
    )


def requester_of(events: list[Event]) -> str:
    """Whom the run acts on behalf of, as it was submitted: what counts is the record, not who opens it again."""
    return next((e.record.on_behalf_of for e in events if isinstance(e.record, TaskSubmitted)), "")


def refuse_other_requester(events: list[Event], on_behalf_of: str) -> None:
    """Refuses to open a run for another requester than its own; naming none is fine.

    Raises:
        Conflict: it acts on behalf of somebody else.
    """
    known = requester_of(events)
    if on_behalf_of and events and on_behalf_of != known:
        raise Conflict(f"the run acts on behalf of {known or 'nobody'}, not of {on_behalf_of}; expected another run")


def unreadable(state: RunState, tool: str, reason: str, *, cause: int) -> ActionDenied:
    """The denial of a call whose arguments are no JSON: nothing of them is recorded, only why (I10)."""
    call = CallRecord(
        tool=tool,
        arguments="",
        schema="",
        principal=state.principal,
        on_behalf_of=state.on_behalf_of,
        cause=cause,
        index=0,
    )
    finding = FindingRecord(rule="parse", decision="deny", reason=visible(reason, limit=_REASON))
    return ActionDenied(call=call, findings=(finding,))


def times_unclear(events: list[Event]) -> int:
    """How often the sink could not tell what became of the last attempt."""
    last = next(i for i in reversed(range(len(events))) if isinstance(events[i].record, ActionDispatched))
    return sum(isinstance(event.record, ActionUnclear) for event in events[last:])


def standing(events: list[Event], action: ActionId, state: ActionState) -> Performed:
    """Where an action stands that is not taken up again."""
    settled = next((e.record for e in reversed(events) if isinstance(e.record, ActionSettled)), None)
    if settled is not None:
        return performed(action, settled)
    if state is ActionState.DENIED:
        return DeniedCall(action=action, findings=findings_of(tuple(events)))
    return FailedCall(action=action, reason=f"it is {state.value} and will not run")


def performed(action: ActionId, outcome: ActionSettled) -> Performed:
    """An outcome as the caller sees it."""
    match outcome.outcome:
        case Outcome.SUCCEEDED:
            return SucceededCall(action=action, value=parse(outcome.result))
        case Outcome.FAILED:
            return FailedCall(action=action, reason=outcome.error)
        case Outcome.UNKNOWN | Outcome.UNSETTLED:
            return UnknownCall(action=action, reason=outcome.error)


def findings_of(events: tuple[Event, ...]) -> tuple[FindingRecord, ...]:
    """The findings of the last denial or hold."""
    found = [e.record.findings for e in events if isinstance(e.record, (ActionDenied, ActionHeld))]
    return found[-1] if found else ()


def is_granted(events: tuple[Event, ...]) -> bool:
    """Whether a hold came with all the approvals it asks for: an edit counted as the last of them."""
    return any(isinstance(event.record, ApprovalGiven) and event.record.execute_by for event in events)


def reused_result(events: tuple[Event, ...]) -> Json:
    """The recorded result that was returned instead of a second effect."""
    return next((parse(e.record.result) for e in events if isinstance(e.record, ActionReused)), None)


def over_budget(events: tuple[Event, ...]) -> str:
    """What the budget had no room for, with the values compared."""
    over = next(e.record for e in events if isinstance(e.record, BudgetExceeded))
    return f"budget exceeded: {over.unit}: spent {over.spent} + asked {over.asked} > limit {over.limit}"


def evidence_of(events: list[Event], loaded: Loaded) -> tuple[Chunk, ...]:
    """What retrieving tools brought back in this run."""
    calls = {e.envelope.action: e.record.call for e in events if isinstance(e.record, ActionDispatched)}
    found: list[Chunk] = []
    for event in events:
        record, call = event.record, calls.get(event.envelope.action)
        spec = loaded.config.tools.get(call.tool) if call is not None else None
        if call is None or spec is None or not spec.retrieves:
            continue
        if isinstance(record, ActionSettled) and record.outcome is Outcome.SUCCEEDED:
            viewer = Viewer.of(call.principal, on_behalf_of=call.on_behalf_of)
            found.extend(retrieved(parse(record.result), by=viewer, at=Instant(event.envelope.at)))
    return tuple(found)


def is_repeatable(tools: Mapping[str, Tool], dispatch: Dispatch, policy: Policy) -> bool:
    """Whether an unknown attempt may be made again (I4): only under a key that the sink itself enforces, within the retries."""
    tool = tools[dispatch.intent.call.tool]
    tries_left = dispatch.attempt.number < policy.retries_of(tool.name).max_attempts
    return tool.reconcile is None and tool.spec.idempotency is Idempotency.SINK and tries_left


def may_try_again(events: list[Event], policy: Policy) -> bool:
    """Whether an action that surely had no effect may be tried again: attempts lost with a worker do not count."""
    dispatched = [e.record for e in events if isinstance(e.record, ActionDispatched)]
    lost = sum(isinstance(e.record, ActionSettled) and e.record.lost for e in events)
    return len(dispatched) - lost < policy.retries_of(dispatched[-1].call.tool).max_attempts


def call_of(events: list[Event]) -> CallRecord:
    """The call of an action as it was decided last."""
    return next(r for r in (_call_of(event) for event in reversed(events)) if r is not None)


def _call_of(event: Event) -> CallRecord | None:
    record = event.record
    return record.call if isinstance(record, (ActionHeld, ActionDispatched, ActionDenied, ActionWaiting)) else None


def _with_citations(call: CallRecord) -> str:
    # The gate took the citations out of the arguments and bound them apart; to be decided again they go back in.
    arguments = parse(call.arguments)
    if not call.citations or not isinstance(arguments, dict):
        return call.arguments
    return canonical({**arguments, CITATIONS: parse(call.citations)})
