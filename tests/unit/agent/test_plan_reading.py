"""A plan is read whole or refused with everything that is wrong with it. Nothing that a model writes gets further than its form."""

import json
import time
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueprocess.agent import Calls, End, GiveToPerson, StepCall, Workflow, workflow_from_json, workflow_to_json
from dueprocess.agent.plan import MAX_PLAN, MAX_STEPS, Question, Refused, plan_schema, read_plan
from dueprocess.agent.workflow import Branch, Extract, ForEach
from dueprocess.tool import ToolSpec
from dueprocess.tool.check import ArgumentCheck
from dueprocess.values import canonical, parse

TOOLS = {
    spec.name: spec
    for spec in (
        ToolSpec(name="look", parameters={"type": "object", "properties": {"id": {"type": "string"}}}),
        ToolSpec(
            name="pay",
            parameters={
                "type": "object",
                "properties": {"to": {"type": "string"}, "amount_usd": {"type": "number"}},
                "required": ["to"],
            },
        ),
    )
}
KNOWN = {"task": "please", "inputs": {"order": "A-1", "deep": {"key": 1}}}
FORM = {"type": "object", "properties": {"late": {"type": "boolean"}, "to": {"type": "string"}}, "required": ["late"]}
LOOK: dict[str, Any] = {
    "id": "look",
    "kind": "calls",
    "calls": [{"name": "order", "tool": "look", "arguments": {"id": "$.inputs.order"}}],
    "next": "read",
}
READ: dict[str, Any] = {
    "id": "read",
    "kind": "extract",
    "prompt": "Is it late?",
    "shows": ["$.steps.look.order"],
    "schema": FORM,
    "branches": [{"path": "$.late", "equals": True, "next": "pay"}],
    "otherwise": "end",
}
PAY: dict[str, Any] = {
    "id": "pay",
    "kind": "calls",
    "calls": [{"name": "paid", "tool": "pay", "arguments": {"to": "$.steps.read.to", "amount_usd": 5.50}}],
    "next": "end",
    "on_denied": "person",
}
END: dict[str, Any] = {"id": "end", "kind": "end", "result": {"order": "$.steps.look.order"}}
PERSON: dict[str, Any] = {"id": "person", "kind": "give_to_person", "reason": "a person decides"}
PLAN: dict[str, Any] = {"start": "look", "steps": [LOOK, READ, PAY, END, PERSON]}


def read(plan: object, *, clarifies: bool = False) -> Workflow | Question | Refused:
    text = plan if isinstance(plan, str) else json.dumps(plan)
    return read_plan(text, tools=TOOLS, known=KNOWN, clarifies=clarifies)


def changed(step: str, **fields: object) -> dict[str, Any]:
    """The plan with some fields of one step changed; `...` takes a field away."""
    plan = deepcopy(PLAN)
    found = next(each for each in plan["steps"] if each["id"] == step)
    found.update(fields)
    for name in [name for name, value in fields.items() if value is ...]:
        del found[name]
    return plan


EACH: dict[str, Any] = {
    "id": "each",
    "kind": "for_each",
    "over": "$.steps.read.to",
    "at_most": 10,
    "call": {"name": "seen", "tool": "look", "arguments": {"id": "$.item"}},
    "next": "end",
}


def each(**fields: object) -> dict[str, Any]:
    """The plan with a step for each of a list before its end, some fields of it changed; `...` takes a field away."""
    plan = changed("read", otherwise="each")
    step = {**EACH, **fields}
    plan["steps"].insert(2, {name: value for name, value in step.items() if value is not ...})
    return plan


def refused(plan: object, *, clarifies: bool = False) -> str:
    found = read(plan, clarifies=clarifies)
    assert isinstance(found, Refused), found
    return found.reason


def test_a_plan_is_read_as_the_workflow_that_it_says():
    found = read(PLAN)
    assert isinstance(found, Workflow)
    assert found.start == "look"
    assert found.tools == {"look", "pay"}
    assert found.step("look") == Calls(
        id="look", calls=(StepCall(name="order", tool="look", arguments={"id": "$.inputs.order"}),), next="read"
    )
    assert found.step("read") == Extract(
        id="read",
        prompt="Is it late?",
        schema=FORM,
        shows=("$.steps.look.order",),
        branches=(Branch(path="$.late", equals=True, next="pay"),),
        otherwise="end",
    )
    assert found.step("end") == End(id="end", result={"order": "$.steps.look.order"})
    assert found.step("person") == GiveToPerson(id="person", reason="a person decides")


