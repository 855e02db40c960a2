"""One judgement with all that was asked, as text for a person or as JSON. What is asked is the judgement's matter."""

from collections.abc import Mapping
from dataclasses import dataclass

from dueprocess.gate.judge import judge
from dueprocess.gate.line import CallLine, beyond_empty, finding_json
from dueprocess.policy import Finding, Passed, Policy, Verdict, explain, verdict
from dueprocess.tool import ToolSpec
from dueprocess.values import Json, canonical
from dueprocess.values.foreign import quoted, visible

_MARKS = {Verdict.ALLOW: "allow", Verdict.HOLD: "HOLD ", Verdict.DENY: "DENY "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A decision and every rule that was asked for it."""

    tool: str
    decision: Verdict
    asked: tuple[Finding | Passed, ...]

    def __str__(self) -> str:
        lines = [f"{self.decision.value}: {quoted(self.tool)}"]
        for each in self.asked:
            values = ", ".join(f"{visible(key)} = {visible(canonical(value))}" for key, value in each.compared.items())
            shown = f"  ({values})" if values else ""
            match each:
                case Finding():
                    mark = "shadow" if each.advisory else _MARKS[each.decision]
                    lines.append(f"  {mark}  {each.rule}: {each.reason}{shown}")
                case Passed():
                    lines.append(f"  pass   {each.rule}{shown}")
        lines.append(
            "  checks, counters, budgets, approvals, sequences and where values come from are not evaluated here"
        )
        return "\n".join(lines)


def explained(policy: Policy, tools: Mapping[str, ToolSpec], line: CallLine) -> Explained:
    """Judges one call and collects every rule that was asked. Pure."""
    judged = judge(policy, tools, call=line.call)
    rate = beyond_empty(policy, judged, call=line.call)
    found = (*line.findings, *judged.findings, *rate)
    asked: tuple[Finding | Passed, ...] = found
    if judged.call is not None:
        rules = explain(policy, judged.call)
        before = tuple(each for each in found if each not in rules and each not in rate)
        asked = (*before, *rules, *rate)
    return Explained(tool=line.call.tool, decision=verdict(found), asked=asked)


def explained_json(found: Explained) -> dict[str, Json]:
    """The same as JSON: findings as everywhere, and what passed."""
    return {
        "tool": found.tool,
        "decision": found.decision.value,
        "findings": [finding_json(each) for each in found.asked if isinstance(each, Finding)],
        "passed": [
            {"rule": each.rule, "compared": dict(each.compared)} for each in found.asked if isinstance(each, Passed)
        ],
        "run_checks": "not_evaluated",
    }
