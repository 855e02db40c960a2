"""What the ledger says of an action: one record per kind of event. How one changes a read model is not known here.

Every record is the body of an event; the envelope carries run, time, release, policy, epoch, action id and attempt.
Arguments and results are canonical JSON text, so that what was decided, run and stored is the same text.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecord:
    """A finding as recorded: `compared` is canonical JSON text, already redacted."""

    rule: str
    decision: str
    reason: str
    compared: str = "{}"
    advisory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """The call that was decided. `cause`, `index` and `revision` derive the action id; `schema` is the tool's digest.

    `citations` is canonical JSON text of the evidence named; `edited_by` lists editors, who count as requesters. `through`:
    the sub-agent that asked for it, as a policy names it.
    """

    tool: str
    arguments: str
    schema: str
    principal: str
    on_behalf_of: str = ""
    cause: int
    index: int
    revision: int = 0
    request: str = ""
    citations: str = ""
    edited_by: tuple[str, ...] = ()
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord:
    """One approval as recorded."""

    by: str
    groups: tuple[str, ...] = ()
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementRecord:
    """The approvers in force when a hold was made; durations in microseconds. No `escalate_to`: it goes to nobody else."""

    name: str
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    quorum: int
    expires_after: int
    execute_within: int
    editable: tuple[str, ...] = ()
    remind: tuple[int, ...] = ()
    escalate_after: int = 0
    escalate_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRecord:
    """A place taken in a sliding window."""

    key: str
    amount: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRecord:
    """A place of a vouched value that an action uses: the number of the span that entered the run, and where in it."""

    argument: str
    span: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """The idempotency key an action occupies: keyed digests of the key and of the arguments."""

    scope: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDenied:
    """`action.denied`: it never ran, and why."""

    call: CallRecord
    findings: tuple[FindingRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionHeld:
    """`action.held`: people are asked. An approval binds to `digest`; `replaces` is the revision it stands for."""

    call: CallRecord
    findings: tuple[FindingRecord, ...]
    digest: str
    requirement: RequirementRecord
    requesters: tuple[str, ...]
    expires_at: int
    key: KeyRecord | None = None
    replaces: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPreviewed:
    """`action.previewed`: what the tool's dry run says of a hold (JSON text), or why it says nothing. It decides nothing."""

    result: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDispatched:
    """`action.dispatched`: the intent, durable before the act. Consumes `granted`, if any, in the same transaction.

    `calls` is how many calls it reserves: 0 for an attempt that replaces one lost to a dead worker.
    """

    call: CallRecord
    findings: tuple[FindingRecord, ...] = ()
    effect: str
    sink_key: str
    dispatch_before: int
    calls: int
    marks: tuple[MarkRecord, ...] = ()
    key: KeyRecord | None = None
    granted: tuple[ApprovalRecord, ...] = ()
    fee_micros: int = 0
    uses: tuple[UseRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionReused:
    """`action.reused`: the same key and arguments had run already; the outcome of `original` is returned, no effect."""

    call: CallRecord
    original: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionWaiting:
    """`action.waiting`: not decided yet. The same is under way as `original`, or a `stop` covers the agent (its target)."""

    call: CallRecord
    original: str
    stop: str = ""


class SettledBy(Enum):
    """On whose word an outcome rests."""

    TOOL = "tool"
    RECOVERY = "recovery"
    RECONCILE = "reconcile"
    PERSON = "person"


class Outcome(Enum):
    """What became of an attempt. `UNSETTLED`: nobody but a person can tell any more."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNSETTLED = "unsettled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSettled:
    """`action.settled`: the outcome of an attempt. `result`: JSON text of a success; `error`: the failure's class.

    `lost`: the attempt died with its worker. `voided`: the key is fenced at the sink. `retry_at`: not before then.
    """

    outcome: Outcome
    by: SettledBy
    result: str = ""
    error: str = ""
    lost: bool = False
    voided: bool = False
    retry_at: int = 0
    person: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionUnclear:
    """`action.unclear`: a reconcile could not tell; asked again at `retry_at`."""

    reason: str
    retry_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionExpired:
    """`action.expired`: nobody answered in time. `on_timeout` is what the policy says of the run then."""

    reason: str
    on_timeout: str = "handoff_to_human"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCancelled:
    """`action.cancelled`: the run ended or was cancelled before the action was dispatched."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSuperseded:
    """`action.superseded`: the next revision stands for it."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven:
    """`approval.given`: one person said yes to `digest`. `execute_by` is set by the one that met the requirement."""

    approval: ApprovalRecord
    digest: str
    execute_by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalReminded:
    """`approval.reminded`: at `due_at` the hold was still waiting for people."""

    due_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalEscalated:
    """`approval.escalated`: at `due_at` the hold was still waiting; since then `to` may answer it as well."""

    due_at: int
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRefused:
    """`approval.refused`: an answer that does not count, and the rule."""

    by: str
    how: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRejected:
    """`approval.rejected`: one eligible person said no; the action never runs."""

    by: str
    how: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueEndorsed:
    """`value.endorsed`: a person vouches for a value (JSON text) in an argument of a tool, for the rest of the run.

    Said at the hold of an action: what was held for this value alone is decided again.
    """

    tool: str
    argument: str
    value: str
    by: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionConfirmed:
    """`action.confirmed`: whoever the run acts for says yes to this call, exactly: once, and not for ever.

    It is the requester's own word and nobody's approval. The hold that asked for it is decided again.
    """

    tool: str
    arguments: str
    by: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEdited:
    """`action.edited`: a person changed the arguments; the next revision is decided from the start.

    `approves`: the edit only lowered what `editable` lets it lower, so it counts as this person's approval.
    """

    by: ApprovalRecord
    arguments: str
    approves: bool
