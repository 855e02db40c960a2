"""Taking an effect back: a new action, asked for by a person, decided like any other, linked to the one it takes back.

Rule 1. It stands in a run of its own, of the same agent, whose task key is derived from the action: whoever asks again goes
        on with it, and two who ask at once are one after the other by its epoch.
Rule 2. Another run is begun only where every earlier one surely had no effect. One whose end is not known, or was erased, is
        in the way (I4).
Rule 3. The person who asks is the requester, who may not approve it (I5). The agent's own model cannot ask.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.agent.records import TaskSubmitted
from dueprocess.errors import Conflict, LeaseLost, NotFound
from dueprocess.gate import ActionDispatched, ActionSettled, ActionState
from dueprocess.ledger import Event, Reader
from dueprocess.runtime import resumption
from dueprocess.runtime.governed import Governed
from dueprocess.runtime.journal import is_own, run_row
from dueprocess.runtime.performed import HeldCall, Performed, UnknownCall
from dueprocess.runtime.releases import loaded
from dueprocess.runtime.shell import Loaded, Shell
from dueprocess.runtime.status import TERMINAL, RunStatus
from dueprocess.runtime.submit import Task, introduce, submit
from dueprocess.runtime.tables import ACTIONS, RUNS, ActionRow, RunRow
from dueprocess.tool import Done, Effect
from dueprocess.tool.compensation import compensation_of
from dueprocess.values import ActionId, AttemptKey, RunId, parse, run_id

_KEY: Final = "compensate "
_NO_EFFECT: Final = frozenset(
    {
        ActionState.DENIED.value,
        ActionState.FAILED.value,
        ActionState.EXPIRED.value,
        ActionState.CANCELLED.value,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What came of asking for it: the run it stands in, and where its action is."""

    run: RunId
    performed: Performed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """What is to be taken back."""

    agent: str
    tool: str
    arguments: str
    done: Done


def compensate(shell: Shell, releases: Mapping[str, Loaded], action: str, *, on_behalf_of: str) -> TakenBack:
    """Asks that the effect of an action is taken back, or goes on with what was asked for before.

    `releases`: the present ones, by agent; `on_behalf_of`: `user:NAME`, who asks. The policy in force for the agent decides
    it as a call of `TOOL.compensate` with the arguments of the action.

    Raises:
        NotFound: no such action, or its tool or agent is not here. ToolInvalid: the tool has no compensate.
        Conflict: the action had no effect that is known and whole, or what came of an earlier taking back was erased.
        As `Governed`.
    """
    effect = shell.store.read(lambda tx: _effect(tx, action, tenant=shell.tenant))
    tool, release = shell.tools.get(effect.tool), releases.get(effect.agent)
    if tool is None or release is None:
        raise NotFound(
            f"action {action} is of agent {effect.agent} and tool {effect.tool}; expected a project with both"
        )
    taking = compensation_of(tool, effect.done)
    release = loaded(replace(release.manifest, tools=(*release.manifest.tools, taking.spec)))
    shell = replace(shell, tools={**shell.tools, taking.name: taking})
    introduce(shell, release)
    key, known = shell.store.read(lambda tx: _place(tx, action, agent=effect.agent, tenant=shell.tenant))
    if known is not None:
        return known
    task = Task(text=f"take back {effect.tool} {action}", key=key, on_behalf_of=on_behalf_of, correlation=action)
    run = submit(shell, release, task=task, queue="")
    governed = Governed(shell, release, run)
    begun = shell.store.read(lambda tx: _begun(tx, run, action))
    performed = governed.resume(begun) if begun else governed.call(taking.name, effect.arguments)
    # An attempt may be under way, or somebody else has asked meanwhile: they, or whoever asks again, go on with it.
    with suppress(Conflict, LeaseLost):
        if isinstance(performed, (HeldCall, UnknownCall)) and not _is_over(shell, performed.action):
            governed.rest()
        else:
            governed.close()
    return TakenBack(run=run, performed=performed)


