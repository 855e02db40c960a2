"""The processes of the campaign: a worker that submits and drives, an approver, a clicker. Who starts and kills them is in `crew`.

Every one of them opens the same store, and ends by itself when its round is over or its starter is gone.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from chaos.blocking import FOLDER_VARIABLE
from chaos.controls import Control, EagerSink, remove_safeguard
from chaos.orders import (
    AGENT,
    BLOCKING,
    FINANCE,
    SESSION_SPEND,
    HookedSink,
    Hooks,
    Order,
    Thinking,
    Trait,
    make_release,
    make_tools,
    trait_of,
)
from chaos.points import Notes, Plan, Point, Spot, Strike, Striker
from chaos.watched import WatchedKey, WatchedStore
from dueprocess.engines import LocalEngine
from dueprocess.errors import Conflict
from dueprocess.gate import ActionHeld, ActionState
from dueprocess.ledger import Reader
from dueprocess.meter import ScopeKind
from dueprocess.runtime import TERMINAL, Loaded, Loop, Releases, Shell, approve, introduce, queue_of, submit
from dueprocess.runtime.tables import ACTIONS, HOLDS, RUNS
from dueprocess.values import parse, run_id, seconds
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import open_home

LEASE_S: Final = 0.6
_LOOK_S: Final = 0.05
_WAL_TRIES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a process is told: its folder, the orders of the round, and what it is to do to itself."""

    folder: Path
    orders: tuple[Order, ...]
    seed: int = 0
    plan: Plan | None = None
    control: Control = Control.NONE
    timeout_s: float = 0.5
    concurrency: int = 6
    serial: bool = False
    waits: bool = False
    click_at: float = 0.0
    clicked: str = ""
    answered: tuple[Trait, ...] = field(default=(Trait.HELD, Trait.PAIR))

    @property
    def home(self) -> Path:
        """Where the store is."""
        return self.folder / "home"

    @property
    def sink(self) -> Path:
        """Where the payments are."""
        return self.folder / "payments.jsonl"

    @property
    def notes(self) -> Notes:
        """What the processes of the round told."""
        return Notes(self.folder / "notes.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What a process works with."""

    job: Job
    shell: Shell
    release: Loaded
    striker: Striker
    path: Path


def work(job: Job) -> None:
    """Submits the orders that nobody was told of yet, then drives runs until all have come to rest."""
    with _opened(job, point=Point.CHECKPOINTING) as office:
        introduce(office.shell, office.release)
        engine = LocalEngine(
            office.shell,
            Releases(office.release),
            queues=frozenset({queue_of(AGENT, office.release.manifest.step_version)}),
            concurrency=job.concurrency,
            lease=seconds(LEASE_S),
            on_failure=lambda failed: job.notes.write("failed-drive", run=failed.run, error=repr(failed.error)),
        )
        _beside(lambda: _submit(office, engine))
        _beside(lambda: _watch(office, engine))
        if job.plan is not None and job.plan.point is Point.CHECKPOINTING and job.plan.delay_s:
            _beside(lambda: _strike_in_wal(office))
        engine.run_worker()


def answer_holds(job: Job) -> None:
    """Approves what is held and to be answered, until all runs have come to rest."""
    with _opened(job, point=Point.APPROVING) as office:
        while not is_at_rest(office.shell, job):
            for action in _open_holds(office.shell, job.answered):
                with contextlib.suppress(Conflict):
                    approve(office.shell, action, person=FINANCE)
                    job.notes.write("approved", action=action)
            time.sleep(_LOOK_S)


def click(job: Job) -> None:
    """Approves one hold at an agreed instant, and once more after it was carried out."""
    with _opened(job, point=Point.APPROVING) as office:
        while time.time() < job.click_at:
            pass
        _click(office, "first")
        until = time.monotonic() + 10
        while time.monotonic() < until and not _is_carried_out(office):
            time.sleep(0.005)
        _click(office, "second")


def is_at_rest(shell: Shell, job: Job) -> bool:
    """Whether every order's run has ended, or waits for a person who will not answer."""
    runs = [run_id(tenant=shell.tenant, agent=AGENT, task_key=order.name) for order in job.orders]

    def query(tx: Reader) -> bool:
        for run, order in zip(runs, job.orders, strict=True):
            row = tx.get(RUNS, run)
            if row is None:
                return False
            waits = order.trait not in job.answered and row.status == "held" and not row.due
            if row.status not in TERMINAL and not waits:
                return False
        return True

    return shell.store.read(query)


@contextmanager
def _opened(job: Job, *, point: Point) -> Generator[Office, None, None]:
    _end_with_starter()
    remove_safeguard(job.control)
    home = open_home(job.home, {})
    striker = Striker(job.plan, job.notes)
    hooks = Hooks(at=striker.at, notes=job.notes, waits=job.waits)
    no_intent = job.control is Control.NO_INTENT
    sink = EagerSink(job.sink, hooks) if no_intent else HookedSink(job.sink, hooks)
    on_append = sink.move_before if isinstance(sink, EagerSink) else None
    writer = home.store._writer  # type: ignore[attr-defined]  # noqa: SLF001 - the campaign stands in its way on purpose
    writer._signing_key = WatchedKey(home.signing_key, striker, point=point)  # noqa: SLF001 - as above
    store = WatchedStore(home.store, striker, notes=job.notes, on_append=on_append, serial=job.serial)
    loop = Loop()
    os.environ[FOLDER_VARIABLE] = str(job.folder)
    tools = make_tools(sink, hooks, blocking=any(order.trait in BLOCKING for order in job.orders))
    shell = Shell(
        store=store,
        clock=SystemClock(),
        loop=loop,
        tools=tools,
        provider=Thinking(),
        spend_limits={ScopeKind.SESSION: SESSION_SPEND},
    )
    try:
        release = make_release(tools, timeout_s=job.timeout_s)
        yield Office(job=job, shell=shell, release=release, striker=striker, path=job.home / "ledger.db")
    finally:
        loop.close()
        store.close()


def _end_with_starter() -> None:
    starter = os.getppid()

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(0.5)
        os._exit(1)

    _beside(watch)


def _beside(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _submit(office: Office, engine: LocalEngine) -> None:
    told = {said["order"] for said in office.job.notes.of("submitted")}
    for order in office.job.orders:
        if order.name not in told:
            run = submit(office.shell, office.release, task=order.task)
            office.job.notes.write("submitted", order=order.name, run=run)
            engine.wake()


def _watch(office: Office, engine: LocalEngine) -> None:
    while not is_at_rest(office.shell, office.job):
        time.sleep(_LOOK_S)
    engine.stop()


def _open_holds(shell: Shell, answered: tuple[Trait, ...]) -> list[str]:
    def query(tx: Reader) -> list[str]:
        found: list[str] = []
        for row in tx.find(HOLDS, equal=(("open", 1),)):
            order = next(_order_of(e.record) for e in tx.lineage(row.action) if isinstance(e.record, ActionHeld))
            if trait_of(order) in answered and not row.execute_by:
                found.append(row.action)
        return found

    return shell.store.read(query)


def _order_of(held: ActionHeld) -> str:
    arguments = parse(held.call.arguments)
    assert isinstance(arguments, dict)
    return str(arguments["order_id"])


def _click(office: Office, which: str) -> None:
    try:
        answered = approve(office.shell, office.job.clicked, person=FINANCE)
        office.job.notes.write("clicked", which=which, complete=answered.complete)
    except Conflict:
        office.job.notes.write("clicked", which=which, complete=False)


def _is_carried_out(office: Office) -> bool:
    row = office.shell.store.read(lambda tx: tx.get(ACTIONS, office.job.clicked))
    return row is not None and row.state == ActionState.SUCCEEDED.value


def _strike_in_wal(office: Office) -> None:
    # SQLite copies the WAL back in one call that holds no Python lock: the kill comes while that call is under way.
    plan, random = office.job.plan, Random(office.job.seed)
    assert plan is not None
    assert plan.strike is Strike.KILL
    time.sleep(plan.delay_s)
    for _ in range(_WAL_TRIES):
        inside, over = threading.Event(), threading.Event()
        _beside(lambda inside=inside, over=over: _checkpoint(office.path, inside, over))
        inside.wait()
        time.sleep(random.uniform(0, 0.004))
        if not over.is_set():
            office.striker.now(Spot(part="wal"), sync=False)
        over.wait()
        time.sleep(0.02)


def _checkpoint(path: Path, inside: threading.Event, over: threading.Event) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        inside.set()
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        over.set()
        connection.close()
