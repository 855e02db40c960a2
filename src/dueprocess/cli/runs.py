"""`due runs`: lists runs, tells the story of one, cancels one, answers one that asks. What happens to them is the runtime's."""

from pathlib import Path
from typing import Final

import click

from dueprocess.agent.records import SubAgentEnded, SubAgentStarted
from dueprocess.cli import options
from dueprocess.cli.commands import command as due
from dueprocess.cli.output import foreign_lines, print_json, print_pairs, print_table, tell
from dueprocess.cli.person import person
from dueprocess.cli.standing import go_on, next_lines, program_word, then_text, told_status
from dueprocess.errors import NotAuthenticated
from dueprocess.ledger import Reader
from dueprocess.runtime import TERMINAL, RunStatus, answer, cancel
from dueprocess.runtime.tables import RUNS, RunRow
from dueprocess.values import Instant, Json, rfc3339
from dueprocess.values.foreign import quoted, visible
from dueprocess.wiring.access import Access, access
from dueprocess.wiring.plan_text import PLAN_MADE, plan_lines
from dueprocess.wiring.story_json import instant_json, story_json
from dueprocess.wiring.told import Told
from dueprocess.wiring.told import tell as retold
from dueprocess.wiring.wording import DIGEST_SHOWN, quoted_lines, sentence

_TASK_SHOWN: Final = 60
_TASK_TOLD: Final = 2000
_STATUSES: Final = sorted(status.value for status in RunStatus if status is not RunStatus.SYSTEM)


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """List runs, show what happened in one, cancel it, answer its question."""


@command.command(name="list")
@click.option("--agent", default="", metavar="NAME", help="Only runs of this agent.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only runs that stand so.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many, newest first."
)
@options.folder
@options.as_json
def list_runs(*, agent: str, status: str | None, limit: int, directory: Path, as_json: bool) -> None:
    """List runs, the newest first."""
    with access(directory) as here:
        rows, more = here.home.store.read(lambda tx: _rows(tx, here.tenant, agent, status, limit))
        told = [here.home.store.read(lambda tx, run=row.run: retold(tx, run, tenant=here.tenant)) for row in rows]
    if as_json:
        print_json({"runs": [_row_json(each) for each in told], "more": more})
        return
    if not told:
        tell(f"no runs; give an agent a task: {due(directory, 'run', 'TASK')}")
    table = [
        (
            each.row.run,
            told_status(each),
            each.row.agent or "-",
            rfc3339(each.story.submitted_at) if each.story.submitted_at else "-",
            quoted(" ".join(each.story.task.split()), limit=_TASK_SHOWN) if each.story.task else "-",
        )
        for each in told
    ]
    print_table(table, header=("RUN", "STATUS", "AGENT", "SUBMITTED", "TASK"))
    if more:
        tell(f"and {more} older; see them with --limit {limit + more}")


@command.command(short_help="Tell the story of RUN, event by event.")
@click.argument("run")
@options.folder
@options.as_json
def show(run: str, *, directory: Path, as_json: bool) -> None:
    """Tell the story of RUN: what was asked, proposed, decided, done and said, event by event."""
    with access(directory) as here:
        told = here.home.store.read(lambda tx: retold(tx, run, tenant=here.tenant))
        if as_json:
            print_json({"run": story_json(told.story)})
            return
        _print_story(here, told)


@command.command(name="cancel", short_help="Ask RUN to end.")
@click.argument("run")
@options.reason
@options.token_file
@options.folder
@options.as_json
def cancel_run(run: str, *, reason: str, token_file: Path | None, directory: Path, as_json: bool) -> None:
    """Ask RUN to end: no new action starts, what is under way is settled first."""
    with access(directory) as here:
        cancel(here.shell, run, by=_speaker(here, token_file), reason=reason)
        _asked(here, run, as_json=as_json, done="asked to end")


