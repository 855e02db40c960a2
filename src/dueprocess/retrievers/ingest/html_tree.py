"""Which element text stands in, as a browser builds the page: what decides who inherits from whom. How it looks is in `look`.

Rule 1. Of the WHATWG tree builder: void elements, implied ends, end tags that are ignored, and formatting that goes on
        in the next paragraph. Foster parents are not followed: text in a table stays in it.
Rule 2. Elements nest at most MAX_DEPTH deep.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dueprocess.retrievers.ingest.html_tokens import Open
from dueprocess.retrievers.ingest.limits import MAX_DEPTH, Unreadable
from dueprocess.retrievers.ingest.look import Look

VOID: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr basefont bgsound frame keygen".split()
)
BLOCKS: Final = frozenset(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup option p plaintext pre search "
    "section summary table tbody td tfoot th thead tr ul xmp".split()
)
_FORMATTING: Final = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_SPECIAL: Final = BLOCKS | frozenset(
    "applet area base br button caption col colgroup embed frame frameset head iframe img input link marquee meta "
    "noembed noframes noscript object param script select source style template textarea title track wbr".split()
)
_MARKERS: Final = frozenset("applet caption marquee object td template th".split())
_SCOPES: Final = _MARKERS | {"html", "table", "button"}
_CLOSES_P: Final = BLOCKS - {
    "body",
    "html",
    "option",
    "optgroup",
    "legend",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
}
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ENDS_BEFORE: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu"})),
    "dd": (frozenset({"dd", "dt"}), frozenset({"dl"})),
    "dt": (frozenset({"dd", "dt"}), frozenset({"dl"})),
    "option": (frozenset({"option"}), frozenset({"select", "datalist"})),
    "optgroup": (frozenset({"option", "optgroup"}), frozenset({"select"})),
    "td": (frozenset({"td", "th", "caption"}), frozenset({"table"})),
    "th": (frozenset({"td", "th", "caption"}), frozenset({"table"})),
    "tr": (frozenset({"td", "th", "tr", "caption"}), frozenset({"table"})),
    "tbody": (frozenset({"td", "th", "tr", "tbody", "thead", "tfoot", "caption"}), frozenset({"table"})),
    "thead": (frozenset({"td", "th", "tr", "tbody", "thead", "tfoot", "caption"}), frozenset({"table"})),
    "tfoot": (frozenset({"td", "th", "tr", "tbody", "thead", "tfoot", "caption"}), frozenset({"table"})),
    "rp": (frozenset({"rp", "rt"}), frozenset({"ruby"})),
    "rt": (frozenset({"rp", "rt"}), frozenset({"ruby"})),
    "button": (frozenset({"button"}), frozenset({"table"})),
    "a": (frozenset({"a"}), _MARKERS),
    "nobr": (frozenset({"nobr"}), _MARKERS),
}
_MOST_PENDING: Final = 100
_ARK: Final = 3  # the same formatting at most three times, as the specification has it
_ENDED_BY_TABLES: Final = frozenset({"table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption"})


@dataclass(slots=True, kw_only=True, eq=False)
class Element:
    """An element that is open. `look` is set by whoever reads the page."""

    name: str
    attributes: Mapping[str, str]
    parent: "Element | None" = None
    classes: frozenset[str] = frozenset()
    look: Look = field(default_factory=Look)
    pending: int = 0


class Tree:
    """The elements that are open, outermost first. `opened` and `closed` say what each token changes."""

    def __init__(self, root: Element) -> None:
        self.stack: list[Element] = [root]
        self._pending: list[Open] = []

    @property
    def current(self) -> Element:
        """The innermost element."""
        return self.stack[-1]

    def begin(self, tag: Open) -> tuple[list[Open], list[str]]:
        """What a start tag brings: the elements to push before it and itself, and the names that it ended."""
        ended: list[str] = []
        if tag.name in _CLOSES_P:
            ended += self._end_in_scope(frozenset({"p"}), _SCOPES)
        if tag.name in _HEADINGS and self.current.name in _HEADINGS:
            ended.append(self._pop().name)
        if tag.name in _ENDS_BEFORE:
            inside, bounds = _ENDS_BEFORE[tag.name]
            ended += self._end_in_scope(inside, bounds)
        if tag.name in {"a", "nobr"}:
            self._pending = [each for each in self._pending if each.name != tag.name]
        before = [] if tag.name in BLOCKS else self.resumed()
        return before, ended

    def resumed(self) -> list[Open]:
        """The formatting that goes on here: it was cut off with the block that it stood in."""
        floor = max((each.pending for each in self.stack), default=0)
        going_on, self._pending = self._pending[floor:], self._pending[:floor]
        return going_on

    def push(self, element: Element) -> None:
        """Opens an element.

        Raises:
            Unreadable: they nest too deep.
        """
        if len(self.stack) >= MAX_DEPTH:
            raise Unreadable(f"elements nest more than {MAX_DEPTH} deep; expected a page for people")
        if element.name in _MARKERS:
            element.pending = len(self._pending)
        self.stack.append(element)

    def end(self, name: str) -> list[str]:
        """What an end tag ends, innermost first; nothing where a browser ignores it."""
        if name in {"html", "body"}:
            return []
        if name in _HEADINGS:
            return self._end_in_scope(_HEADINGS, _SCOPES)
        if name in {"p", "li", "dd", "dt"} or name in _ENDED_BY_TABLES:
            bounds = frozenset({"table"}) - {name} if name in _ENDED_BY_TABLES else _SCOPES
            return self._end_in_scope(frozenset({name}), bounds | {"html"})
        if name in _SPECIAL:
            return self._end_in_scope(frozenset({name}), _MARKERS - {name} | {"html", "table"})
        return self._end_other(name)

    def _end_other(self, name: str) -> list[str]:
        for place in range(len(self.stack) - 1, 0, -1):
            if self.stack[place].name == name:
                return [self._pop(cut=len(self.stack) - 1 > place).name for _ in range(len(self.stack) - place)]
            if self.stack[place].name in _SPECIAL:
                break
        if name in _FORMATTING:
            for place in range(len(self._pending) - 1, -1, -1):
                if self._pending[place].name == name:
                    del self._pending[place]
                    break
        return []

    def _end_in_scope(self, names: frozenset[str], bounds: frozenset[str]) -> list[str]:
        for place in range(len(self.stack) - 1, 0, -1):
            if self.stack[place].name in names:
                return [self._pop(cut=True).name for _ in range(len(self.stack) - place)]
            if self.stack[place].name in bounds:
                return []
        return []

    def _pop(self, *, cut: bool = False) -> Element:
        gone = self.stack.pop()
        if gone.name in _MARKERS:
            del self._pending[gone.pending :]
        if cut and gone.name in _FORMATTING:
            self._carry(gone)
        return gone

    def _carry(self, gone: Element) -> None:
        # Popped innermost first, and to be opened again outermost first.
        tag = Open(gone.name, dict(gone.attributes), closed=False)
        floor = max((each.pending for each in self.stack), default=0)
        if self._pending[floor:].count(tag) < _ARK:
            self._pending.insert(floor, tag)
        if len(self._pending) > _MOST_PENDING:
            raise Unreadable(
                f"more than {_MOST_PENDING} formatting elements are never closed; expected a page for people"
            )
