"""The program that is recorded: a shop whose runs are driven, held, approved, guarded, erased, by one or two processes.

    python -m chaos.power.workload --root R --seed S --orders N [--role main|worker] [--control none]

It may be run on a folder that a power loss has left: then it goes on with what is there.

Rule 1. Nobody is told anything but through `Teller`, after the call that promises it has returned.
Rule 2. Part of it forces checkpoints, so that the database file itself is written and synced, and closes and opens the
        store, so that the WAL is removed and made again, once by a reader.
"""

import argparse
import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from chaos.power.controls import Control, EagerSink, remove_safeguard
from chaos.power.facts import Told
from chaos.power.shop import (
    AGENT,
    FINANCE,
    POLICY,
    Order,
    Till,
    Trait,
    approve_one,
    approve_open,
    home_below,
    make_orders,
    make_provider,
    make_release,
    make_tools,
    see_through,
    sink_below,
)
from chaos.power.telling import Teller, TellingStore
from dueprocess.engines import LocalEngine
from dueprocess.errors import Conflict
from dueprocess.examples.support_refunds.sink import Refund, Sink
from dueprocess.ledger import Reader
from dueprocess.runtime import TERMINAL, Loaded, Loop, Releases, Shell, introduce, queue_of, submit
from dueprocess.runtime.erase import erase
from dueprocess.runtime.tables import RUNS
from dueprocess.tool import Registry
from dueprocess.values import RunId, run_id
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.guard import guard
from dueprocess.wiring.home import Home, open_home

_CONCURRENCY: Final = 4
_LOOK_S: Final = 0.02
_MODES: Final = ("PASSIVE", "RESTART", "TRUNCATE")
_POLICY_FILE: Final = "policy.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """An open shop."""

    root: Path
    control: Control
    home: Home
    shell: Shell
    release: Loaded
    tools: Registry
    teller: Teller

    def engine(self) -> LocalEngine:
        """An engine for the shop's runs."""
        queues = frozenset({queue_of(AGENT, self.release.manifest.step_version)})
        return LocalEngine(self.shell, Releases(self.release), queues=queues, concurrency=_CONCURRENCY)


@contextmanager
def open_shop(root: Path, control: Control) -> Generator[Shop, None, None]:
    """Opens the shop below this folder, making what is missing."""
    teller = Teller()
    home = open_home(home_below(root), {})
    teller.tell(Told.OPENED, str(home.verifier))
    sink: Sink = Sink(sink_below(root))
    store = TellingStore(home.store, teller, lazy=control is Control.LAZY_COMMIT)
    if control is Control.NO_INTENT:
        sink = EagerSink(sink_below(root))
        store = TellingStore(home.store, teller, hook=sink.move_before)
    home = replace(home, store=store)

    def on_paid(paid: Refund) -> None:
        teller.tell(Told.PAID, paid.key, paid.order_id)

    tools = make_tools(Till(sink=sink, on_paid=on_paid, die=_end_worker))
    release = make_release(tools)
    loop = Loop()
    shell = Shell(store=store, clock=SystemClock(), loop=loop, tools=tools, provider=make_provider())
    try:
        yield Shop(root=root, control=control, home=home, shell=shell, release=release, tools=tools, teller=teller)
    finally:
        loop.close()
        store.close()


