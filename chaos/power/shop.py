"""The agent that the campaign runs: orders with traits, two tools that pay, a script, a policy. Nothing is recorded here.

An order's trait says what happens to its refund. It is part of the order's name, so that script and tools need no state and
a run that goes on in another process meets the same.
"""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random
from typing import Final

from dueprocess.errors import Conflict, ModelRefused
from dueprocess.examples.support_refunds.sink import Refund, Sink
from dueprocess.ledger import Reader
from dueprocess.model import ModelRequest, Price, Role
from dueprocess.providers import Line, Scripted
from dueprocess.release import Manifest
from dueprocess.runtime import (
    FailedCall,
    HeldCall,
    Loaded,
    Performed,
    Person,
    Shell,
    Task,
    UnknownCall,
    approve,
    loaded,
)
from dueprocess.runtime.tables import HOLDS, HoldRow
from dueprocess.tool import Attempt, Found, Registry, Voided
from dueprocess.tool.function import tool
from dueprocess.values import Money, usd

AGENT: Final = "refunder"
MODEL: Final = "scripted"
FINANCE: Final = Person(id="user:fay", groups=frozenset({"group:finance"}), how="the campaign")
POLICY: Final = """\
policy: 1
agent:
  max_wall_clock_seconds: 100000
  max_tool_calls: 20
  max_model_spend_usd: 1
  retries: {max_attempts: 4, backoff_seconds: [0.05], timeout_seconds: 1}
approvers:
  finance: {any_of: ["group:finance"], quorum: 1}
tools:
  get_order: {allowed: true}
  pay: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 25, approvers: finance}
  pay_once: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 25, approvers: finance, idempotency_key: [$.order_id]}
"""
_PATIENCE: Final = 10  # answers of a guarded call; a call that needs more of them is stuck
_ORDER: Final = re.compile(r"O-\d+-([a-z]+)")
_PRICE: Final = Price(input=usd("0.05"), output=usd("0.40"))


class Trait(Enum):
    """What happens to a refund."""

    PLAIN = "plain"  # paid at once
    HELD = "held"  # over the threshold: a person is asked
    LOST = "lost"  # the money is taken, the answer is not heard
    REFUSED = "refused"  # an error before the money is taken
    TWICE = "twice"  # proposed twice in one reply
    DENIED = "denied"  # over the maximum
    DIES = "dies"  # the worker ends right after the money is taken
    GUARDED = "guarded"  # a call through `guard`, outside any loop


PAID: Final = frozenset(set(Trait) - {Trait.DENIED})
"""Traits whose refund is paid in the end."""
_AMOUNTS: Final = {Trait.HELD: "40", Trait.DENIED: "60"}


class ProcessorDown(Exception):
    """The processor failed. That says nothing about the money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order whose refund is asked for."""

    name: str
    trait: Trait

    @property
    def amount(self) -> str:
        """How much is asked for, in USD."""
        return _AMOUNTS.get(self.trait, "10")

    @property
    def task(self) -> Task:
        """What the agent is given; the order is the key of the task."""
        return Task(text=f"Refund {self.name}: {self.amount} USD", key=self.name, on_behalf_of="user:ann")


def make_orders(count: int, *, seed: int) -> tuple[Order, ...]:
    """So many orders, each trait as often as the others in any eight that follow each other from a start."""
    random = Random(f"orders {seed}")
    traits: list[Trait] = []
    while len(traits) < count:
        traits += random.sample(tuple(Trait), k=len(Trait))
    return tuple(Order(name=f"O-{seed * 1000 + at}-{traits[at].value}", trait=traits[at]) for at in range(count))


def trait_of(order: str) -> Trait:
    """The trait in the name of an order."""
    found = _ORDER.fullmatch(order)
    return Trait(found[1]) if found else Trait.PLAIN


def _nobody(paid: Refund) -> None:
    """Tells nobody."""


def _nothing() -> None:
    """Goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """Where the tools pay from. `on_paid` is told what the payments file told, `die` may end the worker.

    `is_blind`: asked what became of a payment, it does not look. Only for a build without that safeguard.
    """

    sink: Sink
    on_paid: Callable[[Refund], None] = _nobody
    die: Callable[[], None] = _nothing
    is_blind: bool = False

    def take(self, order_id: str, amount: Money, attempt: Attempt) -> dict[str, object]:
        """Pays, with what the order's trait does to its first attempt."""
        trait = trait_of(order_id) if attempt.number == 1 else Trait.PLAIN
        if trait is Trait.REFUSED:
            raise ProcessorDown("500")
        self.on_paid(self.sink.take(key=attempt.key, order_id=order_id, amount=amount))
        if trait is Trait.DIES:
            self.die()
        if trait is Trait.LOST:
            raise ProcessorDown("connection reset")
        return {"order_id": order_id, "amount_usd": amount}

    async def settle(self, attempt: Attempt) -> Found | Voided:
        """Tells what became of a payment, and closes its key if there was none."""
        taken = None if self.is_blind else self.sink.void(attempt.key)
        return Voided() if taken is None else Found({"order_id": taken.order_id})