@command.command(name="answer")
@click.argument("run")
@click.argument("text")
@options.token_file
@options.folder
@options.as_json
def answer_run(run: str, text: str, *, token_file: Path | None, directory: Path, as_json: bool) -> None:
    """Answer the question that RUN asked its requester."""
    with access(directory) as here:
        answer(here.shell, run, text=text, by=_speaker(here, token_file))
        _asked(here, run, as_json=as_json, done="answered")


def _asked(here: Access, run: str, *, as_json: bool, done: str) -> None:
    told = here.home.store.read(lambda tx: retold(tx, run, tenant=here.tenant))
    ended, resume = told.row.status in TERMINAL, go_on(here, told)
    done = "has ended" if ended else done
    if as_json:
        print_json({"run": run, "done": done, "next": [resume] if resume else []})
        return
    click.echo(f"{run} {done}")
    if not ended:
        guarded = "it ends with the attempt that may be under way in its program"
        tell(then_text(here, told) if told.row.queue else guarded)


def _speaker(here: Access, token_file: Path | None) -> str:
    """Who speaks: the person behind a token where there is one, else whoever has this folder."""
    try:
        return person(here, token_file).id
    except NotAuthenticated:
        if token_file is not None:
            raise
        return "operator"


def _rows(tx: Reader, tenant: str, agent: str, status: str | None, limit: int) -> tuple[list[RunRow], int]:
    equal = tuple(
        (column, value) for column, value in (("tenant", tenant), ("agent", agent), ("status", status)) if value
    )
    found = [row for row in tx.find(RUNS, equal=equal) if row.status != RunStatus.SYSTEM.value]
    found.sort(key=lambda row: (-max(row.submitted_at, row.at if not row.submitted_at else 0), row.run))
    return found[:limit], max(0, len(found) - limit)


def _row_json(told: Told) -> dict[str, Json]:
    row = told.row
    return {
        "run": row.run,
        "agent": row.agent,
        "status": row.status,
        "program": program_word(told) or None,
        "submitted_at": instant_json(told.story.submitted_at),
        "last_at": instant_json(Instant(row.at)),
        "wake_at": instant_json(Instant(row.wake_at)),
        "task": told.story.task,
        "on_behalf_of": told.story.on_behalf_of,
        "release": row.release,
    }


def _print_story(here: Access, told: Told) -> None:
    story = told.story
    click.echo(f"{story.run}  {told_status(told)}")
    print_pairs(
        (
            ("task", "\n".join(quoted_lines(story.task, limit=_TASK_TOLD)) if story.task else ""),
            ("for", visible(story.on_behalf_of)),
            ("agent", f"{story.agent}, release {story.release[:DIGEST_SHOWN]}" if story.agent else ""),
            ("submitted", rfc3339(story.submitted_at) if story.submitted_at else ""),
            ("cost", f"model {story.model_cost} USD, fees {story.fees} USD" if story.agent else ""),
            ("crashes", f"{story.crashes} (a driver died, another went on)" if story.crashes else ""),
        )
    )
    start = told.events[0].envelope.at if told.events else 0
    width = len(str(told.events[-1].envelope.seq)) if told.events else 1
    inside = ""
    for event in told.events:
        inside = "" if isinstance(event.record, SubAgentEnded) else inside
        after = f"+{(event.envelope.at - start) / 1_000_000:.3f}s"
        click.echo(f"  {event.envelope.seq:>{width}}  {after:>10}  {inside}{sentence(event, told.redaction)}")
        for line in plan_lines(story.plan) if event.envelope.kind == PLAN_MADE else ():
            click.echo(f"  {'':>{width}}  {'':>10}    {line}")
        inside = "  " if isinstance(event.record, SubAgentStarted) else inside  # what its sub-agent does stands below
    if story.status == RunStatus.FINISHED.value:
        click.echo("result:")
        click.echo(foreign_lines(story.outcome, indent="  "))
    for line in next_lines(here, told):
        click.echo(line)
