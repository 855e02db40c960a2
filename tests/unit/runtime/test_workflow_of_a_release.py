"""A workflow that cannot run is refused when its release is loaded, long before a task comes to the step."""

from dataclasses import replace

import pytest
from tests.unit.runtime.shop import POLICY, Shop

from dueprocess.agent import Calls, End, StepCall, Workflow
from dueprocess.agent.briefing import planner_briefing
from dueprocess.agent.sub_agents import SubAgent
from dueprocess.errors import BadValue, RecordInvalid, ToolInvalid
from dueprocess.release import Manifest
from dueprocess.release.manifest import Mode
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
        (flow(order="$.inputs.order"), r"\$.order is not declared.*\$.order_id is missing"),
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


MANIFEST = Manifest(agent="a", prompt="", model="m", max_output_tokens=1, tools=(), policy="tools: {}")


def test_a_release_that_plans_first_is_another_one_and_is_read_again_as_it_was():
    plans = replace(MANIFEST, mode=Mode.PLAN_FIRST)
    assert plans.digest != MANIFEST.digest
    assert Manifest.from_text(plans.to_text()) == plans
    assert loaded(plans).config.mode is Mode.PLAN_FIRST


def test_a_release_of_before_there_was_a_choice_keeps_its_digest_and_its_way():
    text = MANIFEST.to_text()
    assert '"mode"' not in text
    assert Manifest.from_text(text) == MANIFEST
    assert Manifest.from_text(text).mode is Mode.TOOL_LOOP


def test_a_stored_mode_of_another_version_is_refused():
    text = replace(MANIFEST, mode=Mode.PLAN_FIRST).to_text().replace("plan_first", "plan_last")
    with pytest.raises(RecordInvalid, match="'plan_last' is not a valid Mode"):
        Manifest.from_text(text)


def test_a_release_has_a_workflow_or_plans_and_not_both():
    with pytest.raises(BadValue, match="agent support has a workflow and is to plan first"):
        Workbench(tools=Shop().tools(), policy=POLICY, workflow=flow(order_id="A"), mode=Mode.PLAN_FIRST)
    helper = SubAgent(name="helper", prompt="Help.", describe="Helps.")
    with pytest.raises(BadValue, match="agent support has sub_agents and is to plan first"):
        Workbench(tools=Shop().tools(), policy=POLICY, sub_agents=(helper,), mode=Mode.PLAN_FIRST)


def test_a_release_whose_policy_asks_for_evidence_tells_its_planner_so():
    post = Shop().tools()
    with Workbench(
        tools=post, policy=POLICY.replace("pay: {allowed: true", "pay: {allowed: true, require_citation: true")
    ) as bench:
        assert bench.release.config.citing == {"pay"}
        told = planner_briefing(bench.release.config, task="", inputs={})[0].text
    assert told.count("Evidence for this call") == 1


def test_a_workflow_that_fits_runs():
    with Workbench(tools=Shop().tools(), policy=POLICY, workflow=flow(order_id="A")) as bench:
        run = bench.submit()
        bench.work()
        assert bench.kinds(run) == ["action.dispatched", "action.settled"]
