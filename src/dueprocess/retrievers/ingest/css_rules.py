"""Style sheets as rules, and which of them hold for an element. What the declarations do to it is in `look`.

Rule 1. Read are type, class, id and attribute selectors, with descendant and child between. The cascade: importance, then
        specificity, then order.
Rule 2. A selector of a state (`:hover`) does not hold. Of one that cannot be read (`:nth-child`, `+`) the rest is taken,
        and it may only hide, as may what depends on a condition (`css_blocks`): where that is wrong, too much is withheld
        and nothing shown.
Rule 3. What is fetched from elsewhere is not read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from dueprocess.retrievers.ingest.css_blocks import alternatives, blocks
from dueprocess.retrievers.ingest.limits import Budget, Unreadable

MAX_RULES: Final = 20_000
_MOST_COMPOUNDS: Final = 12
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_SIMPLE = re.compile(
    r"(?P<tag>[a-z][\w-]*|\*)|\.(?P<klass>[^\s.#:\[\]>+~,]+)|#(?P<id>[^\s.#:\[\]>+~,]+)"
    r"|\[\s*(?P<name>[\w-]+)\s*(?:(?P<how>[~|^$*]?=)\s*[\"']?(?P<value>[^\"'\]]*)[\"']?\s*[is]?\s*)?\]"
    r"|(?P<pseudo>::?[a-z-]+(?:\([^()]*\))?)"
)
_STATES: Final = frozenset(
    ":hover :focus :active :visited :checked :target :disabled :invalid :focus-within :focus-visible ::before ::after "
    ":before :after ::first-letter ::first-line ::placeholder ::selection ::marker ::backdrop :fullscreen :open".split()
)


class Matched(Protocol):
    """What a selector asks of an element."""

    name: str
    id: str
    attributes: Mapping[str, str]
    classes: frozenset[str]

    @property
    def parent(self) -> "Matched | None":
        """The element around it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compound:
    tag: str = ""
    id: str = ""
    classes: frozenset[str] = frozenset()
    attributes: tuple[tuple[str, str, str], ...] = ()

    def holds(self, element: Matched) -> bool:
        return (
            (not self.tag or self.tag == element.name)
            and (not self.id or self.id == element.id)
            and self.classes <= element.classes
            and all(_attribute(element.attributes.get(name), how, value) for name, how, value in self.attributes)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declaration: its name and value in lower case, whether it is important."""

    name: str
    value: str
    important: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One selector and its declarations. `only_hides`: the selector could not be read in full (rule 2)."""

    compounds: tuple[tuple[str, _Compound], ...]
    declarations: tuple[Declaration, ...]
    weight: tuple[int, int, int]
    order: int
    only_hides: bool

    def holds(self, element: Matched) -> bool:
        """Whether the selector is true of this element."""
        return self.compounds[-1][1].holds(element) and self._above(len(self.compounds) - 1, element)

    def _above(self, place: int, element: Matched) -> bool:
        # The nearest fitting ancestor is taken for a descendant; only before a child may a farther one be needed, which
        # costs a look at each ancestor and compound once: selectors are short, and pages are not deep.
        if place == 0:
            return True
        combinator, wanted = self.compounds[place][0], self.compounds[place - 1][1]
        above = element.parent
        while above is not None:
            if wanted.holds(above) and self._above(place - 1, above):
                return True
            if combinator == ">":
                return False
            above = above.parent
        return False


@dataclass(slots=True)
class Sheet:
    """All rules of a page, found by what their last compound asks for. `folds`: the case of classes and ids does not matter."""

    folds: bool = False
    count: int = 0
    _by: dict[str, list[Rule]] = field(default_factory=dict[str, list[Rule]])

    def read(self, text: str, budget: Budget, *, conditional: bool = False) -> None:
        """Adds the rules of a style element. `conditional`: whether they hold is not known.

        Raises:
            Unreadable: there are more than MAX_RULES.
        """
        for block in blocks(_COMMENT.sub(" ", text), budget):
            declared = declarations(block.body)
            made: list[Rule] = []
            unread = block.conditional or conditional
            for selector in alternatives(block.selectors) if declared else ():
                self.count += 1
                if self.count > MAX_RULES:
                    raise Unreadable(f"more than {MAX_RULES} style rules; expected fewer")
                rule, complete = _rule(selector, declared, order=self.count, folds=self.folds)
                unread = unread or not complete
                made += [rule] if rule is not None else []
            for rule in made:
                # One selector that a browser does not know undoes all in its list: then they may only hide.
                last = rule.compounds[-1][1]
                key = f"#{last.id}" if last.id else f".{min(last.classes)}" if last.classes else last.tag
                self._by.setdefault(key, []).append(replace(rule, only_hides=unread))

    def rules_for(self, element: Matched, budget: Budget) -> list[Rule]:
        """The rules that hold for an element, from weak to strong."""
        keys = ("", element.name, f"#{element.id}", *(f".{each}" for each in element.classes))
        found: list[Rule] = []
        for key in keys:
            for rule in self._by.get(key, ()):
                budget.spend()
                if rule.holds(element):
                    found.append(rule)
        return sorted(found, key=lambda rule: (rule.weight, rule.order))


def declarations(body: str) -> tuple[Declaration, ...]:
    """The declarations of a rule or of a style attribute."""
    found: list[Declaration] = []
    for each in _COMMENT.sub(" ", body[:100_000]).split(";")[:500]:
        name, colon, value = each.partition(":")
        if colon:
            name, value = _plain(name).strip().lower(), _plain(value).strip().lower()
            important = value.replace(" ", "").endswith("!important")
            found.append(
                Declaration(
                    name=name, value=value.rpartition("!")[0].strip() if important else value, important=important
                )
            )
    return tuple(found)


def _rule(selector: str, declared: tuple[Declaration, ...], *, order: int, folds: bool) -> tuple[Rule | None, bool]:
    """The rule of one selector, None if it is of a state or cannot be read; and whether it was read in full."""
    compounds: list[tuple[str, _Compound]] = []
    ids = classes = tags = 0
    unread = False
    combinator = ""
    for piece in re.findall(r"[>+~]|(?:\[[^\]]*\]|\([^()]*\)|[^\s>+~\[\(])+", selector.strip())[:_MOST_COMPOUNDS]:
        if piece in {">", "+", "~"}:
            unread = unread or piece != ">"
            # The sibling before it is not looked at: what stands before it is dropped.
            if piece != ">":
                compounds.clear()
            combinator = piece if piece == ">" else ""
            continue
        compound, complete = _compound(piece, folds=folds)
        if compound is None:
            return None, complete
        unread = unread or not complete
        ids, classes = ids + bool(compound.id), classes + len(compound.classes) + len(compound.attributes)
        tags += bool(compound.tag)
        compounds.append((combinator or " ", compound))
        combinator = ""
    if not compounds:
        return None, False
    weight = (ids, classes, tags)
    made = Rule(compounds=tuple(compounds), declarations=declared, weight=weight, order=order, only_hides=unread)
    return made, not unread


def _compound(piece: str, *, folds: bool) -> tuple[_Compound | None, bool]:
    tag = name = ""
    classes: set[str] = set()
    attributes: list[tuple[str, str, str]] = []
    complete, at = True, 0
    while at < len(piece):
        found = _SIMPLE.match(piece, at) or _SIMPLE.match(piece.lower(), at)
        if found is None:
            return None, False
        at = found.end()
        if found["pseudo"] is not None:
            if found["pseudo"].partition("(")[0].lower() in _STATES:
                return None, True
            complete = complete and found["pseudo"].lower() == ":root"
            tag = "html" if found["pseudo"].lower() == ":root" else tag
        elif found["tag"] is not None:
            tag = "" if found["tag"] == "*" else found["tag"].lower()
        elif found["klass"] is not None:
            classes.add(_folded(_plain(found["klass"]), folds=folds))
        elif found["id"] is not None:
            name = _folded(_plain(found["id"]), folds=folds)
        else:
            attributes.append((found["name"].lower(), found["how"] or "", found["value"] or ""))
    return _Compound(tag=tag, id=name, classes=frozenset(classes), attributes=tuple(attributes)), complete


def _attribute(actual: str | None, how: str, value: str) -> bool:
    if actual is None:
        return False
    match how:
        case "":
            return True
        case "=":
            return actual == value
        case "~=":
            return value in actual.split()
        case "|=":
            return actual == value or actual.startswith(f"{value}-")
        case "^=":
            return bool(value) and actual.startswith(value)
        case "$=":
            return bool(value) and actual.endswith(value)
        case _:
            return bool(value) and value in actual


def _folded(name: str, *, folds: bool) -> str:
    return name.lower() if folds else name


def _plain(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    code = int(found[1], 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"
