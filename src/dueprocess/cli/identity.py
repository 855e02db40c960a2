"""`due identity`: adds and lists the people who may approve. How tokens are kept is in `wiring.identity`."""

from pathlib import Path

import click

from dueprocess.cli import options
from dueprocess.cli.commands import command as due
from dueprocess.cli.output import print_json, print_table, tell
from dueprocess.wiring.access import IDENTITIES, home_of
from dueprocess.wiring.identity import IdentityFile


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """Add and list the people who may approve, settle, publish and erase."""


@command.command()
@click.argument("name")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group of this person; may be repeated.")
@options.folder
@options.as_json
def add(name: str, groups: tuple[str, ...], *, directory: Path, as_json: bool) -> None:
    """Add a person and print their token, this once.

    A person who is there already gets a further token, and the groups in addition.
    """
    path = home_of(directory) / IDENTITIES
    identities = IdentityFile.open(path)
    token = identities.add(name, groups=groups)
    entry = next(entry for entry in identities.people() if entry.name == name)
    if as_json:
        print_json({"id": entry.id, "groups": [f"group:{group}" for group in entry.groups], "token": token})
        return
    tell(f"{entry.id}, groups: {', '.join(entry.groups) or 'none'}, in {path}")
    tell("The token is printed this once; keep it as DUE_TOKEN or in a file for --token-file:")
    click.echo(token)


@command.command(name="list")
@options.folder
@options.as_json
def list_people(*, directory: Path, as_json: bool) -> None:
    """List people, their groups and how many tokens they hold."""
    people = IdentityFile.open(home_of(directory) / IDENTITIES).people()
    if as_json:
        print_json(
            {
                "people": [
                    {"id": one.id, "groups": [f"group:{group}" for group in one.groups], "tokens": len(one.tokens)}
                    for one in people
                ]
            }
        )
        return
    if not people:
        tell(f"nobody yet; add the first: {due(directory, 'identity', 'add', 'NAME', '--group', 'GROUP')}")
    print_table(
        [
            (one.id, "1 token" if len(one.tokens) == 1 else f"{len(one.tokens)} tokens", ", ".join(one.groups) or "-")
            for one in people
        ]
    )
