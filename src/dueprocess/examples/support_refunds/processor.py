"""A payment processor with faults, in front of the payments file. Which fault strikes when is a plan, not chance.

Rule 1. The n-th request for an order meets the n-th fault planned for it, whatever happened between: a run that was
        killed and resumed meets the same ones.
Rule 2. A fault before taking leaves the payments file as it was; one after taking leaves the refund there. One that
        never answers never takes.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from dueprocess.examples.support_refunds.sink import Refund, Sink
from dueprocess.values import Money


class Fault(Enum):
    """What goes wrong with one request."""

    ERROR_BEFORE = "answers 500 before it takes the money"
    ERROR_AFTER = "answers 500 after it took the money"
    CONNECTION_LOST = "takes the money and loses the connection"
    NEVER_ANSWERS = "never answers"
    DIES = "the worker is killed right after the money is taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of one order: one per request, in order; then `always`, if any."""

    first: tuple[Fault, ...] = ()
    always: Fault | None = None

    def of(self, number: int) -> Fault | None:
        """The fault of the n-th request, counted from 1."""
        return self.first[number - 1] if number <= len(self.first) else self.always


class ProcessorError(Exception):
    """The processor answered 500. That says nothing about the money."""


class ConnectionLost(Exception):
    """The connection broke before the answer came. That says nothing about the money."""


class Processor:
    """Takes refunds to the payments file. `die` ends the worker; it is not expected to return."""

    def __init__(self, sink: Sink, faults: Mapping[str, Faults], *, die: Callable[[], None]) -> None:
        self.sink = sink
        self._faults = faults
        self._die = die

    async def refund(self, *, key: str, order_id: str, amount: Money, number: int) -> Refund:
        """Asks for a refund; `number` counts the requests for this order from 1.

        Raises:
            KeyVoided: the key is closed; nothing was taken.
            ProcessorError, ConnectionLost: nobody knows from this alone whether the money was taken.
        """
        fault = self._faults.get(order_id, Faults()).of(number)
        if fault is Fault.NEVER_ANSWERS:
            await asyncio.Event().wait()
        if fault is Fault.ERROR_BEFORE:
            raise ProcessorError("500 Internal Server Error")
        taken = self.sink.take(key=key, order_id=order_id, amount=amount)
        if fault is Fault.DIES:
            self._die()
        if fault is Fault.CONNECTION_LOST:
            raise ConnectionLost("connection reset by peer")
        if fault is Fault.ERROR_AFTER:
            raise ProcessorError("500 Internal Server Error")
        return taken
