from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dueprocess.model import (
    OVERHEAD_TOKENS,
    Message,
    ModelRequest,
    OfferedTool,
    Price,
    Role,
    ToolRequest,
    Usage,
    measure,
    request_bytes,
    worst_usage,
)
from dueprocess.values import Money, canonical

texts = st.text(max_size=40)
requests = st.builds(ToolRequest, id=texts, name=texts, arguments=texts)
messages = st.builds(
    Message, role=st.sampled_from(Role), text=texts, requests=st.lists(requests, max_size=2).map(tuple), answers=texts
)
questions = st.builds(
    ModelRequest,
    model=texts,
    messages=st.lists(messages, max_size=4).map(tuple),
    tools=st.lists(
        st.builds(OfferedTool, name=texts, description=texts, parameters=st.dictionaries(texts, texts, max_size=2)),
        max_size=2,
    ).map(tuple),
    schema=st.none() | st.dictionaries(texts, texts, max_size=2),
    max_output_tokens=st.integers(1, 10_000),
    timeout_s=st.just(1.0),
)

SMALL = ModelRequest(model="m", messages=(Message(role=Role.USER, text="hi"),), max_output_tokens=7, timeout_s=1.0)


def with_text(text: str) -> ModelRequest:
    return replace(SMALL, messages=(Message(role=Role.USER, text=text),))


def test_the_size_is_that_of_the_canonical_json_of_messages_tools_and_schema():
    message = {"role": "user", "text": "hi", "requests": [], "answers": ""}
    shown = canonical({"messages": [message], "tools": [], "schema": None})
    lists = shown.count("[") + shown.count("]")
    assert request_bytes(SMALL) == len(shown) + 3 * lists


def test_neither_the_model_name_nor_the_limits_count():
    assert request_bytes(replace(SMALL, model="m" * 99, max_output_tokens=9999, timeout_s=99.0)) == request_bytes(SMALL)


def test_text_counts_in_bytes_not_in_characters():
    assert request_bytes(with_text("\u20ac")) - request_bytes(with_text("")) == 3


def test_what_may_start_a_marker_of_a_chat_template_counts_a_joiner_more():
    for start in "<[]":
        assert request_bytes(with_text(start)) - request_bytes(with_text("")) == 1 + 3


def test_a_lone_surrogate_has_a_size_too():
    assert request_bytes(with_text("\ud800")) - request_bytes(with_text("")) == 3


@given(questions)
def test_no_question_is_smaller_than_its_text(question: ModelRequest):
    said = [message.text for message in question.messages]
    said += [call.name + call.arguments for message in question.messages for call in message.requests]
    said += [tool.name + tool.description for tool in question.tools]
    assert request_bytes(question) >= len("".join(said).encode())


@given(questions)
def test_sizes_of_messages_add_up_to_no_less_than_the_size_of_the_request(question: ModelRequest):
    bare = request_bytes(replace(question, messages=()))
    summed = bare + sum(measure(message)[0] for message in question.messages)
    assert request_bytes(question) <= summed <= request_bytes(question) + 1


@given(messages, messages)
def test_messages_share_a_digest_only_if_they_are_equal(one: Message, other: Message):
    assert (measure(one)[1] == measure(other)[1]) == (one == other)


@given(questions, st.integers(0, 10**8), st.integers(0, 10**8))
def test_unknown_usage_costs_exactly_the_worst_case(question: ModelRequest, price_in: int, price_out: int):
    price = Price(input=Money(price_in), output=Money(price_out))
    worst = price.worst_case(request_bytes=request_bytes(question), max_output_tokens=question.max_output_tokens)
    assert price.cost(worst_usage(question)) == worst


def test_unknown_usage_is_the_whole_input_and_the_whole_allowed_output():
    assert worst_usage(SMALL) == Usage(input_tokens=request_bytes(SMALL) + OVERHEAD_TOKENS, output_tokens=7)
