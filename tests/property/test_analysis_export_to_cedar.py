"""Exported policies, asked of Cedar itself, against the decider: what can be exported means the same there."""

import random
from collections import Counter
from collections.abc import Sequence

import cedarpy
import pytest
from tests.property.test_policy_against_cedar import TOOL, asked, our_call, ours, policy

from dueprocess.analysis.cedar import Exported, to_cedar
from dueprocess.analysis.cedar_request import cedar_requests
from dueprocess.errors import BadValue
from dueprocess.policy import Policy, PolicyCall, Principal, Verdict, decide, load, verdict
from dueprocess.tool import ToolSpec
from dueprocess.values import Json

SEED = 20261201
POLICIES, CALLS = 80, 25
TOOLS = {TOOL.name: TOOL}


def exported(of: Policy) -> Exported:
    found = to_cedar(of, TOOLS, lossy=False)
    checked = cedarpy.validate_policies(found.policies, found.schema)
    assert checked.validation_passed, (found.policies, checked.errors)
    return found


def of_cedar(found: Exported, of: Policy, calls: Sequence[PolicyCall]) -> list[Verdict]:
    pairs = [cedar_requests(of.tools[TOOL.name], TOOL, call) for call in calls]
    policies = cedarpy.PolicySet.from_str(found.policies)
    asked_ = [request for pair in pairs for request in pair]
    results = cedarpy.is_authorized_batch(asked_, policies, [], schema=found.schema)
    assert not [result.diagnostics.errors for result in results if result.diagnostics.errors]
    allowed = [result.decision is cedarpy.Decision.Allow for result in results]
    return [
        Verdict.ALLOW if run else Verdict.HOLD if request else Verdict.DENY
        for request, run in zip(allowed[::2], allowed[1::2], strict=True)
    ]


@pytest.mark.slow
def test_what_is_exported_decides_as_the_file_does():
    rng = random.Random(SEED)
    counted: Counter[Verdict] = Counter()
    for _ in range(POLICIES):
        written = policy(rng)
        loaded = ours(written)
        found = exported(loaded)
        assert found.forbidden == ()
        calls = [our_call(asked(rng, written)) for _ in range(CALLS)]
        for call, theirs in zip(calls, of_cedar(found, loaded, calls), strict=True):
            expected = verdict(decide(loaded, call))
            assert theirs is expected, (written, call, found.policies)
            counted[expected] += 1
    assert min(counted[each] for each in Verdict) > POLICIES * CALLS / 10, counted


def test_the_comparison_finds_an_export_that_is_wrong_by_a_cent():
    """The negative control."""
    text = "tools: {issue_refund: {allowed: true, max_amount_usd: 10}}"
    loaded = load(text.encode(), name="policy", tools=TOOLS)
    found = exported(loaded)
    call = PolicyCall(tool=TOOL.name, arguments={"amount_usd": "10.01"})
    assert of_cedar(found, loaded, [call]) == [Verdict.DENY]
    loose = Exported(
        policies=found.policies.replace("> 1000 ", "> 1001 "), schema=found.schema, missing=(), forbidden=()
    )
    assert loose.policies != found.policies
    assert of_cedar(loose, loaded, [call]) != [verdict(decide(loaded, call))]


def test_a_mode_that_only_records_is_exported_as_one_and_what_cannot_be_read_denies_there_too():
    text = """
environments: {qa: {mode: shadow}}
tools: {issue_refund: {allowed: true, max_amount_usd: 10, rules: [{id: a, when: "args.currency != 'USD'", then: deny}]}}
"""
    loaded = load(text.encode(), name="policy", tools=TOOLS)
    calls = [
        PolicyCall(tool=TOOL.name, environment=where, arguments=arguments)
        for where in ("prod", "qa")
        for arguments in (
            {"amount_usd": 11, "currency": "USD"},
            {"amount_usd": 9, "currency": "USD"},
            {"amount_usd": 9, "currency": "EUR"},
            {"amount_usd": 9},
            {"amount_usd": "nine", "currency": "USD"},
        )
    ]
    expected = [verdict(decide(loaded, call)) for call in calls]
    assert of_cedar(exported(loaded), loaded, calls) == expected
    assert expected.count(Verdict.ALLOW) == 4


ACT = ToolSpec(
    name="act",
    parameters={
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}},
            "ids": {"type": "array", "items": {"type": "integer"}},
            "on": {"type": "boolean"},
            "other": {"type": "boolean"},
            "name": {"type": "string"},
            "to": {"type": "object", "properties": {"city": {"type": "string"}, "floor": {"type": "integer"}}},
        },
    },
)
CONDITIONS = [
    "args.tags.exists(t, t == 'a')",
    "args.tags.exists(t, t in ['a', 'b'])",
    "args.tags.all(t, t in ['a', 'b'])",
    "-3 in args.ids",
    "args.to.city == 'x' || args.to.floor < 0",
    "has(args.to.city) && args.to['city'].startsWith('x')",
    "'city' in args.to",
    "args.on == args.other",
    "!args.on && args.name != '*'",
    "args.name in ['a', 'b'] || args.on",
    "true && !(false || args.on)",
    "args['name'].endsWith('*')",
]
CALLS_OF_ACT: list[dict[str, Json]] = [
    {},
    {"tags": [], "ids": [], "on": True, "other": True, "name": "*", "to": {}},
    {"tags": ["a"], "ids": [-3], "on": False, "other": True, "name": "a*", "to": {"city": "x"}},
    {"tags": ["a", "c"], "ids": [3], "on": False, "name": "b", "to": {"city": "y", "floor": -1}},
    {"tags": ["b", "b"], "on": True, "other": False, "name": "", "to": {"floor": 2}},
]


@pytest.mark.parametrize("when", CONDITIONS)
@pytest.mark.parametrize("then", ["hold", "deny"])
def test_a_condition_over_sets_and_records_means_the_same_in_cedar(when: str, then: str):
    text = f'tools: {{act: {{allowed: true, rules: [{{id: r, when: "{when}", then: {then}}}]}}}}'
    tools = {"act": ACT}
    loaded = load(text.encode(), name="policy", tools=tools)
    found = to_cedar(loaded, tools, lossy=False)
    assert found.forbidden == ()
    checked = cedarpy.validate_policies(found.policies, found.schema)
    assert checked.validation_passed, checked.errors
    policies = cedarpy.PolicySet.from_str(found.policies)
    for arguments in CALLS_OF_ACT:
        call = PolicyCall(tool="act", arguments=arguments)
        pair = cedar_requests(loaded.tools["act"], ACT, call)
        results = cedarpy.is_authorized_batch([*pair], policies, [], schema=found.schema)
        request, run = (result.decision is cedarpy.Decision.Allow for result in results)
        theirs = Verdict.ALLOW if run else Verdict.HOLD if request else Verdict.DENY
        assert theirs is verdict(decide(loaded, call)), (arguments, found.policies)


def test_a_call_through_sub_agents_is_no_single_request_of_cedar():
    loaded = load(b"tools: {act: {allowed: true}}", name="p", tools={"act": ACT})
    who = Principal(id="agent:support@1", through=("agent:support/finder",))
    call = PolicyCall(tool="act", arguments={}, principal=who)
    with pytest.raises(BadValue, match="expected a request for each of agent:support, agent:support/finder"):
        cedar_requests(loaded.tools["act"], ACT, call)
