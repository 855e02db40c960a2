"""`due actions`: what only a person does to actions: tells an outcome that nobody else can, takes an effect back."""

from pathlib import Path
from typing import Final

import click

from dueprocess.cli import options
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import print_json, print_table, tell
from dueprocess.cli.person import person
from dueprocess.cli.standing import go_on, standing_json, standing_text, then_text
from dueprocess.errors import NotFound
from dueprocess.gate import ActionState, Outcome
from dueprocess.ledger import Reader
from dueprocess.runtime import (
    DeniedCall,
    FailedCall,
    HeldCall,
    Performed,
    ReusedCall,
    SucceededCall,
    UnknownCall,
    settle,
)
from dueprocess.runtime.compensate import compensate
from dueprocess.runtime.journal import is_own
from dueprocess.runtime.tables import ACTIONS, ActionRow
from dueprocess.values import Instant, Json, rfc3339
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import access
from dueprocess.wiring.build import build
from dueprocess.wiring.told import tell as retold
from dueprocess.wiring.wording import LONG

_OPEN: Final = (ActionState.UNSETTLED, ActionState.UNKNOWN, ActionState.DISPATCHED)


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """Settle actions whose outcome only a person can tell; take back what was done."""


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
@click.option("--succeeded", is_flag=True, help="It took effect.")
@click.option("--failed", is_flag=True, help="It had no effect and will have none.")
@click.option("--note", default="", metavar="TEXT", help="How you know; it goes on the record.")
@options.token_file
@options.folder
@options.as_json
def settle_action(
    action: str, *, succeeded: bool, failed: bool, note: str, token_file: Path | None, directory: Path, as_json: bool
) -> None:
    """Say what became of ACTION, after looking at the sink under the key of its attempt. Needs a token."""
    if succeeded == failed:
        raise click.UsageError("say what became of it: --succeeded or --failed")
    outcome = Outcome.SUCCEEDED if succeeded else Outcome.FAILED
    with access(directory) as here:
        settle(here.shell, action, person=person(here, token_file), outcome=outcome, note=note)
        told = here.home.store.read(lambda tx: retold(tx, _run_of(tx, action), tenant=here.tenant))
        resume, then = go_on(here, told), then_text(here, told)
    if as_json:
        following: list[Json] = [resume] if resume else []
        print_json({"action": action, "run": told.row.run, "outcome": outcome.value, "next": following})
        return
    click.echo(f"{action} settled as {outcome.value}")
    tell(then)


@command.command(name="compensate", short_help="Take back the effect of ACTION.")
@click.argument("action")
@options.token_file
@options.folder
@options.as_json
def compensate_action(action: str, *, token_file: Path | None, directory: Path, as_json: bool) -> int:
    """Take back the effect of ACTION with the function that its tool gives as `compensate`. Needs a token.

    It is a new action, decided under the policy's entry TOOL.compensate on the arguments of ACTION, for you: whoever asks
    may not approve. Asking again goes on with it; what was taken back is not taken back twice.

    Ends with 0 if it is taken back, 4 if it was denied, 5 if it waits for a person, 1 otherwise.
    """
    with access(directory) as here:
        who = person(here, token_file)
        built = build(here)
        taken = compensate(built.shell, built.releases, action, on_behalf_of=who.id)
        told = here.home.store.read(lambda tx: retold(tx, taken.run, tenant=here.tenant))
        code, said = _came_of(taken.performed)
        if as_json:
            print_json({**standing_json(here, told), "exit": int(code), "takes_back": action})
            return code
        click.echo(f"{action} {said}")
        tell(standing_text(here, told))
        return code


def _came_of(performed: Performed) -> tuple[Exit, str]:
    match performed:
        case SucceededCall():
            return Exit.OK, "is taken back"
        case ReusedCall(original=original):
            return Exit.OK, f"is taken back already, by {original}"
        case DeniedCall():
            return Exit.DENIED, "is not taken back: denied"
        case HeldCall(reason=reason):
            return Exit.WAITING, f"is not taken back yet: {visible(reason)}"
        case FailedCall(reason=reason):
            return Exit.ERROR, f"is not taken back: {visible(reason, limit=LONG)}"
        case UnknownCall(reason=reason):
            return Exit.ERROR, f"may be taken back or not: {visible(reason, limit=LONG)}"


def _open(tx: Reader, tenant: str) -> list[ActionRow]:
    rows = [row for state in _OPEN for row in tx.find(ACTIONS, equal=(("state", state.value),))]
    return [row for row in rows if is_own(tx, row.run, tenant=tenant)]


def _run_of(tx: Reader, action: str) -> str:
    row = tx.get(ACTIONS, action)
    if row is None:
        raise NotFound(f"no action {action} here")
    return row.run
