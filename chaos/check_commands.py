"""Judges what people's commands came to: stops, policies, cancels, settlements, erasures. The rest of a round is judged in `check`.

Rule 1. Whatever somebody was told is done has its event.
Rule 2. Between a stop and its lift, in the order of the log, nothing that it covers is dispatched, and no model is asked.
Rule 3. Each decision names the policy that was in force where it stands in the log.
Rule 4. A run that says it is erased has no key any more.
"""

from collections.abc import Iterable

from chaos.agents import Job
from chaos.orders import AGENT
from chaos.verdict import Verdict
from dueprocess.agent.records import CancelRequested, ModelAsked
from dueprocess.gate import ActionDispatched, ActionEdited, ActionSettled, ApprovalGiven, ApprovalRejected, SettledBy
from dueprocess.ledger import Event
from dueprocess.runtime.erase import unfinished_erasures
from dueprocess.runtime.system import PolicyPublished, RunErased, StopLifted, StopOrdered
from dueprocess.wiring.home import Home

_ANSWERS = ("approved", "edited", "rejected", "settled")


def check_commands(home: Home, job: Job, events: list[Event], verdict: Verdict) -> None:
    """All four rules on a round that is over."""
    _check_told(job, events, verdict)
    _check_stops(events, verdict)
    _check_policies(events, verdict)
    half = unfinished_erasures(home.store, home.keys)
    verdict.expect(not half, "commands", f"erased by half: {half}")


def _check_told(job: Job, events: Iterable[Event], verdict: Verdict) -> None:
    there = {name for event in events for name in _names(event)}
    for what in _ANSWERS:
        for said in job.notes.of(what):
            verdict.expect((what, said["action"]) in there, "lost tasks", f"{said['action']} was {what}: nobody knows")
    for said in job.notes.of("commanded"):
        name = (said["event"], said["about"])
        verdict.expect(name in there, "commands", f"{said['event']} of {said['about']} was told, and is gone")
        verdict.counts["commands"] += 1


def _names(event: Event) -> tuple[tuple[str, str], ...]:
    envelope = event.envelope
    match event.record:
        case ApprovalGiven():
            return (("approved", envelope.action),)
        case ActionEdited():
            return (("edited", envelope.action),)
        case ApprovalRejected():
            return (("rejected", envelope.action),)
        case ActionSettled(by=SettledBy.PERSON):
            return (("settled", envelope.action),)
        case StopOrdered(target=about) | StopLifted(target=about) | PolicyPublished(agent=about):
            return ((envelope.kind, about),)
        case CancelRequested() | RunErased():
            return ((envelope.kind, envelope.run),)
        case _:
            return ()


def _check_stops(events: Iterable[Event], verdict: Verdict) -> None:
    stopped: set[str] = set()
    for event in events:
        match event.record:
            case StopOrdered(target=target):
                stopped.add(target)
            case StopLifted(target=target):
                stopped.discard(target)
            case ActionDispatched(call=call):
                broken = stopped & {"all", f"agent:{AGENT}", f"tool:{call.tool}"}
                verdict.expect(not broken, "commands", f"{event.envelope.action} was dispatched: stopped was {broken}")
            case ModelAsked():
                broken = stopped & {"all", f"agent:{AGENT}"}
                verdict.expect(not broken, "commands", f"{event.envelope.run} asked its model: stopped was {broken}")
            case _:
                continue
    verdict.expect(not stopped, "commands", f"never lifted: {stopped}")


def _check_policies(events: Iterable[Event], verdict: Verdict) -> None:
    in_force = ""
    for event in events:
        record, envelope = event.record, event.envelope
        if isinstance(record, PolicyPublished):
            in_force = record.digest
        elif isinstance(record, ActionDispatched):
            said = f"{envelope.action} was decided under {envelope.policy[:8]}, in force was {in_force[:8]}"
            verdict.expect(envelope.policy == in_force, "commands", said)
