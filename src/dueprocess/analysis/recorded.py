"""Recorded runs as values, for deciding their calls again: what is read of a ledger, and what comes of it. Reading is `wiring.backtest`'s.

Rule 1. Runs are gone through event by event, in the order of their times: what one dispatches counts for the next.
Rule 2. A run is read when its time has come and forgotten when it is over: only those that overlap are held at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from dueprocess.agent import Happened
from dueprocess.agent.workflow import Workflow
from dueprocess.policy import Policy, Verdict
from dueprocess.tool import ToolSpec
from dueprocess.values import Instant, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Under what a call was decided, and under what it is decided again: policies as they load with the tools of its release."""

    then: Policy
    now: Policy
    tools: Mapping[str, ToolSpec]
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of a run. `leaf`: its place in the log. A frame that is text says why nothing can be decided under it."""

    event: Happened
    leaf: int
    frame: Frame | str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run whose events are read, in order, when they are needed. `begun`: not later than the first of them.

    `is_looped`: its loop ran here; else its calls came from a program with a loop of its own. `workflow`: what it followed.
    """

    run: str
    agent: str
    begun: Instant
    is_looped: bool
    workflow: Workflow | None
    read: Callable[[], Iterable[Step]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One decision as it was recorded.

    `said`: the rules that spoke, with what each asked for; None where they were not recorded, as of a repeated call.
    `reused`: the outcome of the same call before was returned; nothing was done.
    """

    action: str
    run: str
    agent: str
    at: Instant
    tool: str
    decision: Verdict
    said: frozenset[tuple[str, str]] | None
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A call decided again. `rules`: those that speak under the other policy.

    `reused`: the same has run before under the other policy too, so that nothing would be done. `unclear`: rules of which it
    depends and that cannot be asked, each with what nobody recorded; `after` and `rules` are without them.
    """

    recorded: Recorded
    after: Verdict
    rules: tuple[str, ...]
    amount: Money | None
    reused: bool
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDecidable:
    """A call that cannot be decided from what was kept, and why."""

    action: str
    run: str
    at: Instant
    why: str


def in_order(runs: Iterable[RecordedRun]) -> Iterator[tuple[RecordedRun, Step | None]]:
    """The events of all runs in the order of their times; each run ends with None (rules 1 and 2)."""
    later = iter(sorted(runs, key=lambda run: (run.begun, run.run)))
    coming = next(later, None)
    open_: list[tuple[int, int, str, RecordedRun, Step, Iterator[Step]]] = []

    def go_on(run: RecordedRun, steps: Iterator[Step]) -> bool:
        step = next(steps, None)
        if step is not None:
            heappush(open_, (step.event.at, step.leaf, run.run, run, step, steps))
        return step is not None

    while open_ or coming is not None:
        while coming is not None and (not open_ or coming.begun <= open_[0][0]):
            if not go_on(coming, iter(coming.read())):
                yield coming, None
            coming = next(later, None)
        if open_:
            *_, run, step, steps = heappop(open_)
            yield run, step
            if not go_on(run, steps):
                yield run, None
