"""The kill switch: stops one tool, one agent or all, across processes, at the next decision. Lifting needs another person."""

from dueprocess.errors import BadValue, Conflict, NotAllowed
from dueprocess.ledger import Draft, Transaction
from dueprocess.runtime.answers import Person
from dueprocess.runtime.shell import Shell
from dueprocess.runtime.system import StopLifted, StopOrdered, system_run
from dueprocess.runtime.tables import STOPS


def order(shell: Shell, target: str, *, person: Person, reason: str = "") -> None:
    """Stops a target: `all`, `agent:NAME` or `tool:NAME`. Nothing it covers is dispatched from this commit on.

    Raises:
        Conflict: it is stopped already. BadValue: it is no target, so that nothing would be stopped.
    """
    kind, _, name = target.partition(":")
    if target != "all" and (kind not in {"agent", "tool"} or not name):
        raise BadValue(f"{target!a} is nothing that can be stopped; expected all, agent:NAME or tool:NAME")

    def unit(tx: Transaction) -> None:
        if tx.get(STOPS, shell.tenant, target) is not None:
            raise Conflict(f"{target} is stopped already")
        _say(tx, shell, StopOrdered(target=target, by=person.id, how=person.how, reason=reason))

    shell.store.open_run(system_run(shell.tenant))
    shell.store.write(unit)


def lift(shell: Shell, target: str, *, person: Person, reason: str = "") -> None:
    """Lifts a stop. What rested because of it goes on.

    Raises:
        Conflict: it is not stopped. NotAllowed: the person who ordered the stop may not lift it.
    """

    def unit(tx: Transaction) -> None:
        row = tx.get(STOPS, shell.tenant, target)
        if row is None:
            raise Conflict(f"{target} is not stopped; `due stop --list` shows what is")
        if row.by == person.id:
            raise NotAllowed(f"{person.id} ordered the stop of {target}; another person must lift it")
        _say(tx, shell, StopLifted(target=target, by=person.id, how=person.how, reason=reason))

    shell.store.open_run(system_run(shell.tenant))
    shell.store.write(unit)


def _say(tx: Transaction, shell: Shell, record: StopOrdered | StopLifted) -> None:
    draft = Draft(
        run=system_run(shell.tenant),
        tenant=shell.tenant,
        record=record,
        at=shell.clock.now(),
        release="",
        policy="",
    )
    tx.append(draft)
