"""What every provider promises, as checks that run against yours. How a provider works inside is not looked at.

    from dueprocess.testing import provider_contract as contract

    @pytest.mark.parametrize("check", contract.checks_for(MyBench()), ids=str)
    def test_my_provider_keeps_the_contract(check):
        asyncio.run(check.run(MyBench()))

A bench makes your provider behave in each of the ways that it `shows`. A way that it cannot show has no check, so that
no check passes without having looked.
"""

import asyncio
import contextlib
import json
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Protocol

from dueprocess.errors import ModelError, ModelRefused, ModelUnavailable
from dueprocess.model import (
    Finish,
    Message,
    ModelReply,
    ModelRequest,
    OfferedTool,
    Provider,
    Role,
    ToolRequest,
    worst_usage,
)

TEXT: Final = "Hello."
TOOL: Final = "look_up"
ARGUMENTS: Final = ('{"order_id":"A-1"}', '{"order_id": "A-2", "deep": [1.50]}')
PROMPT: Final = "a-prompt-that-no-error-message-may-repeat"
_TOGETHER: Final = 8


class Behaviour(Enum):
    """What the model behind the provider does with every question."""

    ANSWERS = "says TEXT and stops"
    CALLS = "asks for TOOL twice in one reply, with ARGUMENTS"
    CUTS = "is cut off at the output limit"
    IS_BUSY = "fails in a way that may pass"
    REFUSES = "fails in a way that will not pass"
    IS_SILENT = "never answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A provider ready to be asked, and how many questions its model has been asked so far."""

    provider: Provider
    asked: Callable[[], int]


class ProviderBench(Protocol):
    """How a provider is set up for the checks. `serving` closes what it opened, also when a check fails.

    `patience_s` is how long a check waits for the provider before it fails: 20 is plenty.
    """

    shows: frozenset[Behaviour]
    model: str
    reported: str
    patience_s: float

    def serving(self, behaviour: Behaviour) -> AbstractAsyncContextManager[Serving]:
        """The provider, with a model behind it that behaves in this way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise. It raises AssertionError where the provider of the bench does not keep it."""

    name: str
    needs: Behaviour
    run: Callable[[ProviderBench], Awaitable[None]]

    def __str__(self) -> str:
        return self.name


def checks_for(bench: ProviderBench) -> tuple[Check, ...]:
    """The checks for all that the bench shows; a provider that never answers is none."""
    assert Behaviour.ANSWERS in bench.shows, "a bench shows at least Behaviour.ANSWERS"
    return tuple(check for check in _CHECKS if check.needs in bench.shows)


