"""A declared workflow as playbooks: calls, decisions, branches, ends. The model is asked only where the workflow says so."""

from dataclasses import replace

import pytest
from tests.unit.agent.stage import CLAIMED, asked, config, denied, dispatched, failed, replied, submitted, succeeded

from dueprocess.agent import (
    Act,
    AskModel,
    Branch,
    Calls,
    Cancel,
    Decide,
    End,
    Finish,
    GiveToPerson,
    HandOff,
    StepCall,
    Workflow,
    turns,
    workflow_from_json,
    workflow_to_json,
)
from dueprocess.agent.fits import refuse_misfit
from dueprocess.agent.records import BudgetExceeded, CancelRequested, ClarificationAsked, ClarificationGiven
from dueprocess.agent.workflow import Extract, ForEach
from dueprocess.errors import BadValue, RecordInvalid, ToolInvalid
from dueprocess.gate import CallRecord
from dueprocess.model import Role
from dueprocess.policy import Escalation, Retries
from dueprocess.testing.playbook import Playbook
from dueprocess.tool import ToolSpec

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string"}, "deep": {"type": "object"}},
    "required": ["verdict"],
}
LOOK = Calls(
    id="look",
    calls=(
        StepCall(name="order", tool="look", arguments={"id": "$.inputs.order", "note": "plain", "list": ["$.task"]}),
    ),
    next="choose",
)
CHOOSE = Decide(
    id="choose",
    prompt="Is it late?",
    schema=SCHEMA,
    shows=("$.steps.look.order.age",),
    branches=(
        Branch(path="$.deep.down", equals="x", next="person"),
        Branch(path="$.verdict", equals="late", next="pay"),
    ),
    otherwise="end",
)
PAY = Calls(
    id="pay",
    calls=(
        StepCall(name="refund", tool="pay", arguments={"amount_usd": 5}),
        StepCall(name="again", tool="look", arguments={}),
    ),
    next="end",
    on_denied="person",
    on_failed="sorry",
)
END = End(id="end", result={"verdict": "$.steps.choose.verdict"})
SORRY = End(id="sorry", result="Sorry.")
PERSON = GiveToPerson(id="person", reason="a person decides")
FLOW = Workflow(start="look", steps=(LOOK, CHOOSE, PAY, END, SORRY, PERSON))


def looked(play: Playbook, *, found: str = '{"age":40}') -> None:
    """The first step is done; what follows is stated by the test."""
    play.on(submitted(inputs='{"order":"A-1"}'), CLAIMED)
    look = play.action(cause=1)
    play.wants(Act(actions=(look,)))
    assert play.pending(look).request.arguments == '{"id":"A-1","list":["please"],"note":"plain"}'
    play.on(dispatched(play, look), action=look, attempt=1).wants()
    play.on(succeeded(found), action=look, attempt=1)


def decided(play: Playbook, text: str = '{"verdict":"late"}', *, turn: int = 1) -> None:
    play.on(asked(turn), replied(text, turn=turn))


def at_pay(play: Playbook):
    looked(play)
    play.wants(AskModel(turn=1, attempt=1, step="choose"))
    decided(play)
    refund, again = play.action(0), play.action(1)
    play.wants(Act(actions=(refund, again)))
    return refund, again


def test_a_workflow_calls_decides_branches_and_ends():
    with Playbook(config(FLOW)) as play:
        refund, again = at_pay(play)
        shown = 'Is it late?\n\n{"$.steps.look.order.age":40}'
        assert (play.state.messages[-2].role, play.state.messages[-2].text) == (Role.USER, shown)
        play.on(dispatched(play, refund), action=refund, attempt=1).wants(Act(actions=(again,)))
        play.on(dispatched(play, again), action=again, attempt=1).wants()
        play.on(succeeded('{"paid":5}'), action=refund, attempt=1).wants()
        play.on(succeeded('{"seen":1}'), action=again, attempt=1).wants(Finish(result='{"verdict":"late"}'))
        assert play.state.results["steps"] == {
            "look": {"order": {"age": 40}},
            "choose": {"verdict": "late"},
            "pay": {"refund": {"paid": 5}, "again": {"seen": 1}},
        }


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ('{"verdict":"early"}', Finish(result='{"verdict":"early"}')),
        ('{"verdict":"late","deep":{"down":"x"}}', HandOff(reason="a person decides")),
        ('{"verdict":"late","deep":{"down":{"x":1}}}', None),
    ],
)
def test_a_decision_goes_to_the_first_branch_that_fits_else_otherwise(answer: str, wanted: object):
    with Playbook(config(FLOW)) as play:
        looked(play)
        play.wants(AskModel(turn=1, attempt=1, step="choose"))
        decided(play, answer)
        play.wants(wanted if wanted is not None else Act(actions=(play.action(0), play.action(1))))


