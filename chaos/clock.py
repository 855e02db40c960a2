"""The clock of a round's machine: the system's, moved by as much as the campaign says. All processes of a round see each step.

Rule 1. A step is there for everybody at once, also for a process that is in the middle of something.
"""

import os
import struct
from pathlib import Path
from typing import Final

from dueprocess.values import Instant
from dueprocess.wiring.clock import SystemClock

_OFFSET: Final = struct.Struct("<q")


class SteppingClock:
    """The system's clock plus what the file says; a file that is not there says nothing."""

    def __init__(self, path: Path) -> None:
        self._clock = SystemClock()
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path.exists() else None

    def now(self) -> Instant:
        """Microseconds since 1970-01-01 UTC, as this machine has them."""
        if self._file is None:
            return self._clock.now()
        return Instant(self._clock.now() + _OFFSET.unpack(os.pread(self._file, _OFFSET.size, 0))[0])


def step(path: Path, micros: int) -> None:
    """Moves the clock of a round, forward or back, or makes its file."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        before = os.pread(file, _OFFSET.size, 0)
        offset = _OFFSET.unpack(before)[0] if before else 0
        os.pwrite(file, _OFFSET.pack(offset + micros), 0)
    finally:
        os.close(file)
