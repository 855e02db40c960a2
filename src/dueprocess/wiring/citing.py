"""How often agents cite what they have not read: the runs of a store, folded. What counts is in `gate.cited` and `metric`."""

from collections.abc import Mapping

from dueprocess.gate.cited import Recorded, citations_of
from dueprocess.ledger import Reader
from dueprocess.metric import CitationRate, citation_rate
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.tables import RUNS
from dueprocess.values import Instant
from dueprocess.wiring.told import Told, tell


def citation_rates(tx: Reader, *, tenant: str, agent: str = "") -> Mapping[str, CitationRate]:
    """The citations of each agent of a tenant, or of one, over all runs whose events can be read.

    A tool must cite where any policy that decided in the run asks for it.
    """
    mine = (("tenant", tenant), *([("agent", agent)] if agent else []))
    found: dict[str, CitationRate] = {}
    for row in tx.find(RUNS, equal=mine):
        if row.status == RunStatus.SYSTEM.value:
            continue
        told = tell(tx, row.run, tenant=tenant)
        citing = {
            name
            for policy in told.policies.values()
            if policy is not None
            for name, listed in policy.tools.items()
            if listed.require_citation
        }
        retrieving = {name for name, tool in told.tools.items() if tool.retrieves}
        calls = citations_of(_recorded(told), retrieving=retrieving, citing=citing)
        found[row.agent] = citation_rate(calls, before=found.get(row.agent))
    return found


def _recorded(told: Told) -> list[Recorded]:
    return [
        Recorded(action=event.envelope.action, at=Instant(event.envelope.at), record=event.record)
        for event in told.events
    ]
