"""Laws that hold for every policy and every call: a further restriction never allows, order and spelling do not matter, nothing raises."""

import json
import string
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.policies import holds

from dueprocess.errors import BadValue, FileInvalid
from dueprocess.gate import RawCall, judge
from dueprocess.gate.line import judge_line
from dueprocess.policy import Finding, PolicyCall, Principal, Verdict, decide, load, verdict
from dueprocess.policy.expression import compile_condition
from dueprocess.policy.source import plain_json, read_nodes
from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import type_of_arguments
from dueprocess.values import Json, canonical, parse, read_amount

SEVERITY = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.DENY: 2}
REFUND = ToolSpec(
    name="issue_refund",
    parameters={
        "type": "object",
        "properties": {
            "amount_usd": {"type": ["number", "string"]},
            "currency": {"type": "string"},
            "order_id": {"type": "string"},
            "changes": {"type": "object"},
            "qty": {"type": "integer"},
        },
    },
)
TOOLS = {"issue_refund": REFUND}

# Each restriction of a tool as one entry; a policy is a choice of them.
RESTRICTIONS: Mapping[str, Json] = {
    "max_amount_usd": 50,
    "require_approval_over_usd": 25,
    "require_citation": True,
    "allowed_fields": ["email", "a.b"],
    "roles": ["support"],
    "environments": ["prod"],
    "idempotency_key": ["$.order_id"],
    "mode": "parameterized_only",
    "limits": [],
}
RULES: tuple[dict[str, Json], ...] = (
    {"id": "usd", "when": "has(args.currency) && args.currency != 'USD'", "then": "deny"},
    {"id": "opt", "when": "args.currency == 'EUR'", "then": "hold"},
    {"id": "qty", "when": "has(args.qty) && args.qty > 3", "then": "hold"},
    {"id": "any", "when": "size(args.changes) > 1", "then": "deny"},
)

keys = st.lists(st.sampled_from(sorted(RESTRICTIONS)), unique=True)
rules = st.lists(st.sampled_from(RULES), unique_by=lambda rule: str(rule["id"]))
amounts = st.one_of(
    st.integers(-1, 100),
    st.decimals(0, 100, places=2),
    st.sampled_from(["25", "25.00", "51", "900 USD", "", None, True, [25]]),
)
calls = st.builds(
    PolicyCall,
    tool=st.sampled_from(["issue_refund", "issue_refund", "issue_refund", "other"]),
    arguments=st.fixed_dictionaries(
        {},
        optional={
            "amount_usd": amounts,
            "currency": st.sampled_from(["USD", "EUR", "", 5]),
            "order_id": st.sampled_from(["o1", None]),
            "changes": st.sampled_from(
                [{}, {"email": 1}, {"a": {"b": 1}}, {"a": {}}, {"a.b": 1}, {"x": 1, "y": 2}, "x"]
            ),
            "qty": st.integers(0, 6),
        },
    ),
    principal=st.sampled_from(
        [None, Principal(id="agent:support@1", on_behalf_of="user:ann"), Principal(id="agent:x")]
    ),
    environment=st.sampled_from(["prod", "staging", "nowhere"]),
    resolved=st.integers(0, 1),
)


def policy(chosen: list[str], rules_: list[dict[str, Json]], *, allowed: bool = True, shadow: bool = False):
    """A policy as JSON, which is YAML too."""
    entry: dict[str, Json] = {"allowed": allowed, **{key: RESTRICTIONS[key] for key in chosen}}
    if rules_:
        entry["rules"] = [dict(rule) for rule in rules_]
    return loaded(
        {
            "roles": {"support": {"members": ["agent:support"], "on_behalf_of": "required"}},
            "environments": {"staging": {"mode": "shadow" if shadow else "enforce"}},
            "tools": {"issue_refund": entry},
        }
    )


def loaded(content: object):
    return load(json.dumps(content).encode(), name="generated", tools=TOOLS)


def severity(findings: tuple[Finding, ...]) -> int:
    return SEVERITY[verdict(findings)]


@given(keys, rules, calls, st.sampled_from(sorted(RESTRICTIONS)), st.booleans())
def test_a_further_restriction_never_allows_more(chosen, rules_, call, further, shadow):
    before = decide(policy(chosen, rules_, shadow=shadow), call)
    after = decide(policy([*dict.fromkeys([*chosen, further])], rules_, shadow=shadow), call)

    assert severity(after) >= severity(before)
    assert {finding.rule for finding in before} <= {finding.rule for finding in after}


CHAINS = st.lists(st.sampled_from(["agent:support", "agent:support/a", "agent:support/b", "agent:x"]), max_size=3)


