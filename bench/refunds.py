"""The write that is measured: a tool that does nothing, its policy, and guards of it that share one store."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dueprocess import Attempt, Guarded, Money, SucceededCall, guard
from dueprocess.tool import tool
from dueprocess.wiring.home import open_home

_POLICY: Final = """
agent: {max_tool_calls: 10000000}
tools:
  refund: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 25}
"""


@tool(effect="write")
def refund(order_id: str, amount_usd: Money, attempt: Attempt) -> dict[str, str]:
    """Takes no time, so that only what is around it is measured."""
    return {"refunded": str(amount_usd), "order": order_id, "key": attempt.key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Guards of the tool, each with a run of its own, and the file that they write to."""

    guards: tuple[Guarded, ...]
    ledger: Path

    def write(self, at: int, order: str) -> None:
        """One governed write by one of the guards. Anything but success stops the measurement."""
        done = self.guards[at](order, "20.00")
        assert isinstance(done, SucceededCall), done


@contextmanager
def opened(folder: Path, *, runs: int) -> Generator[Desk, None, None]:
    """A new store with this many open runs."""
    folder.mkdir(parents=True)
    policy = folder / "policy.yaml"
    policy.write_text(_POLICY)
    home = open_home(folder / "home", {})
    with ExitStack() as stack:
        stack.callback(home.store.close)
        guards = tuple(
            stack.enter_context(guard(refund, policy=policy, store=home, run=f"bench-{number}"))
            for number in range(runs)
        )
        yield Desk(guards=guards, ledger=folder / "home" / "ledger.db")