def test_a_step_for_each_of_a_list_is_read_and_kept():
    found = read(each(call={**EACH["call"], "arguments": {"id": "$.item.id"}}))
    assert isinstance(found, Workflow)
    call = StepCall(name="seen", tool="look", arguments={"id": "$.item.id"})
    assert found.step("each") == ForEach(id="each", over="$.steps.read.to", at_most=10, call=call, next="end")
    assert workflow_from_json(parse(canonical(workflow_to_json(found)))) == found
    only = {"start": "each", "steps": [{**EACH, "over": "$.inputs.order"}, {**END, "result": "$.steps.each.seen"}]}
    found = read(only)
    assert isinstance(found, Workflow)
    assert found.tools == {"look"}


def test_a_plan_survives_the_record_number_for_number():
    found = read(PLAN)
    assert isinstance(found, Workflow)
    stored = canonical(workflow_to_json(found))
    assert workflow_from_json(parse(stored)) == found
    assert '"amount_usd":5.5' in stored


def test_branches_may_be_left_out():
    plan = {
        "start": "read",
        "steps": [{**READ, "shows": ["$.task"], "branches": [], "otherwise": "end"}, {**END, "result": "ok"}],
    }
    assert isinstance(read(plan), Workflow)
    del plan["steps"][0]["branches"]
    assert isinstance(read(plan), Workflow)


