"""What is named on the command line: files, of which no more is read than fits, and times. What stands in files is read elsewhere.

Rule 1. No more is read than tells a file that is too large for whoever reads it, so that no name can fill the memory.
"""

from pathlib import Path
from typing import Final

from dueprocess.errors import BadValue, StoreUnavailable
from dueprocess.tool.catalogue import MAX_BYTES
from dueprocess.values import Instant, parse_duration, parse_instant
from dueprocess.values.foreign import quoted

_MOST: Final = MAX_BYTES + 1  # the largest of them is a tools file; a policy's own limit is far below


def read_input(path: Path) -> bytes:
    """The content of a policy or tools file, cut where it is too large anyway (rule 1).

    Raises:
        StoreUnavailable: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}") from None


def since_instant(text: str, *, now: Instant) -> Instant:
    """The time of `--since`: one written out, or as long ago as a duration says.

    Raises:
        BadValue: it is neither.
    """
    try:
        return Instant(max(0, now - parse_duration(text)))
    except BadValue:
        pass  # no duration: a time, or nothing
    try:
        return parse_instant(text)
    except BadValue:
        raise BadValue(
            f"--since {quoted(text)} is no time; expected a date, RFC 3339 such as 2026-11-23T18:00:00Z, "
            "or a duration such as 24h"
        ) from None
