"""What the shell acts with, as values: store, provider, tools, clock, loop, limits. Built once in `wiring`."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from dueprocess.agent import AgentConfig
from dueprocess.errors import Conflict, ToolInvalid
from dueprocess.ledger import Store
from dueprocess.meter import ScopeKind
from dueprocess.model import Provider
from dueprocess.policy import Policy, load
from dueprocess.release import Manifest
from dueprocess.runtime.host import Hosts, needs_import
from dueprocess.runtime.policies import published
from dueprocess.tool import Effect, Tool
from dueprocess.values import Digest, Instant, Money

T = TypeVar("T")
_CLOSING_S: Final = 30.0  # making a process takes seconds on a machine that is busy


class Clock(Protocol):
    """Where the time comes from. Tests bring their own."""

    def now(self) -> Instant:
        """The wall clock, in microseconds. It may go backwards; nothing that expires relies on it alone."""
        ...


class Loop:
    """One event loop in a thread of its own: async tools and providers run there, the drivers wait outside."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.hosts = Hosts()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dueprocess-loop", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts a coroutine; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancels what still runs and ends the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self.hosts.close(), self._loop).result(timeout=_CLOSING_S)
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(timeout=_CLOSING_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()


async def _cancel_all() -> None:
    mine = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not mine]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A release ready to run: its manifest, what a run folds with, and its own policy."""

    manifest: Manifest
    digest: Digest
    config: AgentConfig
    policy: Policy


class PolicyShelf:
    """Policies in force, parsed once per digest and release: what a parsed policy means depends on the tools it binds to."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Policy] = {}

    def find(self, shell: "Shell", *, release: Loaded, digest: str) -> Policy:
        """The policy of this digest, read against the tools of the release.

        Raises:
            FileInvalid: it was published for other tools and does not load with these: the run cannot go on (I2).
        """
        if digest in {release.policy.digest, ""}:
            return release.policy
        place = (digest, release.digest)
        if place not in self._known:
            self._known[place] = self._read(shell, release, digest)
        return self._known[place]

    def _read(self, shell: "Shell", loaded: Loaded, digest: str) -> Policy:
        agent = loaded.manifest.agent
        found = shell.store.read(lambda tx: published(tx, agent, tenant=shell.tenant))
        if found is None or found.digest != digest:
            raise Conflict(f"the policy in force for {agent} changed while it was read; it is read again")
        return load(found.text.encode(), name=loaded.manifest.policy_name, tools=loaded.config.tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The ports and values that every act of the runtime uses.

    `spend_limits`: limits on model spend of scopes wider than the run, by kind; a kind that is missing has none.
    """

    store: Store
    clock: Clock
    loop: Loop
    tools: Mapping[str, Tool]
    policies: PolicyShelf = field(default_factory=PolicyShelf)
    provider: Provider | None = None
    tenant: str = "default"
    spend_limits: Mapping[ScopeKind, Money] = field(default_factory=dict[ScopeKind, Money])

    def ready_tools(self) -> None:
        """Makes sync write tools ready to run in a process that can be killed (I4: a deadline leaves no silent thread).

        Raises:
            ToolInvalid: naming the tool and what to do.
        """
        blocking = [tool for tool in self.tools.values() if tool.spec.effect is Effect.WRITE and not tool.is_async]
        for tool in blocking:
            if tool.importable is None:
                raise ToolInvalid(needs_import(tool))
        if blocking:
            self.loop.submit(self.loop.hosts.warm())
