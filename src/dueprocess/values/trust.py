"""How far what enters a run may be trusted, and who may see it. What follows from a label is decided elsewhere.

Rule 1. Integrity: operator > user > endorsed > directory, system_id > untrusted. What is not labelled is untrusted.
Rule 2. Audience: public < internal < confidential < restricted. What is not labelled is internal.
"""

from dataclasses import dataclass
from enum import Enum


class Integrity(Enum):
    """How far what a source says may be trusted."""

    OPERATOR = "operator"
    USER = "user"
    ENDORSED = "endorsed"
    DIRECTORY = "directory"
    SYSTEM_ID = "system_id"
    UNTRUSTED = "untrusted"

    @property
    def rank(self) -> int:
        """The higher, the more it may be trusted (rule 1)."""
        return _INTEGRITY[self]


class Audience(Enum):
    """Who may see what a source says."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        """The higher, the fewer may see it (rule 2)."""
        return _AUDIENCE[self]


_INTEGRITY = {
    Integrity.OPERATOR: 4,
    Integrity.USER: 3,
    Integrity.ENDORSED: 2,
    Integrity.DIRECTORY: 1,
    Integrity.SYSTEM_ID: 1,
    Integrity.UNTRUSTED: 0,
}
_AUDIENCE = {each: rank for rank, each in enumerate(Audience)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is known of a span: how far it may be trusted, and who may see it."""

    integrity: Integrity = Integrity.UNTRUSTED
    audience: Audience = Audience.INTERNAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The label of all that a source says, and of the values at some paths in it. A path passes through lists."""

    label: Label = Label()
    fields: tuple[tuple[tuple[str, ...], Integrity], ...] = ()


UNLABELLED = Source()
