"""A workflow as JSON, for the release manifest. What its steps mean is in `agent.workflow`."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec

from dueprocess.agent.workflow import (
    Branch,
    Calls,
    Decide,
    End,
    Extract,
    ForEach,
    GiveToPerson,
    Step,
    StepCall,
    Workflow,
)
from dueprocess.errors import RecordInvalid
from dueprocess.values import Json, of_python

_DEPTH: Final = 64
_NAMES: Final[Mapping[type, str]] = MappingProxyType(
    {
        Calls: "calls",
        ForEach: "for_each",
        Decide: "decide",
        Extract: "extract",
        End: "end",
        GiveToPerson: "give_to_person",
    }
)


def workflow_to_json(workflow: Workflow | None) -> Json:
    """The JSON form, None for no workflow."""
    if workflow is None:
        return None
    steps: list[Json] = [_step_to_json(step) for step in workflow.steps]
    return {"start": workflow.start, "steps": steps}


def workflow_from_json(value: Json) -> Workflow | None:
    """The workflow of a JSON form.

    Raises:
        RecordInvalid: it is not one of this version.
    """
    if value is None:
        return None
    try:
        stored: Any = value
        return Workflow(start=stored["start"], steps=tuple(_STEPS[step["kind"]](step) for step in stored["steps"]))
    except (KeyError, TypeError) as error:
        raise RecordInvalid(f"a stored workflow does not have the fields of this version: {error!r}") from None


def _step_to_json(step: Step) -> Json:
    fields = of_python(msgspec.to_builtins(step, builtin_types=(Decimal,)), max_depth=_DEPTH)
    return {"kind": _NAMES[type(step)], **fields} if isinstance(fields, dict) else fields


def _without_kind(step: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != "kind"}


def _calls(step: Mapping[str, Any]) -> Step:
    fields: dict[str, Any] = {**_without_kind(step), "calls": tuple(StepCall(**call) for call in step["calls"])}
    return Calls(**fields)


def _for_each(step: Mapping[str, Any]) -> Step:
    fields: dict[str, Any] = {**_without_kind(step), "call": StepCall(**step["call"])}
    return ForEach(**fields)


def _decide(step: Mapping[str, Any]) -> Step:
    return Decide(**_decision(step))


def _extract(step: Mapping[str, Any]) -> Step:
    return Extract(**_decision(step))


def _decision(step: Mapping[str, Any]) -> dict[str, Any]:
    branches = tuple(Branch(**branch) for branch in step["branches"])
    return {**_without_kind(step), "branches": branches, "shows": tuple(step["shows"])}


_STEPS: Final[Mapping[str, Callable[[Mapping[str, Any]], Step]]] = MappingProxyType(
    {
        "calls": _calls,
        "for_each": _for_each,
        "decide": _decide,
        "extract": _extract,
        "end": lambda step: End(**_without_kind(step)),
        "give_to_person": lambda step: GiveToPerson(**_without_kind(step)),
    }
)
