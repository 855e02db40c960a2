"""`due actions`: actions whose outcome nobody but a person can tell, and the person's word. What follows is the run's."""

from pathlib import Path
from typing import Final

import click

from dueprocess.cli import options
from dueprocess.cli.commands import command as due
from dueprocess.cli.output import print_json, print_table, tell
from dueprocess.cli.person import person
from dueprocess.errors import NotFound
from dueprocess.gate import ActionState, Outcome
from dueprocess.ledger import Reader
from dueprocess.runtime import TERMINAL, settle
from dueprocess.runtime.journal import is_own, run_row
from dueprocess.runtime.tables import ACTIONS, ActionRow
from dueprocess.values import Instant, rfc3339
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import access

_OPEN: Final = (ActionState.UNSETTLED, ActionState.UNKNOWN, ActionState.DISPATCHED)


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """Settle actions whose outcome only a person can tell."""


@command.command(name="list", short_help="List actions whose outcome is not known.")
@options.folder
@options.as_json
def list_open(*, directory: Path, as_json: bool) -> None:
    """List actions whose outcome is not known: unsettled (a person must tell), unknown (the sink is asked), dispatched."""
    with access(directory) as here:
        rows = here.home.store.read(lambda tx: _open(tx, here.tenant))
    if as_json:
        print_json(
            {
                "actions": [
                    {
                        "action": row.action,
                        "run": row.run,
                        "tool": row.tool,
                        "state": row.state,
                        "attempt": row.attempt,
                        "sink_key": row.sink_key,
                        "at": rfc3339(Instant(row.at)),
                    }
                    for row in rows
                ]
            }
        )
        return
    if not rows:
        tell("every outcome is known")
    print_table(
        [(row.action, row.state, visible(row.tool), row.run, row.sink_key) for row in rows],
        header=("ACTION", "STATE", "TOOL", "RUN", "KEY AT THE SINK"),
    )


@command.command(name="settle", short_help="Say what became of ACTION.")
@click.argument("action")
@click.option("--succeeded", "outcome", flag_value=Outcome.SUCCEEDED.value, help="It took effect.")
@click.option("--failed", "outcome", flag_value=Outcome.FAILED.value, help="It had no effect and will have none.")
@click.option("--note", default="", metavar="TEXT", help="How you know; it goes on the record.")
@options.token_file
@options.folder
@options.as_json
def settle_action(
    action: str, *, outcome: str | None, note: str, token_file: Path | None, directory: Path, as_json: bool
) -> None:
    """Say what became of ACTION, after looking at the sink under the key of its attempt. Needs a token."""
    if outcome is None:
        raise click.UsageError("say what became of it: --succeeded or --failed")
    with access(directory) as here:
        settle(here.shell, action, person=person(here, token_file), outcome=Outcome(outcome), note=note)
        run = here.home.store.read(lambda tx: _run_of(tx, action))
        row = here.home.store.read(lambda tx: run_row(tx, run))
    ended = row.status in TERMINAL
    go_on = "" if ended or not row.queue else due(directory, "run", "--resume", run)
    if as_json:
        print_json({"action": action, "run": run, "outcome": outcome, "next": [go_on] if go_on else []})
        return
    click.echo(f"{action} settled as {outcome}")
    if go_on:
        tell(f"its run goes on with: {go_on}")
    elif ended:
        tell(f"its run has ended: {due(directory, 'runs', 'show', run)}")
    else:
        tell(f"its program may open its run again; if none will: {due(directory, 'runs', 'cancel', run)}")


def _open(tx: Reader, tenant: str) -> list[ActionRow]:
    rows = [row for state in _OPEN for row in tx.find(ACTIONS, equal=(("state", state.value),))]
    return [row for row in rows if is_own(tx, row.run, tenant=tenant)]


def _run_of(tx: Reader, action: str) -> str:
    row = tx.get(ACTIONS, action)
    if row is None:
        raise NotFound(f"no action {action} here")
    return row.run
