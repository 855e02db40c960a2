"""`confirm` of a call: whether whoever the run acts for has said yes to it, asked of the run's history. Asking them is the runtime's.

Rule 1. A yes is for one call of one run: this tool with exactly these arguments, once, and not longer ago than `within`.
Rule 2. Only the person on whose behalf the call is made can say it; where nobody is named it is denied.
Rule 3. It is no approval, and no approval stands for it: a grant never covers this finding (`admit`).
Rule 4. An action that was dispatched already was confirmed then: its repeat needs no second yes.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from dueprocess.gate.history import History
from dueprocess.policy import Finding, Principal, ToolPolicy, Verdict
from dueprocess.policy.document import Confirmation
from dueprocess.values import Instant, Json

_KEY = "confirm"


def rule_of(tool: str) -> str:
    """The id of the rule that asks for it."""
    return f"{tool}.{_KEY}"


class Said(Protocol):
    """A finding: as it was decided, as it was recorded, or as it is told."""

    @property
    def rule(self) -> str:
        """The rule that spoke."""
        ...

    @property
    def decision(self) -> Verdict | str:
        """What it asks for, as such or as its word."""
        ...

    @property
    def advisory(self) -> bool:
        """Whether it is only said."""
        ...


def asks(tool: str, findings: Iterable[Said]) -> bool:
    """Whether these findings hold a call of this tool for the requester's word."""
    rule = rule_of(tool)
    return any(each.rule == rule and Verdict(each.decision) is Verdict.HOLD and not each.advisory for each in findings)


def unconfirmed(
    listed: ToolPolicy,
    *,
    arguments: str,
    principal: Principal | None,
    history: History | None,
    now: Instant,
    action: str = "",
    said: bool = False,
) -> tuple[Finding, ...]:
    """What speaks against a call that its requester has not confirmed. Pure. `arguments` is canonical JSON text.

    `said`: of a call by itself, without a history, whether its requester has confirmed it.
    """
    if listed.confirm is None or (history is not None and any(past.action == action for past in history.calls)):
        return ()
    who = principal.on_behalf_of if principal is not None else None
    if who is None:
        reason = "it needs the word of whoever it is done for, and nobody is named"
        return (_finding(listed, Verdict.DENY, reason, {"on_behalf_of": None}),)
    if history is None and said:
        return ()
    found = [
        each
        for each in (history.confirmed if history is not None else ())
        if (each.tool, each.arguments, each.by) == (listed.name, arguments, who)
    ]
    if any(now - each.at <= listed.confirm.within for each in found):
        return ()
    return (_finding(listed, Verdict.HOLD, _why(listed.confirm, who, found, now), {"on_behalf_of": who}),)


def _why(confirm: Confirmation, who: str, found: Sequence[object], now: Instant) -> str:
    if not found:
        return f"{who} has not confirmed it"
    most = confirm.within // 1_000_000
    return f"{who} confirmed it more than {most} s ago; expected a confirmation within {most} s"


def _finding(listed: ToolPolicy, decision: Verdict, reason: str, compared: dict[str, Json]) -> Finding:
    return Finding(rule=rule_of(listed.name), decision=decision, reason=reason, compared=compared)
