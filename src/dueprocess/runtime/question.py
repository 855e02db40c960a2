"""One question to the model, as an act of a run: time and money first, then the question, then its answer on the record."""

from dueprocess.agent import AskModel
from dueprocess.agent.records import BudgetExceeded, ModelFailed, Suspension
from dueprocess.errors import Defect
from dueprocess.ledger import Transaction
from dueprocess.model import ModelRequest, request_bytes
from dueprocess.runtime import ask
from dueprocess.runtime.act import retry_at, within_time
from dueprocess.runtime.journal import Item
from dueprocess.runtime.rest import rest
from dueprocess.runtime.run import Run
from dueprocess.runtime.tables import STOPS
from dueprocess.values import FOR_EVER, Instant


def ask_model(run: Run, command: AskModel) -> None:
    """Puts the question if stops, time and money admit it, and records what came back."""
    if not within_time(run):
        return
    provider = run.shell.provider
    if provider is None:
        raise Defect(f"run {run.claim.run} asks a model, and none was given to the shell")
    left_s = run.wall_clock_left() / 1_000_000
    citing = frozenset(name for name, tool in run.policy.tools.items() if tool.require_citation)
    request = ask.request_for(run.state, run.loaded.manifest, timeout_s=left_s, citing=citing)
    frame = request_bytes(_frame(request))
    outcome: list[ask.Question] = []
    stopped: list[str] = []

    def make(tx: Transaction) -> list[Item]:
        stopped.extend(
            target
            for target in ("all", f"agent:{run.loaded.manifest.agent}")
            if tx.get(STOPS, run.claim.tenant, target)
        )
        if stopped:
            return []
        admitted = ask.admit_question(
            tx,
            run.shell,
            run.state,
            request,
            frame=frame,
            turn=command.turn,
            attempt=command.attempt,
            limit=run.policy.agent.max_model_spend,
        )
        if isinstance(admitted, BudgetExceeded):
            return [Item(record=admitted)]
        outcome.append(admitted)
        return [Item(record=admitted.asked)]

    committed = run.commit(make)
    if stopped:
        rest(run, Suspension.STOP, until=FOR_EVER)
    if not committed or not outcome:
        return
    answer = ask.put(run.shell, provider, outcome[0], run=run.claim.run)
    if isinstance(answer, ModelFailed):
        _record_failure(run, answer)
        return
    run.record(*(Item(record=record) for record in ask.records_of(answer, outcome[0])))


def _record_failure(run: Run, failed: ModelFailed) -> None:
    asked_to_wait = failed.retry_at
    at = max(retry_at(run, run.policy.agent.retries, tries=run.state.model_tries), run.now() + asked_to_wait)
    run.record(
        Item(
            record=ModelFailed(
                turn=failed.turn,
                reason=failed.reason,
                retryable=failed.retryable,
                retry_at=Instant(at),
                freed=failed.freed,
            )
        )
    )


def _frame(request: ModelRequest) -> ModelRequest:
    """The request without what grows: tools and schema, whose size is counted once per question, not per message."""
    return ModelRequest(
        model=request.model,
        messages=(),
        tools=request.tools,
        schema=request.schema,
        max_output_tokens=request.max_output_tokens,
        timeout_s=request.timeout_s,
    )
