"""What checking an export gives, `Verified` or `Broken`, and how a break is worded. The checking is in `verify`.

Everything here is safe to show: the fields of a readable line are printable ASCII (`event`, Rule 4), foreign bytes
appear as their number and digest, and foreign text is escaped and cut (INVARIANT I10).
"""

from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256

from dueprocess.ledger.event import Envelope

_SHOWN = 200
_DIGEST_SHOWN = 16


class Fault(Enum):
    """What kind of break was found."""

    HEADER = "header"
    """Line 1 is not a header in its one spelling."""
    KEY = "key"
    """The header names another key."""
    SIGNATURE = "signature"
    """The header's signature does not hold."""
    UNREADABLE = "unreadable"
    """A line is not an event line."""
    MISPLACED = "misplaced"
    """Another event stands where this one should: it is missing, or events were moved, doubled or put in."""
    ALTERED = "altered"
    """An event is not the one that was logged."""
    REWRITTEN = "rewritten"
    """Events were altered together with the links between them; which was the first cannot be told."""
    CUT = "cut"
    """The file ends before its last event does."""
    EXTRA = "extra"
    """Something stands behind the last event."""
    SIGNED_SO = "signed_so"
    """The file is as it was signed, but what was signed contradicts itself: the fault is the signer's."""
    OLDER = "older"
    """The export is older than the checkpoint."""
    FORKED = "forked"
    """The log does not go on from the checkpoint: one of the two histories is not the log's."""


class Anchor(Enum):
    """How the export relates to the checkpoint that it should be newer than."""

    NOT_ASKED = "not_asked"
    EXTENDS = "extends"
    CANNOT_TELL = "cannot_tell"
    """One run's events do not show whether the rest of the log goes on from the checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Every byte is as it was signed. `run` is "" for the whole log."""

    origin: str
    key_id: str
    size: int
    root: bytes
    lines: int
    run: str
    anchor: Anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first thing that does not hold.

    line_number     its line in the file; 1 is the header
    leaf            index of the event that is broken or missing; None for the header and for what is behind the end
    run, seq, kind  what the line at that place says of itself; None if it cannot be read
    fault, reason   what kind of break, and a sentence for a person
    got, expected   the compared values
    """

    line_number: int
    fault: Fault
    reason: str
    got: str
    expected: str
    leaf: int | None = None
    run: str | None = None
    seq: int | None = None
    kind: str | None = None


def in_header(fault: Fault, reason: str, *, got: str, expected: str) -> Broken:
    """A break that the header shows."""
    return Broken(line_number=1, fault=fault, reason=reason, got=got, expected=expected)


def in_event(event: Envelope, fault: Fault, *, line_number: int, reason: str, got: str, expected: str) -> Broken:
    """A break in an event that can be read."""
    return Broken(
        line_number=line_number,
        fault=fault,
        reason=reason,
        got=got,
        expected=expected,
        leaf=event.leaf,
        run=event.run,
        seq=event.seq,
        kind=event.kind,
    )


def unreadable(line: bytes, *, line_number: int, leaf: int, why: str) -> Broken:
    """A line that is not an event's, where the event with this leaf should stand."""
    return Broken(
        line_number=line_number,
        fault=Fault.UNREADABLE,
        reason=f"the line is not that of an event: {why}",
        got=summary(line),
        expected=f"the event with leaf {leaf}",
        leaf=leaf,
    )


def misplaced(event: Envelope, *, line_number: int, leaf: int) -> Broken:
    """Another event than the one with this leaf at its place."""
    reason = f"event {leaf} is not at its place: it is missing or altered, or events were moved, doubled or put in"
    found = in_event(
        event,
        Fault.MISPLACED,
        line_number=line_number,
        reason=reason,
        got=f"leaf {event.leaf}",
        expected=f"leaf {leaf}",
    )
    return replace(found, leaf=leaf)


def cut(rest: bytes, *, line_number: int, leaf: int) -> Broken:
    """The file ends before, or within, the line of the event with this leaf."""
    return Broken(
        line_number=line_number,
        fault=Fault.CUT,
        reason="the line has no line end" if rest else "the file ends before this event",
        got=summary(rest),
        expected=f"the event with leaf {leaf}, and a line end",
        leaf=leaf,
    )


def extra(found: bytes, *, line_number: int) -> Broken:
    """Something behind the last line that the header speaks of."""
    reason = "something stands behind the last event"
    return Broken(
        line_number=line_number, fault=Fault.EXTRA, reason=reason, got=summary(found), expected="the end of the file"
    )


def summary(found: bytes) -> str:
    """Foreign bytes, told apart but not shown."""
    return f"{len(found)} bytes, SHA-256 {sha256(found).hexdigest()[:_DIGEST_SHOWN]}"


def escaped(text: str) -> str:
    """Foreign text in a form that does nothing to a terminal or page."""
    return ascii(text)[1:-1][:_SHOWN]
