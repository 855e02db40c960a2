"""What the agent can do: typed functions, each a read or a write. Put calls of your own systems in their place.

A tool acts only through the gate: whether a call runs is decided under policy.yaml, on exactly these arguments.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import TypedDict

from dueprocess import Attempt, Money, NoEffect
from dueprocess.tool import tool

REFUNDS = Path(__file__).with_name("refunds.jsonl")


class Order(TypedDict):
    """An order as the agent sees it."""

    order_id: str
    customer: str
    total_usd: str


ORDERS: dict[str, Order] = {
    "A1": {"order_id": "A1", "customer": "ann", "total_usd": "48.00"},
    "A2": {"order_id": "A2", "customer": "bob", "total_usd": "120.00"},
}


@tool(effect="read")
def get_order(order_id: str) -> Order:
    """Looks up an order.

    Args:
        order_id: The order's id, such as A1.
    """
    return ORDERS[order_id]


@tool(effect="write", idempotency="sink")
def issue_refund(order_id: str, amount_usd: Money, *, call: Attempt) -> dict[str, str]:
    """Pays money back for an order.

    Args:
        order_id: The order's id, such as A1.
        amount_usd: How much to pay back.
    """
    if order_id not in ORDERS:
        raise NoEffect(f"there is no order {order_id}")
    receipt = {"key": call.key, "order_id": order_id, "refunded_usd": str(amount_usd)}
    with REFUNDS.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        # `idempotency="sink"` is this promise: the same key is paid once, however often it comes.
        if not any(json.loads(line)["key"] == call.key for line in file):
            file.write(json.dumps(receipt) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return receipt
