"""The encoding of policies for the solver against the decider: at one call, both say the same."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.pinned import pinned
from tests.property.test_policy_against_cedar import TOOL, asked, our_call, ours, policy
from tests.property.test_policy_conditions_reference import CONDITIONS, GIVEN, Tree, written
from tests.unit.policy.policies import holds

from dueprocess.analysis.encode import encode_condition
from dueprocess.analysis.regions import common_ground, regions
from dueprocess.analysis.solver import Found, Impossible, solve
from dueprocess.analysis.symbol import arguments_symbol
from dueprocess.analysis.terms import Script, Term, equals, integer, negated
from dueprocess.errors import BadValue
from dueprocess.policy import Policy, PolicyCall, Verdict, decide, load, verdict
from dueprocess.policy.expression import compile_condition
from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import Type, type_of_arguments
from dueprocess.values import Json, canonical, parse

SEED = 20261129
ANY = type_of_arguments({"type": "object", "properties": {"p": {}, "q": {}, "r": {}}})
NARROW = type_of_arguments(
    {
        "type": "object",
        "properties": {
            "p": {"type": ["string", "number", "boolean", "null"]},
            "q": {"type": "array", "items": {"type": ["string", "number", "null"]}},
            "r": {"type": "object", "properties": {"k": {"type": ["integer", "string"]}, "a": {}}},
        },
    }
)
"""What can be told exactly of more conditions: of a list one can ask all items, of a closed object its size."""

FITTING = st.fixed_dictionaries(
    {},
    optional={
        "p": st.one_of(st.sampled_from(["a", "ab", "", "b"]), st.integers(-3, 3), st.booleans(), st.none()),
        "q": st.lists(st.one_of(st.sampled_from(["a", "ab", ""]), st.integers(-3, 3), st.none()), max_size=3),
        "r": st.dictionaries(st.sampled_from(["k", "a"]), st.sampled_from(["a", "ab", 1, 2]), max_size=2),
    },
)


def certain(script: Script, facts: list[Term], term: Term) -> bool:
    """Whether the facts, which leave nothing open, make it true; they never contradict themselves."""
    assert isinstance(solve(script, facts), Found)
    yes, no = solve(script, [*facts, term]), solve(script, [*facts, negated(term)])
    assert isinstance(yes, Found) != isinstance(no, Found), (yes, no)
    return isinstance(no, Impossible)


def agrees(tree: Tree, given_: dict[str, Json], typed: Type) -> None:
    source = written(tree)
    arguments = parse(canonical(given_))
    assert isinstance(arguments, dict)
    try:
        condition = compile_condition(source, arguments=typed)
    except BadValue:
        return  # it does not load
    script, facts = Script(), list[Term]()
    symbol = arguments_symbol(script, facts, typed)
    try:
        answered = encode_condition(source, symbol)
    except BadValue:
        return  # it has no exact terms, and is told so
    try:
        expected, fails = holds(condition, arguments), False
    except BadValue:
        expected, fails = False, True
    known = [*facts, pinned(symbol, arguments)]
    assert certain(script, known, answered.holds) is expected, (source, arguments)
    assert certain(script, known, answered.fails) is fails, (source, arguments)


@settings(max_examples=120, deadline=None)
@given(CONDITIONS, GIVEN)
def test_a_condition_holds_and_fails_in_the_encoding_as_it_does_when_asked(tree: Tree, given_: dict[str, Json]):
    agrees(tree, given_, ANY)


@settings(max_examples=200, deadline=None)
@given(CONDITIONS, FITTING)
def test_so_it_does_where_the_schema_says_more(tree: Tree, given_: dict[str, Json]):
    agrees(tree, given_, NARROW)


TEXTS = [
    "ann@corp.com",
    "ann@CORP.com",
    "x@corp.com.evil.io",
    "https://corp.com/a?b",
    "HTTP://a.corp.com:80",
    "https://corp.com.evil",
]
TEXTS += [
    "https://evil.io/@corp.com",
    "corp.com",
    "",
    "a@b",
    "a b@corp.com",
    "https://x@corp.com/",
    "x@xcorp.com",
    "https://corp.com\\a",
]
ASKED = ["domain(args.p) == 'corp.com'", "domain(args.p) != 'corp.com'", "domain(args.p) in ['corp.com', 'a.corp.com']"]
ASKED += [
    "domain(args.p).endsWith('corp.com')",
    "domain(args.p).endsWith('.corp.com')",
    "domain(args.p).startsWith('corp')",
]
ASKED += ["domain(args.p) == 'CORP.com'", "args.p.all(x, domain(x) == 'corp.com')", "args.p < 'b'", "'a' <= args.p"]


@pytest.mark.parametrize("source", ASKED)
def test_a_host_is_what_domain_says_it_is(source: str):
    condition = compile_condition(source, arguments=ANY)
    for text in TEXTS:
        arguments: dict[str, Json] = {"p": [text, "x@corp.com"] if ".all(" in source else text}
        try:
            expected, fails = holds(condition, arguments), False
        except BadValue:
            expected, fails = False, True
        script, facts = Script(), list[Term]()
        typed = type_of_arguments(
            {
                "type": "object",
                "properties": {"p": {"type": "array" if ".all(" in source else "string", "items": {"type": "string"}}},
            }
        )
        symbol = arguments_symbol(script, facts, typed)
        answered = encode_condition(source, symbol)
        known = [*facts, pinned(symbol, arguments)]
        assert certain(script, known, answered.holds) is expected, text
        assert certain(script, known, answered.fails) is fails, text


def said(policy: Policy, tool: ToolSpec, calls: list[PolicyCall]) -> list[Verdict]:
    """What the encoding says of calls."""
    ground = common_ground(tool.name, tool, [policy])
    script, arguments = ground.script, ground.arguments
    found = regions(policy, tool.name, ground)
    verdicts: list[Verdict] = []
    for call in calls:
        who, where = ground.callers.principals, ground.callers.environments
        member = None if call.principal is None else (call.principal.member, call.principal.on_behalf_of is not None)
        known = [None if each is None else (each.member, each.on_behalf_of is not None) for each in who]
        pins = [
            *ground.facts,
            pinned(arguments, {**call.arguments}),
            equals(ground.callers.principal, integer(known.index(member))),
            equals(ground.callers.environment, integer(where.index(call.environment))),
            ground.callers.cited if call.resolved else negated(ground.callers.cited),
        ]
        possible = [each for each in Verdict if isinstance(solve(script, [*pins, found.is_(each)]), Found)]
        assert len(possible) == 1, (call, possible)
        verdicts.append(possible[0])
    return verdicts


@pytest.mark.slow
def test_whole_policies_decide_in_the_encoding_as_the_decider_does():
    rng = random.Random(SEED)
    counted: Counter[Verdict] = Counter()
    for _ in range(28):
        drawn = policy(rng)
        loaded = ours(drawn)
        calls = [our_call(call) for call in (asked(rng, drawn) for _ in range(8)) if call.agent != "agent:other"]
        calls = [call for call in calls if len(call.arguments["tags"]) <= 3]  # type: ignore[arg-type]
        for call, encoded in zip(calls, said(loaded, TOOL, calls), strict=True):
            expected = verdict(decide(loaded, call))
            assert encoded is expected, (drawn, call)
            counted[expected] += 1
    assert min(counted[each] for each in Verdict) >= 15, counted


def test_the_comparison_finds_an_encoding_that_is_wrong_by_a_cent():
    """The negative control: with the limit one cent higher the encoding and the decider differ on the border."""
    exact = TOOL
    strict = [f"tools: {{issue_refund: {{allowed: true, max_amount_usd: {limit}}}}}" for limit in ("10.00", "10.01")]
    low, high = (load(text.encode(), name="p", tools={exact.name: exact}) for text in strict)
    call = PolicyCall(tool=exact.name, arguments={"amount_usd": parse("10.01")})
    assert said(low, exact, [call]) == [verdict(decide(low, call))] == [Verdict.DENY]
    assert said(high, exact, [call]) != [verdict(decide(low, call))]
