"""The kinds of event, `noun.verb`, each with its record. The one place where a record gets its name on disk."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from dueprocess.agent import records as run
from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.gate import records as action
from dueprocess.runtime import system

KINDS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "task.submitted": run.TaskSubmitted,
        "run.claimed": run.RunClaimed,
        "run.suspended": run.RunSuspended,
        "run.cancel_requested": run.CancelRequested,
        "run.finished": run.RunFinished,
        "run.handed_off": run.RunHandedOff,
        "run.stopped": run.RunStopped,
        "run.cancelled": run.RunCancelled,
        "run.erased": system.RunErased,
        "content.entered": run.ContentEntered,
        "model.asked": run.ModelAsked,
        "model.replied": run.ModelReplied,
        "model.failed": run.ModelFailed,
        "sub_agent.started": run.SubAgentStarted,
        "sub_agent.ended": run.SubAgentEnded,
        "plan.made": run.PlanMade,
        "budget.exceeded": run.BudgetExceeded,
        "budget.overrun": run.BudgetOverrun,
        "clarification.asked": run.ClarificationAsked,
        "clarification.given": run.ClarificationGiven,
        "action.denied": action.ActionDenied,
        "action.held": action.ActionHeld,
        "action.previewed": action.ActionPreviewed,
        "action.dispatched": action.ActionDispatched,
        "action.reused": action.ActionReused,
        "action.waiting": action.ActionWaiting,
        "action.settled": action.ActionSettled,
        "action.unclear": action.ActionUnclear,
        "action.expired": action.ActionExpired,
        "action.cancelled": action.ActionCancelled,
        "action.superseded": action.ActionSuperseded,
        "action.edited": action.ActionEdited,
        "approval.given": action.ApprovalGiven,
        "approval.reminded": action.ApprovalReminded,
        "approval.escalated": action.ApprovalEscalated,
        "approval.refused": action.ApprovalRefused,
        "approval.rejected": action.ApprovalRejected,
        "value.endorsed": action.ValueEndorsed,
        "action.confirmed": action.ActionConfirmed,
        "policy.published": system.PolicyPublished,
        "release.registered": system.ReleaseRegistered,
        "stop.ordered": system.StopOrdered,
        "stop.lifted": system.StopLifted,
    }
)
_NAMES: Final[Mapping[type, str]] = MappingProxyType({record: kind for kind, record in KINDS.items()})
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[object]]] = MappingProxyType(
    {kind: msgspec.json.Decoder[object](record) for kind, record in KINDS.items()}
)
_ENCODER: Final = msgspec.json.Encoder()


def kind_of(record: object) -> str:
    """The kind of event this record is the body of."""
    return _NAMES[type(record)]


def encode(record: object) -> bytes:
    """The body bytes of a record.

    Raises:
        BadValue: a text in it has a lone surrogate, which no stored text can hold.
    """
    try:
        return _ENCODER.encode(record)
    except UnicodeEncodeError:
        raise BadValue(
            f"a text for {kind_of(record)} has a lone surrogate; expected whole Unicode characters"
        ) from None


def decode(kind: str, body: bytes) -> object:
    """The record of a body. Fields of a later version are ignored here and kept in the stored line.

    Raises:
        RecordInvalid: an unknown kind, or bytes that are not its record.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise RecordInvalid(f"an event of kind {kind!a}; this version knows {', '.join(sorted(KINDS))}")
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise RecordInvalid(f"the body of a {kind} event does not decode: {error}") from None
