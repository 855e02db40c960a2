"""Reads that a check rests on, made before the call they are for is decided. What a check asks is the gate's.

Rule 1. A read is made only if nothing else denies the call: nobody is asked for nothing.
Rule 2. It is an action of its own, under its tool's own entry, budget and rate, with the cause of the call it is for. It is
        no part of the model's turn: the model neither asked for it nor is told.
Rule 3. It is made once for a decision. Where it brings nothing the check is not met, and the call is denied.
Rule 4. One that was lost with its worker has failed: it is settled when the run is taken up again.
"""

from typing import Final

from dueprocess.agent import Pending
from dueprocess.gate import ActionSettled, ActionState, CallRecord, Outcome, SettledBy
from dueprocess.gate.checks import Renewal
from dueprocess.gate.history import History
from dueprocess.gate.judge import Judgement
from dueprocess.model import ToolRequest
from dueprocess.policy import Verdict
from dueprocess.runtime.journal import Item
from dueprocess.values import RunId, action_id, canonical

_APART: Final = 40  # bits: indexes of a turn's own calls lie far below
_OF_ONE: Final = 8  # bits: how many reads one decision may ask for


def reads_for(run: RunId, item: Pending, judged: Judgement, *, seq: int) -> tuple[Pending, ...]:
    """The reads to be made before this action can be decided; `seq`: the number of the run's last event. Mostly none."""
    wanted = reads_of(judged, tool=item.request.name)
    return tuple(
        Pending(
            action=action_id(run=run, cause=item.cause, index=index, revision=0),
            cause=item.cause,
            index=index,
            request=ToolRequest(id="", name=renewal.tool, arguments=canonical(dict(renewal.arguments))),
        )
        for index, renewal in enumerate(wanted, start=(1 + item.index << _APART) + (seq << _OF_ONE))
    )


def reads_of(judged: Judgement, *, tool: str) -> tuple[Renewal, ...]:
    """The reads that a judgement of a call of this tool asks for; none where something else denies it (rule 1)."""
    if _is_denied_anyway(judged, prefix=f"{tool}.checks."):
        return ()
    return judged.renewals[: 1 << _OF_ONE]


def is_for_a_check(call: CallRecord) -> bool:
    """Whether a recorded action is a read that the gate made for a check, and no call of the run's own (rule 2)."""
    return call.index >> _APART > 0


def lost_reads(history: History, pending: tuple[Pending, ...]) -> tuple[Item, ...]:
    """The settlements of reads that a dead worker left under way (rule 4): they belong to no turn."""
    known = {item.action for item in pending}
    record = ActionSettled(outcome=Outcome.FAILED, by=SettledBy.RECOVERY, error="its worker died", lost=True)
    return tuple(
        Item(record=record, action=call.action, attempt=1)
        for call in history.calls
        if call.state is ActionState.DISPATCHED
        and call.action not in known
        and call.tool in history.policy.check_sources
    )


def _is_denied_anyway(judged: Judgement, *, prefix: str) -> bool:
    return any(
        each.decision is Verdict.DENY and not each.advisory and not each.rule.startswith(prefix)
        for each in judged.findings
    )