@pytest.mark.parametrize("bad", ["no JSON", "[]", '{"verdict":7}', '{"verdict":"late","more":1}', "{}"])
def test_a_decision_that_does_not_fit_goes_back_once_and_then_to_a_person(bad: str):
    with Playbook(config(FLOW)) as play:
        looked(play)
        play.wants(AskModel(turn=1, attempt=1, step="choose"))
        decided(play, bad)
        play.wants(AskModel(turn=2, attempt=1, step="choose"))
        assert play.state.messages[-1].text.startswith("your answer ")
        decided(play, bad, turn=2)
        play.wants(HandOff(reason=play.state.messages[-1].text))


def test_a_decision_that_fits_the_second_time_goes_on():
    with Playbook(config(FLOW)) as play:
        looked(play)
        play.wants(AskModel(turn=1, attempt=1, step="choose"))
        decided(play, "well")
        play.wants(AskModel(turn=2, attempt=1, step="choose"))
        decided(play, '{"verdict":"early"}', turn=2)
        play.wants(Finish(result='{"verdict":"early"}'))
        assert play.state.invalid_turns == 0


def test_tool_calls_in_a_decision_are_never_acted_on():
    with Playbook(config(FLOW)) as play:
        looked(play)
        play.wants(AskModel(turn=1, attempt=1, step="choose"))
        play.on(asked(), replied('{"verdict":"early"}', ("pay", "{}"))).wants(Finish(result='{"verdict":"early"}'))


def test_a_denied_call_goes_where_the_step_says_once_the_others_are_settled():
    with Playbook(config(FLOW)) as play:
        refund, again = at_pay(play)
        play.on(denied(play, refund), action=refund).wants(Act(actions=(again,)))
        play.on(dispatched(play, again), action=again, attempt=1).wants()
        play.on(succeeded(), action=again, attempt=1).wants(HandOff(reason="a person decides"))


def test_a_failed_call_goes_where_the_step_says():
    with Playbook(config(FLOW, retries=Retries(max_attempts=1))) as play:
        refund, again = at_pay(play)
        for action, wanted in ((refund, Act(actions=(again,))), (again, None)):
            play.on(dispatched(play, action), action=action, attempt=1).wants(*([wanted] if wanted else []))
        play.on(succeeded(), action=again, attempt=1).wants()
        play.on(failed(), action=refund, attempt=1).wants(Finish(result="Sorry."))


@pytest.mark.parametrize(("how", "reason"), [("denied", "step look: denied"), ("failed", "step look: failed")])
def test_a_step_that_does_not_say_where_ends_with_a_person(how: str, reason: str):
    with Playbook(config(FLOW, retries=Retries(max_attempts=1))) as play:
        play.on(submitted(inputs='{"order":"A-1"}'))
        look = play.action(cause=1)
        play.wants(Act(actions=(look,)))
        if how == "denied":
            play.on(denied(play, look), action=look)
        else:
            play.on(dispatched(play, look), action=look, attempt=1).wants()
            play.on(failed(), action=look, attempt=1)
        play.wants(HandOff(reason=reason))


def test_a_path_that_leads_nowhere_ends_with_a_person_and_calls_nothing():
    with Playbook(config(FLOW)) as play:
        play.on(submitted()).wants(HandOff(reason="the workflow path $.inputs.order leads nowhere at 'order'"))


def test_a_decision_shows_nothing_that_is_not_there():
    with Playbook(config(FLOW)) as play:
        looked(play, found='{"other":1}')
        play.wants(HandOff(reason="the workflow path $.steps.look.order.age leads nowhere at 'age'"))


def test_a_decision_may_show_nothing_and_an_end_may_be_plain_text():
    flow = Workflow(
        start="choose", steps=(Decide(id="choose", prompt="Well?", schema=SCHEMA, otherwise="sorry"), SORRY)
    )
    with Playbook(config(flow)) as play:
        play.on(submitted()).wants(AskModel(turn=1, attempt=1, step="choose"))
        assert play.state.messages[-1].text == "Well?"
        decided(play)
        play.wants(Finish(result="Sorry."))


