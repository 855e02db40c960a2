"""Writes docs/reference/command.md: the help of `due` and of each of its verbs, as the program prints it. Tests compare the two.

python tools/reference.py
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dueprocess.cli.main import due

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "command.md"
_OPENING = """\
# The command

What `due` and each of its verbs say of themselves (also installed as `dueprocess`). Data goes to standard output, progress and messages to
standard error; `--json` prints JSON wherever it is offered; ids are never cut.

| exit code | meaning |
|---|---|
| 0 | it was done |
| 1 | an error, told on standard error |
| 2 | wrong words: an unknown verb or option, a value that is none |
| 3 | a check, test or verification failed |
| 4 | denied by policy |
| 5 | it waits for a person |
| 6 | nobody is authenticated, or this person may not do it |
| 130 | interrupted |
"""


def page() -> str:
    """The whole page."""
    parts = [_OPENING]
    for context in _contexts(_context(due, None, "due")):
        level = "#" * min(context.command_path.count(" ") + 2, 3)
        # Trailing blanks are the formatter's; a page has none.
        shown = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        parts.append(f"{level} {context.command_path}\n\n```text\n{shown}\n```\n")
    return "\n".join(parts)


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from _contexts(_context(found, context, name))


def _context(command: click.Command, parent: click.Context | None, name: str) -> click.Context:
    settings = {**command.context_settings, "terminal_width": 100, "max_content_width": 100}
    # The path of a parent would name its arguments as well; only groups are parents here, and they have none.
    return click.Context(command, parent=parent, info_name=name, **settings)


def main() -> int:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
