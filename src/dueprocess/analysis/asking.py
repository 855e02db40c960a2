"""What two policies say of one recorded call, each asked as the gate asks: the one that decided, and another one.

What is done with the answers, and what the run had read and done until then, stand in `backtest` and `past`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from dueprocess.agent import Happened
from dueprocess.analysis.past import Past
from dueprocess.analysis.recorded import Frame, RecordedRun
from dueprocess.analysis.windows import Counters, Use
from dueprocess.gate import (
    ActionState,
    Admission,
    Admitted,
    CallRecord,
    Denied,
    Exceeded,
    HeldFor,
    Judgement,
    ReuseOf,
    WaitFor,
    judge,
)
from dueprocess.gate.checks import Renewal
from dueprocess.gate.history import History
from dueprocess.policy import Finding, Verdict
from dueprocess.runtime.renewal import reads_of
from dueprocess.values import canonical

_COUNTED: Final = (".rate", ".idempotency_key", ".limits")
_OF_ORIGIN: Final = (".control", ".content", ".scope", ".audience")
_SHOWN: Final = 3  # actions that are named in one reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A call at the moment it is asked about: as it was recorded, under the id by which the other policy knows it."""

    call: CallRecord
    action: str
    event: Happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the other policy says of a call: `admission` without what is doubtful, and why that would matter."""

    judged: Judgement
    admission: Admission
    use: Use | None = None
    unclear: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Doubt:
    """Findings that may be there or not, each with what nobody knows."""

    findings: dict[tuple[str, Verdict], tuple[Finding, str]] = field(
        default_factory=dict[tuple[str, Verdict], tuple[Finding, str]]
    )

    def about(self, finding: Finding, why: str) -> None:
        self.findings.setdefault(
            (finding.rule, finding.decision), (finding, f"{finding.rule}: {finding.reason}; {why}")
        )

    def sure_of(self, judged: Judgement) -> tuple[Finding, ...]:
        """The findings that are there either way."""
        return tuple(each for each in judged.findings if _key(each) not in self.findings)


class Asking:
    """Asks of the calls of one run."""

    def __init__(self, run: RecordedRun, past: Past, counters: Counters) -> None:
        self._run = run
        self._past = past
        self._counters = counters

    def not_reproduced(self, frame: Frame, known: Known, said: frozenset[tuple[str, str]] | None) -> str | None:
        """Why a call is not decided again: the policy of then does not find what was recorded, but for its counters."""
        if said is None:
            return None
        judged = self._judge(frame, known, self._past.then(frame.then))
        ours = {(finding.rule, finding.decision.value) for finding in judged.findings}
        ours = {each for each in ours if not each[0].endswith(_COUNTED)}
        theirs = {each for each in said if not each[0].endswith(_COUNTED) and each[0] != "stop"}
        if ours == theirs:
            return None
        differing = ", ".join(sorted({rule for rule, _ in ours ^ theirs}))
        return f"decided again under the policy of then it differs: {differing}"

    def ask(self, frame: Frame, known: Known, *, stop: str = "") -> Asked:
        """What the other policy says of a call, after the reads that it would have made for it. `stop`: that covered the tool."""
        judged = self._judge(frame, known, self._past.now(frame.now))
        doubt = self._doubts(frame, known, judged)
        # What is doubtful denies no call for sure: the gate may have read for it.
        reads = reads_of(replace(judged, findings=doubt.sure_of(judged)), tool=known.call.tool)
        missing = [read for read in reads if not self._is_known(frame, known, read)]
        if reads:
            judged = self._judge(frame, known, self._past.now(frame.now))
            doubt = self._doubts(frame, known, judged)
        for read in missing:
            rests = [finding for finding in judged.findings if finding.rule in read.rules]
            for finding in rests:
                doubt.about(finding, f"nobody recorded {_answer(finding)}")
            self._past.lacks(read, _answer(rests[0]) if rests else read.tool)
        use = self._use(frame, known, judged, stop=stop)
        if use is None:
            return Asked(judged=judged, admission=Denied(findings=judged.findings))
        return self._weighed(use, doubt)

    def _weighed(self, use: Use, doubt: _Doubt) -> Asked:
        # With and without what is doubtful: it matters only where the two differ.
        sure = doubt.sure_of(use.judged)
        admission = self._counters.ask(use, sure, surely=True)
        at_most = self._counters.ask(use, [*sure, *(finding for finding, _ in doubt.findings.values())])
        unclear: tuple[str, ...] = ()
        if (verdict_of(at_most), type(at_most) is ReuseOf) != (verdict_of(admission), type(admission) is ReuseOf):
            unclear = tuple(why for _, why in doubt.findings.values())
            unclear = unclear or (
                f"what is counted: nobody knows whether {_named(self._counters.open)} would have run",
            )
        if isinstance(admission, WaitFor):
            why = f"the same was under way as {admission.original}: it would have waited for what comes of that"
            unclear = (*unclear, f"{use.tool.name}.idempotency_key: {why}")
        return Asked(judged=use.judged, admission=admission, use=use, unclear=unclear)

    def _is_known(self, frame: Frame, known: Known, read: Renewal) -> bool:
        """Whether it is known what comes of a read that the other policy makes for a check: its answer, or none."""
        arguments = canonical(dict(read.arguments))
        call = replace(known.call, tool=read.tool, arguments=arguments, citations="")
        asked = Known(
            call=call, action=canonical([known.action, known.event.seq, read.tool, arguments]), event=known.event
        )
        judged = self._judge(frame, asked, self._past.now(frame.now))
        use = self._use(frame, asked, judged)
        if use is None or not isinstance(self._counters.ask(use, judged.findings), Admitted):
            return True
        self._counters.take(use, attempt=1, state=ActionState.SUCCEEDED)
        return self._past.answer(read, cause=known.call.cause)

    def _doubts(self, frame: Frame, known: Known, judged: Judgement) -> _Doubt:
        """What would not be said, or be said besides, if more were known of what this policy would have read and run."""
        doubt = _Doubt()
        for finding in judged.findings:
            if self._past.missing and finding.rule.endswith(_OF_ORIGIN):
                doubt.about(finding, f"nobody recorded {self._past.missing[-1]}")
        # With all of those, or none: each rule goes one way with it.
        told = [judged, *(self._judge(frame, known, history) for history in self._past.extremes())]
        for finding in (each for one in told for each in one.findings):
            if any(_key(finding) not in map(_key, one.findings) for one in told):
                named = _named(self._past.unknown)
                doubt.about(finding, f"nobody knows whether {named} would have run and succeeded under this policy")
        return doubt

    def _judge(self, frame: Frame, known: Known, history: History) -> Judgement:
        call = self._past.raw(
            known.call, history, environment=frame.environment, action=known.action, at=known.event.at
        )
        return judge(history.policy, frame.tools, call=call)

    def _use(self, frame: Frame, known: Known, judged: Judgement, *, stop: str = "") -> Use | None:
        listed = frame.now.tools.get(known.call.tool)
        if listed is None or judged.call is None:
            return None
        return Use(
            agent=self._run.agent,
            run=self._run.run,
            action=known.action,
            policy=frame.now,
            tool=listed,
            environment=frame.environment,
            judged=judged,
            at=known.event.at,
            stop=stop,
        )


def verdict_of(admission: Admission) -> Verdict:
    """What an admission comes to. A call that is answered by an earlier one, or waits for it, asks nobody."""
    match admission:
        case Denied() | Exceeded():
            return Verdict.DENY
        case HeldFor():
            return Verdict.HOLD
        case _:
            return Verdict.ALLOW


def _key(finding: Finding) -> tuple[str, Verdict]:
    return finding.rule, finding.decision


def _named(actions: Iterable[str]) -> str:
    named = sorted(actions)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f"{', '.join(named[:_SHOWN])}{more}"


def _answer(finding: Finding) -> str:
    # The values are shown as the finding shows them: what the policy redacts stays hidden.
    return f"the answer of {finding.compared.get('from')} to {canonical(finding.compared.get('where'))}"
