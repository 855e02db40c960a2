"""An e-mail as parts: what a mail program shows, what it does not, headers, attachments, and what others wrote in it.

Rule 1. Of alternatives the last one that is text is shown; one that says something else is hidden, and kept.
Rule 2. Headers are metadata. Attachments are listed, not read. A message in a message is marked as such.
Rule 3. What is quoted or forwarded is seen, and marked: the sender did not write it.
"""

import re
from collections.abc import Iterator, Sequence
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Final, TypeAlias, cast

from dueprocess.evidence import Part, Visibility
from dueprocess.retrievers.ingest.html_page import read_page
from dueprocess.retrievers.ingest.limits import Budget, Unreadable, decoded, known_charset
from dueprocess.retrievers.ingest.page_charset import charset_of_page

MAX_NESTED: Final = 20
MAX_MEMBERS: Final = 500
_MOST_HEADER: Final = 20_000
_FORWARDED = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|forwarded message|urspr\u00fcngliche nachricht|message d'origine)\s*-{2,}"
    r"|begin forwarded message:.*)\s*$",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(
    r"^\s*(?:on|am|le|el)\b.{5,300}\b(?:wrote|schrieb|a \u00e9crit|escribi\u00f3)\s*:\s*$", re.IGNORECASE
)
_QUOTED = re.compile(r"^\s{0,3}>")
_WORD = re.compile(r"\w+")
_ADDRESS = re.compile(r"(?:https?://|mailto:)\S{0,4000}")

_Mail: TypeAlias = "Message[str, str]"


def read_mail(content: bytes, budget: Budget) -> None:
    """Adds the parts of a message to the budget.

    Raises:
        Unreadable: it is no message, or beyond the limits.
    """
    message = BytesParser(policy=compat32).parsebytes(content)
    if not message.keys():
        raise Unreadable("no header line at the beginning; expected an e-mail (RFC 5322)")
    _Mailbox(budget).read(message, depth=0, note="")


class _Mailbox:
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._members = 0

    def read(self, message: _Mail, *, depth: int, note: str) -> None:
        headers = "\n".join(f"{name[:200]}: {_header(value)}" for name, value in message.items())
        why = "e-mail headers" if not note else f"e-mail headers of a {note}"
        self._budget.keep(headers[: _MOST_HEADER * 5], Visibility.METADATA, why=why)
        self._member(message, depth=depth, note=note)

    def _member(self, member: _Mail, *, depth: int, note: str) -> None:
        self._budget.spend()
        self._members += 1
        if depth > MAX_NESTED or self._members > MAX_MEMBERS:
            raise Unreadable(f"more than {MAX_MEMBERS} members or {MAX_NESTED} levels; expected a letter")
        kind = member.get_content_type()
        inside = _inside(member)
        if kind == "message/rfc822" or (inside and kind.startswith("message/")):
            for each in inside:
                self.read(each, depth=depth + 1, note="nested message")
        elif kind == "multipart/alternative":
            self._alternatives(inside, depth=depth, note=note)
        elif inside:
            for each in inside:
                self._member(each, depth=depth + 1, note=note)
        elif _is_attached(member) or member.get_content_maintype() != "text":
            self._list(member)
        else:
            self._budget.keep_all(_marked(part, note) for part in self._shown(member))

    def _alternatives(self, members: Sequence[_Mail], *, depth: int, note: str) -> None:
        if not members:
            return
        readable = [each for each in members if each.is_multipart() or each.get_content_maintype() == "text"]
        shown = readable[-1] if readable else members[-1]
        before = len(self._budget.parts)
        self._member(shown, depth=depth + 1, note=note)
        seen = [part.text for part in self._budget.parts[before:] if part.visibility is Visibility.VISIBLE]
        for each in members:
            if each is not shown:
                self._other(each, seen, depth=depth)

    def _other(self, member: _Mail, seen: Sequence[str], *, depth: int) -> None:
        if member.is_multipart() or member.get_content_maintype() != "text":
            # Its text is read like any other and then taken for hidden: nothing of it is shown.
            before = len(self._budget.parts)
            self._member(member, depth=depth + 1, note="")
            others, self._budget.parts[before:] = self._budget.parts[before:], []
        else:
            others = self._shown(member)
        words = set(_words(" ".join(seen)))
        text = "\n\n".join(part.text for part in others if part.visibility is Visibility.VISIBLE)
        if any(word not in words for word in _words(text)):
            self._budget.keep(text, Visibility.HIDDEN, why="alternative that differs from the one shown")
        self._budget.keep_all(part for part in others if part.visibility is not Visibility.VISIBLE)

    def _shown(self, member: _Mail) -> list[Part]:
        """The parts of a member that is text, as if it stood alone."""
        apart = Budget(limits=self._budget.limits, ends_at=self._budget.ends_at)
        payload = cast("object", member.get_payload(decode=True))
        charset = _parameter(member, "charset")
        content = payload if isinstance(payload, bytes) else b""
        text = decoded(content, charset=charset or charset_of_page(content))
        match member.get_content_type():
            case "text/html":
                read_page(text, apart)
            case "text/plain":
                for quoted, lines in _quotes(text.replace("\r\n", "\n")):
                    apart.keep(lines, why=quoted)
            case _:
                apart.keep(text, Visibility.METADATA, why="member of another type")
        return apart.parts

    def _list(self, member: _Mail) -> None:
        payload = cast("object", member.get_payload(decode=True))
        size = len(payload) if isinstance(payload, bytes) else 0
        name = _header(member.get_filename() or _parameter(member, "name") or "without a name")
        told = f"{name[:500]} ({member.get_content_type()[:100]}, {size} bytes)"
        self._budget.keep(told, Visibility.METADATA, why="attachment, not read")


