"""Tools: what they promise and how a typed function becomes one. Whether one may run is not decided here."""

from dueprocess.tool.attempt import Attempt, Done, Found, Reconciled, Unclear, Voided
from dueprocess.tool.function import tool
from dueprocess.tool.governed import Companion, Tool
from dueprocess.tool.offered import offered_parameters
from dueprocess.tool.registry import Registry
from dueprocess.tool.result import result_to_json
from dueprocess.tool.spec import CITATIONS, COMPENSATE, Effect, Idempotency, ToolSpec, with_compensations

__all__ = [
    "CITATIONS",
    "COMPENSATE",
    "Attempt",
    "Companion",
    "Done",
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
    "with_compensations",
]
