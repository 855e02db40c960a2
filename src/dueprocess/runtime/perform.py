"""The one place where a side-effecting function runs (I1): on exactly the arguments that were decided, after the intent is durable.

Rule 1. No intent, no call: an attempt is made only from an `action.dispatched` event that this process just committed.
Rule 2. An attempt whose `dispatch_before` has passed before it starts is not started: it surely had no effect.
Rule 3. A write that raises `NoEffect` failed; one that raises anything else, or overruns its deadline, is unknown (I4).
        A read that raises or overruns failed.
Rule 4. A dry run is a read with a deadline, of the arguments as they are held. Whatever goes wrong in it is told, and
        decides nothing.
Rule 5. No message of a foreign exception is recorded: its class name and a digest (I10).
"""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from dueprocess.errors import BadValue, NoEffect
from dueprocess.gate import ActionDispatched, ActionHeld, ActionSettled, Outcome, SettledBy
from dueprocess.gate.records import ActionPreviewed
from dueprocess.ledger import Event
from dueprocess.runtime.host import HostFailed
from dueprocess.runtime.shell import Shell
from dueprocess.tool import Attempt, Effect, Found, Reconciled, Tool, Unclear, Voided, result_to_json
from dueprocess.values import (
    ActionId,
    AttemptKey,
    Instant,
    PrincipalId,
    RunId,
    canonical,
    parse,
)
from dueprocess.values.foreign import described

RECONCILE_TIMEOUT_S: Final = 10.0  # a sink that takes longer to look up a key is asked again later


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """An attempt that may be made: its intent as committed."""

    intent: ActionDispatched
    attempt: Attempt

    @property
    def is_write(self) -> bool:
        """Whether the tool acts on the world."""
        return self.intent.effect == Effect.WRITE.value


def dispatch_of(event: Event) -> Dispatch | None:
    """The attempt behind a committed `action.dispatched` event; None for any other event."""
    envelope, record = event.envelope, event.record
    if not isinstance(record, ActionDispatched):
        return None
    attempt = Attempt(
        key=AttemptKey(record.sink_key),
        action=ActionId(envelope.action),
        number=envelope.attempt,
        run=RunId(envelope.run),
        deadline=Instant(record.dispatch_before),
        principal=PrincipalId(record.call.principal),
        on_behalf_of=record.call.on_behalf_of or None,
        through=record.call.through,
    )
    return Dispatch(intent=record, attempt=attempt)


def start(shell: Shell, tool: Tool, dispatch: Dispatch) -> "Future[ActionSettled]":
    """Starts an attempt and returns at once; the future never raises and is done by the deadline."""
    return shell.loop.submit(_attempt(shell, tool, dispatch))


