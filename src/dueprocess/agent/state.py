"""The state of a run as values. How events change it is in `agent.fold`, what it wants next in `agent.todo`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from dueprocess.agent.records import SubAgentEnd
from dueprocess.agent.sub_agents import SubAgent, principal_of
from dueprocess.agent.workflow import Workflow
from dueprocess.approval import Notice
from dueprocess.evidence import Chunk
from dueprocess.gate import ApprovalRecord
from dueprocess.model import Message, OfferedTool, ToolRequest, measure
from dueprocess.policy import AgentLimits, Retries
from dueprocess.release.manifest import Mode
from dueprocess.tool import ToolSpec
from dueprocess.values import ActionId, Instant, Json, RunId, digest_text

MAX_CRASHES: Final = 25  # attempts lost to dead workers, apart from retries and calls (design section 6)
MAX_FRUITLESS_TURNS: Final = 5  # turns in which every call was refused: the model is not getting anywhere
MAX_FRAMES: Final = 25  # tasks that one run gives to sub-agents: a model that only ever delegates gets nowhere
MAX_INVALID_TURNS: Final = 1  # a schema-invalid call goes back to the model once

ASK: Final = "ask_clarification"
HAND_OFF: Final = "hand_off_to_human"
BUILT_IN: Final = frozenset({ASK, HAND_OFF})
"""Requests that are not tools: they move the run itself and never reach the gate."""

BUILT_IN_TOOLS: Final = (
    OfferedTool(
        name=ASK,
        description="Ask the person who gave you the task a question, and wait for the answer.",
        parameters={"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]},
    ),
    OfferedTool(
        name=HAND_OFF,
        description="Give the task to a person because you cannot or may not finish it.",
        parameters={"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """What the release fixes for every run of an agent.

    `retries`: of the tools that have their own. `citing`: the tools whose policy asks for evidence.
    """

    agent: str
    prompt: str
    limits: AgentLimits
    tools: Mapping[str, ToolSpec]
    workflow: Workflow | None = None
    clarifies: bool = False
    mode: Mode = Mode.TOOL_LOOP
    citing: frozenset[str] = frozenset()
    retries: Mapping[str, Retries] = field(default_factory=dict[str, Retries])
    sub_agents: Mapping[str, SubAgent] = field(default_factory=dict[str, SubAgent])

    def attempts_of(self, tool: str) -> int:
        """How often a tool is tried in all: its own number, else the agent's."""
        return self.retries.get(tool, self.limits.retries).max_attempts


class Status(Enum):
    """Where a pending action stands, seen from the run. `DELEGATED`: a task for a sub-agent, which no gate decides."""

    DECIDE = "decide"
    DELEGATED = "delegated"
    HELD = "held"
    GRANTED = "granted"
    WAITING = "waiting"
    DISPATCHED = "dispatched"
    UNKNOWN = "unknown"
    RETRY = "retry"
    SETTLED = "settled"
    UNSETTLED = "unsettled"


