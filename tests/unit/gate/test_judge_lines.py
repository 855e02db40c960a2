"""One call as a line of JSON, and its answer: one for each line, exact, ASCII, whatever the line holds."""

import json

import pytest

from dueprocess.errors import BadValue
from dueprocess.gate.explained import explained, explained_json
from dueprocess.gate.line import MAX_LINE, answer, finding_json, judge_line, read_line
from dueprocess.gate.trial import trial_json, try_tests
from dueprocess.policy import Finding, Principal, Verdict, load
from dueprocess.tool import ToolSpec
from dueprocess.values import Json, digest_text

REFUND = ToolSpec(
    name="issue_refund",
    parameters={"type": "object", "properties": {"amount_usd": {"type": "number"}, "note": {"type": "string"}}},
)
TOOLS = {"issue_refund": REFUND}
POLICY = load(
    b"""\
roles: {support: {members: ["agent:support"], on_behalf_of: required}}
environments: {prod: {}, staging: {mode: shadow}}
tools: {issue_refund: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 25}}
""",
    name="p.yaml",
    tools=TOOLS,
)
TEXT = "Refunds are possible."
EVIDENCE: list[Json] = [{"document": "kb", "digest": digest_text(TEXT), "start": 0, "end": len(TEXT), "text": TEXT}]
CITATIONS: list[Json] = [{"document": "kb", "start": 0, "end": 7, "digest": digest_text("Refunds")}]


def line(**keys: object) -> bytes:
    return json.dumps({"id": "c1", "tool": "issue_refund", "arguments": {"amount_usd": 5}, **keys}).encode()


def answered(content: bytes, **more: str) -> dict[str, object]:
    text = judge_line(POLICY, TOOLS, content, **more)
    assert text.isascii()
    assert text.isprintable()
    return json.loads(text)


def denied_as(content: bytes) -> tuple[object, str, str]:
    found = answered(content)
    assert found["decision"] == "deny"
    (finding,) = found["findings"]
    return found["id"], finding["rule"], finding["reason"]


def test_an_allowed_call_has_no_findings():
    assert (
        judge_line(POLICY, TOOLS, line()) == '{"id":"c1","decision":"allow","findings":[],"run_checks":"not_evaluated"}'
    )


def test_a_held_call_names_rule_reason_and_compared_values():
    assert answered(line(arguments={"amount_usd": 25.01})) == {
        "id": "c1",
        "decision": "hold",
        "findings": [
            {
                "rule": "issue_refund.require_approval_over_usd",
                "decision": "hold",
                "reason": "amount_usd 25.01 is over 25.00 USD; a person must approve",
                "compared": {"amount_usd": 25.01, "require_approval_over_usd": 25},
            }
        ],
        "run_checks": "not_evaluated",
    }


def test_the_strictest_finding_decides():
    found = answered(line(arguments={"amount_usd": 51}))

    assert found["decision"] == "deny"
    assert [each["decision"] for each in found["findings"]] == ["deny", "hold"]


def test_advisory_is_told_only_where_it_is():
    found = answered(line(arguments={"amount_usd": 51}), environment="staging")

    assert found["decision"] == "allow"
    assert [each["advisory"] for each in found["findings"]] == [True, True]
    assert "advisory" not in finding_json(Finding(rule="r", decision=Verdict.DENY, reason="x"))


@pytest.mark.parametrize("id_", ["c1", "", "c" * 2000, 7, -1, 0, 10**30, "ä\u202e\n\x00\x7f", "\U0001f600"])
def test_an_id_comes_back_as_it_was(id_: object):
    assert answered(line(id=id_))["id"] == id_


@pytest.mark.parametrize("id_", [None, True, 1.5, [], {}, ["c1"]])
def test_an_id_that_is_no_name_is_null_and_denied(id_: object):
    found_id, rule, reason = denied_as(line(id=id_))

    assert (found_id, rule) == (None, "parse")
    assert reason.endswith("expected text or a whole number")


