"""Which declarations a browser would take: one that it does not understand leaves the one before it in force.

Rule 1. Only properties that decide whether text is seen are looked at; any other is taken.
Rule 2. A length without a unit is taken where it hides: whether a browser takes it depends on the page's doctype.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from dueprocess.retrievers.ingest.css_values import FONT_SIZES, colour, number, pixels

_GLOBAL: Final = frozenset({"inherit", "initial", "unset", "revert", "revert-layer"})
_DISPLAY: Final = frozenset(
    (
        "none block inline inline-block flow flow-root flex inline-flex grid inline-grid table inline-table list-item contents "
        "table-row table-cell table-row-group table-header-group table-footer-group table-column table-column-group "
        "table-caption ruby ruby-base ruby-text run-in math -webkit-box -webkit-inline-box"
    ).split()
)
_KEYWORDS: Final = frozenset("auto none normal fit-content min-content max-content stretch".split())
_UNKNOWN_COLOUR = re.compile(r"[a-z-]+\(.*\)|currentcolor")
_BARE = re.compile(r"[-+]?\d*\.?\d+")
_FAR: Final = 300.0


def understood(name: str, value: str) -> bool:
    """Whether a declaration counts (rules 1 and 2)."""
    if value in _GLOBAL or "var(" in value:
        return True
    asks = _ASKS.get(name)
    return asks is None or asks(value)


def _length(value: str) -> bool:
    pieces = value.split()
    if value in _KEYWORDS:
        return True
    return bool(pieces) and all(_one_length(each) for each in ([value] if "(" in value else pieces[:4]))


def _one_length(value: str) -> bool:
    if value in _KEYWORDS:
        return True
    found = pixels(value)
    if found is None:
        return False
    bare = _BARE.fullmatch(value)
    return bare is None or found == 0 or abs(found) > _FAR


def _font_size(value: str) -> bool:
    if value in FONT_SIZES or value in {"smaller", "larger"}:
        return True
    found = pixels(value)
    return found is not None and found >= 0 and (_BARE.fullmatch(value) is None or found < 3)


def _coloured(value: str) -> bool:
    return value == "none" or colour(value) is not None or _UNKNOWN_COLOUR.fullmatch(value) is not None


def _one_of(*words: str) -> Callable[[str], bool]:
    known = frozenset(words)
    return lambda value: value in known


def _display(value: str) -> bool:
    words = value.split()
    return 0 < len(words) <= 3 and all(each in _DISPLAY for each in words)


def _function(*names: str) -> Callable[[str], bool]:
    known = re.compile(rf"(?:none|auto|(?:{'|'.join(names)})\w*\(.*)", re.DOTALL)
    return lambda value: known.match(value) is not None and value.count("(") == value.count(")")


_LENGTHS: Final = (
    "left right top bottom inset text-indent margin margin-left margin-right margin-top margin-bottom width height "
    "max-width max-height translate"
).split()
_OVERFLOW: Final = _one_of(
    "visible", "hidden", "clip", "scroll", "auto", "hidden visible", "visible hidden", "hidden auto", "auto hidden"
)
_ASKS: Final[Mapping[str, Callable[[str], bool]]] = {
    **dict.fromkeys(_LENGTHS, _length),
    **dict.fromkeys(("color", "background-color", "-webkit-text-fill-color", "fill"), _coloured),
    **dict.fromkeys(("overflow", "overflow-x", "overflow-y"), _OVERFLOW),
    **dict.fromkeys(("opacity", "fill-opacity"), lambda value: number(value) is not None),
    "display": _display,
    "visibility": _one_of("visible", "hidden", "collapse"),
    "content-visibility": _one_of("visible", "hidden", "auto"),
    "position": _one_of("static", "relative", "absolute", "fixed", "sticky"),
    "z-index": lambda value: value == "auto" or number(value) is not None,
    "font-size": _font_size,
    "clip": _function("rect"),
    "clip-path": _function("inset", "circle", "ellipse", "polygon", "path", "url", "rect", "xywh", "shape"),
    "transform": _function("translate", "scale", "matrix", "rotate", "skew", "perspective"),
    "filter": _function("opacity", "blur", "brightness", "contrast", "drop-shadow", "grayscale", "hue-rotate", "invert", "sepia", "url"),
}  # fmt: skip
