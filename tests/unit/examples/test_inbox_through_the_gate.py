"""The whole inbox through the real gate: each behaviour ends as it should, and the payments file agrees."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dueprocess.engines.local import LocalEngine
from dueprocess.examples.support_refunds import (
    AGENT,
    CAP,
    PROMPT,
    REQUESTER,
    RUNS_UP_TO,
    Behaviour,
    Inbox,
    Processor,
    Shop,
    Sink,
    make_inbox,
    policy_text,
    support_script,
    support_tools,
)
from dueprocess.model import Price
from dueprocess.providers import Scripted
from dueprocess.release import Manifest
from dueprocess.runtime import Loop, Releases, Shell, Task, introduce, loaded, queue_of, submit
from dueprocess.runtime.tables import RUNS
from dueprocess.values import usd
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import open_home

pytestmark = pytest.mark.slow


def work_through(inbox: Inbox, folder: Path, *, die: Callable[[], None]) -> dict[str, str]:
    """Submits all tickets, drives until nothing is due, and returns how each stands."""
    folder.mkdir(parents=True, exist_ok=True)
    processor = Processor(Sink(folder / "payments.jsonl"), inbox.faults, die=die)
    tools = support_tools(Shop(folder / "shop.sqlite", inbox.stock), processor)
    manifest = Manifest(
        agent=AGENT,
        prompt=PROMPT,
        model="scripted",
        max_output_tokens=1024,
        tools=tuple(tools.specs().values()),
        policy=policy_text(),
    )
    release = loaded(manifest)
    home, loop = open_home(folder, {}), Loop()
    provider = Scripted(support_script(inbox), price=Price(input=usd("0.15"), output=usd("0.60")))
    shell = Shell(store=home.store, clock=SystemClock(), loop=loop, tools=tools, provider=provider)
    try:
        introduce(shell, release)
        runs = {
            ticket.id: submit(
                shell, release, task=Task(text=ticket.task, key=ticket.id, on_behalf_of=f"user:{REQUESTER}")
            )
            for ticket in inbox.tickets
        }
        queues = frozenset({queue_of(AGENT, manifest.step_version)})
        LocalEngine(shell, Releases(release), queues=queues).run_worker(until_idle=True)
        rows = home.store.read(lambda tx: {ticket: tx.get(RUNS, run) for ticket, run in runs.items()})
        return {ticket: row.status for ticket, row in rows.items() if row is not None}
    finally:
        loop.close()
        home.store.close()


def expected(inbox: Inbox) -> dict[str, str]:
    found: dict[str, str] = {}
    for ticket in inbox.tickets:
        match ticket.behaviour:
            case Behaviour.REFUND_ABOVE:
                found[ticket.id] = "held" if ticket.amount is not None and ticket.amount <= CAP else "handed_off"
            case Behaviour.CONTRADICTING | Behaviour.NEVER_ANSWERS | Behaviour.LOOPING_MODEL:
                found[ticket.id] = "handed_off"
            case _:
                found[ticket.id] = "finished"
    return found


def expected_refunds(inbox: Inbox) -> Counter[tuple[str, int]]:
    paid = {
        (ticket.order.id, ticket.amount.micros)
        for ticket in inbox.tickets
        if ticket.amount is not None and ticket.amount <= RUNS_UP_TO and ticket.behaviour is not Behaviour.NEVER_ANSWERS
    }
    return Counter(paid)


def taken(folder: Path) -> Counter[tuple[str, int]]:
    return Counter((refund.order_id, refund.amount.micros) for refund in Sink(folder / "payments.jsonl").refunds())


def test_each_ticket_ends_as_its_behaviour_says_and_each_refund_is_paid_once(tmp_path: Path):
    inbox = make_inbox(4)
    assert work_through(inbox, tmp_path, die=lambda: None) == expected(inbox)
    assert taken(tmp_path) == expected_refunds(inbox)


_WORKER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_inbox_through_the_gate import make_inbox, work_through
work_through(make_inbox(5), Path(sys.argv[2]), die=lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_worker_killed_after_taking_the_money_is_followed_by_one_that_pays_nothing_again(tmp_path: Path):
    worker = subprocess.run(
        [sys.executable, "-c", _WORKER, os.fspath(Path(__file__).parent), os.fspath(tmp_path)], check=False
    )
    assert worker.returncode == -signal.SIGKILL
    inbox = make_inbox(5)
    assert work_through(inbox, tmp_path, die=lambda: pytest.fail("the first request was made again")) == expected(inbox)
    assert taken(tmp_path) == expected_refunds(inbox)