def test_a_cancellation_in_a_step_starts_nothing_new():
    with Playbook(config(FLOW)) as play:
        play.on(submitted(inputs='{"order":"A-1"}')).wants(Act(actions=(play.action(cause=1),)))
        play.on(CancelRequested(by="user:ann")).wants(Cancel(reason="cancelled by user:ann"))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Workflow(start="no", steps=(END,)),
        lambda: Workflow(start="end", steps=(END, END)),
        lambda: Workflow(start="look", steps=(LOOK, END)),
        lambda: Workflow(start="choose", steps=(CHOOSE, END)),
    ],
)
def test_a_workflow_is_valid_from_birth(build: object):
    with pytest.raises(BadValue, match=r"^workflow: "):
        build()


def decides(**changed: object):
    return lambda: Workflow(
        start="d", steps=(Decide(id="d", prompt="?", **{"schema": SCHEMA, **changed}, otherwise="end"), PLAIN)
    )


def calls(arguments: dict[str, object], *names: str):
    made = tuple(StepCall(name=name, tool="look", arguments=arguments) for name in names or ("a",))
    return lambda: Workflow(start="look", steps=(Calls(id="look", calls=made, next="end"), PLAIN))


PLAIN = End(id="end", result="done")


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (
            decides(schema={"type": "object", "properties": {"a": {"type": "wrong"}}}),
            "the answer of step d cannot be checked",
        ),
        (decides(schema={"type": "string"}), "admits no object"),
        (decides(schema={"type": "object", "$ref": "https://example.org/x"}), "not a pointer into this schema"),
        (decides(shows=("$.step.look",)), r"step d reads '\$.step.look'"),
        (decides(shows=("task",)), "step d reads 'task'"),
        (calls({"id": ["$.steps.loook.order"]}), "of step 'loook'; expected one of end, look"),
        (calls({"id": {"deep": "$.input.order"}}), "step look reads"),
        (calls({}, "a", "b", "a"), "names of calls of step look occur twice: a"),
        (lambda: Workflow(start="end", steps=(End(id="end", result=["$.steps.no.x"]),)), "of step 'no'"),
    ],
)
def test_what_is_wrong_with_a_workflow_by_itself_is_told_when_it_is_made(build: object, told: str):
    with pytest.raises(BadValue, match=rf"^workflow: .*{told}"):
        build()


def each(over: str = "$.inputs.list", following: str = "end", at_most: int = 5) -> Workflow:
    call = StepCall(name="seen", tool="look", arguments={"id": "$.item"})
    step = ForEach(id="each", over=over, at_most=at_most, call=call, next=following)
    return Workflow(start="each", steps=(step, replace(step, id="again", next="end"), PLAIN))


def test_a_declared_workflow_may_call_for_each_of_a_list_and_extract_in_quarantine():
    flow = each(following="again")
    assert flow.tools == {"look"}
    with Playbook(config(flow)) as play:
        play.on(submitted(inputs='{"list":["a"]}'))
        look = play.action()
        play.wants(Act(actions=(look,)))
        play.on(dispatched(play, look), action=look, attempt=1).wants()
        play.on(succeeded("1"), action=look, attempt=1).wants(Act(actions=(play.action(),)))
    alone = Extract(id="d", prompt="Well?", schema=SCHEMA, shows=("$.inputs.list",), otherwise="end")
    with Playbook(config(Workflow(start="d", steps=(alone, PLAIN)))) as play:
        play.on(submitted(inputs='{"list":[1]}')).wants(AskModel(turn=1, attempt=1, step="d"))
        assert "please" not in "".join(message.text for message in play.state.messages)
        decided(play)
        play.wants(Finish(result="done"))


@pytest.mark.parametrize("at_most", [0, -1, 51])
def test_a_step_for_each_of_a_list_is_bounded(at_most: int):
    with pytest.raises(BadValue, match=f"for at most {at_most} items; expected 1 to 50"):
        each(at_most=at_most)


def test_steps_that_may_call_nothing_do_not_lead_in_a_circle():
    with pytest.raises(BadValue, match="step each leads in a circle of steps that may call nothing"):
        each(following="each")
    step = each().step("each")
    assert isinstance(step, ForEach)
    other = replace(step, id="again", next="each")
    with pytest.raises(BadValue, match="leads in a circle"):
        Workflow(start="each", steps=(replace(step, next="again"), other, PLAIN))