def test_a_plan_may_be_that_a_person_takes_over():
    assert isinstance(read({"start": "person", "steps": [PERSON]}), Workflow)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("I will look at the order first.", "not JSON"),
        ("", "not JSON"),
        ("[]", "it is a list; expected one JSON object"),
        ("null", "it is null"),
        ("{}", "$.start is missing; $.steps is missing"),
        ('{"start":"end","start":"end","steps":[]}', "key 'start' occurs twice"),
        ('{"start":"end","steps":[{"id":"end","kind":"end","result":NaN}]}', "NaN"),
        ('{"start":"end","steps":[{"id":"end","kind":"end","result":' + "[" * 40 + "]" * 40 + "}]}", "nested too deep"),
        ("[" * 30_000, "nested too deep"),
        ('{"start":"end","steps":[{"id":"end","kind":"end","result":"' + "x" * MAX_PLAN + '"}]}', "expected at most 65536"),
        ('{"start":"end","steps":[{"id":"end","kind":"end","result":1' + "0" * 500 + "}]}", ""),
        ({**PLAN, "tools": ["pay"]}, "$.tools is not declared"),
        ({**PLAN, "start": 7}, "$.start is a number; expected string"),
        ({**PLAN, "start": "nowhere"}, "start names step 'nowhere'"),
        ({**PLAN, "steps": []}, "$.steps breaks the schema's minItems"),
        ({**PLAN, "steps": {"look": LOOK}}, "$.steps is an object; expected array"),
        ({**PLAN, "steps": [LOOK, "end"]}, "$.steps[1] is text; expected object"),
        ({**PLAN, "steps": [*PLAN["steps"], LOOK]}, "step ids occur twice: look"),
        ({"start": "s0", "steps": [{**PERSON, "id": f"s{n}"} for n in range(MAX_STEPS + 1)]}, "$.steps breaks the schema's maxItems 50"),
        (changed("look", kind="decide"), "$.steps[0].kind is 'decide'; expected one of calls, for_each, extract, end, give_to_person"),
        (changed("look", kind=["calls"]), "$.steps[0].kind is"),
        (changed("look", kind=...), "$.steps[0].kind is 'None'"),
        (changed("look", id="Look"), "$.steps[0].id breaks the schema's pattern"),
        (changed("look", id="lo.ok"), "$.steps[0].id breaks the schema's pattern"),
        (changed("look", id=""), "$.steps[0].id breaks the schema's pattern"),
        (changed("look", next=...), "$.steps[0].next is missing"),
        (changed("look", next="nowhere"), "look names step 'nowhere'; expected one of look, read, pay, end, person"),
        (changed("look", on_denied="nowhere"), "look names step 'nowhere'"),
        (changed("look", on_denied=""), "$.steps[0].on_denied breaks the schema's pattern"),
        (changed("look", prompt="?"), "$.steps[0].prompt is not declared"),
        (changed("look", calls=[]), "$.steps[0].calls breaks the schema's minItems"),
        (changed("look", calls=LOOK["calls"] * 21), "$.steps[0].calls breaks the schema's maxItems 20"),
        (changed("look", calls=LOOK["calls"] * 2), "names of calls of step look occur twice: order"),
        (changed("look", calls=[{"name": "order", "tool": "look"}]), "$.steps[0].calls[0].arguments is missing"),
        (changed("look", calls=[{**LOOK["calls"][0], "tool": "lock"}]), "there is no tool 'lock'; expected one of look, pay"),
        (changed("look", calls=[{**LOOK["calls"][0], "arguments": {"id": 7}}]), "$.id is a number; expected string"),
        (changed("look", calls=[{**LOOK["calls"][0], "arguments": {"order": "A"}}]), "$.order is not declared"),
        (changed("look", calls=[{**LOOK["calls"][0], "arguments": []}]), "$.steps[0].calls[0].arguments is a list; expected object"),
        (changed("pay", calls=[{**PAY["calls"][0], "arguments": {}}]), "$.to is missing"),
        (each(over="look"), "$.steps[2].over breaks the schema's pattern"),
        (each(over=...), "$.steps[2].over is missing"),
        (each(over="$.steps.pay.paid"), "step each reads '$.steps.pay.paid'; expected a step that every way to it has passed"),
        (each(over="$.item"), "step each reads '$.item'"),
        (each(at_most=...), "$.steps[2].at_most is missing"),
        (each(at_most=0), "$.steps[2].at_most breaks the schema's minimum"),
        (each(at_most=51), "$.steps[2].at_most breaks the schema's maximum"),
        (each(at_most=1.5), "$.steps[2].at_most is a number; expected integer"),
        (each(at_most=True), "$.steps[2].at_most is a boolean"),
        (each(call=[EACH["call"]]), "$.steps[2].call is a list; expected object"),
        (each(call={**EACH["call"], "tool": "lock"}), "step each, call seen: there is no tool 'lock'"),
        (each(call={**EACH["call"], "arguments": {"order": "$.item"}}), "$.order is not declared"),
        (each(call={**EACH["call"], "arguments": {"id": "$.itm"}}), "step each reads '$.itm'"),
        (each(calls=[EACH["call"]]), "$.steps[2].calls is not declared"),
        (each(next="each"), "step each leads in a circle"),
        (changed("look", calls=[{**LOOK["calls"][0], "arguments": {"id": "$.item"}}]), "step look reads '$.item'"),
        (changed("end", result="$.item"), "step end reads '$.item'"),
        (changed("read", shows=[]), "$.steps[1].shows breaks the schema's minItems"),
        (changed("read", shows=["look"]), "$.steps[1].shows[0] breaks the schema's pattern"),
        (changed("read", shows=["$.steps.look.order."]), "$.steps[1].shows[0] breaks the schema's pattern"),
        (changed("read", shows=["$.other"]), "step read reads '$.other'"),
        (changed("read", otherwise=...), "$.steps[1].otherwise is missing"),
        (changed("read", schema=...), "$.steps[1].schema is missing"),
        (changed("read", prompt=""), "$.steps[1].prompt breaks the schema's minLength"),
        (changed("read", schema={"type": "string"}), "declares no properties; expected type object with properties"),
        (changed("read", schema={"type": "object"}), "declares no properties"),
        (changed("read", schema={**FORM, "type": "objekt"}), "declares no properties"),
        (changed("read", schema={**FORM, "patternProperties": {"(a+)+$": {}}}), "has the keyword 'patternProperties'"),
        (changed("read", schema={**FORM, "additionalProperties": True}), "additionalProperties is not false"),
        (changed("read", schema={**FORM, "additionalProperties": {"type": "string"}}), "additionalProperties is not false"),
        (changed("read", schema={**FORM, "required": "late"}), "the answer of step read cannot be checked"),
        (changed("read", branches=[{"path": "$.early", "equals": True, "next": "pay"}]), "on '$.early'; expected one of late, to"),
        (changed("read", branches=[{"path": "$.late", "equals": True, "next": "no"}]), "read names step 'no'"),
        (changed("read", branches=[{"path": "$.late", "next": "pay"}]), "$.steps[1].branches[0].equals is missing"),
        (changed("end", result=...), "$.steps[3].result is missing"),
        (changed("person", reason=7), "$.steps[4].reason is a number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plan_is_told_and_none_of_it_is_used(plan: object, told: str):
    assert told in refused(plan)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("pattern", "(a+)+$"),
        ("$ref", "#"),
        ("allOf", []),
        ("anyOf", [{}]),
        ("format", "regex"),
        ("not", {}),
        ("$defs", {}),
        ("const", 1),
        ("if", {}),
        ("default", 1),
    ],
)
@pytest.mark.parametrize("below", [False, True])
def test_the_schema_of_an_extraction_has_a_small_vocabulary_at_every_depth(keyword: str, value: object, *, below: bool):
    part = {"type": "string", keyword: value}
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": part} if below else part}}
    assert f"has the keyword '{keyword}'" in refused(changed("read", schema=schema))


