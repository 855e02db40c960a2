"""A clock that a test moves: nothing waits, and the same test tells the same time. The real one is in `wiring`."""

import threading
from typing import Final

from dueprocess.values import SECOND, Instant

START: Final = Instant(1_767_225_600 * SECOND)
"""2026-01-01T00:00:00Z, where a clock begins unless told otherwise."""


class FakeClock:
    """A clock that stands still until it is moved, backwards too. May be used from several threads."""

    def __init__(self, at: Instant = START) -> None:
        self._at = at
        self._lock = threading.Lock()

    def now(self) -> Instant:
        """The instant it was last moved to."""
        with self._lock:
            return self._at

    def advance(self, *, seconds: int = 0, micros: int = 0) -> Instant:
        """Moves it by this much, backwards where that is negative, and returns the new instant."""
        with self._lock:
            self._at = Instant(self._at + seconds * SECOND + micros)
            return self._at

    def set(self, at: Instant) -> None:
        """Moves it to an instant."""
        with self._lock:
            self._at = at