def test_the_declared_scope_of_a_workflow_is_the_tools_it_names():
    assert FLOW.tools == {"look", "pay"}


def test_a_step_of_calls_at_its_limit_ends_with_a_person_since_it_cannot_be_taken_up_again():
    with Playbook(config(FLOW, on_budget_exceeded=Escalation.CLARIFY)) as play:
        refund, again = at_pay(play)
        play.on(dispatched(play, refund), action=refund, attempt=1).wants(Act(actions=(again,)))
        over = BudgetExceeded(key="run:r:calls", unit="calls", limit=2, spent=2, reserved=0, asked=1)
        play.on(over, action=again).wants()
        reason = "budget exceeded: calls of run: spent 2 + reserved 0 + asked 1 > limit 2"
        play.on(succeeded(), action=refund, attempt=1).wants(HandOff(reason=reason))


def test_a_decision_at_its_limit_is_taken_up_again_when_the_requester_has_answered():
    with Playbook(config(FLOW, on_budget_exceeded=Escalation.CLARIFY)) as play:
        looked(play)
        play.wants(AskModel(turn=1, attempt=1, step="choose"))
        over = BudgetExceeded(key="run:r:spend", unit="spend", limit=2, spent=2, reserved=0, asked=1)
        play.on(over).wants(*play.commands)
        play.on(ClarificationAsked(question="?"), ClarificationGiven(text="go on", by="user:ann"))
        play.wants(AskModel(turn=1, attempt=1, step="choose"))


def test_a_workflow_survives_its_release():
    assert workflow_from_json(workflow_to_json(FLOW)) == FLOW
    assert workflow_to_json(None) is None
    assert workflow_from_json(None) is None


@pytest.mark.parametrize(
    "stored", [{}, {"start": "a", "steps": [{"kind": "other"}]}, {"start": "a", "steps": [{"kind": "end", "x": 1}]}, []]
)
def test_a_stored_workflow_of_another_form_is_refused(stored: object):
    with pytest.raises(RecordInvalid, match="stored workflow"):
        workflow_from_json(stored)


def test_a_run_of_steps_whose_release_declares_no_workflow_ends_with_a_person():
    # Only a damaged store can bring this about; the run must still end with somebody.
    with Playbook(config(FLOW)) as play:
        looked(play)
        play.wants(AskModel(turn=1, attempt=1, step="choose"))
        lost = replace(play.state, config=config())
        assert turns.enter(lost, "choose", cause=1).reason == "step choose without a workflow"
        assert turns.replied(lost, 9, replied("{}")).reason == "step choose is not a decision"
        acting = replace(play.state, config=config(), phase=play.state.phase.ACTING)
        assert turns.complete(acting, 9).reason == "step choose is not a step of calls"


def test_a_call_record_names_its_step_call():
    with Playbook(config(FLOW)) as play:
        refund, _ = at_pay(play)
        call = play.call(refund)
        assert isinstance(call, CallRecord)
        assert (call.request, call.tool, call.arguments) == ("refund", "pay", '{"amount_usd":5}')


TYPED = {
    "look": ToolSpec(
        name="look",
        parameters={
            "type": "object",
            "allOf": [{"properties": {"id": {"type": "integer"}}}],
            "properties": {"note": {"type": "string"}},
            "required": ["id"],
        },
    ),
}


def misfit(tool: str = "look", **arguments: object) -> str:
    call = StepCall(name="a", tool=tool, arguments=arguments)
    flow = Workflow(start="s", steps=(Calls(id="s", calls=(call,), next="end"), PLAIN))
    with pytest.raises(ToolInvalid) as raised:
        refuse_misfit(flow, TYPED)
    return str(raised.value)


def test_a_workflow_that_calls_what_no_run_could_call_is_refused_naming_the_call():
    assert "step s, call a: there is no tool 'lookk'; expected one of look" in misfit(tool="lookk")
    assert "step s, call a: $.id is missing" in misfit()
    assert "$.id is text; expected integer" in misfit(id="seven")
    assert "$.nonte is not declared" in misfit(id=7, nonte="$.task")
    assert "$.note is a number; expected string" in misfit(id="$.inputs.id", note=7)


def test_what_comes_from_a_path_is_left_to_the_run():
    call = StepCall(name="a", tool="look", arguments={"id": "$.inputs.id", "note": "$.task", "citations": "$.inputs.c"})
    refuse_misfit(Workflow(start="s", steps=(Calls(id="s", calls=(call,), next="end"), PLAIN)), TYPED)
