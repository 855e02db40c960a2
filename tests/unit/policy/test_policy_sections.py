"""The sections above the tools: version, agent, roles, environments, tiers, approvers, and what an unknown name gets."""

import pytest
from tests.unit.policy.policies import TOOLS, loads, refund_policy, refused

from dueprocess.policy import (
    AgentLimits,
    Approvers,
    Environment,
    Escalate,
    Escalation,
    Mode,
    Retries,
    Role,
    Tier,
    Verdict,
)
from dueprocess.tool import Effect
from dueprocess.values import ZERO, Duration, Money, seconds


def test_the_version_is_one_or_not_written():
    loads("policy: 1\ntools: {}")
    for wrong in ("0", "2", "'1'", "1.0", "true"):
        problems = refused(f"policy: {wrong}")
        assert problems[-1].endswith("expected 1, the version of the policy language that is read here")


def test_without_an_agent_key_the_defaults_hold():
    agent = loads("tools: {}").agent

    assert agent == AgentLimits()
    assert agent.max_tool_calls == 20
    assert agent.max_wall_clock == seconds(300)
    assert agent.max_model_spend == ZERO
    assert agent.on_budget_exceeded is Escalation.HANDOFF
    assert agent.on_tool_error_retries_exhausted is Escalation.HANDOFF
    assert agent.clock_includes_suspension is False


def test_what_an_agent_key_leaves_out_is_the_default():
    assert loads("agent: {}").agent == AgentLimits()
    assert loads("agent: {max_tool_calls: 3}").agent == AgentLimits(max_tool_calls=3)
    assert loads("agent: {max_model_spend_usd: 1}").agent == AgentLimits(max_model_spend=Money(1_000_000))
    assert loads("agent: {escalation: {}}").agent == AgentLimits()


@pytest.mark.parametrize(
    ("written", "micros"), [("90", 90_000_000), ("0.5", 500_000), ("0.000001", 1), ("1.25", 1_250_000)]
)
def test_seconds_are_exact(written: str, micros: int):
    assert loads(f"agent: {{max_wall_clock_seconds: {written}}}").agent.max_wall_clock == Duration(micros)


@pytest.mark.parametrize("wrong", ["0", "0.0", "-1", "90s", "'90'", "true", "1e2", "0.0000001"])
def test_a_wall_clock_that_is_no_time_does_not_load(wrong: str):
    (problem,) = refused(f"agent: {{max_wall_clock_seconds: {wrong}}}")
    assert problem.startswith("line 1: agent.max_wall_clock_seconds: got ")
    assert problem.endswith("expected a number of seconds above 0, with at most 6 decimals")


def test_the_clock_includes_suspension_or_is_not_written():
    assert refused("agent: {clock: exclude_suspension}") == [
        "line 1: agent.clock: got the text 'exclude_suspension'; expected include_suspension, or nothing"
    ]
    assert refused("agent: {clock: true}") == ["line 1: agent.clock: got 'true'; expected text"]


def test_retries_are_the_defaults_of_tools_and_tools_may_differ():
    agent = "agent: {retries: {max_attempts: 2, backoff_seconds: [0.5, 0], timeout_seconds: 7}}\n"
    policy = loads(agent + "tools: {a: {allowed: true}, b: {allowed: true, retries: {max_attempts: 9}}}")

    expected = Retries(max_attempts=2, backoff=(Duration(500_000), Duration(0)), timeout=seconds(7))
    assert policy.agent.retries == expected
    assert policy.tools["a"].retries == expected
    assert policy.tools["b"].retries == Retries(max_attempts=9, backoff=expected.backoff, timeout=expected.timeout)
    assert loads("agent: {retries: {backoff_seconds: []}}").agent.retries.backoff == ()
    assert loads("agent: {retries: {}}").agent.retries == Retries()
    assert Retries() == Retries(max_attempts=3, backoff=(seconds(1), seconds(5)), timeout=seconds(20))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("max_attempts: 0", "agent.retries.max_attempts: got '0'; expected a whole number from 1 to 1000000000"),
        ("max_attempts: 101", "agent.retries.max_attempts: got '101'; expected at most 100"),
        ("backoff_seconds: 1", "agent.retries.backoff_seconds: got '1'; expected a list"),
        ("backoff_seconds: [x]", "agent.retries.backoff_seconds[0]: got the text 'x'; expected an amount"),
        ("timeout_seconds: 0", "agent.retries.timeout_seconds: got '0'; expected a number of seconds above 0"),
        ("attempts: 1", "agent.retries.attempts: unknown key 'attempts'; did you mean 'max_attempts'?"),
    ],
)
def test_retries_that_cannot_be_do_not_load(keys: str, problem: str):
    (found,) = refused(f"agent: {{retries: {{{keys}}}}}")
    assert found.startswith(f"line 1: {problem}")


