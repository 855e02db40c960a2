"""A plan in words, a line a step, for screens and reports. It is the redacted one of a story; what of it is hidden is decided there.

Rule 1. Names are the plan's own and short; whatever else the model wrote in it is escaped and cut (I10).
Rule 2. What comes from a path stands as that path, without quotes; what the plan writes out stands as a value.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from dueprocess.agent.workflow import is_path
from dueprocess.values import Json
from dueprocess.values.foreign import quoted, visible, worded
from dueprocess.wiring.wording import LONG, call_text

PLAN_MADE: Final = "plan.made"  # the kind of event under which the lines of a plan are shown


def plan_lines(plan: Json) -> list[str]:
    """The steps of a plan, from its start on; none where the story has no plan, or may not show it."""
    if not isinstance(plan, dict):
        return [visible(plan)] if isinstance(plan, str) else []
    stored: Any = plan
    steps: list[Mapping[str, Any]] = sorted(stored["steps"], key=lambda step: step["id"] != stored["start"])
    width = max(len(visible(step["id"])) for step in steps)
    return [f"{visible(step['id']):<{width}}  {_SAY[step['kind']](step)}" for step in steps]


def _calls(step: Mapping[str, Any]) -> str:
    return f"call {', '.join(map(_call, step['calls']))}{_then(step)}"


def _for_each(step: Mapping[str, Any]) -> str:
    bound = f"for each of {visible(step['over'])}, at most {worded(step['at_most'])}"
    return f"{bound}: call {_call(step['call'])}{_then(step)}"


def _call(call: Mapping[str, Any]) -> str:
    arguments = call["arguments"]
    if not isinstance(arguments, dict):
        return f"{visible(call['name'])} = {call_text(call['tool'], arguments)}"
    values = cast("Mapping[str, Json]", arguments)
    inside = ", ".join(f"{visible(name)}={_value(value)}" for name, value in values.items())
    return f"{visible(call['name'])} = {visible(call['tool'])}({inside})"


def _value(value: Json) -> str:
    return visible(value) if isinstance(value, str) and is_path(value) else worded(value, limit=LONG)


def _then(step: Mapping[str, Any]) -> str:
    denied = f"; if denied {visible(step['on_denied'])}" if step["on_denied"] else ""
    failed = f"; if it fails {visible(step['on_failed'])}" if step["on_failed"] else ""
    return f"; then {visible(step['next'])}{denied}{failed}"


def _extract(step: Mapping[str, Any]) -> str:
    # What is hidden everywhere may stand in the names of a schema too.
    wanted = ", ".join(visible(name) for name in step["schema"].get("properties", ()))
    shows = ", ".join(visible(path) for path in step["shows"])
    ways = "".join(
        f"; if {visible(branch['path'])} is {worded(branch['equals'])} then {visible(branch['next'])}"
        for branch in step["branches"]
    )
    last = f"; {'else' if ways else 'then'} {visible(step['otherwise'])}"
    return f"extract {wanted} from {shows}: {quoted(step['prompt'], limit=LONG)}{ways}{last}"


def _end(step: Mapping[str, Any]) -> str:
    return f"answer {_value(step['result'])}"


def _person(step: Mapping[str, Any]) -> str:
    return f"give to a person: {quoted(step['reason'], limit=LONG)}"


_SAY: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = MappingProxyType(
    {"calls": _calls, "for_each": _for_each, "extract": _extract, "end": _end, "give_to_person": _person}
)
