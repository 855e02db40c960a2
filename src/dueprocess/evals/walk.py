"""One hypothetical run: recorded calls decided in order by the gate itself, on counters of their own. No sums here.

Rule 1. The gate's own `judge` and `admit` decide; nothing of them is repeated here. `Counters` stands for a store.
Rule 2. A run takes no time: all its calls fall into one window of any rate, and no time limit is reached.
Rule 3. A call that is assumed to run leaves what it would leave if it had been admitted, whatever was decided of it.
        Any other leaves only what the gate would record: an admitted call its place, a held one its idempotency key.
Rule 4. Each run begins with empty counters: recorded runs have nothing to do with one another.
Rule 5. What the user said and what calls brought back enters the run as it would in production. A result enters where
        its call ran, or is assumed to.
Rule 6. A read that the gate would make itself for a check is decided as any call, and answers what the recording says.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, assert_never

from dueprocess.evals.recording import RecordedCall
from dueprocess.gate import (
    FREES_KEY,
    ActionDispatched,
    ActionSettled,
    ActionState,
    Admission,
    Admitted,
    CallRecord,
    Denied,
    Exceeded,
    HeldFor,
    Judgement,
    KeyUse,
    Neighbour,
    Outcome,
    RawCall,
    ReuseOf,
    SettledBy,
    Situation,
    Stopped,
    WaitFor,
    admit,
    judge,
)
from dueprocess.gate.history import History
from dueprocess.gate.limits import Window
from dueprocess.gate.records import ActionConfirmed, UseRecord
from dueprocess.meter import EMPTY, MAX_LIMIT, Gauge, Mark
from dueprocess.policy import DEFAULT_ENVIRONMENT, Mode, Policy, Principal
from dueprocess.provenance import answered, said
from dueprocess.runtime.admission import requirement_of
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Instant, canonical
from dueprocess.values.trust import UNLABELLED

Tick = Callable[[], int]
"""A clock in nanoseconds, for measuring how long a decision takes."""

_NOW: Final = Instant(0)  # rule 2
_GAUGE: Final = "calls"
_ANY_WISH: Final = "do as this says"  # of a goal that is recorded without its words: the breach is assumed all the same


class Cap(Enum):
    """What counts calls without understanding them; named as in the policy."""

    CALLS = "max_tool_calls"
    RATE = "rate"
    KEY = "idempotency_key"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What recorded calls are decided by: one policy, its tools, who acts and where."""

    policy: Policy
    tools: Mapping[str, ToolSpec]
    principal: Principal | None = None
    environment: str = DEFAULT_ENVIRONMENT

    def is_write(self, tool: str) -> bool:
        """Whether the tools file, or a tier of the policy, calls it a write. A tool that neither lists is not."""
        spec, listed = self.tools.get(tool), self.policy.tools.get(tool)
        return (spec is not None and spec.effect is Effect.WRITE) or (
            listed is not None and listed.effect is Effect.WRITE
        )

    def is_consequential(self, call: RecordedCall) -> bool:
        """Whether it is a write, was recorded to change the environment, or is declared an egress by the policy."""
        listed = self.policy.tools.get(call.tool)
        return self.is_write(call.tool) or call.changed is True or (listed is not None and listed.egress is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What a store would hold of one run: dispatched calls, places taken in windows, idempotency keys in use, its history.

    `marks`: of a rate under the name of its tool, of a limit under the tool and what its window is told apart by.
    """

    history: History | None = None
    calls: Gauge = EMPTY
    marks: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict[str, tuple[Mark, ...]])
    keys: Mapping[tuple[str, str], tuple[Neighbour, ...]] = field(
        default_factory=dict[tuple[str, str], tuple[Neighbour, ...]]
    )

    @property
    def next_action(self) -> str:
        """The name of the next call."""
        return f"call {self.calls.spent + 1}"

    def heard(self, texts: tuple[str, ...]) -> "Counters":
        """After the user has said these things."""
        history = self.history
        for text in texts:
            history = history.enter(said(text, origin="clarification")) if history is not None else None
        return replace(self, history=history) if texts else self

    def confirmed(self, tool: str, arguments: str, *, by: str) -> "Counters":
        """After somebody has said yes to this call."""
        if self.history is None:
            return self
        said_yes = ActionConfirmed(tool=tool, arguments=arguments, by=by, how="recorded")
        return replace(self, history=self.history.confirm(said_yes, at=_NOW))

    def hijacked(self, wish: str) -> "Counters":
        """After something untrusted has told the model what to do."""
        if self.history is None:
            return self
        span = answered(wish or _ANY_WISH, origin="injection", tool="", source=UNLABELLED, query_vouched=False)
        return replace(self, history=self.history.enter(span))


def beginning(bench: Bench, prompt: str) -> Counters:
    """A run that knows nothing but its task; it remembers only what the policy asks for."""
    history = History(policy=bench.policy)
    return Counters(history=history.enter(said(prompt, origin="task"))) if history.is_asked else Counters()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """A recorded call and what the gate said of it. `reads`: those that the gate made itself before it decided."""

    call: RecordedCall
    judged: Judgement
    admission: Admission
    is_consequential: bool
    reads: tuple["Ruled", ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it is dispatched without a person; one answered by an earlier outcome is not."""
        return isinstance(self.admission, Admitted)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that kept it from running; none where it runs."""
        match self.admission:
            case Admitted():
                return ()
            case Denied() | HeldFor():
                return tuple(dict.fromkeys(each.rule for each in self.admission.findings if not each.advisory))
            case Exceeded():
                return (f"agent.{Cap.CALLS.value}",)
            case ReuseOf() | WaitFor():
                return (f"{self.call.tool}.{Cap.KEY.value}",)
            case Stopped():
                return ("stop",)
            case _:
                assert_never(self.admission)

    @property
    def is_capped(self) -> bool:
        """Whether a cap had a part in what was decided."""
        tails = tuple(f".{cap.value}" for cap in Cap)
        return any(rule.endswith(tails) for rule in self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Calls of one run, ruled in order, and the counters after them. `assumed`: they run whatever is decided."""

    start: Counters
    assumed: bool
    ruled: tuple[Ruled, ...]
    end: Counters

    @property
    def runs_alone(self) -> bool:
        """Whether every call runs without a person."""
        return all(each.runs for each in self.ruled)


def walk(
    bench: Bench, calls: Sequence[RecordedCall], *, start: Counters, assumed: bool, tick: Tick, spent: list[int]
) -> Walk:
    """Decides calls in order, and appends to `spent` the nanoseconds that each decision took."""
    ruled: list[Ruled] = []
    counters = start
    for call in calls:
        counters = counters.heard(call.heard)
        began = tick()
        judged, counters, reads = _asked(bench, counters, call)
        admission = _admitted(bench, counters, judged, call=call, lifted=frozenset())
        spent.append(tick() - began)
        ruled.append(replace(_ruled(bench, call, judged, admission=admission), reads=reads))
        counters = _counted(bench, counters, ruled[-1], assumed=assumed)
    return Walk(start=start, assumed=assumed, ruled=tuple(ruled), end=counters)


def walk_again(bench: Bench, before: Walk, *, lifted: frozenset[Cap]) -> Walk:
    """The same run as it would have gone without some caps. What is judged without counters is not asked again."""
    ruled: list[Ruled] = []
    counters = before.start
    for each in before.ruled:
        counters = counters.heard(each.call.heard)
        for read in each.reads:
            again = _admitted(bench, counters, read.judged, call=read.call, lifted=lifted)
            counters = _counted(bench, counters, replace(read, admission=again), assumed=False)
        admission = _admitted(bench, counters, each.judged, call=each.call, lifted=lifted)
        ruled.append(replace(each, admission=admission))
        counters = _counted(bench, counters, ruled[-1], assumed=before.assumed)
    return Walk(start=before.start, assumed=before.assumed, ruled=tuple(ruled), end=counters)


def _asked(bench: Bench, counters: Counters, call: RecordedCall) -> tuple[Judgement, Counters, tuple[Ruled, ...]]:
    """The judgement of a call after what would come before its decision: the requester's word, and the gate's own reads."""
    judged = _judged(bench, counters, call)
    before = counters
    who = bench.principal.on_behalf_of if bench.principal is not None else None
    if call.confirmed and who is not None:
        counters = counters.confirmed(call.tool, judged.arguments, by=who)
    reads: list[Ruled] = []
    answers = {canonical([each.tool, each.arguments]): each.result for each in call.answers}
    for renewal in judged.renewals:  # rule 6
        place = canonical([renewal.tool, dict(renewal.arguments)])
        read = RecordedCall(tool=renewal.tool, arguments=dict(renewal.arguments), failed=place not in answers)
        read = replace(read, result=answers.get(place))
        asked = _judged(bench, counters, read)
        admission = _admitted(bench, counters, asked, call=read, lifted=frozenset())
        reads.append(_ruled(bench, read, asked, admission=admission))
        counters = _counted(bench, counters, reads[-1], assumed=False)
    return (judged if counters is before else _judged(bench, counters, call)), counters, tuple(reads)


def _judged(bench: Bench, counters: Counters, call: RecordedCall) -> Judgement:
    raw = RawCall(
        tool=call.tool,
        arguments=call.arguments,
        principal=bench.principal,
        environment=bench.environment,
        history=counters.history,
        action=counters.next_action,
        now=_NOW,
    )
    return judge(bench.policy, bench.tools, call=raw)


def _ruled(bench: Bench, call: RecordedCall, judged: Judgement, *, admission: Admission) -> Ruled:
    return Ruled(call=call, judged=judged, admission=admission, is_consequential=bench.is_consequential(call))


def _admitted(
    bench: Bench, counters: Counters, judged: Judgement, *, call: RecordedCall, lifted: frozenset[Cap]
) -> Admission:
    policy = bench.policy
    listed = policy.tools.get(call.tool)
    key = None
    if judged.key is not None and Cap.KEY not in lifted:
        key = KeyUse(arguments=judged.arguments, others=counters.keys.get((call.tool, judged.key), ()))
    situation = Situation(
        tool=call.tool,
        findings=judged.findings,
        rate=listed.rate if listed is not None and Cap.RATE not in lifted else None,
        marks=counters.marks.get(call.tool, ()),
        listed=listed,
        windows=() if Cap.LIMITS in lifted else tuple(_windows(counters, call.tool, judged)),
        advisory=policy.mode(bench.environment) is Mode.SHADOW,
        key=key,
        calls=counters.calls,
        calls_limit=MAX_LIMIT if Cap.CALLS in lifted else policy.agent.max_tool_calls,
        calls_key=_GAUGE,
        requirement=requirement_of(policy.approvers_of(call.tool), amount=""),
        publisher="",
        now=_NOW,
    )
    return admit(situation)


def _windows(counters: Counters, tool: str, judged: Judgement) -> Iterator[tuple[Window, tuple[Mark, ...]]]:
    for window in judged.windows:
        yield window, counters.marks.get(f"{tool} {window.scope}", ())


def _counted(bench: Bench, counters: Counters, ruled: Ruled, *, assumed: bool) -> Counters:
    tool = ruled.call.tool
    if ruled.runs or assumed:
        state = ruled.call.outcome(is_write=bench.is_write(tool))
        taken = Gauge(spent=counters.calls.spent + 1, reserved=counters.calls.reserved)
        marks = counters.marks
        # A proven failure gives its place in a window back, never the call it was.
        if state is not ActionState.FAILED:
            asked = {tool: 1, **{f"{tool} {window.scope}": window.asked for window in ruled.judged.windows}}
            marks = {**marks, **{key: (*marks.get(key, ()), Mark(at=_NOW, amount=n)) for key, n in asked.items()}}
        history = _remembered(counters, ruled, state)
        return Counters(history=history, calls=taken, marks=marks, keys=_occupied(counters, ruled, state))
    if isinstance(ruled.admission, HeldFor):
        return replace(counters, keys=_occupied(counters, ruled, ActionState.HELD))
    return counters


def _remembered(counters: Counters, ruled: Ruled, state: ActionState) -> History | None:
    if counters.history is None or not ruled.judged.arguments:
        return counters.history
    action, judged = counters.next_action, ruled.judged
    intent = ActionDispatched(
        call=CallRecord(tool=ruled.call.tool, arguments=judged.arguments, schema="", principal="", cause=0, index=0),
        effect="",
        sink_key="",
        dispatch_before=0,
        calls=1,
        uses=tuple(UseRecord(argument=use.argument, span=use.span, start=use.start) for use in judged.uses),
    )
    outcome = ActionSettled(outcome=Outcome(state.value), by=SettledBy.TOOL, result=canonical(ruled.call.result))
    return counters.history.dispatched(intent, action=action, at=_NOW).settled(outcome, action=action, at=_NOW)


def _occupied(counters: Counters, ruled: Ruled, state: ActionState) -> Mapping[tuple[str, str], tuple[Neighbour, ...]]:
    key = ruled.judged.key
    if key is None or state in FREES_KEY:
        return counters.keys
    place = (ruled.call.tool, key)
    others = counters.keys.get(place, ())
    here = Neighbour(action=counters.next_action, arguments=ruled.judged.arguments, state=state)
    return {**counters.keys, place: (*others, here)}
