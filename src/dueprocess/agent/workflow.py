"""A declared workflow: the deterministic backbone of a run. What its calls and decisions lead to is in `agent.step`.

Rule 1. A workflow is data: it is part of the release, has a digest, and every step names the next one.
Rule 2. A text that begins with `$.` is a path into `{task, inputs, steps}`; a missing path hands the run to a person.
Rule 3. The model is asked only in `Decide`, and its answer is JSON of the step's schema or no answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from dueprocess.errors import BadValue
from dueprocess.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """One tool call of a step; `name` is where its result is found: `$.steps.<step>.<name>`."""

    name: str
    tool: str
    arguments: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """A step of one or several parallel calls. `on_denied` and `on_failed` name steps; empty hands off to a person."""

    id: str
    calls: tuple[StepCall, ...]
    next: str
    on_denied: str = ""
    on_failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Goes to `next` where the value at `path` (into the decision) equals `equals`."""

    path: str
    equals: Json
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """A step at which the model decides. `shows` are paths whose values it is shown."""

    id: str
    prompt: str
    schema: dict[str, Json]
    shows: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The run is finished with this result (a template)."""

    id: str
    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveToPerson:
    """The run is handed off."""

    id: str
    reason: str


Step = Calls | Decide | End | GiveToPerson


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Steps by id, and where to start. Valid from birth: every step that is named exists.

    Raises:
        BadValue: a duplicate id, or a name of a step that is not there.
    """

    start: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        ids = [step.id for step in self.steps]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise BadValue(f"workflow: step ids occur twice: {', '.join(twice)}; expected each once")
        for source, target in (
            ("start", self.start),
            *((step.id, name) for step in self.steps for name in leads_to(step)),
        ):
            if target not in ids:
                raise BadValue(f"workflow: {source} names step {target!r}; expected one of {', '.join(ids)}")

    def step(self, name: str) -> Step:
        """The step of this id."""
        return next(step for step in self.steps if step.id == name)

    @property
    def tools(self) -> frozenset[str]:
        """The declared scope: the tools this workflow may use."""
        return frozenset(call.tool for step in self.steps if isinstance(step, Calls) for call in step.calls)


def leads_to(step: Step) -> tuple[str, ...]:
    """The steps a step can lead to."""
    match step:
        case Calls():
            return tuple(name for name in (step.next, step.on_denied, step.on_failed) if name)
        case Decide():
            return (*(branch.next for branch in step.branches), step.otherwise)
        case End() | GiveToPerson():
            return ()
        case _:
            assert_never(step)


def fill(template: Json, scope: Mapping[str, Json]) -> Json:
    """Replaces every path of a template by its value (rule 2).

    Raises:
        BadValue: a path that leads nowhere.
    """
    match template:
        case str() if template.startswith("$."):
            return look_up(template, scope)
        case dict():
            return {key: fill(item, scope) for key, item in template.items()}
        case list():
            return [fill(item, scope) for item in template]
        case _:
            return template


def look_up(path: str, scope: Mapping[str, Json]) -> Json:
    """The value at a path such as `$.steps.order.found.total`.

    Raises:
        BadValue: it leads nowhere.
    """
    value: Json = dict(scope)
    for part in path.removeprefix("$.").split("."):
        if not isinstance(value, dict) or part not in value:
            raise BadValue(f"the workflow path {path} leads nowhere at {part!r}")
        value = value[part]
    return value