def test_the_schema_of_an_extraction_is_not_deep():
    schema: dict[str, object] = {"type": "string"}
    for _ in range(9):
        schema = {"type": "object", "properties": {"a": schema}}
    assert "nests deeper than 8 levels" in refused(changed("read", schema=schema))


def test_a_property_that_no_path_can_lead_to_is_refused():
    assert "'a.b', which no path can lead to" in refused(
        changed("read", schema={"type": "object", "properties": {"a.b": {"type": "string"}}})
    )


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("$.inputs.nothing", "$.inputs.nothing leads nowhere at 'nothing'"),
        ("$.inputs.deep.other", "leads nowhere at 'other'"),
        ("$.task.words", "leads nowhere at 'words'"),
        ("$.input.order", "step pay reads '$.input.order'"),
        ("$.steps", "expected a step that every way to it has passed: look, read"),
        ("$.steps.", "expected a step that every way to it has passed"),
        ("$.steps.end.x", "reads '$.steps.end.x'; expected a step that every way to it has passed"),
        ("$.steps.pay.paid", "reads '$.steps.pay.paid'; expected a step that every way to it has passed"),
        ("$.steps.no.x", "of step 'no'"),
        ("$.steps.look.parcel", "which step look does not make; expected one of order"),
        ("$.steps.read.early", "which step read does not make; expected one of late, to"),
        ("$.steps.look.", "which step look does not make"),
        ("$.", "step pay reads '$.'"),
    ],
)
def test_a_path_that_leads_nowhere_is_found_before_the_first_step(path: str, told: str):
    plan = changed("pay", calls=[{"name": "paid", "tool": "pay", "arguments": {"to": path}}])
    assert told in refused(plan)


@pytest.mark.parametrize(
    "path", ["$.task", "$.inputs", "$.inputs.deep.key", "$.steps.look", "$.steps.look.order.any.thing"]
)
def test_a_path_that_may_lead_somewhere_is_no_problem(path: str):
    assert isinstance(
        read(changed("pay", calls=[{"name": "paid", "tool": "pay", "arguments": {"to": path}}])), Workflow
    )


def test_a_step_that_only_some_ways_pass_cannot_be_read_where_they_meet():
    told = refused(changed("end", result="$.steps.pay.paid"))
    assert "step end reads '$.steps.pay.paid'; expected a step that every way to it has passed: look, read" in told


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (changed("look", next="look"), "the steps look -> look lead in a circle"),
        (changed("pay", next="look"), "the steps look -> read -> pay -> look lead in a circle"),
        (changed("pay", on_failed="read"), "the steps read -> pay -> read lead in a circle"),
        (changed("pay", on_denied="pay"), "the steps pay -> pay lead in a circle"),
    ],
)
def test_a_plan_that_leads_back_is_refused(plan: object, told: str):
    assert told in refused(plan)


def test_a_step_that_no_way_leads_to_is_refused_since_it_would_widen_the_scope():
    extra = {
        "id": "more",
        "kind": "calls",
        "calls": [{"name": "a", "tool": "pay", "arguments": {"to": "x"}}],
        "next": "end",
    }
    assert "no way leads to more; expected each step to be reached from look" in refused(
        {**PLAN, "steps": [*PLAN["steps"], extra]}
    )


