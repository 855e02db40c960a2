"""A stand-in for a model, so that `due run` works without a network. It finds an order and an amount in the task.

For a real model write its name in due.yaml and set OPENAI_API_KEY; then this file is not needed.
"""

import re

from dueprocess.model import ModelRequest, Role
from dueprocess.providers import Line


def script(request: ModelRequest, *_: object) -> Line:
    """Says what a model would: looks the order up, asks for the refund, tells what became of it."""
    task = next(message.text for message in request.messages if message.role is Role.USER)
    answers = [message.text for message in request.messages if message.role is Role.TOOL]
    order = re.search(r"\b[A-Z]\d+\b", task)
    amount = re.search(r"\d+(\.\d\d)?(?= ?USD)", task)
    if order is None or amount is None:
        return Line(text="Which order, and how much? Say it like this: Refund 20 USD of order A1.")
    if not answers:
        return Line(calls=(("get_order", {"order_id": order[0]}),))
    if len(answers) == 1:
        return Line(calls=(("issue_refund", {"order_id": order[0], "amount_usd": amount[0]}),))
    if "refunded_usd" in answers[-1]:
        return Line(text=f"Refunded {amount[0]} USD of order {order[0]}.")
    return Line(text=f"Nothing was refunded. The answer was: {answers[-1]}")
