"""A file that uses every key of the language: it loads, and each key ends where it belongs."""

from tests.unit.policy.policies import ask, loads, said

from dueprocess.policy import Verdict
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json
from dueprocess.values.trust import UNLABELLED, Audience, Integrity, Label

EVERYTHING = """\
policy: 1
agent:
  max_tool_calls: 8
  retries: {max_attempts: 3, backoff_seconds: [1, 5], timeout_seconds: 20}     # defaults for tools
roles:                             # membership comes from identity, never from arguments; matched before the @
  support_agent: {members: ["agent:support"], on_behalf_of: required}
environments: {prod: {mode: enforce}, staging: {mode: shadow}}                 # the environment comes from settings
tiers:                             # risk tiers: defaults that a tool inherits
  read:     {effect: read}
  write:    {effect: write, on_untrusted_control: hold}
  critical: {effect: write, on_untrusted_control: deny}
approvers:
  default: {any_of: ["group:leads"], quorum: 1}
  refunds: {any_of: ["group:finance"], quorum: 1, expires_after: 4h, execute_within: 15m, remind: [30m, 2h],
            escalate: {after: 3h, to: "group:finance-leads"}, on_timeout: handoff_to_human, editable: [amount_usd]}
  keys:    {all_of: ["group:sre", "group:security"], quorum: 2, expires_after: 1h}
sources:                           # labels of what enters the context; unlabelled = untrusted, internal
  kb.search: {integrity: operator}
  read_email: {integrity: untrusted, audience: internal, fields: {"$.id": system_id}}
  crm.lookup: {integrity: directory, audience: confidential}
tools:
  get_order: {allowed: true, tier: read}
  verify_identity: {allowed: true, tier: read}
  issue_refund:
    allowed: true
    tier: critical
    max_amount_usd: 50
    require_approval_over_usd: 25
    roles: [support_agent]
    environments: [prod, staging]
    bind: {amount: $.amount_usd, subject: $.customer_id}
    approvers: refunds
    control: [order_id, customer_id]                  # must be vouched once the run is tainted; default for a write: every argument
    bounded: [amount_usd]                             # not vouched, because thresholds and windows bound it (both required)
    content: [reason]
    limits:                                           # sliding windows; close splitting
      - {count: 3, per: [$.customer_id], window: 24h, over: hold}
      - {sum: amount, max_usd: 100, per: [$.customer_id], window: 30d, over: deny}
    checks:                                           # evidence: typed predicates over recorded results
      - {name: recent, from: get_order, where: {id: $.order_id}, assert: "result.age_days <= 30", max_age: 10m}
      - {name: same_customer, from: get_order, where: {id: $.order_id}, assert: "result.customer_id == args.customer_id"}
    rules:
      - {id: usd-only, when: "has(args.currency) && args.currency != 'USD'", then: deny, why: "USD only"}
    rate: {count: 30, window: 1m}
    idempotency_key: [$.order_id]
    redact: [$.card]
  send_email: {allowed: true, tier: write, control: [to, cc, bcc, attachments], content: [subject, body], egress: external}
temporal:
  - {id: no-exfil, never: {after: {audience: ">=confidential"}, then: {egress: external}}, effect: deny}
  - {id: verify-first, before: issue_refund, require: {tool: verify_identity, where: {customer_id: $.customer_id}, within: 15m},
     effect: deny}
  - {id: once, at_most: 1, of: {tool: issue_refund, same: [order_id]}, effect: hold}
tests:
  - {name: 51 is denied, call: {tool: issue_refund, args: {amount_usd: 51, order_id: "A1", customer_id: "c1"}},
     expect: {decision: deny, rule: issue_refund.max_amount_usd}}
"""


def spec(name: str, *arguments: str, effect: Effect = Effect.READ) -> ToolSpec:
    properties: dict[str, Json] = {key: {"type": "string"} for key in arguments}
    if "amount_usd" in properties:
        properties["amount_usd"] = {"type": "number"}
    return ToolSpec(name=name, parameters={"type": "object", "properties": properties}, effect=effect)


TOOLS = {
    each.name: each
    for each in (
        spec("get_order", "id"),
        spec("verify_identity", "customer_id"),
        spec(
            "issue_refund",
            *("amount_usd", "order_id", "customer_id", "currency", "card", "reason"),
            effect=Effect.WRITE,
        ),
        spec("send_email", "to", "cc", "bcc", "attachments", "subject", "body", effect=Effect.WRITE),
        spec("kb.search", "query"),
        spec("read_email", "id"),
        spec("crm.lookup", "id"),
    )
}


def test_it_loads_with_and_without_the_tools():
    for policy in (loads(EVERYTHING), loads(EVERYTHING, tools=TOOLS)):
        assert list(policy.tools) == ["get_order", "verify_identity", "issue_refund", "send_email"]
        assert set(policy.approvers) == {"default", "refunds", "keys"}
        assert set(policy.tiers) == {"read", "write", "critical"}
        assert policy.agent.max_tool_calls == 8
        assert [test.name for test in policy.tests] == ["51 is denied"]


def test_each_key_ends_where_it_belongs():
    policy = loads(EVERYTHING, tools=TOOLS)
    refund, email = policy.tools["issue_refund"], policy.tools["send_email"]

    assert (refund.control, refund.bounded, refund.content) == (
        ("order_id", "customer_id"),
        ("amount_usd",),
        ("reason",),
    )
    assert (email.control, email.content) == (("to", "cc", "bcc", "attachments"), ("subject", "body"))
    assert (refund.on_untrusted_control, email.on_untrusted_control) == (Verdict.DENY, Verdict.HOLD)
    assert [(each.count, each.over) for each in refund.limits] == [(3, Verdict.HOLD), (None, Verdict.DENY)]
    assert policy.source_of("crm.lookup").label == Label(integrity=Integrity.DIRECTORY, audience=Audience.CONFIDENTIAL)
    assert policy.source_of("read_email").fields == ((("id",), Integrity.SYSTEM_ID),)
    assert policy.source_of("get_order") == UNLABELLED
    assert [(each.name, each.source, each.where) for each in refund.checks] == [
        ("recent", "get_order", (("id", ("order_id",)),)),
        ("same_customer", "get_order", (("id", ("order_id",)),)),
    ]
    assert [each.id for each in policy.temporal] == ["no-exfil", "verify-first", "once"]


def test_what_is_enforced_speaks_as_well():
    policy = loads(EVERYTHING, tools=TOOLS)

    assert ask(policy, {"id": "A1"}, tool="get_order") == ()
    found = said(ask(policy, {"amount_usd": 51, "order_id": "A1", "customer_id": "c1", "currency": "EUR"}))
    assert [(rule, decision) for rule, decision in found] == [
        ("issue_refund.roles", Verdict.DENY.value),
        ("issue_refund.max_amount_usd", Verdict.DENY.value),
        ("issue_refund.require_approval_over_usd", Verdict.HOLD.value),
        ("issue_refund.rules.usd-only", Verdict.DENY.value),
    ]