def test_a_hundred_attempts_are_the_most():
    assert loads("agent: {retries: {max_attempts: 100}}").agent.retries.max_attempts == 100


def test_roles_have_members_and_may_require_a_user():
    policy = loads(
        """
        roles:
          support_agent: {members: ["agent:support", "user:ann"], on_behalf_of: required}
          batch: {members: ["agent:batch"]}
        """
    )

    assert policy.roles == {
        "support_agent": Role(
            name="support_agent", members=frozenset({"agent:support", "user:ann"}), on_behalf_of_required=True
        ),
        "batch": Role(name="batch", members=frozenset({"agent:batch"})),
    }


@pytest.mark.parametrize(
    ("role", "problem"),
    [
        ("{}", "roles.r: the key members is missing"),
        ("{members: []}", "roles.r.members: got an empty list; expected at least one entry"),
        ("{members: agent:a}", "roles.r.members: got the text 'agent:a'; expected a list"),
        ("{members: ['agent:a', 'agent:a']}", "roles.r.members: 'agent:a' is listed twice"),
        (
            "{members: ['agent:a@1']}",
            "roles.r.members[0]: 'agent:a@1' is not a member; expected agent:NAME or user:NAME",
        ),
        ("{members: ['group:a']}", "roles.r.members[0]: 'group:a' is not a member"),
        ("{members: [support]}", "roles.r.members[0]: 'support' is not a member"),
        ("{members: ['agent:']}", "roles.r.members[0]: 'agent:' is not a member"),
        ("{members: ['agent:a b']}", "roles.r.members[0]: 'agent:a b' is not a principal"),
        ("{members: [1]}", "roles.r.members[0]: got '1'; expected a principal"),
        (
            "{members: ['agent:a'], on_behalf_of: optional}",
            "roles.r.on_behalf_of: got the text 'optional'; expected required",
        ),
        ("{members: ['agent:a'], on_behalf_of: true}", "roles.r.on_behalf_of: got 'true'; expected text"),
        ("{member: ['agent:a']}", "roles.r.member: unknown key 'member'; did you mean 'members'?"),
        ("[]", "roles.r: got a list; expected a mapping"),
    ],
)
def test_roles_that_cannot_be_do_not_load(role: str, problem: str):
    assert any(found.startswith(f"line 1: {problem}") for found in refused(f"roles: {{r: {role}}}"))


def test_environments_enforce_unless_they_are_shadow():
    policy = loads("environments: {prod: {mode: enforce}, staging: {mode: shadow}, dev: {}}")

    assert policy.environments == {
        "prod": Environment(name="prod", mode=Mode.ENFORCE),
        "staging": Environment(name="staging", mode=Mode.SHADOW),
        "dev": Environment(name="dev", mode=Mode.ENFORCE),
    }
    assert policy.mode("staging") is Mode.SHADOW
    assert policy.mode("prod") is Mode.ENFORCE
    assert policy.mode("never-heard-of") is Mode.ENFORCE
    assert loads("tools: {}").mode("prod") is Mode.ENFORCE
    assert refused("environments: {prod: {mode: enforced}}") == [
        "line 1: environments.prod.mode: unknown value 'enforced'; did you mean 'enforce'?"
    ]


