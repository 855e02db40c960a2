"""The ways through a plan: what makes one lead astray, found before the first step. What a step does is in `workflow`.

Rule 1. A plan goes forward: no step leads back to one that led to it, so that no run of it is longer than its steps.
Rule 2. Every step can be reached: what no way leads to would only widen the declared scope.
Rule 3. A path is good if every way to the step that reads it has passed the step that it names, and that step makes what
        it names: a call's result, a declared property of an extraction.
"""

from collections.abc import Iterator, Mapping

from dueprocess.agent.workflow import Decide, Step, Workflow, calls_of, leads_to, look_up, paths_of
from dueprocess.errors import BadValue
from dueprocess.values import Json
from dueprocess.values.foreign import quoted


def astray(plan: Workflow, known: Mapping[str, Json]) -> tuple[str, ...]:
    """Everything by which a run of this plan could lose its way. `known`: the task and its inputs."""
    circle = _circle(plan)
    if circle:
        return (f"the steps {' -> '.join(circle)} lead in a circle; expected steps that only lead forward",)
    passed = _passed(plan)
    lost = [step.id for step in plan.steps if step.id not in passed]
    if lost:
        return (f"no way leads to {', '.join(lost)}; expected each step to be reached from {plan.start}",)
    return tuple(
        problem
        for step in plan.steps
        for problem in (*_bad_paths(plan, step, passed[step.id], known), *_bad_branches(step))
    )


def _circle(plan: Workflow) -> list[str]:
    """The first circle that a walk from the start comes upon; empty where there is none."""
    done: set[str] = set()
    way: list[str] = [plan.start]
    ahead: list[Iterator[str]] = [iter(leads_to(plan.step(plan.start)))]
    while way:
        following = next(ahead[-1], None)
        if following is None:
            done.add(way.pop())
            ahead.pop()
        elif following in way:
            return [*way[way.index(following) :], following]
        elif following not in done:
            way.append(following)
            ahead.append(iter(leads_to(plan.step(following))))
    return []


def _passed(plan: Workflow) -> dict[str, frozenset[str]]:
    """Of every step that can be reached: the steps that every way to it has passed. The plan has no circle."""
    passed: dict[str, frozenset[str]] = {plan.start: frozenset()}
    changed = True
    while changed:
        changed = False
        for step in plan.steps:
            if step.id not in passed:
                continue
            behind = passed[step.id] | {step.id}
            for following in leads_to(step):
                found = passed[following] & behind if following in passed else behind
                changed = changed or found != passed.get(following)
                passed[following] = found
    return passed


def _bad_paths(plan: Workflow, step: Step, passed: frozenset[str], known: Mapping[str, Json]) -> Iterator[str]:
    for path in paths_of(step):
        root, *parts = path.removeprefix("$.").split(".")
        if root != "steps":
            try:
                look_up(path, known)
            except BadValue as error:
                yield f"step {step.id}: {error}"
        elif not parts or parts[0] not in passed:
            yield f"step {step.id} reads {quoted(path)}; expected a step that every way to it has passed: {_listed(passed)}"
        elif len(parts) > 1 and parts[1] not in _made_by(plan.step(parts[0])):
            made = _listed(_made_by(plan.step(parts[0])))
            yield f"step {step.id} reads {quoted(path)}, which step {parts[0]} does not make; expected one of {made}"


def _bad_branches(step: Step) -> Iterator[str]:
    for branch in step.branches if isinstance(step, Decide) else ():
        first = branch.path.removeprefix("$.").partition(".")[0]
        if first not in _made_by(step):
            yield f"step {step.id} branches on {quoted(branch.path)}; expected one of {_listed(_made_by(step))}"


def _made_by(step: Step) -> frozenset[str]:
    properties = step.schema.get("properties") if isinstance(step, Decide) else None
    return frozenset(properties if isinstance(properties, dict) else (call.name for call in calls_of(step)))


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
