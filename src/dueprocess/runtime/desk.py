"""What a decision is made on: the run, the policy, and what its transaction reads of grants, keys, stops, windows and gauges.

What follows from it is decided in the gate; what is recorded of it, in `admission`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

import msgspec

from dueprocess.agent import Pending, RunState
from dueprocess.agent.state import THE_AGENT, Asker
from dueprocess.approval import Grant
from dueprocess.evidence import Validator
from dueprocess.gate import FREES_KEY, ActionSettled, ActionState, Judgement, KeyRecord, KeyUse, Neighbour, Outcome
from dueprocess.gate.history import History
from dueprocess.gate.limits import Window
from dueprocess.ledger import Reader
from dueprocess.meter import Gauge, Mark, within
from dueprocess.policy import Policy, Rate
from dueprocess.policy.arguments import with_plain_amount
from dueprocess.runtime.forms import approvals_of
from dueprocess.runtime.gauges import calls_key
from dueprocess.runtime.journal import Claim
from dueprocess.runtime.system import system_run
from dueprocess.runtime.tables import GAUGES, HOLDS, KEYS, MARKS, STOPS
from dueprocess.tool import Tool, ToolSpec
from dueprocess.values import Instant, canonical, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What deciding needs beside the transaction: the run, the policy in force, the tools, and how long an attempt may take.

    `history` is the run so far as that policy sees it. `asker`: the sub-agent that asks for what is decided, if one does.
    `tools`: those of this program, which may object to citations of their calls.
    """

    claim: Claim
    state: RunState
    policy: Policy
    history: History
    specs: Mapping[str, ToolSpec]
    environment: str
    publisher: str
    now: Instant
    wall_clock_left: int
    asker: Asker = THE_AGENT
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])

    def validator_of(self, tool: str) -> Validator | None:
        """What may object to the citations of a call of this tool, if anything."""
        found = self.tools.get(tool)
        return cast("Validator | None", found.validate) if found is not None else None


LIMITS: Final = "limit:"
"""What the name of every window of a limit begins with."""

_KEY_LABEL = "idempotency"
_ARGUMENTS_LABEL = "arguments"
_LIMIT_LABEL = "limit"


def grant_of(tx: Reader, item: Pending) -> Grant | None:
    """The grant that people left for an action; None while too few have said yes."""
    row = tx.get(HOLDS, item.action)
    if row is None or not row.execute_by:
        return None
    asked = msgspec.json.decode(row.request)
    return Grant(
        action=row.action,
        digest=row.digest,
        findings=tuple(asked["findings"]),
        approvals=approvals_of(row),
        asked_at=Instant(row.asked_at),
        execute_by=Instant(row.execute_by),
    )


def key_use(tx: Reader, desk: Desk, item: Pending, judged: Judgement) -> tuple[KeyRecord, KeyUse] | None:
    """The place of an action under its idempotency key, and who else is there; None where the policy asks for no key."""
    if judged.key is None:
        return None
    # The key is shared by all runs of the tenant: its digest is under the tenant's key, not the run's.
    shared = system_run(desk.claim.tenant)
    scope = tx.digest(shared, _KEY_LABEL, content=canonical([item.request.name, judged.key]))
    arguments = tx.digest(shared, _ARGUMENTS_LABEL, content=_comparable(desk, item, judged))
    others = tuple(
        Neighbour(action=row.action, arguments=row.arguments, state=ActionState(row.state))
        for row in tx.find(KEYS, equal=(("scope", scope),))
        if row.action != item.action and ActionState(row.state) not in FREES_KEY
    )
    return KeyRecord(scope=scope, arguments=arguments), KeyUse(arguments=arguments, others=others)


def _comparable(desk: Desk, item: Pending, judged: Judgement) -> str:
    # Equal amounts are equal arguments, however they are written (policy language, "numbers").
    arguments, listed = parse(judged.arguments), desk.policy.tools.get(item.request.name)
    if listed is None or not isinstance(arguments, dict):
        return judged.arguments
    return canonical({**with_plain_amount(arguments, listed.amount)})


def amount_of(desk: Desk, item: Pending) -> str:
    """The name of the top-level argument that is the amount, or empty."""
    listed = desk.policy.tools.get(item.request.name)
    path = listed.amount if listed is not None else None
    return path[0] if path is not None and len(path) == 1 else ""


def stop_over(tx: Reader, desk: Desk, tool: str) -> str:
    """The widest stop that covers a tool of this run, or empty."""
    ordered = {row.target for row in tx.find(STOPS, equal=(("tenant", desk.claim.tenant),))}
    covering = ("all", f"agent:{desk.state.config.agent}", f"tool:{tool}")
    return next((target for target in covering if target in ordered), "")


def rate_of(desk: Desk, item: Pending) -> Rate | None:
    """The rate of the call's tool."""
    listed = desk.policy.tools.get(item.request.name)
    return listed.rate if listed is not None else None


def rate_key(desk: Desk, item: Pending) -> str:
    """The window of that rate: per tool and agent, within the tenant."""
    return f"rate:{within(desk.claim.tenant, desk.state.config.agent, item.request.name)}"


def marks_of(tx: Reader, desk: Desk, item: Pending) -> tuple[Mark, ...]:
    """The places taken in that window."""
    rate = rate_of(desk, item)
    if rate is None:
        return ()
    rows = tx.find(MARKS, equal=(("key", rate_key(desk, item)),), more_than=("at", desk.now - rate.window))
    return tuple(Mark(at=Instant(row.at), amount=row.amount) for row in rows)


def window_key(tx: Reader, desk: Desk, item: Pending, window: Window) -> str:
    """The window of a limit: per tool, agent and the values it counts apart, which are named by a keyed digest alone."""
    shared = system_run(desk.claim.tenant)
    scope = tx.digest(shared, _LIMIT_LABEL, content=canonical([item.request.name, window.scope]))
    return f"{LIMITS}{within(desk.claim.tenant, desk.state.config.agent, item.request.name)}:{scope}"


def windows_of(tx: Reader, desk: Desk, item: Pending, judged: Judgement) -> tuple[tuple[Window, tuple[Mark, ...]], ...]:
    """The windows that a call asks for a place in, each with the places taken there by others."""
    found: list[tuple[Window, tuple[Mark, ...]]] = []
    for window in judged.windows:
        key, since = window_key(tx, desk, item, window), desk.now - window.limit.window
        rows = tx.find(MARKS, equal=(("key", key),), more_than=("at", since))
        marks = tuple(Mark(at=Instant(row.at), amount=row.amount) for row in rows if row.action != item.action)
        found.append((window, marks))
    return tuple(found)


def calls_of(tx: Reader, run: str) -> Gauge:
    """The gauge of calls of a run."""
    row = tx.get(GAUGES, calls_key(run))
    return Gauge() if row is None else Gauge(spent=row.spent, reserved=row.reserved)


def result_of(tx: Reader, action: str) -> str:
    """The recorded result of an action that succeeded, as JSON text."""
    for event in reversed(tx.lineage(action)):
        if isinstance(event.record, ActionSettled) and event.record.outcome is Outcome.SUCCEEDED:
            return event.record.result
    # Its run has been erased: that it was done is known, what came of it is not.
    return canonical({"reused": action, "erased": True})
