"""The same inbox through a plain tool loop: what many teams ship. It is here for comparison and is no part of the gate.

Rule 1. The loop does what such loops do: whatever the model proposes is called; what raises is called again, up to
        three times; a ticket whose worker died goes to the next worker, which begins it anew. No key, no cap, no hold.
Rule 2. It has a payments file and a shop of its own. All its figures are counted from that file.
Rule 3. Killed before its end, it starts over with new files: half a run would make the comparison unfair either way.

The death of a worker is an exception here, since the loop shares its process with the demo; nothing of the ticket
survives it, as nothing of a dead process would.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NoReturn

from dueprocess.errors import BadValue, NoEffect
from dueprocess.examples.support_refunds.agent import PRINCIPAL, PROMPT
from dueprocess.examples.support_refunds.inbox import CAP, Inbox, Ticket
from dueprocess.examples.support_refunds.processor import ConnectionLost, Processor, ProcessorError
from dueprocess.examples.support_refunds.shop import Shop
from dueprocess.examples.support_refunds.sink import Refund, Sink
from dueprocess.examples.support_refunds.tools import support_tools
from dueprocess.model import Message, ModelRequest, OfferedTool, Provider, Role, ToolRequest
from dueprocess.tool import CITATIONS, Attempt, Registry, Tool, result_to_json
from dueprocess.values import (
    FOR_EVER,
    ZERO,
    ActionId,
    AttemptKey,
    Json,
    Money,
    PrincipalId,
    RunId,
    canonical,
    parse,
    run_id,
)

TRIES: Final = 3
_TURNS: Final = 12  # a plain loop has some bound too, if only the bill
_PATIENCE_S: Final = 0.1  # nothing that answers here takes longer
_MAX_OUTPUT_TOKENS: Final = 1024
_FAILURES: Final = (ProcessorError, ConnectionLost, TimeoutError, LookupError, NoEffect, BadValue)
_PAYMENTS, _SHOP, _RESULT = "plain-payments.jsonl", "plain-shop.sqlite", "plain-result.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainResult:
    """What the plain loop did, counted from its payments file.

    `double_effects`: refunds beyond the first of their order. `overspent`: what single refunds exceed the cap by.
    """

    seed: int
    refunds: int
    double_effects: int
    refunded: Money
    overspent: Money


class _WorkerDied(Exception):
    """The worker is gone, and with it all it knew of the ticket."""


def run_plain_loop(inbox: Inbox, *, folder: Path, provider: Provider, model: str = "scripted") -> PlainResult:
    """Runs the inbox through the plain loop, or returns the result of the run that is complete in this folder."""
    done = folder / _RESULT
    known = _known_result(done)
    if known is not None and known.seed == inbox.seed:
        return known
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_RESULT, _PAYMENTS, _SHOP, f"{_SHOP}-wal", f"{_SHOP}-shm"):
        (folder / name).unlink(missing_ok=True)
    sink = Sink(folder / _PAYMENTS)
    shop = Shop(folder / _SHOP, inbox.stock)
    loop = _PlainLoop(support_tools(shop, Processor(sink, inbox.faults, die=_die)), provider, model)
    asyncio.run(loop.work(inbox.tickets))
    result = _count(sink.refunds(), seed=inbox.seed)
    _keep(done, result)
    return result


def _die() -> NoReturn:
    raise _WorkerDied


def _keep(path: Path, result: PlainResult) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(asdict(result)), encoding="utf-8")
    beside.replace(path)


def _known_result(path: Path) -> PlainResult | None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        known |= {name: Money(known[name]["micros"]) for name in ("refunded", "overspent")}
        return PlainResult(**known)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _count(refunds: Iterable[Refund], *, seed: int) -> PlainResult:
    amounts = [refund.amount for refund in refunds]
    per_order = Counter(refund.order_id for refund in refunds)
    return PlainResult(
        seed=seed,
        refunds=len(amounts),
        double_effects=sum(count - 1 for count in per_order.values()),
        refunded=sum(amounts, start=ZERO),
        overspent=sum((amount - CAP for amount in amounts if amount > CAP), start=ZERO),
    )


class _PlainLoop:
    def __init__(self, tools: Registry, provider: Provider, model: str) -> None:
        self._tools = tools
        self._provider = provider
        self._model = model
        self._offered = tuple(
            OfferedTool(name=spec.name, description=spec.description, parameters=spec.parameters)
            for spec in tools.specs().values()
        )
        self._calls = 0
        self._asked = Counter[str]()

    async def work(self, tickets: Iterable[Ticket]) -> None:
        for ticket in tickets:
            for _delivery in range(TRIES):
                try:
                    await self._answer(ticket)
                except _WorkerDied:
                    continue
                break

    async def _answer(self, ticket: Ticket) -> None:
        said = [Message(role=Role.SYSTEM, text=PROMPT), Message(role=Role.USER, text=ticket.task)]
        run = run_id(tenant="plain", agent="support", task_key=ticket.id)
        for turn in range(1, _TURNS + 1):
            request = ModelRequest(
                model=self._model,
                messages=tuple(said),
                tools=self._offered,
                max_output_tokens=_MAX_OUTPUT_TOKENS,
                timeout_s=60,
            )
            reply = await self._provider.request(request, run=run, turn=turn)
            said.append(Message(role=Role.ASSISTANT, text=reply.text, requests=reply.requests))
            calls = [request for request in reply.requests if request.name in self._tools]
            if not calls:
                return
            for call in calls:
                answer = canonical(await self._call(call, run))
                said.append(Message(role=Role.TOOL, text=answer, answers=call.id))

    async def _call(self, call: ToolRequest, run: RunId) -> Json:
        tool = self._tools[call.name]
        failure = ""
        for _try in range(TRIES):
            try:
                return await self._once(tool, call, run)
            except _FAILURES as error:
                failure = type(error).__name__
        return {"error": "failed", "reason": failure}

    async def _once(self, tool: Tool, call: ToolRequest, run: RunId) -> Json:
        arguments = parse(call.arguments)
        if not isinstance(arguments, dict):
            raise BadValue("arguments that are no object")
        arguments.pop(CITATIONS, None)
        self._calls += 1
        about = str(arguments.get("order_id", ""))
        self._asked[f"{call.name} {about}"] += 1
        attempt = Attempt(
            key=AttemptKey(f"plain-{self._calls}"),
            action=ActionId(f"plain-{self._calls}"),
            number=self._asked[f"{call.name} {about}"],
            run=run,
            deadline=FOR_EVER,
            principal=PrincipalId(PRINCIPAL),
        )
        async with asyncio.timeout(_PATIENCE_S):
            # Around the gate, which is the point of this file.
            result = tool.function(**tool.keywords(tool.arguments_from(arguments), attempt=attempt))
            return result_to_json(await result if asyncio.iscoroutine(result) else result)
