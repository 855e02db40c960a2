"""What `due policy export` writes and says. What can be said in Cedar is `analysis.cedar`'s matter."""

from collections.abc import Mapping
from pathlib import Path

import click

from dueprocess.analysis.cedar import to_cedar
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import tell
from dueprocess.policy import Policy
from dueprocess.tool import ToolSpec
from dueprocess.values.foreign import visible

_SHOWN = 400  # characters of one reason


def export(policy: Policy, tools: Mapping[str, ToolSpec], *, schema_path: Path | None, lossy: bool) -> int:
    """Writes the policies to standard output, the schema to a file, and what is missing to standard error."""
    found = to_cedar(policy, tools, lossy=lossy)
    if schema_path is not None:
        schema_path.write_text(found.schema, encoding="utf-8")
    for missing in found.missing:
        tell(f"not exported: {visible(missing, limit=_SHOWN)}")
    for name in found.forbidden:
        tell(f"forbidden, since a restriction of it is not exported: {visible(name)}")
    click.echo(found.policies, nl=False)
    return Exit.OK
