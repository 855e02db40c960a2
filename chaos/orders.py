"""The agent of the campaign: orders whose trait says what happens to their refund, its tools, script and policy. No process here.

An order's trait is part of its name, so that script and tools keep no state: a run that goes on in another process meets
the same. What the tools are hooked with is a value.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from random import Random
from typing import Final

from chaos.blocking import refund_blocking
from chaos.points import Notes, Point, Spot
from dueprocess.agent.sub_agents import SubAgent, sub_agents_to_json
from dueprocess.errors import ModelRefused
from dueprocess.examples.support_refunds.sink import KeyVoided, Refund, Sink
from dueprocess.model import ModelReply, ModelRequest, Price, Role, Usage
from dueprocess.providers import Line, Scripted
from dueprocess.release import Manifest
from dueprocess.runtime import Loaded, Person, Task, loaded
from dueprocess.tool import Attempt, Found, Registry, Voided
from dueprocess.tool.function import tool
from dueprocess.values import Money, usd

AGENT: Final = "refunder"
FINANCE: Final = Person(id="user:fay", groups=frozenset({"group:finance"}), how="the campaign")
SECOND: Final = Person(id="user:ben", groups=frozenset({"group:finance"}), how="the campaign")
MAX_CALLS: Final = 5
RUN_SPEND: Final = usd("1")
SESSION: Final = "talk"
SESSION_SPEND: Final = usd("0.025")  # room for some five of the twelve long answers that the talkative orders ask for
CASHIER: Final = SubAgent(
    name="cashier", prompt="Refund what you are told.", describe="Refunds.", tools=("get_order", "refund")
)
_MODEL: Final = "scripted"
_PRICE: Final = Price(input=usd("0.05"), output=usd("20"))  # dear words: a few long answers meet the session's cap
_THINKS_S: Final = 0.02  # long enough for questions of several runs to be out at once
_PATIENCE_S: Final = 15.0  # how long a second attempt waits for the one that woke up
_TALKERS: Final = 9
_LONG_TALK: Final = 4
_GREED: Final = 7
_POLICY: Final = """\
policy: 1
agent:
  max_wall_clock_seconds: 100000
  max_tool_calls: {calls}
  max_model_spend_usd: {spend}
  retries: {{max_attempts: 4, backoff_seconds: [0.05], timeout_seconds: {timeout}}}
approvers:
  finance: {{any_of: ["group:finance"], quorum: 1}}
tools:
  get_order: {{allowed: true}}
  refund: {{allowed: true, max_amount_usd: 50, require_approval_over_usd: 25, approvers: finance}}
  refund_once: {{allowed: true, max_amount_usd: 50, require_approval_over_usd: 25, approvers: finance, idempotency_key: [$.order_id]}}
  refund_untold: {{allowed: true, max_amount_usd: 50}}
"""
_BLOCKING_POLICY: Final = "  refund_blocking: {allowed: true, max_amount_usd: 50}\n"


class Trait(Enum):
    """What happens to the refund of an order."""

    PLAIN = "plain"  # paid at once
    HELD = "held"  # over the threshold: somebody approves it
    UNANSWERED = "unanswered"  # over the threshold, and nobody answers
    PAIR = "pair"  # two held refunds in one reply
    TWICE = "twice"  # proposed twice in one reply under one idempotency key
    LOST = "lost"  # the money is taken, the answer is not heard
    REFUSED = "refused"  # an error before the money is taken
    DENIED = "denied"  # over the maximum
    GREEDY = "greedy"  # more refunds than calls are left
    ORPHAN = "orphan"  # a blocking tool whose child kills its worker, then pays
    LATE = "late"  # the same, and pays only once its key was voided
    TALKATIVE = "talkative"  # long answers, together dearer than their session may be
    EDITED = "edited"  # held, edited by one person, the edit approved by another
    REJECTED = "rejected"  # held, and a person says no
    UNTOLD = "untold"  # the money is taken, the answer is not heard, and nobody can be asked: a person settles it
    GUARDED = "guarded"  # held; not a run of the agent but a guarded call of another program
    DELEGATED = "delegated"  # held; asked for by a sub-agent, which its agent gives the order to


BLOCKING: Final = frozenset({Trait.ORPHAN, Trait.LATE})
EDITED_AMOUNT: Final = "30"
_AMOUNTS: Final = {
    **dict.fromkeys((Trait.HELD, Trait.UNANSWERED, Trait.PAIR, Trait.EDITED, Trait.REJECTED, Trait.GUARDED), "40"),
    Trait.DELEGATED: "40",
    Trait.DENIED: "60",
}
_MIX: Final = (
    *(Trait.PLAIN, Trait.HELD, Trait.HELD, Trait.UNANSWERED, Trait.TWICE, Trait.LOST, Trait.REFUSED, Trait.DENIED),
    *(Trait.GREEDY, Trait.TALKATIVE, Trait.TALKATIVE, Trait.TALKATIVE),
    *(Trait.EDITED, Trait.REJECTED, Trait.UNTOLD, Trait.GUARDED, Trait.DELEGATED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order whose refund is asked for."""

    name: str

    @property
    def trait(self) -> Trait:
        """What happens to it."""
        return Trait(self.name.partition("-")[0])

    @property
    def amount(self) -> str:
        """How much is asked for, in USD."""
        return _AMOUNTS.get(self.trait, "10")

    @property
    def task(self) -> Task:
        """What the agent is given; the order is the key of the task."""
        session = SESSION if self.trait is Trait.TALKATIVE else ""
        return Task(text=f"Refund {self.name}", key=self.name, on_behalf_of="user:ann", session=session)

    @property
    def lines(self) -> tuple[str, ...]:
        """The order ids that may be refunded, as the sink will name them."""
        match self.trait:
            case Trait.GREEDY:
                return tuple(f"{self.name}.{at}" for at in range(1, _GREED + 1))
            case Trait.PAIR:
                return (f"{self.name}.1", f"{self.name}.2")
            case Trait.TALKATIVE | Trait.DENIED | Trait.REJECTED:
                return ()
            case _:
                return (self.name,)


