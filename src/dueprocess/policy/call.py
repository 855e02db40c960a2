"""A call as the policy sees it: parsed, with its principal, environment and resolved citations.

Nothing is judged here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dueprocess.values import Json

DEFAULT_ENVIRONMENT: Final = "prod"  # policy language: no environment in the settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts: `agent:support@<release>`, for whom (`user:ann`), if for anybody, and through which of its sub-agents.

    `through`: `agent:support/researcher`, the outermost first. The chain has no privilege that one of it lacks.
    """

    id: str
    on_behalf_of: str | None = None
    through: tuple[str, ...] = ()

    @property
    def member(self) -> str:
        """The part before the first `@`, by which membership is matched."""
        return member_of(self.id)

    @property
    def chain(self) -> tuple[str, ...]:
        """Everybody who acts here, each by its membership: the agent, then the sub-agents through which it acts."""
        return (self.member, *map(member_of, self.through))


def member_of(name: str) -> str:
    """The part of a principal's name by which membership is matched."""
    return name.partition("@")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCall:
    """One call to decide. `arguments` is exact JSON without the reserved citations.

    `principal` of None is nobody. `resolved` is the number of citations that resolve to evidence retrieved in this run;
    `unresolved` says of each other one why it does not.
    """

    tool: str
    arguments: Mapping[str, Json]
    principal: Principal | None = None
    environment: str = DEFAULT_ENVIRONMENT
    resolved: int = 0
    unresolved: tuple[str, ...] = ()
