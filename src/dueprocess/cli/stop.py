"""`due stop`: the kill switch. What it stops, and when, is the runtime's."""

from pathlib import Path

import click

from dueprocess.cli import options
from dueprocess.cli.commands import command as due
from dueprocess.cli.output import print_json, print_table, tell
from dueprocess.cli.person import person
from dueprocess.runtime import lift, order
from dueprocess.values import rfc3339
from dueprocess.values.foreign import quoted, visible
from dueprocess.wiring.access import Access, access
from dueprocess.wiring.targets import checked_target, stops_in_force

_REASON_SHOWN = 200


@click.command(context_settings=options.CONTEXT)
@click.argument("target", required=False, metavar="[TARGET]")
@click.option("--lift", "lifted", metavar="TARGET", help="Lift a stop; another person than the one who ordered it.")
@click.option("--list", "listing", is_flag=True, help="Show the stops in force.")
@options.reason
@options.token_file
@options.folder
@options.as_json
def command(
    target: str | None,
    *,
    lifted: str | None,
    listing: bool,
    reason: str,
    token_file: Path | None,
    directory: Path,
    as_json: bool,
) -> None:
    """Stop TARGET at once, in every process: all, agent:NAME or tool:NAME. Needs a token.

    Nothing it covers is dispatched from then on; what had been dispatched is settled. A stopped tool is denied; the runs of
    a stopped agent rest, and go on when the stop is lifted.
    """
    if sum((target is not None, lifted is not None, listing)) != 1:
        raise click.UsageError("give one of: a target, --lift TARGET, --list")
    with access(directory) as here:
        if target is not None:
            order(here.shell, checked_target(here, target), person=person(here, token_file), reason=reason)
        elif lifted is not None:
            lift(here.shell, lifted, person=person(here, token_file), reason=reason)
        if listing or as_json:
            _show(here, as_json=as_json)
        elif target is not None:
            click.echo(f"{target} stopped")
            tell(f"another person lifts it: {due(directory, 'stop', '--lift', target)}")
        else:
            click.echo(f"{visible(lifted or '')} lifted")
            tell(_after(here))


def _after(here: Access) -> str:
    """What a lift leads to: something else may be stopped still, and not every folder is driven from here."""
    others = here.home.store.read(lambda tx: stops_in_force(tx, here.tenant))
    if others:
        return f"still stopped: {', '.join(visible(each.target) for each in others)}"
    if here.project is None:
        return "what rested goes on in the program that it belongs to"
    return f"what rested goes on when it is driven: {due(here.folder, 'run', '--work')}"


def _show(here: Access, *, as_json: bool) -> None:
    stops = here.home.store.read(lambda tx: stops_in_force(tx, here.tenant))
    if as_json:
        print_json(
            {
                "stops": [
                    {
                        "target": each.target,
                        "by": each.by,
                        "how": each.how,
                        "at": rfc3339(each.at),
                        "reason": each.reason,
                    }
                    for each in stops
                ]
            }
        )
        return
    if not stops:
        tell("nothing is stopped")
    print_table(
        [
            (
                visible(each.target),
                each.by,
                rfc3339(each.at),
                quoted(each.reason, limit=_REASON_SHOWN) if each.reason else "-",
            )
            for each in stops
        ],
        header=("TARGET", "BY", "SINCE", "REASON"),
    )
