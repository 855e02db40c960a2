"""A workflow that cannot run is refused when its release is loaded, long before a task comes to the step."""

import pytest
from tests.unit.runtime.shop import POLICY, Shop

from dueprocess.agent import Calls, End, StepCall, Workflow
from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.release import Manifest
from dueprocess.runtime import loaded
from dueprocess.testing.workbench import Workbench


def flow(tool: str = "look", **arguments: object) -> Workflow:
    call = StepCall(name="order", tool=tool, arguments=arguments)
    steps = (Calls(id="look", calls=(call,), next="end"), End(id="end", result="$.steps.look.order.id"))
    return Workflow(start="look", steps=steps)


@pytest.mark.parametrize(
    ("workflow", "told"),
    [
        (flow("lock", order_id="$.inputs.order"), "no tool 'lock'"),
        (flow(order="$.inputs.order"), r"\$.order_id is missing.*\$.order is not declared"),
    ],
)
def test_a_release_whose_workflow_does_not_fit_its_tools_is_not_loaded(workflow: Workflow, told: str):
    with pytest.raises(ToolInvalid, match=f"(?s)step look, call order: .*{told}"):
        Workbench(tools=Shop().tools(), policy=POLICY, workflow=workflow)


def test_a_stored_workflow_whose_answers_cannot_be_checked_is_not_loaded():
    step = {"kind": "decide", "id": "d", "prompt": "?", "schema": {"type": "strnig"}, "otherwise": "d", "branches": []}
    stored = {"start": "d", "steps": [{**step, "shows": []}]}
    manifest = Manifest(
        agent="a", prompt="", model="m", max_output_tokens=1, tools=(), policy="tools: {}", workflow=stored
    )
    with pytest.raises(BadValue, match="the answer of step d cannot be checked"):
        loaded(manifest)


def test_a_workflow_that_fits_runs():
    with Workbench(tools=Shop().tools(), policy=POLICY, workflow=flow(order_id="A")) as bench:
        run = bench.submit()
        bench.work()
        assert bench.kinds(run) == ["action.dispatched", "action.settled"]