def make_tools(till: Till) -> Registry:
    """The tools over one till."""

    async def settle(attempt: Attempt) -> Found | Voided:
        return await till.settle(attempt)

    @tool(effect="read")
    async def get_order(order_id: str) -> dict[str, str]:
        """Looks up an order.

        Args:
            order_id: The order.
        """
        return {"order_id": order_id, "status": "delivered"}

    @tool(effect="write", reconcile=settle)
    async def pay(order_id: str, amount_usd: Money, *, attempt: Attempt) -> dict[str, object]:
        """Gives money back.

        Args:
            order_id: The order.
            amount_usd: How much.
        """
        return till.take(order_id, amount_usd, attempt)

    @tool(effect="write", reconcile=settle)
    async def pay_once(order_id: str, amount_usd: Money, *, attempt: Attempt) -> dict[str, object]:
        """Gives money back, once for each order whoever asks how often.

        Args:
            order_id: The order.
            amount_usd: How much.
        """
        return till.take(order_id, amount_usd, attempt)

    return Registry((get_order, pay, pay_once))


def make_release(tools: Registry) -> Loaded:
    """The release of the campaign's agent."""
    manifest = Manifest(
        agent=AGENT,
        prompt="Refund the order you are given.",
        model=MODEL,
        max_output_tokens=256,
        tools=tuple(tools.specs().values()),
        policy=POLICY,
    )
    return loaded(manifest)


def make_provider() -> Scripted:
    """The scripted model: look twice, pay, say so."""
    return Scripted(_script, price=_PRICE, models=(MODEL,))


def approve_open(shell: Shell) -> None:
    """Approves every hold that waits for people."""

    def query(tx: Reader) -> list[HoldRow]:
        return [row for row in tx.find(HOLDS, equal=(("open", 1),)) if not row.execute_by]

    for row in shell.store.read(query):
        # The run may have ended meanwhile, or another process been faster.
        with contextlib.suppress(Conflict):
            approve_one(shell, row.action)


def approve_one(shell: Shell, action: str) -> None:
    """Approves a hold as somebody who may.

    Raises:
        Conflict: it is not open any more.
    """
    answered = approve(shell, action, person=FINANCE)
    assert answered.refused is None, answered.refused


def see_through(
    call: Callable[[], Performed],
    *,
    resume: Callable[[str], Performed],
    approve: Callable[[str], object],
    pause: Callable[[], None],
) -> Performed:
    """Makes a guarded call and does what its answers ask for, as a patient client would, until there is an end."""
    answer = call()
    for _ in range(_PATIENCE):
        match answer:
            case HeldCall(original=str() as original) if original:
                answer = resume(original)
            case HeldCall():
                approve(answer.action)
                answer = resume(answer.action)
            case UnknownCall() | FailedCall():
                pause()
                answer = resume(answer.action)
            case _:
                return answer
    return answer


def home_below(root: Path) -> Path:
    """Where the store of a shop is."""
    return root / "shop" / ".due"


def sink_below(root: Path) -> Path:
    """Where the payments of a shop are."""
    return root / "shop" / "payments.jsonl"


def _script(request: ModelRequest, _run: str, _turn: int) -> Line:
    said = next((message.text for message in request.messages if message.role is Role.USER), "")
    found = _ORDER.search(said)
    if found is None:
        raise ModelRefused("the task names no order of this campaign")
    order = Order(name=found[0], trait=Trait(found[1]))
    turns = sum(message.role is Role.ASSISTANT for message in request.messages)
    arguments = {"order_id": order.name, "amount_usd": order.amount}
    if turns == 0:
        return Line(calls=(("get_order", {"order_id": order.name}),) * 2)
    if turns == 1:
        return Line(calls=(("pay_once", arguments),) * 2 if order.trait is Trait.TWICE else (("pay", arguments),))
    return Line(text=f"{order.name} is dealt with.")
