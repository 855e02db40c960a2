"""`checks` of a call: what reads have answered in this run, asked of its history. How a stale answer is renewed is the runtime's.

Rule 1. A check rests on the latest success of its read with the arguments it names. None, or one older than `max_age`,
        is renewed before the last decision; where that fails the call is denied.
Rule 2. What cannot be told (a missing field, another kind) is not so: it denies, and says why.
Rule 3. A value that `where` refers to and that is missing in the call finds nothing, and nothing is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dueprocess.errors import BadValue
from dueprocess.gate.history import History, PastCall
from dueprocess.gate.life import ActionState
from dueprocess.policy import Finding, Policy, ToolPolicy, Verdict
from dueprocess.policy.arguments import REDACTED, Missing, find, hidden
from dueprocess.policy.document import Check
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
        where = _where(check, arguments)
        last = None if where is None else _last(history, check, where)
        age = None if last is None else now - last.at
        if where is None or last is None or (check.max_age is not None and age is not None and age > check.max_age):
            if where is not None:
                key = canonical([check.source, dict(where)])
                before = renewals[key].rules if key in renewals else ()
                rules = (*before, _rule(listed, check))
                renewals[key] = Renewal(tool=check.source, arguments=where, rules=rules)
            findings.append(_missing(listed, check, where, last, age))
            continue
        answer = holds(arguments, last.result)
        if answer is not True:
            said = f"it cannot be told: {answer}" if isinstance(answer, BadValue) else "it is not so"
            reason = f"{check.source} was to show that {visible(check.assertion, limit=200)}: {said}"
            findings.append(_finding(listed, check, reason, where, {"answered_by": last.action}))
    return Checked(findings=tuple(findings), renewals=tuple(renewals.values()))


def _where(check: Check, arguments: Mapping[str, Json]) -> dict[str, Json] | None:
    found: dict[str, Json] = {}
    for name, wanted in check.where:
        value = find(arguments, wanted) if isinstance(wanted, tuple) else wanted
        if isinstance(value, Missing) or value is None:
            return None
        found[name] = value
    return found


def _last(history: History, check: Check, where: Mapping[str, Json]) -> PastCall | None:
    for past in reversed(history.calls):
        if past.tool == check.source and past.state is ActionState.SUCCEEDED:
            asked = {name: past.arguments.get(name) for name in where}
            if canonical(asked) == canonical(dict(where)):
                return past
    return None


def _missing(
    listed: ToolPolicy, check: Check, where: Mapping[str, Json] | None, last: PastCall | None, age: int | None
) -> Finding:
    if where is None:
        reason = f"the call does not say what {check.source} would have to be asked"
    elif last is None:
        reason = f"{check.source} has not answered for this in this run"
    else:
        most = (check.max_age or 0) // 1_000_000
        reason = f"the answer of {check.source} is {(age or 0) // 1_000_000} s old; expected at most {most} s"
    return _finding(listed, check, reason, where, {})


def _finding(
    listed: ToolPolicy, check: Check, reason: str, where: Mapping[str, Json] | None, about: Mapping[str, Json]
) -> Finding:
    secret = {name for name, path in check.where if isinstance(path, tuple) and hidden(path, listed.redact)}
    asked = {name: REDACTED if name in secret else shown(value) for name, value in (where or {}).items()}
    compared: dict[str, Json] = {
        "from": check.source,
        "where": dict[str, Json](asked),
        "assert": check.assertion,
        **about,
    }
    return Finding(rule=_rule(listed, check), decision=Verdict.DENY, reason=reason, compared=compared)


def _rule(listed: ToolPolicy, check: Check) -> str:
    return f"{listed.name}.checks.{check.name}"
