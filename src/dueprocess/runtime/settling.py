"""What the answer of a reconcile means for the record. Asking the sink is `perform`'s."""

from dueprocess.gate import ActionSettled, ActionUnclear, Outcome, SettledBy
from dueprocess.tool import Found, Reconciled, Unclear, Voided, result_to_json
from dueprocess.values import Instant, canonical


def answer_of(answer: Reconciled, *, retry_at: Instant) -> ActionSettled | ActionUnclear:
    """The record of a reconcile's answer; `retry_at`: when the next attempt, or the next question, may come."""
    match answer:
        case Found():
            result = canonical(result_to_json(answer.value))
            return ActionSettled(outcome=Outcome.SUCCEEDED, by=SettledBy.RECONCILE, result=result)
        case Voided():
            return ActionSettled(
                outcome=Outcome.FAILED,
                by=SettledBy.RECONCILE,
                error="no effect: its key is fenced at the sink",
                voided=True,
                retry_at=retry_at,
            )
        case Unclear():
            return ActionUnclear(reason=answer.reason[:200], retry_at=retry_at)
