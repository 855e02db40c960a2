"""What `due policy lint` does and prints. What is wrong is found in `policy` and `analysis`; the verb stands with its siblings."""

from collections.abc import Mapping

import click

from dueprocess.analysis.idle import Doubt, idle
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import in_ascii, print_json, tell
from dueprocess.errors import FileInvalid, Problem
from dueprocess.policy import load
from dueprocess.tool import ToolSpec
from dueprocess.values import Json, canonical
from dueprocess.values.foreign import visible

_SHOWN = 2000  # characters of a call that a person is shown; --json cuts nothing


def lint(
    content: bytes,
    *,
    name: str,
    tools: Mapping[str, ToolSpec],
    groups: Mapping[str, frozenset[str]] | None,
    as_json: bool,
) -> int:
    """Prints every problem and warning; ends with 3 if there is a problem."""
    try:
        policy = load(content, name=name, tools=tools, groups=groups)
    except FileInvalid as error:
        doubts = [_told(problem, problem=True) for problem in error.problems]
    else:
        doubts = [*(_told(warning, problem=False) for warning in policy.warnings), *idle(policy, tools)]
    problems = [doubt for doubt in doubts if doubt.problem]
    if as_json:
        print_json({"ok": not problems, "file": name, "doubts": [_json(doubt) for doubt in doubts]})
    else:
        for doubt in doubts:
            _print(doubt)
        tell(f"{len(problems)} problems, {len(doubts) - len(problems)} warnings in {name}")
    return Exit.FAILED if problems else Exit.OK


def _told(found: Problem, *, problem: bool) -> Doubt:
    return Doubt(line=found.line, path=found.path, message=found.message, problem=problem)


def _print(doubt: Doubt) -> None:
    word = "problem" if doubt.problem else "warning"
    where = f"line {doubt.line}: " if doubt.line else ""
    click.echo(f"{word}: {where}{visible(doubt.path)}: {visible(doubt.message, limit=_SHOWN)}")
    if doubt.witness is not None:
        click.echo(f"         call  {visible(in_ascii(canonical(dict(doubt.witness.arguments))), limit=_SHOWN)}")


def _json(doubt: Doubt) -> dict[str, Json]:
    told: dict[str, Json] = {"line": doubt.line, "path": doubt.path, "message": doubt.message, "problem": doubt.problem}
    return told if doubt.witness is None else {**told, "call": doubt.witness.line()}
