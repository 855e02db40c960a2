"""The recorded decisions of an agent, read from the ledger for deciding them again. How that is done is in `analysis.backtest`.

Rule 1. One call is one decision: its first. What is retried, or asked for again, is the same call; what a person edited is
        another one.
Rule 2. A run that was erased, whose release is not kept, or whose policy cannot be read has calls that are not decided;
        so has one with whose tools the other policy does not load.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dueprocess.analysis.backtest import Again, Frame, NotDecidable, Recorded, decide_again
from dueprocess.errors import BadValue, FileInvalid
from dueprocess.gate import ActionDenied, ActionDispatched, ActionHeld, ActionReused, ActionSettled, CallRecord, Outcome
from dueprocess.gate.records import FindingRecord
from dueprocess.ledger import Event, Reader
from dueprocess.policy import Policy, Verdict, load
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.tables import RUNS
from dueprocess.values import Instant
from dueprocess.values.foreign import quoted
from dueprocess.wiring.access import Access
from dueprocess.wiring.report import raw_call
from dueprocess.wiring.told import Told, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What another policy makes of the recorded calls. `erased`: runs whose calls nobody can read any more."""

    agent: str
    since: Instant
    until: Instant
    runs: int
    erased: int
    again: tuple[Again, ...]
    lost: tuple[NotDecidable, ...]


def backtest(here: Access, content: bytes, *, name: str, agent: str, since: Instant) -> Backtest:
    """Decides the calls of an agent since an instant again under the policy of a file.

    Raises:
        FileInvalid: the file is no policy, whatever the tools. BadValue: several agents have run and none is named.
        RecordInvalid: the ledger was altered.
    """
    load(content, name=name, tools=None)

    def query(tx: Reader) -> list[tuple[str, str]]:
        rows = [
            row
            for row in tx.find(RUNS, equal=(("tenant", here.tenant),))
            if row.at >= since and row.status != RunStatus.SYSTEM.value and (not agent or row.agent in (agent, ""))
        ]
        return [(row.run, row.agent) for row in sorted(rows, key=lambda row: (row.submitted_at or row.at, row.run))]

    runs = here.home.store.read(query)
    # An erased run does not tell whose it was: it is counted as erased, whoever is asked about.
    agents = sorted({each for _, each in runs if each})
    if len(agents) > 1:
        raise BadValue(f"several agents have run: {', '.join(map(quoted, agents))}; say which one, --agent NAME")
    other = _Other(content, name)
    calls: list[tuple[Recorded, Frame | str]] = []
    erased = 0
    for run, _ in runs:
        told = here.home.store.read(lambda tx, run=run: tell(tx, run, tenant=here.tenant))
        erased += told.story.erased is not None
        calls += [each for each in _calls(told, other) if each[0].at >= since]
    again, lost = decide_again(calls)
    return Backtest(
        agent=agents[0] if agents else agent,
        since=since,
        until=here.shell.clock.now(),
        runs=len(runs),
        erased=erased,
        again=again,
        lost=lost,
    )


class _Other:
    """The other policy, loaded once for each set of tools."""

    def __init__(self, content: bytes, name: str) -> None:
        self._content = content
        self._name = name
        self._loaded: dict[str, Policy | str] = {}

    def of(self, told: Told) -> Policy | str:
        """The policy with the tools of a run, or why it does not load with them."""
        release = told.row.release
        if release not in self._loaded:
            try:
                self._loaded[release] = load(self._content, name=self._name, tools=told.tools)
            except FileInvalid as error:
                first = error.problems[0]
                self._loaded[release] = f"the policy does not load with the tools of its release: {first}"
        return self._loaded[release]


def _calls(told: Told, other: _Other) -> Iterator[tuple[Recorded, Frame | str]]:
    decided: dict[str, tuple[Event, CallRecord, tuple[FindingRecord, ...] | None, Verdict]] = {}
    dispatched: dict[str, Instant] = {}
    failed: Mapping[str, bool] = _failures(told)
    for event in told.events:
        action, record = event.envelope.action, event.record
        match record:
            case ActionDenied():
                found = (event, record.call, record.findings, Verdict.DENY)
            case ActionHeld():
                found = (event, record.call, record.findings, Verdict.HOLD)
            case ActionDispatched():
                dispatched.setdefault(action, Instant(event.envelope.at))
                found = (event, record.call, record.findings, Verdict.HOLD if record.granted else Verdict.ALLOW)
            case ActionReused():
                found = (event, record.call, None, Verdict.ALLOW)
            case _:
                continue
        # Rule 1: a revision that nobody edited is the same call, asked for again.
        if not found[1].revision or found[1].edited_by:
            decided.setdefault(action, found)
    for action, (event, call, findings, decision) in decided.items():
        recorded = Recorded(
            action=action,
            run=told.row.run,
            agent=told.row.agent,
            at=Instant(event.envelope.at),
            raw=raw_call(told, call, before=event.envelope.seq),
            decision=decision,
            said=frozenset((each.rule, each.decision) for each in findings) if findings is not None else None,
            dispatched=dispatched.get(action),
            reused=isinstance(event.record, ActionReused),
            failed=failed.get(action, False),
        )
        yield recorded, _frame(told, event, other)


def _frame(told: Told, event: Event, other: _Other) -> Frame | str:
    then = told.policies.get(event.envelope.policy)
    if told.manifest is None or then is None:
        return "the release of its run, or the policy that decided, is not kept"
    now = other.of(told)
    return now if isinstance(now, str) else Frame(then=then, now=now, tools=told.tools)


def _failures(told: Told) -> dict[str, bool]:
    """Of each action whether its last outcome is a proven failure."""
    return {
        event.envelope.action: event.record.outcome is Outcome.FAILED
        for event in told.events
        if isinstance(event.record, ActionSettled)
    }
