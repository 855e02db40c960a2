"""Which policy decides: the last one published for the agent. Publishing is an event with its author.

Rule 1. A run carries its release's policy; the decision at dispatch uses the one in force; every event names its digest.
Rule 2. A file that was never published is published at first load, with author `unknown`; once a person has published
        one for the agent, only a person changes it.
"""

from dataclasses import dataclass

from dueprocess.errors import RecordInvalid
from dueprocess.ledger import Draft, Reader, Transaction
from dueprocess.runtime.system import UNKNOWN_AUTHOR, PolicyPublished, ReleaseRegistered, system_run
from dueprocess.runtime.tables import POLICIES, RELEASES, PolicyRow, RunRow
from dueprocess.values import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The policy that decides for an agent now."""

    digest: str
    author: str
    text: str


def in_force(tx: Reader, row: RunRow) -> str:
    """The digest of the policy that decides for a run now."""
    found = tx.get(POLICIES, row.tenant, row.agent)
    return found.digest if found is not None else row.policy


def publisher(tx: Reader, agent: str, *, tenant: str) -> str:
    """Who published the policy in force."""
    found = tx.get(POLICIES, tenant, agent)
    return found.author if found is not None else UNKNOWN_AUTHOR


def published(tx: Reader, agent: str, *, tenant: str) -> InForce | None:
    """The policy in force with its text, None where none was ever published."""
    found = tx.get(POLICIES, tenant, agent)
    return None if found is None else InForce(digest=found.digest, author=found.author, text=_text(tx, found, tenant))


def publish(
    tx: Transaction, *, tenant: str, agent: str, digest: str, text: str, author: str, how: str, now: Instant
) -> None:
    """Puts a policy in force for an agent. The system run must have been opened."""
    record = PolicyPublished(agent=agent, digest=digest, text=text, author=author, how=how)
    run = system_run(tenant)
    tx.append(Draft(run=run, tenant=tenant, record=record, at=now, release="", policy=digest))


def register(
    tx: Transaction, *, tenant: str, agent: str, digest: str, manifest: str, policy: str, now: Instant
) -> None:
    """Records a release once."""
    if tx.get(RELEASES, tenant, digest) is None:
        record = ReleaseRegistered(digest=digest, agent=agent, manifest=manifest)
        tx.append(Draft(run=system_run(tenant), tenant=tenant, record=record, at=now, release=digest, policy=policy))


def manifest_of(tx: Reader, digest: str, *, tenant: str) -> str | None:
    """The stored manifest of a release, None where it is not known."""
    row = tx.get(RELEASES, tenant, digest)
    if row is None:
        return None
    events = tx.events(system_run(tenant), after=row.seq - 1)
    record = events[0].record if events else None
    if not isinstance(record, ReleaseRegistered):
        raise RecordInvalid(f"event {row.seq} of the system run is not the registration of release {digest}")
    return record.manifest


def _text(tx: Reader, row: PolicyRow, tenant: str) -> str:
    events = tx.events(system_run(tenant), after=row.seq - 1)
    record = events[0].record if events else None
    if not isinstance(record, PolicyPublished):
        raise RecordInvalid(f"event {row.seq} of the system run is not the publication of policy {row.digest}")
    return record.text
