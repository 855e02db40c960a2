"""What in a text a reader may follow, write to, pay or call. Whether it is vouched is asked in `vouch`.

Rule 1. What is stuck to other characters counts as well: a reader's program would make a link of it.
Rule 2. A link has a scheme (with slashes or one that programs follow without) or a host. An IBAN is told by its check
        digits, however it is grouped.
Rule 3. What is too long to be taken apart, and may hold an address, counts as a whole.
"""

import re
from collections.abc import Iterator
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
    for piece in _PIECES.split(compared):
        if "." in piece or "@" in piece or ":" in piece or "localhost" in piece:
            found |= dict.fromkeys(_addresses_in(piece))
    for scheme in _SCHEMED.finditer(compared):
        link = scheme[0].rstrip(TRAILING)
        # What has a host as well was found with it.
        if not URL.search(link) and len(link) > len(scheme[1]):
            found[Token(kind=Kind.LINK, text=link[:MAX_LENGTH])] = None
    for start, end in _accounts(compared):
        found[Token(kind=Kind.IBAN, text=_NO_LETTER.sub("", compared[start:end]))] = None
    for start, end in _phones(compared):
        found[Token(kind=Kind.PHONE, text=digits_of(compared[start:end].strip()))] = None
    return tuple(found)


def is_part_of_active(text: str, start: int, end: int) -> bool:
    """Whether a place in a folded text lies within an account or a phone number that is longer."""
    return is_part_of_account(text, start, end) or _is_part(_phones(text), start, end)


def is_part_of_account(text: str, start: int, end: int) -> bool:
    """Whether a place in a folded text lies within an account that is longer."""
    return _is_part(_accounts(text), start, end)


def _is_part(longer: Iterator[tuple[int, int]], start: int, end: int) -> bool:
    return any(begin <= start and end <= stop and end - start < stop - begin for begin, stop in longer)


def _accounts(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN_IN_TEXT.finditer(text):
        iban = match[0].replace(" ", "")
        if MIN_IBAN <= len(iban) <= MAX_IBAN and any(map(str.isdigit, iban[4:])):
            yield match.span()
    for head in _IBAN_HEAD.finditer(text):
        length = _checked(text, head)
        if length:
            yield head.start(), head.start() + length


def _checked(text: str, head: re.Match[str]) -> int:
    """The length of the IBAN with the right check digits that begins here, however it is grouped; 0 where there is none."""
    at, compact = head.end(), head[1] + head[2]
    longest = 0
    while len(compact) < MAX_IBAN and (letter := _LETTER.match(text, at)) is not None:
        compact, at = compact + letter[1], letter.end()
        if len(compact) >= MIN_IBAN and _LETTER.match(text, at, at + 1) is None:
            number = "".join(str(int(each, 36)) for each in compact[4:] + compact[:4])
            longest = at - head.start() if int(number) % 97 == 1 else longest
    return longest


def _phones(text: str) -> Iterator[tuple[int, int]]:
    bare = _NO_PHONE.sub(_blanked, text)
    for start, end in _accounts(text):
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
_LETTER = re.compile(r"[ ./-]?([a-z0-9])")
_NO_LETTER = re.compile(r"[^a-z0-9]")
_SCHEMED = re.compile(
    r"((?<![a-z0-9])(?:[a-z][a-z0-9+.-]{0,30}:[/\\]{2}|(?:https?|ftp|file|javascript|vbscript|data|blob|mailto|tel|sms|callto|"
    r"facetime|skype|whatsapp|intent|magnet|bitcoin|ethereum|lightning|ms-[a-z-]{1,30}):[/\\]?))[^\s\0<>\"]{1,2000}"
)
_NO_PHONE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[t ]\d{2}:\d{2}(?::\d{2})?)?|(?<![\d.+])\d{1,9}[.,]\d{1,2}(?![\d.])")
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