def test_tiers_have_an_effect_and_what_untrusted_control_does():
    policy = loads(
        "tiers: {read: {effect: read}, critical: {effect: write, on_untrusted_control: deny}, w: {on_untrusted_control: hold}}"
    )

    assert policy.tiers == {
        "read": Tier(name="read", effect=Effect.READ),
        "critical": Tier(name="critical", effect=Effect.WRITE, on_untrusted_control=Verdict.DENY),
        "w": Tier(name="w", on_untrusted_control=Verdict.HOLD),
    }
    assert refused("tiers: {t: {effect: delete, on_untrusted_control: allow}}") == [
        "line 1: tiers.t.effect: unknown value 'delete'; expected one of: read, write",
        "line 1: tiers.t.on_untrusted_control: unknown value 'allow'; expected one of: deny, hold",
    ]


def test_approvers_with_every_key():
    policy = loads(
        """
        approvers:
          refunds: {any_of: ["group:finance", "user:ann"], quorum: 2, expires_after: 4h, execute_within: 90s,
                    remind: [30m, 2h], escalate: {after: 3h, to: "group:finance-leads"}, on_timeout: stop,
                    editable: [amount_usd]}
          keys: {all_of: ["group:sre", "group:security"], quorum: 3, expires_after: 1d}
        """
    )

    assert policy.approvers["refunds"] == Approvers(
        name="refunds",
        any_of=("group:finance", "user:ann"),
        quorum=2,
        expires_after=seconds(4 * 3600),
        execute_within=seconds(90),
        remind=(seconds(1800), seconds(7200)),
        escalate=Escalate(after=seconds(3 * 3600), to="group:finance-leads"),
        on_timeout=Escalation.STOP,
        editable=("amount_usd",),
    )
    assert policy.approvers["keys"].all_of == ("group:sre", "group:security")
    assert policy.approvers["keys"].quorum == 3


def test_what_approvers_leave_out_is_the_default():
    (one,) = loads('approvers: {default: {any_of: ["group:leads"]}}').approvers.values()

    assert one == Approvers(name="default", any_of=("group:leads",))
    assert (one.quorum, one.expires_after, one.execute_within) == (1, seconds(24 * 3600), seconds(15 * 60))
    assert (one.remind, one.escalate, one.on_timeout, one.editable) == ((), None, Escalation.HANDOFF, ())


def test_a_quorum_that_is_not_written_is_one_for_each_entry_of_all_of():
    assert loads('approvers: {a: {all_of: ["group:x", "group:y"]}}').approvers["a"].quorum == 2
    assert loads('approvers: {a: {any_of: ["group:x", "group:y"]}}').approvers["a"].quorum == 1
    assert loads('approvers: {a: {all_of: ["group:x"], quorum: 2}}').approvers["a"].quorum == 2
    assert loads('approvers: {a: {all_of: ["group:x", "group:y"], quorum: 2}}').approvers["a"].quorum == 2


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("", "approvers.a: nobody is named; expected any_of or all_of"),
        ("any_of: []", "approvers.a.any_of: got an empty list"),
        (
            "any_of: ['group:a'], expires_after: [4h]",
            "approvers.a.expires_after: got a list; expected a duration above 0",
        ),
        ("any_of: [1]", "approvers.a.any_of[0]: got '1'; expected an approver"),
        ("any_of: [finance]", "approvers.a.any_of[0]: 'finance' is not an approver; expected group:NAME or user:NAME"),
        ("any_of: ['agent:x']", "approvers.a.any_of[0]: 'agent:x' is not an approver"),
        ("any_of: ['group:']", "approvers.a.any_of[0]: 'group:' is not an approver"),
        ("any_of: ['group:a', 'group:a']", "approvers.a.any_of: 'group:a' is listed twice; expected each entry once"),
        ("any_of: ['group:a'], quorum: 0", "approvers.a.quorum: got '0'; expected a whole number from 1"),
        ("any_of: ['group:a'], quorum: '1'", "approvers.a.quorum: got the text '1'; expected a whole number"),
        (
            "all_of: ['group:a', 'group:b'], quorum: 1",
            "approvers.a.quorum: a quorum of 1 is less than the 2 entries of all_of",
        ),
        ("any_of: ['group:a'], expires_after: 4", "approvers.a.expires_after: got '4'; expected a duration above 0"),
        (
            "any_of: ['group:a'], expires_after: 0s",
            "approvers.a.expires_after: got the text '0s'; expected a duration above 0",
        ),
        (
            "any_of: ['group:a'], execute_within: 4 h",
            "approvers.a.execute_within: got the text '4 h'; expected a duration",
        ),
        ("any_of: ['group:a'], remind: 30m", "approvers.a.remind: got the text '30m'; expected a list"),
        ("any_of: ['group:a'], escalate: {after: 1h}", "approvers.a.escalate: the key to is missing"),
        ("any_of: ['group:a'], escalate: {to: 'group:b'}", "approvers.a.escalate: the key after is missing"),
        ("any_of: ['group:a'], escalate: {after: 1h, to: ann}", "approvers.a.escalate.to: 'ann' is not an approver"),
        ("any_of: ['group:a'], on_timeout: allow", "approvers.a.on_timeout: unknown value 'allow'"),
        (
            "any_of: ['group:a'], editable: amount_usd",
            "approvers.a.editable: got the text 'amount_usd'; expected a list",
        ),
        ("anyof: ['group:a']", "approvers.a.anyof: unknown key 'anyof'; did you mean 'any_of'?"),
    ],
)
def test_approvers_that_cannot_be_do_not_load(keys: str, problem: str):
    assert any(found.startswith(f"line 1: {problem}") for found in refused(f"approvers: {{a: {{{keys}}}}}"))


