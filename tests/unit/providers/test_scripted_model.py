import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueprocess.errors import BadValue, ModelRefused, ModelUnavailable
from dueprocess.model import Finish, Message, ModelReply, ModelRequest, Price, Role, Usage, worst_usage
from dueprocess.providers import Line, Scripted, by_turn
from dueprocess.values import Money

REQUEST = ModelRequest(
    model="scripted", messages=(Message(role=Role.USER, text="refund A-1"),), max_output_tokens=50, timeout_s=1.0
)
PRICE = Price(input=Money(1), output=Money(2))


def ask(provider: Scripted, request: ModelRequest = REQUEST, *, run: str = "r", turn: int = 1) -> ModelReply:
    return asyncio.run(provider.request(request, run=run, turn=turn))


def said(*lines: Line, turn: int = 1) -> ModelReply:
    return ask(Scripted(by_turn(lines)), turn=turn)


def test_each_turn_says_its_line():
    provider = Scripted(by_turn([Line(text="one"), Line(text="two")]))
    assert [ask(provider, turn=turn).text for turn in (1, 2)] == ["one", "two"]


def test_a_turn_asked_again_after_a_crash_gets_the_same_reply():
    lines = [Line(text="one"), Line(calls=(("pay", {"amount_usd": "25.00"}),))]
    first = ask(Scripted(by_turn(lines)), turn=2)
    after_the_crash = Scripted(by_turn(lines))
    assert ask(after_the_crash, turn=2) == first
    assert ask(after_the_crash, turn=2) == first


@pytest.mark.parametrize("turn", [0, -1, 3])
def test_a_turn_that_the_script_does_not_have_is_refused(turn: int):
    with pytest.raises(ModelRefused, match=f"turn {turn} is not in the script; expected 1 to 2"):
        ask(Scripted(by_turn([Line(text="one"), Line(text="two")])), turn=turn)


def test_a_script_decides_from_request_run_and_turn():
    def script(request: ModelRequest, run: str, turn: int) -> Line:
        return Line(text=f"{run} {turn}: {request.messages[-1].text}")

    assert ask(Scripted(script), run="r7", turn=9).text == "r7 9: refund A-1"


def test_arguments_are_written_exactly():
    arguments = {"b": 0.1, "a": Decimal("25.10"), "n": 10**30 + 1, "t": "\u20ac", "l": [1.0, None, True], "d": {}}
    (call,) = said(Line(calls=(("pay", arguments),))).requests
    assert (
        call.arguments == '{"a":25.1,"b":0.1,"d":{},"l":[1,null,true],"n":1000000000000000000000000000001,"t":"\u20ac"}'
    )


@pytest.mark.parametrize("arguments", ["", "{", '{"amount": NaN}', "[900]", '{"a":1,"a":2}', "\x00"])
def test_arguments_given_as_text_are_passed_on_untouched(arguments: str):
    assert said(Line(calls=(("pay", arguments),))).requests[0].arguments == arguments


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, "\ud800", object(), {3}])
def test_arguments_that_are_no_json_fail_where_the_script_is_written(value: object):
    with pytest.raises(BadValue):
        Line(calls=(("pay", {"amount": value}),))


def test_every_call_has_an_id_of_its_own():
    lines = [Line(calls=(("a", {}), ("a", {}))), Line(calls=(("a", {}),))]
    ids = [call.id for turn in (1, 2) for call in said(*lines, turn=turn).requests]
    assert len(set(ids)) == 3


def test_the_finish_follows_from_the_calls_unless_it_is_said():
    assert said(Line(text="done")).finish is Finish.STOP
    assert said(Line(calls=(("a", {}),))).finish is Finish.TOOL_CALLS
    assert said(Line(calls=(("a", {}),), finish=Finish.LENGTH)).finish is Finish.LENGTH


def test_usage_that_is_said_is_told():
    assert said(Line(usage=Usage(input_tokens=3, output_tokens=4))).usage == Usage(input_tokens=3, output_tokens=4)


@given(st.text(), st.text(), st.integers(1, 100))
def test_derived_usage_is_the_same_each_time_and_stays_within_what_was_reserved(asked: str, text: str, limit: int):
    request = ModelRequest(
        model="scripted", messages=(Message(role=Role.USER, text=asked),), max_output_tokens=limit, timeout_s=1.0
    )
    usage = ask(Scripted(by_turn([Line(text=text)])), request).usage
    bound = worst_usage(request)
    assert usage == ask(Scripted(by_turn([Line(text=text)])), request).usage
    assert 0 < usage.input_tokens <= bound.input_tokens
    assert usage.output_tokens <= limit


def test_a_failure_is_raised_with_all_it_says_and_anew_each_time():
    failure = ModelUnavailable("busy", may_have_run=False, retry_after_s=2.5)
    provider = Scripted(by_turn([Line(failure=failure)]))
    raised: list[ModelUnavailable] = []
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="busy") as caught:
            ask(provider)
        raised.append(caught.value)
    assert [(error.may_have_run, error.retry_after_s) for error in raised] == [(False, 2.5)] * 2
    assert raised[0] is not raised[1]
    assert failure.__traceback__ is None


def test_a_model_name_that_the_script_does_not_play_is_refused():
    provider = Scripted(by_turn([Line(text="x")]), models=("small", "large"))
    with pytest.raises(ModelRefused, match="'scripted' is unknown here; expected one of small, large") as caught:
        ask(provider)
    assert not caught.value.may_have_run


def test_a_scripted_model_never_reports_the_name_of_a_real_one():
    reply = ask(Scripted(by_turn([Line(text="x")]), models=("scripted", "gpt-9")))
    assert (reply.requested, reply.reported) == ("scripted", "script-1")


def test_the_price_holds_for_the_models_of_the_script_alone():
    provider = Scripted(by_turn([]), price=PRICE, models=("small",))
    assert provider.price("small") == PRICE
    assert provider.price("scripted") is None
