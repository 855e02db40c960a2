"""The policy file as records, with every default filled in. How it is read and what it decides stand elsewhere."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final

from dueprocess.errors import BadValue, Problem
from dueprocess.policy.call import PolicyCall
from dueprocess.policy.finding import Finding, Verdict
from dueprocess.tool import Effect
from dueprocess.values import ZERO, Digest, Duration, Json, Money, seconds
from dueprocess.values.trust import UNLABELLED, Audience, Source

_SECOND: Final = seconds(1)
_FIVE_SECONDS: Final = seconds(5)
_TWENTY_SECONDS: Final = seconds(20)
_FIVE_MINUTES: Final = seconds(5 * 60)
_QUARTER_HOUR: Final = seconds(15 * 60)
_ONE_DAY: Final = seconds(24 * 3600)

ArgumentPath = tuple[str, ...]
"""The keys from the arguments down to a value: `$.customer.id` is ("customer", "id")."""


class Escalation(Enum):
    """What a run does at a limit."""

    HANDOFF = "handoff_to_human"
    CLARIFY = "ask_clarification"
    STOP = "stop"


class Mode(Enum):
    """Whether the policy's rules are enforced in an environment or only recorded."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Egress(Enum):
    """Where what a tool is given goes."""

    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a tool that failed is tried, how long is waited before each further attempt, and how long one may take.

    `backoff` is used in order; the last one is repeated.
    """

    max_attempts: int = 3
    backoff: tuple[Duration, ...] = (_SECOND, _FIVE_SECONDS)
    timeout: Duration = _TWENTY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimits:
    """The bounds of a run and what happens at each. The defaults are those of a file without the `agent` key."""

    max_wall_clock: Duration = _FIVE_MINUTES
    max_tool_calls: int = 20
    max_model_spend: Money = ZERO
    on_budget_exceeded: Escalation = Escalation.HANDOFF
    on_tool_error_retries_exhausted: Escalation = Escalation.HANDOFF
    clock_includes_suspension: bool = False
    retries: Retries = Retries()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who belongs to a role, by the part of the principal before `@`, and whether a user must be behind the agent."""

    name: str
    members: frozenset[str]
    on_behalf_of_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment that the settings may name."""

    name: str
    mode: Mode = Mode.ENFORCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Defaults that a tool inherits."""

    name: str
    effect: Effect | None = None
    on_untrusted_control: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Whom a hold goes to next, and when."""

    after: Duration
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvers:
    """Who must approve a hold, how many distinct people, how long they and the executor have.

    Entries are `group:NAME` or `user:NAME`. `editable` names the arguments an approver may lower while approving.
    """

    name: str
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    quorum: int = 1
    expires_after: Duration = _ONE_DAY
    execute_within: Duration = _QUARTER_HOUR
    remind: tuple[Duration, ...] = ()
    escalate: Escalate | None = None
    on_timeout: Escalation = Escalation.HANDOFF
    editable: tuple[str, ...] = ()


IMPLICIT_APPROVERS: Final = Approvers(name="approvers", any_of=("group:approvers",))
"""Who approves where the file names nobody (policy language, "all_of + quorum")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `count` dispatches of a tool by an agent within any `window`."""

    count: int
    window: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `count` dispatches, or `max_sum` of the bound amount, within any `window`, apart for each value of `per`."""

    count: int | None = None
    max_sum: Money | None = None
    per: tuple[ArgumentPath, ...] = ()
    window: Duration
    over: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPath:
    """A value in what a check is given: which of its answers, and where in it. An empty path is the whole of it."""

    name: str
    path: ArgumentPath = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one of these reads has answered in this run, under a name."""

    name: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A predicate over what a read answered in this run: `source` called with `where`, not longer ago than `max_age`.

    `given`: further answers it speaks of. Without a `source` it speaks of these and of the arguments alone.
    """

    name: str
    source: str | None = None
    where: tuple[tuple[str, Json | ArgumentPath | GivenPath], ...] = ()
    given: tuple[Given, ...] = ()
    assertion: str
    max_age: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Whoever the run acts for must say yes to the call itself, not longer ago than `within` when it runs."""

    within: Duration = _QUARTER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which of a run's actions is meant, or what of its context; what is None or empty is not asked.

    `tools`: any of these. `where`: arguments by name, each a value or a path into the call that is decided. `audience`:
    whether narrower ones are meant too, and which.
    """

    tools: tuple[str, ...] = ()
    where: tuple[tuple[str, Json | ArgumentPath], ...] = ()
    same: tuple[ArgumentPath, ...] = ()
    within: Duration | None = None
    audience: tuple[bool, Audience] | None = None
    egress: Egress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A call of any of `tools` needs that `require` has succeeded before it."""

    tools: tuple[str, ...]
    require: Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """Once `after` has happened in a run, `then` may not."""

    after: Selector
    then: Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMost:
    """At most `count` dispatched actions of a run are of this kind."""

    count: int
    of: Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """What must or must not have happened in a run before a call, and what follows where it is not so."""

    id: str
    form: Before | Never | AtMost
    effect: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition over the arguments, in the expression language, and what follows where it holds."""

    id: str
    when: str
    then: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPolicy:
    """What the file says of one tool, bound to the tool's arguments.

    `amount` and `fields` are the bound arguments, None where nothing needs them. `control` of None: the file lists none.
    """

    name: str
    allowed: bool
    effect: Effect = Effect.WRITE
    tier: str | None = None
    max_amount: Money | None = None
    require_approval_over: Money | None = None
    require_citation: bool = False
    citation_max_age: Duration | None = None
    allowed_fields: tuple[ArgumentPath, ...] | None = None
    roles: tuple[str, ...] | None = None
    environments: tuple[str, ...] | None = None
    amount: ArgumentPath | None = None
    fields: ArgumentPath | None = None
    subject: ArgumentPath | None = None
    approvers: str | None = None
    rules: tuple[Rule, ...] = ()
    rate: Rate | None = None
    idempotency_key: tuple[ArgumentPath, ...] = ()
    redact: tuple[ArgumentPath, ...] = ()
    retries: Retries = Retries()
    egress: Egress | None = None
    control: tuple[str, ...] | None = None
    bounded: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    on_untrusted_control: Verdict = Verdict.HOLD
    limits: tuple[Limit, ...] = ()
    checks: tuple[Check, ...] = ()
    confirm: Confirmation | None = None
    parameterized_only: bool = False
    row_level_security: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTest:
    """A call written in the file and what must be decided; `rule` is one that must be among the findings.

    `confirmed`: whoever it is made for has said yes to it.
    """

    name: str
    tool: str
    arguments: Mapping[str, Json]
    principal: Mapping[str, Json] | None = None
    environment: str | None = None
    evidence: Json = None
    citations: Json = None
    confirmed: bool = False
    decision: Verdict
    rule: str | None = None
    line: int = 0


