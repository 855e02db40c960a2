import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dueprocess.errors import ModelRefused, ModelUnavailable
from dueprocess.model import Finish, ModelReply, ModelRequest, Price, Provider, Usage
from dueprocess.providers import CassetteRecorder, CassetteReplayer, Line, PydanticAi, Scripted
from dueprocess.testing import provider_contract as contract
from dueprocess.testing.model_server import REPORTED, Answer, ModelServer, answering, completion
from dueprocess.testing.provider_contract import Behaviour, Serving
from dueprocess.values import Money

PRICE = Price(input=Money(2_000_000), output=Money(8_000_000), cached_input=Money(500_000))

LINES = {
    Behaviour.ANSWERS: Line(text=contract.TEXT),
    Behaviour.CALLS: Line(calls=tuple((contract.TOOL, arguments) for arguments in contract.ARGUMENTS)),
    Behaviour.CUTS: Line(text="Hel", finish=Finish.LENGTH),
    Behaviour.IS_BUSY: Line(failure=ModelUnavailable("busy", retry_after_s=1.0)),
    Behaviour.REFUSES: Line(failure=ModelRefused("no", may_have_run=False)),
}

ANSWERS = {
    Behaviour.ANSWERS: answering(completion(contract.TEXT)),
    Behaviour.CALLS: answering(
        completion(
            None,
            calls=tuple((f"c{index}", contract.TOOL, text) for index, text in enumerate(contract.ARGUMENTS)),
            finish="tool_calls",
        )
    ),
    Behaviour.CUTS: answering(completion("Hel", finish="length")),
    Behaviour.IS_BUSY: answering({"error": {"message": contract.PROMPT}}, status=429),
    Behaviour.REFUSES: answering({"error": {"message": contract.PROMPT}}, status=400),
    Behaviour.IS_SILENT: Answer(silent=True),
}


class ScriptedBench:
    shows = frozenset(LINES)
    model = "scripted"
    reported = "script-1"
    patience_s = 20.0

    @asynccontextmanager
    async def serving(self, behaviour: Behaviour) -> AsyncIterator[Serving]:
        asked: list[str] = []

        def script(request: ModelRequest, run: str, turn: int) -> Line:
            asked.append(run)
            return LINES[behaviour]

        provider = Scripted(script, price=PRICE)
        yield Serving(provider=provider, asked=lambda: len(asked))
        await provider.close()


class PydanticAiBench:
    shows = frozenset(Behaviour)
    model = "gpt-any"
    reported = REPORTED
    patience_s = 20.0

    @asynccontextmanager
    async def serving(self, behaviour: Behaviour) -> AsyncIterator[Serving]:
        with ModelServer(ANSWERS[behaviour]) as server:
            provider = PydanticAi(base_url=server.base_url, api_key="made-up", prices={self.model: PRICE})
            try:
                yield Serving(provider=provider, asked=lambda: len(server.asked))
            finally:
                await provider.close()


class RecorderBench(PydanticAiBench):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @asynccontextmanager
    async def serving(self, behaviour: Behaviour) -> AsyncIterator[Serving]:
        async with super().serving(behaviour) as inner:
            provider = CassetteRecorder(inner.provider, self.folder / "tape.jsonl")
            try:
                yield Serving(provider=provider, asked=inner.asked)
            finally:
                await provider.close()


class RecordedThenReplayed:
    """Records each question on a tape of its own, and answers from that tape."""

    def __init__(self, inner: Provider, folder: Path) -> None:
        self.inner = inner
        self.folder = folder
        self.numbers = itertools.count()
        self.replayers: list[CassetteReplayer] = []

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        tape = self.folder / f"{next(self.numbers)}.jsonl"
        recorder = CassetteRecorder(self.inner, tape)
        try:
            await recorder.request(request, run=run, turn=turn)
        except ModelRefused:
            pass
        finally:
            await recorder.close()
        self.replayers.append(CassetteReplayer(tape))
        return await self.replayers[-1].request(request, run=run, turn=turn)

    def price(self, model: str) -> Price | None:
        return self.replayers[-1].price(model) if self.replayers else self.inner.price(model)

    async def close(self) -> None:
        for replayer in self.replayers:
            await replayer.close()


class ReplayBench(ScriptedBench):
    # What is busy once is not on a tape.
    shows = frozenset(LINES) - {Behaviour.IS_BUSY}

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @asynccontextmanager
    async def serving(self, behaviour: Behaviour) -> AsyncIterator[Serving]:
        async with super().serving(behaviour) as inner:
            provider = RecordedThenReplayed(inner.provider, self.folder)
            yield Serving(provider=provider, asked=inner.asked)


@pytest.mark.parametrize("check", contract.checks_for(ScriptedBench()), ids=str)
def test_a_scripted_model_keeps_the_contract(check: contract.Check):
    asyncio.run(check.run(ScriptedBench()))


@pytest.mark.parametrize("check", contract.checks_for(PydanticAiBench()), ids=str)
def test_a_model_over_http_keeps_the_contract(check: contract.Check):
    asyncio.run(check.run(PydanticAiBench()))