def _inside(message: _Mail) -> list[_Mail]:
    payload = cast("object", message.get_payload())
    if not isinstance(payload, list):
        return []
    return [cast("_Mail", each) for each in cast("list[object]", payload) if isinstance(each, Message)]


def _is_attached(member: _Mail) -> bool:
    return str(member.get("content-disposition", "")).strip().lower().startswith("attachment")


def _parameter(member: _Mail, name: str) -> str:
    found = cast("object", member.get_param(name, ""))
    if isinstance(found, tuple):  # RFC 2231: (charset, language, value)
        return str(cast("tuple[object, ...]", found)[-1])
    return str(found)


def _header(value: object) -> str:
    text = str(value)[:_MOST_HEADER]
    try:
        pieces = decode_header(text)
    except (HeaderParseError, ValueError):
        return " ".join(text.split())
    told = [
        piece if isinstance(piece, str) else piece.decode(known_charset(charset or "latin-1"), "replace")
        for piece, charset in cast("list[tuple[str | bytes, str | None]]", pieces)
    ]
    plain = "".join(told).encode("utf-8", "replace").decode()
    return " ".join(plain.split())


def _quotes(text: str) -> Iterator[tuple[str, str]]:
    """The text in blocks, each with what it is: the sender's own (empty), quoted, or forwarded."""
    why, block, forwarded = "", list[str](), False
    for line in text.split("\n"):
        forwarded = forwarded or bool(_FORWARDED.match(line))
        quoted = bool(_QUOTED.match(line) or (len(line) < 400 and _ATTRIBUTION.match(line)))
        kind = "forwarded from another message" if forwarded else "quoted from another message" if quoted else ""
        if kind != why and (kind or line.strip()):
            yield why, "\n".join(block)
            why, block = kind, []
        block.append(line)
    yield why, "\n".join(block)


def _marked(part: Part, note: str) -> Part:
    return Part(text=part.text, visibility=part.visibility, why=part.why or note)


def _words(text: str) -> Iterator[str]:
    return (found[0].casefold() for found in _WORD.finditer(_ADDRESS.sub(" ", text)))
