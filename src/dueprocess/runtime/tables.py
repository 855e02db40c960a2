"""The read models beside the ledger: what each row says. How events make rows is in `runtime.project` and `project_action`.

Rule 1. A row holds no content of a run: ids, states, instants, keyed digests and names of approvers only. What a person
        is shown of an action is read from its events, so that erasing the run's key erases it everywhere.
Rule 2. What is in force is in force for one tenant: stops, policies and releases are keyed by it, and so are the names of
        shared gauges, windows and idempotency keys.
Rule 3. `LEASES` is nobody's state: it says who drives a run at this moment and is not rebuilt.
"""

from dataclasses import dataclass
from typing import Final

from dueprocess.ledger import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as the store knows it. `status`: see `RunStatus`. `due`: 1 where a driver is needed now; `wake_at`: when else.

    `waits_for`: the actions whose outcome wakes it as well, separated by blanks.
    """

    run: str
    tenant: str
    agent: str
    release: str
    policy: str
    queue: str
    session: str
    status: str
    due: int
    wake_at: int
    waits_for: str
    seq: int
    epoch: int
    at: int
    submitted_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRow:
    """A resting run that is woken by the outcome of an action."""

    action: str
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """An action: where its life stands and what its last attempt needs to be settled."""

    action: str
    run: str
    tool: str
    effect: str
    state: str
    attempt: int
    epoch: int
    sink_key: str
    dispatch_before: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """A hold and what has been said to it. `request` and `approvals` are JSON text; `execute_by` is set by a met quorum."""

    action: str
    run: str
    agent: str
    tool: str
    open: int
    digest: str
    request: str
    approvals: str
    asked_at: int
    expires_at: int
    execute_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeRow:
    """A gauge of the meter."""

    key: str
    spent: int
    reserved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    """A place in a sliding window, taken by one attempt."""

    key: str
    action: str
    attempt: int
    at: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """An idempotency key that an action occupies: keyed digests of key and arguments."""

    scope: str
    action: str
    run: str
    arguments: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRow:
    """A stop in force, of one tenant."""

    tenant: str
    target: str
    by: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """The last published policy of a tenant's agent; its text is in the event `seq` of the tenant's system run."""

    tenant: str
    agent: str
    digest: str
    author: str
    seq: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """A release that a tenant knows; its manifest is in the event `seq` of the tenant's system run."""

    tenant: str
    digest: str
    agent: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """Who drives a run now: epoch, expiry, last heartbeat, and the process by which its death is known on this machine."""

    run: str
    epoch: int
    expires_at: int
    beat_at: int
    started_at: int
    owner: str


RUNS: Final = Table(name="runs", row=RunRow, key=("run",))
WAITS: Final = Table(name="waits", row=WaitRow, key=("action", "run"))
ACTIONS: Final = Table(name="actions", row=ActionRow, key=("action",))
HOLDS: Final = Table(name="holds", row=HoldRow, key=("action",))
GAUGES: Final = Table(name="gauges", row=GaugeRow, key=("key",))
MARKS: Final = Table(name="marks", row=MarkRow, key=("key", "action", "attempt"))
KEYS: Final = Table(name="idempotency", row=KeyRow, key=("scope", "action"))
STOPS: Final = Table(name="stops", row=StopRow, key=("tenant", "target"))
POLICIES: Final = Table(name="policies", row=PolicyRow, key=("tenant", "agent"))
RELEASES: Final = Table(name="releases", row=ReleaseRow, key=("tenant", "digest"))
LEASES: Final = Table(name="leases", row=LeaseRow, key=("run",))

PROJECTED: Final = (RUNS, WAITS, ACTIONS, HOLDS, GAUGES, MARKS, KEYS, STOPS, POLICIES, RELEASES)
"""The tables that a rebuild from the ledger makes anew."""
