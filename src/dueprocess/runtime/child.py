"""The child process of `host`: reads one call per line, runs the tool's function, writes one answer per line.

The tool's own output goes to standard error: standard output carries answers only.
"""

import asyncio
import inspect
import json
import os
import runpy
import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from dueprocess.errors import NoEffect, ToolInvalid
from dueprocess.tool import Attempt, Tool, result_to_json
from dueprocess.values import canonical, parse
from dueprocess.values.foreign import described


def main() -> None:
    """Answers until the pipe closes."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    answers.write("up\n")
    answers.flush()
    for line in iter(sys.stdin.readline, ""):
        prepared = _prepare(json.loads(line))
        if isinstance(prepared, dict):
            _answer(answers, prepared)
            continue
        _answer(answers, {"ready": ""})
        if not sys.stdin.readline():
            return
        _answer(answers, _call(*prepared))


def _prepare(asked: dict[str, Any]) -> tuple[Tool, dict[str, object]] | dict[str, str]:
    for entry in reversed(asked["path"]):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    try:
        tool = _find(*asked["importable"])
        arguments = parse(asked["arguments"])
        values = tool.arguments_from(arguments if isinstance(arguments, dict) else {})
        attempt: dict[str, Any] = {
            **asked["attempt"],
            "through": tuple(asked["attempt"]["through"]),
        }  # JSON has no tuples
        return tool, tool.keywords(values, attempt=Attempt(**attempt))
    except Exception as error:  # noqa: BLE001 - a module may raise anything when it is imported
        # Nothing has been called yet: this is a promise, not a guess.
        return {"no_effect": described(error)}


def _call(tool: Tool, keywords: dict[str, object]) -> dict[str, str]:
    try:
        value = tool.function(**keywords)
        if inspect.isawaitable(value):
            value = asyncio.run(_awaited(value))
        return {"result": canonical(result_to_json(value))}
    except NoEffect as error:
        return {"no_effect": described(error)}
    except BaseException as error:  # noqa: BLE001 - whatever a tool raises, SystemExit too, becomes an answer
        return {"error": described(error)}


async def _awaited(value: Any) -> object:  # noqa: ANN401 - whatever the tool returned
    return await value


@lru_cache(maxsize=64)
def _find(module: str, name: str) -> Tool:
    if module.endswith(".py"):
        space: Any = runpy.run_path(module, run_name="__due_child__")
        found = space.get(name)
    else:
        found = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    if not isinstance(found, Tool):
        raise ToolInvalid(f"{Path(module).name}:{name} is not a tool")
    return found


def _answer(answers: TextIO, answer: dict[str, str]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
