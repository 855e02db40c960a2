"""`due doctor`: says what is not as it should be in a project's folder, and what to do. The checks are in `wiring.health`."""

from pathlib import Path
from typing import Final

import click

from dueprocess.cli import options
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import paint, print_json, tell
from dueprocess.values.foreign import visible
from dueprocess.wiring.health import examine
from dueprocess.wiring.symptom import Level, Symptom

_COLOURS: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
_SHOWN: Final = 400


@click.command(context_settings=options.CONTEXT)
@click.option("--quick", is_flag=True, help="Leave out what reads the whole ledger.")
@options.folder
@options.as_json
def command(*, quick: bool, directory: Path, as_json: bool) -> int:
    """Check files, keys, ledger, read models, runs and policies; ends with 3 if anything does not hold.

    It changes nothing, but finishes an erasure that was interrupted.
    """
    found: list[Symptom] = []
    for symptom in examine(directory, quick=quick):
        found.append(symptom)
        if not as_json:
            _print(symptom)
    failed = [symptom for symptom in found if symptom.level is Level.FAIL]
    if as_json:
        print_json(
            {
                "ok": not failed,
                "checks": [
                    {"check": each.check, "level": each.level.value, "said": each.said, "todo": each.todo}
                    for each in found
                ],
            }
        )
    else:
        warnings = sum(symptom.level is Level.WARN for symptom in found)
        tell(f"{len(found)} checks: {len(failed)} failed, {warnings} to look at")
    return Exit.FAILED if failed else Exit.OK


def _print(symptom: Symptom) -> None:
    first, *rest = symptom.said.split("\n")
    level = paint(f"{symptom.level.value:<4}", _COLOURS[symptom.level])
    click.echo(f"{level}  {symptom.check:<14} {visible(first, limit=_SHOWN)}")
    for line in rest:
        click.echo(f"{'':<21}{visible(line, limit=_SHOWN)}")
    if symptom.todo:
        click.echo(f"{'':<21}{visible(symptom.todo, limit=_SHOWN)}")
