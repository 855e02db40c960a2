"""`due identity`: adds and lists the people who may approve. How tokens are kept is in `wiring.identity`."""

import json
from pathlib import Path

import click

_DIRECTORY = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".due"),
    envvar="DUE_DIR",
    show_default=True,
    help="The project's folder (DUE_DIR).",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Add and list the people who may approve, settle, publish and erase."""


@command.command()
@click.argument("name")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group of this person; may be repeated.")
@_DIRECTORY
@_JSON
def add(name: str, groups: tuple[str, ...], *, directory: Path, as_json: bool) -> None:
    """Add a person and print their token, this once.

    A person who is there already gets a further token, and the groups in addition.
    """
    from dueprocess.wiring.identity import IdentityFile

    identities = IdentityFile.open(directory / "identities.yaml")
    token = identities.add(name, groups=groups)
    entry = next(entry for entry in identities.people() if entry.name == name)
    if as_json:
        told = {"id": entry.id, "groups": [f"group:{group}" for group in entry.groups], "token": token}
        click.echo(json.dumps(told))
        return
    click.echo(f"{entry.id}, groups: {', '.join(entry.groups) or 'none'}", err=True)
    click.echo("The token is printed this once; keep it as DUE_TOKEN or in a file for --token-file:", err=True)
    click.echo(token)


@command.command(name="list")
@_DIRECTORY
@_JSON
def list_people(*, directory: Path, as_json: bool) -> None:
    """List people, their groups and how many tokens they hold."""
    from dueprocess.wiring.identity import IdentityFile

    people = IdentityFile.open(directory / "identities.yaml").people()
    if as_json:
        told = [
            {"id": one.id, "groups": [f"group:{group}" for group in one.groups], "tokens": len(one.tokens)}
            for one in people
        ]
        click.echo(json.dumps({"people": told}))
        return
    if not people:
        click.echo("nobody yet; add the first: due identity add NAME --group GROUP", err=True)
    width = max((len(one.id) for one in people), default=0)
    for one in people:
        tokens = "1 token" if len(one.tokens) == 1 else f"{len(one.tokens)} tokens"
        click.echo(f"{one.id:<{width}}  {tokens}  {', '.join(one.groups) or '-'}")
