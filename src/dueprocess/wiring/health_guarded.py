"""What programs that are gone have left behind in runs of `guard`: open runs, holds, outcomes. No worker takes these up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dueprocess.gate import ActionState
from dueprocess.ledger import Reader
from dueprocess.runtime import RunStatus
from dueprocess.runtime.left_behind import Program, program_of
from dueprocess.runtime.tables import ACTIONS, ActionRow, RunRow
from dueprocess.tool import Effect
from dueprocess.values import Instant, RunId
from dueprocess.wiring.symptom import Symptom, fine, warn

LOST: Final = (ActionState.UNKNOWN.value, ActionState.DISPATCHED.value)
"""States in which nobody knows the outcome, and somebody can be asked for it."""
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """Guarded runs whose program ended without closing them, and their actions that are lost or held."""

    runs: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


def left_behind(tx: Reader, rows: Iterable[RunRow], *, now: Instant) -> LeftBehind:
    """Finds them among these runs."""
    guarded = [row for row in rows if not row.queue and row.status == RunStatus.RUNNING.value]
    gone = tuple(row.run for row in guarded if program_of(tx.events(RunId(row.run))) is not Program.RUNNING)
    actions = [action for run in gone for action in tx.find(ACTIONS, equal=(("run", run),))]
    return LeftBehind(
        runs=gone,
        lost=tuple(row.action for row in actions if _is_lost_write(row, now)),
        held=tuple(row.action for row in actions if row.state == ActionState.HELD.value),
    )


def may_be_asked_for(action: ActionRow, now: Instant) -> bool:
    """Whether an outcome that is not known is late: an attempt may still be under way until its deadline."""
    return action.state != ActionState.DISPATCHED.value or action.dispatch_before < now


def _is_lost_write(action: ActionRow, now: Instant) -> bool:
    return action.state in LOST and action.effect == Effect.WRITE.value and may_be_asked_for(action, now)


def told_of(found: LeftBehind) -> Iterator[Symptom]:
    """What to tell of them."""
    if not found.runs:
        yield fine("guarded runs", "none was left open by a program that is gone")
        return
    more = f" and {len(found.runs) - _SHOWN} more" if len(found.runs) > _SHOWN else ""
    holds = f", with {len(found.held)} held for people who would approve in vain" if found.held else ""
    yield warn(
        "guarded runs",
        f"{', '.join(found.runs[:_SHOWN])}{more}: left open by programs that are gone{holds}",
        todo="a program goes on with one that has a name by opening it; else end it: due runs cancel RUN",
    )