class Result(Enum):
    """How a settled pending action ended, for what follows it."""

    OK = "ok"
    DENIED = "denied"
    INVALID = "invalid"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One requested action of the present turn or step.

    `attempts` counts dispatches, `tries` those that were not lost to a dead worker. `notices` are what has yet to fall due
    while it is held. `answer` is what the model is told.
    """

    action: ActionId
    cause: int
    index: int
    revision: int = 0
    request: ToolRequest
    status: Status = Status.DECIDE
    attempts: int = 0
    tries: int = 0
    lost: bool = False
    reconciles: int = 0
    epoch: int = 0
    dispatch_before: Instant = Instant(0)
    retry_at: Instant = Instant(0)
    expires_at: Instant = Instant(0)
    notices: tuple[Notice, ...] = ()
    original: str = ""
    edited_by: tuple[str, ...] = ()
    carried: ApprovalRecord | None = None
    result: Result = Result.OK
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A sub-agent at work as `action`, and where its agent stands meanwhile: what it said and asked for in its present turn.

    `turns`: replies of the sub-agent so far. `how` and `told`: how it is over, and its answer or the reason.
    """

    sub_agent: SubAgent
    action: ActionId
    turns: int = 0
    how: SubAgentEnd | None = None
    told: str = ""
    messages: tuple[Message, ...]
    shown_bytes: int
    context: str
    pending: tuple[Pending, ...]
    invalid_turns: int
    fruitless_turns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for a call beside the agent: nobody, or the sub-agent `through` which it acts, `within` the tools of that one."""

    through: tuple[str, ...] = ()
    within: frozenset[str] | None = None


THE_AGENT: Final = Asker()


class Phase(Enum):
    """What the run is about. `RETURNING`: a sub-agent is over, and its agent is to go on."""

    NEW = "new"
    THINKING = "thinking"
    PLANNED = "planned"
    ACTING = "acting"
    ASKING = "asking"
    RETURNING = "returning"
    QUESTION = "question"
    CLARIFYING = "clarifying"
    ENDING = "ending"
    ENDED = "ended"


class Ending(Enum):
    """How the run is to end, once nothing is under way."""

    FINISH = "finish"
    CLARIFY = "clarify"
    HAND_OFF = "hand_off"
    STOP = "stop"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run, folded from its events up to `seq`, which happened at `now`. `plan`: what the model planned, once accepted.

    Messages, pending actions and fruitless turns are those of whoever is at work: the agent, or the sub-agent of `frame`.
    """

    config: AgentConfig
    run: RunId
    phase: Phase = Phase.NEW
    seq: int = 0
    now: Instant = Instant(0)
    started: Instant = Instant(0)
    epoch: int = 0
    task: str = ""
    session: str = ""
    principal: str = ""
    on_behalf_of: str = ""
    messages: tuple[Message, ...] = ()
    shown_bytes: int = 0
    context: str = ""
    turn: int = 0
    asks: int = 0
    model_tries: int = 0
    retry_at: Instant = Instant(0)
    pending: tuple[Pending, ...] = ()
    invalid_turns: int = 0
    fruitless_turns: int = 0
    clarified_limits: bool = False
    crashes: int = 0
    active: int = 0
    segment_start: Instant = Instant(0)
    plan: Workflow | None = None
    step: str = ""
    results: Mapping[str, Json] = field(default_factory=dict[str, Json])
    question: str = ""
    ending: Ending | None = None
    reason: str = ""
    done: tuple[str, ...] = ()
    evidence: tuple[Chunk, ...] = ()
    frame: Frame | None = None
    frames: int = 0

    @property
    def asker(self) -> Asker:
        """Who asks for what is pending: the agent, or the sub-agent at work."""
        if self.frame is None:
            return THE_AGENT
        sub_agent = self.frame.sub_agent
        name = principal_of(self.config.agent, sub_agent.name)
        return Asker(through=(name,), within=frozenset(sub_agent.tools))

    @property
    def workflow(self) -> Workflow | None:
        """The workflow that this run runs: the declared one, or its plan; None in the tool loop, and before there is a plan."""
        return self.config.workflow if self.config.workflow is not None else self.plan

    @property
    def is_planning(self) -> bool:
        """Whether the model is asked for a plan, and for nothing else."""
        return self.config.mode is Mode.PLAN_FIRST and self.workflow is None

    def find(self, action: str) -> Pending | None:
        """The pending action of this id."""
        return next((item for item in self.pending if item.action == action), None)

    def change(self, changed: Pending) -> "RunState":
        """This state with one pending action replaced, found by its cause and index."""
        return replace(
            self,
            pending=tuple(
                changed if (item.cause, item.index) == (changed.cause, changed.index) else item for item in self.pending
            ),
        )

    def said(self, *messages: Message) -> "RunState":
        """This state with these messages said. Size and digest of the context are carried on, not counted anew."""
        size, context = self.shown_bytes, self.context
        for message in messages:
            added, digest = measure(message)
            size += added
            context = digest_text(context + digest)
        return replace(self, messages=(*self.messages, *messages), shown_bytes=size, context=context)

    def active_at(self, now: Instant, *, whole: bool = False) -> int:
        """Microseconds used up to now: of drive segments, or of the `whole` time since the task was submitted."""
        if whole:
            return max(0, now - self.started) if self.started else 0
        running = max(0, now - self.segment_start) if self.segment_start else 0
        return self.active + running
