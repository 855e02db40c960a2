"""A tool's answer as values by their place: JSON, or the plainest lists of `key: value` lines. Anything else is text.

Rule 1. Only what has exactly one reading is structured. Lines: `key: value`, `- key: value` with further keys under it,
        or `- value`; no deeper nesting, no line that goes on, no key twice in one record.
Rule 2. A path passes through lists: `$.id` is the id of each record of a list, and of a single record.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.values import Json, canonical_number, parse

_MAX_DIGITS: Final = 64  # in all numbers of an answer: with more one can spell a sentence
_LINE = re.compile(r"(- |  |)(?:([A-Za-z_][\w .-]{0,63}?):(?: (.*))?|(.+))")
_LITERALS: Final = {"true": True, "false": False, "null": None, "None": None, "True": True, "False": False}


def structured(answer: Json) -> Json:
    """The answer with a text in it read as data where it has exactly one reading (rule 1); else the answer as it is."""
    if not isinstance(answer, str):
        return answer
    text = answer.strip()
    if not text or text in _LITERALS:
        return _LITERALS.get(text)
    if text[:1] in {"{", "["}:
        try:
            return parse(text)
        except BadValue:
            return answer
    found = _lines(text)
    return answer if found is None else found


def leaves(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text and number in an answer with its path (rule 2), in order; numbers as their shortest decimal."""
    waiting: list[tuple[tuple[str, ...], Json]] = [(path, value)]
    while waiting:
        at, item = waiting.pop()
        match item:
            case str():
                yield at, item
            case bool() | None:
                pass
            case int() | Decimal():
                yield at, canonical_number(item)
            case list():
                waiting.extend((at, each) for each in reversed(item))
            case dict():
                waiting.extend(((*at, key), each) for key, each in reversed(item.items()))


def records(value: Json, path: tuple[str, ...]) -> int:
    """How many values a path could lead to, also those that are not there: one of each record of the lists it passes."""
    if isinstance(value, list):
        return sum(records(each, path) for each in value)
    if path and isinstance(value, dict) and path[0] in value:
        return records(value[path[0]], path[1:])
    return 1


def says_something(value: Json) -> bool:
    """Whether an answer holds any text: a few numbers, true, false and nothing tell a model nothing that it could obey."""
    waiting: list[Json] = [value]
    digits = 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, (int, Decimal)) and not isinstance(item, bool):
            digits += len(canonical_number(item))
            if digits > _MAX_DIGITS:
                return True
        if isinstance(item, str) and item.strip():
            return True
        if isinstance(item, dict):
            # A name that a stranger chose is text as well; which names are the tool's own is not known here.
            waiting.extend((*item.keys(), *item.values()))
        elif isinstance(item, list):
            waiting.extend(item)
    return False


def _lines(text: str) -> Json:
    records: list[Json] = []
    top: dict[str, Json] = {}
    for line in text.split("\n"):
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            return None
        indent, key, value, bare = found.groups()
        if not _is_placed(records, top, indent, key=key, bare=bare):
            return None
        if key is None:
            records.append(_scalar(bare))
            continue
        if indent == "- ":
            records.append({})
        into = records[-1] if indent else top
        if not isinstance(into, dict) or key in into or value is None:
            return None
        into[key] = _scalar(value)
    if records and top:
        return None
    return records or top or None


def _is_placed(records: list[Json], top: dict[str, Json], indent: str, *, key: str | None, bare: str | None) -> bool:
    if bare is not None and (indent != "- " or ": " in bare or bare[0] in "-[{&*|>!%@`#"):
        return False
    if indent == "  ":
        return bool(records) and isinstance(records[-1], dict) and not top
    return not records or isinstance(records[-1], dict) == (key is not None)


def _scalar(written: str) -> Json:
    text = written.strip()
    for quote in "'\"":
        if len(text) > 1 and text[0] == text[-1] == quote:
            return text[1:-1].replace("''", "'") if quote == "'" else text[1:-1]
    if text in _LITERALS:
        return _LITERALS[text]
    try:
        return parse(text) if text[:1].isdigit() or text[:1] == "-" else text
    except BadValue:
        return text