def test_arguments_whose_text_is_hostile_come_back_escaped():
    raw = judge_line(POLICY, TOOLS, line(arguments={"amount_usd": "\u202e\x1b[31m9,000\u2028"}))

    assert "\\\\u202e\\\\u001b[31m9,000\\\\u2028" in raw
    assert raw.isascii()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"tool": None}, "the tool is null; expected its name as text"),
        ({"tool": 5}, "the tool is a number; expected its name as text"),
        ({"tool": ["issue_refund"]}, "the tool is a list; expected its name as text"),
        ({"arguments": None}, "the arguments are null; expected one JSON object"),
        ({"arguments": [5]}, "the arguments are a list; expected one JSON object"),
        ({"arguments": '{"amount_usd": 5}'}, "the arguments are text; expected one JSON object"),
        ({"args": {}}, "unknown key 'args'; expected id, tool, arguments, principal, evidence, citations"),
        ({"environment": "staging"}, "unknown key 'environment'"),
        ({"Tool": "x"}, "unknown key 'Tool'"),
        ({"decision": "allow"}, "unknown key 'decision'"),
        ({"principal": "agent:support"}, "the principal is text; expected an object with id and on_behalf_of"),
        ({"principal": []}, "the principal is a list; expected an object with id and on_behalf_of"),
        ({"principal": {}}, "the principal's id is null; expected text such as agent:support@RELEASE"),
        ({"principal": {"id": ""}}, "the principal's id is text; expected text such as"),
        ({"principal": {"id": 5}}, "the principal's id is a number; expected text such as"),
        ({"principal": {"id": "a" * 1025}}, "the principal's id is text; expected text such as"),
        (
            {"principal": {"id": "a", "role": "admin"}},
            "unknown key 'role' of the principal; expected id, on_behalf_of and through",
        ),
        ({"principal": {"id": "a", "through": "b"}}, "through is text; expected a list of at most 16 sub-agents"),
        ({"principal": {"id": "a", "through": ["b"] * 17}}, "through is a list; expected a list of at most 16"),
        ({"principal": {"id": "a", "through": ["b", 5]}}, "through names something else than sub-agents"),
        ({"principal": {"id": "a", "through": [""]}}, "through names something else than sub-agents"),
        ({"principal": {"id": "a", "through": ["b" * 1025]}}, "through names something else than sub-agents"),
        (
            {"principal": {"id": "a", "on_behalf_of": ""}},
            "on_behalf_of is text; expected text such as user:ann, or null",
        ),
        (
            {"principal": {"id": "a", "on_behalf_of": 5}},
            "on_behalf_of is a number; expected text such as user:ann, or null",
        ),
        ({"principal": {"id": "a", "on_behalf_of": "u" * 1025}}, "on_behalf_of is text; expected text such as"),
        ({"evidence": "kb"}, "evidence: got text; expected a list"),
        ({"evidence": [{}]}, "evidence[0]: the key document is missing"),
        ({"citations": "kb"}, "citations: got text; expected a list"),
        ({"citations": [{}]}, "citations[0]: the key document is missing"),
    ],
)
def test_a_line_that_is_not_of_the_form_is_denied_with_its_id(keys: dict[str, object], reason: str):
    found_id, rule, found = denied_as(line(**keys))

    assert (found_id, rule) == ("c1", "parse")
    assert found.startswith(reason)


@pytest.mark.parametrize("missing", ["id", "tool", "arguments"])
def test_a_line_without_what_is_required_is_denied(missing: str):
    keys = json.loads(line())
    del keys[missing]

    found_id, rule, reason = denied_as(json.dumps(keys).encode())
    assert (found_id, rule) == (None if missing == "id" else "c1", "parse")
    assert reason == f"the key {missing} is missing; expected id, tool, arguments"


