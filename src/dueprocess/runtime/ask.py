"""Asking the model: what it is shown, what it may cost at most, and what its answer did cost.

Rule 1. The worst case is reserved in every scope before the question leaves, and synced (I6). No price under a cap: not admitted.
Rule 2. The output is clamped to what fits before anything is refused.
Rule 3. Where the provider may have charged and did not say what, the reservation stays.
"""

from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass

from dueprocess.agent import RunState
from dueprocess.agent.plan import plan_schema
from dueprocess.agent.records import (
    BudgetExceeded,
    BudgetOverrun,
    ModelAsked,
    ModelFailed,
    ModelReplied,
    Reservation,
)
from dueprocess.agent.state import BUILT_IN_TOOLS
from dueprocess.errors import ModelError, ModelUnavailable
from dueprocess.ledger import Reader
from dueprocess.meter import MAX_LIMIT, Gauge, Scope, ScopeKind, Unit, Want, left, meter_key, reserve, within
from dueprocess.model import ModelReply, ModelRequest, OfferedTool, Price, Provider, ToolRequest
from dueprocess.release import Manifest
from dueprocess.runtime.forms import exceeded_record
from dueprocess.runtime.shell import Shell
from dueprocess.runtime.tables import GAUGES
from dueprocess.tool import offered_parameters
from dueprocess.values import ZERO, Money

MIN_OUTPUT_TOKENS = 16  # an answer shorter than this is no answer: refusing is more honest than a cut reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that may be put: the request, its reservations, and the record to append before it leaves."""

    request: ModelRequest
    asked: ModelAsked
    price: Price | None


def request_for(state: RunState, manifest: Manifest, *, timeout_s: float, citing: frozenset[str]) -> ModelRequest:
    """What the model is shown now. `citing`: tools whose policy asks for citations, which the model must be able to give."""
    schema = None
    tools: tuple[OfferedTool, ...] = ()
    if state.is_planning:
        schema = plan_schema(clarifies=state.config.clarifies)
    elif state.step and state.workflow is not None:
        schema = getattr(state.workflow.step(state.step), "schema", None)
    else:
        tools = _offered(state, citing)
    own = state.frame.sub_agent.model if state.frame is not None else ""
    return ModelRequest(
        model=own or manifest.model,
        messages=state.messages,
        tools=tools,
        schema=schema,
        max_output_tokens=manifest.max_output_tokens,
        timeout_s=timeout_s,
    )


def _offered(state: RunState, citing: frozenset[str]) -> tuple[OfferedTool, ...]:
    """The tools of whoever is at work: the agent's and its sub-agents, or a sub-agent's own."""
    config, within = state.config, state.asker.within
    tools = tuple(
        OfferedTool(
            name=spec.name,
            description=spec.description,
            parameters=offered_parameters(spec, citing=spec.name in citing),
        )
        for spec in config.tools.values()
        if within is None or spec.name in within
    )
    if within is None:
        tools += tuple(sub_agent.offered for sub_agent in config.sub_agents.values())
    return (*tools, *(BUILT_IN_TOOLS if config.clarifies else ()))


def admit_question(
    tx: Reader,
    shell: Shell,
    state: RunState,
    request: ModelRequest,
    *,
    frame: int,
    turn: int,
    attempt: int,
    limit: Money,
) -> Question | BudgetExceeded:
    """Decides whether the question fits every budget (rules 1 and 2). The caller appends the record in the same transaction."""
    price = shell.provider.price(request.model) if shell.provider is not None else None
    size = state.shown_bytes + frame
    limits = _limits(shell, state, limit)
    if price is None:
        return _unpriced(limits[0])
    gauges = {key: _gauge(tx, key) for key, _ in limits}
    room = min(left(gauges[key], limit=maximum) for key, maximum in limits)
    output = min(request.max_output_tokens, price.output_that_fits(Money(room), request_bytes=size))
    clamped = max(output, MIN_OUTPUT_TOKENS)
    worst = price.worst_case(request_bytes=size, max_output_tokens=clamped).micros
    wants = tuple(Want(key=key, amount=worst, limit=maximum) for key, maximum in limits)
    reserved = reserve(gauges, wants)
    if isinstance(reserved, tuple):
        return exceeded_record(reserved[0], Unit.SPEND)
    return Question(
        request=ModelRequest(
            model=request.model,
            messages=request.messages,
            tools=request.tools,
            schema=request.schema,
            max_output_tokens=clamped,
            timeout_s=request.timeout_s,
        ),
        asked=ModelAsked(
            turn=turn,
            attempt=attempt,
            model=request.model,
            context=state.context,
            messages=len(request.messages),
            request_bytes=size,
            max_output_tokens=clamped,
            reserved=tuple(Reservation(key=key, amount=worst) for key, _ in limits),
            through=state.asker.through,
        ),
        price=price,
    )