def make(shell: Shell, tool: Tool, dispatch: Dispatch) -> ActionSettled:
    """Makes an attempt and waits for it. A sync function runs in this thread, to its end: what comes late is still the truth."""
    if inspect.iscoroutinefunction(tool.function):
        return start(shell, tool, dispatch).result()
    if dispatch.attempt.deadline <= shell.clock.now():
        return _failed(SettledBy.TOOL, "not started: its deadline had passed")
    keywords = _keywords(tool, dispatch)
    if isinstance(keywords, ActionSettled):
        return keywords
    try:
        value = tool.function(**keywords)
        if inspect.isawaitable(value):
            # Only what was awaited has happened: an awaitable that is thrown away would be recorded as done.
            value = shell.loop.submit(_awaited(value)).result()
        return _succeeded(value)
    except NoEffect as error:
        return _failed(SettledBy.TOOL, described(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - see `_attempt`
        return _unknown_or_failed(dispatch, described(error))


async def _attempt(shell: Shell, tool: Tool, dispatch: Dispatch) -> ActionSettled:
    seconds = (dispatch.attempt.deadline - shell.clock.now()) / 1_000_000
    if seconds <= 0:
        return _failed(SettledBy.TOOL, "not started: its deadline had passed")
    keywords = _keywords(tool, dispatch)
    if isinstance(keywords, ActionSettled):
        return keywords
    try:
        if dispatch.is_write and not tool.is_async:
            arguments = dispatch.intent.call.arguments
            return _succeeded(
                await shell.loop.hosts.run(tool, arguments=arguments, attempt=dispatch.attempt, timeout_s=seconds)
            )
        return _succeeded(await asyncio.wait_for(_call(tool.function, keywords), timeout=seconds))
    except NoEffect as error:
        return _failed(SettledBy.TOOL, described(error))
    except TimeoutError:
        return _unknown_or_failed(dispatch, "no answer before the deadline")
    except asyncio.CancelledError:
        return _unknown_or_failed(dispatch, "cancelled while it ran")
    except HostFailed as error:
        return _unknown_or_failed(dispatch, error.described)
    # The one broad catch of the project: whatever a tool raises becomes an event.
    except Exception as error:  # noqa: BLE001
        return _unknown_or_failed(dispatch, described(error))


def reconcile(shell: Shell, tool: Tool, dispatch: Dispatch, *, timeout: float) -> Reconciled:
    """Asks the sink what became of an attempt, and fences its key. Whatever goes wrong is `Unclear`."""
    companion = tool.reconcile
    if companion is None:
        return Unclear("the tool has no reconcile")
    try:
        arguments = parse(dispatch.intent.call.arguments)
        values = tool.arguments_from(arguments if isinstance(arguments, dict) else {})
        keywords = companion.arguments(values, attempt=dispatch.attempt)
        work = shell.loop.submit(asyncio.wait_for(_call(companion.function, keywords), timeout=timeout))
        answer: Any = work.result(timeout=timeout + 5)
    except (FutureTimeout, CancelledError):
        return Unclear("no answer before the deadline")
    except Exception as error:  # noqa: BLE001 - see above
        return Unclear(described(error))
    if isinstance(answer, (Found, Voided, Unclear)):
        return answer
    return Unclear(
        f"the reconcile of {tool.name} answered a {type(answer).__name__}; expected Found, Voided or Unclear"
    )


def preview(
    shell: Shell, tool: Tool, held: ActionHeld, *, attempt: Attempt, timeout: float
) -> "Future[ActionPreviewed]":
    """Starts the dry run of a held call and returns at once; the future never raises and is done by the timeout."""
    return shell.loop.submit(_preview(tool, held, attempt=attempt, seconds=timeout))


async def _preview(tool: Tool, held: ActionHeld, *, attempt: Attempt, seconds: float) -> ActionPreviewed:
    if tool.dry_run is None:
        return ActionPreviewed(error="the tool has no dry run")
    try:
        arguments = parse(held.call.arguments)
        values = tool.arguments_from(arguments if isinstance(arguments, dict) else {})
        keywords = tool.dry_run.arguments(values, attempt=attempt)
        async with asyncio.timeout(seconds):
            value = await _look(tool.dry_run.function, keywords)
        return ActionPreviewed(result=canonical(result_to_json(value)))
    except BadValue as error:
        return ActionPreviewed(error=f"the arguments do not fit the function: {error}")
    except (TimeoutError, asyncio.CancelledError):
        return ActionPreviewed(error="no answer in time")
    except Exception as error:  # noqa: BLE001 - see above
        return ActionPreviewed(error=described(error))


async def _look(function: Callable[..., Any], keywords: dict[str, object]) -> object:
    if inspect.iscoroutinefunction(function):
        return await function(**keywords)
    # In a thread that nobody waits for: one that never comes back must not keep the program from its end.
    loop, answer = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def tell(value: object, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(error if isinstance(error, Exception) else HostFailed(described(error)))

    def work() -> None:
        try:
            value, failed = function(**keywords), None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - see above
            value, failed = None, error
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody asks any more
            loop.call_soon_threadsafe(tell, value, failed)

    threading.Thread(target=work, name="dueprocess-dry-run", daemon=True).start()
    value = await answer
    return await value if inspect.isawaitable(value) else value


def _keywords(tool: Tool, dispatch: Dispatch) -> dict[str, object] | ActionSettled:
    # INVARIANT I1: the function gets exactly the arguments that were decided, read from the committed intent.
    try:
        arguments = parse(dispatch.intent.call.arguments)
        values = tool.arguments_from(arguments if isinstance(arguments, dict) else {})
        return tool.keywords(values, attempt=dispatch.attempt)
    except BadValue as error:
        return _failed(SettledBy.TOOL, f"the arguments do not fit the function: {error}")


def _succeeded(value: object) -> ActionSettled:
    return ActionSettled(outcome=Outcome.SUCCEEDED, by=SettledBy.TOOL, result=canonical(result_to_json(value)))


async def _call(function: Callable[..., Any], keywords: dict[str, object]) -> object:
    try:
        if inspect.iscoroutinefunction(function):
            return await function(**keywords)
        value: object = await asyncio.to_thread(function, **keywords)
        return await value if inspect.isawaitable(value) else value
    except (SystemExit, KeyboardInterrupt) as error:
        # An event loop ends with these, and every run of this process would wait for it for ever.
        raise HostFailed(described(error)) from None


async def _awaited(value: Awaitable[object]) -> object:
    return await value


def _unknown_or_failed(dispatch: Dispatch, error: str) -> ActionSettled:
    if dispatch.is_write:
        return ActionSettled(outcome=Outcome.UNKNOWN, by=SettledBy.TOOL, error=error)
    return _failed(SettledBy.TOOL, error)


def _failed(by: SettledBy, error: str) -> ActionSettled:
    return ActionSettled(outcome=Outcome.FAILED, by=by, error=error)
