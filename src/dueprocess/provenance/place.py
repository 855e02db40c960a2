"""Where a token stands in a text. What it is worth there is decided in `vouch`.

Rule 1. A token stands in a text only as a whole: nothing before or after it may be part of the same word, number,
        address or link; nor is a number or a word a part of an account, a phone number or a date (see `active`).
Rule 2. A number that may be read as two ("1.250", "invoice 7 250 euros") stands for neither.
Rule 3. A text is searched for a piece of the token, and what stands around is read: nothing is indexed token by token.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from dueprocess.provenance.active import active_tokens, is_part_of_account, is_part_of_active
from dueprocess.provenance.token import MAX_IBAN, MAX_LENGTH, PHONE, Kind, Token, text_token
from dueprocess.provenance.words import GAP, Words, is_joined

MAX_PLACES: Final = 200  # of one token in one text: beyond it the text is a flood
_JOINS: Final = frozenset("-_./@#:+&~\\'\u2019")
_POSSESSIVE = re.compile(r"['\u2019](?:s\b|(?!\w))")
_AROUND: Final = 2 * MAX_IBAN  # characters to each side: the longest account may be set apart one by one
_MONTHS: Final = "january february march april may june july august september october november december".split()
_ANY_MONTH: Final = "|".join(rf"{name[:3]}(?:{name[3:]}|\.)?" for name in _MONTHS)
_NAMED_DATE = re.compile(
    rf"\b(?:{_ANY_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}\b|\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_ANY_MONTH}),? \d{{4}}\b"
)
_LONGEST_DATE: Final = len("30th of september, 2026.")  # and the character behind it, to see that it ends
_YEAR = re.compile(r" \d{4}")
_SCALED = re.compile(r"[ -]?(?:%|k\b|m\b|bn\b|mio\b|mrd\b|hundred|thousand|million|billion|tausend|dozen|per ?cent)")
_THREE_DIGITS = re.compile(r"\d{3}(?!\d)")
_GOES_ON = re.compile(r"\d{1,3} \d{3}(?!\d)")
_TWO_READINGS = re.compile(r"-?[1-9]\d{0,2}\.\d{3}")  # a thousand in one country, decimals in another


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a token stands in the folded form of a text, from `start` up to `end`."""

    start: int
    end: int


def trace(token: Token) -> str:
    """A piece of text that stands wherever the token does, in every spelling of it; empty where there is none."""
    text = token.text
    match token.kind:
        case Kind.IBAN:
            return text[:4]
        case Kind.DATE:
            return text[:4]
        case Kind.NUMBER:
            # The digits before the first thousand's separator, however it is written.
            whole = text.removeprefix("-").partition(".")[0]
            return whole[: len(whole) % 3 or 3]
        case Kind.PHONE:
            return ""
        case Kind.WORDS:
            return text
        case Kind.EMAIL | Kind.LINK:
            return "" if "xn--" in text else re.split(r"[/?#:]", text)[0]


def places(token: Token, words: Words) -> Iterator[Place]:
    """Where the token stands in a text, from its beginning (rule 3); at most `MAX_PLACES` candidates are looked at."""
    text = words.folded
    match token.kind:
        case Kind.NUMBER:
            found = _matches(_number_pattern(token.text), text, _is_whole_number)
            yield from (each for each in found if not _is_inside(text, each))
        case Kind.DATE:
            yield from _dates(token.text, text)
        case Kind.WORDS:
            # What holds an address is not a name: it would be a second spelling of the address's own place.
            if PHONE.fullmatch(token.text) or not _holds_address(token.text):
                yield from (each for each in _literal(token.text, text) if not _is_inside(text, each))
        case Kind.EMAIL | Kind.LINK:
            yield from _address(token, text)
        case Kind.IBAN | Kind.PHONE:
            yield from _spelled(token, text)


@lru_cache(maxsize=64)
def _holds_address(text: str) -> bool:
    return bool(active_tokens(text))


def _literal(wanted: str, text: str) -> Iterator[Place]:
    at, seen = text.find(wanted), 0
    while at >= 0 and seen < MAX_PLACES:
        end = at + len(wanted)
        if _is_whole_word(text, at, end):
            yield Place(start=at, end=end)
        seen += 1
        at = text.find(wanted, at + 1)


