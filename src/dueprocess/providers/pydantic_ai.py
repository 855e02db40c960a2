"""Any OpenAI-compatible server, through pydantic-ai's direct requests. Which server and key is decided in `wiring`.

Rule 1. One question is one HTTP request: no retries, no redirects, one deadline over all of it.
Rule 2. What was recorded is what is sent: tool schemas and arguments travel as they are, not as an SDK rewrites them.
        Only a chat template's markers in messages are broken by a joiner, and whole again in the reply.
Rule 3. What cannot be read is refused, not guessed: a reply that is not of its form, usage that is not told.
Rule 4. No message of ours carries a prompt, a body or a key: a status, and a digest to compare with the server's log.
Rule 5. The SDK is optional (extra `models`). It is loaded when the provider is made: that takes two seconds, which in
        the middle of a run would be taken from the leases of all runs of the process.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final, assert_never
from urllib.parse import urlsplit

from dueprocess.errors import BadValue, CallerError, ModelError, ModelRefused, ModelUnavailable
from dueprocess.model import Finish, ModelReply, ModelRequest, Price, Role, ToolRequest, Usage, worst_usage
from dueprocess.providers.price_list import listed_price
from dueprocess.values import Json, canonical, digest_bytes, of_python
from dueprocess.values.canonical import parse_or

if TYPE_CHECKING:
    import openai
    from openai.types import chat
    from openai.types.chat.chat_completion_message_function_tool_call_param import (
        ChatCompletionMessageFunctionToolCallParam,
    )
    from pydantic_ai.messages import ModelMessage, ModelResponse, ThinkingPart, ToolCallPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.usage import RequestUsage

OPENAI_URL: Final = "https://api.openai.com/v1"
_NO_KEY: Final = "none"  # the SDK wants one, and would else take OPENAI_API_KEY and send it to whatever server this is
_MAY_PASS: Final = frozenset({408, 409, 425, 429})
_BEGUN: Final = frozenset({408, 409})  # of the 4xx those at which the server may have begun to answer
_NOT_SENT: Final = frozenset({"pool", "connect"})  # phases of a connection in which nothing has left this machine
_LONGEST_WAIT_S: Final = 3600.0  # a server that asks for more does not get a run to sleep for ever
_CREDIBLE: Final = 10**9  # tokens of one reply; a larger figure is a mistake, and would not fit a column of a store
_HALF = re.compile("[\ud800-\udfff]")
_FINISHES: Final = {
    "stop": Finish.STOP,
    "tool_call": Finish.TOOL_CALLS,
    "length": Finish.LENGTH,
    "content_filter": Finish.CONTENT_FILTER,
}


class OutputLimit(Enum):
    """The name under which a server takes the largest output. One that does not know the name may ignore the limit."""

    MAX_TOKENS = "max_tokens"
    MAX_COMPLETION_TOKENS = "max_completion_tokens"


class PydanticAi:
    """A provider that asks a server by HTTP.

    An answer with a `schema` is asked for as `response_format: json_schema`, not strict; a server that does not know it
    refuses. The reasoning of a model is neither kept nor sent back.
    """

    def __init__(
        self,
        *,
        base_url: str = OPENAI_URL,
        api_key: str | None = None,
        prices: Mapping[str, Price] | None = None,
        output_limit: OutputLimit | None = None,
    ) -> None:
        """Loads the SDK; connects to nobody yet.

        `prices` goes before the list of genai-prices, which only knows public services. Without `output_limit`, OpenAI
        gets `max_completion_tokens`, and every other server the older `max_tokens`, which more of them know.

        Raises:
            BadValue: the base URL is none.
            CallerError: the SDK is not installed.
        """
        _check_url(base_url)
        try:
            import httpx2
            import openai
            from genai_prices.data_snapshot import get_snapshot
            from pydantic_ai.direct import model_request
        except ModuleNotFoundError as error:
            raise CallerError(
                f"asking a model needs the package {error.name}, which is not installed; "
                "install it: pip install 'dueprocess[models]'"
            ) from None
        if output_limit is None:
            openai_itself = urlsplit(base_url).hostname == urlsplit(OPENAI_URL).hostname
            output_limit = OutputLimit.MAX_COMPLETION_TOKENS if openai_itself else OutputLimit.MAX_TOKENS
        self._base_url = base_url
        self._prices = dict(prices or {})
        self._output_limit = output_limit
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or _NO_KEY,
            max_retries=0,
            # No idle connection is kept: one that its server has dropped meanwhile would fail a question that nobody
            # can call unsent, and one belongs to its event loop.
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False, limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=0)
            ),
        )
        self._ask = model_request
        # Both load a good part of themselves at their first use: let that be here.
        get_snapshot()
        self._model("none")

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Sends the question once; every failure of server, wire or SDK is a ModelError."""
        import openai
        from pydantic_ai.settings import ModelSettings

        # `timeout` bounds each wait for bytes, `request_timeout` the whole: a server that trickles is cut off too.
        settings = ModelSettings(
            max_tokens=request.max_output_tokens, timeout=request.timeout_s, request_timeout=request.timeout_s
        )
        try:
            response = await self._ask(
                self._model(request.model),
                _history(request),
                model_settings=settings,
                model_request_parameters=_offered(request),
                instrument=False,
            )
            return _reply(response, request)
        # What the SDK raises for a reply of no known form: it indexes and calls before it has validated.
        except (openai.OpenAIError, RuntimeError, LookupError, AttributeError, TypeError, ValueError) as error:
            failure = _failure(error, request)
        # Raised here, so that the SDK's exception, which holds the body, is no context of ours.
        raise failure

    def price(self, model: str) -> Price | None:
        """The given price, else the listed one of the service at the base URL, else None."""
        if model in self._prices:
            return self._prices[model]
        return listed_price(model, base_url=self._base_url, at=datetime.now(UTC))

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    def _model(self, name: str) -> "OpenAIChatModel":
        from pydantic_ai.profiles.openai import OpenAIModelProfile
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        # The same for every model, whatever its name reminds the SDK of. No schema transformer: it rewrites schemas.
        profile = OpenAIModelProfile(
            json_schema_transformer=None,
            supports_json_schema_output=True,
            may_tokenize_special_tokens_in_content=True,
            openai_chat_supports_max_completion_tokens=self._output_limit is OutputLimit.MAX_COMPLETION_TOKENS,
        )
        provider = OpenAICompatibleProvider("dueprocess", openai_client=self._client, profile=lambda _name: profile)
        return _exact_model()(name, provider=provider)


