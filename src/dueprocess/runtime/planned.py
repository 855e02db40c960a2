"""A plan as it may be shown: its calls redacted as calls are. Read leniently, since what is shown may be a plan that was refused."""

from collections.abc import Callable, Iterator

from dueprocess.agent.workflow import is_path
from dueprocess.errors import BadValue
from dueprocess.values import Json, canonical, parse


def planned_calls(text: str) -> tuple[tuple[str, str], ...]:
    """The calls that a plan writes out: a tool's name and the JSON text of its arguments. Of a text that is no plan: none.

    What comes from a path is null: a path is a name, and hides nothing.
    """
    return tuple(
        (str(call.get("tool")), canonical(_written_out(call.get("arguments")))) for call in _calls(_plan(text))
    )


def plan_shown(text: str, *, arguments: Callable[[str, str], Json], masked: Callable[[Json], Json]) -> Json:
    """The plan, with the arguments of each call as `arguments` shows them, and every other value as `masked` does.

    The keys of its form stay what they are, whatever is hidden: a plan is always shown in the form of a plan.
    """
    plan = _plan(text)
    steps = plan.get("steps") if isinstance(plan, dict) else None
    if not isinstance(plan, dict) or not isinstance(steps, list):
        return None
    shown: list[Json] = [
        _step_shown(step, arguments=arguments, masked=masked) for step in steps if isinstance(step, dict)
    ]
    return {"start": masked(plan.get("start")), "steps": shown}


def _step_shown(
    step: dict[str, Json], *, arguments: Callable[[str, str], Json], masked: Callable[[Json], Json]
) -> dict[str, Json]:
    shown: dict[str, Json] = {}
    for key, value in step.items():
        if key in {"calls", "branches"} and isinstance(value, list):
            shown[key] = [
                {name: masked(item) for name, item in each.items()} for each in value if isinstance(each, dict)
            ]
        elif key == "call" and isinstance(value, dict):
            shown[key] = {name: masked(item) for name, item in value.items()}
        else:
            shown[key] = value if key == "kind" else masked(value)
    for call, made in zip(_calls({"steps": [shown]}), _calls({"steps": [step]}), strict=True):
        call["arguments"] = arguments(str(made.get("tool")), canonical(made.get("arguments")))
    return shown


def _plan(text: str) -> Json:
    try:
        return parse(text) if text.lstrip()[:1] == "{" else None
    except BadValue:
        return None


def _calls(plan: Json) -> Iterator[dict[str, Json]]:
    steps = plan.get("steps") if isinstance(plan, dict) else None
    for step in steps if isinstance(steps, list) else ():
        calls = step.get("calls") if isinstance(step, dict) else None
        one = step.get("call") if isinstance(step, dict) else None
        for call in (*(calls if isinstance(calls, list) else ()), one):
            if isinstance(call, dict):
                yield call


def _written_out(value: Json) -> Json:
    match value:
        case str():
            return None if is_path(value) else value
        case list():
            return [_written_out(item) for item in value]
        case dict():
            return {key: _written_out(item) for key, item in value.items()}
        case _:
            return value
