"""The support agent with its store, shop and model, put together in one folder. What happens there is in `story` and `worker`.

D/.due        the store: ledger, keys, identities      D/shop.sqlite     customers, orders, records
D/payments.jsonl (or --sink)                           D/NAME.token      the tokens of the people of the demo
"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dueprocess.engines import LocalEngine
from dueprocess.examples.support_refunds.agent import AGENT, PROMPT, REQUESTER, policy_text
from dueprocess.examples.support_refunds.inbox import Inbox, Ticket, make_inbox
from dueprocess.examples.support_refunds.model import SCRIPTED
from dueprocess.examples.support_refunds.processor import Processor
from dueprocess.examples.support_refunds.scripts import support_script
from dueprocess.examples.support_refunds.shop import Shop
from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.examples.support_refunds.tools import support_tools
from dueprocess.model import Price, Provider
from dueprocess.providers import Scripted
from dueprocess.release import Manifest
from dueprocess.runtime import Loaded, Loop, Releases, Shell, Task, loaded, queue_of
from dueprocess.values import RunId, run_id, usd
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import Home, open_home

_MAX_OUTPUT_TOKENS: Final = 1024
_PRICE: Final = Price(input=usd("0.05"), output=usd("0.40"))  # what a small model costs per million tokens
_CONCURRENCY: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a demo lives and what it is made from: enough for another process to open the same office."""

    folder: Path
    sink: Path
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """An open office."""

    place: Place
    inbox: Inbox
    home: Home
    sink: Sink
    shell: Shell
    release: Loaded

    def run_of(self, ticket: Ticket) -> RunId:
        """The run that answers a ticket: the same in every process and after every crash."""
        return run_id(tenant=self.shell.tenant, agent=AGENT, task_key=ticket.id)

    def task_of(self, ticket: Ticket) -> Task:
        """What the agent is given."""
        return Task(text=ticket.task, key=ticket.id, on_behalf_of=f"user:{REQUESTER}", correlation=ticket.id)

    def engine(self) -> LocalEngine:
        """An engine for this office's runs."""
        queues = frozenset({queue_of(AGENT, self.release.manifest.step_version)})
        return LocalEngine(self.shell, Releases(self.release), queues=queues, concurrency=_CONCURRENCY)


@contextmanager
def open_office(
    place: Place, *, provider: Provider | None = None, model: str = SCRIPTED
) -> Generator[Office, None, None]:
    """Opens the office and closes it at the end. Without a provider the model is the script."""
    inbox = make_inbox(place.seed)
    home = open_home(place.folder / ".due", os.environ)
    sink = Sink(place.sink)
    tools = support_tools(Shop(place.folder / "shop.sqlite", inbox.stock), Processor(sink, inbox.faults, die=_die))
    manifest = Manifest(
        agent=AGENT,
        prompt=PROMPT,
        model=model,
        max_output_tokens=_MAX_OUTPUT_TOKENS,
        tools=tuple(tools.specs().values()),
        policy=policy_text(),
        clarifies=True,
    )
    loop = Loop()
    shell = Shell(
        store=home.store,
        clock=SystemClock(),
        loop=loop,
        tools=tools,
        provider=provider if provider is not None else scripted(inbox),
    )
    try:
        yield Office(place=place, inbox=inbox, home=home, sink=sink, shell=shell, release=loaded(manifest))
    finally:
        loop.close()
        home.store.close()


def scripted(inbox: Inbox) -> Provider:
    """The script as a provider, at the price of a small model."""
    return Scripted(support_script(inbox), price=_PRICE, models=(SCRIPTED,))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
