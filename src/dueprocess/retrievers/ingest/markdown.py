"""Markdown as parts: the source as people read it, without what a page made of it would not show.

Rule 1. Code is text: what stands in a fence or between backticks is shown as it is.
Rule 2. Reference definitions, link titles and destinations, image descriptions and front matter are not shown.
Rule 3. HTML in it is read as HTML, with all that hides there.
"""

import html
import re
from collections.abc import Iterator
from typing import Final

from dueprocess.evidence import Visibility
from dueprocess.retrievers.ingest.html_page import read_page
from dueprocess.retrievers.ingest.html_tokens import unescaped
from dueprocess.retrievers.ingest.limits import Budget

_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)\n?")
_TITLE = r"(?:\"(?:[^\"\\]|\\.){0,4000}\"|'(?:[^'\\]|\\.){0,4000}'|\((?:[^()\\]|\\.){0,4000}\))"
_DEFINITION = re.compile(
    r" {0,3}\[(?P<label>[^\[\]\n^][^\[\]\n]{0,998})\]:[ \t]{0,50}(?:\n[ \t]{0,50})?(?P<to><[^<>\n]{0,4000}>|[^\s<]\S{0,4000})"
    rf"(?:[ \t]+(?P<title>{_TITLE}))?[ \t]*(?:\n|\Z)",
    re.DOTALL,
)
_TITLE_LINE = re.compile(rf"[ \t]*{_TITLE}[ \t]*(?:\n|\Z)", re.DOTALL)
_TEXT = r"(?P<text>(?:[^\[\]]|\[[^\[\]]{0,500}\]){0,500})"  # brackets in brackets, one level
_LINK = re.compile(
    rf"(?P<image>!?)\[{_TEXT}\]\(\s{{0,20}}(?P<to><[^<>\n]{{0,4000}}>|[^\s()<>]{{0,4000}}(?:\([^\s()]{{0,400}}\)[^\s()]{{0,400}})?)"
    rf"(?:\s{{1,20}}(?P<title>{_TITLE}))?\s{{0,20}}\)",
    re.DOTALL,
)
_REFERENCE = re.compile(rf"(?P<image>!?)\[{_TEXT}\]\[[^\[\]\n]{{0,999}}\]")
_CODE = re.compile(r"(?<!`)(?P<ticks>`{1,20})(?!`)")
_FRONT = re.compile(r"\A---[ \t]*\n(?P<text>.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_AUTOLINK = re.compile(
    r"<((?:[a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]{0,4000})|[\w.!#$%&'*+/=?^`{|}~-]{1,100}@[\w.-]{1,200})>"
)
_COMMENTS: Final = frozenset({"//", "comment", "_"})


def read_markdown(source: str, budget: Budget) -> None:
    """Adds the parts of a Markdown text to the budget.

    Raises:
        Unreadable: it is beyond the limits.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    hidden: list[tuple[Visibility, str, str]] = []
    front = _FRONT.match(source)
    if front:
        hidden.append((Visibility.METADATA, "front matter", front["text"]))
        source = source[front.end() :]
    page = "".join(
        _escaped(text) if is_code else _inline(text, hidden, budget)
        for is_code, text in _pieces(source, hidden, budget)
    )
    read_page(page, budget, exact=True)
    for visibility, why, text in hidden:
        budget.keep(text, visibility, why=why)


def _pieces(source: str, hidden: list[tuple[Visibility, str, str]], budget: Budget) -> Iterator[tuple[bool, str]]:
    """The text in pieces, each code or not; definitions are taken out of it."""
    prose: list[str] = []
    at, end = 0, len(source)
    while at < end:
        budget.spend()
        fence = _FENCE.match(source, at)
        if fence and not (fence["mark"].startswith("`") and "`" in fence["info"]):
            yield False, "".join(prose)
            prose.clear()
            closed = _end_of_fence(source, fence)
            yield True, source[at:closed]
            at = closed
            continue
        definition = _DEFINITION.match(source, at)
        if definition:
            at = _define(source, definition, hidden)
            continue
        line_end = source.find("\n", at)
        line_end = end if line_end < 0 else line_end + 1
        prose.append(source[at:line_end])
        at = line_end
    yield False, "".join(prose)


def _end_of_fence(source: str, fence: re.Match[str]) -> int:
    mark = fence["mark"]
    closing = re.compile(rf"^ {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$\n?", re.MULTILINE)
    found = closing.search(source, fence.end())
    return found.end() if found else len(source)


def _define(source: str, definition: re.Match[str], hidden: list[tuple[Visibility, str, str]]) -> int:
    label, to, title = definition["label"].strip(), definition["to"] or "", definition["title"] or ""
    at = definition.end()
    if not title:  # the title may stand alone in the next line
        following = _TITLE_LINE.match(source, at)
        if following and following[0].strip():
            title, at = following[0].strip(), following.end()
    told = " ".join(each for each in (f"[{label}]:", to, title) if each)
    comment = label.lower() in _COMMENTS or to == "#"
    why = "Markdown comment" if comment else "reference definition"
    hidden.append((Visibility.COMMENT if comment else Visibility.HIDDEN, why, told))
    return at


def _inline(text: str, hidden: list[tuple[Visibility, str, str]], budget: Budget) -> str:
    """Prose with its code escaped and its links as their text."""
    found: list[str] = []
    runs = list(_CODE.finditer(text))
    # Code ends at the next run of as many backticks: looked for from the end on, so that each run is looked at once.
    closing: dict[int, int] = {}
    closed_by: dict[int, int] = {}
    for number in range(len(runs) - 1, -1, -1):
        length = len(runs[number]["ticks"])
        if length in closing:
            closed_by[number] = closing[length]
        closing[length] = number
    at = 0
    for number, opening in enumerate(runs):
        budget.spend()
        if opening.start() < at or number not in closed_by:
            continue
        found.append(_links(text[at : opening.start()], hidden))
        at = runs[closed_by[number]].end()
        found.append(_escaped(text[opening.start() : at]))
    found.append(_links(text[at:], hidden))
    return "".join(found)


def _links(text: str, hidden: list[tuple[Visibility, str, str]]) -> str:
    def shown(found: re.Match[str]) -> str:
        groups = found.groupdict()
        if groups["image"]:
            hidden.append((Visibility.METADATA, "image description", unescaped(groups["text"])))
        for name, why in (("title", "link title"), ("to", "link destination")):
            told = (
                (groups.get(name) or "").strip("\"'()<> ") if name == "title" else (groups.get(name) or "").strip("<> ")
            )
            hidden.append((Visibility.METADATA, why, unescaped(told)))
        return "" if groups["image"] else groups["text"]

    # Twice: an image may be the text of a link.
    for _ in range(2):
        text = _REFERENCE.sub(shown, _LINK.sub(shown, text))
    return _AUTOLINK.sub(lambda found: _escaped(f"<{found[1]}>"), text)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
