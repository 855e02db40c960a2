"""How an element looks, as far as it decides whether a person can read it: from the declarations that hold for it.

Rule 1. Where a page could be read both ways, its text is hidden: what is withheld is listed, what is shown may deceive.
Rule 2. An image behind text is not seen here: text in the colour of the background below it is hidden.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dueprocess.retrievers.ingest.css_rules import Declaration
from dueprocess.retrievers.ingest.css_understood import understood
from dueprocess.retrievers.ingest.css_values import (
    BLACK,
    ROOT_PX,
    WHITE,
    Colour,
    colour,
    contrast,
    font_pixels,
    number,
    over,
    pixels,
)

LEAST_CONTRAST: Final = 1.2  # below it a person sees no letters; pale grey on white is 1.3 and more
_LEAST_FONT_PX: Final = 3.0
_LEAST_OPACITY: Final = 0.1
_AWAY_PX: Final = 300.0  # farther to the left or the top of its place than any layout moves what is to be read
_FAR_PX: Final = 4000.0  # farther to the right or the bottom than any page is looked at
_LEAST_BOX_PX: Final = 1.5
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*))?\)")
_MOVED = re.compile(r"(translate(?:x|y|3d)?|scale(?:x|y|3d)?|matrix)\(([^()]*)\)")
_UNKNOWN: Final[Colour] = (0.0, 0.0, 0.0, 0.0)
_SHOWN: Final = frozenset({"inherit", "initial", "unset", "revert", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What an element hands on to those in it. `shut`: why nothing in it can be seen, whatever it says of itself."""

    ink: Colour = BLACK
    ground: Colour = WHITE
    font: float = ROOT_PX
    invisible: bool = False
    opacity: float = 1.0
    shut: str = ""
    vector: bool = False  # inside a drawing, where `fill` is the ink of text
    painted: bool = True  # in a drawing only some elements paint their text
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def why(self) -> str:
        """Why a person cannot read text that stands here; empty if they can."""
        if self.shut:
            return self.shut
        if not self.painted:
            return "not painted by svg"
        if self.invisible:
            return "visibility:hidden"
        if self.font < _LEAST_FONT_PX:
            return "font size 0" if self.font <= 0 else "tiny font"
        if self.ink[3] < _LEAST_OPACITY:
            return "transparent text"
        if contrast(over(self.ink, self.ground), self.ground) < LEAST_CONTRAST:
            white = min(self.ground[:3]) > 240
            return "white on white" if white else "text in the colour of its background"
        return ""


def look_of(inherited: Look, declared: Iterable[Declaration]) -> Look:
    """How an element looks inside one that looks so, by its declarations from weak to strong."""
    taken = [each for each in declared if understood(each.name, each.value)]
    ordered = sorted(taken, key=lambda each: each.important)  # stable: important ones last
    named = {each.name: each.value for each in ordered if each.name.startswith("--")}
    variables = {**inherited.variables, **named} if named else inherited.variables
    style = {each.name: _resolved(each.value, variables) for each in ordered}
    font = inherited.font
    for name in ("font", "font-size"):
        value = style.get(name, "")
        if name == "font" and value not in _SHOWN:
            sizes = [each.partition("/")[0] for each in value.split() if each[:1].isdigit() or each[:1] == "."]
            value = sizes[-1] if sizes else ""
        if value not in _SHOWN:
            font = font_pixels(value, inherited=inherited.font)
    opacity = inherited.opacity * _opacity(style)
    return Look(
        ink=_ink(style, inherited),
        vector=inherited.vector,
        painted=inherited.painted,
        ground=_ground(style, inherited),
        font=font,
        invisible=_invisible(style, inherited=inherited.invisible),
        opacity=opacity,
        shut=inherited.shut or _shut(style, font=font, opacity=opacity),
        variables=variables,
    )


def _resolved(value: str, variables: Mapping[str, str]) -> str:
    for _ in range(4):  # variables of variables, but no loops
        if "var(" not in value or len(value) > 1000:
            return value
        value = _VARIABLE.sub(lambda found: variables.get(found[1], found[2] or "").strip(), value)
    return value


def _ink(style: Mapping[str, str], inherited: Look) -> Colour:
    value = style.get("-webkit-text-fill-color", "") or style.get("color", "")
    if inherited.vector:
        value = "transparent" if style.get("fill") == "none" else style.get("fill", "")
    if value in _SHOWN or value == "currentcolor":
        return inherited.ink
    # A colour that is understood elsewhere and not here may be any: rule 1.
    return colour(value) or (_UNKNOWN if "(" in value else inherited.ink)