def put(shell: Shell, provider: Provider, question: Question, *, run: str) -> ModelReply | ModelFailed:
    """Asks the provider once and waits. A failure comes back as the record of it; the reservation stays where it may have cost."""
    turn = question.asked.turn
    timeout = question.request.timeout_s
    work = shell.loop.submit(provider.request(question.request, run=run, turn=turn))
    try:
        return work.result(timeout=timeout)
    except (FutureTimeout, CancelledError):
        work.cancel()
        return ModelFailed(turn=turn, reason=f"no answer in {timeout:g} s", retryable=True)
    except ModelError as error:
        freed = () if error.may_have_run else question.asked.reserved
        wait = int((error.retry_after_s or 0) * 1_000_000) if isinstance(error, ModelUnavailable) else 0
        retryable = isinstance(error, ModelUnavailable)
        return ModelFailed(turn=turn, reason=_whole(str(error)), retryable=retryable, retry_at=wait, freed=freed)


def records_of(reply: ModelReply, question: Question) -> tuple[object, ...]:
    """The records of an answer: `model.replied`, and `budget.overrun` where it cost more than was reserved."""
    cost = question.price.cost(reply.usage) if question.price is not None else ZERO
    replied = ModelReplied(
        turn=question.asked.turn,
        text=_whole(reply.text),
        requests=tuple(_whole_request(request) for request in reply.requests),
        usage=reply.usage,
        requested=reply.requested,
        reported=_whole(reply.reported),
        finish=reply.finish.value,
        cost_micros=cost.micros,
        settles=question.asked.reserved,
        through=question.asked.through,
    )
    over = next((item for item in question.asked.reserved if cost.micros > item.amount), None)
    if over is None:
        return (replied,)
    return replied, BudgetOverrun(key=over.key, reserved=over.amount, used=cost.micros)


def _whole(text: str) -> str:
    # A lone surrogate can be neither stored nor sent on. As its JSON escape it is, and JSON readers refuse it by name.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _whole_request(request: ToolRequest) -> ToolRequest:
    return ToolRequest(id=_whole(request.id), name=_whole(request.name), arguments=_whole(request.arguments))


def _limits(shell: Shell, state: RunState, limit: Money) -> tuple[tuple[str, int], ...]:
    scopes: list[tuple[ScopeKind, str, int]] = [(ScopeKind.RUN, state.run, limit.micros)]
    wider = {
        ScopeKind.TASK: state.run,
        ScopeKind.SESSION: within(shell.tenant, state.session) if state.session else "",
        ScopeKind.AGENT: within(shell.tenant, state.config.agent),
        ScopeKind.TENANT: shell.tenant,
    }
    for kind, name in wider.items():
        if name and kind in shell.spend_limits:
            scopes.append((kind, name, shell.spend_limits[kind].micros))
    return tuple(
        (meter_key(Scope(kind=kind, id=name), Unit.SPEND), min(maximum, MAX_LIMIT)) for kind, name, maximum in scopes
    )


def _gauge(tx: Reader, key: str) -> Gauge:
    row = tx.get(GAUGES, key)
    return Gauge(spent=row.spent, reserved=row.reserved) if row is not None else Gauge()


def _unpriced(scope: tuple[str, int]) -> BudgetExceeded:
    # INVARIANT I6: no price, no admission. The whole limit stands for the unknown worst case.
    key, limit = scope
    return BudgetExceeded(key=key, unit="unpriced", limit=limit, spent=0, reserved=0, asked=MAX_LIMIT)
