"""Events in words, for screens and reports. Which events there are and what is hidden of them is decided elsewhere.

Rule 1. One sentence per event, on one line. Whatever model, tool or requester wrote is redacted, escaped and cut (I10).
Rule 2. Ids are never cut; digests are, to what tells them apart.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from dueprocess.agent import records as run
from dueprocess.errors import BadValue
from dueprocess.gate import FindingRecord
from dueprocess.gate import records as gate
from dueprocess.ledger import Event
from dueprocess.runtime import system
from dueprocess.runtime.lineage import NoticeStory, PreviewStory
from dueprocess.runtime.planned import planned_calls
from dueprocess.runtime.redaction import Redaction
from dueprocess.values import Instant, Json, Money, canonical, parse, rfc3339
from dueprocess.values.foreign import quoted, visible, worded

DIGEST_SHOWN: Final = 12
_MILLISECONDS_BELOW: Final = 10_000_000  # microseconds: a longer time is told in its two largest units
PREVIEW_SHOWN: Final = 1000  # what a dry run says is what the approver decides on
LONG: Final = 200  # characters of a text in a sentence of its own


def sentence(event: Event, redaction: Redaction) -> str:
    """The event in words."""
    say = _SAY.get(type(event.record))
    if say is not None:
        return say(event, event.record, redaction)
    if event.record is None:
        return f"{event.envelope.kind}: its content was erased"
    return event.envelope.kind


def call_text(tool: str, arguments: Json) -> str:
    """A call as `tool(name=value, ...)`, its values escaped and cut."""
    if not isinstance(arguments, dict):
        inside = "" if arguments is None else worded(arguments)
        return f"{visible(tool)}({inside})"
    return f"{visible(tool)}({', '.join(f'{visible(name)}={worded(value)}' for name, value in arguments.items())})"


def values_text(compared: Json) -> str:
    """Compared values as `name = value, ...`; empty where there are none."""
    if not isinstance(compared, dict) or not compared:
        return ""
    return ", ".join(f"{visible(name)} = {_value(value)}" for name, value in compared.items())


def quoted_lines(text: str, *, limit: int) -> list[str]:
    """A foreign text of several lines, each made visible behind a bar: it cannot pass for what stands around it."""
    shown = text if len(text) <= limit else text[:limit]
    lines = [f"| {visible(line, limit=limit)}" for line in shown.rstrip().split("\n")]
    return lines if shown == text else [*lines, f"| ... ({len(text)} characters)"]


def notice_text(notice: NoticeStory) -> str:
    """What fell due at a hold, in words."""
    if notice.to:
        return f"escalated: {visible(notice.to)} may answer too since {rfc3339(notice.due_at)}"
    return f"reminded: still waiting at {rfc3339(notice.due_at)}"


def preview_text(preview: PreviewStory) -> str:
    """What a dry run said, in words."""
    if preview.error:
        return f"says nothing: {visible(preview.error, limit=LONG)}"
    return worded(preview.result, limit=PREVIEW_SHOWN)


def duration_text(microseconds: int) -> str:
    """A length of time as a person reads it: its two largest units."""
    if microseconds < _MILLISECONDS_BELOW:
        return f"{microseconds / 1_000_000:.3f} s"
    seconds = microseconds // 1_000_000
    units = (("d", seconds // 86400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60))
    parts = [f"{count} {unit}" for unit, count in units if count]
    return " ".join(parts[:2]) or "0 s"


def _value(value: Json) -> str:
    return visible(value, limit=LONG) if isinstance(value, str) else visible(canonical(value), limit=LONG)


def asked_by(principal: str, *, through: Iterable[str], on_behalf_of: str) -> str:
    """Who asked for something: a sub-agent, for its agent, on behalf of a person; whoever of them there is."""
    chain = " for ".join(visible(name, limit=LONG) for name in (*reversed([*through]), principal))
    return f"{chain}, on behalf of {visible(on_behalf_of)}" if on_behalf_of else chain


def _called(call: gate.CallRecord, hide: Redaction) -> str:
    said = call_text(call.tool, hide.arguments(call.tool, call.arguments) if call.arguments else None)
    return f"{said}{_of(call.through)}"


def _of(through: Iterable[str]) -> str:
    return "".join(f" by {visible(name)}" for name in through)


def _why(findings: Iterable[FindingRecord], hide: Redaction) -> str:
    told = [
        f"{visible(each.rule)}: {visible(hide.text(each.reason), limit=LONG)}{' (shadow)' if each.advisory else ''}"
        for each in findings
    ]
    return "; ".join(told)


def _text(text: str, hide: Redaction) -> str:
    return quoted(hide.text(text), limit=LONG)


def _submitted(event: Event, record: run.TaskSubmitted, hide: Redaction) -> str:
    behalf = f" on behalf of {visible(record.on_behalf_of)}" if record.on_behalf_of else ""
    return f"task submitted to {record.agent}{behalf}: {_text(record.text, hide)}"


def _claimed(event: Event, record: run.RunClaimed, hide: Redaction) -> str:
    after = ", after its driver had died" if record.crashed else ""
    process = record.owner.split("|")[1:2]
    return f"taken by process {visible(''.join(process) or '?')} (epoch {event.envelope.epoch}){after}"


def _suspended(event: Event, record: run.RunSuspended, hide: Redaction) -> str:
    reasons = {
        run.Suspension.HELD: "rests: held for approval",
        run.Suspension.CLARIFICATION: "rests: waits for the requester's answer",
        run.Suspension.TIMER: f"rests until {rfc3339(Instant(record.wake_at))}",
        run.Suspension.OTHER_ACTION: f"rests: waits for the outcome of {', '.join(record.waits_for)}",
        run.Suspension.STOP: "rests: stopped by the kill switch",
        run.Suspension.YIELDED: "given back by its driver",
    }
    return f"{reasons[record.reason]} ({duration_text(record.active)} used in this segment)"


def _asked(event: Event, record: run.ModelAsked, hide: Redaction) -> str:
    most = max((item.amount for item in record.reserved), default=0)
    by = _of(record.through)
    return f"model {visible(record.model)} asked{by}, turn {record.turn}; at most {Money(most)} USD reserved"


def _replied(event: Event, record: run.ModelReplied, hide: Redaction) -> str:
    said = f": {_text(record.text, hide)}" if record.text else ""
    wanted = [call_text(each.name, _arguments(each.name, each.arguments, hide)) for each in record.requests]
    calls = f"; proposes {', '.join(wanted)}" if wanted else ""
    to = "".join(f" {visible(name)}" for name in record.through)
    return f"model answered{to} ({Money(record.cost_micros)} USD){said}{calls}"


def _sub_agent_started(event: Event, record: run.SubAgentStarted, hide: Redaction) -> str:
    return f"{event.envelope.action} {visible(record.sub_agent)} begins: {_text(record.task, hide)}"


def _sub_agent_ended(event: Event, record: run.SubAgentEnded, hide: Redaction) -> str:
    ends = {
        run.SubAgentEnd.ANSWERED: "has answered",
        run.SubAgentEnd.INVALID: "did not begin",
        run.SubAgentEnd.REFUSED: "did not begin",
        run.SubAgentEnd.UNFINISHED: "came to nothing",
    }
    after = f" after {record.turns} turn{'' if record.turns == 1 else 's'}" if record.turns else ""
    why = _because(record.reason, hide)
    return f"{event.envelope.action} {visible(record.sub_agent)} {ends[record.how]}{after}{why}"


def _planned(event: Event, record: run.PlanMade, hide: Redaction) -> str:
    tools = ", ".join(dict.fromkeys(visible(tool) for tool, _ in planned_calls(record.plan))) or "no tool"
    return f"plan made and from now on followed; it calls {tools}"


def _arguments(tool: str, text: str, hide: Redaction) -> Json:
    try:
        parse(text)
    except BadValue:
        return hide.text(text) if tool not in hide.paths else "[redacted]"
    return hide.arguments(tool, text)


def _model_failed(event: Event, record: run.ModelFailed, hide: Redaction) -> str:
    return f"model did not answer: {visible(hide.text(record.reason), limit=LONG)}"


def _exceeded(event: Event, record: run.BudgetExceeded, hide: Redaction) -> str:
    if record.unit == "unpriced":
        return "budget exceeded: the model has no known price, so it is not admitted under a spend cap"
    return (
        f"budget exceeded: {record.unit} of {visible(record.key.partition(':')[0])}: spent {record.spent} + reserved "
        f"{record.reserved} + asked {record.asked} > limit {record.limit}"
    )


def _overrun(event: Event, record: run.BudgetOverrun, hide: Redaction) -> str:
    return f"budget overrun: {Money(record.used)} USD used, {Money(record.reserved)} reserved"


def _question(event: Event, record: run.ClarificationAsked, hide: Redaction) -> str:
    return f"asks the requester: {_text(record.question, hide)}"


def _answer(event: Event, record: run.ClarificationGiven, hide: Redaction) -> str:
    return f"{visible(record.by)} answers: {_text(record.text, hide)}"


def _cancel(event: Event, record: run.CancelRequested, hide: Redaction) -> str:
    return f"{visible(record.by)} asks to cancel{_because(record.reason, hide)}"


def _finished(event: Event, record: run.RunFinished, hide: Redaction) -> str:
    return f"finished: {_text(record.result, hide)}"


def _handed_off(event: Event, record: run.RunHandedOff, hide: Redaction) -> str:
    return f"handed off to a person: {visible(hide.text(record.reason), limit=LONG)}"


def _stopped(event: Event, record: run.RunStopped, hide: Redaction) -> str:
    return f"stopped: {visible(hide.text(record.reason), limit=LONG)}"


def _cancelled(event: Event, record: run.RunCancelled, hide: Redaction) -> str:
    return f"cancelled: {visible(hide.text(record.reason), limit=LONG)}"


def _erased(event: Event, record: system.RunErased, hide: Redaction) -> str:
    return f"erased by {visible(record.by)}{_because(record.reason, hide)}"


def _denied(event: Event, record: gate.ActionDenied, hide: Redaction) -> str:
    return f"{event.envelope.action} {_called(record.call, hide)} denied: {_why(record.findings, hide)}"


def _held(event: Event, record: gate.ActionHeld, hide: Redaction) -> str:
    return f"{event.envelope.action} {_called(record.call, hide)} held for approval: {_why(record.findings, hide)}"


def _previewed(event: Event, record: gate.ActionPreviewed, hide: Redaction) -> str:
    said = "says nothing: " + visible(hide.text(record.error), limit=LONG) if record.error else "is on the card"
    return f"{event.envelope.action} its dry run {said}"


def _dispatched(event: Event, record: gate.ActionDispatched, hide: Redaction) -> str:
    granted = ", ".join(visible(each.by) for each in record.granted)
    by = f", approved by {granted}" if granted else ""
    # What a person approved was told when it was held; what is left is what a policy in shadow would have said.
    shadow = f"; {_why(record.findings, hide)}" if record.findings and not granted else ""
    action, attempt = event.envelope.action, event.envelope.attempt
    return f"{action} {_called(record.call, hide)} allowed{by}: attempt {attempt} dispatched{shadow}"


def _reused(event: Event, record: gate.ActionReused, hide: Redaction) -> str:
    return f"{event.envelope.action} {_called(record.call, hide)} has run already: the outcome of {record.original}"


def _waiting(event: Event, record: gate.ActionWaiting, hide: Redaction) -> str:
    why = f"{visible(record.stop)} is stopped" if record.stop else f"{record.original} is under way with the same key"
    return f"{event.envelope.action} {_called(record.call, hide)} waits: {why}"


def _settled(event: Event, record: gate.ActionSettled, hide: Redaction) -> str:
    action = event.envelope.action
    by = "" if record.by is gate.SettledBy.TOOL else f" (told by {visible(record.person or record.by.value)})"
    match record.outcome:
        case gate.Outcome.SUCCEEDED:
            return f"{action} succeeded{by}"
        case gate.Outcome.FAILED:
            return f"{action} failed, no effect{by}: {visible(hide.text(record.error), limit=LONG)}"
        case gate.Outcome.UNKNOWN:
            return f"{action} outcome unknown{by}: {visible(hide.text(record.error), limit=LONG)}"
        case gate.Outcome.UNSETTLED:
            return f"{action} outcome can only be told by a person{by}: `due actions settle {action}`"


def _unclear(event: Event, record: gate.ActionUnclear, hide: Redaction) -> str:
    return f"{event.envelope.action} the sink could not tell: {visible(hide.text(record.reason), limit=LONG)}"


def _ended(event: Event, record: gate.ActionExpired | gate.ActionCancelled, hide: Redaction) -> str:
    what = "expired" if isinstance(record, gate.ActionExpired) else "cancelled"
    return f"{event.envelope.action} {what}: {visible(hide.text(record.reason), limit=LONG)}"


def _superseded(event: Event, record: gate.ActionSuperseded, hide: Redaction) -> str:
    return f"{event.envelope.action} replaced by {record.by}: {visible(hide.text(record.reason), limit=LONG)}"


def _edited(event: Event, record: gate.ActionEdited, hide: Redaction) -> str:
    counts = "counts as an approval" if record.approves else "is decided anew"
    return f"{event.envelope.action} edited by {visible(record.by.by)}; the edit {counts}"


def _approved(event: Event, record: gate.ApprovalGiven, hide: Redaction) -> str:
    by = record.approval
    until = f"; to run by {rfc3339(Instant(record.execute_by))}" if record.execute_by else "; more people are needed"
    return f"{event.envelope.action} approved by {visible(by.by)} ({visible(by.how) or 'not said how known'}){until}"


def _reminded(event: Event, record: gate.ApprovalReminded, hide: Redaction) -> str:
    return f"{event.envelope.action} still waits for people: reminder of {rfc3339(Instant(record.due_at))}"


def _escalated(event: Event, record: gate.ApprovalEscalated, hide: Redaction) -> str:
    return f"{event.envelope.action} escalated: since {rfc3339(Instant(record.due_at))} {visible(record.to)} may answer it too"


def _refused(event: Event, record: gate.ApprovalRefused, hide: Redaction) -> str:
    return f"{event.envelope.action} answer of {visible(record.by)} refused, {visible(record.rule)}: {visible(record.reason)}"


def _rejected(event: Event, record: gate.ApprovalRejected, hide: Redaction) -> str:
    return f"{event.envelope.action} rejected by {visible(record.by)}{_because(record.reason, hide)}"


def _entered(event: Event, record: run.ContentEntered, hide: Redaction) -> str:
    who = f"from {visible(record.source)}" if record.source else "said by the requester"
    return f"{len(record.text)} characters entered, {who}"


def _endorsed(event: Event, record: gate.ValueEndorsed, hide: Redaction) -> str:
    shown = call_text(record.tool, hide.arguments(record.tool, canonical({record.argument: parse(record.value)})))
    return f"{event.envelope.action} {visible(record.by)} ({visible(record.how)}) vouches in this run for {shown}"


def _confirmed(event: Event, record: gate.ActionConfirmed, hide: Redaction) -> str:
    return f"{event.envelope.action} confirmed by {visible(record.by)} ({visible(record.how)}), whom it is done for"


def _published(event: Event, record: system.PolicyPublished, hide: Redaction) -> str:
    return f"policy {record.digest[:DIGEST_SHOWN]} published for {record.agent} by {visible(record.author)} ({visible(record.how)})"


def _registered(event: Event, record: system.ReleaseRegistered, hide: Redaction) -> str:
    return f"release {record.digest[:DIGEST_SHOWN]} of {record.agent} registered"


def _stop(event: Event, record: system.StopOrdered, hide: Redaction) -> str:
    return f"stop of {visible(record.target)} ordered by {visible(record.by)}{_because(record.reason, hide)}"


def _lift(event: Event, record: system.StopLifted, hide: Redaction) -> str:
    return f"stop of {visible(record.target)} lifted by {visible(record.by)}{_because(record.reason, hide)}"


def _because(reason: str, hide: Redaction) -> str:
    return f": {visible(hide.text(reason), limit=LONG)}" if reason else ""


_SAY: Final[Mapping[type, Callable[[Event, Any, Redaction], str]]] = MappingProxyType(
    {
        run.TaskSubmitted: _submitted,
        run.RunClaimed: _claimed,
        run.RunSuspended: _suspended,
        run.CancelRequested: _cancel,
        run.RunFinished: _finished,
        run.RunHandedOff: _handed_off,
        run.RunStopped: _stopped,
        run.RunCancelled: _cancelled,
        run.ModelAsked: _asked,
        run.ModelReplied: _replied,
        run.PlanMade: _planned,
        run.ModelFailed: _model_failed,
        run.SubAgentStarted: _sub_agent_started,
        run.SubAgentEnded: _sub_agent_ended,
        run.BudgetExceeded: _exceeded,
        run.BudgetOverrun: _overrun,
        run.ClarificationAsked: _question,
        run.ClarificationGiven: _answer,
        gate.ActionDenied: _denied,
        gate.ActionHeld: _held,
        gate.ActionPreviewed: _previewed,
        gate.ActionDispatched: _dispatched,
        gate.ActionReused: _reused,
        gate.ActionWaiting: _waiting,
        gate.ActionSettled: _settled,
        gate.ActionUnclear: _unclear,
        gate.ActionExpired: _ended,
        gate.ActionCancelled: _ended,
        gate.ActionSuperseded: _superseded,
        gate.ActionEdited: _edited,
        gate.ApprovalGiven: _approved,
        gate.ApprovalReminded: _reminded,
        gate.ApprovalEscalated: _escalated,
        gate.ApprovalRefused: _refused,
        gate.ApprovalRejected: _rejected,
        gate.ActionConfirmed: _confirmed,
        gate.ValueEndorsed: _endorsed,
        run.ContentEntered: _entered,
        system.PolicyPublished: _published,
        system.ReleaseRegistered: _registered,
        system.RunErased: _erased,
        system.StopOrdered: _stop,
        system.StopLifted: _lift,
    }
)
