"""What in a text a reader may follow, write to, pay or call. Whether it is vouched is asked in `vouch`.

Rule 1. What is stuck to other characters counts as well: a reader's program would make a link of it.
Rule 2. A link has a scheme (with slashes or one that programs follow without) or a host. An IBAN is told by its check
        digits, however it is grouped.
Rule 3. What is too long to be taken apart, and may hold an address, counts as a whole.
"""

import re
from collections.abc import Iterable, Iterator
from string import ascii_lowercase
from typing import Final

from dueprocess.provenance.token import (
    EMAIL,
    MAX_IBAN,
    MAX_LENGTH,
    MIN_IBAN,
    PHONE,
    TRAILING,
    URL,
    Kind,
    Token,
    digits_of,
    email_form,
    is_link,
    link_form,
    text_token,
)
from dueprocess.provenance.words import GAP, folded


def active_tokens(text: str) -> tuple[Token, ...]:
    """The links, e-mail addresses, IBANs and phone numbers in a text: what a reader may follow, write to, pay or call."""
    compared = folded(text).replace("\u3002", ".")  # a dot, to programs that resolve hosts
    found: dict[Token, None] = {}
    for piece in _PIECES.split(compared) if _may_hold_address(compared) else ():
        if _may_hold_address(piece):
            found |= dict.fromkeys(_addresses_in(piece))
    for scheme in _SCHEMED.finditer(compared) if ":" in compared else ():
        link = scheme[0].rstrip(TRAILING)
        # What has a host as well was found with it.
        if not URL.search(link) and len(link) > len(scheme[1]):
            found[Token(kind=Kind.LINK, text=link[:MAX_LENGTH])] = None
    if _DIGIT.search(compared) is None:
        return tuple(found)  # neither an account nor a number to call
    accounts = tuple(_accounts(compared))
    for start, end in accounts:
        found[Token(kind=Kind.IBAN, text=_NO_LETTER.sub("", compared[start:end]))] = None
    for start, end in _phones(compared, accounts):
        found[Token(kind=Kind.PHONE, text=digits_of(compared[start:end].strip()))] = None
    return tuple(found)


def _may_hold_address(text: str) -> bool:
    return "." in text or "@" in text or ":" in text or "localhost" in text


def is_part_of_active(text: str, start: int, end: int) -> bool:
    """Whether a place in a folded text lies within an account or a phone number that is longer."""
    if is_part_of_account(text, start, end):
        return True
    return _may_be_dialled(text, start, end) and _is_part(_phones(text, _accounts(text)), start, end)


def is_part_of_account(text: str, start: int, end: int) -> bool:
    """Whether a place in a folded text lies within an account that is longer."""
    return _is_part(_accounts(text, last=start, least=end), start, end)


def _is_part(longer: Iterator[tuple[int, int]], start: int, end: int) -> bool:
    return any(begin <= start and end <= stop and end - start < stop - begin for begin, stop in longer)


def _accounts(text: str, *, last: int | None = None, least: int = 0) -> Iterator[tuple[int, int]]:
    """Where accounts stand: with `last` those that begin there or before, with `least` those that end there or behind."""
    last = len(text) if last is None else last
    first = _ANY_HEAD.search(text)
    if first is None or first.start() > last:
        return
    for match in _IBAN_IN_TEXT.finditer(text, first.start()):
        if match.start() > last:
            break
        iban = match[0].replace(" ", "")
        if MIN_IBAN <= len(iban) <= MAX_IBAN and any(map(str.isdigit, iban[4:])):
            yield match.span()
    for head in _IBAN_HEAD.finditer(text, first.start()):
        if head.start() > last:
            break
        end = _checked(text, head, least)
        if end:
            yield head.start(), end


def _checked(text: str, head: re.Match[str], least: int) -> int:
    """Where the IBAN with the right check digits ends that begins here, however it is grouped; 0 where there is none."""
    rest = _IBAN_TAIL.match(text, head.end())
    longest, letters, compact, remainder = 0, 4, "", 0
    for group in _GROUP.finditer(text, head.end(), rest.end() if rest is not None else 0):
        letters += len(group[0])
        compact += group[0]
        if letters < MIN_IBAN or group.end() < least or _GROUP.match(text, group.end()) is not None:
            continue
        # ISO 13616: the head goes behind the rest, letters are numbers from 10 on, and the whole is 1 modulo 97.
        remainder, compact = int(f"{remainder}{compact.translate(_AS_NUMBERS)}") % 97, ""
        if int(f"{remainder}{head[1].translate(_AS_NUMBERS)}{head[2]}") % 97 == 1:
            longest = group.end()
    return longest


