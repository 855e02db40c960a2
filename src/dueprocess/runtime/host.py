"""Processes in which synchronous write tools run, so that one that does not come back can be killed. What it did then is unknown (I4).

Rule 1. A child runs one call at a time, found by import; it gets the canonical arguments and gives back a result as JSON.
Rule 2. At the deadline the child is killed: nothing is left running behind an `unknown`.
Rule 3. The child finds the tool first and says so; only then is it told to go. A deadline that passes, or a child that dies,
        before that is a promise that nothing happened, not a guess.
Rule 4. A child ends when its pipe closes: no tool outlives the worker that asked for it by more than its own call.
"""

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dueprocess.errors import NoEffect, ToolError, ToolInvalid
from dueprocess.tool import Attempt, Tool
from dueprocess.values import Json, canonical, parse

_CHILD: Final = Path(__file__).with_name("child.py")
_UP: Final = b"up\n"
_GO: Final = b"go\n"
_LIMIT: Final = 16 << 20  # bytes of one answer; results are bounded far below by `result_to_json`


class HostFailed(ToolError):
    """The tool raised, or its process died. `described` is its class and a digest, in our words."""

    def __init__(self, described: str) -> None:
        self.described = described
        super().__init__(described)


@dataclass(slots=True)
class _Call:
    """How far a call has come: `gone` once the child was told to call the function."""

    gone: bool = False


class Hosts:
    """The children of one worker. They start in the background and are used again; a call waits for one that is up."""

    def __init__(self) -> None:
        self._children: set[asyncio.subprocess.Process] = set()
        self._idle: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
        self._starting: set[asyncio.Task[None]] = set()
        self._closing = False

    async def run(self, tool: Tool, *, arguments: str, attempt: Attempt, timeout_s: float) -> Json:
        """Runs a tool's function in a child and returns its result as JSON.

        Raises:
            NoEffect: the function promised that nothing happened, or was never called before the deadline.
            HostFailed: it raised, or its process died. TimeoutError: the deadline passed; the child was killed.
        """
        call = _Call()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._run(call, _question(tool, arguments, attempt))
        except (TimeoutError, HostFailed, OSError):
            if call.gone:
                raise
            raise NoEffect("the tool was not called: its deadline passed or its process died before") from None

    async def warm(self) -> None:
        """Has one child up, so that the first call need not wait for it."""
        if self._idle.empty() and not self._starting:
            self._start_one()

    async def close(self) -> None:
        """Kills every child, also one in the middle of a call, and returns when they and their pipes are gone."""
        self._closing = True
        for child in self._children:
            _kill(child)
        # One that is just being made is waited for, not cancelled: asyncio never ends a cancelled making (3.11).
        await asyncio.gather(*self._starting, return_exceptions=True)
        children, self._children = self._children, set()
        for child in children:
            await child.wait()
            if child.stdin is not None:
                # The loop may be closed next: what it still has to do for the pipe must be done before.
                with suppress(BrokenPipeError, ConnectionResetError):
                    await child.stdin.wait_closed()

    async def _run(self, call: _Call, question: bytes) -> Json:
        if self._idle.empty():
            self._start_one()
        child = await self._idle.get()
        try:
            answer = await _ask(child, question)
            if "ready" in answer:
                call.gone = True
                answer = await _ask(child, _GO)
        except BaseException:
            # Deadline, cancellation or a broken pipe: this child is not to be trusted with another call.
            with suppress(ProcessLookupError):
                child.kill()
            self._children.discard(child)
            raise
        self._idle.put_nowait(child)
        return _result(answer)

    def _start_one(self) -> None:
        task = asyncio.create_task(self._start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        # By its file, not as a module of its room: the room would load all that a child never needs.
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LIMIT,
        )
        self._children.add(child)
        if self._closing:
            _kill(child)
        if child.stdout is not None and await child.stdout.readline() == _UP:
            self._idle.put_nowait(child)


def _kill(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.kill()
    if child.stdin is not None:
        child.stdin.close()


def _question(tool: Tool, arguments: str, attempt: Attempt) -> bytes:
    asked = {
        "importable": _found_at(tool),
        "path": sys.path,
        "arguments": arguments,
        "attempt": {
            "key": attempt.key,
            "action": attempt.action,
            "number": attempt.number,
            "run": attempt.run,
            "deadline": attempt.deadline,
            "principal": attempt.principal,
            "on_behalf_of": attempt.on_behalf_of,
            "through": attempt.through,
        },
    }
    return json.dumps(asked).encode() + b"\n"


def _found_at(tool: Tool) -> tuple[str, str]:
    if tool.importable is None:
        raise ToolInvalid(needs_import(tool))
    module, name = tool.importable
    if module != "__main__":
        return module, name
    # A script is found by its file; the child reads it under another name, so that its main part does not run again.
    file = getattr(sys.modules["__main__"], "__file__", None)
    if not isinstance(file, str):
        raise ToolInvalid(needs_import(tool))
    return str(Path(file).resolve()), name


def needs_import(tool: Tool) -> str:
    """What to tell the author of a sync write tool that no other process can find."""
    return (
        f"{tool.name} is a write made with `def` inside a function, so no process that could be killed at its deadline can find "
        f"it; expected `async def`, or a function at the top of a module"
    )


async def _ask(child: asyncio.subprocess.Process, question: bytes) -> dict[str, Any]:
    if child.stdin is None or child.stdout is None:
        raise HostFailed("the process has no pipes")
    child.stdin.write(question)
    await child.stdin.drain()
    line = await child.stdout.readline()
    if not line.endswith(b"\n"):
        raise HostFailed("its process died")
    return json.loads(line)


def _result(answer: dict[str, Any]) -> Json:
    if "result" in answer:
        return parse(answer["result"])
    if "no_effect" in answer:
        raise NoEffect(answer["no_effect"])
    raise HostFailed(answer.get("error", canonical("no answer")))
