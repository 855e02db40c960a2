"""The stateless decision of one call: every finding, and how it is explained.

Counters, approvals and schemas are the gate's matter.

Rule 1. What is not listed is denied.
Rule 2. All rules are asked; deny > hold > allow (see `finding`).
Rule 3. In a shadow environment findings are advisory, but those that always count.
"""

from dataclasses import replace

from dueprocess.policy.call import PolicyCall
from dueprocess.policy.document import Mode, Policy
from dueprocess.policy.finding import Finding, Passed, Verdict
from dueprocess.values.foreign import quoted, visible


def decide(policy: Policy, call: PolicyCall) -> tuple[Finding, ...]:
    """Every finding against this call, in a fixed order; none where all is allowed. Pure."""
    tool = policy.compiled.get(call.tool)
    if tool is None:
        return (unlisted(call.tool),)
    found: list[Finding] = []
    for test in tool.tests:
        found += test(call)
    if found and policy.mode(call.environment) is Mode.SHADOW:
        return tuple(finding if finding.always else replace(finding, advisory=True) for finding in found)
    return tuple(found)


def explain(policy: Policy, call: PolicyCall) -> tuple[Finding | Passed, ...]:
    """Every rule that was asked, those that passed too, with the values each compared."""
    against = {finding.rule: finding for finding in decide(policy, call)}
    tool = policy.compiled.get(call.tool)
    asked: list[Finding | Passed] = [
        against.pop(rule, None) or Passed(rule=rule, compared=values(call))
        for rule, values in (tool.values.items() if tool is not None else ())
    ]
    return (*asked, *against.values())


def unlisted(tool: str) -> Finding:
    """The finding for a tool that the policy does not list."""
    return Finding(
        rule="unlisted",
        decision=Verdict.DENY,
        reason=f"the policy does not list the tool {quoted(tool)}; names compare byte for byte",
        compared={"tool": visible(tool)},
        always=True,
    )
