"""A declared workflow: the deterministic backbone of a run. What its calls and decisions lead to is in `agent.step`.

Rule 1. A workflow is data: it is part of the release, has a digest, and every step names the next one.
Rule 2. A text that begins with `$.` is a path into `{task, inputs, steps}`, in a `ForEach` also into `item`; a missing path
        hands the run to a person.
Rule 3. The model is asked only in `Decide` and `Extract`, and its answer is JSON of the step's schema or no answer.
Rule 4. What can be wrong with a workflow by itself is told when it is made, not when a run comes to that step: names,
        schemas, the first part of every path.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.tool.check import ArgumentCheck
from dueprocess.values import Json

MAX_ITEMS: Final = 50  # of one `ForEach`: its calls run side by side
ITEM: Final = "item"
_ROOTS: Final = frozenset({"task", "inputs", "steps"})


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
class ForEach:
    """A step of one call for each item of the list at `over`, in parallel; in its arguments `$.item` is the item.

    The results are a list in the order of the items. A longer list than `at_most`, or a value that is none, goes to a person
    before anything of it is called.
    """

    id: str
    over: str
    at_most: int
    call: StepCall
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
class Extract(Decide):
    """A decision in quarantine: the model is shown the prompt and the values of `shows`, and nothing else of the run."""


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


Step = Calls | ForEach | Decide | End | GiveToPerson


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Steps by id, and where to start. Valid from birth (rule 4).

    Raises:
        BadValue: a duplicate name, a name of a step that is not there, a path that starts nowhere, a schema that no answer
        can be checked against, or a `ForEach` without a bound.
    """

    start: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        ids = [step.id for step in self.steps]
        _refuse_twice("step ids", ids)
        for source, target in (
            ("start", self.start),
            *((step.id, name) for step in self.steps for name in leads_to(step)),
        ):
            if target not in ids:
                raise BadValue(f"workflow: {source} names step {target!r}; expected one of {', '.join(ids)}")
        for step in self.steps:
            for path in paths_of(step):
                _refuse_nowhere(step.id, path, frozenset(ids))
            _refuse_twice(f"names of calls of step {step.id}", [call.name for call in calls_of(step)])
            if isinstance(step, ForEach):
                _refuse_unbounded(step, self)
            if isinstance(step, Decide):
                _refuse_unusable(step)

    def step(self, name: str) -> Step:
        """The step of this id."""
        return next(step for step in self.steps if step.id == name)

    @property
    def tools(self) -> frozenset[str]:
        """The declared scope: the tools this workflow may use."""
        return frozenset(call.tool for step in self.steps for call in calls_of(step))


def calls_of(step: Step) -> tuple[StepCall, ...]:
    """The calls that a step writes out."""
    match step:
        case Calls():
            return step.calls
        case ForEach():
            return (step.call,)
        case _:
            return ()


def leads_to(step: Step) -> tuple[str, ...]:
    """The steps a step can lead to."""
    match step:
        case Calls() | ForEach():
            return tuple(name for name in (step.next, step.on_denied, step.on_failed) if name)
        case Decide():
            return (*(branch.next for branch in step.branches), step.otherwise)
        case End() | GiveToPerson():
            return ()
        case _:
            assert_never(step)


def paths_of(step: Step) -> tuple[str, ...]:
    """The paths that a step reads, as they are written."""
    match step:
        case Calls():
            return tuple(path for call in step.calls for path in _paths_in(call.arguments))
        case ForEach():
            inside = (path for path in _paths_in(step.call.arguments) if not _is_of_item(path))
            return (step.over, *inside)
        case Decide():
            return step.shows
        case End():
            return tuple(_paths_in(step.result))
        case GiveToPerson():
            return ()
        case _:
            assert_never(step)


def is_path(template: Json) -> bool:
    """Whether a template is a path, to be replaced by its value (rule 2)."""
    return isinstance(template, str) and template.startswith("$.")


def fill(template: Json, scope: Mapping[str, Json]) -> Json:
    """Replaces every path of a template by its value (rule 2).

    Raises:
        BadValue: a path that leads nowhere.
    """
    match template:
        case str() if is_path(template):
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


def _paths_in(template: Json) -> list[str]:
    match template:
        case str():
            return [template] if is_path(template) else []
        case dict():
            return [path for item in template.values() for path in _paths_in(item)]
        case list():
            return [path for item in template for path in _paths_in(item)]
        case _:
            return []


def _is_of_item(path: str) -> bool:
    return path.removeprefix("$.").partition(".")[0] == ITEM


def _refuse_twice(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadValue(f"workflow: {what} occur twice: {', '.join(twice)}; expected each once")


def _refuse_nowhere(step: str, path: str, ids: frozenset[str]) -> None:
    root, _, rest = path.removeprefix("$.").partition(".")
    if not path.startswith("$.") or root not in _ROOTS:
        raise BadValue(f"workflow: step {step} reads {path!r}; expected $.task, $.inputs... or $.steps.STEP...")
    named = rest.partition(".")[0]
    if root == "steps" and named and named not in ids:
        raise BadValue(
            f"workflow: step {step} reads {path!r} of step {named!r}; expected one of {', '.join(sorted(ids))}"
        )


def _refuse_unbounded(step: ForEach, workflow: Workflow) -> None:
    if not 1 <= step.at_most <= MAX_ITEMS:
        raise BadValue(f"workflow: step {step.id} is for at most {step.at_most} items; expected 1 to {MAX_ITEMS}")
    # Empty lists call nothing: a circle of such steps alone would never come to an end.
    at: Step = step
    for _ in workflow.steps:
        at = workflow.step(at.next) if isinstance(at, ForEach) else at
    if isinstance(at, ForEach):
        raise BadValue(f"workflow: step {step.id} leads in a circle of steps that may call nothing; expected a way out")


def _refuse_unusable(step: Decide) -> None:
    try:
        ArgumentCheck(step.schema)
    except ToolInvalid as error:
        raise BadValue(f"workflow: the answer of step {step.id} cannot be checked: {error}") from None