def _ground(style: Mapping[str, str], inherited: Look) -> Colour:
    ground = inherited.ground
    for name in ("background", "background-color"):
        found = colour(style.get(name, ""))
        if found is not None:
            ground = over(found, inherited.ground)
    return ground


def _invisible(style: Mapping[str, str], *, inherited: bool) -> bool:
    value = style.get("visibility", "")
    if value in {"hidden", "collapse"}:
        return True
    return False if value in {"visible", "initial"} else inherited


def _opacity(style: Mapping[str, str]) -> float:
    found = number(style.get("opacity", "") or style.get("fill-opacity", ""))
    through = re.search(r"opacity\(([^()]*)\)", style.get("filter", ""))
    filtered = number(through[1]) if through else None
    return max(0.0, min(1.0 if found is None else found, 1.0 if filtered is None else filtered, 1.0))


def _shut(style: Mapping[str, str], *, font: float, opacity: float) -> str:
    if style.get("display", "").startswith("none"):
        return "display:none"
    if style.get("content-visibility") == "hidden":
        return "content-visibility:hidden"
    if opacity < _LEAST_OPACITY:
        return "opacity 0"
    if _is_away(style, font):
        return "off-screen"
    if _is_clipped(style):
        return "clipped away"
    if _is_boxed_in(style, font):
        return "in a box without size"
    return ""


def _is_away(style: Mapping[str, str], font: float) -> bool:
    def at(name: str) -> float:
        found = pixels(style.get(name, ""), font=font)
        return 0.0 if found is None else found

    if at("text-indent") < -_AWAY_PX or at("text-indent") > _FAR_PX:
        return True
    if style.get("position", "") in {"absolute", "fixed", "relative", "sticky"}:
        sides = [at(name) for name in ("left", "top", "right", "bottom", "inset")]
        if min(sides) < -_AWAY_PX or max(sides) > _FAR_PX or (number(style.get("z-index", "")) or 0) < 0:
            return True
    margins = [at(name) for name in ("margin-left", "margin-top", "margin-right", "margin-bottom")]
    margins += [pixels(each, font=font) or 0.0 for each in style.get("margin", "").split()[:4]]
    if min(margins) < -_AWAY_PX or max(margins) > _FAR_PX:
        return True
    return any(_moves_away(found, font) for found in _MOVED.finditer(style.get("transform", "")[:500])) or any(
        abs(pixels(each, font=font) or 0.0) > _AWAY_PX for each in style.get("translate", "").split()[:3]
    )


def _moves_away(found: re.Match[str], font: float) -> bool:
    pieces = [each.strip() for each in found[2].split(",")]
    if found[1].startswith("translate"):
        return any(abs(pixels(each, font=font) or 0.0) > _AWAY_PX for each in pieces)
    numbers = [number(each) for each in pieces]
    scales = numbers[:1] + numbers[3:4] if found[1] == "matrix" else numbers
    far = found[1] == "matrix" and any(abs(each or 0.0) > _AWAY_PX for each in numbers[4:])
    return far or any(each is not None and abs(each) < 0.05 for each in scales)


def _is_clipped(style: Mapping[str, str]) -> bool:
    clip = style.get("clip", "")
    if clip.startswith("rect("):
        sides = [pixels(each) for each in re.split(r"[\s,]+", clip.removeprefix("rect(").rstrip(")").strip())]
        known = [each for each in sides if each is not None]
        if len(known) == 4 and (known[1] - known[3] < 2 or known[2] - known[0] < 2):
            return True
    path = style.get("clip-path", "")
    if path.startswith("inset("):
        sides = [pixels(each, whole=100) for each in path.removeprefix("inset(").rstrip(")").split()]
        return any(each is not None and each >= 49 for each in sides[:4]) and "%" in path
    if path.startswith(("circle(", "ellipse(")):
        size = pixels(path.partition("(")[2].split("at")[0].rstrip(") ").split(" ")[0] or "50%")
        return size is not None and size < _LEAST_BOX_PX
    return path.startswith("polygon(") and not re.search(r"[1-9]", path)


def _is_boxed_in(style: Mapping[str, str], font: float) -> bool:
    cut = [style.get(name, "") for name in ("overflow", "overflow-x", "overflow-y")]
    if not any(each.startswith(("hidden", "clip", "scroll", "auto")) for each in cut):
        return False
    sizes = [pixels(style.get(name, ""), font=font) for name in ("width", "height", "max-width", "max-height")]
    return any(each is not None and each < _LEAST_BOX_PX for each in sizes)
