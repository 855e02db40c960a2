"""Whether enough of the right, distinct people have approved. Who they are was established elsewhere.

Rule 1. A person counts once, however often and from wherever they approve.
Rule 2. `any_of`: a person counts who is named or in one of the groups named.
Rule 3. `all_of`: each entry needs a person of its own; one person in two groups counts for one of them.
Rule 4. `quorum` is the number of people in total; at least one person is always needed.
Rule 5. A hold that nobody answers goes to others too: from then on they count like those of `any_of`, and for no entry
        of `all_of`.
"""

from dataclasses import dataclass, replace

from dueprocess.values import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Who may answer as well, a group or a person, once a hold has waited this long."""

    after: Duration
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Who must approve, and how long they and the executor have. Entries are `group:NAME` or `user:NAME`.

    `remind`: how long a hold waits before each reminder.
    """

    name: str
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    quorum: int = 1
    expires_after: Duration
    execute_within: Duration
    editable: tuple[str, ...] = ()
    remind: tuple[Duration, ...] = ()
    escalate: Escalation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's yes, with the groups that identity vouched for at that moment and how it was established."""

    by: str
    groups: tuple[str, ...] = ()
    how: str = ""


def after(requirement: Requirement, waited: Duration) -> Requirement:
    """The requirement of a hold that has waited this long (rule 5)."""
    further = requirement.escalate
    if further is None or waited < further.after:
        return requirement
    return replace(requirement, any_of=(*requirement.any_of, further.to))


def eligible(requirement: Requirement, approval: Approval) -> bool:
    """Whether this person may count at all."""
    return any(_matches(entry, approval) for entry in requirement.any_of + requirement.all_of)


def reached(requirement: Requirement, approvals: tuple[Approval, ...]) -> bool:
    """Whether these approvals suffice (rules 1 to 4)."""
    people = tuple({approval.by: approval for approval in approvals if eligible(requirement, approval)}.values())
    if len(people) < max(1, requirement.quorum):
        return False
    return _each_has_own(requirement.all_of, people)


def _each_has_own(entries: tuple[str, ...], people: tuple[Approval, ...]) -> bool:
    # Whoever fits several entries moves on when another fits only theirs: trying every order would take for ever.
    counts_for: dict[int, int] = {}

    def seat(entry: int, asked: set[int]) -> bool:
        for index, person in enumerate(people):
            if index in asked or not _matches(entries[entry], person):
                continue
            asked.add(index)
            if index not in counts_for or seat(counts_for[index], asked):
                counts_for[index] = entry
                return True
        return False

    return all(seat(entry, set()) for entry in range(len(entries)))


def _matches(entry: str, approval: Approval) -> bool:
    return entry == approval.by or entry in approval.groups