@cache
def _exact_model() -> "type[OpenAIChatModel]":
    """The SDK's chat model with three of its hooks made exact (rules 2 and 3)."""
    from openai.types.chat.chat_completion_message_function_tool_call_param import (
        ChatCompletionMessageFunctionToolCallParam,
    )
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.usage import RequestUsage

    class ExactChatModel(OpenAIChatModel):
        @staticmethod
        def _map_tool_call(t: "ToolCallPart") -> "ChatCompletionMessageFunctionToolCallParam":
            return ChatCompletionMessageFunctionToolCallParam(
                id=t.tool_call_id, type="function", function={"name": t.tool_name, "arguments": _sendable(str(t.args))}
            )

        def _map_usage(self, response: "chat.ChatCompletion") -> "RequestUsage":
            told = response.usage
            if told is None:
                return RequestUsage(unmeasured_requests=1)
            details = told.prompt_tokens_details
            cached = (details.cached_tokens or 0) if details else 0
            # Some servers count reasoning apart: then it is in the total only.
            output = max(told.completion_tokens, told.total_tokens - told.prompt_tokens)
            if min(told.prompt_tokens, told.completion_tokens) < 0 or max(told.prompt_tokens, output) > _CREDIBLE:
                return RequestUsage(unmeasured_requests=1)
            return RequestUsage(
                input_tokens=told.prompt_tokens,
                cache_read_tokens=min(max(0, cached), told.prompt_tokens),
                output_tokens=output,
            )

        def _process_thinking(self, message: "chat.ChatCompletionMessage") -> "list[ThinkingPart] | None":
            return None

    return ExactChatModel


def _history(request: ModelRequest) -> "list[ModelMessage]":
    import pydantic_ai.messages as sdk

    names: dict[str, str] = {}
    history: list[ModelMessage] = []
    for message in request.messages:
        match message.role:
            case Role.SYSTEM:
                history.append(sdk.ModelRequest(parts=[sdk.SystemPromptPart(content=message.text)]))
            case Role.USER:
                history.append(sdk.ModelRequest(parts=[sdk.UserPromptPart(content=message.text)]))
            case Role.ASSISTANT:
                names |= {asked.id: asked.name for asked in message.requests}
                parts: list[sdk.ModelResponsePart] = [sdk.TextPart(content=message.text)] if message.text else []
                parts += [
                    sdk.ToolCallPart(tool_name=asked.name, args=asked.arguments, tool_call_id=asked.id)
                    for asked in message.requests
                ]
                history.append(sdk.ModelResponse(parts=parts))
            case Role.TOOL:
                answer = sdk.ToolReturnPart(
                    tool_name=names.get(message.answers, ""), content=message.text, tool_call_id=message.answers
                )
                history.append(sdk.ModelRequest(parts=[answer]))
            case _:
                assert_never(message.role)
    return history