@pytest.mark.parametrize(
    ("content", "id_"),
    [
        (b"", None),
        (b" ", None),
        (b"\r", None),
        (b"null", None),
        (b"[]", None),
        (b'["id", "c1"]', None),
        (b'[["id", "c1"]]', None),
        (b'"c1"', None),
        (b"{}", None),
        (b"{", None),
        (b"\x00", None),
        (b"\xef\xbb\xbf" + line(), None),
        (b'{"id": "c1"', None),
        (b'{"id": "c1", "tool"', "c1"),
        (b'{ "id" : 7 , "tool": ', 7),
        (b'{"id": "c\\"1", "tool": x}', 'c"1'),
        (b'{"id": "c\\u0041", x', "cA"),
        (b'{"id": "\\ud800", x', None),
        (b'{"id": tool, "x": 1', None),
        (b'{"id": 1.5, x', None),
        (b'{"id": "c1", "tool": "x", "arguments": {"a": NaN}}', "c1"),
        (b'{"tool": "x", "arguments": {"a": Infinity}, "id": "c1"}', "c1"),
        (b'{"tool": "x", "arguments": {"a": -Infinity}, "id": 12}', 12),
        (b'{"tool": "x", "arguments": {"id": "inner", "a": NaN}}', None),
        (b'{"id": "c1", "id": "c2", "tool": "x", "arguments": {}}', None),
        (b'{"id": "c1", "id": "c1", "tool": "x", "arguments": {}}', None),
        (b'{"id": "c1", "tool": "x", "tool": "y", "arguments": {}}', "c1"),
        (b'{"id": "c1", "tool": "x", "arguments": {"a": 1, "a": 2}}', "c1"),
        (b'{"id": "c1", "tool": "x", "arguments": ' + b'{"a":' * 50 + b"1" + b"}" * 50 + b"}", "c1"),
        (b'{"id": "c1", "tool": "x", "arguments": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "c1"),
        (b'{"tool": "x", "arguments": ' + b"[" * 100_000 + b"]" * 100_000 + b', "id": "c1"}', None),
        (b'{"id": "c1", "tool": "x", "arguments": {"a": "\xff"}}', "c1"),
        (b'{"id": "c\xff", "tool": "x", "arguments": {}}', None),
        (b'{"id": "c1", "tool": "\\ud800", "arguments": {}}', "c1"),
        (b'{"id": "\\udfff", "tool": "x", "arguments": {}}', None),
        (b'{"id": true, "tool": "x", "arguments": {"a": NaN}}', None),
        (b'{"id": {"a": 1}, "tool": "x", "arguments": {"a": NaN}}', None),
        (b'{"id": "c1", "tool": "x", "arguments": {}} {}', "c1"),
        (b'{"id": "c1", "tool": "x", "arguments": {"n": ' + b"1" * 5000 + b"}}", "c1"),
        (b"{'id': 'c1', 'tool': 'x', 'arguments': {}}", None),
    ],
)
def test_a_line_that_cannot_be_read_is_denied_with_its_id_if_that_can_be_read_alone(content: bytes, id_: object):
    found_id, rule, _ = denied_as(content)

    assert (found_id, rule) == (id_, "parse")


def test_nesting_is_counted_from_the_arguments():
    deep: object = []
    for _ in range(30):
        deep = [deep]
    open_ = ToolSpec(name="issue_refund", parameters={"properties": {"amount_usd": {}, "note": {}}})

    fits = line(arguments={"amount_usd": 5, "note": deep})
    assert json.loads(judge_line(POLICY, {"issue_refund": open_}, fits))["decision"] == "allow"
    too_deep = line(arguments={"amount_usd": 5, "note": [deep]})
    (finding,) = json.loads(judge_line(POLICY, {"issue_refund": open_}, too_deep))["findings"]
    assert finding["rule"] == "parse"


def test_a_line_is_only_so_long():
    content = line(arguments={"amount_usd": 5, "note": "x" * MAX_LINE})

    id_, rule, reason = denied_as(content)
    assert (id_, rule) == ("c1", "parse")
    assert reason == f"a line of {len(content)} bytes; expected at most {MAX_LINE}"
    with pytest.raises(BadValue):
        read_line(b" " * (MAX_LINE + 1))


def test_a_long_line_within_the_bound_is_decided():
    assert answered(line(arguments={"amount_usd": 5, "note": "x" * 1_000_000}))["decision"] == "allow"


def test_evidence_citations_and_principal_are_read():
    read = read_line(
        line(evidence=EVIDENCE, citations=CITATIONS, principal={"id": "agent:support@1", "on_behalf_of": "user:ann"}),
        environment="staging",
    )

    assert read.id == "c1"
    assert [chunk.text for chunk in read.call.evidence] == [TEXT]
    assert read.call.citations == CITATIONS
    assert read.call.principal == Principal(id="agent:support@1", on_behalf_of="user:ann")
    assert read.call.environment == "staging"
    assert read.findings == ()


@pytest.mark.parametrize("principal", [{"id": "agent:a"}, {"id": "agent:a", "on_behalf_of": None}])
def test_nobody_may_be_behind_a_principal(principal: object):
    assert read_line(line(principal=principal)).call.principal == Principal(id="agent:a")


@pytest.mark.parametrize(
    ("written", "through"),
    [(None, ()), ([], ()), (["agent:a/b"], ("agent:a/b",)), (["n" * 1024] * 16, ("n" * 1024,) * 16)],
)
def test_a_principal_may_act_through_sub_agents(written: object, through: tuple[str, ...]):
    principal = {"id": "agent:a@1", "through": written}
    assert read_line(line(principal=principal)).call.principal == Principal(id="agent:a@1", through=through)


def test_an_absent_or_null_principal_is_nobody():
    assert read_line(line()).call.principal is None
    assert read_line(line(principal=None)).call.principal is None
    assert read_line(line()).call.environment == "prod"


def test_malformed_evidence_is_denied_and_the_policy_asked_all_the_same():
    found = answered(line(evidence=[{}, {}], arguments={"amount_usd": 51}))

    assert [each["rule"] for each in found["findings"]] == [
        "parse",
        "issue_refund.max_amount_usd",
        "issue_refund.require_approval_over_usd",
    ]


def test_an_answer_without_an_id_says_null():
    assert answer(None, ()) == '{"id":null,"decision":"allow","findings":[],"run_checks":"not_evaluated"}'


TESTED = """\
environments: {staging: {mode: shadow}}
roles: {support: {members: ["agent:support"]}}
tools: {issue_refund: {allowed: true, max_amount_usd: 50, require_citation: true, roles: [support]}}
tests:
  - name: allowed
    call:
      tool: issue_refund
      args: {amount_usd: 5}
      principal: {id: "agent:support@1"}
      evidence: EVIDENCE
      citations: CITATIONS
    expect: {decision: allow}
  - {name: right, call: {tool: issue_refund, args: {amount_usd: 51}}, expect: {decision: deny, rule: issue_refund.max_amount_usd}}
  - {name: wrong decision, call: {tool: issue_refund, args: {amount_usd: 51}}, expect: {decision: hold}}
  - {name: wrong rule, call: {tool: issue_refund, args: {amount_usd: 5}}, expect: {decision: deny, rule: issue_refund.max_amount_usd}}
  - {name: shadow, call: {tool: issue_refund, args: {amount_usd: 51}, environment: staging}, expect: {decision: allow}}
  - {name: schema, call: {tool: issue_refund, args: {x: 1}}, expect: {decision: deny, rule: schema}}
  - {name: bad principal, call: {tool: issue_refund, principal: {role: admin}}, expect: {decision: deny, rule: parse}}
  - {name: bad evidence, call: {tool: issue_refund, evidence: [1]}, expect: {decision: deny, rule: parse}}
"""


def test_the_tests_of_a_policy_are_run_through_the_same_judgement():
    text = TESTED.replace("EVIDENCE", json.dumps(EVIDENCE)).replace("CITATIONS", json.dumps(CITATIONS))

    trials = {trial.test.name: trial for trial in try_tests(load(text.encode(), name="p", tools=TOOLS), TOOLS)}

    assert {name for name, trial in trials.items() if not trial.passed} == {"wrong decision", "wrong rule"}
    assert trials["wrong decision"].why == (
        "got deny by issue_refund.roles, issue_refund.max_amount_usd, issue_refund.require_citation; expected hold"
    )
    assert trials["wrong rule"].why == (
        "got deny by issue_refund.roles, issue_refund.require_citation; expected deny by 'issue_refund.max_amount_usd'"
    )
    told = trial_json(trials["wrong rule"])
    assert (told["name"], told["passed"], told["decision"]) == ("wrong rule", False, "deny")
    assert told["expected"] == {"decision": "deny", "rule": "issue_refund.max_amount_usd"}
    assert isinstance(told["findings"], list)
    assert len(told["findings"]) == 2
    assert trials["allowed"].why == "got allow; expected allow"


def test_an_explanation_tells_what_was_found_and_what_passed():
    found = explained(POLICY, TOOLS, read_line(line(arguments={"amount_usd": 30, "x": 1}, evidence=[5])))

    assert found.decision is Verdict.DENY
    assert str(found).split("\n") == [
        "deny: 'issue_refund'",
        "  DENY   parse: evidence[0]: got a number; expected an object with document, digest, start, end, text",
        (
            "  DENY   schema: the arguments do not fit the tool's schema: $.x is not declared by the tool's schema"
            '  (problems = ["$.x is not declared by the tool\'s schema"])'
        ),
        "  pass   issue_refund.allowed  (allowed = true)",
        "  pass   issue_refund.max_amount_usd  (amount_usd = 30, max_amount_usd = 50)",
        (
            "  HOLD   issue_refund.require_approval_over_usd: amount_usd 30.00 is over 25.00 USD; a person must approve"
            "  (amount_usd = 30, require_approval_over_usd = 25)"
        ),
        "  checks, counters, budgets, approvals, sequences and where values come from are not evaluated here",
    ]
    told = explained_json(found)
    assert [each["rule"] for each in told["findings"]] == ["parse", "schema", "issue_refund.require_approval_over_usd"]
    assert [each["rule"] for each in told["passed"]] == ["issue_refund.allowed", "issue_refund.max_amount_usd"]
    assert (told["tool"], told["decision"], told["run_checks"]) == ("issue_refund", "deny", "not_evaluated")


def test_an_explanation_of_what_was_never_asked_is_its_findings():
    found = explained(POLICY, TOOLS, read_line(line(tool="other\u202e")))

    assert [each.rule for each in found.asked] == ["unlisted"]
    assert "\u202e" not in str(found)


def test_an_explanation_in_shadow_says_so():
    found = explained(POLICY, TOOLS, read_line(line(arguments={"amount_usd": 51}), environment="staging"))

    assert found.decision is Verdict.ALLOW
    assert "  shadow  issue_refund.max_amount_usd: " in str(found)


@pytest.mark.parametrize(("count", "decision", "rules"), [(0, "deny", ["issue_refund.rate"]), (1, "allow", [])])
def test_counters_are_empty_so_only_a_rate_of_none_denies_in_every_place_alike(
    count: int, decision: str, rules: list[str]
):
    policy = load(
        f"""\
environments: {{prod: {{mode: shadow}}}}
tools: {{issue_refund: {{allowed: true, rate: {{count: {count}, window: 1m}}}}}}
tests: [{{name: t, call: {{tool: issue_refund, args: {{}}}}, expect: {{decision: {decision}}}}}]
""".encode(),
        name="p.yaml",
        tools=TOOLS,
    )
    (trial,) = try_tests(policy, TOOLS)
    shown = explained_json(explained(policy, TOOLS, read_line(line())))
    for told in (json.loads(judge_line(policy, TOOLS, line())), trial_json(trial), shown):
        assert told["decision"] == decision
        assert [finding["rule"] for finding in told["findings"]] == rules
