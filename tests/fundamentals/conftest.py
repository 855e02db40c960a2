"""The shop of the tutorial: one tool that pays money back, a policy for it, and somebody from finance."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dueprocess import Attempt, Found, Guarded, Money, NoEffect, Voided, guard
from dueprocess.runtime import Answered, Loop, Person, Shell, approve
from dueprocess.tool import Tool, tool
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import Home, open_home

POLICY = """
agent: {max_tool_calls: 20}
approvers: {default: {any_of: ["group:finance"]}}
tools:
  refund:
    allowed: true
    max_amount_usd: 50
    require_approval_over_usd: 25
    idempotency_key: [$.order_id]
"""


@dataclass
class Bank:
    """Where the money goes. It takes what it gets, and forgets nothing."""

    payments: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    closed_days: int = 0
    lines_cut: int = 0

    def pay(self, order_id: str, key: str) -> None:
        """Pays once, whoever asks."""
        if self.closed_days:
            self.closed_days -= 1
            raise NoEffect("the bank is closed")
        self.payments.append(order_id)
        self.keys.append(key)
        if self.lines_cut:
            self.lines_cut -= 1
            raise ConnectionError("the line was cut after the money was sent")


@pytest.fixture
def bank() -> Bank:
    """A bank that nobody has asked for anything yet."""
    return Bank()


@pytest.fixture
def refund(bank: Bank) -> Tool:
    """The tool: a typed function, and how to find out what became of a payment."""

    async def look_up(call: Attempt) -> Found | Voided:
        return Found("paid") if call.key in bank.keys else Voided()

    @tool(effect="write", reconcile=look_up)
    async def refund(order_id: str, amount_usd: Money, call: Attempt) -> str:
        """Pay money back for an order."""
        bank.pay(order_id, call.key)
        return f"{amount_usd} paid for {order_id}"

    return refund


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The policy file."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """The folder where everything is kept."""
    opened = open_home(tmp_path / "home", {})
    yield opened
    opened.store.close()


@pytest.fixture
def guarded(refund: Tool, policy: Path, home: Home) -> Iterator[Guarded]:
    """The tool behind the gate, for a customer called Ann."""
    with guard(refund, policy=policy, store=home, on_behalf_of="user:ann") as made:
        yield made


@dataclass
class People:
    """Who says yes."""

    shell: Shell

    def approve(self, action: str, name: str) -> Answered:
        """Somebody from finance, or who says so, approves."""
        return approve(self.shell, action, person=Person(id=f"user:{name}", groups=frozenset({"group:finance"})))


@pytest.fixture
def people(home: Home) -> Iterator[People]:
    """The people of the shop."""
    loop = Loop()
    yield People(Shell(store=home.store, clock=SystemClock(), loop=loop, tools={}))
    loop.close()