def test_a_tool_is_approved_by_those_it_names_else_by_the_default_else_by_the_group_approvers():
    policy = loads(
        """
        approvers: {default: {any_of: ["group:leads"]}, refunds: {any_of: ["group:finance"]}}
        tools: {a: {allowed: true, approvers: refunds}, b: {allowed: true}}
        """
    )
    assert policy.approvers_of("a").any_of == ("group:finance",)
    assert policy.approvers_of("b").any_of == ("group:leads",)
    assert policy.approvers_of("unlisted").any_of == ("group:leads",)
    implicit = loads("tools: {b: {allowed: true}}").approvers_of("b")
    assert implicit == Approvers(name="approvers", any_of=("group:approvers",), quorum=1)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("tier: writ", "tools.t.tier: unknown tier 'writ'; did you mean 'write'?"),
        ("tier: 1", "tools.t.tier: got '1'; expected the name of tier"),
        ("roles: [suport]", "tools.t.roles[0]: unknown role 'suport'; did you mean 'support'?"),
        ("roles: []", "tools.t.roles: got an empty list; expected at least one entry"),
        ("roles: support", "tools.t.roles: got the text 'support'; expected a list"),
        ("environments: [prd]", "tools.t.environments[0]: unknown environment 'prd'; did you mean 'prod'?"),
        ("environments: [qa]", "tools.t.environments[0]: unknown environment 'qa'; expected one of: prod, staging"),
        ("approvers: refund", "tools.t.approvers: unknown approvers 'refund'; did you mean 'refunds'?"),
        ("max_amont_usd: 5", "tools.t.max_amont_usd: unknown key 'max_amont_usd'; did you mean 'max_amount_usd'?"),
        ("egress: internal", "tools.t.egress: unknown value 'internal'; did you mean 'external'?"),
    ],
)
def test_an_unknown_name_does_not_load_and_names_the_nearest(keys: str, problem: str):
    text = f"""\
roles: {{support: {{members: ["agent:a"]}}}}
environments: {{staging: {{}}}}
tiers: {{write: {{effect: write}}}}
approvers: {{refunds: {{any_of: ["group:f"]}}}}
tools: {{t: {{allowed: true, {keys}}}}}
"""
    assert refused(text) == [f"line 5: {problem}"]