def _may_be_dialled(text: str, start: int, end: int) -> bool:
    """Whether what stands about a place could be a phone number at all: most is not, which is quickly seen."""
    if not text.isascii():
        return True
    begin = len(text[:start].rstrip(_OF_PHONES))
    stop = len(text) - len(text[start:].lstrip(_OF_PHONES))
    return end <= stop and sum(map(str.isdigit, text[begin:stop])) >= _LEAST_DIALLED


def _phones(text: str, accounts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    bare = _NO_PHONE.sub(_blanked, text)
    for start, end in accounts:
        bare = f"{bare[:start]}{GAP * (end - start)}{bare[end:]}"
    for number in _PHONE_IN_TEXT.finditer(bare):
        if _may_be_called(number[0].strip()):
            yield number.span()


def _blanked(found: re.Match[str]) -> str:
    return GAP * len(found[0])


_PIECES = re.compile(r"[\s\0<>\"(\[|]+")
_MAX_PIECE: Final = 300  # characters between two blanks; what is longer and may hold an address is not taken apart
_IBAN_IN_TEXT = re.compile(
    r"(?<![a-z0-9])[a-z]{2}\d{2}(?:[a-z0-9]{11,30}| [a-z0-9]{4}(?: (?=[a-z]{0,3}\d)[a-z0-9]{4}){1,6}(?: \d{1,4})?)(?![a-z0-9])"
)
_PHONE_IN_TEXT = re.compile(rf"(?<![\w.+-]){PHONE.pattern}(?!\w)")
_IBAN_HEAD = re.compile(r"(?<![a-z0-9])([a-z]{2})[ .-]?([0-9]{2})")
_ANY_HEAD = re.compile(r"(?<![a-z0-9])[a-z]{2}[ .-]?\d{2}")  # both of the above begin so
_IBAN_TAIL = re.compile(rf"(?:[ ./-]?[a-z0-9]){{0,{MAX_IBAN - 4}}}")
_GROUP = re.compile(r"[a-z0-9]+")
_AS_NUMBERS: Final = {ord(letter): str(int(letter, 36)) for letter in ascii_lowercase}
_NO_LETTER = re.compile(r"[^a-z0-9]")
_SCHEMED = re.compile(
    r"((?<![a-z0-9])(?:[a-z][a-z0-9+.-]{0,30}:[/\\]{2}|(?:https?|ftp|file|javascript|vbscript|data|blob|mailto|tel|sms|callto|"
    r"facetime|skype|whatsapp|intent|magnet|bitcoin|ethereum|lightning|ms-[a-z-]{1,30}):[/\\]?))[^\s\0<>\"]{1,2000}"
)
_NO_PHONE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[t ]\d{2}:\d{2}(?::\d{2})?)?|(?<![\d.+])\d{1,9}[.,]\d{1,2}(?![\d.])")
_DIGIT = re.compile(r"\d")
_OF_PHONES: Final = "0123456789 ()./+-"
_LEAST_DIALLED: Final = 7  # digits, in any spelling of a phone number
MIN_PHONE: Final = 9  # digits without a plus: shorter ones are numbers of things


def _addresses_in(piece: str) -> Iterator[Token]:
    bare = piece.strip(TRAILING + "({'`")
    if len(bare) > _MAX_PIECE:
        yield Token(kind=Kind.LINK, text=bare[:MAX_LENGTH])
        return
    whole = text_token(bare) if bare else None
    if whole is not None and whole.kind in {Kind.EMAIL, Kind.LINK}:
        yield whole
        return
    # What is stuck to other characters is an address all the same: a reader's program would make a link of it.
    yield from (Token(kind=Kind.EMAIL, text=email_form(each[0])) for each in EMAIL.finditer(bare))
    for each in URL.finditer(EMAIL.sub(" ", bare)):
        link = each[0].rstrip(TRAILING)
        if is_link(link):
            yield Token(kind=Kind.LINK, text=link_form(link))


def _may_be_called(number: str) -> bool:
    return number.startswith(("+", "00")) or len(digits_of(number)) >= MIN_PHONE