def _is_whole_word(text: str, start: int, end: int) -> bool:
    outer, before, after, further = _around(text, start, end)
    if is_joined(before) or is_joined(after) or (_joins(before) and is_joined(outer)):
        return False
    return not (_joins(after) and is_joined(further)) or _POSSESSIVE.match(text, end) is not None


def _around(text: str, start: int, end: int) -> str:
    """The two characters before a place and the two behind it; gaps where the text has none."""
    return text[max(0, start - 2) : start].rjust(2, GAP) + text[end : end + 2].ljust(2, GAP)


def _joins(character: str) -> bool:
    return character in _JOINS or (not character.isascii() and unicodedata.category(character) == "Pd")


def _is_inside(text: str, place: Place) -> bool:
    """Whether a place is a part of something longer that is one token: an address, an account, a phone number, a date."""
    start, end = _run(text, place.start)
    if start < place.start or place.end < end:
        longer = text_token(text[start:end]) if end - start < MAX_LENGTH else None
        if longer is None or longer.kind in {Kind.EMAIL, Kind.LINK}:
            return True
    if _is_in_date(text, place):
        return True
    begin = max(0, place.start - _AROUND)
    near = text[begin : place.end + _AROUND]
    return is_part_of_active(near, place.start - begin, place.end - begin)


def _is_in_date(text: str, place: Place) -> bool:
    begin = max(0, place.start - _LONGEST_DATE)
    near = text[begin : place.start + _LONGEST_DATE]
    return _YEAR.search(near) is not None and any(
        begin + date.start() <= place.start and place.end <= begin + date.end() for date in _NAMED_DATE.finditer(near)
    )


def _matches(pattern: re.Pattern[str], text: str, is_whole: Callable[[str, int, int], bool]) -> Iterator[Place]:
    for found in islice(pattern.finditer(text), MAX_PLACES):
        if is_whole(text, found.start(), found.end()):
            yield Place(start=found.start(), end=found.end())


def _is_whole_number(text: str, start: int, end: int) -> bool:
    outer, before, after, further = _around(text, start, end)
    if is_joined(before) or is_joined(after):
        return False
    if (_joins(after) and is_joined(further)) or (after == "," and further.isdigit()):
        return False
    if _joins(before) and is_joined(outer) and before != ":":
        return False  # of an id: 17342 in O-17342
    if before in ",:" and outer.isdigit():
        return False
    if before in "-.+" and outer in " \0($€£":
        return False  # a sign, or the decimals of a number without a whole part
    if _SCALED.match(text, end) or _TWO_READINGS.fullmatch(text, start, end):
        return False
    # Three digits behind a blank may be the rest of a number that was begun before it.
    is_rest = before == " " and outer.isdigit() and _THREE_DIGITS.match(text, start, end) is not None
    return not is_rest and _GOES_ON.match(text, start) is None


@lru_cache(maxsize=512)
def _number_pattern(number: str) -> re.Pattern[str]:
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    whole, _, decimals = digits.partition(".")
    groups = [whole[max(0, at - 3) : at] for at in range(len(whole), 0, -3)][::-1]
    # Zeros behind the point say nothing; a comma before three digits is a thousand.
    point = rf"\.{decimals}0*(?!\d)" if decimals else r"(?:\.0{1,2}(?!\d))?"
    comma = rf",(?!\d{{3}}(?!\d)){decimals}0*(?!\d)" if decimals else r",0{1,2}(?!\d)"
    forms = [f"{whole}{comma}", f"{whole}{point}"]
    if len(groups) > 1:
        dotted, quoted = r"\.".join(groups), "'".join(groups)
        forms += [f"{','.join(groups)}{point}", f"{quoted}(?:{comma}|{point})", f"{dotted}{comma}"]
        forms += [dotted] if not decimals and len(groups) > 2 else []  # noqa: PLR2004 - with one dot it has two readings
    return re.compile(f"{sign}(?:{'|'.join(forms)})")


def _dates(date: str, text: str) -> Iterator[Place]:
    year, month, day = date.split("-")
    for spelled in (date, f"{year}/{month}/{day}"):
        yield from (each for each in _literal(spelled, text) if _is_whole_number(text, each.start, each.end))
    if 1 <= int(month) <= len(_MONTHS):
        named = _named_date(_MONTHS[int(month) - 1], int(day), year)
        for found in islice(named.finditer(text), MAX_PLACES):
            yield Place(start=found.start(), end=found.end())


