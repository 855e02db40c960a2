"""`due run`: gives a task to an agent and drives its run, goes on with a run, or works on all that is due.

How a run is driven is the engine's.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from dueprocess.agent.records import TaskSubmitted
from dueprocess.cli import options
from dueprocess.cli.commands import command as due
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import foreign_lines, paint, print_json, tell
from dueprocess.cli.standing import exit_of, standing_json, standing_text
from dueprocess.errors import BadValue, DueProcessError
from dueprocess.ledger import Event
from dueprocess.runtime import Task, submit
from dueprocess.runtime.journal import own_run
from dueprocess.runtime.tables import POLICIES
from dueprocess.values import RunId, parse
from dueprocess.wiring.access import Access, access
from dueprocess.wiring.attend import attend
from dueprocess.wiring.build import Built, build
from dueprocess.wiring.plan_text import PLAN_MADE, plan_lines
from dueprocess.wiring.told import tell as retold
from dueprocess.wiring.wording import sentence

_QUIET = frozenset({"run.claimed", "model.asked", "run.suspended", "run.finished"})  # said better by what follows them
_MAX_WORD = 200  # an id, not a text
_MAX_TASK = 1 << 20  # characters; more is a document, for a tool to read


@click.command(context_settings=options.CONTEXT)
@click.argument("text", metavar="[TASK]", required=False)
@click.option("--agent", default="", metavar="NAME", help="Which agent; needed where the project has several.")
@click.option(
    "--on-behalf-of", default="", metavar="user:NAME", help="For whom. They may not approve what it leads to."
)
@click.option("--key", default="", metavar="KEY", help="The task's idempotency key: the same key is the same run.")
@click.option("--session", default="", metavar="ID", help="The requester's conversation, for limits per session.")
@click.option("--inputs", default="{}", metavar="JSON", help="An object that a workflow may refer to.")
@click.option("--scope", multiple=True, metavar="TOOL", help="A tool the task may need; once given, others are held.")
@click.option("--correlation", default="", metavar="ID", help="An id of your own, kept as it is.")
@click.option("--detach", is_flag=True, help="Print the run's id at once; a worker drives it.")
@click.option("--resume", metavar="RUN", help="Go on with a run: after an approval, an answer, a crash.")
@click.option("--work", is_flag=True, help="Drive whatever is due, until stopped (Ctrl-C).")
@click.option("--until-idle", is_flag=True, help="With --work: until nothing is due.")
@options.folder
@options.as_json
def command(
    text: str | None,
    *,
    agent: str,
    on_behalf_of: str,
    key: str,
    session: str,
    inputs: str,
    scope: tuple[str, ...],
    correlation: str,
    detach: bool,
    resume: str | None,
    work: bool,
    until_idle: bool,
    directory: Path,
    as_json: bool,
) -> int:
    """Give a task to an agent and drive its run until it has ended or rests; - reads the task from stdin.

    Ends with 0 if the run finished; 4 if it ended, an action of it was denied, and none of its writes took effect; 5 if
    it rests for a person; 1 otherwise.
    """
    if sum((text is not None, resume is not None, work)) != 1:
        raise click.UsageError("give one of: a task, --resume RUN, --work")
    if until_idle and not work:
        raise click.UsageError("--until-idle goes with --work")
    with access(directory) as here:
        built = build(here)
        _warn_of_policies(here, built)
        if work:
            return _work(built, directory, until_idle=until_idle)
        if resume is not None:
            seen = here.home.store.read(lambda tx: own_run(tx, resume, tenant=here.tenant)).seq
            return _drive(here, built, RunId(resume), after=seen, as_json=as_json)
        release = built.releases[built.project.agent(agent).name]
        task = Task(
            text=_task(_stdin() if text == "-" else text or ""),
            key=_word(key, "a key"),
            on_behalf_of=_requester(on_behalf_of),
            session=_word(session, "a session"),
            correlation=_word(correlation, "a correlation id"),
            inputs=_object(inputs),
            scope=scope or None,
        )
        run = submit(built.shell, release, task=task)
        _warn_of_key(here, run, task)
        if not detach:
            tell(f"{run}  agent {release.manifest.agent}, model {release.manifest.model}")
            return _drive(here, built, run, after=0, as_json=as_json)
        if as_json:
            print_json({"run": run, "status": "ready", "next": [due(directory, "run", "--resume", run)]})
        else:
            click.echo(run)
            tell(f"a worker drives it: {due(directory, 'run', '--work')}")
        return Exit.OK


def _drive(here: Access, built: Built, run: RunId, *, after: int, as_json: bool) -> int:
    def interrupted() -> None:
        signal.signal(signal.SIGINT, _leave)
        tell("interrupted: what is under way is finished; Ctrl-C again leaves it to the next driver")

    try:
        attend(built, run, on_event=_progress(here, run), on_interrupt=interrupted, after=after)
    except KeyboardInterrupt:
        tell(f"the run goes on with: {due(here.folder, 'run', '--resume', run)}")
        return Exit.INTERRUPTED
    told = here.home.store.read(lambda tx: retold(tx, run, tenant=here.tenant))
    if as_json:
        print_json(standing_json(here, told))
    elif told.story.status == "finished":
        click.echo(foreign_lines(told.story.outcome))
        tell(standing_text(here, told))
    else:
        click.echo(standing_text(here, told))
    return exit_of(told.story)


def _leave(number: int, frame: FrameType | None) -> None:
    # At once, with nothing closed, is as safe as a crash: the ledger knows what was under way.
    os._exit(Exit.INTERRUPTED)


def _progress(here: Access, run: RunId) -> Callable[[Event], None]:
    """Says events as they come. What is hidden is asked anew for each: a policy may have been published meanwhile."""

    def say(event: Event) -> None:
        if event.envelope.kind not in _QUIET:
            told = here.home.store.read(lambda tx: retold(tx, run, tenant=here.tenant))
            tell(f"  {paint(sentence(event, told.redaction), 'bright_black')}")
            for line in plan_lines(told.story.plan) if event.envelope.kind == PLAN_MADE else ():
                tell(f"    {line}")

    return say


def _work(built: Built, directory: Path, *, until_idle: bool) -> int:
    failures: list[DueProcessError] = []

    def failed(run: RunId, error: DueProcessError) -> None:
        failures.append(error)
        tell(f"run {run} cannot go on now: {error}")

    def stop(number: int, frame: FrameType | None) -> None:
        engine.stop()

    engine = built.engine(on_failure=failed)
    # A signal, not an exception: what is under way is finished, the rest stays due.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    if not until_idle:
        tell(f"working for {', '.join(sorted(built.releases))} in {directory}; Ctrl-C stops after what is under way")
    try:
        engine.run_worker(until_idle=until_idle)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Exit.ERROR if failures else Exit.OK


def _warn_of_policies(here: Access, built: Built) -> None:
    for name, release in built.releases.items():
        row = here.home.store.read(lambda tx, agent=name: tx.get(POLICIES, here.tenant, agent))
        if row is not None and row.digest != release.policy.digest:
            path = built.project.folder / built.project.agents[name].policy
            tell(
                f"note: {path} is not the policy in force for {name}, which {row.author} published; "
                f"to put it in force: {due(here.folder, 'policy', 'publish', str(path), '--agent', name)}"
            )


def _warn_of_key(here: Access, run: RunId, task: Task) -> None:
    first = here.home.store.read(lambda tx: next(iter(tx.events(run)))).record
    if isinstance(first, TaskSubmitted) and (first.text, first.on_behalf_of) != (task.text, task.on_behalf_of):
        tell(f"note: the key {task.key} is that of an earlier task, which is another one: its run is this")


def _stdin() -> str:
    # UTF-8 whatever the locale says; what is none keeps its place, for the message.
    return sys.stdin.buffer.read(4 * _MAX_TASK + 1).decode("utf-8", "surrogateescape")


def _task(text: str) -> str:
    if not text.strip():
        raise BadValue("the task is empty; expected what the agent is to do")
    if len(text) > _MAX_TASK:
        raise BadValue(f"the task has more than {_MAX_TASK} characters; give it as a document that a tool reads")
    return _whole(text, "the task")


def _object(text: str) -> str:
    if not isinstance(parse(text), dict):
        raise BadValue('--inputs is no JSON object; expected one such as {"order": "A1"}')
    return text


def _requester(text: str) -> str:
    kind, _, name = text.partition(":")
    if text and (kind != "user" or not name):
        raise BadValue(f"{text!a} is nobody to act for; expected user:NAME")
    return _word(text, "a requester")


def _word(text: str, what: str) -> str:
    if text and (not text.isprintable() or " " in text or len(text) > _MAX_WORD):
        raise BadValue(f"{text[:40]!a} is not {what}; expected at most {_MAX_WORD} visible characters without blanks")
    return _whole(text, what)


def _whole(text: str, what: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadValue(f"{what} is not UTF-8 at character {error.start}; expected whole Unicode text") from None
    return text
