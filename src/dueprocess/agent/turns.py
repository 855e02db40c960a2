"""How a run goes from turn to turn: a model's reply becomes actions, a finished batch becomes the next question or step.

Rule 1. A reply that was cut, or a request whose arguments are not one JSON object, goes back once with the error; the next
        one in a row hands the run to a person. Requests of a cut reply are never acted on.
Rule 2. Action ids derive from the event that caused them, so that a refold mints the same (I4).
Rule 3. A sub-agent is heard as its agent is; its text is its answer, and its turns are counted. What its last turn still
        asks for is not done: nobody would hear of it.
Rule 4. A workflow asks the model only in a `Decide` or `Extract` step, and offers it no tools there.
Rule 5. An agent that plans first is asked for a plan and nothing else. An invalid one goes back once; once one is on record
        the run is a run of that workflow, and the planner is not asked again.
Rule 6. An extraction is a conversation of its own: nothing that was said before is in it (I7).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from dueprocess.agent import endings
from dueprocess.agent.briefing import planner_briefing, quarantine_briefing, request_words
from dueprocess.agent.declared import workflow_from_json
from dueprocess.agent.plan import Question, Refused, read_plan
from dueprocess.agent.records import ModelReplied, PlanMade, SubAgentEnd
from dueprocess.agent.state import (
    ASK,
    BUILT_IN,
    MAX_FRUITLESS_TURNS,
    MAX_INVALID_TURNS,
    Ending,
    Pending,
    Phase,
    Result,
    RunState,
    Status,
)
from dueprocess.agent.workflow import (
    ITEM,
    Calls,
    Decide,
    End,
    Extract,
    ForEach,
    GiveToPerson,
    StepCall,
    Workflow,
    fill,
    look_up,
)
from dueprocess.errors import BadValue
from dueprocess.model import Finish, Message, Role, ToolRequest
from dueprocess.tool.check import ArgumentCheck
from dueprocess.values import Json, action_id, canonical, parse
from dueprocess.values.foreign import kind_of

_CUT = frozenset({Finish.LENGTH.value})
_FILTERED = frozenset({Finish.CONTENT_FILTER.value})


def replied(state: RunState, seq: int, record: ModelReplied) -> RunState:
    """The state after a reply: its requests as pending actions, its text as the answer, or a fault that goes back once."""
    frame = state.frame
    if frame is None:
        return _heard(state, seq, record)
    after = _heard(replace(state, frame=replace(frame, turns=frame.turns + 1)), seq, record)
    most = frame.sub_agent.max_turns
    if frame.turns + 1 < most or after.phase in {Phase.ENDING, Phase.RETURNING}:
        return after
    return endings.give_up(after, f"the sub-agent did not finish within {most} turns")  # rule 3


def _heard(state: RunState, seq: int, record: ModelReplied) -> RunState:
    said = Message(role=Role.ASSISTANT, text=record.text, requests=record.requests)
    if record.finish in _FILTERED:
        return endings.give_up(state, "the provider's content filter stopped the reply")
    if record.finish in _CUT:
        # The cut requests are not repeated to the model: providers refuse a request that has no answer.
        cut = Message(role=Role.ASSISTANT, text=record.text)
        return _send_back(state, cut, "your reply was cut off at the output limit; answer shorter")
    if state.is_planning:
        return _proposed(state, record.text)
    if state.step:
        return _decided(state, seq, said)
    built_in = next((request for request in record.requests if request.name in BUILT_IN), None)
    if built_in is not None:
        return _built_in(state, replace(said, requests=(built_in,)), built_in)
    if not record.requests:
        if state.frame is not None:
            return endings.leave_frame(state.said(said), SubAgentEnd.ANSWERED, record.text)
        return endings.begin(state.said(said), Ending.FINISH, record.text)
    pending = tuple(_pending(state, seq, index, request) for index, request in enumerate(record.requests))
    return replace(state.said(said), phase=Phase.ACTING, pending=pending)


def complete(state: RunState, seq: int) -> RunState:
    """Goes on once every pending action of the batch is settled; else returns the state as it is."""
    if state.phase is not Phase.ACTING or any(item.status is not Status.SETTLED for item in state.pending):
        return state
    if state.step:
        return _step_done(state, seq)
    answers = tuple(Message(role=Role.TOOL, text=item.answer, answers=item.request.id) for item in state.pending)
    results = [item.result for item in state.pending]
    invalid = state.invalid_turns + 1 if Result.INVALID in results else 0
    fruitless = 0 if Result.OK in results else state.fruitless_turns + 1
    after = replace(
        state.said(*answers),
        pending=(),
        phase=Phase.THINKING,
        invalid_turns=invalid,
        fruitless_turns=fruitless,
    )
    if invalid > MAX_INVALID_TURNS:
        return endings.give_up(after, "the model's tool calls do not fit their schema")
    if fruitless >= MAX_FRUITLESS_TURNS:
        return endings.give_up(after, f"no call succeeded in {fruitless} turns")
    return after


def clarified(state: RunState, text: str) -> RunState:
    """The requester has answered: the answer is the user's word, whatever the question was about."""
    last = state.messages[-1] if state.messages else None
    if last is not None and last.requests:
        # The question was a request of the model, or stands behind a batch that a limit ended: every request needs an answer.
        told = {item.request.id: item.answer for item in state.pending}
        answers = tuple(
            Message(role=Role.TOOL, text=told.get(request.id) or canonical({"answer": text}), answers=request.id)
            for request in last.requests
        )
        state = state.said(*answers)
    heard = request_words(text) if state.is_planning else text
    return replace(
        state.said(Message(role=Role.USER, text=heard)),
        pending=(),
        phase=Phase.THINKING,
        question="",
        clarified_limits=state.clarified_limits or state.ending is Ending.CLARIFY,
        ending=None,
    )


