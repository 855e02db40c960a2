"""What the kill switch can stop: `all`, the agents and the tools that the ledger knows. Stopping is the runtime's.

Rule 1. A name that nothing has is refused: a stop with a slip in it would stop nothing and say it did.
"""

from dataclasses import dataclass
from typing import Final

from dueprocess.errors import BadValue, NotFound, RecordInvalid
from dueprocess.ledger import Reader
from dueprocess.policy.reader import nearest
from dueprocess.release import Manifest
from dueprocess.runtime.policies import manifest_of
from dueprocess.runtime.system import StopOrdered, system_run
from dueprocess.runtime.tables import RELEASES, STOPS
from dueprocess.values import Instant
from dueprocess.values.foreign import quoted
from dueprocess.wiring.access import Access

ALL: Final = "all"
_KINDS: Final = ("agent", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop in force: what, by whom, how they were known, since when, why."""

    target: str
    by: str
    how: str
    at: Instant
    reason: str


def checked_target(here: Access, target: str) -> str:
    """The target, if there is such a thing.

    Raises:
        BadValue: it is not of its form. NotFound: nothing has that name (rule 1).
    """
    if target == ALL:
        return target
    kind, _, name = target.partition(":")
    if kind not in _KINDS or not name:
        raise BadValue(f"{quoted(target)} is no target; expected all, agent:NAME or tool:NAME")
    agents, tools = here.home.store.read(lambda tx: _known(tx, here.tenant))
    agents |= set(here.project.agents) if here.project is not None else set()
    known = agents if kind == "agent" else tools
    if name not in known:
        raise NotFound(f"nothing was stopped: no {kind} {quoted(name)} is known here; {nearest(name, known)}")
    return target


def stops_in_force(tx: Reader, tenant: str) -> tuple[Stop, ...]:
    """The stops in force, in order of their targets."""
    said = {
        event.record.target: event.record
        for event in tx.events(system_run(tenant))
        if isinstance(event.record, StopOrdered)
    }
    return tuple(
        Stop(
            target=row.target,
            by=row.by,
            how=said[row.target].how if row.target in said else "",
            at=Instant(row.at),
            reason=said[row.target].reason if row.target in said else "",
        )
        for row in tx.find(STOPS, equal=(("tenant", tenant),))
    )


def _known(tx: Reader, tenant: str) -> tuple[set[str], set[str]]:
    agents, tools = set[str](), set[str]()
    for row in tx.find(RELEASES, equal=(("tenant", tenant),)):
        agents.add(row.agent)
        text = manifest_of(tx, row.digest, tenant=tenant)
        try:
            tools |= {tool.name for tool in Manifest.from_text(text).tools} if text is not None else set()
        except RecordInvalid:
            continue  # a release of another version: its tools are still known from the present one
    return agents, tools
