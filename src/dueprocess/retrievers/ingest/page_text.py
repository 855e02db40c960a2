"""Text as a page shows it: blanks collapsed, blocks apart; and beside it what is not shown, by what hides it."""

import re
from typing import Final

from dueprocess.evidence import Visibility
from dueprocess.retrievers.ingest.limits import Budget

_BLANKS = re.compile(r"[ \t\n\f\r]+")
_TOO_MANY = re.compile(r"\n{3,}")
_MOST_HIDDEN: Final = 200_000  # characters of one hidden part that are kept: scripts may be huge


class PageText:
    """Collects what is read, and gives it up as parts: first all that is seen, then what is not."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._unseen: list[tuple[Visibility, str, list[str]]] = []
        self._open = False

    def show(self, text: str, *, exact: bool = False) -> None:
        """Adds text that a person sees. `exact`: its blanks count."""
        told = text if exact else _BLANKS.sub(" ", text)
        if not exact and (not self._seen or self._seen[-1].endswith(("\n", " ", "\t"))):
            told = told.lstrip(" ")
        if told:
            self._seen.append(told)
        if text.strip():
            self._open = False

    def end_line(self) -> None:
        """Begins a new line."""
        self._trim()
        self._seen.append("\n")

    def new_line(self) -> None:
        """Begins a new line, unless one has begun."""
        self._trim()
        if self._seen and not self._seen[-1].endswith("\n"):
            self._seen.append("\n")

    def new_cell(self) -> None:
        """Begins a new cell of a table's row."""
        self._trim()
        if self._seen and not self._seen[-1].endswith(("\n", "\t", "- ")):
            self._seen.append("\t")

    def end_block(self) -> None:
        """Begins a new block, with a blank line before it."""
        self._trim()
        if self._seen and self._seen[-1] != "\n\n":
            self._seen.append("\n\n")
        self._open = False

    def hide(self, text: str, visibility: Visibility, *, why: str, apart: bool = False) -> None:
        """Adds text that a person does not see. What is hidden for one reason in one go is one part, unless `apart`."""
        told = _BLANKS.sub(" ", text)
        if not told.strip():
            return
        if self._open and not apart and self._unseen[-1][:2] == (visibility, why):
            self._unseen[-1][2].append(told)
        else:
            self._unseen.append((visibility, why, [told.lstrip()]))
        self._open = not apart

    def keep(self, budget: Budget) -> None:
        """Hands all of it over as parts."""
        seen = _TOO_MANY.sub("\n\n", "".join(self._seen))
        budget.keep("\n".join(line.rstrip() for line in seen.split("\n")))
        for visibility, why, pieces in self._unseen:
            budget.keep("".join(pieces)[:_MOST_HIDDEN].strip(), visibility, why=why)

    def _trim(self) -> None:
        if self._seen:
            self._seen[-1] = self._seen[-1].rstrip(" ")
            if not self._seen[-1]:
                self._seen.pop()