def begin(state: RunState, *, inputs: str) -> RunState:
    """Puts a run that has a workflow at its first step; one that plans first before its planner; others into the tool loop."""
    scope: dict[str, Json] = {"task": state.task, "inputs": parse(inputs), "steps": {}}
    if state.is_planning:
        briefing = planner_briefing(state.config, task=state.task, inputs=scope["inputs"])
        return replace(state.said(*briefing), results=scope)
    state = state.said(Message(role=Role.SYSTEM, text=state.config.prompt), Message(role=Role.USER, text=state.task))
    workflow = state.config.workflow
    if workflow is None:
        return state
    return enter(replace(state, results=scope), workflow.start, cause=state.seq)


def follow(state: RunState, record: PlanMade, *, cause: int) -> RunState:
    """The plan is on record: the run is at its first step."""
    plan = workflow_from_json(parse(record.plan))
    if plan is None:
        return endings.hand_off(state, "a plan without steps is on record")
    return enter(replace(state, plan=plan), plan.start, cause=cause)


def enter(state: RunState, step: str, *, cause: int) -> RunState:
    """Enters a workflow step: its calls become pending, its decision a question, its end an ending."""
    workflow = state.workflow
    if workflow is None:
        return endings.hand_off(state, f"step {step} without a workflow")
    state = replace(state, step=step, pending=())
    at = workflow.step(step)
    try:
        match at:
            case Calls():
                made = tuple(_step_pending(state, cause, index, call) for index, call in enumerate(at.calls))
                return replace(state, phase=Phase.ACTING, pending=made)
            case ForEach():
                return _for_each(state, at, cause=cause)
            case Extract():
                alone = replace(state, messages=(), shown_bytes=0, context="", phase=Phase.THINKING)
                return alone.said(*quarantine_briefing(at.prompt, _shown(state, at)))
            case Decide():
                shown = _shown(state, at)
                question = f"{at.prompt}\n\n{canonical(shown)}" if shown else at.prompt
                return replace(state.said(Message(role=Role.USER, text=question)), phase=Phase.THINKING)
            case End():
                return endings.begin(state, Ending.FINISH, _as_text(fill(at.result, state.results)))
            case GiveToPerson():
                return endings.hand_off(state, at.reason)
            case _:
                assert_never(at)
    except BadValue as error:
        return endings.hand_off(state, str(error))


def _shown(state: RunState, at: Decide) -> dict[str, Json]:
    return {path: look_up(path, state.results) for path in at.shows}


def _pending(state: RunState, seq: int, index: int, request: ToolRequest) -> Pending:
    action = action_id(run=state.run, cause=seq, index=index, revision=0)
    delegates = state.frame is None and request.name in state.config.sub_agents
    status = Status.DELEGATED if delegates else Status.DECIDE
    return Pending(action=action, cause=seq, index=index, request=request, status=status)


def _for_each(state: RunState, at: ForEach, *, cause: int) -> RunState:
    items = look_up(at.over, state.results)
    if not isinstance(items, list):
        raise BadValue(f"step {at.id} is for each of {at.over}, which is {kind_of(items)}; expected a list")
    if len(items) > at.at_most:
        raise BadValue(f"step {at.id} is for each of {len(items)} items; expected at most {at.at_most}")
    if not items:
        return enter(_remember(state, at.id, {at.call.name: []}), at.next, cause=cause)
    made = tuple(
        _step_pending(replace(state, results={**state.results, ITEM: item}), cause, index, at.call)
        for index, item in enumerate(items)
    )
    return replace(state, phase=Phase.ACTING, pending=made)


