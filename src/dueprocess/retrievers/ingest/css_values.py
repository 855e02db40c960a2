"""Values of style sheets as numbers: lengths in pixels, colours as red, green, blue and opacity. What they hide is in `look`."""

import colorsys
import re
from typing import Final

Colour = tuple[float, float, float, float]
"""Red, green and blue from 0 to 255, opacity from 0 to 1."""

WHITE: Final[Colour] = (255.0, 255.0, 255.0, 1.0)
BLACK: Final[Colour] = (0.0, 0.0, 0.0, 1.0)
ROOT_PX: Final = 16.0
_VIEW_PX: Final = 1000.0  # what a part of the window is taken to be a part of

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d{0,9}|\.\d{1,9})(?:e[-+]?\d{1,2})?", re.ASCII | re.IGNORECASE)
_LENGTH = re.compile(
    rf"({_NUMBER.pattern})\s*(px|pt|pc|em|rem|ex|ch|in|cm|mm|q|vw|vh|vmin|vmax|%)?", re.ASCII | re.IGNORECASE
)
_MINUS = re.compile(r"-\s+")
_FUNCTION = re.compile(r"(rgba?|hsla?)\(([^()]{1,100})\)")
_PIECE = re.compile(r"[a-z-]+\([^()]*\)|#[0-9a-f]+|[a-z]+")
_PX: Final = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "q": 2.4 / 2.54}
FONT_SIZES: Final = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0, "xx-large": 32.0,
}  # fmt: skip
_MOST_DIGITS: Final = 40


def pixels(value: str, *, font: float = ROOT_PX, whole: float = _VIEW_PX) -> float | None:
    """A length in pixels; of a calculation the smallest length in it; None for what is none.

    `font` is what an em is, `whole` what 100 % is.
    """
    value = _MINUS.sub("-", value[:200])  # of a difference the smallest length is what is taken away
    found = [_length(each, font, whole) for each in _LENGTH.finditer(value)]
    if not found:
        return None
    if "(" in value:
        return min(found)
    return found[0] if _LENGTH.fullmatch(value.strip()) else None


def font_pixels(value: str, *, inherited: float) -> float:
    """A font size in pixels; what is no size leaves the inherited one."""
    if value in FONT_SIZES:
        return FONT_SIZES[value]
    if value in {"smaller", "larger"}:
        return inherited * (1.2 if value == "larger" else 1 / 1.2)
    found = pixels(value, font=inherited, whole=inherited)
    return inherited if found is None else found


def number(value: str) -> float | None:
    """A number or a percentage of one; None for what is neither."""
    text = value.strip()
    found = _NUMBER.fullmatch(text.removesuffix("%")) if len(text) <= _MOST_DIGITS else None
    return None if found is None else float(found[0]) / (100 if text.endswith("%") else 1)


def colour(value: str) -> Colour | None:
    """The first colour in a value; None where there is none that is known."""
    for found in _PIECE.finditer(value[:500]):
        piece = found[0]
        known = _hex(piece) if piece.startswith("#") else _named(piece) or _function(piece)
        if known is not None:
            return known
    return None


def over(top: Colour, bottom: Colour) -> Colour:
    """What is seen of a colour that lies over another."""
    alpha = top[3]
    mixed = [front * alpha + back * (1 - alpha) for front, back in zip(top[:3], bottom[:3], strict=True)]
    return (mixed[0], mixed[1], mixed[2], 1.0)


