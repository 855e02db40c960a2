"""`checks` of a call: what reads have answered in this run, asked of its history. How a stale answer is renewed is the runtime's.

Rule 1. A check rests on the latest success of its read with the arguments it names. None, or one older than `max_age`,
        is renewed before the last decision; where that fails the call is denied.
Rule 2. What cannot be told (a missing field, another kind) is not so: it denies, and says why.
Rule 3. A value that `where` refers to and that is missing in the call finds nothing, and nothing is asked for.
Rule 4. What a check is given is what its reads have answered in this run, whatever they were asked. No answer, or answers
        that differ, tell nothing: who is meant must be one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dueprocess.errors import BadValue
from dueprocess.gate.history import History, PastCall
from dueprocess.gate.life import ActionState
from dueprocess.policy import Finding, Policy, ToolPolicy, Verdict
from dueprocess.policy.arguments import REDACTED, Missing, find, hidden
from dueprocess.policy.document import Assertion, Check, Given, GivenPath
from dueprocess.policy.part import ARGUMENTS, RESULT
from dueprocess.values import Instant, Json, canonical
from dueprocess.values.foreign import shown, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A read to be made before a call can be decided: its tool and its arguments, and the rules that rest on it."""

    tool: str
    arguments: Mapping[str, Json]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks say against a call, and which reads would have to be made for the rest."""

    findings: tuple[Finding, ...] = ()
    renewals: tuple[Renewal, ...] = ()


def checked(
    policy: Policy, listed: ToolPolicy, *, arguments: Mapping[str, Json], history: History, now: Instant
) -> Checked:
    """Asks every check of a call. Pure."""
    findings: list[Finding] = []
    renewals: dict[str, Renewal] = {}
    for check, holds in zip(listed.checks, policy.compiled[listed.name].assertions, strict=True):
        asked = _Asked(listed=listed, check=check, holds=holds, arguments=arguments, history=history, now=now)
        finding, renewal = asked.answer()
        findings += () if finding is None else (finding,)
        if renewal is not None:
            key = canonical([renewal.tool, dict(renewal.arguments)])
            before = renewals[key].rules if key in renewals else ()
            renewals[key] = replace(renewal, rules=(*before, *renewal.rules))
    return Checked(findings=tuple(findings), renewals=tuple(renewals.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One check, asked of one call in one history."""

    listed: ToolPolicy
    check: Check
    holds: Assertion
    arguments: Mapping[str, Json]
    history: History
    now: Instant

    def answer(self) -> tuple[Finding | None, Renewal | None]:
        check = self.check
        known: dict[str, Json] = {ARGUMENTS: dict(self.arguments)}
        for given in check.given:
            value, why = _given(self.history, given)
            if why:
                return self._finding(why), None
            known[given.name] = value
        if check.source is None:
            return self._asserted(known), None
        where = self._where(known)
        if where is None:
            return self._finding(f"the call does not say what {check.source} would have to be asked"), None
        last = _last(self.history, check.source, where)
        stale = self._stale(check.source, last)
        if last is None or stale:
            return self._finding(stale, where), Renewal(tool=check.source, arguments=where, rules=(self._rule,))
        return self._asserted({**known, RESULT: last.result}, where, {"answered_by": last.action}), None

    @property
    def _rule(self) -> str:
        return f"{self.listed.name}.checks.{self.check.name}"

    def _where(self, known: Mapping[str, Json]) -> dict[str, Json] | None:
        found: dict[str, Json] = {}
        for name, wanted in self.check.where:
            match wanted:
                case GivenPath():
                    value = find({wanted.name: known[wanted.name]}, (wanted.name, *wanted.path))
                case tuple():
                    value = find(self.arguments, wanted)
                case _:
                    value = wanted
            if isinstance(value, Missing) or value is None:
                return None
            found[name] = value
        return found

    def _stale(self, source: str, last: PastCall | None) -> str:
        """Why the answer cannot be used, empty where it can."""
        if last is None:
            return f"{source} has not answered for this in this run"
        age, most = self.now - last.at, self.check.max_age
        if most is None or age <= most:
            return ""
        return f"the answer of {source} is {age // 1_000_000} s old; expected at most {most // 1_000_000} s"

    def _asserted(
        self,
        known: Mapping[str, Json],
        where: Mapping[str, Json] | None = None,
        about: Mapping[str, Json] | None = None,
    ) -> Finding | None:
        answer = self.holds(known)
        if answer is True:
            return None
        said = f"it cannot be told: {answer}" if isinstance(answer, BadValue) else "it is not so"
        who = self.check.source or " and ".join(" or ".join(given.sources) for given in self.check.given)
        shows = f"{who} was to show that {visible(self.check.assertion, limit=200)}"
        return self._finding(f"{shows}: {said}", where, about)

    def _finding(
        self, reason: str, where: Mapping[str, Json] | None = None, about: Mapping[str, Json] | None = None
    ) -> Finding:
        check, redact = self.check, self.listed.redact
        secret = {name for name, path in check.where if isinstance(path, tuple) and hidden(path, redact)}
        asked = {name: REDACTED if name in secret else shown(value) for name, value in (where or {}).items()}
        source: dict[str, Json] = {"from": check.source, "where": dict[str, Json](asked)}
        given: dict[str, Json] = {each.name: list[Json](each.sources) for each in check.given}
        compared: dict[str, Json] = {
            **(source if check.source is not None else {}),
            **({"given": given} if given else {}),
            "assert": check.assertion,
            **(about or {}),
        }
        return Finding(rule=self._rule, decision=Verdict.DENY, reason=reason, compared=compared)


def _given(history: History, given: Given) -> tuple[Json, str]:
    """What the reads have answered (rule 4), or why that tells nothing."""
    answers = [past for past in history.calls if past.tool in given.sources and past.state is ActionState.SUCCEEDED]
    if not answers:
        verb = "has not" if len(given.sources) == 1 else "have not"
        return None, f"{given.name} is not known: {' and '.join(given.sources)} {verb} answered in this run"
    if len({canonical(past.result) for past in answers}) > 1:
        named = ", ".join(past.action for past in answers)
        return None, f"{given.name} is not one: {' and '.join(given.sources)} answered differently, as {named}"
    return answers[-1].result, ""


def _last(history: History, source: str, where: Mapping[str, Json]) -> PastCall | None:
    for past in reversed(history.calls):
        if past.tool == source and past.state is ActionState.SUCCEEDED:
            asked = {name: past.arguments.get(name) for name in where}
            if canonical(asked) == canonical(dict(where)):
                return past
    return None