@lru_cache(maxsize=256)
def _named_date(name: str, day: int, year: str) -> re.Pattern[str]:
    month, of_month = rf"{name[:3]}(?:{name[3:]}|\.)?", rf"0?{day}(?:st|nd|rd|th)?"
    return re.compile(rf"\b(?:{month} {of_month}|{of_month}(?: of)? {month}),? {year}(?!\d)")


def _address(token: Token, text: str) -> Iterator[Place]:
    seed = _seed(token, text)
    at, seen, done = text.find(seed), 0, -1
    while at >= 0 and seen < MAX_PLACES:
        start, end = _run(text, at)
        if start > done and text_token(text[start:end]) == token:
            yield Place(start=start, end=end)
        done = max(done, start)
        seen += 1
        at = text.find(seed, max(at + 1, end))


def _seed(token: Token, text: str) -> str:
    # The longest piece that every spelling of it has: the whole of it, but for hosts in another script and usual ports.
    if "xn--" in token.text:
        return "@" if token.kind is Kind.EMAIL else "."
    host = re.split(r"[/?#:]", token.text)[0]
    return host if token.kind is Kind.LINK and host and f"{host}:" in text else token.text


def _run(text: str, at: int) -> tuple[int, int]:
    """The whole of what stands around a place up to the next blank, without what encloses or ends a sentence."""
    start, end = _edge(text, at, -1), _edge(text, at, 1)
    while True:
        while end > at and text[end - 1] in _ENDS:
            end -= 1
        # An underscore may be a part of an address: it encloses one only on both sides.
        if not (start < at < end - 1 and text[end - 1] == _PAIRS.get(text[start])):
            return start, end
        start, end = start + 1, end - 1


_ENDS: Final = '.,;:!?)]>"'
_PAIRS: Final = {mark: mark for mark in "'*_`"} | {"{": "}"}


def _edge(text: str, at: int, step: int) -> int:
    stops = ' \0<>"' if step > 0 else ' \0<>"(['
    limit = MAX_LENGTH
    place = at
    while 0 <= place < len(text) and text[place] not in stops and limit:
        place += step
        limit -= 1
    return place if step > 0 else place + 1


def _spelled(token: Token, text: str) -> Iterator[Place]:
    """Tokens that may be written in groups."""
    at, pattern = 0, _grouped(token)
    for _ in range(MAX_PLACES):
        found = pattern.search(text, at)
        if found is None:
            return
        if _is_whole_group(text, found.start(), found.end(), token):
            yield Place(start=found.start(), end=found.end())
        at = found.start() + 1


@lru_cache(maxsize=256)
def _grouped(token: Token) -> re.Pattern[str]:
    """However it is grouped: an account by blanks behind its first four, a number to call by a few marks, as in "+49 (0)"."""
    if token.kind is Kind.IBAN:
        return re.compile(token.text[:4] + "".join(f" ?{each}" for each in token.text[4:]))
    return re.compile("[ ()./-]{0,3}".join(token.text.removeprefix("+")))


def _is_whole_group(text: str, start: int, end: int, token: Token) -> bool:
    begin = max(0, start - _AROUND)
    if is_part_of_account(text[begin : end + _AROUND], start - begin, end - begin):
        return False
    if token.kind is Kind.IBAN:
        return _is_whole_word(text, start, end)
    country = _COUNTRY.search(text, start - len("00 ("), start)
    if (country is not None) != token.text.startswith("+"):
        return False
    begin = country.start() if country is not None else start
    _, before, after, _ = _around(text, begin, end)
    if is_joined(before) or is_joined(after) or _NUMBER_GOES_ON.match(text, end):
        return False
    return text[begin] == "+" or _NUMBER_BEGAN.search(text, begin - len("(1234) ("), begin) is None


_COUNTRY = re.compile(r"(?:\+|00)[ (]{0,2}$")
# Marks between the groups of one number, but not those of a list ("1. ", "1) ") or the end of a sentence.
_NUMBER_BEGAN = re.compile(r"(?:\d\)?|\(\d{1,4}\)[ ./-]?|\d(?: ?[/-] ?|[ .]))\(?$")
_NUMBER_GOES_ON = re.compile(r"(?: ?[/-] ?|[ .(])\d")
