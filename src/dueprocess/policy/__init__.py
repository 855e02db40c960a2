"""The policy file and what it decides of one call, without state.

Counters, approvals, schemas and citations are other rooms'.
"""

from dueprocess.policy.arguments import key_text
from dueprocess.policy.call import DEFAULT_ENVIRONMENT, PolicyCall, Principal
from dueprocess.policy.decide import decide, explain, unlisted
from dueprocess.policy.document import (
    AgentLimits,
    Approvers,
    ArgumentPath,
    Egress,
    Environment,
    Escalate,
    Escalation,
    Mode,
    Policy,
    PolicyTest,
    Rate,
    Retries,
    Role,
    Rule,
    Tier,
    ToolPolicy,
)
from dueprocess.policy.finding import Finding, Passed, Verdict, verdict
from dueprocess.policy.load import load

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "AgentLimits",
    "Approvers",
    "ArgumentPath",
    "Egress",
    "Environment",
    "Escalate",
    "Escalation",
    "Finding",
    "Mode",
    "Passed",
    "Policy",
    "PolicyCall",
    "PolicyTest",
    "Principal",
    "Rate",
    "Retries",
    "Role",
    "Rule",
    "Tier",
    "ToolPolicy",
    "Verdict",
    "decide",
    "explain",
    "key_text",
    "load",
    "unlisted",
    "verdict",
]
