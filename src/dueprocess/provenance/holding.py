"""Which of many texts may hold a token, told without reading them. Where in one it stands is asked in `place`.

Rule 1. Wherever a token stands, it stands whole (`place`, rule 1), and so does a run of letters and digits of it, or at least
        how that run begins: thousands may be set apart in a number, and the groups of an account.
Rule 2. This errs to one side alone: a text that is not told holds the token nowhere; one that is told may hold it.
Rule 3. What is known of a text lives as long as the text, what is known of many as long as the state they belong to.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from dueprocess.provenance.place import trace
from dueprocess.provenance.token import Kind, Token
from dueprocess.provenance.words import PAGE, Words, head, place_of

_RUN = re.compile(r"\w+")
_LONG: Final = 500  # characters: what is longer may be found where a text was cut off within a run


def heads(token: Token) -> tuple[str, ...]:
    """How a run begins wherever the token stands (`words.head`), like one of these; none where that cannot be told."""
    if token.kind is Kind.PHONE or "xn--" in token.text or len(token.text) > _LONG:
        return ()  # grouped in any way, written in another script, cut off
    runs = _RUN.findall(token.text)
    if not runs:
        return ()
    found = head(max(runs, key=len) if token.kind is Kind.WORDS else runs[0])
    if token.kind is Kind.NUMBER:
        return tuple({found, trace(token)})  # without and with its thousands set apart
    return (found,) if found else ()


@dataclass(frozen=True, slots=True)
class Texts:
    """Some texts in their order, ready to be asked for all that may hold a token. `pages`: one of each, told when it is added."""

    each: tuple[Words, ...] = field(default=(), repr=False)
    pages: bytes = field(default=b"", repr=False)

    def also(self, words: Words) -> "Texts":
        """With one more text: its own page where it has but one, else one that tells nothing."""
        page = words.heads if len(words.heads) == PAGE else _UNTOLD
        return Texts((*self.each, words), self.pages + page)

    def holding(self, token: Token, *, latest_first: bool = False) -> Iterator[int]:
        """The numbers of those that may hold the token (rule 2), in order or from the last to the first."""
        piece, begun = trace(token), heads(token)
        numbers: Sequence[int] = range(len(self.each))
        if len(begun) == 1:
            numbers = self._beginning(begun[0])
        elif begun:
            numbers = sorted({number for one in begun for number in self._beginning(one)})
        for number in reversed(numbers) if latest_first else numbers:
            if piece in self.each[number].folded:
                yield number

    def _beginning(self, wanted: str) -> list[int]:
        """The numbers of the texts in which a run may begin so, in order."""
        key, each, found = place_of(wanted), self.each, list[int]()
        column = self.pages[key % PAGE :: PAGE]  # what each text has at this place
        number = column.find(1)
        while number >= 0:
            own = each[number].heads
            if own[key % len(own)]:
                found.append(number)
            number = column.find(1, number + 1)
        return found


_UNTOLD: Final = b"\1" * PAGE
NO_TEXTS: Final = Texts()
