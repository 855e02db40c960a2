"""Messages, usage, price and the port to models. No provider and no SDK is known here."""

from dueprocess.model.message import Finish, Message, ModelReply, ModelRequest, OfferedTool, Role, ToolRequest
from dueprocess.model.port import Provider
from dueprocess.model.size import measure, request_bytes, shown, worst_usage
from dueprocess.model.usage import OVERHEAD_TOKENS, Price, Tier, Usage

__all__ = [
    "OVERHEAD_TOKENS",
    "Finish",
    "Message",
    "ModelReply",
    "ModelRequest",
    "OfferedTool",
    "Price",
    "Provider",
    "Role",
    "Tier",
    "ToolRequest",
    "Usage",
    "measure",
    "request_bytes",
    "shown",
    "worst_usage",
]