def takes_back(events: Sequence[Event]) -> str:
    """The action that a run takes back; empty for any other run."""
    match events[0].record if events else None:
        case TaskSubmitted(queue="", key=key, correlation=action) if key.startswith(f"{_KEY}{action} "):
            return action
        case _:
            return ""


def compensations(tx: Reader, action: str, *, agent: str, tenant: str) -> list[tuple[RunId, str]]:
    """The runs in which an action was, or is, to be taken back, each with the state of that; in order."""
    found: list[tuple[RunId, str]] = []
    while (row := tx.get(RUNS, _run_of(action, len(found) + 1, agent=agent, tenant=tenant))) is not None:
        found.append((RunId(row.run), _state(tx, row)))
    return found


def _place(tx: Reader, action: str, *, agent: str, tenant: str) -> tuple[str, TakenBack | None]:
    """The task key under which it is asked for now; or what came of it, where nothing is left to do (rule 2)."""
    before = compensations(tx, action, agent=agent, tenant=tenant)
    if not before:
        return _key(action, 1), None
    run, state = before[-1]
    row, last = run_row(tx, run), _last(tx, run)
    if row.status == RunStatus.ERASED.value:
        raise Conflict(f"what came of taking {action} back in run {run} was erased; it is not done again")
    # An open run is gone on with, also where its action failed: whoever has it may be trying again.
    if row.status not in TERMINAL:
        return _key(action, len(before)), None
    if last is None or state in _NO_EFFECT:
        return _key(action, len(before) + 1), None
    stands = resumption.standing(tx.lineage(last.action), ActionId(last.action), ActionState(state))
    return "", TakenBack(run=run, performed=stands)


def _effect(tx: Reader, action: str, *, tenant: str) -> _Effect:
    row = tx.get(ACTIONS, action)
    if row is None or not is_own(tx, row.run, tenant=tenant):
        raise NotFound(f"no action {action} here; `due runs show RUN` names those of a run")
    if row.state != ActionState.SUCCEEDED.value:
        raise Conflict(f"action {action} is {row.state}; only what succeeded can be taken back")
    events = tx.lineage(action)
    done = next((e for e in reversed(events) if isinstance(e.record, ActionSettled)), None)
    made = [e.record for e in events if isinstance(e.record, ActionDispatched)]
    if done is None or not made:
        raise Conflict(f"the run of action {action} was erased: what it did is not known any more")
    if made[-1].effect != Effect.WRITE.value:
        raise Conflict(f"action {action} is a read: there is nothing to take back")
    result = done.record.result if isinstance(done.record, ActionSettled) else ""
    return _Effect(
        agent=run_row(tx, row.run).agent,
        tool=row.tool,
        arguments=made[-1].call.arguments,
        done=Done(action=ActionId(action), key=AttemptKey(made[-1].sink_key), result=parse(result) if result else None),
    )


def _key(action: str, number: int) -> str:
    return f"{_KEY}{action} {number}"


def _run_of(action: str, number: int, *, agent: str, tenant: str) -> RunId:
    return run_id(tenant=tenant, agent=agent, task_key=_key(action, number))


def _state(tx: Reader, row: RunRow) -> str:
    if row.status == RunStatus.ERASED.value:
        return row.status
    last = _last(tx, row.run)
    return last.state if last is not None else ""


def _last(tx: Reader, run: str) -> ActionRow | None:
    rows = tx.find(ACTIONS, equal=(("run", run),))
    return max(rows, key=lambda row: (row.state != ActionState.SUPERSEDED.value, row.at), default=None)


def _begun(tx: Reader, run: RunId, action: str) -> str:
    events = tx.events(run)
    if takes_back(events) != action:
        raise Conflict(f"run {run} was submitted under the task key of taking {action} back, and is another task")
    return next((event.envelope.action for event in events if event.envelope.action), "")


def _is_over(shell: Shell, action: str) -> bool:
    row = shell.store.read(lambda tx: tx.get(ACTIONS, action))
    return row is not None and row.state == ActionState.UNSETTLED.value
