"""Where a limit applies: tenant, agent, session, task, run. A use counts in every scope around it at once."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dueprocess.meter.gauge import Unit

MAX_LIMIT: Final = 2**63 - 1  # a scope without a limit of its own: what a store's integer column holds


class ScopeKind(Enum):
    """The nesting, widest first."""

    TENANT = "tenant"
    AGENT = "agent"
    SESSION = "session"
    TASK = "task"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One scope: its kind and the id of the thing."""

    kind: ScopeKind
    id: str


def within(*names: str) -> str:
    """The id of the last of these names within the others, the tenant first. Two lists of names never give the same id."""
    return "/".join(name.replace("%", "%25").replace("/", "%2F") for name in names)


def meter_key(scope: Scope, unit: Unit) -> str:
    """The name of the gauge of this scope and unit. Kind and unit hold no separator: no two gauges share a name."""
    return f"{scope.kind.value}:{unit.value}:{scope.id}"
