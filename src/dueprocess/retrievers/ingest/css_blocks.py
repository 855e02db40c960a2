"""A style sheet as blocks: selectors and the declarations between braces. What a selector asks for is in `css_rules`.

Rule 1. A block in a block holds below the outer one. What is for print is passed over; what depends on another condition
        (`@media` of a size, `@supports`, `@layer`) is marked as conditional.
Rule 2. Braces and semicolons in quotes divide nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from dueprocess.retrievers.ingest.limits import Budget, Unreadable

_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.){0,4000}\"|'(?:[^'\\\n]|\\.){0,4000}'", re.DOTALL)
_DIVIDES: Final = str.maketrans("{};", "___")
_BORDER = re.compile("[{};]")
_ALWAYS = re.compile(r"@media\s+(?:only\s+)?(?:screen|all)\s*")
_PRINT = re.compile(r"@media\s+(?:only\s+)?print\s*")
_CONDITIONS: Final = ("@media", "@supports", "@layer", "@container", "@scope", "@starting-style")
_CHOICE = re.compile(r":(?:is|where|matches|any|-webkit-any)\(([^()]*)\)")
_MOST_CHOICES: Final = 200
_DEEPEST: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Selectors and what is declared for them. `conditional`: whether it holds is not known."""

    selectors: str
    body: str
    conditional: bool


@dataclass(slots=True, kw_only=True)
class _Open:
    selectors: str
    conditional: bool
    passed_over: bool
    pieces: list[str] = field(default_factory=list[str])


def blocks(text: str, budget: Budget) -> Iterator[Block]:
    """The blocks of a sheet without comments, in the order in which they end.

    Raises:
        Unreadable: they nest too deep.
    """
    text = _QUOTED.sub(lambda found: found[0].translate(_DIVIDES), text)
    stack = [_Open(selectors="", conditional=False, passed_over=False)]
    at = 0
    for border in _BORDER.finditer(text):
        budget.spend()
        piece, at = text[at : border.start()], border.end()
        if border[0] == "{":
            if len(stack) > _DEEPEST:
                raise Unreadable(f"style rules nest more than {_DEEPEST} deep; expected fewer")
            stack.append(_opened(piece.strip(), stack[-1]))
            continue
        stack[-1].pieces.append(piece)
        if border[0] == "}" and len(stack) > 1:
            yield from _closed(stack.pop())
    stack[-1].pieces.append(text[at:])
    while len(stack) > 1:  # cut off: a browser closes what is open
        yield from _closed(stack.pop())


def alternatives(selectors: str) -> Iterator[str]:
    """The selectors of a list, each with one of the choices that it leaves."""
    waiting = re.findall(r"(?:\([^()]*\)|[^,(])+", selectors[:10_000])
    made = 0
    while waiting:
        selector = waiting.pop()
        choice = _CHOICE.search(selector)
        made += 1
        if choice is None or made > _MOST_CHOICES:
            yield selector
        else:
            head, tail = selector[: choice.start()], selector[choice.end() :]
            waiting.extend(f"{head}{each.strip()}{tail}" for each in choice[1].split(","))


def _opened(prelude: str, outer: _Open) -> _Open:
    named = prelude.lower()
    if not named.startswith("@"):
        selectors = prelude
        if outer.selectors:
            around = f":is({outer.selectors})"
            nested = prelude.split(",") if "&" not in prelude else [prelude]
            selectors = (
                prelude.replace("&", around) if "&" in prelude else ",".join(f"{around} {each}" for each in nested)
            )
        return _Open(selectors=selectors[:10_000], conditional=outer.conditional, passed_over=outer.passed_over)
    known = named.startswith(_CONDITIONS) and _PRINT.fullmatch(named) is None
    return _Open(
        selectors=outer.selectors,
        conditional=outer.conditional or _ALWAYS.fullmatch(named) is None,
        passed_over=outer.passed_over or not known,
    )


def _closed(block: _Open) -> Iterator[Block]:
    body = ";".join(each for each in block.pieces if ":" in each)
    if block.selectors and body and not block.passed_over:
        yield Block(selectors=block.selectors, body=body, conditional=block.conditional)
