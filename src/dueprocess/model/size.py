"""How large a question is, and what a reply is charged when nobody says what it used. Prices are in `model.usage`.

Rule 1. The size is the UTF-8 length of the canonical JSON of all that a model is shown: messages, tools and schema.
        It is the same for every provider, and known before the call.
Rule 2. Each `<`, `[` and `]` counts three bytes more: an adapter may put a joiner behind it, so that a chat template's
        marker in foreign text (`<|im_start|>`, `[INST]`) does not work as one.
Rule 3. No tokenizer makes more tokens than there are bytes. So size plus overhead bounds the input, and a reply that
        comes without its usage is charged this bound and the whole allowed output, never less than it may have cost.
"""

from typing import Final

from dueprocess.model.message import Message, ModelRequest, OfferedTool
from dueprocess.model.usage import OVERHEAD_TOKENS, Usage
from dueprocess.values import Digest, Json, canonical, digest_bytes

_JOINER_BYTES: Final = 3  # U+200D in UTF-8
_MARKER_STARTS: Final = (b"<", b"[", b"]")


def shown(request: ModelRequest) -> dict[str, Json]:
    """All that the model is shown, as exact JSON: messages, tools, schema. Neither its name nor the limits are."""
    return {
        "messages": [_message(message) for message in request.messages],
        "tools": [_tool(tool) for tool in request.tools],
        "schema": request.schema,
    }


def request_bytes(request: ModelRequest) -> int:
    """The size of a request in bytes (rules 1 and 2): no adapter sends the model more text than this."""
    return _weight(_bytes(shown(request)))


def measure(message: Message) -> tuple[int, Digest]:
    """What one message adds to the size of a request, and its digest. Sizes add up, so nobody counts anew."""
    text = _bytes(_message(message))
    return _weight(text) + len(b","), digest_bytes(text)


def worst_usage(request: ModelRequest) -> Usage:
    """The usage that bounds every reply to this request (rule 3)."""
    return Usage(
        input_tokens=request_bytes(request) + OVERHEAD_TOKENS,
        output_tokens=request.max_output_tokens,
    )


def _bytes(value: Json) -> bytes:
    # A lone surrogate is refused elsewhere, with a reason; here it only has to have a size.
    return canonical(value).encode("utf-8", "surrogatepass")


def _weight(text: bytes) -> int:
    return len(text) + sum(text.count(start) for start in _MARKER_STARTS) * _JOINER_BYTES


def _message(message: Message) -> Json:
    return {
        "role": message.role.value,
        "text": message.text,
        "requests": [
            {"id": request.id, "name": request.name, "arguments": request.arguments} for request in message.requests
        ],
        "answers": message.answers,
    }


def _tool(tool: OfferedTool) -> Json:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
