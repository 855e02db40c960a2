"""The story of a run and of its actions, as values: what a screen, a report or a proof says of them. Told in `retell`.

Everything here may be shown: redacted, but not yet escaped; escaping is each rendering's matter (I10).
"""

from dataclasses import dataclass

from dueprocess.ledger import Envelope
from dueprocess.values import ZERO, Instant, Json, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRef:
    """An event by its place: number in its run, leaf in the log, and what produced it."""

    seq: int
    leaf: int
    kind: str
    at: Instant
    epoch: int
    attempt: int
    release: str
    policy: str


def ref_of(envelope: Envelope) -> EventRef:
    """An event by its place."""
    return EventRef(
        seq=envelope.seq,
        leaf=envelope.leaf,
        kind=envelope.kind,
        at=Instant(envelope.at),
        epoch=envelope.epoch,
        attempt=envelope.attempt,
        release=envelope.release,
        policy=envelope.policy,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingStory:
    """A rule that spoke against a call, with the values it compared."""

    rule: str
    decision: str
    reason: str
    compared: Json
    advisory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionStory:
    """What the gate decided at one moment: `allow`, `hold`, `deny`, `reuse` or `wait`, under which policy."""

    at: Instant
    decision: str
    policy: str
    findings: tuple[FindingStory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeStory:
    """What fell due while people were asked: a reminder, or that the hold went to `to` as well."""

    at: Instant
    due_at: Instant
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldStory:
    """What people were asked: who may answer, how many must, until when, for exactly what.

    `escalate_to` may answer too from `escalate_at` on. `notices` is what has fallen due so far.
    """

    at: Instant
    digest: str
    approvers: str
    any_of: tuple[str, ...]
    all_of: tuple[str, ...]
    quorum: int
    expires_at: Instant
    editable: tuple[str, ...]
    requesters: tuple[str, ...]
    escalate_to: str = ""
    escalate_at: Instant = Instant(0)
    notices: tuple[NoticeStory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewStory:
    """What the tool's dry run said of a hold, or why it said nothing."""

    at: Instant
    result: Json = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStory:
    """What a person said: `approved`, `refused` (it did not count), `rejected`, `edited` or `settled`, and how they were known."""

    at: Instant
    what: str
    by: str
    how: str
    groups: tuple[str, ...] = ()
    rule: str = ""
    reason: str = ""
    digest: str = ""
    execute_by: Instant = Instant(0)
    arguments: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStory:
    """One dispatch: its key at the sink, its deadline and what became of it. `outcome` is empty while nobody knows."""

    number: int
    at: Instant
    sink_key: str
    deadline: Instant
    effect: str
    fee: Money
    granted_by: tuple[str, ...] = ()
    outcome: str = ""
    settled_at: Instant = Instant(0)
    settled_by: str = ""
    error: str = ""
    result: Json = None
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceStory:
    """A citation: the span it names, its text where it resolves, the reason where it does not."""

    document: str
    start: int
    end: int
    digest: str
    text: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStory:
    """The lineage of one action. `through`: the sub-agent that asked for it, as a policy names it; `frame`: the task it was at work on."""

    action: str
    run: str
    tool: str
    state: str
    arguments: Json
    schema: str
    principal: str
    on_behalf_of: str
    cause: int
    revision: int
    edited_by: tuple[str, ...]
    replaces: str
    replaced_by: str
    reused_from: str
    ended: str
    decisions: tuple[DecisionStory, ...]
    hold: HoldStory | None
    answers: tuple[AnswerStory, ...]
    evidence: tuple[EvidenceStory, ...]
    attempts: tuple[AttemptStory, ...]
    fees: Money
    events: tuple[EventRef, ...]
    preview: PreviewStory | None = None
    through: tuple[str, ...] = ()
    frame: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStory:
    """One answer of the model, what was asked for it and what it cost. `through`: the sub-agent that asked."""

    turn: int
    at: Instant
    requested: str
    reported: str
    input_tokens: int
    output_tokens: int
    cost: Money
    finish: str
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAgentStory:
    """A sub-agent's work: the task that its agent gave it as `action`, how it came to its end, its answer or the reason.

    `how` is empty while it is at work. `at` is not set where it never began.
    """

    action: str
    sub_agent: str
    task: str
    at: Instant
    ended_at: Instant = Instant(0)
    how: str = ""
    turns: int = 0
    told: str = ""
    cost: Money = ZERO
    events: tuple[EventRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStory:
    """That a run was erased: by whom, when, why."""

    at: Instant
    by: str
    how: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """A run from its task to its end. `outcome` is its last words: a result, or why it ended otherwise.

    `plan`: what it follows, where its agent plans first, as the JSON of a workflow.
    """

    run: str
    tenant: str
    agent: str
    status: str
    release: str
    policy: str
    principal: str
    on_behalf_of: str
    session: str
    correlation: str
    task: str
    submitted_at: Instant
    last_at: Instant
    wake_at: Instant
    outcome: str
    packet: Json
    active: int
    epochs: int
    crashes: int
    model_cost: Money
    fees: Money
    models: tuple[ModelStory, ...]
    actions: tuple[ActionStory, ...]
    events: tuple[EventRef, ...]
    erased: ErasureStory | None = None
    sub_agents: tuple[SubAgentStory, ...] = ()
    plan: Json = None

    def action(self, action: str) -> ActionStory | None:
        """The story of one of its actions."""
        return next((each for each in self.actions if each.action == action), None)
