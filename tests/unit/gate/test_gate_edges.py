"""The edges of the judgement: what is left out, the last size that is read, which of several problems is told, and how."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from dueprocess.evidence import Chunk
from dueprocess.gate import Judgement, RawCall, judge
from dueprocess.gate.explained import Explained, explained_json
from dueprocess.gate.judge import MAX_TEXT
from dueprocess.gate.line import MAX_LINE, judge_line, rate_of_none, read_principal
from dueprocess.gate.trial import trial_json, try_tests
from dueprocess.policy import Finding, Passed, Policy, Principal, Verdict, load
from dueprocess.tool import ToolSpec
from dueprocess.values import Json, digest_text

TEXT = "Refunds are possible."
CHUNK = Chunk(document="kb", digest=digest_text(TEXT), start=0, end=len(TEXT), text=TEXT)
RESOLVES: Json = {"document": "kb", "start": 0, "end": 7, "digest": digest_text("Refunds")}
ELSEWHERE: Json = {"document": "wiki", "start": 0, "end": 7, "digest": digest_text("Refunds")}
NO_FORM: Json = {"document": "kb"}


def spec(**properties: Mapping[str, Json]) -> ToolSpec:
    return ToolSpec(
        name="pay", parameters={"type": "object", "properties": {name: dict(p) for name, p in properties.items()}}
    )


def policy(keys: str, tool: ToolSpec, *, above: str = "") -> Policy:
    return load(f"{above}tools: {{pay: {{allowed: true{keys}}}}}\n".encode(), name="p.yaml", tools={"pay": tool})


PLAIN = spec(n={"type": "integer"})
OPEN = policy("", PLAIN)
CITED = policy(", require_citation: true", PLAIN)


def judged(arguments: object, *, of: Policy = OPEN, tool: ToolSpec = PLAIN, **more: Any) -> Judgement:
    return judge(of, {"pay": tool}, call=RawCall(tool="pay", arguments=arguments, **more))


# What is left out -----------------------------------------------------------------------------------------------------


def test_what_could_not_be_judged_further_has_no_citations_no_key_and_no_call():
    unread = judged("[]")
    assert (unread.arguments, unread.citations, unread.key, unread.call) == ("", "", None, None)
    unlisted = judge(OPEN, {}, call=RawCall(tool="pay", arguments={"n": 1}))
    assert (unlisted.arguments, unlisted.citations, unlisted.key, unlisted.call) == ('{"n":1}', "", None, None)


def test_a_judgement_of_nothing_more_than_arguments_says_so():
    least = Judgement(verdict=Verdict.ALLOW, findings=(), arguments="{}")
    assert (least.citations, least.key, least.call) == ("", None, None)


# The last that is read ------------------------------------------------------------------------------------------------


def test_arguments_are_read_up_to_eight_megabytes_and_not_one_character_more():
    assert MAX_TEXT == 8_388_608
    assert judged('{"n":1}'.ljust(MAX_TEXT)).verdict is Verdict.ALLOW
    (finding,) = judged('{"n":1}'.ljust(MAX_TEXT + 1)).findings
    assert finding.reason == "arguments of 8388609 characters; expected at most 8388608"


def test_a_line_is_read_up_to_sixteen_megabytes_and_not_one_byte_more():
    assert MAX_LINE == 16_777_216
    line = b'{"id":1,"tool":"pay","arguments":{"n":1}}'
    assert json.loads(judge_line(OPEN, {"pay": PLAIN}, line.ljust(MAX_LINE)))["decision"] == "allow"
    assert json.loads(judge_line(OPEN, {"pay": PLAIN}, line.ljust(MAX_LINE + 1)))["decision"] == "deny"


@pytest.mark.parametrize("length", [1, 1024])
def test_a_name_has_from_one_to_1024_characters(length: int):
    name = "a" * length
    assert read_principal({"id": name, "on_behalf_of": name}) == Principal(id=name, on_behalf_of=name)


# Citations ------------------------------------------------------------------------------------------------------------


def test_of_several_citations_that_are_none_the_first_is_told_and_all_are_counted():
    beside = judged({"n": 1}, citations=[NO_FORM, NO_FORM, 5], of=CITED, evidence=(CHUNK,))
    assert [finding.rule for finding in beside.findings] == ["parse", "pay.require_citation"]
    inside = judged({"n": 1, "citations": [NO_FORM, NO_FORM, 5]}, of=CITED, evidence=(CHUNK,))
    assert [finding.rule for finding in inside.findings] == ["schema", "pay.require_citation"]
    both = judged({"n": 1, "citations": [NO_FORM]}, citations=[5], of=CITED, evidence=(CHUNK,))
    assert both.call is not None
    assert [reason.partition(": ")[0] for reason in both.call.unresolved] == ["citations[0]", "$.citations[0]"]


def test_what_resolves_is_counted_and_what_does_not_is_told():
    mixed = judged({"n": 1}, citations=[RESOLVES, ELSEWHERE, RESOLVES], of=CITED, evidence=(CHUNK,))
    assert mixed.call is not None
    assert mixed.call.resolved == 2
    assert mixed.call.unresolved == ("the document 'wiki' was not retrieved in this run",)


# Problems with redacted paths -----------------------------------------------------------------------------------------


CARDS = spec(
    cards={"type": "array", "items": {"type": "object", "properties": {"number": {"type": "integer"}}}},
    iban={"type": "string", "maxLength": 2},
    n={"type": "integer"},
)
HIDDEN = policy(", redact: [$.cards, $.iban]", CARDS)


def problem(arguments: Json) -> str:
    (finding,) = judged(arguments, of=HIDDEN, tool=CARDS).findings
    assert finding.rule == "schema"
    return finding.reason.removeprefix("the arguments do not fit the tool's schema: ")


def test_a_problem_inside_a_list_is_redacted_as_the_policy_names_it():
    assert problem({"cards": [{"number": "4111"}]}).startswith("$.cards [redacted]: ")
    assert "4111" not in problem({"cards": [{"number": "4111"}]})


def test_of_several_redacted_paths_the_one_of_the_problem_is_named():
    assert problem({"iban": "DE89"}).startswith("$.iban [redacted]: ")


def test_a_problem_of_the_whole_is_not_taken_for_one_of_a_redacted_path():
    least_one = ToolSpec(name="pay", parameters={**CARDS.parameters, "minProperties": 1})
    of = policy(", redact: [$.iban]", least_one)
    (finding,) = judged({}, of=of, tool=least_one).findings
    assert "[redacted]" not in finding.reason


def test_of_a_redacted_problem_neither_the_value_nor_what_was_expected_is_told():
    card = spec(card={"type": "object", "properties": {"no": {"type": "string"}}})
    (finding,) = judged({"card": {"no": 4111}}, of=policy(", redact: [$.card.no]", card), tool=card).findings
    assert finding.compared["problems"] == ["$.card.no [redacted]: is a number"]
    (open_,) = judged({"card": {"no": 4111}}, of=policy("", card), tool=card).findings
    assert open_.compared["problems"] == ["$.card.no is a number; expected string"]


def test_a_long_problem_is_cut_for_a_person_after_400_characters():
    names = [letter * 80 for letter in "abcdef"]
    schema: dict[str, Json] = {"type": "string"}
    value: Json = 5
    for name in reversed(names):
        schema = {"type": "object", "properties": {name: schema}}
        value = {name: value}
    tool = ToolSpec(name="pay", parameters=schema)
    (finding,) = judged(value, of=policy("", tool), tool=tool).findings
    (shown,) = finding.compared["problems"]
    whole = f"$.{'.'.join(names)} is a number; expected string"
    assert shown == f"{whole[:400]}... ({len(whole)} characters)"


# A rate of none, explanations, trials -------------------------------------------------------------------------------


def test_a_rate_of_none_is_told_with_the_values_compared_and_in_shadow_too():
    none = policy(", rate: {count: 0, window: 1m}", PLAIN)
    assert rate_of_none(none, "pay") == (
        Finding(
            rule="pay.rate",
            decision=Verdict.DENY,
            reason="0 + 1 > 0 in the window; a rate of none lets no call through",
            compared={"counted": 0, "asked": 1, "limit": 0},
            always=True,
        ),
    )


def test_an_explanation_shows_each_verdict_and_what_passed_with_its_values():
    def said(decision: Verdict) -> Finding:
        return Finding(rule=f"r.{decision.value}", decision=decision, reason="why")

    found = Explained(
        tool="pay",
        decision=Verdict.DENY,
        asked=(*(said(decision) for decision in Verdict), Passed(rule="r.passed", compared={"n": 1})),
    )
    assert str(found).splitlines()[1:5] == [
        "  allow  r.allow: why",
        "  HOLD   r.hold: why",
        "  DENY   r.deny: why",
        "  pass   r.passed  (n = 1)",
    ]
    assert explained_json(found)["passed"] == [{"rule": "r.passed", "compared": {"n": 1}}]


TRIED = """\
environments: {prod: {mode: shadow}}
tests:
  - {name: first, call: {tool: pay, args: {x: 1}}, expect: {decision: deny}}
  - {name: second, call: {tool: pay, args: {n: 1}, evidence: [1, 2]}, expect: {decision: deny}}
  - {name: third, call: {tool: pay, args: {n: 1}}, expect: {decision: allow}}
"""


def test_a_trial_names_its_line_is_made_in_prod_and_tells_the_first_malformed_evidence():
    first, second, third = try_tests(
        policy(", max_amount_usd: 5, bind: {amount: $.n}", PLAIN, above=TRIED), {"pay": PLAIN}
    )
    assert [trial_json(trial)["line"] for trial in (first, second, third)] == [3, 4, 5]
    assert [finding.reason for finding in second.findings] == [
        "evidence[0]: got a number; expected an object with document, digest, start, end, text"
    ]
    over = TRIED.replace("{n: 1}}, expect: {decision: allow}", "{n: 9}}, expect: {decision: allow}")
    shadowed = try_tests(policy(", max_amount_usd: 5, bind: {amount: $.n}", PLAIN, above=over), {"pay": PLAIN})[2]
    assert [finding.advisory for finding in shadowed.findings] == [True]
    assert shadowed.passed