def question(model: str, *, timeout_s: float = 60.0) -> ModelRequest:
    """The question that the checks ask; benches that record need it too."""
    tool = OfferedTool(
        name=TOOL,
        description="Looks up an order.",
        parameters={"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    )
    return ModelRequest(
        model=model,
        messages=(Message(role=Role.SYSTEM, text="Be short."), Message(role=Role.USER, text=PROMPT)),
        tools=(tool,),
        max_output_tokens=100,
        timeout_s=timeout_s,
    )


async def _one_question_gets_one_answer(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.ANSWERS) as serving:
        reply = await _ask(serving, bench)
        assert reply.text == TEXT, f"text {reply.text!a}, expected {TEXT!a}"
        assert reply.requests == (), f"requests {reply.requests}, expected none"
        assert reply.finish is Finish.STOP, f"finish {reply.finish}, expected STOP"
        assert serving.asked() == 1, f"the model was asked {serving.asked()} times for one request"


async def _both_names_are_told(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.ANSWERS) as serving:
        reply = await _ask(serving, bench)
        assert reply.requested == bench.model, f"requested {reply.requested!a}, expected {bench.model!a}"
        assert reply.reported == bench.reported, f"reported {reply.reported!a}, expected {bench.reported!a}"


async def _usage_is_told_within_its_bound(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.ANSWERS) as serving:
        usage = (await _ask(serving, bench)).usage
        bound = worst_usage(question(bench.model))
        assert 0 < usage.input_tokens <= bound.input_tokens, f"input of {usage.input_tokens} tokens"
        assert 0 <= usage.cached_input_tokens <= usage.input_tokens, f"cached {usage.cached_input_tokens} tokens"
        assert 0 < usage.output_tokens <= bound.output_tokens, f"output of {usage.output_tokens} tokens"


async def _a_whole_conversation_is_taken(bench: ProviderBench) -> None:
    hostile = "\u202e right to left \x00\x1b[31m <|im_start|>system [INST] \U0001f9fe 'quoted' \"too\" \u2028"
    history = (
        Message(role=Role.SYSTEM, text="Be short."),
        Message(role=Role.USER, text=hostile),
        Message(
            role=Role.ASSISTANT,
            text="I look.",
            requests=(
                ToolRequest(id="a", name=TOOL, arguments='{"order_id":"A-1"}'),
                ToolRequest(id="b", name="no such tool", arguments='{"order_id": NaN'),
            ),
        ),
        Message(role=Role.TOOL, text=hostile, answers="a"),
        Message(role=Role.TOOL, text="", answers="b"),
        Message(role=Role.ASSISTANT),
        Message(role=Role.USER, text=PROMPT),
    )
    async with bench.serving(Behaviour.ANSWERS) as serving:
        request = replace(question(bench.model), messages=history)
        reply = await serving.provider.request(request, run="r", turn=3)
        assert reply.text == TEXT, f"text {reply.text!a}, expected {TEXT!a}"


async def _calls_come_in_order_with_their_arguments_as_text(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.CALLS) as serving:
        reply = await _ask(serving, bench)
        assert reply.finish is Finish.TOOL_CALLS, f"finish {reply.finish}, expected TOOL_CALLS"
        assert [call.name for call in reply.requests] == [TOOL, TOOL], f"calls {reply.requests}, expected {TOOL} twice"
        given = [json.loads(call.arguments) for call in reply.requests]
        assert given == [json.loads(text) for text in ARGUMENTS], f"arguments {given}, expected {ARGUMENTS}"
        ids = {call.id for call in reply.requests}
        assert len(ids) == len(reply.requests), f"ids {ids}, expected one for each call"
        assert "" not in ids, "a call without an id cannot be answered"


async def _a_cut_reply_says_so(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.CUTS) as serving:
        reply = await _ask(serving, bench)
        assert reply.finish is Finish.LENGTH, f"finish {reply.finish}, expected LENGTH"


async def _a_failure_that_may_pass_is_unavailable_and_not_retried(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.IS_BUSY) as serving:
        error = await _failure(serving, bench)
        assert isinstance(error, ModelUnavailable), f"raised {type(error).__name__}, expected ModelUnavailable"
        assert serving.asked() == 1, f"the model was asked {serving.asked()} times: retries belong to the agent"


async def _a_failure_that_will_not_pass_is_refused_and_not_retried(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.REFUSES) as serving:
        error = await _failure(serving, bench)
        assert isinstance(error, ModelRefused), f"raised {type(error).__name__}, expected ModelRefused"
        assert serving.asked() <= 1, f"the model was asked {serving.asked()} times: retries belong to the agent"


async def _a_silent_model_is_unavailable_after_the_timeout(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.IS_SILENT) as serving:
        before = time.monotonic()
        error = await _failure(serving, bench, timeout_s=0.2)
        assert isinstance(error, ModelUnavailable), f"raised {type(error).__name__}, expected ModelUnavailable"
        assert error.may_have_run, "nobody knows that a silent model did nothing"
        assert time.monotonic() - before < bench.patience_s / 2, "the timeout of the request does not bind the provider"


async def _a_cancelled_question_ends_at_once_and_leaves_no_task(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.IS_SILENT) as serving:
        others = asyncio.all_tasks()
        task = asyncio.ensure_future(_ask(serving, bench))
        async with asyncio.timeout(bench.patience_s):
            # The model may be another process or thread: nothing here could set an event.
            while serving.asked() == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled(), f"the cancellation was swallowed: {task.exception()!r}"
        assert asyncio.all_tasks() == others, "a task was left behind"


async def _a_question_cancelled_before_it_is_sent_leaves_no_task(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.ANSWERS) as serving:
        others = asyncio.all_tasks()
        task = asyncio.ensure_future(_ask(serving, bench))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == others, "a task was left behind"


async def _questions_of_many_runs_at_once_get_an_answer_each(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.ANSWERS) as serving:
        request = question(bench.model)
        asked = [serving.provider.request(request, run=f"r{index}", turn=1) for index in range(_TOGETHER)]
        replies = await asyncio.wait_for(asyncio.gather(*asked), bench.patience_s)
        assert [reply.text for reply in replies] == [TEXT] * _TOGETHER, "a run got no answer, or not its own"
        assert serving.asked() == _TOGETHER, f"{_TOGETHER} runs asked, the model was asked {serving.asked()} times"


async def _the_price_of_an_unknown_model_is_none(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.ANSWERS) as serving:
        price = serving.provider.price("no-such-model-anywhere")
        assert price is None, f"price {price} of a model that nobody knows: it would be admitted under a spend cap"


async def _closing_twice_is_closing_once(bench: ProviderBench) -> None:
    async with bench.serving(Behaviour.ANSWERS) as serving:
        await _ask(serving, bench)
        await serving.provider.close()
        await serving.provider.close()


async def _ask(serving: Serving, bench: ProviderBench) -> ModelReply:
    async with asyncio.timeout(bench.patience_s):
        return await serving.provider.request(question(bench.model), run="r", turn=1)


async def _failure(serving: Serving, bench: ProviderBench, *, timeout_s: float = 60.0) -> ModelError:
    request = question(bench.model, timeout_s=timeout_s)
    try:
        async with asyncio.timeout(bench.patience_s):
            reply = await serving.provider.request(request, run="r", turn=1)
    except ModelError as error:
        told = "".join(traceback.format_exception(error)) + repr(error)
        assert PROMPT not in told, "the error, or what caused it, repeats the prompt"
        return error
    raise AssertionError(f"replied {reply.text!a}, expected a ModelError")


def _check(run: Callable[[ProviderBench], Awaitable[None]], needs: Behaviour = Behaviour.ANSWERS) -> Check:
    return Check(name=run.__name__.lstrip("_"), needs=needs, run=run)


_CHECKS: Final = (
    _check(_one_question_gets_one_answer),
    _check(_both_names_are_told),
    _check(_usage_is_told_within_its_bound),
    _check(_a_whole_conversation_is_taken),
    _check(_calls_come_in_order_with_their_arguments_as_text, Behaviour.CALLS),
    _check(_a_cut_reply_says_so, Behaviour.CUTS),
    _check(_a_failure_that_may_pass_is_unavailable_and_not_retried, Behaviour.IS_BUSY),
    _check(_a_failure_that_will_not_pass_is_refused_and_not_retried, Behaviour.REFUSES),
    _check(_a_silent_model_is_unavailable_after_the_timeout, Behaviour.IS_SILENT),
    _check(_a_cancelled_question_ends_at_once_and_leaves_no_task, Behaviour.IS_SILENT),
    _check(_a_question_cancelled_before_it_is_sent_leaves_no_task),
    _check(_questions_of_many_runs_at_once_get_an_answer_each),
    _check(_the_price_of_an_unknown_model_is_none),
    _check(_closing_twice_is_closing_once),
)
