"""The stateless judgement: read, listed, cited, schema, policy; whatever is written, nothing is raised."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from textwrap import dedent

import pytest

from dueprocess.evidence import Chunk, Citation, Viewer
from dueprocess.gate import Judgement, RawCall, judge
from dueprocess.policy import Policy, Principal, Verdict, load
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Instant, Json, digest_text

TEXT = "Refunds are possible within 30 days."
CHUNK = Chunk(document="kb", digest=digest_text(TEXT), start=0, end=len(TEXT), text=TEXT)
CITATION: Json = {"document": "kb", "start": 0, "end": 7, "digest": digest_text(TEXT[:7])}

REFUND = ToolSpec(
    name="issue_refund",
    parameters={
        "type": "object",
        "properties": {
            "amount_usd": {"type": "number"},
            "order_id": {"type": "string"},
            "card": {"type": "object"},
            "n": {"type": "integer"},
        },
        "required": ["amount_usd"],
    },
)
NOTE = ToolSpec(
    name="add_note", parameters={"type": "object", "properties": {"text": {"type": "string"}}}, effect=Effect.READ
)
TOOLS = {spec.name: spec for spec in (REFUND, NOTE)}


def policy(keys: str = "max_amount_usd: 50", above: str = "") -> Policy:
    indented = "".join(f"    {line}\n" for line in dedent(keys).strip().splitlines())
    text = f"{above}tools:\n  add_note: {{allowed: true}}\n  issue_refund:\n    allowed: true\n{indented}"
    return load(text.encode(), name="p.yaml", tools=TOOLS)


def judged(
    arguments: object, *, keys: str = "max_amount_usd: 50", tool: str = "issue_refund", above: str = "", **more: object
) -> Judgement:
    return judge(policy(keys, above), TOOLS, call=RawCall(tool=tool, arguments=arguments, **more))


def rules(judgement: Judgement) -> list[str]:
    return [finding.rule for finding in judgement.findings]


def test_a_call_that_fits_is_allowed_and_its_arguments_are_canonical():
    judgement = judged('{"order_id": "o1", "amount_usd": 25.00}')

    assert (judgement.verdict, judgement.findings) == (Verdict.ALLOW, ())
    assert judgement.arguments == '{"amount_usd":25,"order_id":"o1"}'
    assert (judgement.citations, judgement.key) == ("", None)
    assert judgement.call is not None
    assert judgement.call.environment == "prod"


@pytest.mark.parametrize(
    "arguments",
    [
        '{"amount_usd": 25}',
        '{"amount_usd":25.0}',
        {"amount_usd": 25},
        {"amount_usd": 25.0},
        {"amount_usd": Decimal("25.00")},
        b'{"amount_usd": 25}',
    ],
)
def test_text_and_data_that_mean_the_same_are_judged_the_same(arguments: object):
    assert judged(arguments).arguments == '{"amount_usd":25}'
    assert judged(arguments).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "not JSON: Expecting value at line 1, column 1"),
        ("{", "not JSON: "),
        ("null", "the arguments are null; expected one JSON object"),
        ("[]", "the arguments are a list; expected one JSON object"),
        ('["issue_refund", 25]', "the arguments are a list; expected one JSON object"),
        ('"{}"', "the arguments are text; expected one JSON object"),
        ("25", "the arguments are a number; expected one JSON object"),
        ("true", "the arguments are a boolean; expected one JSON object"),
        (None, "the arguments are null; expected one JSON object"),
        ([25], "the arguments are a list; expected one JSON object"),
        (25, "the arguments are a number; expected one JSON object"),
        ('{"amount_usd": NaN}', "NaN is not JSON; expected a finite number"),
        ('{"amount_usd": Infinity}', "Infinity is not JSON"),
        ('{"amount_usd": 1e99999999999999999999}', "the exponent of '1e99999999999999999999' is out of every range"),
        ({"amount_usd": float("nan")}, "nan is not JSON"),
        ({"amount_usd": Decimal("Infinity")}, "Infinity is not JSON"),
        ('{"amount_usd": 5, "amount_usd": 500}', "key 'amount_usd' occurs twice"),
        ('{"amount_usd": 5, "card": {"a": 1, "a": 2}}', "key 'a' occurs twice"),
        ('{"amount_usd": 5} {}', "not JSON: Extra data"),
        ("{'amount_usd': 5}", "not JSON: "),
        ('{"amount_usd": 5,}', "not JSON: "),
        ('{"order_id": "\\ud800"}', "text holds a lone surrogate"),
        ({"order_id": "\ud800"}, "text holds a lone surrogate"),
        ({"\udfff": 1}, "text holds a lone surrogate"),
        ({1: 2}, "an object key of type int; expected text"),
        ({"a": object()}, "a value of type object is not JSON"),
        ({"a": {1, 2}}, "a value of type set is not JSON"),
        ({"a": b"x"}, "a value of type bytes is not JSON"),
        (b"\xff", "not UTF-8"),
        ('{"a": ' * 32 + "[]" + "}" * 32, "nested too deep"),
        ('{"a": ' * 100_000, "nested too deep"),
        ('{"a": ' + "1" * 401 + "}", "a number of 401 characters"),
        ("x" * ((8 << 20) + 1), f"arguments of {(8 << 20) + 1} characters; expected at most {8 << 20}"),
    ],
)
def test_arguments_that_cannot_be_read_are_denied_and_nothing_else_is_judged(arguments: object, reason: str):
    judgement = judged(arguments)

    (finding,) = judgement.findings
    assert (finding.rule, finding.decision, finding.always) == ("parse", Verdict.DENY, True)
    assert finding.reason.startswith(reason)
    assert (judgement.verdict, judgement.arguments, judgement.call) == (Verdict.DENY, "", None)


def test_a_cycle_of_objects_is_nested_too_deep():
    circle: dict[str, object] = {}
    circle["self"] = circle

    assert judged(circle).findings[0].reason.startswith("nested too deep")


def test_thirty_two_levels_are_read():
    deep = '{"amount_usd": 1, "card": ' + '{"a": ' * 30 + "[]" + "}" * 30 + "}"

    assert judged(deep).verdict is Verdict.ALLOW
    assert judged(deep.replace("[]", "[[]]")).findings[0].rule == "parse"


@pytest.mark.parametrize(
    "name",
    [
        "Issue_Refund",
        "issue_refund ",
        "issue-refund",
        "",
        "issue_refund\u200b",
        "\ud800",
        "ISSUE_REFUND",
        "tools.issue_refund",
    ],
)
def test_a_tool_that_is_not_listed_byte_for_byte_is_denied(name: str):
    judgement = judged({"amount_usd": 1}, tool=name)

    assert rules(judgement) == ["unlisted"]
    assert judgement.arguments == '{"amount_usd":1}'
    judgement.findings[0].reason.encode()


def test_a_tool_that_nobody_knows_is_denied_even_if_the_policy_lists_it():
    unchecked = load(b"tools: {ghost: {allowed: true}}", name="p", tools=None)

    assert rules(judge(unchecked, TOOLS, call=RawCall(tool="ghost", arguments={}))) == ["unlisted"]
    assert rules(judge(unchecked, TOOLS, call=RawCall(tool="add_note", arguments={}))) == ["unlisted"]


def test_the_schema_is_checked_and_the_policy_asked_all_the_same():
    judgement = judged({"amount_usd": "900 USD", "user": {"role": "admin"}})

    assert rules(judgement) == ["schema", "issue_refund.max_amount_usd"]
    assert judgement.findings[0].compared == {
        "problems": ["$.amount_usd is text; expected number", "$.user is not declared by the tool's schema"]
    }
    assert judgement.findings[0].reason == (
        "the arguments do not fit the tool's schema: $.amount_usd is text; expected number (and 1 more)"
    )


def test_one_problem_is_told_alone():
    (finding,) = judged({"amount_usd": 1, "n": 1.5}).findings

    assert finding.reason == "the arguments do not fit the tool's schema: $.n is a number; expected integer"
    assert finding.always is True


def test_a_schema_that_cannot_be_used_denies():
    broken = {"issue_refund": ToolSpec(name="issue_refund", parameters={"type": "nonsense"})}
    rules_ = load(b"tools: {issue_refund: {allowed: true}}", name="p", tools=None)

    (finding,) = judge(rules_, broken, call=RawCall(tool="issue_refund", arguments={})).findings
    assert (finding.rule, finding.decision) == ("schema", Verdict.DENY)
    assert "the tool's schema cannot be used: the schema of the arguments is not valid" in finding.reason


def test_the_schema_is_enforced_in_shadow_too():
    above = "environments: {prod: {mode: shadow}}\n"

    assert judged({"amount_usd": 51}, above=above).verdict is Verdict.ALLOW
    assert judged({"amount_usd": 5, "x": 1}, above=above).verdict is Verdict.DENY
    assert judged("[]", above=above).verdict is Verdict.DENY


CITED = "max_amount_usd: 50\nrequire_citation: true"


def test_citations_are_taken_out_before_the_schema_and_bound():
    judgement = judged({"amount_usd": 5, "citations": [CITATION]}, keys=CITED, evidence=(CHUNK,))

    assert (judgement.verdict, judgement.findings) == (Verdict.ALLOW, ())
    assert judgement.arguments == '{"amount_usd":5}'
    assert judgement.citations == f'[{{"digest":"{digest_text(TEXT[:7])}","document":"kb","end":7,"start":0}}]'


def test_citations_beside_the_arguments_count_as_well():
    assert judged({"amount_usd": 5}, keys=CITED, evidence=(CHUNK,), citations=[CITATION]).verdict is Verdict.ALLOW
    both = judged({"amount_usd": 5, "citations": []}, keys=CITED, evidence=(CHUNK,), citations=[CITATION])
    assert both.verdict is Verdict.ALLOW
    assert both.citations.count("digest") == 1


@pytest.mark.parametrize(
    ("citations", "why"),
    [
        ([], "none is given"),
        ([{**CITATION, "document": "other"}], "the document 'other' was not retrieved in this run"),
        ([{**CITATION, "end": 8}], "0 to 8 of 'kb' does not have the digest"),
        ([{**CITATION, "start": 7}], "7 to 7 is no span; expected 0 <= start < end"),
        ([{**CITATION, "end": 700}], "0 to 700 of 'kb' lies in no chunk that was retrieved"),
    ],
)
def test_without_a_citation_that_resolves_the_call_is_denied(citations: Json, why: str):
    judgement = judged({"amount_usd": 5, "citations": citations}, keys=CITED, evidence=(CHUNK,))

    assert rules(judgement) == ["issue_refund.require_citation"]
    assert why in judgement.findings[0].reason


def test_one_citation_that_resolves_is_enough():
    wrong = {**CITATION, "end": 8}

    assert (
        judged({"amount_usd": 5, "citations": [wrong, CITATION]}, keys=CITED, evidence=(CHUNK,)).verdict
        is Verdict.ALLOW
    )


def test_a_citation_without_evidence_is_none():
    assert rules(judged({"amount_usd": 5, "citations": [CITATION]}, keys=CITED)) == ["issue_refund.require_citation"]
    assert rules(judged({"amount_usd": 5}, keys=CITED, evidence=(CHUNK,))) == ["issue_refund.require_citation"]


@pytest.mark.parametrize(
    ("citations", "reason"),
    [
        ("see the policy", "$.citations: got text; expected a list"),
        (None, "$.citations: got null; expected a list"),
        ({"document": "kb"}, "$.citations: got an object; expected a list"),
        (["kb"], "$.citations[0]: got text; expected an object with document, start, end, digest"),
        ([{**CITATION, "page": 1}], "$.citations[0]: unknown key 'page'"),
        ([{**CITATION, "start": True}], "$.citations[0]: start is a boolean"),
    ],
)
def test_a_citation_that_is_not_of_its_form_breaks_the_schema_and_is_none(citations: Json, reason: str):
    judgement = judged({"amount_usd": 5, "citations": citations}, keys=CITED, evidence=(CHUNK,))

    assert rules(judgement) == ["schema", "issue_refund.require_citation"]
    assert reason in judgement.findings[0].reason
    assert reason in judgement.findings[1].reason


def test_a_malformed_citation_is_denied_even_beside_one_that_resolves():
    judgement = judged({"amount_usd": 5, "citations": ["kb", CITATION]}, keys=CITED, evidence=(CHUNK,))

    assert rules(judgement) == ["schema"]


@pytest.mark.parametrize("citations", ["kb", 5, {"a": 1}, ["kb"], [{}], True])
def test_malformed_citations_beside_the_arguments_cannot_be_read(citations: Json):
    asked = judged({"amount_usd": 5}, keys=CITED, evidence=(CHUNK,), citations=citations)
    assert rules(asked) == ["parse", "issue_refund.require_citation"]
    unasked = judged({"amount_usd": 5}, evidence=(CHUNK,), citations=citations)
    assert rules(unasked) == ["parse"]


def test_where_no_citation_is_asked_for_the_argument_is_undeclared():
    judgement = judged({"amount_usd": 5, "citations": [CITATION]}, evidence=(CHUNK,))

    assert rules(judgement) == ["schema"]
    assert "$.citations is not declared" in judgement.findings[0].reason
    assert judged({"amount_usd": 5}, evidence=(CHUNK,), citations=[CITATION]).verdict is Verdict.ALLOW


def test_the_reserved_argument_is_at_the_top_only():
    judgement = judged({"amount_usd": 5, "card": {"citations": [CITATION]}}, keys=CITED, evidence=(CHUNK,))

    assert rules(judgement) == ["issue_refund.require_citation"]


def test_the_idempotency_key_is_the_text_of_its_values():
    keys = "idempotency_key: [$.order_id, $.n]"

    assert judged({"amount_usd": 5, "order_id": "o", "n": 1}, keys=keys).key == '["o",1]'
    assert judged('{"amount_usd": 9, "n": 1.0, "order_id": "o"}', keys=keys).key == '["o",1]'
    missing = judged({"amount_usd": 5, "order_id": "o"}, keys=keys)
    assert (missing.key, rules(missing)) == (None, ["issue_refund.idempotency_key"])
    assert judged({"amount_usd": 5}).key is None


def test_principal_and_environment_reach_the_policy():
    above = "roles: {r: {members: ['agent:a']}}\nenvironments: {prod: {}, qa: {}}\n"
    keys = "roles: [r]\nenvironments: [qa]"

    assert (
        judged({"amount_usd": 1}, keys=keys, above=above, principal=Principal(id="agent:a@1"), environment="qa").verdict
        is Verdict.ALLOW
    )
    assert rules(judged({"amount_usd": 1}, keys=keys, above=above)) == [
        "issue_refund.environments",
        "issue_refund.roles",
    ]


SECRET = "4111"


@pytest.mark.parametrize(
    "card",
    [{"4111": 1}, {"a": {"4111": {"b": 1}}}, "4111", ["4111"], {"number": "4111"}],
)
def test_what_is_redacted_is_in_no_finding(card: Json):
    spec = ToolSpec(
        name="issue_refund",
        parameters={
            "properties": {"amount_usd": {}, "card": {"type": "object", "properties": {"a": {"properties": {}}}}}
        },
    )
    text = b"tools: {issue_refund: {allowed: true, max_amount_usd: 5, redact: [$.card]}}"
    rules_ = load(text, name="p", tools={"issue_refund": spec})

    judgement = judge(
        rules_, {"issue_refund": spec}, call=RawCall(tool="issue_refund", arguments={"amount_usd": 1, "card": card})
    )

    assert judgement.verdict is Verdict.DENY
    shown = "".join(f"{finding.reason}{dict(finding.compared)}" for finding in judgement.findings)
    assert SECRET not in shown
    assert "$.card [redacted]:" in shown


def test_what_lies_beside_a_redacted_path_is_named():
    spec = ToolSpec(name="issue_refund", parameters={"properties": {"card": {"properties": {"no": {}, "cvc": {}}}}})
    rules_ = load(
        b"tools: {issue_refund: {allowed: true, redact: [$.card.no]}}", name="p", tools={"issue_refund": spec}
    )

    (finding,) = judge(
        rules_, {"issue_refund": spec}, call=RawCall(tool="issue_refund", arguments={"card": {"x": 1}})
    ).findings
    assert "$.card.x is not declared" in finding.reason


def test_a_call_never_changes_what_it_was_given():
    arguments: dict[str, Json] = {"amount_usd": 5, "citations": [CITATION]}
    before = {**arguments}

    judged(arguments, keys=CITED, evidence=(CHUNK,))
    assert arguments == before


THIRTEEN: Mapping[str, tuple[str, object]] = {
    "positional arguments": ("issue_refund", ["o1", 25]),
    "no action name": ("", {"amount_usd": 25}),
    "the caller naming another action": ("add_note", {"amount_usd": 900}),
    "a name in other letters": ("Issue_Refund", {"amount_usd": 25}),
    "NaN": ("issue_refund", '{"amount_usd": NaN}'),
    "currency text": ("issue_refund", {"amount_usd": "900 USD"}),
    "a list": ("issue_refund", {"amount_usd": [900]}),
    "nothing": ("issue_refund", {"amount_usd": None}),
    "a negative amount": ("issue_refund", {"amount_usd": -900}),
    "an argument that claims a role": ("issue_refund", {"amount_usd": 25, "user": {"role": "admin"}}),
    "more than the limit": ("issue_refund", {"amount_usd": 900}),
    "a boolean": ("issue_refund", {"amount_usd": True}),
}


@pytest.mark.parametrize("way", THIRTEEN)
def test_the_ways_past_another_gate_are_denied_here(way: str):
    tool, arguments = THIRTEEN[way]

    assert judged(arguments, tool=tool).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("by", "resolved"),
    [
        (None, 1),
        (Viewer.of("agent:support@r1", on_behalf_of="user:ann"), 1),
        (Viewer.of("agent:support@r1", on_behalf_of="user:bob"), 0),
        (Viewer.of("agent:other@r1", on_behalf_of="user:ann"), 0),
        (Viewer.of("agent:support@r1"), 0),
    ],
)
def test_i5_what_another_principal_retrieved_is_no_evidence_of_this_one(by: Viewer | None, resolved: int):
    principal = Principal(id="agent:support@r2", on_behalf_of="user:ann")
    evidence = (replace(CHUNK, retrieved_by=by),)
    cited = {"amount_usd": 5, "citations": [CITATION]}

    judgement = judged(cited, keys=CITED, evidence=evidence, principal=principal)
    assert judgement.call is not None
    assert judgement.call.resolved == resolved
    assert len(judgement.call.unresolved) == 1 - resolved
    # Of nobody it is not asked who retrieved.
    nobody = judged(cited, keys=CITED, evidence=evidence)
    assert nobody.call is not None
    assert nobody.call.resolved == 1


def test_i5_what_was_retrieved_too_long_ago_is_no_evidence():
    cited = {"amount_usd": 5, "citations": [CITATION]}
    for principal in (None, Principal(id="agent:support@r1")):
        for at, resolved in ((Instant(4), 0), (Instant(5), 1), (None, 0)):
            evidence = (replace(CHUNK, retrieved_at=at),)
            judgement = judged(cited, keys=CITED, evidence=evidence, principal=principal, since=Instant(5))
            assert judgement.call is not None
            assert judgement.call.resolved == resolved


def test_a_validator_objects_to_a_citation_and_hears_the_arguments_without_the_citations():
    heard: list[object] = []

    def objects(citation: Citation, chunk: Chunk, arguments: Mapping[str, Json]) -> str | None:
        heard.append((citation.end, chunk, dict(arguments)))
        return "the amount is not in the span"

    call = RawCall(tool="issue_refund", arguments={"amount_usd": 5, "citations": [CITATION]}, evidence=(CHUNK,))
    judgement = judge(policy(CITED), TOOLS, call=call, validator=objects)
    assert heard == [(7, CHUNK, {"amount_usd": 5})]
    assert judgement.verdict is Verdict.DENY
    assert judgement.call is not None
    assert judgement.call.unresolved == ("the amount is not in the span",)
    assert judge(policy(CITED), TOOLS, call=call, validator=lambda *_: None).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (None, []),
        (frozenset({"issue_refund"}), []),
        (frozenset({"issue_refund", "add_note"}), []),
        (frozenset({"add_note"}), ["sub_agent"]),
        (frozenset(), ["sub_agent"]),
        (frozenset({"Issue_Refund", "issue_refund "}), ["sub_agent"]),
    ],
)
def test_i1_a_sub_agent_gets_no_tool_but_its_own(within: frozenset[str] | None, expected: list[str]):
    assert rules(judged({"amount_usd": 20}, within=within)) == expected


def test_i1_a_sub_agent_is_told_what_it_asked_for_and_what_it_has():
    principal = Principal(id="agent:support@1", through=("agent:support/re\u202esearcher",))
    judgement = judged({"amount_usd": 20}, within=frozenset({"look", "add_note"}), principal=principal)

    (finding,) = judgement.findings
    assert finding.reason == "'issue_refund' is not among the tools of agent:support/re\\u202esearcher: add_note, look"
    assert finding.compared == {
        "tool": "issue_refund",
        "sub_agent": "agent:support/re\\u202esearcher",
        "tools": ["add_note", "look"],
    }
    assert judgement.arguments == '{"amount_usd":20}'
    (finding,) = judged({"amount_usd": 20}, within=frozenset()).findings
    assert finding.reason == "'issue_refund' is not among the tools of the sub-agent: none"


def test_i1_in_shadow_too_a_sub_agent_gets_no_tool_but_its_own():
    shadow = "environments: {prod: {mode: shadow}}\n"
    judgement = judged({"amount_usd": 20}, above=shadow, within=frozenset({"add_note"}))

    assert (judgement.verdict, rules(judgement)) == (Verdict.DENY, ["sub_agent"])
