"""A plan as a model writes it: read into a workflow, or refused with what is wrong with it. Who writes it and when is in `turns`.

Rule 1. A plan is a workflow without `Decide`: calls, extractions in quarantine, ends. What is wrong with a workflow by
        itself or with the agent's tools is wrong with a plan (`workflow`, `fits`); so is all that `ways` finds.
Rule 2. Nothing of a plan that is refused is used, and everything that is wrong with it is told at once.
Rule 3. The schema of an extraction is of a small closed vocabulary: nothing in it refers, matches patterns or combines.
Rule 4. A plan is bounded before it is read: in characters, steps, calls, names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from dueprocess.agent.declared import workflow_from_json
from dueprocess.agent.fits import misfits
from dueprocess.agent.ways import astray
from dueprocess.agent.workflow import MAX_ITEMS, Workflow
from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.tool import ToolSpec
from dueprocess.tool.check import ArgumentCheck
from dueprocess.values import Json, parse
from dueprocess.values.foreign import kind_of, quoted, visible

MAX_STEPS: Final = 50
MAX_PLAN: Final = 65_536  # characters; a plan of 50 full steps has fewer
MAX_TOLD: Final = 10  # problems that a model can mend at once
_MAX_CALLS: Final = 20
_MAX_NAMED: Final = 20  # paths that an extraction is shown, branches
_MAX_NESTED: Final = 8  # levels of an extraction's schema
_MAX_SAID: Final = 300  # characters of one problem

_NAME: Final[dict[str, Json]] = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}
_PATH: Final[dict[str, Json]] = {"type": "string", "pattern": r"^\$\.[^.]+(\.[^.]+)*$", "maxLength": 200}
_TEXT: Final[dict[str, Json]] = {"type": "string", "minLength": 1, "maxLength": 4000}
_CALL: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"name": _NAME, "tool": {"type": "string"}, "arguments": {"type": "object"}},
    "required": ["name", "tool", "arguments"],
}
_BRANCH: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"path": _PATH, "equals": {}, "next": _NAME},
    "required": ["path", "equals", "next"],
}


def _step(kind: str, required: Mapping[str, Json], optional: Mapping[str, Json]) -> dict[str, Json]:
    fields: dict[str, Json] = {"id": _NAME, "kind": {"const": kind}, **required}
    return {"type": "object", "properties": {**fields, **optional}, "required": [*fields]}


_STEPS: Final[Mapping[str, dict[str, Json]]] = MappingProxyType(
    {
        "calls": _step(
            "calls",
            {"calls": {"type": "array", "items": _CALL, "minItems": 1, "maxItems": _MAX_CALLS}, "next": _NAME},
            {"on_denied": _NAME, "on_failed": _NAME},
        ),
        "for_each": _step(
            "for_each",
            {
                "over": _PATH,
                "at_most": {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS},
                "call": _CALL,
                "next": _NAME,
            },
            {"on_denied": _NAME, "on_failed": _NAME},
        ),
        "extract": _step(
            "extract",
            {
                "prompt": _TEXT,
                "shows": {"type": "array", "items": _PATH, "minItems": 1, "maxItems": _MAX_NAMED},
                "schema": {"type": "object"},
                "otherwise": _NAME,
            },
            {"branches": {"type": "array", "items": _BRANCH, "maxItems": _MAX_NAMED}},
        ),
        "end": _step("end", {"result": {}}, {}),
        "give_to_person": _step("give_to_person", {"reason": _TEXT}, {}),
    }
)
_ABSENT: Final[Mapping[str, dict[str, Json]]] = MappingProxyType({"extract": {"branches": []}})
_QUESTION: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"question": _TEXT},
    "required": ["question"],
}
_PLAN: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {
        "start": _NAME,
        "steps": {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MAX_STEPS},
    },
    "required": ["start", "steps"],
}
_KEYWORDS: Final = frozenset(
    "type description properties required items enum minimum maximum minLength maxLength minItems maxItems "
    "additionalProperties".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the planner asks the requester instead of planning."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there is no plan, for the model that wrote it."""

    problems: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The problems in one sentence."""
        more = f"; and {len(self.problems) - MAX_TOLD} more" if len(self.problems) > MAX_TOLD else ""
        return "; ".join(visible(problem, limit=_MAX_SAID) for problem in self.problems[:MAX_TOLD]) + more


def plan_schema(*, clarifies: bool) -> dict[str, Json]:
    """The schema of the planner's answer, as the model is told it."""
    steps: list[Json] = [*_STEPS.values()]
    kinds: dict[str, Json] = {"type": "array", "items": {"anyOf": steps}, "minItems": 1, "maxItems": MAX_STEPS}
    plan: dict[str, Json] = {**_PLAN, "properties": {"start": _NAME, "steps": kinds}}
    if not clarifies:
        return plan
    told: dict[str, Json] = {"start": _NAME, "steps": kinds, "question": _TEXT}
    return {
        "type": "object",
        "properties": told,
        "anyOf": [{"required": ["start", "steps"]}, {"required": ["question"]}],
    }