def test_prod_is_an_environment_without_being_declared():
    assert loads("tools: {t: {allowed: true, environments: [prod]}}").tools["t"].environments == ("prod",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tool: {}", "line 1: tool: unknown key 'tool'; did you mean 'tools'?"),
        ("agent: {max_calls: 1}", "line 1: agent.max_calls: unknown key 'max_calls'; did you mean 'max_tool_calls'?"),
        ("agent: []", "line 1: agent: got a list; expected a mapping"),
        ("agent:", "line 1: agent: got nothing; expected a mapping"),
        ("tools:", "line 1: tools: got nothing; expected a mapping"),
        ("tools: {a: }", "line 1: tools.a: got nothing; expected a mapping"),
        ("tools: {a: true}", "line 1: tools.a: got 'true'; expected a mapping"),
        ("tools: {'': {allowed: true}}", "line 1: tools.: '' is not the name of a tool"),
        ("tools: {'a b': {allowed: true}}", "line 1: tools.a b: 'a b' is not the name of a tool"),
        ('tools: {"a\\u202Eb": {allowed: true}}', "line 1: tools.a\\u202eb: 'a\\u202eb' is not the name of a tool"),
        ("roles: 1", "line 1: roles: got '1'; expected a mapping"),
        ("environments: [prod]", "line 1: environments: got a list; expected a mapping"),
        ("zzz: 1", "line 1: zzz: unknown key 'zzz'; expected one of: agent, approvers, environments, policy, roles, "),
    ],
)
def test_unknown_keys_and_wrong_types_do_not_load(text: str, problem: str):
    (found,) = refused(text)
    assert found.startswith(problem)


def test_a_name_has_at_most_128_characters():
    assert list(loads(f"tools: {{{'a' * 128}: {{allowed: true}}}}").tools) == ["a" * 128]
    (problem,) = refused(f"tools: {{{'a' * 129}: {{allowed: true}}}}")
    assert problem.endswith("is not the name of a tool; expected at most 128 visible characters without blanks")


def test_a_tool_that_does_not_exist_does_not_load():
    assert refused("tools:\n  isue_refund: {allowed: true}\n", tools=TOOLS) == [
        "line 2: tools.isue_refund: unknown tool 'isue_refund'; did you mean 'issue_refund'?"
    ]
    assert refused("tools: {x: {allowed: true}}", tools={}) == [
        "line 1: tools.x: unknown tool 'x'; there is none to name"
    ]


def test_every_problem_is_told_at_once_in_file_order():
    problems = refused(
        """\
agent: {max_tool_calls: many}
tools:
  issue_refund:
    allowed: yes
    tier: none
  isue: {}
polcy: 1
""",
        tools=TOOLS,
    )

    assert [problem.split(": ")[:2] for problem in problems] == [
        ["line 1", "agent.max_tool_calls"],
        ["line 4", "tools.issue_refund.allowed"],
        ["line 5", "tools.issue_refund.tier"],
        ["line 6", "tools.isue"],
        ["line 6", "tools.isue"],
        ["line 7", "polcy"],
    ]


def test_a_policy_without_tools_loads_and_allows_nothing():
    policy = loads("agent: {max_tool_calls: 1}")

    assert policy.tools == {}
    assert [str(warning) for warning in policy.warnings] == ["tools: no tool is listed: every call is denied"]


@pytest.mark.parametrize(
    ("kind", "tier", "effect"),
    [
        (Effect.READ, None, Effect.READ),
        (Effect.READ, "read", Effect.READ),
        (Effect.READ, "write", Effect.WRITE),
        (Effect.READ, "plain", Effect.READ),
        (Effect.WRITE, None, Effect.WRITE),
        (Effect.WRITE, "read", Effect.WRITE),
        (Effect.WRITE, "write", Effect.WRITE),
        (None, None, Effect.WRITE),
        (None, "read", Effect.READ),
        (None, "plain", Effect.WRITE),
    ],
)
def test_a_write_by_kind_or_tier_is_a_write(kind: Effect | None, tier: str | None, effect: Effect):
    from dueprocess.tool import ToolSpec

    tools = None if kind is None else {"issue_refund": ToolSpec(name="issue_refund", effect=kind)}
    policy = refund_policy(
        f"tier: {tier}" if tier else "egress: external",
        tools=tools,
        above="tiers: {read: {effect: read}, write: {effect: write}, plain: {}}\n",
    )

    assert policy.tools["issue_refund"].effect is effect
    assert policy.tools["issue_refund"].tier == tier
