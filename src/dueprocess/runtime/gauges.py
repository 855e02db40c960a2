"""The gauges of the meter as rows. What they are compared with is decided in the gate."""

from dueprocess.ledger import Transaction
from dueprocess.meter import Scope, ScopeKind, Unit, meter_key
from dueprocess.runtime.tables import GAUGES, GaugeRow


def calls_key(run: str) -> str:
    """The gauge of a run's dispatched tool calls."""
    return meter_key(Scope(kind=ScopeKind.RUN, id=run), Unit.CALLS)


def add_to_gauge(tx: Transaction, key: str, *, spent: int, reserved: int) -> None:
    """Adds to a gauge; a gauge that is not there is empty."""
    row = tx.get(GAUGES, key) or GaugeRow(key=key, spent=0, reserved=0)
    tx.put(GAUGES, GaugeRow(key=key, spent=row.spent + spent, reserved=row.reserved + reserved))