def read_plan(
    text: str, *, tools: Mapping[str, ToolSpec], known: Mapping[str, Json], clarifies: bool
) -> Workflow | Question | Refused:
    """The plan that a model wrote, its question where the agent may ask one, or why it is refused.

    `known`: what a path can be followed into before anything ran: the task and its inputs.
    """
    if len(text) > MAX_PLAN:
        return Refused(problems=(f"it has {len(text)} characters; expected at most {MAX_PLAN}",))
    try:
        answer = parse(text)
    except BadValue as error:
        return Refused(problems=(str(error),))
    if not isinstance(answer, dict):
        return Refused(problems=(f"it is {kind_of(answer)}; expected one JSON object",))
    if clarifies and "question" in answer:
        problems = _misses(_check("question"), answer, "$")
        return Refused(problems=problems) if problems else Question(text=str(answer["question"]))
    problems = (*_misses(_check("plan"), answer, "$"), *_steps_miss(answer.get("steps")))
    if problems:
        return Refused(problems=problems)
    return _woven(answer, tools=tools, known=known)


def _woven(answer: dict[str, Json], *, tools: Mapping[str, ToolSpec], known: Mapping[str, Json]) -> Workflow | Refused:
    steps = answer["steps"]
    full: list[Json] = [
        {**_ABSENT.get(str(step["kind"]), {}), **step}
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, dict)
    ]
    try:
        plan = workflow_from_json({"start": answer["start"], "steps": full})
    except (BadValue, RecordInvalid) as error:
        return Refused(problems=(str(error),))
    if plan is None:
        return Refused(problems=("it has no steps",))
    problems = (*misfits(plan, tools), *astray(plan, known))
    return Refused(problems=problems) if problems else plan


def _steps_miss(steps: Json) -> tuple[str, ...]:
    if not isinstance(steps, list) or len(steps) > MAX_STEPS:
        return ()
    return tuple(problem for index, step in enumerate(steps) for problem in _step_misses(step, f"$.steps[{index}]"))


def _step_misses(step: Json, place: str) -> tuple[str, ...]:
    if not isinstance(step, dict):
        return ()
    kind = step.get("kind")
    if not isinstance(kind, str) or kind not in _STEPS:
        return (f"{place}.kind is {quoted(str(kind))}; expected one of {', '.join(_STEPS)}",)
    problems = _misses(_check(kind), step, place)
    if problems or kind != "extract":
        return problems
    return tuple(_schema_misses(step["schema"], f"{place}.schema", _MAX_NESTED))


def _misses(check: ArgumentCheck, value: dict[str, Json], place: str) -> tuple[str, ...]:
    return tuple(f"{place}{problem.place.removeprefix('$')} {problem.message}" for problem in check.problems(value))


@cache
def _check(kind: str) -> ArgumentCheck:
    return ArgumentCheck({"plan": _PLAN, "question": _QUESTION, **_STEPS}[kind])


def _schema_misses(schema: Json, place: str, depth: int) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"{place} is {kind_of(schema)}; expected a schema"
        return
    if not depth:
        yield f"{place} nests deeper than {_MAX_NESTED} levels"
        return
    for key in sorted(schema.keys() - _KEYWORDS):
        yield f"{place} has the keyword {quoted(key)}; expected only {', '.join(sorted(_KEYWORDS))}"
    if schema.get("additionalProperties", False) is not False:
        yield f"{place}.additionalProperties is not false; expected every property to be declared"
    properties = schema.get("properties")
    if depth == _MAX_NESTED and (schema.get("type") != "object" or not isinstance(properties, dict) or not properties):
        yield f"{place} declares no properties; expected type object with properties"
    for name, below in properties.items() if isinstance(properties, dict) else ():
        if "." in name:
            yield f"{place}.properties has the name {quoted(name)}, which no path can lead to"
        yield from _schema_misses(below, f"{place}.properties.{name}", depth - 1)
    if "items" in schema:
        yield from _schema_misses(schema["items"], f"{place}.items", depth - 1)
