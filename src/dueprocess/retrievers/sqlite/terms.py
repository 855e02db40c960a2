"""The words of a text and of a query, divided in one way. How they are ranked is SQLite's BM25.

Rule 1. Words are runs of letters, marks and digits, compatibility forms made one and case folded away.
Rule 2. Scripts that write no blanks between words (Han, kana, Thai, Lao, Khmer, Burmese) are divided into characters,
        and asked for as a run of them.
Rule 3. A query is data: each word becomes a quoted text, any of them may match. Nothing in it is an operator.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from dueprocess.evidence import MAX_QUERY

_MOST_WORDS: Final = 64  # of a query: one sentence or two; each further word is a further list to read
_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f\u0591-\u05bd\u064b-\u0655\u0900-\u0903\u093a-\u094f]+[^\W_]*)*")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def terms_of(text: str) -> str:
    """The words of a text, in order, with blanks between (rules 1 and 2)."""
    return " ".join(part for word in _words(text) for part in _parts(word))


def match_of(query: str) -> str:
    """A query in the language of FTS5 (rule 3); empty where it has no word."""
    words = list(dict.fromkeys(_words(query[:MAX_QUERY])))[:_MOST_WORDS]
    return " OR ".join(f'"{" ".join(_parts(word))}"' for word in words)


def _words(text: str) -> Iterable[str]:
    return (found[0] for found in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()))


def _parts(word: str) -> list[str]:
    return _UNSPACED.sub(lambda found: f" {found[0]} ", word).split()
