"""What in a text a reader may follow, write to, pay or call. Whether it is vouched is asked in `vouch`.

Rule 1. What is stuck to other characters counts as well: a reader's program would make a link of it.
Rule 2. What is too long to be taken apart, and may hold an address, counts as a whole.
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
    compared = folded(text)
    found: dict[Token, None] = {}
    for piece in _PIECES.split(compared):
        if "." in piece or "@" in piece or ":" in piece or "localhost" in piece:
            found |= dict.fromkeys(_addresses_in(piece))
    for match in _IBAN_IN_TEXT.finditer(compared):
        iban = match[0].replace(" ", "")
        if MIN_IBAN <= len(iban) <= MAX_IBAN and any(map(str.isdigit, iban[4:])):
            found[Token(kind=Kind.IBAN, text=iban)] = None
    for number in _PHONE_IN_TEXT.finditer(_NO_PHONE.sub(GAP, _IBAN_IN_TEXT.sub(GAP, compared))):
        if _may_be_called(number[0].strip()):
            found[Token(kind=Kind.PHONE, text=digits_of(number[0].strip()))] = None
    return tuple(found)


_PIECES = re.compile(r"[\s\0<>\"(\[|]+")
_MAX_PIECE: Final = 300  # characters between two blanks; what is longer and may hold an address is not taken apart
_IBAN_IN_TEXT = re.compile(
    r"(?<![a-z0-9])[a-z]{2}\d{2}(?:[a-z0-9]{11,30}| [a-z0-9]{4}(?: (?=[a-z]{0,3}\d)[a-z0-9]{4}){1,6}(?: \d{1,4})?)(?![a-z0-9])"
)
_PHONE_IN_TEXT = re.compile(rf"(?<![\w.+-]){PHONE.pattern}(?!\w)")
_NO_PHONE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[t ]\d{2}:\d{2}(?::\d{2})?)?|(?<![\d.])\d{1,9}[.,]\d{1,2}(?![\d.])")
_MIN_PHONE: Final = 9  # digits without a plus: shorter ones are numbers of things


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
    return number.startswith(("+", "00")) or len(digits_of(number)) >= _MIN_PHONE
