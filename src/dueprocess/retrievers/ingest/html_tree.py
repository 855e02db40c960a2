"""Which element text stands in, as a browser builds the page: what decides who inherits from whom. How it looks is in `look`.

Rule 1. Of the WHATWG tree builder: void elements, implied ends, tags that are ignored, foreign content, and formatting that
        goes on in the next paragraph. Foster parents are not followed: text in a table stays in it.
Rule 2. Elements nest at most MAX_DEPTH deep.
"""

from collections.abc import Callable, Mapping
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
_SPECIAL: Final = (BLOCKS - {"option", "optgroup", "legend", "dialog"}) | frozenset(
    "applet area base br button caption col colgroup embed frame frameset head iframe img input link marquee meta "
    "noembed noframes noscript object param script select source style template textarea title track wbr".split()
)
_MARKERS: Final = frozenset("applet caption marquee object td template th".split())
_SCOPE: Final = _MARKERS | {"html", "table", "select", "svg", "math"}
_TABLE_PARTS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("td", "th"), frozenset({"tr", "tbody", "thead", "tfoot", "table", "template"})),
    "tr": frozenset({"tbody", "thead", "tfoot", "table", "template"}),
    **dict.fromkeys(("tbody", "thead", "tfoot", "caption", "colgroup", "col"), frozenset({"table", "template"})),
}
"""Each part of a table, and what it may stand in: whatever is open inside of that ends before it."""
_CLOSES_P: Final = BLOCKS - {"body", "html", "option", "optgroup", "legend"} - _TABLE_PARTS.keys() | {"hr"}
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ITEMS: Final = {"li": frozenset({"li"}), "dd": frozenset({"dd", "dt"}), "dt": frozenset({"dd", "dt"})}
_IMPLIED: Final = frozenset("dd dt li optgroup option p rb rp rt rtc".split())
_FOREIGN: Final = frozenset({"svg", "math"})
_INTEGRATES: Final = frozenset("foreignobject desc title mi mo mn ms mtext annotation-xml".split())
_BREAKS_OUT: Final = frozenset(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta nobr ol "
    "p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
_FONT: Final = frozenset({"color", "face", "size"})
_IGNORED: Final = frozenset({"html", "body", "head", "frame"})
_MOST_PENDING: Final = 100
_ARK: Final = 3  # the same formatting at most three times, as the specification has it


@dataclass(slots=True, kw_only=True, eq=False)
class Element:
    """An element that is open. `look` is set by whoever reads the page.

    `kind` is what the rules of HTML know it as: its name, or nothing for one inside a drawing or a formula.
    """

    name: str
    attributes: Mapping[str, str]
    parent: "Element | None" = None
    id: str = ""
    classes: frozenset[str] = frozenset()
    look: Look = field(default_factory=Look)
    pending: int = 0
    kind: str = ""


class Tree:
    """The elements that are open, outermost first. `begin` and `end` say what a tag ends besides."""

    def __init__(self, root: Element, *, quirks: bool) -> None:
        """`quirks`: the page has no doctype, so that a table does not end a paragraph."""
        root.kind = root.name
        self.stack: list[Element] = [root]
        self._quirks = quirks
        self._pending: list[Open] = []
        self._form: Element | None = None

    @property
    def current(self) -> Element:
        """The innermost element."""
        return self.stack[-1]

    def begin(self, tag: Open) -> tuple[bool, list[str]]:
        """Whether a start tag makes an element, and the names of those that it ended."""
        name = tag.name
        ended: list[str] = []
        if self._is_foreign():
            if name not in _BREAKS_OUT and not (name == "font" and not _FONT.isdisjoint(tag.attributes)):
                return True, []
            while self._is_foreign():
                ended.append(self._pop().name)
        if name in _IGNORED or (name == "form" and self._form is not None):
            return False, ended
        if name in _TABLE_PARTS:
            if not self._has({"table", "template"}, frozenset({"html"})):
                return False, ended
            while self.current.kind not in _TABLE_PARTS[name]:
                ended.append(self._pop(cut=True).name)
            return True, ended
        if name == "select" and self._has({"select"}, _SCOPE):
            return False, ended + self._end_in_scope(frozenset({"select"}), frozenset({"html"}))
        return True, ended + self._implied(name)

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
        known = not self._is_foreign() or element.name in _FOREIGN | _INTEGRATES
        element.kind = element.name if known else ""
        if element.kind in _MARKERS:
            element.pending = len(self._pending)
        if element.kind == "form" and self._form is None:
            self._form = element
        self.stack.append(element)

    def end(self, name: str) -> list[str]:
        """What an end tag ends, innermost first; nothing where a browser ignores it."""
        if self._is_foreign() and name != "p":
            return self._end_foreign(name)
        if name in _IGNORED:
            return []
        if name == "template":
            return self._end_in_scope(frozenset({name}), frozenset({"html"}))
        if name == "form":
            return self._end_form()
        if name in _HEADINGS:
            return self._end_in_scope(_HEADINGS, _SCOPE)
        if name in _TABLE_PARTS or name == "table":
            return self._end_in_scope(frozenset({name}), frozenset({"html", "table", "template"}) - {name})
        if name in _SPECIAL or name == "dialog":
            more = {"p": {"button"}, "li": {"ol", "ul"}}.get(name, set[str]())
            return self._end_in_scope(frozenset({name}), _SCOPE - {name} | more)
        return self._end_formatting(name) if name in _FORMATTING else self._end_other(name)

    def _implied(self, name: str) -> list[str]:
        """What ends because an element of this name begins."""
        ended: list[str] = []
        if name in _ITEMS:
            ended += self._end_item(_ITEMS[name])
        if name in _CLOSES_P and not (name == "table" and self._quirks):
            ended += self._end_in_scope(frozenset({"p"}), _SCOPE | {"button"})
        if (name in _HEADINGS and self.current.kind in _HEADINGS) or (
            name in {"option", "optgroup"} and self.current.kind == "option"
        ):
            ended.append(self._pop().name)
        if name in {"rb", "rp", "rt", "rtc"} and self._has({"ruby"}, _SCOPE):
            ended += self._pop_while(lambda element: element.kind in _IMPLIED)
        if name == "button":
            ended += self._end_in_scope(frozenset({name}), _SCOPE)
        if name in {"a", "nobr"}:
            self._pending = [each for each in self._pending if each.name != name]
            ended += self._end_formatting(name)
        return ended

    def _end_form(self) -> list[str]:
        # Only the form itself leaves: what was opened in it stays open, and stands in it.
        form, self._form = self._form, None
        if form is None or not self._has({"form"}, _SCOPE) or form not in self.stack:
            return []
        if self.current is form:
            return [self._pop().name]
        self.stack.remove(form)
        return []

    def _end_foreign(self, name: str) -> list[str]:
        for place in range(len(self.stack) - 1, 0, -1):
            if self.stack[place].name == name:
                return self._pop_to(place)
            if self.stack[place].kind in _FOREIGN:
                break
        return []

    def _end_formatting(self, name: str) -> list[str]:
        for place in range(len(self._pending) - 1, -1, -1):
            if self._pending[place].name == name:
                del self._pending[place]
                return []
        # Blocks that were opened in it stay open, and keep its look: a browser moves them out of it.
        for place in range(len(self.stack) - 1, 0, -1):
            if self.stack[place].kind == name:
                if any(each.kind in _SPECIAL for each in self.stack[place + 1 :]):
                    del self.stack[place]
                    return []
                return self._pop_to(place)
            if self.stack[place].kind in _SCOPE:
                break
        return []

    def _end_other(self, name: str) -> list[str]:
        for place in range(len(self.stack) - 1, 0, -1):
            if self.stack[place].kind == name:
                return self._pop_to(place)
            if self.stack[place].kind in _SPECIAL:
                break
        return []

    def _end_item(self, names: frozenset[str]) -> list[str]:
        for place in range(len(self.stack) - 1, 0, -1):
            if self.stack[place].kind in names:
                return self._pop_to(place)
            if self.stack[place].kind in _SPECIAL and self.stack[place].kind not in {"address", "div", "p"}:
                break
        return []

    def _end_in_scope(self, names: frozenset[str], bounds: frozenset[str]) -> list[str]:
        for place in range(len(self.stack) - 1, 0, -1):
            if self.stack[place].kind in names:
                return self._pop_to(place)
            if self.stack[place].kind in bounds:
                break
        return []

    def _has(self, names: set[str], bounds: frozenset[str]) -> bool:
        for element in reversed(self.stack):
            if element.kind in names:
                return True
            if element.kind in bounds:
                break
        return False

    def _is_foreign(self) -> bool:
        """Whether the innermost element is one of a drawing or a formula, where other rules hold."""
        for element in reversed(self.stack):
            if element.kind in _INTEGRATES:
                return False
            if element.kind in _FOREIGN:
                return True
        return False

    def _pop_to(self, place: int) -> list[str]:
        return [self._pop(cut=len(self.stack) - 1 > place).name for _ in range(len(self.stack) - place)]

    def _pop_while(self, holds: Callable[[Element], bool]) -> list[str]:
        ended: list[str] = []
        while len(self.stack) > 1 and holds(self.current):
            ended.append(self._pop().name)
        return ended

    def _pop(self, *, cut: bool = False) -> Element:
        gone = self.stack.pop()
        if gone.kind in _MARKERS:
            del self._pending[gone.pending :]
        if cut and gone.kind in _FORMATTING:
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
