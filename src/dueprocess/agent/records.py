"""What the ledger says of a run: one record per kind of event. Records of actions and approvals are in `gate.records`."""

from dataclasses import dataclass
from enum import Enum

from dueprocess.model import ToolRequest, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSubmitted:
    """`task.submitted`: what was asked, by whom, for whom. `inputs` is JSON text that a workflow may refer to.

    `scope`: the tools that the task may need, planned before anything untrusted was read; None: it says nothing of it.
    """

    text: str
    key: str
    agent: str
    principal: str
    on_behalf_of: str = ""
    session: str = ""
    correlation: str = ""
    inputs: str = "{}"
    queue: str = ""
    scope: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentEntered:
    """`content.entered`: what a model that runs elsewhere was shown. `source` names where it is from; empty: the requester said it."""

    text: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClaimed:
    """`run.claimed`: a driver of a new epoch took the run. `lost_active`: microseconds of a segment that died, to its last heartbeat."""

    owner: str
    lost_active: int = 0
    crashed: bool = False


class Suspension(Enum):
    """Why a run rests without a driver."""

    HELD = "held"
    CLARIFICATION = "clarification"
    TIMER = "timer"
    OTHER_ACTION = "other_action"
    STOP = "stop"
    YIELDED = "yielded"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSuspended:
    """`run.suspended`: the segment ended after `active` microseconds; nothing occupies a thread until `wake_at` or a message.

    `waits_for`: actions, of other runs too, whose outcome wakes it as well.
    """

    reason: Suspension
    active: int
    wake_at: int
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """An amount held under a meter key."""

    key: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsked:
    """`model.asked`: a question and the worst case reserved for it. `context` digests all that the model is shown.

    `through`: the sub-agent that asks, as its policy names it; empty: the agent does.
    """

    turn: int
    attempt: int
    model: str
    context: str
    messages: int
    request_bytes: int
    max_output_tokens: int
    reserved: tuple[Reservation, ...] = ()
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReplied:
    """`model.replied`: the answer, its use and its cost. Frees what was reserved for this question. `through`: as it was asked."""

    turn: int
    text: str
    requests: tuple[ToolRequest, ...] = ()
    usage: Usage
    requested: str
    reported: str
    finish: str
    cost_micros: int
    settles: tuple[Reservation, ...] = ()
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade:
    """`plan.made`: the plan that the run follows from now on, as the JSON text of a workflow; the model made it, nobody vouches for it."""

    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed:
    """`model.failed`: no answer. `freed` is given back only where the provider surely charged nothing."""

    turn: int
    reason: str
    retryable: bool
    retry_at: int = 0
    freed: tuple[Reservation, ...] = ()


class SubAgentEnd(Enum):
    """How a sub-agent came to its end: it answered, was asked for nothing that can be read, may not be started, or came to nothing."""

    ANSWERED = "answered"
    INVALID = "invalid"
    REFUSED = "refused"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAgentStarted:
    """`sub_agent.started`: a sub-agent (`agent:support/researcher`) took the task that its agent gave it, as the action it stands for."""

    sub_agent: str
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAgentEnded:
    """`sub_agent.ended`: after `turns` replies the agent goes on. What it answered stands in its last reply; `reason`: why it did not."""

    sub_agent: str
    how: SubAgentEnd
    turns: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetExceeded:
    """`budget.exceeded`: refused at a cap, with the values compared."""

    key: str
    unit: str
    limit: int
    spent: int
    reserved: int
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetOverrun:
    """`budget.overrun`: a provider used more than was reserved."""

    key: str
    reserved: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClarificationAsked:
    """`clarification.asked`: the run waits for the requester."""

    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClarificationGiven:
    """`clarification.given`: the requester's answer."""

    text: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """`run.cancel_requested`: no new action starts; what is under way is settled first."""

    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """`run.finished`: the task's answer."""

    result: str
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHandedOff:
    """`run.handed_off`: the run ended with a packet (JSON text) for a person."""

    reason: str
    packet: str
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStopped:
    """`run.stopped`: the run ended at a limit, as its policy says."""

    reason: str
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled:
    """`run.cancelled`: the run ended because somebody asked."""

    reason: str
    active: int