def _offered(request: ModelRequest) -> "ModelRequestParameters":
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition
    from pydantic_ai.tools import ToolDefinition

    tools = [
        ToolDefinition(
            name=tool.name,
            description=tool.description,
            parameters_json_schema=_plain_object(tool.parameters),
            strict=False,
        )
        for tool in request.tools
    ]
    if request.schema is None:
        return ModelRequestParameters(function_tools=tools)
    answer = OutputObjectDefinition(json_schema=_plain_object(request.schema), name="answer", strict=False)
    return ModelRequestParameters(function_tools=tools, output_mode="native", output_object=answer)


def _reply(response: "ModelResponse", request: ModelRequest) -> ModelReply:
    import pydantic_ai.messages as sdk

    calls: dict[str, ToolRequest] = {}
    for index, part in enumerate(part for part in response.parts if isinstance(part, sdk.ToolCallPart)):
        # Some servers number the calls of a reply all alike; the gate and the answers need to tell them apart.
        known_as = _whole(part.tool_call_id)
        known_as = f"{known_as}#{index}" if known_as in calls else known_as
        arguments = part.args if isinstance(part.args, str) else canonical(of_python(part.args or {}))
        calls[known_as] = ToolRequest(id=known_as, name=_whole(part.tool_name), arguments=_whole(arguments))
    finish = _FINISHES.get(response.finish_reason or "", Finish.OTHER)
    told = response.usage
    return ModelReply(
        text=_whole("".join(part.content for part in response.parts if isinstance(part, sdk.TextPart))),
        requests=tuple(calls.values()),
        usage=worst_usage(request)
        if told.unmeasured_requests
        else Usage(
            input_tokens=told.input_tokens,
            cached_input_tokens=told.cache_read_tokens,
            output_tokens=told.output_tokens,
        ),
        requested=request.model,
        reported=_whole(response.model_name or ""),
        # Some servers say "stop" beside tool calls.
        finish=Finish.TOOL_CALLS if calls and finish is Finish.STOP else finish,
    )


def _failure(error: Exception, request: ModelRequest) -> ModelError:
    import openai
    from pydantic_ai import exceptions as sdk

    model = f"model {request.model[:80]!a}"
    if isinstance(error.__cause__, openai.APIStatusError):
        retry_after_s = error.retry_after if isinstance(error, sdk.ModelAPIError) else None
        return _status_failure(model, error.__cause__, retry_after_s)
    match error:
        case sdk.ModelRequestTimeout():
            return ModelUnavailable(f"{model} did not answer within {request.timeout_s:g} s")
        case sdk.ModelConnectionError(phase=phase):
            return ModelUnavailable(
                f"{model}: the connection failed (phase: {phase or 'unknown'})", may_have_run=phase not in _NOT_SENT
            )
        case sdk.ModelAPIError():
            return ModelUnavailable(f"{model}: the answer is not JSON; it was cut off, or this is no model server")
        case UnicodeEncodeError():
            return ModelRefused(f"{model}: the request holds a lone surrogate and cannot be sent", may_have_run=False)
        case _:
            return ModelRefused(f"{model}: the reply is not of its form ({type(error).__name__})")


def _status_failure(model: str, error: "openai.APIStatusError", retry_after_s: float | None) -> ModelError:
    status, body = error.status_code, error.response.content
    told = f"{model}: status {status}, body of {len(body)} bytes with SHA-256 {digest_bytes(body)[:16]}"
    if status >= 500 or status in _MAY_PASS:  # noqa: PLR2004 - the classes of HTTP
        may_have_run = status >= 500 or status in _BEGUN  # noqa: PLR2004
        wait_s = None if retry_after_s is None else min(retry_after_s, _LONGEST_WAIT_S)
        return ModelUnavailable(told, may_have_run=may_have_run, retry_after_s=wait_s)
    return ModelRefused(f"{told}; see to key, model name and base URL", may_have_run=False)


def _check_url(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise BadValue("the base URL of the model server is none; expected such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise BadValue("the base URL of the model server holds a name or password; pass the key as the API key")


def _sendable(arguments: str) -> str:
    """Arguments as every server takes them back: text that is no JSON object goes inside one."""
    return arguments if isinstance(parse_or(arguments), dict) else canonical({"INVALID_JSON": arguments})


def _plain_object(value: dict[str, Json]) -> dict[str, object]:
    return {key: _plain(item) for key, item in value.items()}


def _plain(value: Json) -> object:
    """JSON as the SDK can write it; a decimal as the float of the same digits."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return _plain_object(value)
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def _whole(text: str) -> str:
    """Text without lone surrogates: each is written as its JSON escape, which JSON readers then refuse by name."""
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