Test = Callable[[PolicyCall], Iterable[Finding]]
"""What speaks against a call, of one or more rules that are asked together."""

Values = Callable[[PolicyCall], Mapping[str, Json]]
"""What one rule compares, whether it speaks against the call or not."""


Assertion = Callable[[Mapping[str, Json]], BadValue | bool]
"""Whether the `assert` of a check holds for `args` and the answers it knows by name, or why it cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTool:
    """The rules of one tool, ready to be asked: all `tests`, in order; `values` by the id of each rule, in order.

    `assertions` are those of its checks, in their order.
    """

    tests: tuple[Test, ...]
    values: Mapping[str, Values]
    assertions: tuple[Assertion, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A whole file. `digest` is the SHA-256 of its exact bytes, `source` its text.

    `asks_origins`: it speaks of where values come from, so that this is asked of every call.
    """

    name: str
    digest: Digest
    source: str
    agent: AgentLimits
    roles: Mapping[str, Role]
    environments: Mapping[str, Environment]
    tiers: Mapping[str, Tier]
    approvers: Mapping[str, Approvers]
    tools: Mapping[str, ToolPolicy]
    sources: Mapping[str, Source] = field(default_factory=dict[str, Source])
    asks_origins: bool = False
    temporal: tuple[Sequence, ...] = ()
    tests: tuple[PolicyTest, ...] = ()
    warnings: tuple[Problem, ...] = ()
    compiled: Mapping[str, CompiledTool] = field(repr=False, compare=False)

    def approvers_of(self, tool: str) -> Approvers:
        """Who approves a hold of this tool: those it names, else `default`, else the project's group `approvers`."""
        listed = self.tools.get(tool)
        name = listed.approvers if listed is not None else None
        return self.approvers.get(name or "default", IMPLICIT_APPROVERS)

    def source_of(self, tool: str) -> Source:
        """The label of what a tool brings back; what the file does not name is untrusted and internal."""
        return self.sources.get(tool, UNLABELLED)

    @cached_property
    def check_sources(self) -> frozenset[str]:
        """The tools whose answers any check rests on."""
        checks = [check for tool in self.tools.values() for check in tool.checks]
        given = [name for check in checks for each in check.given for name in each.sources]
        return frozenset([*given, *(check.source for check in checks if check.source is not None)])

    @cached_property
    def asks_to_confirm(self) -> bool:
        """Whether any tool asks for the word of whoever the run acts for."""
        return any(tool.confirm is not None for tool in self.tools.values())

    def retries_of(self, tool: str) -> Retries:
        """How often and how long this tool is tried: as its entry says, else as the agent's."""
        listed = self.tools.get(tool)
        return listed.retries if listed is not None else self.agent.retries

    def mode(self, environment: str) -> Mode:
        """Whether rules are enforced there; an environment that the file does not name is enforced."""
        found = self.environments.get(environment)
        return found.mode if found is not None else Mode.ENFORCE
