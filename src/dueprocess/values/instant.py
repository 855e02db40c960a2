"""Points in time and lengths of time as integers of microseconds. No clock is read here."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NewType

from dueprocess.errors import BadValue

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""

Duration = NewType("Duration", int)
"""Microseconds."""

SECOND: Final = Duration(1_000_000)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FOR_EVER: Final = Instant(253_402_300_799_000_000)  # 9999-12-31T23:59:59Z, the last instant RFC 3339 can write


def parse_duration(text: str) -> Duration:
    """Reads `90s`, `15m`, `4h`, `30d`.

    Raises:
        BadValue: any other form.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadValue(f"{text!a} is not a duration; expected a whole number and a unit, such as 90s, 15m, 4h or 30d")
    return Duration(int(found[1]) * _UNITS[found[2]] * SECOND)


def seconds(count: int) -> Duration:
    """A duration of whole seconds."""
    return Duration(count * SECOND)


def later(instant: Instant, duration: Duration) -> Instant:
    """The instant this long after, at most the last one RFC 3339 can write."""
    return Instant(min(instant + duration, FOR_EVER))


def rfc3339(instant: Instant) -> str:
    """Writes an instant for a person, in UTC, to the millisecond."""
    moment = _EPOCH + timedelta(microseconds=instant)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> Instant:
    """Reads an RFC 3339 date and time, or a date alone as its first instant in UTC.

    Raises:
        BadValue: any other form, or a time without its offset.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadValue(f"{text!a} is not a time; expected RFC 3339, such as 2026-11-23T18:00:00Z") from None
    if moment.tzinfo is None:
        if len(text) != len("2026-11-23"):
            raise BadValue(f"{text!a} has no offset; expected RFC 3339 with one, such as 2026-11-23T18:00:00Z")
        moment = moment.replace(tzinfo=UTC)
    return Instant((moment - _EPOCH) // timedelta(microseconds=1))
