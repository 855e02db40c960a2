"""The story of one action told from its events. The run around it is told in `retell`.

Rule 1. The state of an action is that of its last event, by the same table as the read model.
Rule 2. Evidence is what had been retrieved in this run when the action was decided.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from dueprocess.evidence import Chunk, Viewer, retrieved
from dueprocess.evidence.citation import resolve
from dueprocess.evidence.form import read_citations
from dueprocess.gate import ActionState, FindingRecord
from dueprocess.gate import records as gate
from dueprocess.ledger import Envelope, Event
from dueprocess.runtime.lineage import (
    ActionStory,
    AnswerStory,
    AttemptStory,
    DecisionStory,
    EventRef,
    EvidenceStory,
    FindingStory,
    HoldStory,
    NoticeStory,
    PreviewStory,
    ref_of,
)
from dueprocess.runtime.redaction import Redaction
from dueprocess.values import ZERO, Instant, Money, canonical
from dueprocess.values.canonical import parse_or

_OUTCOMES: Final = MappingProxyType(
    {
        gate.Outcome.SUCCEEDED: ActionState.SUCCEEDED,
        gate.Outcome.FAILED: ActionState.FAILED,
        gate.Outcome.UNKNOWN: ActionState.UNKNOWN,
        gate.Outcome.UNSETTLED: ActionState.UNSETTLED,
    }
)
_NO_CALL: Final = gate.CallRecord(tool="", arguments="", schema="", principal="", cause=0, index=0)


class ActionTeller:
    """Hears the events of one action. `chunks` is the run's evidence, which its own results add to; `frame`: as its story has it."""

    def __init__(
        self, action: str, redaction: Redaction, *, chunks: list[Chunk], retrieving: frozenset[str], frame: str
    ) -> None:
        self._id = action
        self._frame = frame
        self._hide = redaction
        self._chunks = chunks
        self._retrieving = retrieving
        self._call = _NO_CALL
        self._state = ActionState.PROPOSED
        self._replaces = self._replaced_by = self._reused_from = self._ended = ""
        self._hold: HoldStory | None = None
        self._preview: PreviewStory | None = None
        self._decisions: list[DecisionStory] = []
        self._answers: list[AnswerStory] = []
        self._attempts: list[AttemptStory] = []
        self._evidence: tuple[EvidenceStory, ...] = ()
        self._events: list[EventRef] = []

    @property
    def was_called(self) -> bool:
        """Whether its call could be read: false for an action of an erased run."""
        return self._call is not _NO_CALL

    def hear(self, event: Event) -> None:
        """Takes the next event."""
        self._events.append(ref_of(event.envelope))
        handler = self._HANDLERS.get(type(event.record))
        if handler is not None:
            handler(self, event.envelope, event.record)

    def story(self, run: str) -> ActionStory:
        """What was heard."""
        call = self._call
        return ActionStory(
            action=self._id,
            run=run,
            tool=call.tool,
            state=self._state.value,
            arguments=self._hide.arguments(call.tool, call.arguments) if call.arguments else None,
            schema=call.schema,
            principal=call.principal,
            on_behalf_of=call.on_behalf_of,
            cause=call.cause,
            revision=call.revision,
            edited_by=call.edited_by,
            replaces=self._replaces,
            replaced_by=self._replaced_by,
            reused_from=self._reused_from,
            ended=self._hide.text(self._ended),
            decisions=tuple(self._decisions),
            hold=self._hold,
            answers=tuple(self._answers),
            evidence=self._evidence,
            attempts=tuple(self._attempts),
            fees=sum((attempt.fee for attempt in self._attempts), start=ZERO),
            events=tuple(self._events),
            preview=self._preview,
            through=call.through,
            frame=self._frame if call.through else "",
        )

    def _denied(self, envelope: Envelope, record: gate.ActionDenied) -> None:
        self._state = ActionState.DENIED
        self._called(record.call)
        self._decided(envelope, "deny", record.findings)

    def _held(self, envelope: Envelope, record: gate.ActionHeld) -> None:
        self._state, self._replaces = ActionState.HELD, record.replaces
        self._called(record.call)
        self._decided(envelope, "hold", record.findings)
        asked = record.requirement
        self._hold = HoldStory(
            at=Instant(envelope.at),
            digest=record.digest,
            approvers=asked.name,
            any_of=asked.any_of,
            all_of=asked.all_of,
            quorum=asked.quorum,
            expires_at=Instant(record.expires_at),
            editable=asked.editable,
            requesters=record.requesters,
            escalate_to=asked.escalate_to,
            escalate_at=Instant(envelope.at + asked.escalate_after if asked.escalate_to else 0),
        )

    def _previewed(self, envelope: Envelope, record: gate.ActionPreviewed) -> None:
        self._preview = PreviewStory(
            at=Instant(envelope.at),
            result=self._hide.result(self._call.tool, record.result) if record.result else None,
            error=self._hide.text(record.error),
        )

    def _dispatched(self, envelope: Envelope, record: gate.ActionDispatched) -> None:
        self._state = ActionState.DISPATCHED
        self._called(record.call)
        self._decided(envelope, "allow", record.findings)
        self._attempts.append(
            AttemptStory(
                number=envelope.attempt,
                at=Instant(envelope.at),
                sink_key=record.sink_key,
                deadline=Instant(record.dispatch_before),
                effect=record.effect,
                fee=Money(record.fee_micros),
                granted_by=tuple(each.by for each in record.granted),
            )
        )

    def _reused(self, envelope: Envelope, record: gate.ActionReused) -> None:
        self._state, self._reused_from = ActionState.REUSED, record.original
        self._called(record.call)
        self._decided(envelope, "reuse", ())

    def _waiting(self, envelope: Envelope, record: gate.ActionWaiting) -> None:
        self._called(record.call)
        self._decided(envelope, "wait", ())

    def _settled(self, envelope: Envelope, record: gate.ActionSettled) -> None:
        self._state = _OUTCOMES[record.outcome]
        tool = self._call.tool
        if record.outcome is gate.Outcome.SUCCEEDED and tool in self._retrieving:
            viewer = Viewer.of(self._call.principal, on_behalf_of=self._call.on_behalf_of)
            self._chunks.extend(retrieved(parse_or(record.result), by=viewer, at=Instant(envelope.at)))
        if record.by is gate.SettledBy.PERSON:
            said = AnswerStory(at=Instant(envelope.at), what="settled", by=record.person, how=record.how)
            self._answers.append(replace(said, reason=record.outcome.value))
        for index, attempt in enumerate(self._attempts):
            if attempt.number == envelope.attempt:
                self._attempts[index] = replace(
                    attempt,
                    outcome=record.outcome.value,
                    settled_at=Instant(envelope.at),
                    settled_by=record.person or record.by.value,
                    error=self._hide.text(record.error),
                    result=self._hide.result(tool, record.result) if record.result else None,
                )

    def _unclear(self, envelope: Envelope, record: gate.ActionUnclear) -> None:
        if self._attempts:
            last = self._attempts[-1]
            self._attempts[-1] = replace(last, unclear=(*last.unclear, self._hide.text(record.reason)))

    def _left(self, envelope: Envelope, record: gate.ActionExpired | gate.ActionCancelled) -> None:
        self._state = ActionState.EXPIRED if isinstance(record, gate.ActionExpired) else ActionState.CANCELLED
        self._ended = record.reason

    def _superseded(self, envelope: Envelope, record: gate.ActionSuperseded) -> None:
        self._state, self._replaced_by, self._ended = ActionState.SUPERSEDED, record.by, record.reason

    def _approved(self, envelope: Envelope, record: gate.ApprovalGiven) -> None:
        by = record.approval
        self._answers.append(
            AnswerStory(
                at=Instant(envelope.at),
                what="approved",
                by=by.by,
                how=by.how,
                groups=by.groups,
                digest=record.digest,
                execute_by=Instant(record.execute_by),
            )
        )

    def _noticed(self, envelope: Envelope, record: gate.ApprovalReminded | gate.ApprovalEscalated) -> None:
        if self._hold is not None:
            to = record.to if isinstance(record, gate.ApprovalEscalated) else ""
            fell = NoticeStory(at=Instant(envelope.at), due_at=Instant(record.due_at), to=to)
            self._hold = replace(self._hold, notices=(*self._hold.notices, fell))

    def _refused(self, envelope: Envelope, record: gate.ApprovalRefused) -> None:
        said = AnswerStory(at=Instant(envelope.at), what="refused", by=record.by, how=record.how)
        self._answers.append(replace(said, rule=record.rule, reason=self._hide.text(record.reason)))

    def _rejected(self, envelope: Envelope, record: gate.ApprovalRejected) -> None:
        self._state = ActionState.DENIED
        said = AnswerStory(at=Instant(envelope.at), what="rejected", by=record.by, how=record.how)
        self._answers.append(replace(said, reason=self._hide.text(record.reason)))

    def _endorsed(self, envelope: Envelope, record: gate.ValueEndorsed) -> None:
        said = AnswerStory(at=Instant(envelope.at), what="endorsed", by=record.by, how=record.how)
        value = self._hide.arguments(record.tool, canonical({record.argument: parse_or(record.value)}))
        self._answers.append(replace(said, reason=f"a value of {record.argument}, for this run", arguments=value))

    def _confirmed(self, envelope: Envelope, record: gate.ActionConfirmed) -> None:
        self._answers.append(AnswerStory(at=Instant(envelope.at), what="confirmed", by=record.by, how=record.how))

    def _edited(self, envelope: Envelope, record: gate.ActionEdited) -> None:
        tool = self._call.tool
        self._answers.append(
            AnswerStory(
                at=Instant(envelope.at),
                what="edited",
                by=record.by.by,
                how=record.by.how,
                groups=record.by.groups,
                reason="lowers only: counts as an approval" if record.approves else "counts as a requester from now on",
                arguments=self._hide.arguments(tool, record.arguments),
            )
        )

    def _called(self, call: gate.CallRecord) -> None:
        self._call = call
        self._evidence = self._resolved(call)

    def _decided(self, envelope: Envelope, decision: str, findings: tuple[FindingRecord, ...]) -> None:
        made = tuple(
            FindingStory(
                rule=each.rule,
                decision=each.decision,
                reason=self._hide.text(each.reason),
                compared=self._hide.result("", each.compared),
                advisory=each.advisory,
            )
            for each in findings
        )
        self._decisions.append(
            DecisionStory(at=Instant(envelope.at), decision=decision, policy=envelope.policy, findings=made)
        )

    def _resolved(self, call: gate.CallRecord) -> tuple[EvidenceStory, ...]:
        given = read_citations(parse_or(call.citations))[0] if call.citations else ()
        viewer = Viewer.of(call.principal, on_behalf_of=call.on_behalf_of)
        found: list[EvidenceStory] = []
        for each in resolve(given, self._chunks, principal=viewer):
            cited, chunk = each.citation, each.chunk
            span = chunk.text[cited.start - chunk.start : cited.end - chunk.start] if chunk is not None else ""
            found.append(
                EvidenceStory(
                    document=self._hide.text(cited.document),
                    start=cited.start,
                    end=cited.end,
                    digest=cited.digest,
                    text=self._hide.text(span),
                    reason=each.reason,
                )
            )
        return tuple(found)

    _HANDLERS: Final[Mapping[type, Callable[[Any, Envelope, Any], None]]] = MappingProxyType(
        {
            gate.ActionDenied: _denied,
            gate.ActionHeld: _held,
            gate.ActionPreviewed: _previewed,
            gate.ActionDispatched: _dispatched,
            gate.ActionReused: _reused,
            gate.ActionWaiting: _waiting,
            gate.ActionSettled: _settled,
            gate.ActionUnclear: _unclear,
            gate.ActionExpired: _left,
            gate.ActionCancelled: _left,
            gate.ActionSuperseded: _superseded,
            gate.ActionEdited: _edited,
            gate.ApprovalGiven: _approved,
            gate.ApprovalReminded: _noticed,
            gate.ApprovalEscalated: _noticed,
            gate.ApprovalRefused: _refused,
            gate.ApprovalRejected: _rejected,
            gate.ActionConfirmed: _confirmed,
            gate.ValueEndorsed: _endorsed,
        }
    )
