"""`limits` of a tool as the file writes them: how often, or how much, within a sliding window. Counting is the meter's.

Rule 1. A limit counts dispatched actions (or sums their bound amount) of one tool of one agent, apart for each value of
        its `per` paths; a call without a value there is denied, since it could not be counted.
Rule 2. `over` says what follows where it would be passed: a person is asked, or it is denied.
"""

from collections.abc import Mapping

from dueprocess.policy.binding import path_to
from dueprocess.policy.document import Limit
from dueprocess.policy.origins import Restraint
from dueprocess.policy.reader import Spot
from dueprocess.policy.source import Listing, Table
from dueprocess.tool.schema import Type


def read_limits(spot: Spot | None, *, arguments: Type | None) -> tuple[Limit, ...]:
    """The limits of a tool's entry."""
    return (spot.listed(lambda item: _limit(item, arguments), empty=True) if spot is not None else None) or ()


def sums(spot: Spot | None) -> bool:
    """Whether any limit sums the bound amount, so that there must be one."""
    if spot is None or not isinstance(spot.node, Listing):
        return False
    return any(isinstance(item, Table) and "sum" in item.items for item in spot.node.items)


def _limit(spot: Spot, arguments: Type | None) -> Limit | None:
    keys = spot.table(("count", "sum", "max_usd", "per", "window", "over"), required=("per", "window", "over"))
    if ("count" in keys) == ("sum" in keys):
        spot.wrong("expected either count, or sum with max_usd")
        return None
    if ("sum" in keys) != ("max_usd" in keys):
        spot.wrong("sum and max_usd belong together")
        return None
    return _read(keys, arguments)


def _read(keys: Mapping[str, Spot], arguments: Type | None) -> Limit | None:
    count = keys["count"].count(least=1) if "count" in keys else None
    if "sum" in keys and keys["sum"].text() not in (None, "amount"):
        keys["sum"].expected("amount, the bound amount")
    most = keys["max_usd"].amount() if "max_usd" in keys else None
    per = keys["per"].distinct(lambda item: path_to(item, arguments), empty=True) if "per" in keys else None
    window = keys["window"].duration() if "window" in keys else None
    over = keys["over"].choice(Restraint) if "over" in keys else None
    if per is None or window is None or over is None or (count is None and most is None):
        return None
    return Limit(count=count, max_sum=most, per=per, window=window, over=over.verdict)
