"""One primitive for every limit: reserve, settle, free; nested scopes; sliding windows. Nothing is stored here."""

from dueprocess.meter.gauge import EMPTY, Gauge, Over, Unit, Want, free, left, reserve, settle
from dueprocess.meter.scope import MAX_LIMIT, Scope, ScopeKind, meter_key, within
from dueprocess.meter.window import Full, Mark, room

__all__ = [
    "EMPTY",
    "MAX_LIMIT",
    "Full",
    "Gauge",
    "Mark",
    "Over",
    "Scope",
    "ScopeKind",
    "Unit",
    "Want",
    "free",
    "left",
    "meter_key",
    "reserve",
    "room",
    "settle",
    "within",
]
