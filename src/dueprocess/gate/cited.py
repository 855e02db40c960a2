"""The citations of a run's calls, read from its events: how many each named and how many resolved. Rates are in `metric`.

Rule 1. Evidence is what retrieving tools had brought back before the call was decided, as the events have it.
Rule 2. Every call counts once, by its action, as it was decided first: held and then run is one call.
Rule 3. What is no citation by its form was named, and resolves to nothing.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from dueprocess.evidence import Chunk, Viewer, read_citations, resolve, retrieved
from dueprocess.gate.records import (
    ActionDenied,
    ActionDispatched,
    ActionHeld,
    ActionReused,
    ActionSettled,
    ActionWaiting,
    CallRecord,
    Outcome,
)
from dueprocess.metric import Cited
from dueprocess.values import Instant
from dueprocess.values.canonical import parse_or


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One event of an action: its id, when it was written, and its record."""

    action: str
    at: Instant
    record: object


def citations_of(
    events: Iterable[Recorded], *, retrieving: AbstractSet[str], citing: AbstractSet[str]
) -> tuple[Cited, ...]:
    """The calls of one run's events, in order, that name citations or are of a tool that must.

    `retrieving`: the tools whose results are evidence; `citing`: those of which the policy asks for citations.
    """
    tools: dict[str, CallRecord] = {}
    evidence: list[Chunk] = []
    counted: set[str] = set()
    found: list[Cited] = []
    for event in events:
        record = event.record
        call = _call_of(record)
        if call is not None:
            tools[event.action] = call
            if event.action not in counted and (call.citations or call.tool in citing):
                counted.add(event.action)
                found.append(_cited(call, evidence))
        elif isinstance(record, ActionSettled) and record.outcome is Outcome.SUCCEEDED:
            asked = tools.get(event.action)
            if asked is not None and asked.tool in retrieving:
                evidence.extend(retrieved(parse_or(record.result), by=_viewer(asked), at=event.at))
    return tuple(found)


def _call_of(record: object) -> CallRecord | None:
    decided = (ActionDenied, ActionHeld, ActionDispatched, ActionReused, ActionWaiting)
    return record.call if isinstance(record, decided) else None


def _cited(call: CallRecord, evidence: Iterable[Chunk]) -> Cited:
    citations, malformed = read_citations(parse_or(call.citations))
    told = resolve(citations, evidence, principal=_viewer(call))
    resolved = sum(1 for each in told if each.chunk is not None)
    return Cited(named=len(citations) + len(malformed), resolved=resolved)


def _viewer(call: CallRecord) -> Viewer:
    return Viewer.of(call.principal, on_behalf_of=call.on_behalf_of)