@given(keys, rules, calls, CHAINS, st.sets(st.sampled_from(["agent:support", "agent:support/a", "agent:x"])))
def test_i5_a_chain_may_what_each_of_it_may_and_no_more(chosen, rules_, call, through, members):
    entry = {"allowed": True, **{key: RESTRICTIONS[key] for key in {*chosen, "roles"}}, "rules": [*map(dict, rules_)]}
    policy_ = loaded(
        {
            "roles": {"support": {"members": sorted(members) or ["user:nobody"]}},
            "environments": {"staging": {}},
            "tools": {"issue_refund": entry if rules_ else {**entry, "rules": [dict(RULES[0])]}},
        }
    )
    if call.principal is None:
        return
    alone = [
        decide(policy_, replace(call, principal=Principal(id=name, on_behalf_of=call.principal.on_behalf_of)))
        for name in (call.principal.id, *through)
    ]
    chain = decide(policy_, replace(call, principal=replace(call.principal, through=tuple(through))))

    assert severity(chain) == max(severity(each) for each in alone)
    assert {each.rule for each in chain} == {each.rule for findings in alone for each in findings}


@given(keys, rules, calls, st.sampled_from(RULES))
def test_a_further_rule_never_allows_more(chosen, rules_, call, further):
    with_it = [*(rule for rule in rules_ if rule["id"] != further["id"]), further]
    before = [rule for rule in with_it if rule["id"] != further["id"]]

    assert severity(decide(policy(chosen, with_it), call)) >= severity(decide(policy(chosen, before), call))


@given(keys, rules, calls)
def test_what_is_not_allowed_is_never_run(chosen, rules_, call):
    assert verdict(decide(policy(chosen, rules_, allowed=False), call)) is Verdict.DENY
    assert verdict(decide(policy(chosen, rules_, allowed=False, shadow=True), call)) is Verdict.DENY


@given(keys, rules, calls, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_rules_does_not_matter(chosen, rules_, call, rng):
    shuffled_keys, shuffled_rules = chosen.copy(), rules_.copy()
    rng.shuffle(shuffled_keys)
    rng.shuffle(shuffled_rules)

    assert decide(policy(shuffled_keys, shuffled_rules), call) == decide(policy(chosen, rules_), call)


@given(keys, rules, calls)
def test_a_decision_is_the_same_every_time_and_never_changes_the_call(chosen, rules_, call):
    before = canonical(dict(call.arguments))
    decider = policy(chosen, rules_)

    assert decide(decider, call) == decide(decider, call)
    assert canonical(dict(call.arguments)) == before


@given(keys, rules, calls)
def test_shadow_allows_what_only_rules_speak_against_and_finds_the_same(chosen, rules_, call):
    enforced = decide(policy(chosen, rules_), call)
    shadowed = decide(policy(chosen, rules_, shadow=True), call)

    assert [finding.rule for finding in enforced] == [finding.rule for finding in shadowed]
    assert not any(finding.advisory for finding in enforced)
    for finding in shadowed:
        assert finding.advisory is (call.environment == "staging" and not finding.always)


@given(st.decimals(0, 999, places=2), st.sampled_from(["{}", "{}.0", "{}.00", '"{}"', '"{}.0"', '"{}.00"']))
def test_numbers_that_are_equal_are_decided_equally_however_they_are_written(limit, form):
    whole = int(limit)
    decider = policy(["max_amount_usd", "require_approval_over_usd"], [])
    arguments = parse(f'{{"amount_usd": {form.format(whole)}}}')
    assert isinstance(arguments, dict)

    findings = decide(decider, PolicyCall(tool="issue_refund", arguments=arguments))
    expected = Verdict.DENY if whole > 50 else Verdict.HOLD if whole > 25 else Verdict.ALLOW
    assert verdict(findings) is expected


@given(st.text(max_size=20) | st.from_regex(r"\A[0-9]{0,14}(\.[0-9]{0,3})?\Z"))
def test_text_is_an_amount_or_denied_and_the_decider_agrees_with_the_grammar(text: str):
    findings = decide(policy(["max_amount_usd"], []), PolicyCall(tool="issue_refund", arguments={"amount_usd": text}))

    amount = read_amount(text)
    expected = amount is not None and amount.micros <= 50_000_000
    assert (verdict(findings) is Verdict.ALLOW) is expected


@given(
    st.integers(-(10**14), 10**14)
    | st.integers(0, 60)
    | st.decimals(-100, 100, places=3)
    | st.decimals(0, 60, places=2)
)
def test_a_number_is_decided_as_the_grammar_reads_it(number: int | Decimal):
    findings = decide(policy(["max_amount_usd"], []), PolicyCall(tool="issue_refund", arguments={"amount_usd": number}))

    amount = read_amount(number)
    expected = amount is not None and amount.micros <= 50_000_000
    assert (verdict(findings) is Verdict.ALLOW) is expected


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text() | st.decimals(allow_nan=True),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HOSTILE = st.text(st.characters(categories=["Cs", "Cc", "Cf", "L", "N", "P"]), max_size=30)
DECIDER = policy(sorted(RESTRICTIONS), list(RULES))


@given(
    st.one_of(JSONS, HOSTILE, st.binary(max_size=60), st.sets(st.integers())),
    st.sampled_from(["issue_refund", "x"]) | HOSTILE,
)
def test_the_judgement_never_raises_and_shows_only_what_is_printable(arguments: object, tool: str):
    judged = judge(DECIDER, TOOLS, call=RawCall(tool=tool, arguments=arguments))

    assert judged.verdict is Verdict.DENY
    for finding in judged.findings:
        assert finding.reason.isprintable()
        canonical(dict(finding.compared)).encode()


@given(st.binary(max_size=200))
def test_every_line_gets_one_answer_in_ascii(line: bytes):
    text = judge_line(DECIDER, TOOLS, line)

    told = json.loads(text)
    assert text.isascii()
    assert "\n" not in text
    assert told["decision"] == "deny"
    assert told["findings"]


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "tool", "arguments", "principal", "evidence", "citations", "x"), JSONS)
    )
)
def test_every_object_as_a_line_gets_an_answer_with_its_id(call: dict[str, object]):
    line = json.dumps(call, default=str).encode("utf-8", "surrogatepass")
    told = json.loads(judge_line(DECIDER, TOOLS, line))

    assert told["decision"] == "deny"
    usable = isinstance(call.get("id"), (str, int)) and not isinstance(call.get("id"), bool)
    if usable and str(call["id"]).isascii():
        assert told["id"] == call["id"]


