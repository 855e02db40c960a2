"""The taking back of an effect as a tool of its own. When it is asked for and decided is in `runtime.compensate`."""

from dataclasses import replace
from typing import Any, Final, cast

from dueprocess.errors import ToolInvalid
from dueprocess.tool.attempt import Attempt, Done
from dueprocess.tool.governed import Tool
from dueprocess.values.foreign import visible

_ATTEMPT: Final = "attempt of the compensation"  # no argument of a tool has blanks in its name


def compensation_of(tool: Tool, done: Done) -> Tool:
    """The tool that takes back this effect: the same arguments, the function given as `compensate`.

    Raises:
        ToolInvalid: the tool has no compensate.
    """
    companion, spec = tool.compensate, tool.spec.compensation
    if companion is None or spec is None:
        raise ToolInvalid(
            f"{visible(tool.name)} has no compensate: nobody has said how its effect is taken back; "
            "expected @tool(..., compensate=FUNCTION)"
        )

    def split(given: dict[str, object]) -> dict[str, object]:
        attempt = cast("Attempt", given.pop(_ATTEMPT))
        return companion.arguments(given, attempt=attempt, done=done)

    async def take_back(**given: object) -> object:
        answer: Any = companion.function(**split(given))
        return await answer

    def take_back_sync(**given: object) -> object:
        return companion.function(**split(given))

    return Tool(
        spec=spec,
        function=take_back if companion.is_async else take_back_sync,
        signature=replace(tool.signature, attempt=_ATTEMPT, description=spec.description),
        is_async=companion.is_async,
        importable=None,
    )
