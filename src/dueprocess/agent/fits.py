"""Whether a workflow fits the tools of its agent, asked when a release is loaded. What a call may do is the gate's matter."""

from collections.abc import Iterator, Mapping

from dueprocess.agent.workflow import StepCall, Workflow, calls_of, is_path
from dueprocess.errors import ToolInvalid
from dueprocess.tool import CITATIONS, ToolSpec
from dueprocess.tool.check import UNDECLARED, check_arguments
from dueprocess.values import Json


def refuse_misfit(workflow: Workflow, tools: Mapping[str, ToolSpec]) -> None:
    """Refuses a workflow with a call that no run could make: of an unknown tool, or with arguments that never fit.

    Values that come from a path are only known in a run; all else of the arguments is checked here.

    Raises:
        ToolInvalid: naming every such call.
    """
    problems = misfits(workflow, tools)
    if problems:
        raise ToolInvalid(f"the workflow does not fit the agent's tools: {'; '.join(problems)}")


def misfits(workflow: Workflow, tools: Mapping[str, ToolSpec]) -> tuple[str, ...]:
    """The calls that no run could make, and why."""
    return tuple(
        f"step {step.id}, call {call.name}: {problem}"
        for step in workflow.steps
        for call in calls_of(step)
        for problem in _problems(call, tools)
    )


def _problems(call: StepCall, tools: Mapping[str, ToolSpec]) -> Iterator[str]:
    spec = tools.get(call.tool)
    if spec is None:
        yield f"there is no tool {call.tool!r}; expected one of {', '.join(sorted(tools)) or 'none'}"
        return
    arguments = {name: value for name, value in call.arguments.items() if name != CITATIONS}
    from_paths = frozenset(name for name, value in arguments.items() if _has_path(value))
    # In an order of their own: a schema that was stored has its keys in another one, and what is told of a plan is folded.
    for problem in sorted(check_arguments(spec, arguments), key=lambda each: (each.place, each.message)):
        # What comes from a path is not known yet: of such an argument only the name can be wrong.
        depends = bool(from_paths) if not problem.where else problem.where[0] in from_paths
        if not depends or problem.message == UNDECLARED:
            yield f"{problem.place} {problem.message}"


def _has_path(template: Json) -> bool:
    match template:
        case str():
            return is_path(template)
        case dict():
            return any(map(_has_path, template.values()))
        case list():
            return any(map(_has_path, template))
        case _:
            return False
