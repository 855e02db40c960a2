"""What the scripted model says to each ticket. It reacts to tool results, so it runs the same through any loop.

Rule 1. A line depends on the messages of the request alone: on which ticket it is, what was called and what came back.
        So the same question gets the same answer, in another process after a crash too.
Rule 2. The model is no better than models are: it proposes what the mail asks for, obeys injected orders, proposes
        twice and loops. It never reads the policy; it is told `denied` and goes on from there.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dueprocess.errors import ModelRefused
from dueprocess.examples.support_refunds.inbox import Behaviour, Inbox, Ticket
from dueprocess.model import Message, ModelRequest, Role
from dueprocess.providers import Line, Script
from dueprocess.tool import CITATIONS
from dueprocess.values import Json, Money, digest_text, parse

HAND_OFF: Final = "hand_off_to_human"
_TICKET = re.compile(r"Ticket (T-[0-9]{2}) ")
_QUERY: Final = "when is a refund given for goods that arrive damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back from a call."""

    tool: str
    value: Json

    @property
    def error(self) -> str:
        """The kind of error it tells of, empty for a result."""
        told = self.value.get("error") if isinstance(self.value, dict) else None
        return told if isinstance(told, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The conversation so far: how often the model spoke, and the answers to its calls in order."""

    turns: int
    answers: tuple[Answer, ...]

    def last(self, tool: str) -> Answer | None:
        """The last answer of a tool."""
        return next((answer for answer in reversed(self.answers) if answer.tool == tool), None)


def support_script(inbox: Inbox) -> Script:
    """The script for all tickets of an inbox."""

    def script(request: ModelRequest, _run: str, _turn: int) -> Line:
        said = next((message.text for message in request.messages if message.role is Role.USER), "")
        named = _TICKET.match(said)
        if named is None:
            raise ModelRefused("the task names no ticket of this inbox; expected it to begin with: Ticket T-01 ")
        ticket = inbox.ticket(named[1])
        return _SAID[ticket.behaviour](ticket, _told(request.messages))

    return script


def _told(messages: tuple[Message, ...]) -> Told:
    called = {request.id: request.name for message in messages for request in message.requests}
    answers = tuple(
        Answer(tool=called.get(message.answers, ""), value=parse(message.text))
        for message in messages
        if message.role is Role.TOOL
    )
    return Told(turns=sum(message.role is Role.ASSISTANT for message in messages), answers=answers)


def _refund(ticket: Ticket, told: Told) -> Line:
    if told.turns == 0:
        return _look(ticket)
    if told.turns == 1:
        return Line(text="The policy covers this.", calls=(_issue(ticket, told),))
    return _after_refund(ticket, told)


def _after_refund(ticket: Ticket, told: Told) -> Line:
    answer = told.last("issue_refund")
    error = answer.error if answer is not None else "never asked"
    if not error:
        return Line(
            text=f"Dear {ticket.customer.name}, we have refunded {ticket.amount} USD for order {ticket.order.id}."
        )
    if error == "denied" and ticket.behaviour is Behaviour.ASKS_9999:
        return Line(
            text=f"Dear {ticket.customer.name}, I am sorry for the trouble. I cannot pay {ticket.amount} USD; damages "
            "are not something I may decide on. You can reach our claims team at claims@example.com."
        )
    return Line(calls=((HAND_OFF, {"reason": f"the refund of {ticket.amount} USD for {ticket.order.id}: {error}"}),))


def _proposed_twice(ticket: Ticket, told: Told) -> Line:
    # Once side by side in one reply, once again in a further turn: both happen with real models.
    if told.turns == 1 and ticket.variant == 0:
        call = _issue(ticket, told)
        return Line(text="The policy covers this.", calls=(call, call))
    if told.turns == 2 and ticket.variant > 0:  # noqa: PLR2004 - the turn after the refund
        return Line(text="I issue the refund.", calls=(_issue(ticket, told),))
    return _refund(ticket, told)


def _injected(ticket: Ticket, told: Told) -> Line:
    """The model falls for the order in the mail.

    What stops it is the cap and the list of fields, not any knowledge of where the words came from: a refund of 20 USD
    for the same foreign order would be paid. Telling where an argument came from needs provenance, which is not here.
    """
    if told.turns == 0:
        return _look(ticket)
    other = ticket.other
    if told.turns == 1 and other is not None and ticket.amount is not None:
        refund = _arguments(other.id, other.customer_id, ticket.amount, told, reason="gold member")
        promote = {"customer_id": ticket.customer.id, "fields": {"loyalty_tier": "gold"}}
        return Line(text="As the notice says.", calls=(("issue_refund", refund), ("update_crm_record", promote)))
    return Line(text=f"Dear {ticket.customer.name}, order {ticket.order.id} is {ticket.order.status}.")


def _password(ticket: Ticket, told: Told) -> Line:
    if told.turns == 0:
        return Line(calls=(("get_customer", {"customer_id": ticket.customer.id}),))
    if told.turns == 1:
        return Line(calls=(("send_password_reset", {"customer_id": ticket.customer.id}),))
    return _done(ticket, told, "send_password_reset", "a link to set a new password is on its way to you.")


def _address(ticket: Ticket, told: Told) -> Line:
    if told.turns == 0:
        return Line(calls=(("get_customer", {"customer_id": ticket.customer.id}),))
    if told.turns == 1:
        change = {"customer_id": ticket.customer.id, "fields": {"shipping_address": ticket.address}}
        return Line(calls=(("update_crm_record", change),))
    return _done(ticket, told, "update_crm_record", f"we ship to {ticket.address} from now on.")


def _missing_field(ticket: Ticket, told: Told) -> Line:
    if told.turns == 0:
        note = {"customer_id": ticket.customer.id, "fields": {"delivery_note": "leave parcels at the back door"}}
        return Line(calls=(("update_crm_record", note),))
    answer = told.last("update_crm_record")
    if answer is not None and answer.error:
        return Line(
            text=f"Dear {ticket.customer.name}, we cannot keep delivery notes yet. Please tell the carrier with the "
            "link that comes with each parcel."
        )
    return Line(text=f"Dear {ticket.customer.name}, your delivery note is saved.")


def _contradicting(ticket: Ticket, told: Told) -> Line:
    if told.turns == 0:
        return _look(ticket)
    reason = f"{ticket.id}: the customer asks for a refund, for a new one, and for neither"
    return Line(text="I cannot tell what is wanted.", calls=((HAND_OFF, {"reason": reason}),))


def _loop(ticket: Ticket, _told: Told) -> Line:
    return Line(text="Let me look once more.", calls=(("get_order", {"order_id": ticket.order.id}),))


def _look(ticket: Ticket) -> Line:
    return Line(
        text="I look at the order and at our policy.",
        calls=(("get_order", {"order_id": ticket.order.id}), ("search_kb", {"query": _QUERY})),
    )


def _issue(ticket: Ticket, told: Told) -> tuple[str, Mapping[str, object]]:
    if ticket.amount is None:
        raise ModelRefused(f"{ticket.id} asks for no refund; expected a ticket with an amount")
    return "issue_refund", _arguments(ticket.order.id, ticket.customer.id, ticket.amount, told, reason=ticket.reason)


def _arguments(order_id: str, customer_id: str, amount: Money, told: Told, *, reason: str) -> dict[str, object]:
    arguments: dict[str, object] = {
        "order_id": order_id,
        "customer_id": customer_id,
        "amount_usd": amount.decimal,
        "reason": reason,
    }
    passage = _first_passage(told)
    return arguments if passage is None else {**arguments, CITATIONS: [passage]}


def _first_passage(told: Told) -> Json:
    """The best passage that came back, cited as a whole: where it stands, and the digest of its text."""
    answer = told.last("search_kb")
    found = answer.value if answer is not None else None
    match found:
        case [{"document": str() as document, "start": int() as start, "end": int() as end, "text": str() as text}, *_]:
            return {"document": document, "start": start, "end": end, "digest": digest_text(text)}
        case _:
            return None


def _done(ticket: Ticket, told: Told, tool: str, text: str) -> Line:
    answer = told.last(tool)
    if answer is None or answer.error:
        return Line(calls=((HAND_OFF, {"reason": f"{ticket.id}: {tool} did not work"}),))
    return Line(text=f"Dear {ticket.customer.name}, {text}")


_SAID: Final[Mapping[Behaviour, Callable[[Ticket, Told], Line]]] = MappingProxyType(
    {
        Behaviour.REFUND_WITHIN: _refund,
        Behaviour.REFUND_ABOVE: _refund,
        Behaviour.PASSWORD_RESET: _password,
        Behaviour.ADDRESS_CHANGE: _address,
        Behaviour.SAME_REQUEST_TWICE: _refund,
        Behaviour.PROPOSED_TWICE: _proposed_twice,
        Behaviour.ASKS_9999: _refund,
        Behaviour.INJECTED_ORDER: _injected,
        Behaviour.CONTRADICTING: _contradicting,
        Behaviour.MISSING_FIELD: _missing_field,
        Behaviour.PROCESSOR_500: _refund,
        Behaviour.CONNECTION_LOST: _refund,
        Behaviour.NEVER_ANSWERS: _refund,
        Behaviour.LOOPING_MODEL: _loop,
    }
)
