"""Typed tokens: what a value is (an e-mail, an IBAN, an amount, a name ...). Where it stands in a text is in `place`.

Rule 1. A value is one token of one kind, told by its whole form; equal values of one kind have one canonical text:
        decimal numbers, ISO dates, IDNA hosts, digits of a phone (with a plus where its country is told: 212 555 1234 is
        not +212 555 1234), compact IBANs, folded words. Digits are ASCII; others are words.
Rule 2. What cannot be one of these kinds, or looks other than it reads, is no token.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from dueprocess.provenance.words import folded, is_deceptive
from dueprocess.values import Json, canonical_number

MIN_IBAN, MAX_IBAN = 15, 34  # characters (ISO 13616)
MAX_LENGTH: Final = 2000  # characters; what is longer directs nothing that a person has named

_HOST = r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_](?:[\w-]*[^\W_])"
EMAIL = re.compile(rf"[\w.!#$%&'*+/=?^`{{|}}~-]+@{_HOST}")
URL = re.compile(rf"(?:(https?)://)?({_HOST}|localhost|\d{{1,3}}(?:\.\d{{1,3}}){{3}})(:\d{{1,5}})?([/?#]\S*)?")
_ANY_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://\S+")
_IBAN = re.compile(r"[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?")
PHONE = re.compile(r"(?:\+|00)?[ (]{0,2}\d(?:[ ()./-]{0,2}\d){6,17}")
_FILE_ENDINGS: Final = frozenset(
    "txt pdf doc docx xls xlsx csv json yaml yml xml html htm md png jpg jpeg gif svg log py js ts ppt pptx tar gz tgz".split()
)  # a name that ends like this is read as a file's, unless it is written as a link
TRAILING: Final = ".,;:!?)]}>'\"*_"


class Kind(Enum):
    """What a value is."""

    EMAIL = "e-mail"
    LINK = "link"
    IBAN = "IBAN"
    DATE = "date"
    NUMBER = "number"
    PHONE = "phone number"
    WORDS = "words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A value in its one form."""

    kind: Kind
    text: str


def token_of(value: Json) -> Token | None:
    """The token that a plain value is; None for what can never be vouched: true, false, a container, a misleading text."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Token(kind=Kind.NUMBER, text=canonical_number(value))
    if not isinstance(value, str) or len(value) > MAX_LENGTH or is_deceptive(value):
        return None
    text = folded(value)
    return text_token(text) if text else None


def text_token(text: str) -> Token:
    """The token that a folded text, not empty, is as a whole."""
    if EMAIL.fullmatch(text):
        return Token(kind=Kind.EMAIL, text=email_form(text))
    if is_link(text):
        return Token(kind=Kind.LINK, text=link_form(text))
    if not text.isascii():
        return Token(kind=Kind.WORDS, text=text)
    compact = text.replace(" ", "")
    if _IBAN.fullmatch(text) and MIN_IBAN <= len(compact) <= MAX_IBAN and any(map(str.isdigit, compact[4:])):
        return Token(kind=Kind.IBAN, text=compact)
    if _DATE.fullmatch(text):
        return Token(kind=Kind.DATE, text=text)
    if _NUMBER.fullmatch(text) and not _is_no_quantity(text):
        return Token(kind=Kind.NUMBER, text=canonical_number(Decimal(text)))
    # Other groups of digits may be anything: 12-345-678 is not 123-45-678 unless one would call it.
    is_called = text.startswith(("+", "0", "("))
    if is_called and (text.startswith("00") or not text.isdigit()) and PHONE.fullmatch(text):
        return Token(kind=Kind.PHONE, text=digits_of(text))
    return Token(kind=Kind.WORDS, text=text)


def _is_no_quantity(text: str) -> bool:
    # Digits that begin with zeros or a plus are written for what they look like: "007" is not 7.
    return text[0] == "+" or (len(text) > 1 and text[0] == "0" and text[1] != ".")


def is_link(text: str) -> bool:
    """Whether a folded text is a link or the name of a host."""
    if _ANY_SCHEME.fullmatch(text):
        return True
    found = URL.fullmatch(text)
    if found is None:
        return False
    host = found[2]
    is_bare = not (found[3] or found[4] or host.startswith("www."))
    return not (is_bare and host.rpartition(".")[2] in _FILE_ENDINGS)


def email_form(text: str) -> str:
    """The canonical text of an e-mail address."""
    local, _, host = text.rpartition("@")
    return f"{local}@{_ascii_host(host)}"


def link_form(text: str) -> str:
    """The canonical text of a link: its host and what follows, without a scheme of the web."""
    found = URL.fullmatch(text)
    if found is None:
        return text
    _, host, port, rest = found.groups()
    port = "" if port in {":80", ":443"} else port or ""
    return f"{_ascii_host(host)}{port}{(rest or '').rstrip('/')}"


def _ascii_host(host: str) -> str:
    if host.isascii() or "ß" in host or "ς" in host:
        return host  # the codec would take these two for others
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def digits_of(text: str) -> str:
    """The digits of a phone number; behind a plus from its country on, where that is told."""
    plain = "".join(filter(str.isdigit, text))
    if text.startswith("+"):
        return f"+{plain}"
    return f"+{plain[2:]}" if text.startswith("00") else plain
