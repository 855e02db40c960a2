"""The clock of the machine, read in one place."""

import time

from dueprocess.values import Instant


class SystemClock:
    """The wall clock. It may go backwards; nothing that expires relies on it alone."""

    def now(self) -> Instant:
        """Microseconds since 1970-01-01 UTC."""
        return Instant(time.time_ns() // 1000)
