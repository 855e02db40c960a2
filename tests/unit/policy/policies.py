"""Policies and calls for tests, written short. Nothing here is asserted."""

from collections.abc import Mapping
from textwrap import dedent

import pytest

from dueprocess.errors import FileInvalid
from dueprocess.policy import Finding, Policy, PolicyCall, Principal, Verdict, decide, load, verdict
from dueprocess.policy.expression import Condition
from dueprocess.policy.program import together
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json, parse

SEED = """\
# agent-policy.yaml, the seed dialect
agent:
  max_wall_clock_seconds: 90
  max_tool_calls: 8
  max_model_spend_usd: 0.35
  escalation:
    on_budget_exceeded: "handoff_to_human"
    on_tool_error_retries_exhausted: "handoff_to_human"
tools:
  issue_refund:
    allowed: true
    max_amount_usd: 50
    require_approval_over_usd: 25
    require_citation: true
  update_crm_record:
    allowed: true
    allowed_fields: ["email", "phone", "shipping_address"]
  run_sql_query:
    allowed: true
    mode: "parameterized_only"
    row_level_security: true
"""


def tool(
    name: str, properties: Mapping[str, Json] | None = None, *, effect: Effect = Effect.WRITE, **more: Json
) -> ToolSpec:
    schema: dict[str, Json] = {"type": "object", "properties": dict(properties or {}), **more}
    return ToolSpec(name=name, parameters=schema, effect=effect)


REFUND = tool(
    "issue_refund",
    {
        "amount_usd": {"type": "number"},
        "order_id": {"type": "string"},
        "customer_id": {"type": "string"},
        "currency": {"type": "string"},
        "card": {"type": "string"},
    },
)
CRM = tool("update_crm_record", {"customer_id": {"type": "string"}, "changes": {"type": "object"}})
SQL = tool("run_sql_query", {"sql": {"type": "string"}}, effect=Effect.READ)
TOOLS = {each.name: each for each in (REFUND, CRM, SQL)}


def loads(
    text: str,
    *,
    tools: Mapping[str, ToolSpec] | None = None,
    groups: Mapping[str, frozenset[str]] | None = None,
) -> Policy:
    return load(dedent(text).encode(), name="policy.yaml", tools=tools, groups=groups)


def refused(
    text: str | bytes,
    *,
    tools: Mapping[str, ToolSpec] | None = None,
    groups: Mapping[str, frozenset[str]] | None = None,
) -> list[str]:
    """What is wrong, one line a problem, as a user reads it."""
    content = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(FileInvalid) as raised:
        load(content, name="policy.yaml", tools=tools, groups=groups)
    return [str(problem) for problem in raised.value.problems]


def refund_policy(keys: str, *, tools: Mapping[str, ToolSpec] | None = None, above: str = "") -> Policy:
    """A policy with one tool, issue_refund, that has these keys."""
    return loads(f"{dedent(above)}tools:\n  issue_refund:\n    allowed: true\n{_indented(keys)}", tools=tools)


def refund_refused(
    keys: str, *, tools: Mapping[str, ToolSpec] | None = None, above: str = "", beside: str = ""
) -> list[str]:
    text = f"{dedent(above)}tools:\n  issue_refund:\n    allowed: true\n{_indented(keys)}{beside}"
    return refused(text, tools=tools)


def _indented(keys: str) -> str:
    return "".join(f"    {line}\n" for line in dedent(keys).strip().splitlines())


def ask(
    policy: Policy,
    arguments: Mapping[str, Json] | str,
    *,
    tool: str = "issue_refund",
    principal: Principal | None = None,
    environment: str = "prod",
    resolved: int = 0,
    unresolved: tuple[str, ...] = (),
) -> tuple[Finding, ...]:
    """The findings against one call; arguments as data or as JSON text."""
    if isinstance(arguments, str):
        read = parse(arguments)
        assert isinstance(read, dict)
        arguments = read
    return decide(
        policy,
        PolicyCall(
            tool=tool,
            arguments=arguments,
            principal=principal,
            environment=environment,
            resolved=resolved,
            unresolved=unresolved,
        ),
    )


def holds(condition: Condition, arguments: Mapping[str, Json]) -> bool:
    """Whether one condition holds; raises why it cannot be answered."""
    for _, error in together([condition])(arguments):
        if error is not None:
            raise error
        return True
    return False


def said(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Rule and decision of each finding that counts."""
    return [(finding.rule, finding.decision.value) for finding in findings if not finding.advisory]


def decided(findings: tuple[Finding, ...]) -> str:
    return verdict(findings).value


ALLOW, HOLD, DENY = Verdict.ALLOW.value, Verdict.HOLD.value, Verdict.DENY.value