def main() -> None:
    """Works, as its arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--role", choices=("main", "worker"), default="main")
    parser.add_argument("--control", type=Control, default=Control.NONE)
    given = parser.parse_args()
    remove_safeguard(given.control)
    if given.role == "worker":
        with open_shop(given.root, given.control) as shop:
            shop.engine().run_worker(until_idle=True)
        return
    orders = make_orders(given.orders, seed=given.seed)
    half = len(orders) // 2
    random = Random(f"work {given.seed}")
    with open_shop(given.root, given.control) as shop:
        introduce(shop.shell, shop.release)
        _name(shop, "fay")
        _submit(shop, orders[:half])
    with open_shop(given.root, given.control) as shop:
        # A process that only drives: the first to touch the file is a reader, so that it is a reader who makes the WAL.
        driver = threading.Thread(target=shop.engine().run_worker, kwargs={"until_idle": True})
        driver.start()
        _attend(shop, random, is_busy=driver.is_alive)
    with open_shop(given.root, given.control) as shop:
        _submit(shop, orders[half:])
        worker = _start_worker(given)
        _name(shop, "ben")
        for order in orders:
            if order.trait is Trait.GUARDED:
                _call_guarded(shop, order)
        _attend(shop, random, is_busy=lambda: worker.poll() is None)
        _erase_denied(shop, orders)


def _name(shop: Shop, person: str) -> None:
    token = shop.home.identities.add(person, groups=("finance",))
    shop.teller.tell(Told.NAMED, token, f"user:{person}")


def _submit(shop: Shop, orders: tuple[Order, ...]) -> None:
    for order in orders:
        if order.trait is not Trait.GUARDED:
            with contextlib.suppress(Conflict):  # erased before the power was lost
                submit(shop.shell, shop.release, task=order.task)


def _attend(shop: Shop, random: Random, *, is_busy: Callable[[], bool]) -> None:
    with _checkpoints(shop, random):
        while is_busy():
            approve_open(shop.shell)
            # Somebody outside keeps the log's head: whatever is committed by now, synced or not, is told to them.
            shop.home.store.checkpoint()
            time.sleep(_LOOK_S)
        while _unfinished(shop):
            approve_open(shop.shell)
            shop.engine().run_worker(until_idle=True)


def _erase_denied(shop: Shop, orders: tuple[Order, ...]) -> None:
    for order in orders:
        if order.trait is Trait.DENIED:
            run = run_id(tenant=shop.shell.tenant, agent=AGENT, task_key=order.name)
            # A run that a former life of this folder erased already stays so.
            with contextlib.suppress(Conflict):
                erase(shop.shell, run, person=FINANCE, reason="the customer asked")


def _unfinished(shop: Shop) -> list[RunId]:
    def query(tx: Reader) -> list[RunId]:
        return [RunId(row.run) for row in tx.find(RUNS) if row.queue and row.status not in TERMINAL]

    return shop.home.store.read(query)


def _call_guarded(shop: Shop, order: Order) -> None:
    policy = shop.root.parent / _POLICY_FILE
    policy.write_text(POLICY)
    others = tuple(tool for name, tool in shop.tools.items() if name != "pay_once")
    # A run that has ended was dealt with before the power was lost.
    with (
        contextlib.suppress(Conflict),
        guard(
            shop.tools["pay_once"], policy=policy, store=shop.home, run=order.name, agent=AGENT, beside=others
        ) as pays,
    ):
        see_through(
            lambda: pays(order.name, order.amount),
            resume=pays.resume,
            approve=lambda action: approve_one(shop.shell, action),
            pause=lambda: time.sleep(1),
        )
        pays.finish()


@contextmanager
def _checkpoints(shop: Shop, random: Random) -> Generator[None, None, None]:
    done = threading.Event()
    beside = threading.Thread(target=_checkpoint_until, args=(shop, done, random), daemon=True)
    beside.start()
    try:
        yield
    finally:
        done.set()
        beside.join()


def _checkpoint_until(shop: Shop, done: threading.Event, random: Random) -> None:
    connection = sqlite3.connect(home_below(shop.root) / "ledger.db", isolation_level=None, timeout=5)
    if shop.control is Control.NO_FSYNC:
        connection.execute("PRAGMA synchronous = OFF")
    while not done.wait(random.uniform(0.05, 0.3)):
        # A writer that is in the middle of its work is no error: it is tried again.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute(f"PRAGMA wal_checkpoint({random.choice(_MODES)})")
    connection.close()


def _start_worker(given: argparse.Namespace) -> "subprocess.Popen[bytes]":
    command: list[str] = [sys.executable, "-m", "chaos.power.workload", "--role", "worker"]
    command += ["--root", str(given.root), "--seed", str(given.seed), "--orders", str(given.orders)]
    return subprocess.Popen([*command, "--control", given.control.value])


def _end_worker() -> None:
    # Only a worker is one of several; the main process goes on with what it left behind.
    if "worker" in sys.argv:
        os._exit(0)


if __name__ == "__main__":
    main()
