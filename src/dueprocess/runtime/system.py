"""What the ledger says beside any run: policies, releases, stops, erasures. These stand in the tenant's system run."""

from dataclasses import dataclass
from typing import Final

from dueprocess.values import RunId

UNKNOWN_AUTHOR: Final = "unknown"
"""The author of a policy that was used before anybody published it; a person of that name approves nothing under it."""


def system_run(tenant: str) -> RunId:
    """The run that carries a tenant's policies, releases and stops."""
    return RunId(f"s_{tenant}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPublished:
    """`policy.published`: from here on, this text decides for this agent. `how` tells how the author was established."""

    agent: str
    digest: str
    text: str
    author: str
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRegistered:
    """`release.registered`: the manifest (canonical JSON text) behind a release digest."""

    digest: str
    agent: str
    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrdered:
    """`stop.ordered`: nothing that the target covers is dispatched any more. Targets: `all`, `agent:NAME`, `tool:NAME`."""

    target: str
    by: str
    how: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLifted:
    """`stop.lifted`: another person than the one who ordered it lifted it."""

    target: str
    by: str
    how: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What an erased run used of one gauge."""

    key: str
    spent: int
    reserved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedMark:
    """A place in a sliding window that an erased run took."""

    key: str
    action: str
    attempt: int
    at: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedKey:
    """An idempotency key under which an erased run acted: digests of key and arguments, both under the tenant's key."""

    scope: str
    action: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunErased:
    """`run.erased`: the run's key is destroyed.

    Stands in the clear, with what must outlive the run: its use of shared limits, and the keys it may not act under again.
    """

    by: str
    how: str
    reason: str = ""
    uses: tuple[Use, ...] = ()
    marks: tuple[UsedMark, ...] = ()
    keys: tuple[UsedKey, ...] = ()
