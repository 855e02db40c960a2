"""Tools: what they promise and how a typed function becomes one. Whether one may run is not decided here.

The decorator `tool` is loaded when it is first used (PEP 562): it needs pydantic, which most commands never do.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dueprocess.tool.attempt import Attempt, Found, Reconciled, Unclear, Voided
from dueprocess.tool.governed import Companion, Tool
from dueprocess.tool.offered import offered_parameters
from dueprocess.tool.registry import Registry
from dueprocess.tool.result import result_to_json
from dueprocess.tool.spec import CITATIONS, Effect, Idempotency, ToolSpec

if TYPE_CHECKING:
    from dueprocess.tool.function import tool as tool

__all__ = [
    "CITATIONS",
    "Attempt",
    "Companion",
    "Effect",
    "Found",
    "Idempotency",
    "Reconciled",
    "Registry",
    "Tool",
    "ToolSpec",
    "Unclear",
    "Voided",
    "offered_parameters",
    "result_to_json",
    "tool",
]


def __getattr__(name: str) -> object:
    if name != "tool":
        raise AttributeError(f"module 'dueprocess.tool' has no attribute {name!r}; it has {', '.join(__all__)}")
    return import_module("dueprocess.tool.function").tool
