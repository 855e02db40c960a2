"""A text that a pattern of a schema admits, for the plain patterns that schemas use. Whether it does is asked in `tool.check`.

Rule 1. Literals, classes, `.`, groups, `|`, `* + ? {m,n}`, `^` and `$`. Anything else makes no text: nothing is guessed.
"""

import re
from typing import Final

_CLASSES: Final = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}
_COUNT = re.compile(r"\{([0-9]+)(?:,[0-9]*)?\}")
_MOST: Final = 256  # repetitions of one part, and characters of one text
_STOP: Final = ")|"


class _Unknown(Exception):
    """A part that is not read here."""


def text_like(pattern: str) -> str | None:
    """A text for a pattern, or None where it is not of the plain ones (rule 1)."""
    try:
        reader = _Reader(pattern)
        text = reader.alternatives()
    except _Unknown:
        return None
    return text if reader.ended and len(text) <= _MOST else None


class _Reader:
    """Reads a pattern from left to right and writes what it demands at least."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at == len(self._pattern)

    def alternatives(self) -> str:
        first = self._sequence()
        while self._take("|"):
            self._sequence()
        return first

    def _sequence(self) -> str:
        parts: list[str] = []
        while not self.ended and self._pattern[self._at] not in _STOP:
            part = self._part()
            parts.append(part * self._least())
        return "".join(parts)

    def _part(self) -> str:
        sign = self._next()
        match sign:
            case "^" | "$":
                return ""
            case ".":
                return "a"
            case "[":
                return self._class()
            case "(":
                return self._group()
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                raise _Unknown
            case _:
                return sign

    def _group(self) -> str:
        if self._take("?") and not self._take(":"):
            raise _Unknown
        inside = self.alternatives()
        if not self._take(")"):
            raise _Unknown
        return inside

    def _escape(self) -> str:
        sign = self._next()
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign in _ESCAPED:
            return _ESCAPED[sign]
        if sign.isalnum():
            raise _Unknown
        return sign

    def _class(self) -> str:
        if self._take("^"):
            raise _Unknown
        first = self._next()
        found = self._escape() if first == "\\" else first
        while not self._take("]"):
            if self._next() == "\\":
                self._next()
        return found

    def _least(self) -> int:
        counted = _COUNT.match(self._pattern, self._at)
        if counted is not None:
            self._at = counted.end()
            least = int(counted[1])
            if least > _MOST:
                raise _Unknown
        elif self._take("*") or self._take("?"):
            least = 0
        else:
            self._take("+")
            least = 1
        self._take("?")
        return least

    def _next(self) -> str:
        if self.ended:
            raise _Unknown
        self._at += 1
        return self._pattern[self._at - 1]

    def _take(self, sign: str) -> bool:
        if self._pattern.startswith(sign, self._at):
            self._at += 1
            return True
        return False
