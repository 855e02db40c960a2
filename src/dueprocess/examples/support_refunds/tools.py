"""What the support agent can do. What it may do is in `policy.yaml`; when it acts is the runtime's.

The tools are thin on purpose, as most are: `issue_refund` pays what it is told to, to whom it is told. Nothing here
would stop 9,999 USD, a refund paid twice, or a refund for another customer's order.
"""

from dueprocess.examples.support_refunds.processor import Processor
from dueprocess.examples.support_refunds.shop import Customer, Order, Passage, Shop
from dueprocess.tool import Attempt, Found, Registry, Tool, Voided
from dueprocess.tool.function import tool
from dueprocess.values import Money


def support_tools(shop: Shop, processor: Processor) -> Registry:
    """The agent's tools, bound to one shop and one processor."""
    return Registry((*_reading(shop), _refunding(processor), *_changing(shop)))


def _reading(shop: Shop) -> tuple[Tool, ...]:
    @tool(effect="read")
    async def get_order(order_id: str) -> Order:
        """Looks up an order: whose it is, what was bought, the total, the status.

        Args:
            order_id: The order's id, such as O-1234.
        """
        return shop.order(order_id)

    @tool(effect="read")
    async def get_customer(customer_id: str) -> Customer:
        """Looks up a customer's record: name, e-mail, phone, shipping address, loyalty tier.

        Args:
            customer_id: The customer's id, such as C-1234.
        """
        return shop.customer(customer_id)

    @tool(effect="read", retrieves=True)
    async def search_kb(query: str) -> tuple[Passage, ...]:
        """Finds passages of our own policies. Cite one of them when you issue a refund.

        Args:
            query: What to look for, in a few words.
        """
        return shop.search(query)

    return get_order, get_customer, search_kb


def _refunding(processor: Processor) -> Tool:
    async def find_or_close(attempt: Attempt) -> Found | Voided:
        taken = processor.sink.void(attempt.key)
        return Voided() if taken is None else Found({"order_id": taken.order_id, "amount_usd": taken.amount})

    @tool(effect="write", reconcile=find_or_close, fee="0.02")
    async def issue_refund(
        order_id: str, customer_id: str, amount_usd: Money, reason: str, *, attempt: Attempt
    ) -> dict[str, object]:
        """Gives money back to a customer for an order. It cannot be taken back.

        Args:
            order_id: The order the refund is for.
            customer_id: The customer whose order it is.
            amount_usd: How much, in US dollars with at most two decimals.
            reason: Why, in a few words; the customer may read it.
        """
        taken = await processor.refund(key=attempt.key, order_id=order_id, amount=amount_usd, number=attempt.number)
        return {"order_id": taken.order_id, "amount_usd": taken.amount}

    return issue_refund


def _changing(shop: Shop) -> tuple[Tool, ...]:
    async def find_or_close(attempt: Attempt) -> Found | Voided:
        made = shop.void(attempt.key)
        return Voided() if made is None else Found(made)

    @tool(effect="write", idempotency="sink", reversible=True, reconcile=find_or_close)
    async def update_crm_record(customer_id: str, fields: dict[str, str], *, attempt: Attempt) -> dict[str, str]:
        """Changes fields of a customer's record.

        Args:
            customer_id: The customer whose record it is.
            fields: The fields to change and their new values, such as {"phone": "+1 555 0100"}.
        """
        return shop.update_customer(customer_id, fields, key=attempt.key)

    @tool(effect="write", idempotency="sink", reconcile=find_or_close)
    async def send_password_reset(customer_id: str, *, attempt: Attempt) -> dict[str, str]:
        """Sends the customer a link to set a new password, to the e-mail address in our records.

        Args:
            customer_id: The customer who cannot sign in.
        """
        return shop.send_reset(customer_id, key=attempt.key)

    return update_crm_record, send_password_reset
