"""What a policy redacts is hidden in every rendering of a run: at its path, and wherever else its value turns up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueprocess.agent.records import ModelReplied, PlanMade, RunFinished, TaskSubmitted
from dueprocess.gate import ActionDenied, ActionEdited, ApprovalRecord, CallRecord
from dueprocess.ledger import Envelope, Event
from dueprocess.model import ToolRequest, Usage
from dueprocess.policy import load
from dueprocess.runtime.redaction import Redaction
from dueprocess.values import Json, canonical

FILE = b"tools: {pay: {allowed: true, redact: [$.card, $.owner.name]}, look: {allowed: true}}"
POLICY = load(FILE, name="p", tools=None)
SECRET = "4111-1111"


def event(record: object) -> Event:
    envelope = Envelope(
        leaf=0,
        prev="",
        tenant="t",
        run="r",
        seq=1,
        kind="x.y",
        at=1,
        release="",
        policy="",
        epoch=0,
        action="",
        attempt=0,
        body="AA==",
    )
    return Event(envelope=envelope, record=record)


def called(tool: str, arguments: Json) -> Event:
    call = CallRecord(tool=tool, arguments=canonical(arguments), schema="", principal="", cause=1, index=0)
    return event(ActionDenied(call=call, findings=()))


def replied(tool: str, arguments: str, *, text: str = "") -> Event:
    request = ToolRequest(id="1", name=tool, arguments=arguments)
    usage = Usage(input_tokens=1, output_tokens=1)
    return event(
        ModelReplied(
            turn=1,
            text=text,
            requests=(request,),
            usage=usage,
            requested="m",
            reported="m",
            finish="stop",
            cost_micros=0,
        )
    )


def test_the_value_at_a_path_is_hidden_and_nothing_else():
    hide = Redaction.of([POLICY], [])
    assert hide.arguments("pay", '{"card":"4111-1111","amount":5,"owner":{"name":"Ann","city":"X"}}') == {
        "card": "[redacted]",
        "amount": 5,
        "owner": {"name": "[redacted]", "city": "X"},
    }
    assert hide.arguments("look", '{"card":"4111-1111"}') == {"card": "4111-1111"}
    assert hide.arguments("pay", '{"amount":5}') == {"amount": 5}


@pytest.mark.parametrize("value", [None, True, 5, "x", ["a"], {"a": 1}])
def test_whatever_stands_at_a_path_is_hidden(value: Json):
    assert Redaction.of([POLICY], []).arguments("pay", canonical({"card": value})) == {"card": "[redacted]"}


@pytest.mark.parametrize("arguments", ['["4111-1111"]', '"4111-1111"', '{"card":', "not JSON 4111-1111"])
def test_what_does_not_have_the_shape_of_arguments_is_hidden_whole(arguments: str):
    assert Redaction.of([POLICY], []).arguments("pay", arguments) == "[redacted]"


def test_the_way_to_a_path_that_is_no_object_is_hidden():
    hide = Redaction.of([POLICY], [])
    assert hide.arguments("pay", '{"owner":["Ann"],"amount":1}') == {"owner": "[redacted]", "amount": 1}
    assert hide.result("pay", '{"owner":["Xyz"]}') == {"owner": ["Xyz"]}  # a result may have any shape


@pytest.mark.parametrize(
    "told",
    [
        called("pay", {"card": SECRET}),
        called("pay", {"card": ["x", {"deep": SECRET}]}),
        replied("pay", canonical({"card": SECRET})),
        event(ActionEdited(by=ApprovalRecord(by="user:fin"), arguments=canonical({"card": SECRET}), approves=False)),
    ],
)
def test_a_hidden_value_is_hidden_wherever_else_it_turns_up(told: Event):
    hide = Redaction.of([POLICY], [event(TaskSubmitted(text="x", key="k", agent="a", principal="p")), told])
    assert hide.text(f"please charge {SECRET} now") == "please charge [redacted] now"
    assert hide.result("look", canonical({"a": [f"<{SECRET}>"], SECRET: 1})) == {"a": ["<[redacted]>"], "[redacted]": 1}


def planned(arguments: Json, **more: Json) -> str:
    call: Json = {"name": "paid", "tool": "pay", "arguments": arguments}
    step: dict[str, Json] = {"id": "a", "kind": "calls", "calls": [call], "next": "b", **more}
    return canonical({"start": "a", "steps": [step, {"id": "b", "kind": "end", "result": [SECRET, "steps"]}]})


def test_what_a_plan_writes_out_is_hidden_as_it_would_be_in_the_call():
    plan = planned({"card": SECRET, "amount": 5, "owner": {"name": "$.task"}})
    for told in (event(PlanMade(plan=plan)), replied("look", "{}", text=plan)):
        hide = Redaction.of([POLICY], [told])
        assert hide.text(f"please charge {SECRET} of $.task") == "please charge [redacted] of $.task"
        shown = hide.plan(plan)
        assert SECRET not in canonical(shown)
        assert '"arguments":{"amount":5,"card":"[redacted]","owner":{"name":"[redacted]"}}' in canonical(shown)


def test_a_plan_keeps_its_form_whatever_is_hidden_of_it():
    plan = planned({"card": "steps", "owner": {"name": "kind"}}, on_denied="calls", on_failed="")
    hide = Redaction.of(
        [POLICY], [called("pay", {"card": ["steps", "calls", "arguments", "next", "start", "a", "id"]})]
    )
    assert hide.plan(plan) == {
        "start": "a",
        "steps": [
            {
                "id": "a",
                "kind": "calls",
                "calls": [
                    {
                        "name": "paid",
                        "tool": "pay",
                        "arguments": {"card": "[redacted]", "owner": {"name": "[redacted]"}},
                    }
                ],
                "next": "b",
                "on_denied": "[redacted]",
                "on_failed": "",
            },
            {"id": "b", "kind": "end", "result": [SECRET, "[redacted]"]},
        ],
    }


@pytest.mark.parametrize("text", ["", "hello", "{", "[]", "{}", '{"steps":7}', '{"steps":[7,{"calls":[7,{}]}]}'])
def test_a_text_that_is_no_plan_hides_and_shows_nothing(text: str):
    hide = Redaction.of([POLICY], [event(PlanMade(plan=text))])
    assert hide.secrets == ()
    assert SECRET not in canonical(hide.plan(text))
    assert Redaction.of([None], []).plan(planned({"card": SECRET})) == "[redacted]"


def test_numbers_and_escaped_texts_are_hidden_as_they_are_written():
    hide = Redaction.of([POLICY], [called("pay", {"card": 41111111, "owner": {"name": 'O"Neil\n'}})])
    assert hide.text("card 41111111") == "card [redacted]"
    assert hide.result("look", '{"a":41111111,"b":41111112}') == {"a": "[redacted]", "b": 41111112}
    assert hide.text('{"said":"O\\"Neil\\n"}') == '{"said":"[redacted]"}'


def test_short_values_are_hidden_at_their_paths_only():
    hide = Redaction.of([POLICY], [called("pay", {"card": "abc"})])
    assert hide.text("abc") == "abc"


def test_the_longest_secret_is_hidden_first():
    hide = Redaction.of([POLICY], [called("pay", {"card": "secret", "owner": {"name": "secretary"}})])
    assert hide.text("the secretary") == "the [redacted]"


def test_every_policy_that_decided_counts():
    other = load(b"tools: {pay: {allowed: true, redact: [$.iban]}}", name="p", tools=None)
    hide = Redaction.of([POLICY, other], [])
    assert hide.arguments("pay", '{"card":"1","iban":"2"}') == {"card": "[redacted]", "iban": "[redacted]"}


def test_a_policy_that_cannot_be_read_hides_everything():
    hide = Redaction.of([POLICY, None], [])
    assert hide.arguments("look", '{"a":1}') == hide.result("look", "1") == hide.text("x") == "[redacted]"
    assert hide.text("") == ""


def test_without_redaction_all_is_shown_as_it_is():
    plain = load(b"tools: {pay: {allowed: true}}", name="p", tools=None)
    hide = Redaction.of([plain], [called("pay", {"card": SECRET}), event(RunFinished(result=SECRET, active=1))])
    assert hide.text(SECRET) == SECRET
    assert hide.arguments("pay", "{nothing") == "{nothing"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


SECRETS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[redacted]"), min_size=4, max_size=20)


@given(SECRETS, TEXT, TEXT)
def test_no_text_shows_a_hidden_value(secret: str, before: str, after: str):
    hide = Redaction.of([POLICY], [called("pay", {"card": secret})])
    assert secret not in hide.text(before + secret + after)