def mixed_orders(seed: int) -> tuple[Order, ...]:
    """One order of each kind and some more, in an order that the seed decides."""
    traits = Random(f"orders {seed}").sample(_MIX, k=len(_MIX))
    return tuple(Order(name=f"{trait.value}-{seed}-{at}") for at, trait in enumerate(traits))


def talking_orders(seed: int) -> tuple[Order, ...]:
    """Besides the mix so many of one session, asking all at once, that its cap is met while several answers are still out."""
    talkers = tuple(Order(name=f"{Trait.TALKATIVE.value}-{seed}-more-{at}") for at in range(_TALKERS))
    return (*talkers, *mixed_orders(seed))


def trait_of(order_id: str) -> Trait:
    """The trait in an order id of the sink."""
    return Trait(order_id.partition("-")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the tools call at their points. `waits`: a second attempt lets a first one that was frozen go first."""

    at: Callable[[Point, Spot], None]
    notes: Notes
    waits: bool = False


class HookedSink(Sink):
    """The payments file with a point before and after the money moves; a key that it refuses is noted."""

    def __init__(self, path: Path, hooks: Hooks) -> None:
        super().__init__(path)
        self._hooks = hooks

    def take_for(self, attempt: Attempt, *, order_id: str, amount: Money) -> Refund:
        """Gives the money back for one attempt."""
        spot = Spot(action=attempt.action, attempt=attempt.number, key=attempt.key)
        self._hooks.at(Point.INSIDE_TOOL, spot)
        try:
            taken = self.take(key=attempt.key, order_id=order_id, amount=amount)
        except KeyVoided:
            self._hooks.notes.write("refused-by-void", key=attempt.key)
            raise
        self._hooks.at(Point.AFTER_EFFECT, spot)
        return taken


class ProcessorDown(Exception):
    """The processor failed. That says nothing about the money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """What the refund tools do: pay as the order's trait says, and tell or void what an attempt has done."""

    sink: HookedSink
    hooks: Hooks

    async def settle(self, attempt: Attempt) -> Found | Voided:
        """What became of an attempt; one that has paid nothing by now never will."""
        spot = Spot(action=attempt.action, attempt=attempt.number, key=attempt.key)
        self.hooks.at(Point.RECOVERING, replace(spot, part="before the sink"))
        taken = self.sink.void(attempt.key)
        self.hooks.at(Point.RECOVERING, replace(spot, part="after the sink"))
        return Voided() if taken is None else Found({"order_id": taken.order_id})

    async def pay(self, order_id: str, amount_usd: Money, attempt: Attempt) -> dict[str, object]:
        """Gives the money of an order back.

        Raises:
            ProcessorDown: the order's trait says so, of the first attempt.
        """
        trait = trait_of(order_id) if attempt.number == 1 else Trait.PLAIN
        if trait is Trait.REFUSED:
            raise ProcessorDown("500")
        if self.hooks.waits and attempt.number > 1:
            _let_the_first_go(self.hooks.notes, attempt)
        self.sink.take_for(attempt, order_id=order_id, amount=amount_usd)
        if trait in {Trait.LOST, Trait.UNTOLD}:
            raise ProcessorDown("connection reset")
        return {"order_id": order_id, "amount_usd": amount_usd}


@tool(effect="read")
async def get_order(order_id: str) -> dict[str, str]:
    """Looks up an order.

    Args:
        order_id: The order.
    """
    return {"order_id": order_id, "status": "delivered"}


def make_tools(sink: HookedSink, hooks: Hooks, *, blocking: bool) -> Registry:
    """The tools over one payments file; the blocking one only where it is needed, since each worker keeps a child for it."""
    till = Till(sink=sink, hooks=hooks)

    async def settle(attempt: Attempt) -> Found | Voided:
        return await till.settle(attempt)

    @tool(effect="write", reconcile=settle)
    async def refund(order_id: str, amount_usd: Money, *, attempt: Attempt) -> dict[str, object]:
        """Gives money back.

        Args:
            order_id: The order.
            amount_usd: How much.
        """
        return await till.pay(order_id, amount_usd, attempt)

    @tool(effect="write", reconcile=settle)
    async def refund_once(order_id: str, amount_usd: Money, *, attempt: Attempt) -> dict[str, object]:
        """Gives money back, once for each order whoever asks how often.

        Args:
            order_id: The order.
            amount_usd: How much.
        """
        return await till.pay(order_id, amount_usd, attempt)

    @tool(effect="write")
    async def refund_untold(order_id: str, amount_usd: Money, *, attempt: Attempt) -> dict[str, object]:
        """Gives money back, and nobody can be asked whether it did.

        Args:
            order_id: The order.
            amount_usd: How much.
        """
        return await till.pay(order_id, amount_usd, attempt)

    return Registry((get_order, refund, refund_once, refund_untold, *((refund_blocking,) if blocking else ())))


def _let_the_first_go(notes: Notes, attempt: Attempt) -> None:
    # The zombie is let go while this attempt is under way; it goes on once the zombie's append has had its answer. The
    # loop stands still meanwhile: no deadline may end this attempt, however busy the machine is.
    notes.write("second-attempt", action=attempt.action)
    until = time.monotonic() + _PATIENCE_S
    while not notes.of("woken-append") and time.monotonic() < until:
        time.sleep(0.01)


def policy_text(tools: Registry, *, timeout_s: float) -> str:
    """The policy of the campaign's agent."""
    text = _POLICY.format(calls=MAX_CALLS, spend=RUN_SPEND, timeout=timeout_s)
    return text + (_BLOCKING_POLICY if refund_blocking.name in tools else "")


def make_release(tools: Registry, *, timeout_s: float) -> Loaded:
    """The release of the campaign's agent; `timeout_s` is how long an attempt may take."""
    manifest = Manifest(
        agent=AGENT,
        prompt="Refund the order you are given.",
        model=_MODEL,
        max_output_tokens=256,
        tools=tuple(tools.specs().values()),
        policy=policy_text(tools, timeout_s=timeout_s),
        sub_agents=sub_agents_to_json({CASHIER.name: CASHIER}),
    )
    return loaded(manifest)


class Thinking:
    """The scripted model, which takes its time as a real one does: so questions of several runs overlap."""

    def __init__(self, hooks: Hooks) -> None:
        self._script = Scripted(_say, price=_PRICE, models=(_MODEL,))
        self._hooks = hooks

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Answers after a while."""
        self._hooks.at(Point.ASKING, Spot())
        await asyncio.sleep(_THINKS_S)
        return await self._script.request(request, run=run, turn=turn)

    def price(self, model: str) -> Price | None:
        """What the script's model costs."""
        return self._script.price(model)

    async def close(self) -> None:
        """Nothing to free."""


def _say(request: ModelRequest, _run: str, _turn: int) -> Line:
    said = next((message.text for message in request.messages if message.role is Role.USER), "")
    if not said.startswith("Refund "):
        raise ModelRefused("the task names no order of this campaign")
    order = Order(name=said.removeprefix("Refund "))
    turns = sum(message.role is Role.ASSISTANT for message in request.messages)
    look = ("get_order", {"order_id": order.name})
    if order.trait is Trait.DELEGATED and request.messages[0].text != CASHIER.prompt:
        give = (CASHIER.name, {"task": f"Refund {order.name}"})
        return Line(calls=(give,)) if turns == 0 else Line(text=f"{order.name} is dealt with.")
    match order.trait:
        case Trait.TALKATIVE if turns < _LONG_TALK:
            return Line(calls=(look,), usage=Usage(input_tokens=10, output_tokens=request.max_output_tokens))
        case Trait.GREEDY | Trait.PAIR if turns == 0:
            return Line(calls=tuple(("refund", {"order_id": one, "amount_usd": order.amount}) for one in order.lines))
        case Trait.GREEDY | Trait.PAIR | Trait.TALKATIVE:
            return Line(text=f"{order.name} is dealt with.")
        case _ if turns == 0:
            return Line(calls=(look,))
        case Trait.TWICE if turns == 1:
            return Line(calls=(("refund_once", {"order_id": order.name, "amount_usd": order.amount}),) * 2)
        case Trait.UNTOLD if turns == 1:
            return Line(calls=(("refund_untold", {"order_id": order.name, "amount_usd": order.amount}),))
        case Trait.ORPHAN | Trait.LATE if turns == 1:
            return Line(calls=((refund_blocking.name, {"order_id": order.name, "amount_usd": order.amount}),))
        case _ if turns == 1:
            return Line(calls=(("refund", {"order_id": order.name, "amount_usd": order.amount}),))
        case _:
            return Line(text=f"{order.name} is dealt with.")
