"""What a run wants done next. Commands name things; the runtime knows how, and answers with events."""

from dataclasses import dataclass

from dueprocess.agent.records import SubAgentEnd
from dueprocess.values import ActionId, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class AskModel:
    """Ask the model question `turn` for the `attempt`-th time. `step` is the deciding workflow step, empty in the loop."""

    turn: int
    attempt: int
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlan:
    """Put the accepted plan (JSON text) on the record, before its first step."""

    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Take these actions through the gate, together; the allowed ones run in parallel."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Ask the sink what became of these attempts, and fence them."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareLost:
    """Record that these attempts died with their worker: unknown for a write, failed for a read."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpSettling:
    """Record that only a person can tell what became of these actions."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Rest until people have answered for these actions, or one of `others` has an outcome; wake at the first instant that matters."""

    actions: tuple[ActionId, ...]
    until: Instant
    others: tuple[ActionId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Rest until this instant, or until one of `others` (actions that are under way, of other runs too) has an outcome."""

    until: Instant
    others: tuple[ActionId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskClarification:
    """Put a question to the requester."""

    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitClarification:
    """Rest until the requester has answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """Record that nobody answered for these actions in time."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Record what has fallen due while these actions wait for people: reminders, an escalation."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSubAgent:
    """Give this task to the sub-agent `name` of the agent; `action` is the request that it answers."""

    action: ActionId
    name: str
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSubAgent:
    """Record how the sub-agent `name` came to its end, after so many replies; its agent goes on."""

    action: ActionId
    name: str
    how: SubAgentEnd
    turns: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOff:
    """End the run with a packet for a person."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the run at a limit."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End the run because somebody asked."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """End the run with its answer."""

    result: str


Command = (
    AskModel
    | RecordPlan
    | Act
    | Reconcile
    | DeclareLost
    | GiveUpSettling
    | Hold
    | Wait
    | AskClarification
    | AwaitClarification
    | Expire
    | Notify
    | StartSubAgent
    | EndSubAgent
    | HandOff
    | Stop
    | Cancel
    | Finish
)