def _step_pending(state: RunState, cause: int, index: int, call: StepCall) -> Pending:
    arguments = canonical(fill(call.arguments, state.results))
    return _pending(state, cause, index, ToolRequest(id=call.name, name=call.tool, arguments=arguments))


def _step_done(state: RunState, seq: int) -> RunState:
    workflow = state.workflow
    at = workflow.step(state.step) if workflow is not None else None
    if not isinstance(at, (Calls, ForEach)):
        return endings.hand_off(state, f"step {state.step} is not a step of calls")
    results = {item.result for item in state.pending}
    answers = [parse(item.answer) for item in state.pending]
    told: dict[str, Json] = (
        {at.call.name: answers}
        if isinstance(at, ForEach)
        else {item.request.id: answer for item, answer in zip(state.pending, answers, strict=True)}
    )
    if results == {Result.OK}:
        return enter(_remember(state, at.id, told), at.next, cause=seq)
    refused = results & {Result.DENIED, Result.INVALID, Result.REFUSED}
    target = at.on_denied if refused else at.on_failed
    if not target:
        return endings.hand_off(state, f"step {at.id}: {'denied' if refused else 'failed'}")
    return enter(_remember(state, at.id, told), target, cause=seq)


def _proposed(state: RunState, text: str) -> RunState:
    # Rule 4. What it wants to call is not asked: no tool was offered.
    said = Message(role=Role.ASSISTANT, text=text)
    config = state.config
    found = read_plan(text, tools=config.tools, known=state.results, clarifies=config.clarifies)
    match found:
        case Workflow():
            return replace(state.said(said), plan=found, phase=Phase.PLANNED, invalid_turns=0)
        case Question():
            return replace(state.said(said), phase=Phase.QUESTION, question=found.text, invalid_turns=0)
        case Refused():
            return _send_back(state, said, f"the plan cannot be used: {found.reason}")
        case _:
            assert_never(found)


def _decided(state: RunState, seq: int, said: Message) -> RunState:
    workflow = state.workflow
    at = workflow.step(state.step) if workflow is not None else None
    if not isinstance(at, Decide):
        return endings.hand_off(state, f"step {state.step} is not a decision")
    if isinstance(at, Extract):
        said = replace(said, requests=())
    try:
        answer = parse(said.text)
    except BadValue as error:
        return _send_back(state, said, f"your answer is not JSON of the schema: {error}")
    problems = _schema_problems(at.schema, answer)
    if problems:
        return _send_back(state, said, f"your answer does not fit the schema: {'; '.join(problems)}")
    state = replace(_remember(state.said(said), at.id, answer), invalid_turns=0)
    scope: Mapping[str, Json] = {"answer": answer}
    for branch in at.branches:
        try:
            value = look_up("$.answer." + branch.path.removeprefix("$."), scope)
        except BadValue:
            continue
        if canonical(value) == canonical(branch.equals):
            return enter(state, branch.next, cause=seq)
    return enter(state, at.otherwise, cause=seq)


def _schema_problems(schema: dict[str, Json], answer: Json) -> tuple[str, ...]:
    if not isinstance(answer, dict):
        return ("expected one JSON object",)
    return tuple(f"{problem.place} {problem.message}" for problem in ArgumentCheck(schema).problems(answer))


def _send_back(state: RunState, said: Message, problem: str) -> RunState:
    tries = state.invalid_turns + 1
    after = state.said(said, Message(role=Role.USER, text=problem))
    after = replace(after, phase=Phase.THINKING, invalid_turns=tries)
    if tries > MAX_INVALID_TURNS:
        return endings.give_up(after, problem)
    return after


def _built_in(state: RunState, said: Message, request: ToolRequest) -> RunState:
    state = state.said(said)
    try:
        arguments = parse(request.arguments)
    except BadValue:
        arguments = None
    told = arguments.get("question" if request.name == ASK else "reason") if isinstance(arguments, dict) else None
    text = told if isinstance(told, str) else "the model gave no reason"
    if request.name == ASK:
        return replace(state, phase=Phase.QUESTION, question=text)
    who = ", ".join(state.asker.through) or "the model"
    return endings.hand_off(state, f"{who} asked for a person: {text}")


def _remember(state: RunState, step: str, value: Json) -> RunState:
    steps = state.results.get("steps")
    known = steps if isinstance(steps, dict) else {}
    return replace(state, results={**state.results, "steps": {**known, step: value}})


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value)
