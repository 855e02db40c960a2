"""What falls due while a hold waits: reminders, and the moment at which it goes to others too. Telling people is not here.

Rule 1. Each falls due once, counted from when people were asked.
Rule 2. What would fall due when the hold has expired never does.
"""

from dataclasses import dataclass

from dueprocess.approval.quorum import Requirement
from dueprocess.values import Instant, later


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """At `at` a hold that is still open is brought to mind again, or goes to `to` as well."""

    at: Instant
    to: str = ""


def notices(requirement: Requirement, *, asked_at: Instant) -> tuple[Notice, ...]:
    """All that falls due while a hold of this requirement waits, in order (rules 1 and 2)."""
    found = [Notice(at=later(asked_at, pause)) for pause in requirement.remind]
    further = requirement.escalate
    if further is not None:
        found.append(Notice(at=later(asked_at, further.after), to=further.to))
    expires_at = later(asked_at, requirement.expires_after)
    return tuple(sorted((each for each in found if each.at <= expires_at), key=lambda each: (each.at, each.to)))
