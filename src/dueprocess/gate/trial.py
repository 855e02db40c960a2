"""The tests that a policy carries, run through the same judgement as any call. Reading them is in `policy.trials`."""

from collections.abc import Mapping
from dataclasses import dataclass

from dueprocess.errors import BadValue
from dueprocess.evidence import read_chunks
from dueprocess.gate.judge import RawCall, judge, parse_finding
from dueprocess.gate.line import beyond_empty, finding_json, read_principal
from dueprocess.policy import DEFAULT_ENVIRONMENT, Finding, Policy, PolicyTest, Verdict, verdict
from dueprocess.tool import ToolSpec
from dueprocess.values import Json
from dueprocess.values.foreign import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One test and what was decided of its call."""

    test: PolicyTest
    decision: Verdict
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether the decision, and the rule if one is named, are as expected."""
        return self.decision is self.test.decision and (self.test.rule is None or self.test.rule in self._rules)

    @property
    def why(self) -> str:
        """What was got and what was expected."""
        by = f" by {quoted(self.test.rule)}" if self.test.rule is not None else ""
        got = f" by {', '.join(dict.fromkeys(self._rules))}" if self.findings else ""
        return f"got {self.decision.value}{got}; expected {self.test.decision.value}{by}"

    @property
    def _rules(self) -> tuple[str, ...]:
        return tuple(finding.rule for finding in self.findings)


def try_tests(policy: Policy, tools: Mapping[str, ToolSpec]) -> tuple[Trial, ...]:
    """Runs every test of the policy, in file order. Pure."""
    return tuple(_try(policy, tools, test) for test in policy.tests)


def trial_json(trial: Trial) -> dict[str, Json]:
    """A test's outcome as JSON."""
    return {
        "name": trial.test.name,
        "line": trial.test.line,
        "passed": trial.passed,
        "expected": {"decision": trial.test.decision.value, "rule": trial.test.rule},
        "decision": trial.decision.value,
        "findings": [finding_json(finding) for finding in trial.findings],
    }


def _try(policy: Policy, tools: Mapping[str, ToolSpec], test: PolicyTest) -> Trial:
    principal = dict(test.principal) if test.principal is not None else None
    try:
        who = read_principal(principal)
    except BadValue as error:
        return Trial(test=test, decision=Verdict.DENY, findings=(parse_finding(str(error)),))
    chunks, malformed = read_chunks(test.evidence)
    call = RawCall(
        tool=test.tool,
        arguments=test.arguments,
        principal=who,
        environment=test.environment or DEFAULT_ENVIRONMENT,
        evidence=chunks,
        citations=test.citations,
        confirmed=test.confirmed,
    )
    unread = tuple(parse_finding(f"{entry.where}: {entry.reason}") for entry in malformed[:1])
    judged = judge(policy, tools, call=call)
    findings = (*unread, *judged.findings, *beyond_empty(policy, judged, call=call))
    return Trial(test=test, decision=verdict(findings), findings=findings)
