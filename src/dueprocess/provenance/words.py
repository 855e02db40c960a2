"""Text as it is compared: normalised once, with what is not a person's own words taken out. What is looked for is not known here.

Rule 1. Compared text is NFKC, casefolded, and each run of blanks is one blank (policy language, "Vouching"); but letters
        that two hosts may differ in stay apart: the German sharp s, the final sigma (RFC 5894, 7.2).
Rule 2. A person's own words are a text without what they only passed on: fenced blocks, quoted lines, forwarded messages,
        blocks in tags. What is taken out leaves a gap that no token spans. A fence or a tag ends where the last of its
        kind stands: the one that a stranger wrote into the block ends nothing.
Rule 3. A value with characters that are not seen, or with several scripts in one word, looks other than it reads: it is
        never vouched.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from struct import unpack
from typing import Final

GAP: Final = "\0"
"""Stands between texts that have nothing to do with each other. It is no blank, and no part of any token."""

_FENCES = tuple(re.compile(mark) for mark in ("`{3,}", "~{3,}", '"{3,}', "'{3,}"))
_QUOTED = re.compile(r"[ \t]*>")
_HEADER = re.compile(
    r"[ \t]*[*_]{0,2}(?:(from|von|de)|to|cc|bcc|date|sent|subject|reply-to|an|datum|gesendet|betreff|objet|à)[*_]{0,2}:",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"[ \t]*(?:[-_*=]{2,}\s*(?:original|forwarded|begin forwarded|ursprüngliche|weitergeleitete)|begin forwarded message:"
    r"|(?:on|am|le) [^\n]{4,240}?\b(?:wrote|schrieb|a écrit)\b[^:\n]{0,80}:)",
    re.IGNORECASE,
)
_UNSEEN: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0"
)  # shown as nothing, though they are called letters or marks
_PRINTED = re.compile(r"[ -~\n\t\r]*")
_APART = re.compile("([ßẞς])")
_TAG = re.compile(r"<(/?)([a-z][\w.-]*)[^<>]*>", re.IGNORECASE)
_RUN = re.compile(r"\w+")
_BLANKED: Final = {code: " " for code in range(128) if not _RUN.match(chr(code))}
_HEAD: Final = 4  # characters: the groups of an account are of four
_PLACES_EACH: Final = 8
PAGE: Final = 1021
"""Places in `Words.heads` of a text of a hundred words, and the least there are; a prime, so that each character tells."""
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
        return plain if len(_casefolded(plain)) == len(plain) else _casefolded(plain)

    @cached_property
    def folded(self) -> str:
        """The compared text (rule 1); character for character beside `plain`."""
        return _casefolded(self.plain)

    @cached_property
    def heads(self) -> bytes:
        """How the runs of letters and digits of the compared text begin (`head`): a one at the place of each (`place_of`).

        A one may be another's; a zero is certain. One page of places, or doubled until most of them are zeros.
        """
        text = self.folded
        runs = text.translate(_BLANKED).split() if text.isascii() else _RUN.findall(text)
        found = {run.lstrip("_")[:_HEAD] for run in set(runs)}
        keys = _places_of(found) if text.isascii() else list(map(place_of, found))
        places = bytearray(PAGE << (len(keys) * _PLACES_EACH // PAGE).bit_length())
        size = len(places)
        for key in keys:
            places[key % size] = 1
        return bytes(places)


def head(run: str) -> str:
    """How a run of letters and digits begins; underscores at its beginning may enclose it, and do not count."""
    return run.lstrip("_")[:_HEAD]


def place_of(beginning: str) -> int:
    """Where in `Words.heads` a beginning is told, before that is cut to its length."""
    return int.from_bytes(beginning.encode("utf-8", "surrogatepass"), "little")


def _places_of(beginnings: Collection[str]) -> Sequence[int]:
    # The same of many in ASCII, at once.
    return unpack(f"<{len(beginnings)}I", "".join([each.ljust(_HEAD, GAP) for each in beginnings]).encode())


def folded(text: str) -> str:
    """A value as it is compared (rule 1)."""
    return _casefolded(_spaced(text).strip())


def own_words(text: str) -> str:
    """What a person said themselves (rule 2)."""
    for fence in _FENCES:
        text = _without_fenced(text, fence)
    return _without_tagged("\n".join(_without_quoted(_without_forwarded(text.split("\n")))))


def is_deceptive(text: str) -> bool:
    """Whether a value looks other than it reads (rule 3)."""
    if text.isascii():
        return _PRINTED.fullmatch(text) is None
    if any(
        unicodedata.category(character) in {"Cf", "Cc", "Co", "Cn", "Cs"}
        for character in text
        if character not in "\n\t\r"
    ):
        return True
    if any("\ufe00" <= character <= "\ufe0f" or character in _UNSEEN for character in text):
        return True
    return any(map(_is_mixed, re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", text))))


def is_joined(character: str) -> bool:
    """Whether a character is part of a word: a letter, a digit, or what is set upon or hidden in one. A gap is not."""
    return (
        character.isalnum()
        or character == "_"
        or (not character.isascii() and unicodedata.category(character)[0] in {"M", "C"})
    )


def _casefolded(text: str) -> str:
    if text.isascii():
        return text.casefold()
    return "".join(part.lower() if _APART.fullmatch(part) else part.casefold() for part in _APART.split(text))


def _without_fenced(text: str, fence: re.Pattern[str]) -> str:
    marks = list(fence.finditer(text))
    if not marks:
        return text
    # An odd number: the last one opens a block that is not closed.
    end = marks[-1].end() if len(marks) % 2 == 0 else len(text)
    return f"{text[: marks[0].start()]}\n{GAP}\n{text[end:]}"


def _without_forwarded(lines: list[str]) -> list[str]:
    headers, has_sender = 0, False
    for number, line in enumerate(lines):
        if _FORWARDED.match(line) or _FORWARDED.match(" ".join(lines[number : number + 2])):
            return [*lines[:number], GAP]
        header = _HEADER.match(line)
        headers = headers + 1 if header is not None else 0
        has_sender = header is not None and (header[1] is not None or (has_sender and headers > 1))
        if has_sender and headers > 1:
            return [*lines[: number + 1 - headers], GAP]
    return lines


def _without_quoted(lines: list[str]) -> list[str]:
    return [GAP if _QUOTED.match(line) else line for line in lines]


def _without_tagged(text: str) -> str:
    # A tag that is never closed takes nothing with it.
    tags = list(_TAG.finditer(text))
    closed = {tag[2].lower(): tag.end() for tag in tags if tag[1]}
    kept: list[str] = []
    done = 0
    for tag in tags:
        end = closed.get(tag[2].lower(), 0)
        if tag[1] or tag.start() < done or end <= tag.start():
            continue
        kept += (text[done : tag.start()], f"\n{GAP}\n")
        done = end
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
