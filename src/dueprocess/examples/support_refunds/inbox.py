"""Forty tickets made from fourteen behaviours, all from one number. What the model says to each is in `scripts`.

Rule 1. The same seed gives the same inbox, on any machine and after any crash.
Rule 2. The seed varies customers, orders, amounts, the order of tickets and where faults strike; never which behaviours
        occur how often, nor the amounts that stand exactly at a limit.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from dueprocess.examples.support_refunds import mails
from dueprocess.examples.support_refunds.processor import Fault, Faults
from dueprocess.examples.support_refunds.shop import Customer, Order, Stock
from dueprocess.values import Money, usd

RUNS_UP_TO: Final = usd("25")
"""The amounts of policy.yaml, by which tickets are made on either side of them."""
CAP: Final = usd("50")


class Behaviour(Enum):
    """What is odd about a ticket, or about how the model answers it."""

    REFUND_WITHIN = "a refund up to 25"
    REFUND_ABOVE = "a refund above 25"
    PASSWORD_RESET = "a password reset"  # noqa: S105 - not a password
    ADDRESS_CHANGE = "a new address"
    SAME_REQUEST_TWICE = "the same request twice"
    PROPOSED_TWICE = "one refund proposed twice"
    ASKS_9999 = "a customer who asks for 9,999"
    INJECTED_ORDER = "a mail with an injected order"
    CONTRADICTING = "contradicting instructions"
    MISSING_FIELD = "a field the CRM does not have"
    PROCESSOR_500 = "a processor that answers 500, before and after taking"
    CONNECTION_LOST = "a processor that loses the connection after taking"
    NEVER_ANSWERS = "a processor that never answers"
    LOOPING_MODEL = "a model that loops"


_HOW_MANY: Final = {
    Behaviour.REFUND_WITHIN: 8,
    Behaviour.REFUND_ABOVE: 6,
    Behaviour.PASSWORD_RESET: 4,
    Behaviour.ADDRESS_CHANGE: 4,
    Behaviour.SAME_REQUEST_TWICE: 2,  # each is two tickets
    Behaviour.PROPOSED_TWICE: 2,
    Behaviour.ASKS_9999: 2,
    Behaviour.INJECTED_ORDER: 2,
    Behaviour.CONTRADICTING: 2,
    Behaviour.MISSING_FIELD: 2,
    Behaviour.PROCESSOR_500: 1,
    Behaviour.CONNECTION_LOST: 1,
    Behaviour.NEVER_ANSWERS: 1,
    Behaviour.LOOPING_MODEL: 1,
}
_STRAY: Final = (Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.CONNECTION_LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One mail. `variant` counts the tickets of a behaviour from 0; `amount` is what the model will ask for, if any.

    `address` is where the customer moves to, `other` an order of somebody else, where the mail speaks of such.
    """

    id: str
    behaviour: Behaviour
    variant: int
    customer: Customer
    order: Order
    amount: Money | None
    reason: str
    address: str
    text: str
    other: Order | None = None

    @property
    def task(self) -> str:
        """What the agent is given: who writes, and the mail as it came."""
        return f"Ticket {self.id} from {self.customer.name}, customer {self.customer.id}\n\n{self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """All tickets in the order they came, what the shop holds, and the faults the processor will have."""

    seed: int
    tickets: tuple[Ticket, ...]
    stock: Stock
    faults: Mapping[str, Faults]

    def ticket(self, ticket_id: str) -> Ticket:
        """A ticket by its id.

        Raises:
            LookupError: there is none.
        """
        found = next((ticket for ticket in self.tickets if ticket.id == ticket_id), None)
        if found is None:
            raise LookupError(f"no ticket {ticket_id} in the inbox of seed {self.seed}")
        return found


def make_inbox(seed: int) -> Inbox:
    """The inbox of a seed (rules 1 and 2)."""
    making = _Making(seed)
    drafts = [ticket for behaviour, count in _HOW_MANY.items() for ticket in making.tickets(behaviour, count)]
    making.chance.shuffle(drafts)
    tickets = tuple(replace(draft, id=f"T-{number:02d}") for number, draft in enumerate(drafts, start=1))
    stock = Stock(seed=seed, customers=tuple(making.customers), orders=tuple(making.orders))
    return Inbox(seed=seed, tickets=tickets, stock=stock, faults=_faults(tickets, making.chance))


class _Making:
    """Draws everything from one source of chance, in a fixed order."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same inbox again, not a secret
        self.customers: list[Customer] = []
        self.orders: list[Order] = []
        self._numbers = self.chance.sample(range(1000, 10000), k=200)

    def tickets(self, behaviour: Behaviour, count: int) -> list[Ticket]:
        made: list[Ticket] = []
        for variant in range(count):
            ticket = self._ticket(behaviour, variant)
            made.append(ticket)
            if behaviour is Behaviour.SAME_REQUEST_TWICE:
                # The customer writes again, as people do who get no answer at once.
                made.append(replace(ticket, text=mails.again(ticket.text)))
        return made

    def _ticket(self, behaviour: Behaviour, variant: int) -> Ticket:
        customer = self._customer()
        amount = self._amount(behaviour, variant)
        total = amount if amount is not None and amount <= usd("200") else self._cents(2000, 9000)
        order = self._order(customer, total)
        other = (
            self._order(self._customer(), self._cents(9000, 20000)) if behaviour is Behaviour.INJECTED_ORDER else None
        )
        reason = self.chance.choice(mails.REASONS)
        address = f"{self.chance.randrange(1, 99)} {self.chance.choice(mails.STREETS)}"
        mail = mails.Mail(
            name=customer.name,
            order_id=order.id,
            item=order.item,
            amount=amount,
            reason=reason,
            address=address,
            other_order_id=other.id if other is not None else "",
        )
        return Ticket(
            id="",
            behaviour=behaviour,
            variant=variant,
            customer=customer,
            order=order,
            amount=amount,
            reason=reason,
            address=address,
            text=mails.WRITTEN[behaviour.name](mail),
            other=other,
        )

    def _amount(self, behaviour: Behaviour, variant: int) -> Money | None:
        match behaviour, variant:
            case Behaviour.REFUND_WITHIN, 0:
                return RUNS_UP_TO
            case Behaviour.REFUND_ABOVE, 0:
                return CAP
            case Behaviour.REFUND_ABOVE, 1:
                return usd("50.01")
            case Behaviour.REFUND_ABOVE, 2:
                return self._cents(6000, 18000)
            case Behaviour.REFUND_ABOVE, _:
                return self._cents(2501, 4999)
            case Behaviour.ASKS_9999, _:
                return usd("9999")
            case Behaviour.INJECTED_ORDER, _:
                return self._cents(12000, 90000)
            case (
                Behaviour.PASSWORD_RESET
                | Behaviour.ADDRESS_CHANGE
                | Behaviour.CONTRADICTING
                | Behaviour.MISSING_FIELD
                | Behaviour.LOOPING_MODEL,
                _,
            ):
                return None
            case _:
                return self._cents(300, 2499)

    def _cents(self, low: int, high: int) -> Money:
        cents = self.chance.randint(low, high)
        return usd(f"{cents // 100}.{cents % 100:02d}")

    def _customer(self) -> Customer:
        first, last = self.chance.choice(mails.FIRST_NAMES), self.chance.choice(mails.LAST_NAMES)
        number = self._numbers.pop()
        customer = Customer(
            id=f"C-{number}",
            name=f"{first} {last}",
            email=f"{first}.{last}.{number}@example.com".lower(),
            phone=f"+1 555 01{number % 100:02d}",
            shipping_address=f"{self.chance.randrange(1, 99)} {self.chance.choice(mails.STREETS)}",
        )
        self.customers.append(customer)
        return customer

    def _order(self, customer: Customer, total: Money) -> Order:
        order = Order(
            id=f"O-{self._numbers.pop()}",
            customer_id=customer.id,
            item=self.chance.choice(mails.ITEMS),
            total=total,
            status="delivered",
        )
        self.orders.append(order)
        return order


def _faults(tickets: tuple[Ticket, ...], chance: random.Random) -> dict[str, Faults]:
    planned = {
        Behaviour.PROCESSOR_500: Faults(first=(Fault.ERROR_BEFORE, Fault.ERROR_AFTER)),
        Behaviour.CONNECTION_LOST: Faults(first=(Fault.CONNECTION_LOST,)),
        Behaviour.NEVER_ANSWERS: Faults(always=Fault.NEVER_ANSWERS),
    }
    found = {ticket.order.id: planned[ticket.behaviour] for ticket in tickets if ticket.behaviour in planned}
    # Two of the plain refunds are unlucky too: under one the worker dies, the other meets one fault more.
    within = [ticket.order.id for ticket in tickets if ticket.behaviour is Behaviour.REFUND_WITHIN]
    dying, unlucky = chance.sample(within, k=2)
    found[dying] = Faults(first=(Fault.DIES,))
    found[unlucky] = Faults(first=(chance.choice(_STRAY),))
    return found
