"""The processes of the campaign: a worker that submits and drives, one that answers holds, a clicker. Others are in `office`.

Who starts and kills them is in `crew`. Every one of them opens the same store, and ends by itself when its round is over
or its starter is gone.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from chaos.blocking import FOLDER_VARIABLE
from chaos.clock import SteppingClock
from chaos.controls import Control, EagerSink, remove_safeguard
from chaos.full_disk import fill
from chaos.orders import (
    AGENT,
    BLOCKING,
    EDITED_AMOUNT,
    FINANCE,
    SECOND,
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
from dueprocess.ledger import Event, Reader
from dueprocess.meter import ScopeKind
from dueprocess.runtime import (
    TERMINAL,
    Loaded,
    Loop,
    Releases,
    Shell,
    approve,
    edit,
    introduce,
    queue_of,
    reject,
    submit,
)
from dueprocess.runtime.erase import finish_erasures
from dueprocess.runtime.tables import ACTIONS, HOLDS, RUNS
from dueprocess.values import Json, RunId, parse, run_id, seconds
from dueprocess.wiring.home import open_home

LEASE_S: Final = 0.6
LOOK_S: Final = 0.05
CONCURRENCY: Final = 6
"""How many runs a worker drives side by side."""
ANSWERED: Final = frozenset({Trait.HELD, Trait.PAIR, Trait.EDITED, Trait.REJECTED, Trait.GUARDED, Trait.DELEGATED})
"""Orders whose holds somebody answers."""
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
    concurrency: int = CONCURRENCY
    serial: bool = False
    waits: bool = False
    click_at: float = 0.0
    clicked: str = ""
    has_office: bool = False

    @property
    def home(self) -> Path:
        """Where the store is."""
        return self.folder / "home"

    @property
    def sink(self) -> Path:
        """Where the payments are."""
        return self.folder / "payments.jsonl"

    @property
    def clock(self) -> Path:
        """By how much the machine's clock is off."""
        return self.folder / "clock"

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
    with opened(job, point=Point.CHECKPOINTING) as office:
        introduce(office.shell, office.release)
        engine = LocalEngine(
            office.shell,
            Releases(office.release),
            queues=frozenset({queue_of(AGENT, office.release.manifest.step_version)}),
            concurrency=job.concurrency,
            lease=seconds(LEASE_S),
            on_failure=lambda failed: job.notes.write("failed-drive", run=failed.run, error=repr(failed.error)),
        )
        beside(lambda: _submit(office, engine))
        beside(lambda: _watch(office, engine))
        if job.plan is not None and job.plan.point is Point.CHECKPOINTING and job.plan.delay_s:
            beside(lambda: _strike_in_wal(office))
        if job.plan is not None and job.plan.point is Point.FULL_DISK:
            delay = job.plan.delay_s
            beside(lambda: fill(job.folder, office.striker, delay_s=delay, random=Random(f"{job.seed} {delay}")))
        engine.run_worker()


def answer_holds(job: Job) -> None:
    """Answers what is held and to be answered, until all runs have come to rest."""
    with opened(job, point=Point.APPROVING) as office:
        while not is_at_rest(office.shell, job):
            for held in _open_holds(office.shell):
                with contextlib.suppress(Conflict):
                    job.notes.write(_answer(office.shell, held), action=held.action)
            time.sleep(LOOK_S)


def click(job: Job) -> None:
    """Approves one hold at an agreed instant, and once more after it was carried out."""
    with opened(job, point=Point.APPROVING) as office:
        while time.time() < job.click_at:
            pass
        _click(office, "first")
        until = time.monotonic() + 10
        while time.monotonic() < until and not _is_carried_out(office):
            time.sleep(0.005)
        _click(office, "second")


def is_at_rest(shell: Shell, job: Job) -> bool:
    """Whether every order's run has ended, or waits for a person who will not answer, and the office has done its work."""
    if job.has_office and not job.notes.of("office-done"):
        return False
    runs = [run_of(shell, order) for order in job.orders]

    def query(tx: Reader) -> bool:
        for run, order in zip(runs, job.orders, strict=True):
            row = tx.get(RUNS, run)
            if row is None:
                return False
            waits = order.trait not in ANSWERED and row.status == "held" and not row.due
            if row.status not in TERMINAL and not waits:
                return False
        return not tx.find(ACTIONS, equal=(("state", ActionState.UNSETTLED.value),))

    return shell.store.read(query)


def run_of(shell: Shell, order: Order) -> RunId:
    """The run of an order."""
    return run_id(tenant=shell.tenant, agent=AGENT, task_key=order.name)


@contextmanager
def opened(job: Job, *, point: Point) -> Generator[Office, None, None]:
    """Opens the store of a round as any program does, with the campaign's points in it. `point`: what signing counts as."""
    _end_with_starter()
    remove_safeguard(job.control)
    home = open_home(job.home, {})
    finish_erasures(home.store, home.keys)
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
        clock=SteppingClock(job.clock),
        loop=loop,
        tools=tools,
        provider=Thinking(hooks),
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

    beside(watch)


def beside(work: Callable[[], None]) -> None:
    """Runs something in a thread that does not outlive the process."""
    threading.Thread(target=work, daemon=True).start()


def _submit(office: Office, engine: LocalEngine) -> None:
    told = {said["order"] for said in office.job.notes.of("submitted")}
    for order in office.job.orders:
        if order.name not in told and order.trait is not Trait.GUARDED:
            # A task whose run was erased before anybody was told of it stays what it is: done, and erased.
            with contextlib.suppress(Conflict):
                submit(office.shell, office.release, task=order.task)
            office.job.notes.write("submitted", order=order.name, run=run_of(office.shell, order))
            engine.wake()


def _watch(office: Office, engine: LocalEngine) -> None:
    while not is_at_rest(office.shell, office.job):
        time.sleep(LOOK_S)
    engine.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    action: str
    arguments: dict[str, Json]
    revision: int

    @property
    def trait(self) -> Trait:
        return trait_of(str(self.arguments["order_id"]))


def _open_holds(shell: Shell) -> list[_Held]:
    def query(tx: Reader) -> list[_Held]:
        open_ = [row.action for row in tx.find(HOLDS, equal=(("open", 1),)) if not row.execute_by]
        return [_held(action, tx.lineage(action)) for action in open_]

    return [held for held in shell.store.read(query) if held.trait in ANSWERED]


def _held(action: str, events: list[Event]) -> _Held:
    call = next(event.record.call for event in events if isinstance(event.record, ActionHeld))
    arguments = parse(call.arguments)
    assert isinstance(arguments, dict)
    return _Held(action=action, arguments=arguments, revision=call.revision)


def _answer(shell: Shell, held: _Held) -> str:
    if held.trait is Trait.REJECTED:
        reject(shell, held.action, person=FINANCE, reason="no")
        return "rejected"
    if held.trait is Trait.EDITED and not held.revision:
        edit(shell, held.action, person=FINANCE, arguments={**held.arguments, "amount_usd": EDITED_AMOUNT})
        return "edited"
    # Who edited may not approve what they made of it.
    approve(shell, held.action, person=SECOND if held.trait is Trait.EDITED else FINANCE)
    return "approved"


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
        beside(lambda inside=inside, over=over: _checkpoint(office.path, inside, over))
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