def test_a_plan_whose_ways_part_and_meet_many_times_is_read_at_once():
    steps: list[dict[str, Any]] = []
    for n in range(MAX_STEPS // 2 - 1):
        fork = {
            **READ,
            "id": f"f{n}",
            "shows": ["$.task"],
            "branches": [{"path": "$.late", "equals": True, "next": f"g{n}"}],
        }
        steps += [{**fork, "otherwise": f"f{n + 1}"}, {**LOOK, "id": f"g{n}", "next": f"f{n + 1}"}]
    steps.append({**END, "id": f"f{MAX_STEPS // 2 - 1}", "result": "ok"})
    assert isinstance(read({"start": "f0", "steps": steps}), Workflow)


def test_i8_what_is_told_does_not_depend_on_the_order_in_which_a_schema_was_stored():
    properties = {"to": {"type": "string"}, "amount_usd": {"type": "number"}, "note": {"type": "string"}}
    call = {"name": "paid", "tool": "pay", "arguments": {"note": 1, "to": 1, "amount_usd": "x"}}
    plan = json.dumps(changed("pay", calls=[call]))
    told: set[str] = set()
    for order in (properties, dict(reversed(properties.items())), dict(sorted(properties.items()))):
        spec = ToolSpec(name="pay", parameters={"type": "object", "properties": order})
        found = read_plan(plan, tools={**TOOLS, "pay": spec}, known=KNOWN, clarifies=False)
        assert isinstance(found, Refused)
        told.add(found.reason)
    assert len(told) == 1


def test_a_plan_of_as_many_calls_as_it_may_have_is_read_in_no_time():
    calls = [{"name": f"c{n}", "tool": "pay", "arguments": {"to": 1}} for n in range(20)]
    steps = [{"id": f"s{n}", "kind": "calls", "calls": calls, "next": f"s{n + 1}"} for n in range(MAX_STEPS - 1)]
    text = json.dumps({"start": "s0", "steps": [*steps, {**PERSON, "id": f"s{MAX_STEPS - 1}"}]})
    assert len(text) < MAX_PLAN
    begun = time.perf_counter()
    assert refused(text).endswith("; and 970 more")
    assert time.perf_counter() - begun < 5


def test_many_problems_are_told_up_to_a_number():
    steps = [{**PERSON, "id": f"s{n}", "why": "?"} for n in range(30)]
    told = refused({"start": "s0", "steps": steps})
    assert told.count("is not declared") == 10
    assert told.endswith("; and 20 more")


def test_a_problem_is_cut_and_shows_nothing_that_a_reader_could_obey():
    told = refused(changed("look", calls=[{"name": "order", "tool": "\x1b[2J" + "x" * 5000, "arguments": {}}]))
    assert "\x1b" not in told
    assert len(told) < 1000


def test_a_question_is_read_only_where_the_agent_may_ask():
    asks = {"question": "Which order?"}
    assert read(asks, clarifies=True) == Question(text="Which order?")
    assert "$.question is not declared" in refused(asks)
    assert "$.question is a number" in refused({"question": 7}, clarifies=True)
    assert "$.start is not declared" in refused({**PLAN, **asks}, clarifies=True)
    assert isinstance(read(PLAN, clarifies=True), Workflow)


@pytest.mark.parametrize("clarifies", [False, True])
def test_the_schema_that_the_model_is_told_admits_what_is_read_and_names_every_kind(*, clarifies: bool):
    check = ArgumentCheck(plan_schema(clarifies=clarifies))
    assert check.problems(parse(json.dumps(PLAN))) == ()
    assert bool(check.problems({"question": "Which?"})) is not clarifies
    assert check.problems({"start": "a"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["look", "pay", "end", "$.task", "$.steps.look"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "kind", "next", "calls", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(st.data())
def test_whatever_stands_in_a_plan_it_is_read_or_refused_and_never_an_error(data: Any):
    plan = deepcopy(PLAN)
    for _ in range(data.draw(st.integers(1, 3))):
        step = data.draw(st.sampled_from(plan["steps"]))
        field = data.draw(st.sampled_from(sorted(step)))
        step[field] = data.draw(VALUES)
    found = read(json.dumps(plan), clarifies=data.draw(st.booleans()))
    if isinstance(found, Workflow):
        assert workflow_from_json(parse(canonical(workflow_to_json(found)))) == found
        assert found.tools <= TOOLS.keys()
    else:
        assert isinstance(found, Refused)
        assert found.reason
