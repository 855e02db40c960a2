"""What a reader of foreign bytes may use up, and the one error that it may raise. The formats are beside this file.

Rule 1. Bytes, depth, parts and time are bounded; what goes beyond is `Unreadable`, never a bomb.
Rule 2. Foreign bytes raise nothing but `Unreadable`; its message never holds their text.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.evidence import Part, Visibility

MAX_BYTES: Final = 32 << 20
MAX_PARTS: Final = 20_000
MAX_DEPTH: Final = 400  # elements in elements: browsers stop at 512
SECONDS: Final = 30.0


class Unreadable(BadValue):
    """These bytes are not of their format, damaged, encrypted, or larger or slower to read than is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one document may use up. `seconds` counts from when the limits are made into a `Budget`."""

    bytes: int = MAX_BYTES
    parts: int = MAX_PARTS
    seconds: float = SECONDS


@dataclass(slots=True, kw_only=True)
class Budget:
    """What is left while one document is read."""

    limits: Limits
    ends_at: float
    parts: list[Part] = field(default_factory=list[Part])

    @classmethod
    def of(cls, limits: Limits, content: bytes) -> "Budget":
        """Begins to read.

        Raises:
            Unreadable: there are too many bytes.
        """
        if len(content) > limits.bytes:
            raise Unreadable(f"{len(content)} bytes; expected at most {limits.bytes}: split it")
        return cls(limits=limits, ends_at=time.monotonic() + limits.seconds)

    def spend(self) -> None:
        """Looks at the clock.

        Raises:
            Unreadable: the time is used up.
        """
        if time.monotonic() > self.ends_at:
            raise Unreadable(
                f"reading takes more than {self.limits.seconds:g} s; expected a document that reads faster"
            )

    def keep(self, text: str, visibility: Visibility = Visibility.VISIBLE, *, why: str = "") -> None:
        """Adds a part, unless it is blank.

        Raises:
            Unreadable: there are too many.
        """
        text = text.strip("\n")
        if not text.strip():
            return
        if len(self.parts) >= self.limits.parts:
            raise Unreadable(f"more than {self.limits.parts} parts; expected fewer: split the document")
        self.parts.append(Part(text=text, visibility=visibility, why=why))

    def keep_all(self, parts: Iterable[Part]) -> None:
        """Adds parts."""
        for part in parts:
            self.keep(part.text, part.visibility, why=part.why)


def decoded(content: bytes, *, charset: str = "") -> str:
    """Bytes as text: by their byte order mark, else the charset named, else UTF-8; what is neither becomes U+FFFD."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, "replace")
    return content.decode(known_charset(charset), "replace")


def known_charset(charset: str) -> str:
    """A charset that text comes in; UTF-8 for any other: `codecs` knows some that are no charset, and slow ones."""
    name = charset.strip().strip("\"'").lower().replace("_", "-")
    if not name.startswith(_FAMILIES) or len(name) > _LONGEST:
        return "utf-8"
    try:
        b"".decode(name)
        return name if isinstance("".encode(name), bytes) else "utf-8"  # pyright: ignore[reportUnnecessaryIsInstance]
    except (LookupError, ValueError):
        return "utf-8"


_LONGEST: Final = 24
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_FAMILIES: Final = tuple(
    (
        "utf-8 utf8 utf-16 utf-32 us-ascii ascii iso-8859- latin windows- cp12 cp8 cp9 koi8 mac gb2312 gbk gb18030 big5 "
        "shift-jis sjis euc- iso-2022- tis-620"
    ).split()
)
