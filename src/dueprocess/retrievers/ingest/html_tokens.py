"""HTML bytes as tags, text and comments, in one pass and linear time. What they mean together is in `html_tree`.

Rule 1. The forms of the WHATWG tokenizer that decide what is text: bogus comments, raw text, character references,
        attributes without quotes. What is cut off at the end is a comment or a tag, never text.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

RAW: Final = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes", "noscript"})
"""Elements whose content is text without tags. Browsers that run scripts read `noscript` so too."""
CODED: Final = frozenset({"title", "textarea"})
"""Elements whose content is text without tags, but with character references."""

_BEGINS = re.compile(r"<(?=[A-Za-z/!?])")
_NAME = re.compile(r"[A-Za-z][^\s/>\x00]*")
_ATTRIBUTE = re.compile(
    r"""[\s/]*(?P<name>[^\s/>=][^\s/>=]*|=[^\s/>=]*)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>]*)))?"""
)
_TAG_END = re.compile(r"[\s/]*>")
_COMMENT_END = re.compile(r"--!?>")
_ENDLESS = re.compile(r"&#[0-9]{8,}")
_MOST_ATTRIBUTES: Final = 200


@dataclass(frozen=True, slots=True)
class Text:
    """Text between tags, character references resolved."""

    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, a declaration, or what a browser takes for one."""

    text: str


@dataclass(frozen=True, slots=True)
class Open:
    """A start tag. Names are lower case; of an attribute that stands twice the first counts."""

    name: str
    attributes: dict[str, str]
    closed: bool


@dataclass(frozen=True, slots=True)
class Close:
    """An end tag."""

    name: str


Token = Text | Comment | Open | Close


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a page, in order. Every text is a page; nothing is raised."""
    at, end = 0, len(source)
    while at < end:
        tag = _BEGINS.search(source, at)
        if tag is None:
            yield Text(unescaped(source[at:]))
            return
        opened = tag.start()
        if opened > at:
            yield Text(unescaped(source[at:opened]))
        at = opened
        following = source[at + 1 : at + 2]
        if following not in {"/", "!", "?"}:
            token, at = _open(source, at)
            yield token
            if token.name == "plaintext":
                yield Text(source[at:])
                return
            if token.name in RAW or token.name in CODED:
                content, at = _raw(source, at, token.name)
                if content:
                    yield Text(unescaped(content) if token.name in CODED else content)
        elif following == "/" and source[at + 2 : at + 3].isascii() and source[at + 2 : at + 3].isalpha():
            token, at = _open(source, at + 1)
            yield Close(token.name)
        else:
            comment, at = _comment(source, at)
            yield Comment(comment)


def unescaped(text: str) -> str:
    """Text with its character references resolved."""
    # A number of any length stands for no character: it is not given to the parser of integers, which has a limit.
    return html.unescape(_ENDLESS.sub("\ufffd", text)) if "&" in text else text


def _open(source: str, at: int) -> tuple[Open, int]:
    found = _NAME.match(source, at + 1)
    name = found[0].lower() if found else ""
    place = found.end() if found else at + 1
    attributes: dict[str, str] = {}
    while True:
        ended = _TAG_END.match(source, place)
        if ended:
            return Open(name, attributes, "/" in ended[0]), ended.end()
        attribute = _ATTRIBUTE.match(source, place)
        if attribute is None:  # cut off: what is left of the page belongs to this tag
            return Open(name, attributes, closed=False), len(source)
        place = attribute.end()
        if len(attributes) < _MOST_ATTRIBUTES:
            value = next((each for each in attribute.group("double", "single", "bare") if each is not None), "")
            attributes.setdefault(attribute["name"].lower(), unescaped(value))


def _raw(source: str, at: int, name: str) -> tuple[str, int]:
    ended = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(source, at)
    return (source[at:], len(source)) if ended is None else (source[at : ended.start()], ended.start())


def _comment(source: str, at: int) -> tuple[str, int]:
    if source.startswith(("<!-->", "<!--->"), at):
        return "", source.index(">", at) + 1
    if source.startswith("<!--", at):
        ended = _COMMENT_END.search(source, at + 4)
        return (source[at + 4 :], len(source)) if ended is None else (source[at + 4 : ended.start()], ended.end())
    if source.startswith("<![CDATA[", at):
        # In HTML a bogus comment up to the next `>`; inside SVG it is text. Taken for hidden either way.
        ended = source.find("]]>", at)
        return (source[at + 9 :], len(source)) if ended < 0 else (source[at + 9 : ended], ended + 3)
    ended = source.find(">", at)
    return (source[at + 2 :], len(source)) if ended < 0 else (source[at + 2 : ended], ended + 1)
