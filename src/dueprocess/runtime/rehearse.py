"""The dry runs of holds, for the people who are asked: made once, by whoever made the hold, after all else of its turn.

Rule 1. It is shown and decides nothing: an error or a deadline that passes is told, and the hold waits for people as before.
Rule 2. A tool whose arguments leave the house is not asked: what it would be shown has not been approved yet.
Rule 3. A worker that dies on the way leaves a hold without one; it is not made again, since it may be what killed it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Final

from dueprocess.gate import ActionHeld
from dueprocess.gate.records import ActionPreviewed
from dueprocess.ledger import Event
from dueprocess.policy import Policy
from dueprocess.runtime import perform
from dueprocess.runtime.journal import Item
from dueprocess.runtime.shell import Shell
from dueprocess.tool import Attempt
from dueprocess.values import SECOND, ActionId, Duration, Instant, PrincipalId, RunId, attempt_key, later

LONGEST: Final = Duration(10 * SECOND)  # whoever waits for the hold waits for its dry run too
_LEAVES: Final = ActionPreviewed(error="not made: what the tool is given leaves the house")


def rehearse(
    shell: Shell, policy: Policy, events: tuple[Event, ...], *, left: int, record: Callable[[Item], object]
) -> None:
    """Makes the dry runs of the holds among these events and records what each says, within `left` microseconds."""
    for action, future in [*_started(shell, policy, events, left=left)]:
        told = future.result() if isinstance(future, Future) else future
        record(Item(record=told, action=action))


def _started(
    shell: Shell, policy: Policy, events: tuple[Event, ...], *, left: int
) -> Iterator[tuple[str, "Future[ActionPreviewed] | ActionPreviewed"]]:
    for event in events:
        held = event.record
        tool = shell.tools.get(held.call.tool) if isinstance(held, ActionHeld) else None
        if not isinstance(held, ActionHeld) or tool is None or tool.dry_run is None:
            continue
        listed = policy.tools.get(tool.name)
        if listed is None or listed.egress is not None:
            yield event.envelope.action, _LEAVES
            continue
        timeout = min(LONGEST, listed.retries.timeout, max(0, left))
        attempt = _attempt(event, held, deadline=later(shell.clock.now(), Duration(timeout)))
        yield event.envelope.action, perform.preview(shell, tool, held, attempt=attempt, timeout=timeout / SECOND)


def _attempt(event: Event, held: ActionHeld, *, deadline: Instant) -> Attempt:
    # Number and key of no dispatch: those count from 1.
    action = ActionId(event.envelope.action)
    return Attempt(
        key=attempt_key(action=action, attempt=0),
        action=action,
        number=0,
        run=RunId(event.envelope.run),
        deadline=deadline,
        principal=PrincipalId(held.call.principal),
        on_behalf_of=held.call.on_behalf_of or None,
        through=held.call.through,
    )
