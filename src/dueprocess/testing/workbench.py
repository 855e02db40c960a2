"""A whole agent on a fake clock and in one thread: store, gate, script and tools, driven step by step. No test is here.

    bench = Workbench(tools=(refund,), policy=POLICY, script=by_turn([...]))
    run = bench.submit("refund order A-1")
    bench.work()
    assert bench.status(run) is RunStatus.HELD

Rule 1. Nothing happens by itself: `work` drives what is due at this instant, and a timer is reached by `advance`.
Rule 2. A worker dies where a test says: a tool or a store that raises `Killed` ends `work` as kill -9 would, with nothing
        written after it. The next `work` is another worker's; the dead one's lease has to run out first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from dueprocess.agent import Workflow, workflow_to_json
from dueprocess.agent.sub_agents import SubAgent, sub_agents_to_json
from dueprocess.ledger import Event, Reader, SigningKey, Store, Transaction
from dueprocess.meter import ScopeKind
from dueprocess.model import Price
from dueprocess.providers.scripted import Line, Script, Scripted, by_turn
from dueprocess.release import Manifest
from dueprocess.release.manifest import Mode
from dueprocess.runtime import (
    Governed,
    Loaded,
    Loop,
    Releases,
    RunStatus,
    Shell,
    Task,
    drive,
    introduce,
    loaded,
    publish,
    queue_of,
    submit,
)
from dueprocess.runtime.journal import Claim
from dueprocess.runtime.lease import claim, claimable, this_process
from dueprocess.runtime.system import system_run
from dueprocess.runtime.tables import ACTIONS as ACTION_ROWS
from dueprocess.runtime.tables import HOLDS, RUNS, ActionRow, HoldRow, RunRow
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.clock import FakeClock
from dueprocess.tool import Tool
from dueprocess.values import Duration, Instant, Money, RunId, digest_text, seconds, usd

LEASE: Final = seconds(2)
PRICE: Final = Price(input=usd("1"), output=usd("2"))
_MOST_DRIVES: Final = 10_000  # a run that is due again and again is a defect, not a long test


class Killed(BaseException):
    """The worker is dead. Raised by a tool or a store of a test; nothing catches it on its way out."""


def signing_key() -> SigningKey:
    """The key of every log in a test."""
    return SigningKey.from_seed(bytes(range(32)), name="tests")


class Workbench:
    """An agent with everything it needs, in the hands of a test.

    `store` defaults to one in memory. `spend_limits`: limits of scopes wider than the run.
    """

    def __init__(
        self,
        *,
        tools: Sequence[Tool] = (),
        policy: str,
        script: Script | Sequence[Line] = (),
        store: Store | None = None,
        clock: FakeClock | None = None,
        agent: str = "support",
        workflow: Workflow | None = None,
        sub_agents: Sequence[SubAgent] = (),
        clarifies: bool = False,
        mode: Mode = Mode.TOOL_LOOP,
        price: Price | None = PRICE,
        spend_limits: Mapping[ScopeKind, Money] | None = None,
        tenant: str = "default",
    ) -> None:
        self.clock = clock if clock is not None else FakeClock()
        self.store: Store = store if store is not None else MemoryStore(signing_key=signing_key())
        self._loop = Loop()
        says = script if callable(script) else by_turn(script)
        self.shell = Shell(
            store=self.store,
            clock=self.clock,
            loop=self._loop,
            tools={tool.name: tool for tool in tools},
            provider=Scripted(says, price=price),
            spend_limits=spend_limits or {},
            tenant=tenant,
        )
        self.release: Loaded = loaded(
            Manifest(
                agent=agent,
                prompt="Be fair.",
                model="scripted",
                max_output_tokens=100,
                tools=tuple(tool.spec for tool in tools),
                policy=policy,
                workflow=workflow_to_json(workflow),
                clarifies=clarifies,
                sub_agents=sub_agents_to_json({sub_agent.name: sub_agent for sub_agent in sub_agents}),
                mode=mode,
            )
        )
        self.releases = Releases(self.release)
        self.queue = queue_of(agent, self.release.manifest.step_version)
        introduce(self.shell, self.release)

    def submit(
        self, text: str = "please", *, key: str = "", on_behalf_of: str = "user:ann", session: str = ""
    ) -> RunId:
        """Takes a task. Without a key it is the task of its text: the same text twice is the same task."""
        task = Task(text=text, key=key or text, on_behalf_of=on_behalf_of, session=session)
        return submit(self.shell, self.release, task=task)

    def govern(self, key: str = "guarded", *, on_behalf_of: str = "user:ann") -> Governed:
        """Opens a run whose calls come from elsewhere; the same key again opens it again and fences the earlier owner."""
        task = Task(text=key, key=key, on_behalf_of=on_behalf_of)
        run = submit(self.shell, self.release, task=task, queue="")
        return Governed(self.shell, self.release, run, on_behalf_of=on_behalf_of)

    def claim(self, run: RunId, *, lease: Duration = LEASE) -> Claim | None:
        """Claims a run as a worker does; None where none is needed or another one has it."""

        def unit(tx: Transaction) -> Claim | None:
            return claim(tx, run, owner=this_process(), lease=lease, now=self.clock.now())

        return self.store.write(unit)

    def drive(self, made: Claim) -> None:
        """Drives a claimed run until it rests or has ended."""
        drive(self.shell, self.releases.find(self.shell, made.release), claim=made)

    def work(self) -> int:
        """Drives all that is due now, until nothing is. Returns how many drives it took."""
        drives = 0
        while due := self.due():
            for run in due:
                made = self.claim(run)
                if made is not None:
                    drives += 1
                    self.drive(made)
            assert drives < _MOST_DRIVES, "the same runs are due again and again"
        return drives

    def work_until_killed(self) -> bool:
        """Works; returns whether the worker died on the way, and then lets its lease run out."""
        with suppress(Killed):
            self.work()
            return False
        self.clock.advance(micros=LEASE)
        return True

    def advance(self, time: int) -> int:
        """Moves the clock by these seconds and works."""
        self.clock.advance(seconds=time)
        return self.work()

    def publish(self, policy: str, *, by: str = "user:owner") -> None:
        """Puts another policy in force, published by a person."""
        manifest = self.release.manifest

        def unit(tx: Transaction) -> None:
            publish(
                tx,
                tenant=self.shell.tenant,
                agent=manifest.agent,
                digest=digest_text(policy),
                text=policy,
                author=by,
                how="test",
                now=self.clock.now(),
            )

        self.store.open_run(system_run(self.shell.tenant))
        self.store.write(unit)

    def due(self) -> list[RunId]:
        """The runs that need a driver at this instant."""
        now = self.clock.now()
        return self.store.read(
            lambda tx: [RunId(row.run) for row in self._runs(tx) if row.queue and claimable(tx, row, now=now)]
        )

    def status(self, run: RunId) -> RunStatus:
        """Where a run stands."""
        row = self.store.read(lambda tx: tx.get(RUNS, run))
        assert row is not None, f"no run {run}"
        return RunStatus(row.status)

    def wakes_at(self, run: RunId) -> Instant:
        """When a resting run wakes by itself."""
        row = self.store.read(lambda tx: tx.get(RUNS, run))
        assert row is not None, f"no run {run}"
        return Instant(row.wake_at)

    def events(self, run: RunId) -> list[Event]:
        """The events of a run."""
        return self.store.read(lambda tx: tx.events(run))

    def kinds(self, run: RunId, *, without: Iterable[str] = ("model.", "run.", "task.")) -> list[str]:
        """The kinds of a run's events, in order, without those of these rooms."""
        skipped = tuple(without)
        return [e.envelope.kind for e in self.events(run) if not e.envelope.kind.startswith(skipped)]

    def records(self, run: RunId, kind: Callable[..., object]) -> list[object]:
        """The records of one type in a run, in order."""
        return [e.record for e in self.events(run) if type(e.record) is kind]

    def actions(self, run: RunId) -> list[ActionRow]:
        """The actions of a run, oldest first."""
        rows = self.store.read(lambda tx: tx.find(ACTION_ROWS, equal=(("run", run),)))
        return sorted(rows, key=lambda row: row.at)

    def holds(self) -> list[HoldRow]:
        """The open holds, oldest first."""

        def query(tx: Reader) -> list[HoldRow]:
            mine = {row.run for row in self._runs(tx)}
            return [row for row in tx.find(HOLDS, equal=(("open", 1),)) if row.run in mine]

        return sorted(self.store.read(query), key=lambda row: row.asked_at)

    def _runs(self, tx: Reader) -> list[RunRow]:
        return tx.find(RUNS, equal=(("tenant", self.shell.tenant),))

    def close(self) -> None:
        """Ends the thread of the tools; the store stays as it is."""
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