def contrast(one: Colour, other: Colour) -> float:
    """The contrast of two opaque colours, from 1 (the same) to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(value: Colour) -> float:
    parts = [each / 255 for each in value[:3]]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _length(found: re.Match[str], font: float, whole: float) -> float:
    amount, unit = float(found[1][:_MOST_DIGITS]), (found[2] or "px").lower()
    match unit:
        case "em":
            return amount * font
        case "ex" | "ch":
            return amount * font / 2
        case "rem":
            return amount * ROOT_PX
        case "%":
            return amount * whole / 100
        case "vw" | "vh" | "vmin" | "vmax":
            return amount * _VIEW_PX / 100
        case _:
            return amount * _PX[unit]


def _hex(piece: str) -> Colour | None:
    digits = piece[1:]
    if len(digits) in {3, 4}:
        digits = "".join(each * 2 for each in digits)
    if len(digits) not in {6, 8}:
        return None
    red, green, blue, alpha = (int(digits[at : at + 2] or "ff", 16) for at in (0, 2, 4, 6))
    return (float(red), float(green), float(blue), alpha / 255)


def _named(piece: str) -> Colour | None:
    if piece == "transparent":
        return (0.0, 0.0, 0.0, 0.0)
    return _hex(f"#{_NAMES[piece]}") if piece in _NAMES else None


def _function(piece: str) -> Colour | None:
    found = _FUNCTION.fullmatch(piece)
    if found is None:
        return None
    pieces = [each for each in re.split(r"[\s,/]+", found[2].strip()) if each]
    if not 3 <= len(pieces) <= 4:
        return None
    alpha = _within(number(pieces[3]), 1.0) if len(pieces) == 4 else 1.0
    if found[1].startswith("hsl"):
        hue, saturation, light = (number(each.removesuffix("deg")) for each in pieces[:3])
        if hue is None or saturation is None or light is None:
            return None
        values = colorsys.hls_to_rgb(hue % 360 / 360, _within(light, 1.0), _within(saturation, 1.0))
        return (values[0] * 255, values[1] * 255, values[2] * 255, alpha)
    scales = (255 if each.endswith("%") else 1 for each in pieces[:3])
    amounts = [number(each) for each in pieces[:3]]
    values = [
        _within(None if each is None else each * scale, 255.0) for each, scale in zip(amounts, scales, strict=True)
    ]
    return (values[0], values[1], values[2], alpha)


def _within(value: float | None, most: float) -> float:
    return most if value is None else max(0.0, min(value, most))


_NAMES: Final = {
    name: digits
    for name, _, digits in (
        pair.partition("=")
        for pair in (
            "aliceblue=f0f8ff antiquewhite=faebd7 aqua=00ffff aquamarine=7fffd4 azure=f0ffff beige=f5f5dc bisque=ffe4c4 "
            "black=000000 blanchedalmond=ffebcd blue=0000ff blueviolet=8a2be2 brown=a52a2a burlywood=deb887 "
            "cadetblue=5f9ea0 chartreuse=7fff00 chocolate=d2691e coral=ff7f50 cornflowerblue=6495ed cornsilk=fff8dc "
            "crimson=dc143c cyan=00ffff darkblue=00008b darkcyan=008b8b darkgoldenrod=b8860b darkgray=a9a9a9 "
            "darkgreen=006400 darkgrey=a9a9a9 darkkhaki=bdb76b darkmagenta=8b008b darkolivegreen=556b2f darkorange=ff8c00 "
            "darkorchid=9932cc darkred=8b0000 darksalmon=e9967a darkseagreen=8fbc8f darkslateblue=483d8b "
            "darkslategray=2f4f4f darkslategrey=2f4f4f darkturquoise=00ced1 darkviolet=9400d3 deeppink=ff1493 "
            "deepskyblue=00bfff dimgray=696969 dimgrey=696969 dodgerblue=1e90ff firebrick=b22222 floralwhite=fffaf0 "
            "forestgreen=228b22 fuchsia=ff00ff gainsboro=dcdcdc ghostwhite=f8f8ff gold=ffd700 goldenrod=daa520 gray=808080 "
            "green=008000 greenyellow=adff2f grey=808080 honeydew=f0fff0 hotpink=ff69b4 indianred=cd5c5c indigo=4b0082 "
            "ivory=fffff0 khaki=f0e68c lavender=e6e6fa lavenderblush=fff0f5 lawngreen=7cfc00 lemonchiffon=fffacd "
            "lightblue=add8e6 lightcoral=f08080 lightcyan=e0ffff lightgoldenrodyellow=fafad2 lightgray=d3d3d3 "
            "lightgreen=90ee90 lightgrey=d3d3d3 lightpink=ffb6c1 lightsalmon=ffa07a lightseagreen=20b2aa "
            "lightskyblue=87cefa lightslategray=778899 lightslategrey=778899 lightsteelblue=b0c4de lightyellow=ffffe0 "
            "lime=00ff00 limegreen=32cd32 linen=faf0e6 magenta=ff00ff maroon=800000 mediumaquamarine=66cdaa "
            "mediumblue=0000cd mediumorchid=ba55d3 mediumpurple=9370db mediumseagreen=3cb371 mediumslateblue=7b68ee "
            "mediumspringgreen=00fa9a mediumturquoise=48d1cc mediumvioletred=c71585 midnightblue=191970 mintcream=f5fffa "
            "mistyrose=ffe4e1 moccasin=ffe4b5 navajowhite=ffdead navy=000080 oldlace=fdf5e6 olive=808000 olivedrab=6b8e23 "
            "orange=ffa500 orangered=ff4500 orchid=da70d6 palegoldenrod=eee8aa palegreen=98fb98 paleturquoise=afeeee "
            "palevioletred=db7093 papayawhip=ffefd5 peachpuff=ffdab9 peru=cd853f pink=ffc0cb plum=dda0dd powderblue=b0e0e6 "
            "purple=800080 rebeccapurple=663399 red=ff0000 rosybrown=bc8f8f royalblue=4169e1 saddlebrown=8b4513 "
            "salmon=fa8072 sandybrown=f4a460 seagreen=2e8b57 seashell=fff5ee sienna=a0522d silver=c0c0c0 skyblue=87ceeb "
            "slateblue=6a5acd slategray=708090 slategrey=708090 snow=fffafa springgreen=00ff7f steelblue=4682b4 tan=d2b48c "
            "teal=008080 thistle=d8bfd8 tomato=ff6347 turquoise=40e0d0 violet=ee82ee wheat=f5deb3 white=ffffff "
            "whitesmoke=f5f5f5 yellow=ffff00 yellowgreen=9acd32"
        ).split()
    )
}
