"""Taking a task: one run per task key, durable before anybody is told. Also the words of a requester to a run: answers and cancels."""

import secrets
from dataclasses import dataclass

from dueprocess.agent.records import CancelRequested, ClarificationGiven, TaskSubmitted
from dueprocess.errors import BadValue, Conflict
from dueprocess.ledger import Draft, Transaction
from dueprocess.runtime import left_behind
from dueprocess.runtime.journal import Item, message, own_run
from dueprocess.runtime.policies import publish, register
from dueprocess.runtime.shell import Loaded, Shell
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.system import UNKNOWN_AUTHOR, system_run
from dueprocess.runtime.tables import POLICIES, RUNS
from dueprocess.values import RunId, canonical, parse, run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked. The same `key` of the same agent is the same task; without one each submission is its own.

    `inputs`: a JSON object that a workflow may refer to. `correlation`: an id of the caller's, kept as it is. `scope`: the
    tools it may need, planned before anything untrusted was read; a call outside it is held once something was.
    """

    text: str
    key: str = ""
    on_behalf_of: str = ""
    session: str = ""
    correlation: str = ""
    inputs: str = "{}"
    scope: tuple[str, ...] | None = None


def queue_of(agent: str, step_version: int) -> str:
    """The queue of a run: only drivers that fold as its events were written take it."""
    return f"{agent}/{step_version}"


def introduce(shell: Shell, loaded: Loaded) -> None:
    """Makes a release known. Its policy comes into force, author `unknown`, unless a person has published one for the agent."""
    manifest, digest = loaded.manifest, loaded.digest
    shell.store.open_run(system_run(shell.tenant))

    def unit(tx: Transaction) -> None:
        now = shell.clock.now()
        current = tx.get(POLICIES, shell.tenant, manifest.agent)
        if current is None or (current.author == UNKNOWN_AUTHOR and current.digest != manifest.policy_digest):
            publish(
                tx,
                tenant=shell.tenant,
                agent=manifest.agent,
                digest=manifest.policy_digest,
                text=manifest.policy,
                author=UNKNOWN_AUTHOR,
                how="loaded from a file that nobody published",
                now=now,
            )
        register(
            tx,
            tenant=shell.tenant,
            agent=manifest.agent,
            digest=digest,
            manifest=manifest.to_text(),
            policy=manifest.policy_digest,
            now=now,
        )

    shell.store.write(unit)


def submit(shell: Shell, loaded: Loaded, *, task: Task, queue: str | None = None) -> RunId:
    """Takes a task and returns the id of its run, which is durable; the same key again returns the same run.

    Raises:
        BadValue: `inputs` is not JSON, `on_behalf_of` is not `user:NAME`, or `scope` names an unknown tool.
        Conflict: the run of this key was erased.
    """
    _refuse_nobody(task.on_behalf_of)
    key = task.key or secrets.token_hex(16)
    run = run_id(tenant=shell.tenant, agent=loaded.manifest.agent, task_key=key)
    record = TaskSubmitted(
        text=task.text,
        key=key,
        agent=loaded.manifest.agent,
        principal=loaded.manifest.principal,
        on_behalf_of=task.on_behalf_of,
        session=task.session,
        correlation=task.correlation,
        inputs=canonical(parse(task.inputs)),
        queue=queue_of(loaded.manifest.agent, loaded.manifest.step_version) if queue is None else queue,
        scope=_scope(task, loaded),
    )
    shell.store.open_run(run)

    def unit(tx: Transaction) -> None:
        row = tx.get(RUNS, run)
        if row is not None and row.status == RunStatus.ERASED.value:
            raise Conflict(f"the run of this task, {run}, was erased; expected a new task key")
        if row is None:
            draft = Draft(
                run=run,
                tenant=shell.tenant,
                record=record,
                at=shell.clock.now(),
                release=loaded.digest,
                policy=loaded.policy.digest,
            )
            tx.append(draft)

    shell.store.write(unit)
    return run


def _scope(task: Task, loaded: Loaded) -> tuple[str, ...] | None:
    if task.scope is None:
        return None
    unknown = [name for name in task.scope if name not in loaded.config.tools]
    if unknown:
        known = ", ".join(sorted(loaded.config.tools)) or "none"
        raise BadValue(f"the scope names the unknown tool {unknown[0]!a}; expected some of {known}")
    return tuple(sorted(set(task.scope)))


def _refuse_nobody(on_behalf_of: str) -> None:
    # INVARIANT I5: a requester of another form than an approver's would not be known as the same person.
    kind, _, name = on_behalf_of.partition(":")
    if on_behalf_of and (kind != "user" or not name or name != name.strip() or not name.isprintable()):
        raise BadValue(f"{on_behalf_of!a} is nobody to act for; expected user:NAME")


def answer(shell: Shell, run: str, *, text: str, by: str) -> None:
    """Gives the requester's answer to a run that asked for clarification.

    Raises:
        NotFound: no such run. Conflict: it waits for no answer.
    """

    def unit(tx: Transaction) -> None:
        row = own_run(tx, run, tenant=shell.tenant)
        if row.status != RunStatus.CLARIFICATION.value:
            raise Conflict(f"run {run} is {row.status}; expected one that waits for a clarification")
        message(
            tx, run, [Item(record=ClarificationGiven(text=text, by=by))], tenant=shell.tenant, now=shell.clock.now()
        )

    shell.store.write(unit)


def cancel(shell: Shell, run: str, *, by: str, reason: str = "") -> None:
    """Asks a run to end: no new action starts, what is under way is settled first.

    A guarded run ends at once, or with the attempt that is under way in its program.

    Raises:
        NotFound: no such run. Conflict: it has ended.
    """
    item = Item(record=CancelRequested(by=by, reason=reason))

    def unit(tx: Transaction) -> None:
        now = shell.clock.now()
        message(tx, run, [item], tenant=shell.tenant, now=now)
        row = own_run(tx, run, tenant=shell.tenant)
        if not row.queue:
            left_behind.end(tx, row, reason=f"cancelled by {by}" + (f": {reason}" if reason else ""), now=now)

    shell.store.write(unit)
