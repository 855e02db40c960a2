"""What has fallen due at holds that still wait, as events. When a resting run wakes for it is its step's; the pauses are the policy's.

Rule 1. Each reminder and the escalation is one event, whoever is first to see that it is due: the run's driver, the program
        that guards it, or a person who answers. All look and append in one transaction.
Rule 2. Nothing falls due at a hold that has expired, also where nobody looked before.
Rule 3. What is due is told from the hold's own event, not from the policy in force now: people were asked under that one.
"""

from dueprocess.approval import Notice, notices
from dueprocess.gate import ActionHeld
from dueprocess.gate.held import request_of
from dueprocess.gate.records import ApprovalEscalated, ApprovalReminded
from dueprocess.ledger import Event
from dueprocess.runtime.journal import Item
from dueprocess.values import Instant


def notice_item(action: str, notice: Notice) -> Item:
    """The event that says that this fell due."""
    record = ApprovalEscalated(due_at=notice.at, to=notice.to) if notice.to else ApprovalReminded(due_at=notice.at)
    return Item(record=record, action=action)


def fallen_due(events: list[Event], *, now: Instant) -> tuple[Item, ...]:
    """What has fallen due by now at the last hold of these events of one action and stands in none of them yet."""
    held = next((i for i in reversed(range(len(events))) if isinstance(events[i].record, ActionHeld)), None)
    record = events[held].record if held is not None else None
    if held is None or not isinstance(record, ActionHeld) or record.expires_at < now:
        return ()
    asked_at, action = Instant(events[held].envelope.at), events[held].envelope.action
    told = [notice for notice in (_told(event.record) for event in events[held:]) if notice is not None]
    due = [
        notice
        for notice in notices(request_of(record, action=action, asked_at=asked_at).requirement, asked_at=asked_at)
        if notice.at <= now and notice not in told
    ]
    return tuple(notice_item(action, notice) for notice in due)


def _told(record: object) -> Notice | None:
    match record:
        case ApprovalReminded(due_at=at):
            return Notice(at=Instant(at))
        case ApprovalEscalated(due_at=at, to=to):
            return Notice(at=Instant(at), to=to)
        case _:
            return None
