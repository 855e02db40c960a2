"""A model that follows a script: no network, no chance, the same answer to the same question. Tapes are in `cassette`.

Rule 1. A reply depends on the request, the run and the turn alone; nothing is kept between questions. So a turn that is
        asked again after a crash gets the same reply.
Rule 2. What a script does not say is derived: the finish from the calls, the ids from the turn, the usage from sizes.
"""

import asyncio
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dueprocess.errors import ModelError, ModelRefused
from dueprocess.model import Finish, ModelReply, ModelRequest, Price, ToolRequest, Usage, request_bytes
from dueprocess.values import canonical, of_python

_BYTES_PER_TOKEN: Final = 4  # the usual rule of thumb for English; what counts is that it never changes

Arguments = Mapping[str, object] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a scripted model says in one turn, or the failure that is raised instead.

    `calls` are pairs of a tool's name and its arguments. Arguments given as a mapping are written as canonical JSON,
    exactly (a float by its repr); given as text they are passed on as they are, JSON or not. Every arguments mapping is
    checked here, so that a script fails where it is written.
    """

    text: str = ""
    calls: tuple[tuple[str, Arguments], ...] = ()
    finish: Finish | None = None
    usage: Usage | None = None
    failure: ModelError | None = None

    def __post_init__(self) -> None:
        for _, arguments in self.calls:
            _written(arguments)


Script = Callable[[ModelRequest, str, int], Line]
"""Decides the line from the request, the run and the turn (1, 2, ...). It must not depend on anything else."""


class Scripted:
    """A provider that asks a script. It reports a model name of its own, so that nobody takes it for a real one."""

    def __init__(
        self,
        script: Script,
        *,
        price: Price | None = None,
        models: tuple[str, ...] = ("scripted",),
        reported: str = "script-1",
    ) -> None:
        self._script = script
        self._price = price
        self._models = models
        self._reported = reported

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Answers from the script; a model name that is not among `models` is refused, as a real server does."""
        # Like a real provider it lets others run first, and can be cancelled here.
        await asyncio.sleep(0)
        if request.model not in self._models:
            raise ModelRefused(
                f"model {request.model[:80]!a} is unknown here; expected one of {', '.join(self._models)}",
                may_have_run=False,
            )
        line = self._script(request, run, turn)
        if line.failure is not None:
            # A copy: one exception raised twice would carry the traceback of both.
            raise copy.copy(line.failure)
        calls = tuple(
            ToolRequest(id=f"call-{turn}-{index}", name=name, arguments=_written(arguments))
            for index, (name, arguments) in enumerate(line.calls, start=1)
        )
        return ModelReply(
            text=line.text,
            requests=calls,
            usage=line.usage or _derived_usage(request, line.text, calls),
            requested=request.model,
            reported=self._reported,
            finish=line.finish or (Finish.TOOL_CALLS if calls else Finish.STOP),
        )

    def price(self, model: str) -> Price | None:
        """The given price for each of `models`, None for any other."""
        return self._price if model in self._models else None

    async def close(self) -> None:
        """Nothing to free."""


def by_turn(lines: Sequence[Line]) -> Script:
    """A script that says the first line in turn 1, the second in turn 2, and refuses every turn after the last."""
    said = tuple(lines)

    def script(request: ModelRequest, run: str, turn: int) -> Line:
        if not 1 <= turn <= len(said):
            raise ModelRefused(
                f"turn {turn} is not in the script; expected 1 to {len(said)}: add a line for it", may_have_run=False
            )
        return said[turn - 1]

    return script


def _written(arguments: Arguments) -> str:
    return arguments if isinstance(arguments, str) else canonical(of_python(arguments))


def _derived_usage(request: ModelRequest, text: str, calls: tuple[ToolRequest, ...]) -> Usage:
    said = text + "".join(call.name + call.arguments for call in calls)
    return Usage(
        input_tokens=_tokens(request_bytes(request)),
        # A real model stops at the limit it was given.
        output_tokens=min(_tokens(len(said.encode("utf-8", "surrogatepass"))), request.max_output_tokens),
    )


def _tokens(size: int) -> int:
    return -(-size // _BYTES_PER_TOKEN)
