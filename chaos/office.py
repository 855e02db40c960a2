"""The other processes of a round: a program that guards its own calls, and an office that commands. What workers do is in `agents`.

Rule 1. Whoever was killed in the middle begins again: what was not told is done again, and may have been done already.
Rule 2. What a command is for is told only after it has returned: it must be there whatever dies next.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from chaos.agents import LOOK_S, Job, Office, is_at_rest, opened, run_of
from chaos.orders import AGENT, FINANCE, Trait, policy_text
from chaos.points import Point
from dueprocess.errors import Conflict, LeaseLost
from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.gate import ActionState, Outcome
from dueprocess.ledger import Reader, Transaction
from dueprocess.policy import load
from dueprocess.runtime import (
    TERMINAL,
    FailedCall,
    Governed,
    HeldCall,
    Performed,
    Person,
    UnknownCall,
    cancel,
    introduce,
    publish,
    settle,
    submit,
)
from dueprocess.runtime.erase import erase
from dueprocess.runtime.stops import lift
from dueprocess.runtime.stops import order as stop
from dueprocess.runtime.system import system_run
from dueprocess.runtime.tables import ACTIONS, RUNS, ActionRow
from dueprocess.values import RunId

_SUE: Final = Person(id="user:sue", how="the campaign")
_LEE: Final = Person(id="user:lee", how="the campaign")
_PAT: Final = Person(id="user:pat", how="the campaign")
_STOPPED_S: Final = (0.05, 0.4)
_LOOKS_INTO_S: Final = 1.5  # after the longest attempt: a person who looks sooner might miss what is still on its way
_PATIENCE_S: Final = 30.0

Command = tuple[str, str, Callable[[], None]]
"""The kind of the event that a command leaves, what it is about, and the command."""


def call_guarded(job: Job) -> None:
    """Makes the guarded call of each such order, and makes it again and again until there is an end."""
    with opened(job, point=Point.GUARDING) as office, contextlib.suppress(LeaseLost):
        introduce(office.shell, office.release)
        for order in job.orders:
            if order.trait is not Trait.GUARDED:
                continue
            run = submit(office.shell, office.release, task=order.task, queue="")
            job.notes.write("submitted", order=order.name, run=run)
            with contextlib.suppress(Conflict):  # it has ended already
                governed = Governed(office.shell, office.release, run)
                _see_through(governed, {"order_id": order.name, "amount_usd": order.amount})
                governed.close()


def command(job: Job) -> None:
    """Stops and lifts, publishes, cancels, settles and erases, until all runs have come to rest."""
    with opened(job, point=Point.COMMANDING) as office:
        introduce(office.shell, office.release)
        told = {said["number"] for said in job.notes.of("commanded")}
        for number, (kind, about, run) in enumerate(_commands(office)):
            if number not in told:
                with contextlib.suppress(Conflict):  # done before its process died
                    run()
                job.notes.write("commanded", number=number, event=kind, about=about)
        job.notes.write("office-done")
        seen: dict[str, float] = {}
        while not is_at_rest(office.shell, job):
            _settle(office, seen)
            time.sleep(LOOK_S)


def _see_through(governed: Governed, arguments: dict[str, str]) -> None:
    answer: Performed = governed.call("refund_once", arguments)
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        match answer:
            case HeldCall(original=str() as original) if original:
                answer = governed.resume(original)
            case HeldCall() | UnknownCall() | FailedCall():
                answer = governed.resume(answer.action)
            case _:
                return
        time.sleep(LOOK_S)


def _commands(office: Office) -> Iterator[Command]:
    # Lazily: what a command is about may have to come first.
    job, shell = office.job, office.shell
    random = Random(f"office {job.seed}")
    unanswered, denied = (
        run_of(shell, next(order for order in job.orders if order.trait is trait))
        for trait in (Trait.UNANSWERED, Trait.DENIED)
    )
    # A stopped tool is refused and the model goes on without it: one that pays nothing, so that all payments are made.
    for target in (f"agent:{AGENT}", "tool:get_order", "all"):
        time.sleep(random.uniform(*_STOPPED_S))
        yield "stop.ordered", target, lambda target=target: stop(shell, target, person=_SUE)
        time.sleep(random.uniform(*_STOPPED_S))
        yield "stop.lifted", target, lambda target=target: lift(shell, target, person=_LEE)
    text = policy_text(shell.tools, timeout_s=job.timeout_s) + f"# of round {job.seed}\n"
    yield "policy.published", AGENT, lambda: _publish(office, text)
    _wait_for(office, unanswered, frozenset({"held"}) | TERMINAL)
    yield "run.cancel_requested", unanswered, lambda: cancel(shell, unanswered, by="user:ann")
    _wait_for(office, denied, TERMINAL)
    yield "run.erased", denied, lambda: erase(shell, denied, person=FINANCE, reason="the customer asked")


def _publish(office: Office, text: str) -> None:
    shell = office.shell
    digest = load(text.encode(), name="policy", tools=office.release.config.tools).digest

    def unit(tx: Transaction) -> None:
        publish(
            tx,
            tenant=shell.tenant,
            agent=AGENT,
            digest=digest,
            text=text,
            author=_PAT.id,
            how="",
            now=shell.clock.now(),
        )

    shell.store.open_run(system_run(shell.tenant))
    shell.store.write(unit)


def _wait_for(office: Office, run: RunId, statuses: frozenset[str]) -> None:
    def query(tx: Reader) -> bool:
        row = tx.get(RUNS, run)
        return row is not None and row.status in statuses

    until = time.monotonic() + _PATIENCE_S
    while not office.shell.store.read(query) and time.monotonic() < until:
        time.sleep(LOOK_S)


def _settle(office: Office, seen: dict[str, float]) -> None:
    def query(tx: Reader) -> list[ActionRow]:
        return tx.find(ACTIONS, equal=(("state", ActionState.UNSETTLED.value),))

    for row in office.shell.store.read(query):
        if time.monotonic() < seen.setdefault(row.action, time.monotonic()) + _LOOKS_INTO_S:
            continue
        is_paid = any(refund.key == row.sink_key for refund in Sink(office.job.sink).refunds())
        outcome = Outcome.SUCCEEDED if is_paid else Outcome.FAILED
        with contextlib.suppress(Conflict):
            settle(office.shell, row.action, person=FINANCE, outcome=outcome, note="as the payments file says")
            office.job.notes.write("settled", action=row.action)
