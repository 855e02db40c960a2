"""What is said to a model and what it says back. How it travels is each provider's matter."""

from dataclasses import dataclass
from enum import Enum

from dueprocess.model.usage import Usage
from dueprocess.values import Json


class Role(Enum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequest:
    """A call that a model proposes. `arguments` is JSON text exactly as the model wrote it; nobody has checked it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `requests` only from the assistant; `answers` names the request that a tool message answers."""

    role: Role
    text: str = ""
    requests: tuple[ToolRequest, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A tool as the model is told of it."""

    name: str
    description: str
    parameters: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One question to a model. `timeout_s` and `max_output_tokens` (reasoning included) bind the provider.

    `schema` asks for an answer as JSON of that schema instead of tool calls (a model decision of a workflow).
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[OfferedTool, ...] = ()
    schema: dict[str, Json] | None = None
    max_output_tokens: int
    timeout_s: float


class Finish(Enum):
    """Why the model stopped. `LENGTH` means the reply was cut: its calls are not to be trusted whole."""

    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """What a provider brings back. `requested` and `reported` are the model names asked for and answered by."""

    text: str
    requests: tuple[ToolRequest, ...] = ()
    usage: Usage
    requested: str
    reported: str
    finish: Finish = Finish.STOP