SEED_TEXT = """\
roles: {support: {members: ["agent:support"]}}
tools:
  issue_refund:
    allowed: true
    max_amount_usd: 50
    rules: [{id: a, when: "args.qty > 1", then: deny}]
"""


@given(st.binary(max_size=100) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_load_or_are_refused(content: bytes):
    try:
        assert load(content, name="x", tools=TOOLS).tools.keys() <= TOOLS.keys()
    except FileInvalid as error:
        assert error.problems  # noqa: PT017 - which of both it is, only the bytes say


@given(st.integers(0, len(SEED_TEXT)), st.integers(0, 8), st.text(string.printable + "\u202e\x00é", max_size=8))
def test_a_file_changed_anywhere_loads_or_is_refused(at: int, cut: int, put: str):
    content = (SEED_TEXT[:at] + put + SEED_TEXT[at + cut :]).encode()
    try:
        changed = load(content, name="x", tools=TOOLS)
    except FileInvalid as error:
        assert all(str(problem).isprintable() for problem in error.problems)  # noqa: PT017 - as above
    else:
        assert set(changed.tools) <= {"issue_refund"}


WHOLE = st.characters(exclude_categories=["Cs"])
YAML_DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(WHOLE, max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(WHOLE, max_size=6), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1), YAML_DATA, min_size=1, max_size=4))
def test_json_is_read_as_the_same_data(data: dict[str, Json]):
    text = json.dumps(data)
    # YAML reads only characters that can be printed; JSON writes all others as escapes, which is the same in both.
    assert plain_json(read_nodes(text.encode(), name="x")) == data


CONDITION_TYPE = type_of_arguments(REFUND.parameters)
PIECES = st.sampled_from(
    "args . args.qty args.currency args.changes has( size( ( ) [ ] , && || ! == != < > in "
    "'a' 1 2.5 true null .all(x, .exists(x, x -".split(" ")
)


@given(
    st.lists(PIECES, max_size=12).map("".join) | st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=30),
    JSONS,
)
def test_any_text_is_a_condition_with_an_answer_or_an_error(source: str, value: object):
    try:
        condition = compile_condition(source, arguments=CONDITION_TYPE)
        arguments = parse(json.dumps({"qty": value, "currency": value, "changes": value}, default=str, allow_nan=False))
    except (BadValue, ValueError):
        return
    assert isinstance(arguments, dict)
    try:
        assert holds(condition, arguments) in (True, False)
    except BadValue as error:
        assert str(error)  # noqa: PT017 - as above
