"""Text as it is compared: normalised once, with what is not a person's own words taken out. What is looked for is not known here.

Rule 1. Compared text is NFKC, casefolded, and each run of blanks is one blank (policy language, "Vouching").
Rule 2. A person's own words are a text without what they only passed on: fenced code, quoted lines, forwarded messages,
        blocks in tags. What is taken out leaves a gap that no token spans.
Rule 3. A value with characters that are not seen, or with several scripts in one word, looks other than it reads: it is
        never vouched.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

GAP: Final = "\0"
"""Stands between texts that have nothing to do with each other. It is no blank, and no part of any token."""

_FENCED = re.compile(r"(?:^|\n)[ \t]*(```+|~~~+).*?(?:\n[ \t]*\1[^\n]*(?=\n|$)|$)", re.DOTALL)
_QUOTED = re.compile(r"(?:^|\n)[ \t]*>[^\n]*")
_FORWARDED = re.compile(
    r"(?:^|\n)[ \t]*(?:-{2,}\s*(?:original|forwarded|begin forwarded)[^\n]*|begin forwarded message:|"
    r"on [^\n]{4,120} wrote:|from:[^\n]*\n(?:[ \t]*(?:to|cc|date|sent|subject|reply-to):[^\n]*\n?)+).*",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"<(/?)([a-z][\w.-]*)[^<>]*>", re.IGNORECASE)
_LOOSE_SCRIPTS: Final = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"}
)  # written in one word with others


@dataclass(frozen=True)
class Words:
    """A text made ready to be searched. The work is done once, when first needed."""

    text: str = field(repr=False)

    @cached_property
    def plain(self) -> str:
        """NFKC and single blanks, in the case it was written in; casefolded where that would move characters."""
        plain = _spaced(self.text)
        return plain if len(plain.casefold()) == len(plain) else plain.casefold()

    @cached_property
    def folded(self) -> str:
        """The compared text (rule 1); character for character beside `plain`."""
        return self.plain.casefold()


def folded(text: str) -> str:
    """A value as it is compared (rule 1)."""
    return _spaced(text).strip().casefold()


def own_words(text: str) -> str:
    """What a person said themselves (rule 2)."""
    for passed_on in (_FENCED, _FORWARDED, _QUOTED):
        text = passed_on.sub(f"\n{GAP}\n", text)
    return _without_tagged(text)


def is_deceptive(text: str) -> bool:
    """Whether a value looks other than it reads (rule 3)."""
    if text.isascii():
        return not text.replace("\n", "").replace("\t", "").replace("\r", "").isprintable()
    if any(
        unicodedata.category(character) in {"Cf", "Cc", "Co", "Cn", "Cs"}
        for character in text
        if character not in "\n\t\r"
    ):
        return True
    if any("\ufe00" <= character <= "\ufe0f" for character in text):
        return True
    return any(map(_is_mixed, re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", text))))


def is_joined(text: str, at: int) -> bool:
    """Whether the character at `at` is part of a word: a letter, a digit, or what is set upon or hidden in one."""
    if not 0 <= at < len(text):
        return False
    character = text[at]
    return (
        character.isalnum()
        or character == "_"
        or (not character.isascii() and unicodedata.category(character)[0] in "MC")
    )


def _without_tagged(text: str) -> str:
    # One pass, whatever is open: a tag that is never closed takes nothing with it.
    opened: dict[str, int] = {}
    kept: list[str] = []
    done = 0
    for tag in _TAG.finditer(text):
        closes, name = tag[1], tag[2].lower()
        if not closes:
            opened.setdefault(name, tag.start())
        elif opened.get(name, -1) >= done:
            kept += (text[done : opened[name]], f"\n{GAP}\n")
            done = tag.end()
            opened.clear()
    return "".join((*kept, text[done:]))


def _is_mixed(word: str) -> bool:
    if word.isascii():
        return False
    scripts = {unicodedata.name(character, "UNKNOWN").partition(" ")[0] for character in word}
    return len(scripts - _LOOSE_SCRIPTS) > 1


def _spaced(text: str) -> str:
    if not text.isascii() and not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split())
