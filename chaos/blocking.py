"""A write tool made with plain `def`, which therefore runs in a child process of its worker. The others are in `orders`.

The first time it is called the child kills its worker and goes on as an orphan: it pays at once, or only after its key was voided.
"""

import os
import signal
import time
from pathlib import Path
from typing import Final

from chaos.points import Notes
from dueprocess.examples.support_refunds.sink import KeyVoided, Sink
from dueprocess.tool import Attempt, Found, Voided
from dueprocess.tool.function import tool
from dueprocess.values import Money

FOLDER_VARIABLE: Final = "CHAOS_FOLDER"
"""Where the child finds the payments file: it knows nothing of its worker's values."""
LATE: Final = "late"
_PATIENCE_S: Final = 30.0


async def _settle(attempt: Attempt) -> Found | Voided:
    taken = _sink().void(attempt.key)
    return Voided() if taken is None else Found({"order_id": taken.order_id})


@tool(effect="write", reconcile=_settle)
def refund_blocking(order_id: str, amount_usd: Money, *, attempt: Attempt) -> dict[str, object]:
    """Gives money back.

    Args:
        order_id: The order.
        amount_usd: How much.
    """
    notes = Notes(_folder() / "notes.jsonl")
    if not notes.of("orphaned"):
        notes.write("orphaned", key=attempt.key, worker=os.getppid())
        os.kill(os.getppid(), signal.SIGKILL)
        if order_id.startswith(LATE):
            _wait_for_void(attempt.key)
    try:
        _sink().take(key=attempt.key, order_id=order_id, amount=amount_usd)
    except KeyVoided:
        notes.write("refused-by-void", key=attempt.key)
        raise
    return {"order_id": order_id, "amount_usd": amount_usd}


def _wait_for_void(key: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        path = _sink().path
        if path.exists() and any(key in line and '"void"' in line for line in path.read_text("utf-8").splitlines()):
            return
        time.sleep(0.02)


def _sink() -> Sink:
    return Sink(_folder() / "payments.jsonl")


def _folder() -> Path:
    return Path(os.environ[FOLDER_VARIABLE])
