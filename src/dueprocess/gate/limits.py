"""`limits` of a call: which windows it takes a place in, and whether there is room. Reading them is the policy's.

Rule 1. A window is told apart by the tool, what it counts, and the values at its `per` paths; how long it is and how much
        it admits is the policy's in force, so that a change of these counts what was dispatched before it too.
Rule 2. A call without a value at a `per` path, or without an amount to be summed, is denied: it could not be counted.
Rule 3. A place is taken with the intent, in the transaction that decides, and given back only by a proven failure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from dueprocess.meter import Mark, room
from dueprocess.policy import Finding, ToolPolicy, Verdict
from dueprocess.policy.arguments import REDACTED, Missing, find, hidden, with_plain_amount, written
from dueprocess.policy.document import Limit
from dueprocess.values import Instant, Json, Money, amount_micros, canonical, rfc3339
from dueprocess.values.foreign import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A place that a call asks for in one limit's window. `scope`: what tells the window apart, as canonical text."""

    limit: Limit
    scope: str
    asked: int
    shown: Mapping[str, Json]


def windows_of(listed: ToolPolicy, arguments: Mapping[str, Json]) -> tuple[tuple[Window, ...], tuple[Finding, ...]]:
    """The windows of a call, and what keeps it from being counted (rule 2). Pure."""
    if not listed.limits:
        return (), ()
    windows: list[Window] = []
    findings: list[Finding] = []
    plain = with_plain_amount(arguments, listed.amount)
    for limit in listed.limits:
        values: list[Json] = []
        compared: dict[str, Json] = {}
        missing = ""
        for path in limit.per:
            value = find(plain, path)
            if isinstance(value, Missing) or value is None:
                missing = missing or written(path)
                continue
            values.append(value)
            compared[written(path)] = REDACTED if hidden(path, listed.redact) else shown(value)
        asked = _asked(listed, limit, arguments)
        if missing or asked is None:
            what = f"{missing} is missing or null" if missing else "there is no amount of USD to be summed"
            reason = f"{what}, and a limit counts by it: the call could not be counted"
            findings.append(_finding(listed, Verdict.DENY, reason, compared, always=True))
            continue
        names: list[Json] = [written(path) for path in limit.per]
        kind = "count" if limit.max_sum is None else "sum"
        windows.append(Window(limit=limit, scope=canonical([kind, names, values]), asked=asked, shown=compared))
    return tuple(windows), tuple(findings)


def over_limit(listed: ToolPolicy, window: Window, *, marks: Iterable[Mark], now: Instant) -> Finding | None:
    """What is said where a window has no room for a call; None where it has."""
    limit = window.limit
    most = limit.max_sum.micros if limit.max_sum is not None else limit.count or 0
    full = room(marks, asked=window.asked, limit=most, window=limit.window, now=now)
    if full is None:
        return None
    counted, asked, allowed = (_quantity(limit, each) for each in (full.counted, full.asked, full.limit))
    per = f" for this {', '.join(written(path) for path in limit.per)}" if limit.per else ""
    unit = " USD" if limit.max_sum is not None else ""
    is_alone = full.asked > full.limit
    follows = f"retry after {rfc3339(full.retry_at)}"
    if limit.over is Verdict.HOLD:
        follows = "a person must approve"
    elif is_alone:
        follows = "no window ever has room for it"
    reason = f"{counted} + {asked} > {allowed}{unit} within {_length(limit)}{per}; {follows}"
    compared: dict[str, Json] = {
        **window.shown,
        "counted": counted,
        "asked": asked,
        "limit": allowed,
        "window_s": limit.window // 1_000_000,
    }
    if not is_alone:
        compared["retry_after"] = rfc3339(full.retry_at)
    return _finding(listed, limit.over, reason, compared)


def _asked(listed: ToolPolicy, limit: Limit, arguments: Mapping[str, Json]) -> int | None:
    if limit.max_sum is None:
        return 1
    value = find(arguments, listed.amount) if listed.amount is not None else None
    return None if isinstance(value, Missing) else amount_micros(value)


def _quantity(limit: Limit, amount: int) -> int | Decimal:
    return amount if limit.max_sum is None else Decimal(str(Money(amount)))


def _length(limit: Limit) -> str:
    seconds_ = limit.window // 1_000_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds_ % size == 0:
            return f"{seconds_ // size}{unit}"
    return f"{seconds_}s"


def _finding(
    listed: ToolPolicy, decision: Verdict, reason: str, compared: Mapping[str, Json], *, always: bool = False
) -> Finding:
    return Finding(rule=f"{listed.name}.limits", decision=decision, reason=reason, compared=compared, always=always)