@pytest.mark.parametrize("check", contract.checks_for(RecorderBench(Path())), ids=str)
def test_a_recorded_model_keeps_the_contract(check: contract.Check, tmp_path: Path):
    asyncio.run(check.run(RecorderBench(tmp_path)))


@pytest.mark.parametrize("check", contract.checks_for(ReplayBench(Path())), ids=str)
def test_a_replayed_model_keeps_the_contract(check: contract.Check, tmp_path: Path):
    asyncio.run(check.run(ReplayBench(tmp_path)))


def test_a_bench_is_only_checked_for_what_it_shows():
    shown = {check.needs for check in contract.checks_for(ScriptedBench())}
    assert Behaviour.IS_SILENT not in shown
    assert shown == set(LINES)


def test_a_bench_that_cannot_answer_is_no_bench():
    class Mute(ScriptedBench):
        shows = frozenset({Behaviour.REFUSES})

    with pytest.raises(AssertionError, match="ANSWERS"):
        contract.checks_for(Mute())


# Negative controls: a provider that breaks one promise is found by the check of that promise. ------------------------


class Broken:
    """A good provider, and what a subclass does wrong."""

    patience_s = 20.0

    def __init__(self, inner: Provider) -> None:
        self.inner = inner

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        return await self.inner.request(request, run=run, turn=turn)

    def price(self, model: str) -> Price | None:
        return self.inner.price(model)

    async def close(self) -> None:
        await self.inner.close()


class Retries(Broken):
    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        try:
            return await super().request(request, run=run, turn=turn)
        except ModelUnavailable:
            return await super().request(request, run=run, turn=turn)


class AsksTwice(Broken):
    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        await super().request(request, run=run, turn=turn)
        return await super().request(request, run=run, turn=turn)


class HidesFailures(Broken):
    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        try:
            return await super().request(request, run=run, turn=turn)
        except ModelUnavailable:
            return ModelReply(text="", usage=Usage(), requested=request.model, reported=request.model)


class Gossips(Broken):
    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        try:
            return await super().request(request, run=run, turn=turn)
        except ModelUnavailable as error:
            raise ModelUnavailable("busy with: " + request.messages[-1].text) from error


class GossipsInItsCause(Broken):
    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        try:
            return await super().request(request, run=run, turn=turn)
        except ModelUnavailable:
            raise ModelUnavailable("busy") from ValueError(request.messages[-1].text)


class SwallowsCancellation(Broken):
    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        try:
            return await super().request(request, run=run, turn=turn)
        except asyncio.CancelledError:
            raise ModelUnavailable("cancelled") from None


class LeavesATask(Broken):
    kept: list[asyncio.Task[ModelReply]]

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        task = asyncio.ensure_future(super().request(request, run=run, turn=turn))
        self.kept = [task]
        return await asyncio.shield(task)


class HasNoTimeout(Broken):
    patience_s = 0.5

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        await asyncio.Event().wait()
        raise ModelUnavailable("never reached")


class GuessesPrices(Broken):
    def price(self, model: str) -> Price | None:
        return PRICE


class ClosesOnce(Broken):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True
        await super().close()


class EchoesTheName(Broken):
    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        reply = await super().request(request, run=run, turn=turn)
        return ModelReply(text=reply.text, usage=reply.usage, requested=reply.requested, reported=reply.requested)


@pytest.mark.parametrize(
    ("broken", "promise", "found_by"),
    [
        (Retries, "a_failure_that_may_pass_is_unavailable_and_not_retried", AssertionError),
        (AsksTwice, "one_question_gets_one_answer", AssertionError),
        (HidesFailures, "a_failure_that_may_pass_is_unavailable_and_not_retried", AssertionError),
        (Gossips, "a_failure_that_may_pass_is_unavailable_and_not_retried", AssertionError),
        (GossipsInItsCause, "a_failure_that_may_pass_is_unavailable_and_not_retried", AssertionError),
        (SwallowsCancellation, "a_cancelled_question_ends_at_once_and_leaves_no_task", AssertionError),
        (LeavesATask, "a_cancelled_question_ends_at_once_and_leaves_no_task", AssertionError),
        (HasNoTimeout, "a_silent_model_is_unavailable_after_the_timeout", TimeoutError),
        (GuessesPrices, "the_price_of_an_unknown_model_is_none", AssertionError),
        (ClosesOnce, "closing_twice_is_closing_once", RuntimeError),
        (EchoesTheName, "both_names_are_told", AssertionError),
    ],
)
def test_a_provider_that_breaks_a_promise_is_found(broken: type[Broken], promise: str, found_by: type[Exception]):
    class BrokenBench(PydanticAiBench):
        patience_s = broken.patience_s

        @asynccontextmanager
        async def serving(self, behaviour: Behaviour) -> AsyncIterator[Serving]:
            async with super().serving(behaviour) as inner:
                yield Serving(provider=broken(inner.provider), asked=inner.asked)

    bench = BrokenBench()
    (check,) = [one for one in contract.checks_for(bench) if one.name == promise]
    with pytest.raises(found_by):
        asyncio.run(check.run(bench))
