"""The agent that the playbooks play with, and short words for the events that happen to it."""

from dataclasses import replace

from dueprocess.agent import AgentConfig, Workflow
from dueprocess.agent.records import ModelAsked, ModelReplied, RunClaimed, TaskSubmitted
from dueprocess.agent.sub_agents import SubAgent
from dueprocess.gate import (
    ActionDenied,
    ActionDispatched,
    ActionHeld,
    ActionSettled,
    FindingRecord,
    Outcome,
    RequirementRecord,
    SettledBy,
)
from dueprocess.model import Finish as ModelFinish
from dueprocess.model import ToolRequest, Usage
from dueprocess.policy import AgentLimits, Retries
from dueprocess.testing.playbook import Playbook
from dueprocess.tool import Effect, Idempotency, ToolSpec
from dueprocess.values import ActionId, Instant, seconds

TOOLS = {
    spec.name: spec
    for spec in (
        ToolSpec(name="look", effect=Effect.READ),
        ToolSpec(name="search", effect=Effect.READ, retrieves=True),
        ToolSpec(name="pay", effect=Effect.WRITE),
        ToolSpec(name="pay_sink", effect=Effect.WRITE, idempotency=Idempotency.SINK),
        ToolSpec(name="pay_told", effect=Effect.WRITE, reconcile=True),
    )
}
LIMITS = AgentLimits(retries=Retries(max_attempts=3, backoff=(seconds(1), seconds(5))))
TIMEOUT = seconds(20)
EXPIRES = seconds(3600)


RESEARCHER = SubAgent(
    name="researcher", prompt="Find facts.", describe="Finds facts.", tools=("look", "search", "pay"), max_turns=3
)


def config(workflow: Workflow | None = None, *, sub_agents: tuple[SubAgent, ...] = (), **limits: object) -> AgentConfig:
    changed = replace(LIMITS, **limits)
    return AgentConfig(
        agent="support",
        prompt="Be fair.",
        limits=changed,
        tools=TOOLS,
        workflow=workflow,
        sub_agents={each.name: each for each in sub_agents},
    )


def submitted(inputs: str = "{}") -> TaskSubmitted:
    return TaskSubmitted(
        text="please", key="k", agent="support", principal="agent:support@1", on_behalf_of="user:ann", inputs=inputs
    )


CLAIMED = RunClaimed(owner="a|1|2")


def asked(turn: int = 1, attempt: int = 1) -> ModelAsked:
    return ModelAsked(
        turn=turn, attempt=attempt, model="m", context="", messages=2, request_bytes=1, max_output_tokens=16
    )


def replied(
    text: str = "", *calls: tuple[str, str], turn: int = 1, finish: ModelFinish = ModelFinish.STOP
) -> ModelReplied:
    requests = tuple(
        ToolRequest(id=f"c{turn}-{index}", name=name, arguments=arguments)
        for index, (name, arguments) in enumerate(calls)
    )
    return ModelReplied(
        turn=turn,
        text=text,
        requests=requests,
        usage=Usage(),
        requested="m",
        reported="m",
        finish=finish.value,
        cost_micros=0,
    )


def opened(play: Playbook) -> Playbook:
    """A submitted task that a driver has claimed."""
    return play.on(submitted(), CLAIMED)


def proposed(play: Playbook, *calls: tuple[str, str], turn: int = 1) -> tuple[ActionId, ...]:
    """The model is asked and proposes these calls; returns the ids of the actions."""
    play.on(asked(turn), replied("", *calls, turn=turn))
    return tuple(play.action(index) for index in range(len(calls)))


def dispatched(play: Playbook, action: ActionId) -> ActionDispatched:
    call = play.call(action)
    spec = TOOLS.get(call.tool)
    return ActionDispatched(
        call=call,
        effect=spec.effect.value if spec is not None else "write",
        sink_key="k",
        dispatch_before=play.at + TIMEOUT,
        calls=1,
    )


def held(play: Playbook, action: ActionId, **changed: object) -> ActionHeld:
    record = ActionHeld(
        call=play.call(action),
        findings=(FindingRecord(rule="pay.require_approval_over_usd", decision="hold", reason="30 > 25"),),
        digest="d",
        requirement=RequirementRecord(name="default", quorum=1, expires_after=EXPIRES, execute_within=EXPIRES),
        requesters=("agent:support",),
        expires_at=play.at + EXPIRES,
    )
    return replace(record, **changed)


def denied(play: Playbook, action: ActionId, *, rule: str = "pay.allowed") -> ActionDenied:
    finding = FindingRecord(rule=rule, decision="deny", reason="no")
    return ActionDenied(call=play.call(action), findings=(finding,))


def succeeded(result: str = '{"ok":true}', by: SettledBy = SettledBy.TOOL) -> ActionSettled:
    return ActionSettled(outcome=Outcome.SUCCEEDED, by=by, result=result)


def failed(retry_at: int = 0, *, lost: bool = False, by: SettledBy = SettledBy.TOOL) -> ActionSettled:
    return ActionSettled(outcome=Outcome.FAILED, by=by, error="Boom (1)", retry_at=retry_at, lost=lost)


def unknown(*, lost: bool = False) -> ActionSettled:
    by = SettledBy.RECOVERY if lost else SettledBy.TOOL
    return ActionSettled(outcome=Outcome.UNKNOWN, by=by, error="Timeout (1)", lost=lost)


def in_(play: Playbook, count: int) -> Instant:
    """The instant this many seconds from now."""
    return Instant(play.at + seconds(count))
