"""`due init`: writes a small project that works. What is in it stands in `examples/starter`."""

import os
import shlex
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from dueprocess.cli import options
from dueprocess.cli.commands import command as due
from dueprocess.cli.output import print_json, tell
from dueprocess.errors import Conflict, StoreUnavailable

_FILES: Final = ("due.yaml", "policy.yaml", "tools.py", "prompt.md", "offline.py")
_IGNORE: Final = "# The ledger, its keys and its people: state, not source.\n.due/\n"


@click.command(context_settings=options.CONTEXT)
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@options.as_json
def command(directory: Path, *, as_json: bool) -> None:
    """Write a small project into DIR: an agent, its tools, its policy. Nothing that is there is overwritten."""
    made: list[Path] = []
    try:
        _write(directory, made)
    except OSError as error:
        _take_back(made)
        raise StoreUnavailable(f"{directory}: {error.strerror}; expected a folder that can be written to") from None
    run, held = due(directory, "run", "Refund 20 USD of order A1"), due(directory, "run", "Refund 30 USD of order A1")
    who = due(directory, "identity", "add", "ann", "--group", "approvers")
    test = f"due policy test {shlex.quote(str(directory / 'policy.yaml'))}"
    if as_json:
        print_json({"folder": str(directory), "files": [*_FILES], "next": [run, held, who, test]})
        return
    for name in _FILES:
        click.echo(directory / name)
    tell("")
    tell("A support agent that refunds orders. Its model is a stand-in, so no network is needed. Try:")
    width = max(map(len, (run, held, who, test)))
    tell(f"  {run:<{width}}  allowed: at most 25 USD")
    tell(f"  {held:<{width}}  held for a person: above 25 USD")
    tell(f"  {who:<{width}}  makes that person and prints their token")
    tell(f"  {test:<{width}}  the promises that policy.yaml carries")
    tell("What it may do stands in policy.yaml, what it can do in tools.py: change them and run again.")


def _write(directory: Path, made: list[Path]) -> None:
    for folder in reversed([directory, *directory.parents]):
        if not folder.exists():
            folder.mkdir()
            made.append(folder)
    there = [name for name in _FILES if (directory / name).exists() or (directory / name).is_symlink()]
    if there:
        raise Conflict(f"{directory} has {', '.join(there)} already; nothing was written: name an empty folder")
    starter = files("dueprocess.examples.starter")
    # The project file last: a folder that has it has all the others.
    for name in reversed(_FILES):
        _create(directory / name, (starter / name).read_bytes(), made)
    if not (directory / ".gitignore").exists():
        _create(directory / ".gitignore", _IGNORE.encode(), made)


def _create(path: Path, content: bytes, made: list[Path]) -> None:
    with path.open("xb") as file:
        made.append(path)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _take_back(made: list[Path]) -> None:
    # Only what was made here: half a project would be in the way of the next try.
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
