"""Tools: what they promise and how a typed function becomes one. Whether one may run is not decided here.

`tool.function` and `tool.registry` stand apart from this face: they load pydantic, which most commands never need.
"""

from dueprocess.tool.attempt import Attempt, Found, Reconciled, Unclear, Voided
from dueprocess.tool.result import result_to_json
from dueprocess.tool.spec import CITATIONS, Effect, Idempotency, ToolSpec

__all__ = [
    "CITATIONS",
    "Attempt",
    "Effect",
    "Found",
    "Idempotency",
    "Reconciled",
    "ToolSpec",
    "Unclear",
    "Voided",
    "result_to_json",
]
