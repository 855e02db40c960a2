"""What a decision says: verdicts, findings and how they add up. Which findings there are is decided by the rules.

Rule 1. deny > hold > allow; all findings come back; an advisory finding never counts.
Rule 2. A finding names its rule and the values compared, already redacted, bounded and escaped.
Rule 3. In shadow the policy's rules become advisory; what `always` counts does not: `allowed: false`, what cannot be
        read, decided or enforced (I2), the idempotency key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from dueprocess.values import Json


class Verdict(Enum):
    """What a finding asks for, and what a decision is."""

    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that speaks against a call.

    `advisory`: said by a policy in shadow, recorded and not enforced. `always`: enforced in shadow too (rule 3).
    """

    rule: str
    decision: Verdict
    reason: str
    compared: Mapping[str, Json] = field(default_factory=dict[str, Json])
    advisory: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One rule that was looked at and has nothing against the call, with the values it compared."""

    rule: str
    compared: Mapping[str, Json]


def verdict(findings: Iterable[Finding]) -> Verdict:
    """The strictest decision among the findings that count; allow where there is none (rule 1)."""
    found = Verdict.ALLOW
    for finding in findings:
        if finding.advisory:
            continue
        if finding.decision is Verdict.DENY:
            return Verdict.DENY
        if finding.decision is Verdict.HOLD:
            found = Verdict.HOLD
    return found
