"""A page of HTML as parts: what a person sees in a browser, and what is hidden, with the reason. Styles are in `look`.

Rule 1. Scripts are not run and nothing is fetched: a style sheet elsewhere is told of, not obeyed.
Rule 2. Hidden text is told once for each place, attributes and comments each by themselves. The reason is in our words:
        nothing of the page stands in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from dueprocess.evidence import Visibility
from dueprocess.retrievers.ingest.css_rules import Declaration, Sheet, declarations
from dueprocess.retrievers.ingest.css_values import BLACK, ROOT_PX
from dueprocess.retrievers.ingest.html_tokens import Close, Comment, Open, Text, Token, tokens
from dueprocess.retrievers.ingest.html_tree import BLOCKS, VOID, Element, Tree
from dueprocess.retrievers.ingest.limits import Budget
from dueprocess.retrievers.ingest.look import Look, look_of
from dueprocess.retrievers.ingest.page_text import PageText

_UNSHOWN: Final = {
    **{name: name for name in ("script", "style", "template", "noscript", "datalist", "rp", "frameset")},
    **{name: f"fallback of {name}" for name in ("iframe", "noembed", "noframes", "object", "video", "audio", "canvas")},
    **{name: f"svg {name}" for name in ("defs", "symbol", "metadata", "desc", "clippath", "mask", "pattern")},
    **{name: name for name in ("annotation", "annotation-xml")},
}
_TOLD_ATTRIBUTES: Final = tuple(
    (
        "alt title aria-label aria-description aria-roledescription placeholder summary label srcdoc data-title "
        "data-tooltip standby longdesc prompt"
    ).split()
)
_LINES: Final = frozenset({"li", "tr", "dt", "dd", "option", "legend", "caption", "summary"})
_CELLS: Final = frozenset({"td", "th"})
_EXACT: Final = frozenset({"pre", "textarea", "listing", "xmp", "plaintext"})
_DRAWN: Final = frozenset({"svg", "g", "text", "tspan", "textpath"})
_PAINTED: Final = ("display", "visibility", "opacity", "font-size", "fill", "fill-opacity", "transform")
_INK: Final = frozenset({"font", "body", "basefont"})


def read_page(source: str, budget: Budget, *, exact: bool = False) -> None:
    """Adds the parts of a page to the budget. `exact`: blanks between tags count, as in Markdown.

    Raises:
        Unreadable: it is deeper, longer or slower to read than is allowed.
    """
    _Page(list(tokens(source)), budget, exact=exact).read()


class _Page:
    def __init__(self, found: list[Token], budget: Budget, *, exact: bool) -> None:
        self._tokens = found
        self._budget = budget
        self._exact = exact
        self._quirks = self._has_quirks()
        # Without a doctype browsers do not look at the case of classes and ids.
        self._sheet = Sheet(folds=self._quirks)
        self._text = PageText()
        self._tree = Tree(self._root(), quirks=self._quirks)

    def read(self) -> None:
        for token in self._tokens:
            self._budget.spend()
            match token:
                case Text(text):
                    for tag in self._tree.resumed() if text.strip() else ():
                        self._push(tag)
                    self._write(text)
                case Comment(text):
                    self._text.hide(text, Visibility.COMMENT, why="HTML comment", apart=True)
                case Open():
                    self._begin(token)
                case Close(name):
                    self._ended([name] if name in VOID else self._tree.end(name))
        self._text.keep(self._budget)

    def _has_quirks(self) -> bool:
        first = next((each for each in self._tokens if not isinstance(each, Text) or each.text.strip()), None)
        return not (isinstance(first, Comment) and first.text.strip().lower().startswith("doctype html"))

    def _root(self) -> Element:
        # A browser gives the attributes of every `html` and `body` to the one there is; a style may stand at the end.
        merged: dict[str, dict[str, str]] = {"html": {}, "body": {}}
        style: Open | None = None
        templates = 0
        for token in self._tokens:
            match token:
                case Open(name):
                    style = token if name == "style" else None
                    templates += name == "template"
                    if name in merged:
                        merged[name] = {**token.attributes, **merged[name]}
                case Close(name):
                    style = None
                    templates -= name == "template" and templates > 0
                case Text(text) if style is not None:
                    self._read_style(style, text, in_template=templates > 0)
                case _:
                    pass
        root = self._styled(Open("html", merged["html"], closed=False), None)
        return self._styled(Open("body", merged["body"], closed=False), root)

    def _read_style(self, style: Open, text: str, *, in_template: bool) -> None:
        media = style.attributes.get("media", "").strip().lower()
        kind = style.attributes.get("type", "").strip().lower()
        if media == "print" or kind not in {"", "text/css"}:
            return
        # A template holds nothing of the page: what stands in it may hide here, and show nothing.
        self._sheet.read(text, self._budget, conditional=in_template or media not in {"", "all", "screen"})

    def _begin(self, tag: Open) -> None:
        is_element, ended = self._tree.begin(tag)
        self._ended(ended)
        if not is_element:
            return
        for each in [] if tag.name in BLOCKS else self._tree.resumed():
            self._push(each)
        self._space(tag.name, begins=True)
        element = self._push(tag)
        self._tell_attributes(tag, element)
        if tag.name in VOID or (tag.closed and self._in_foreign(element)):
            self._tree.stack.pop()

    def _push(self, tag: Open) -> Element:
        element = self._styled(tag, self._tree.current)
        self._tree.push(element)
        return element

    def _styled(self, tag: Open, parent: Element | None) -> Element:
        above = _around(tag.name, parent.look if parent is not None else Look())
        element = Element(
            name=tag.name,
            attributes=tag.attributes,
            parent=parent,
            id=self._named(tag.attributes.get("id", "")),
            classes=frozenset(self._named(tag.attributes.get("class", "")).split()[:100]),
        )
        rules = self._sheet.rules_for(element, self._budget)
        own = [*_old_style(tag), *(each for rule in rules if not rule.only_hides for each in rule.declarations)]
        own += declarations(tag.attributes.get("style", ""))
        if self._quirks:
            own = [_hashed(each) for each in own]
            if tag.name == "table" and len(self._tree.stack) > 1:
                # Without a doctype a table takes its ink from the body, whatever lies between.
                above = replace(above, ink=self._tree.stack[0].look.ink, font=ROOT_PX)
        look = look_of(above, own)
        maybe = [each for rule in rules if rule.only_hides for each in rule.declarations]
        shut = look.shut or _shut_by_itself(tag)
        if not shut and maybe:
            harsher = look_of(above, [*own, *maybe])
            shut = harsher.why if not look.why else ""
        element.look = replace(look, shut=shut or _UNSHOWN.get(tag.name, ""))
        return element

    def _named(self, name: str) -> str:
        return name.lower() if self._quirks else name

    def _write(self, text: str) -> None:
        element = self._tree.current
        why = element.look.why
        if element.name == "title" and not self._in_foreign(element):
            self._text.hide(text, Visibility.METADATA, why="title", apart=True)
        elif why:
            self._text.hide(text, Visibility.HIDDEN, why=why)
        else:
            exact = self._exact or any(each.name in _EXACT for each in self._tree.stack)
            self._text.show(text, exact=exact)

    def _ended(self, names: Iterable[str]) -> None:
        for name in names:
            self._space(name, begins=False)

    def _space(self, name: str, *, begins: bool) -> None:
        if self._exact and name != "br":
            return
        if name == "br":
            self._text.end_line()
        elif name in _LINES:
            self._text.new_line()
            if begins and name == "li" and not self._tree.current.look.why:
                self._text.show("- ", exact=True)
        elif name in _CELLS:
            self._text.new_cell()
        elif name in BLOCKS:
            self._text.end_block()

    def _tell_attributes(self, tag: Open, element: Element) -> None:
        for name in _TOLD_ATTRIBUTES:
            if tag.attributes.get(name, "").strip():
                self._tell(tag.attributes[name], f"attribute {name}")
        match tag.name:
            case "meta":
                self._tell(tag.attributes.get("content", ""), "meta element")
            case "input" | "param" | "data" | "button":
                hidden = tag.attributes.get("type", "").lower() == "hidden"
                self._tell(
                    tag.attributes.get("value", ""), f"attribute value of {'hidden ' if hidden else ''}{tag.name}"
                )
            case "link" if "stylesheet" in tag.attributes.get("rel", "").lower():
                self._tell(tag.attributes.get("href", ""), "style sheet elsewhere, not read")
            case _:
                pass

    def _tell(self, text: str, why: str) -> None:
        self._text.hide(text, Visibility.METADATA, why=why, apart=True)

    def _in_foreign(self, element: Element) -> bool:
        return any(each.name in {"svg", "math"} for each in (*self._tree.stack, element))


def _around(name: str, look: Look) -> Look:
    """How it looks around an element, for that element: a drawing has an ink of its own, and paints only some of its text."""
    match name:
        case "svg":
            return replace(look, vector=True, painted=False, ink=BLACK)
        case "text":
            return replace(look, painted=True)
        case "foreignobject":
            return replace(look, vector=False, painted=True, ink=BLACK)
        case _:
            return look


def _shut_by_itself(tag: Open) -> str:
    attributes = tag.attributes
    if "hidden" in attributes:
        return "attribute hidden"
    if attributes.get("aria-hidden", "").strip().lower() == "true":
        return "aria-hidden"
    if tag.name == "dialog" and "open" not in attributes:
        return "closed dialog"
    if "popover" in attributes:
        return "popover"
    return ""


def _old_style(tag: Open) -> Sequence[Declaration]:
    """What attributes of before style sheets say."""
    said: list[tuple[str, str]] = []
    if tag.name in _DRAWN:
        said += [(name, tag.attributes.get(name, "")) for name in _PAINTED]
        places = [tag.attributes.get(name, "") for name in ("x", "y")]
        said += [("position", "relative")] if any(places) else []
        said += list(zip(("left", "top"), places, strict=True))
    if tag.name in _INK:
        said += [("color", tag.attributes.get("color", "") or tag.attributes.get("text", ""))]
    said += [("background-color", tag.attributes.get("bgcolor", ""))]
    return [Declaration(name=name, value=_old_colour(value), important=False) for name, value in said if value.strip()]


def _hashed(each: Declaration) -> Declaration:
    """Without a doctype a colour needs no `#`."""
    if each.name in {"color", "background-color"} and len(each.value) in {3, 6}:
        return replace(each, value=_old_colour(each.value))
    return each


def _old_colour(value: str) -> str:
    text = value.strip().lower()
    return f"#{text}" if len(text) in {3, 6} and all(each in "0123456789abcdef" for each in text) else text
