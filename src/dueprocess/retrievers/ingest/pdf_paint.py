"""The state in which a PDF page is painted, and whether a person sees a piece of text in it. No text is decoded here.

Rule 1. Text is judged by where it begins and how it is painted. Its length is estimated, with a margin.
Rule 2. Where an operand is missing or no number, the state stays as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from dueprocess.retrievers.ingest.css_values import BLACK, WHITE, Colour, contrast, over
from dueprocess.retrievers.ingest.limits import Budget
from dueprocess.retrievers.ingest.look import LEAST_CONTRAST

Matrix = tuple[float, float, float, float, float, float]

IDENTITY: Final[Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_LEAST_SIZE: Final = 1.5  # points: below it a line is a hairline
_LEAST_OPACITY: Final = 0.1
_MARGIN: Final = 6.0  # points beyond the page at which a letter still reaches onto it
_CHARACTER: Final = 0.5  # of an em: what a letter is wide, about
_SCREENED: Final = 3  # text rendering modes from here on paint nothing, or add to the clip
_THIN: Final = 2.0  # points: what is thinner is a line, which covers nothing
_DEEPEST: Final = 256


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the units of the page."""

    left: float
    bottom: float
    right: float
    top: float

    def holds(self, x: float, y: float, *, margin: float = 0.0) -> bool:
        """Whether a point is in it, or nearly."""
        return self.left - margin <= x <= self.right + margin and self.bottom - margin <= y <= self.top + margin

    def common(self, other: "Box") -> "Box":
        """What two have in common."""
        return Box(
            max(self.left, other.left),
            max(self.bottom, other.bottom),
            min(self.right, other.right),
            min(self.top, other.top),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The graphics state, as far as it decides what is seen."""

    matrix: Matrix = IDENTITY
    fill: Colour = BLACK
    stroke: Colour = BLACK
    alpha: float = 1.0
    mode: int = 0
    size: float = 0.0
    leading: float = 0.0
    scale: float = 1.0
    rise: float = 0.0
    clip: Box | None = None
    mixes: bool = False  # what is painted lets through what lies below, as a marker does
    inverse: bool = False  # of the colour space for fills: of an ink, where 0 is no ink


@dataclass(slots=True, kw_only=True)
class Painter:
    """Walks the operations of a page."""

    bounds: Box
    off: frozenset[int] = frozenset()
    state: State = field(default_factory=State)
    paints: list[tuple[Box, Colour | None]] = field(default_factory=list[tuple[Box, Colour | None]])
    _stack: list[State] = field(default_factory=list[State])
    _line: Matrix = IDENTITY
    _text: Matrix = IDENTITY
    _path: list[Box] = field(default_factory=list[Box])
    _clips: bool = False
    _marks: list[bool] = field(default_factory=list[bool])
    _points: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    _places: list[tuple[float, float, int]] = field(default_factory=list[tuple[float, float, int]])

    def inside(self, state: State) -> "Painter":
        """A painter for a form: what is painted already lies below it."""
        return Painter(bounds=self.bounds, off=self.off, state=state, paints=[*self.paints])

    def entered(self, form: Mapping[str, object]) -> State:
        """The state in which a form is painted here."""
        matrix = _numbers(form.get("/Matrix"), 6)
        moved = multiplied(cast("Matrix", tuple(matrix)), self.state.matrix) if matrix else self.state.matrix
        hidden = any(self._marks) or _is_off(form.get("/OC"), self.off)
        return replace(self.state, matrix=moved, alpha=0.0 if hidden else self.state.alpha)

    def show(self, operator: bytes, operands: object) -> tuple[str, int]:
        """Why a piece of text is not seen (empty if it is), and a number to ask by whether it is covered later."""
        if operator in {b"'", b'"'}:
            self._move(0.0, -self.state.leading)
        pieces = cast("list[object]", operands) if isinstance(operands, list) else []
        text = pieces[-1] if pieces else b""
        x, y = self._origin()
        why = self._why(x, y)
        far = self._advance(text)
        if not why and far and not self.bounds.holds(*far, margin=(self.bounds.right - self.bounds.left) / 4):
            why = "outside the page"
        self._places.append((x, y, len(self.paints)))
        return why, len(self._places) - 1

    def covered(self, place: int, budget: Budget) -> str:
        """Why a piece of text that was seen is not any more: something was painted over it."""
        x, y, since = self._places[place]
        budget.spend()
        for box, colour in self.paints[since:]:
            if box.holds(x, y):
                return "covered by an image" if colour is None else "covered"
        return ""

    def paint_image(self) -> None:
        """Notes an image, which fills the unit square of the present matrix."""
        self._lay(_box_of(self.state.matrix, 0.0, 0.0, 1.0, 1.0), None)

    def apply(self, operator: bytes, operands: object, *, resources: Mapping[str, object]) -> None:
        """Follows an operation that shows no text."""
        listed = cast("list[object]", operands) if isinstance(operands, list) else []
        match operator:
            case b"q":
                if len(self._stack) < _DEEPEST:
                    self._stack.append(self.state)
            case b"Q":
                self.state = self._stack.pop() if self._stack else self.state
            case b"BDC" | b"BMC":
                self._marks.append(_is_marked_off(listed, resources, self.off))
            case b"EMC":
                self._marks = self._marks[:-1]
            case b"cm" if (numbers := _numbers(listed, 6)) is not None:
                self.state = replace(self.state, matrix=multiplied(_matrix(numbers), self.state.matrix))
            case b"gs":
                self._external(_named(resources, "/ExtGState", listed))
            case _:
                self._text_state(operator, listed)
                self._colours(operator, listed, resources)
                self._paths(operator, listed)

    def _why(self, x: float, y: float) -> str:
        state, matrix = self.state, multiplied(self._text, self.state.matrix)
        if any(self._marks):
            return "layer that is off"
        if state.mode >= _SCREENED and state.mode not in {4, 5, 6}:
            return "invisible text (rendering mode 3)"
        height = abs(state.size) * (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5
        width = abs(state.size * state.scale) * (matrix[0] ** 2 + matrix[1] ** 2) ** 0.5
        if min(height, width) < _LEAST_SIZE:
            return "tiny font"
        if state.alpha < _LEAST_OPACITY:
            return "opacity 0"
        if not self.bounds.holds(x, y, margin=_MARGIN):
            return "outside the page"
        if state.clip is not None and not state.clip.holds(x, y, margin=_MARGIN):
            return "clipped away"
        ground = next((colour for box, colour in reversed(self.paints) if colour and box.holds(x, y)), WHITE)
        ink = over((*(state.stroke if state.mode in {1, 5} else state.fill)[:3], state.alpha), ground)
        if contrast(ink, ground) < LEAST_CONTRAST:
            return "white on white" if min(ground[:3]) > 240 else "text in the colour of its background"
        return ""

    def _origin(self) -> tuple[float, float]:
        # A little up from the baseline, so that a background that begins at the line lies below it.
        matrix = multiplied(self._text, self.state.matrix)
        up = self.state.rise + self.state.size * 0.3
        return matrix[2] * up + matrix[4], matrix[3] * up + matrix[5]

    def _advance(self, text: object) -> tuple[float, float] | None:
        """Moves on by a piece of text; returns the farthest place that it is begun from after a jump, if it jumps."""
        pieces = cast("list[object]", text) if isinstance(text, list) else [text]
        farthest: tuple[float, float] | None = None
        for piece in pieces:
            if isinstance(piece, (int, float)):
                self._forward(-float(piece) / 1000 * self.state.size * self.state.scale)
                if abs(piece) > 5000:
                    farthest = self._origin()
            elif isinstance(piece, (str, bytes)):
                self._forward(len(piece) * _CHARACTER * self.state.size * self.state.scale)
        return farthest

    def _forward(self, by: float) -> None:
        self._text = multiplied((1.0, 0.0, 0.0, 1.0, by, 0.0), self._text)

    def _move(self, x: float, y: float) -> None:
        self._line = multiplied((1.0, 0.0, 0.0, 1.0, x, y), self._line)
        self._text = self._line

    def _text_state(self, operator: bytes, operands: list[object]) -> None:
        one = _numbers(operands, 1)
        match operator:
            case b"BT":
                self._line = self._text = IDENTITY
            case b"Tf" if len(operands) > 1 and (size := _numbers(operands[1:], 1)):
                self.state = replace(self.state, size=size[0])
            case b"Tr" if one:
                self.state = replace(self.state, mode=int(one[0]))
            case b"TL" if one:
                self.state = replace(self.state, leading=one[0])
            case b"Tz" if one:
                self.state = replace(self.state, scale=one[0] / 100)
            case b"Ts" if one:
                self.state = replace(self.state, rise=one[0])
            case b"Td" | b"TD" if (two := _numbers(operands, 2)) is not None:
                if operator == b"TD":
                    self.state = replace(self.state, leading=-two[1])
                self._move(two[0], two[1])
            case b"T*":
                self._move(0.0, -self.state.leading)
            case b"Tm" if (six := _numbers(operands, 6)) is not None:
                self._line = self._text = _matrix(six)
            case _:
                pass

    def _colours(self, operator: bytes, operands: list[object], resources: Mapping[str, object]) -> None:
        match operator:
            case b"cs" | b"CS":
                inverse = _is_ink(_named(resources, "/ColorSpace", operands))
                if operator == b"cs":
                    self.state = replace(self.state, fill=BLACK, inverse=inverse)
            case b"g" | b"rg" | b"k" | b"sc" | b"scn":
                inverse = self.state.inverse and operator in {b"sc", b"scn"}
                found = _colour(operands, inverse=inverse)
                self.state = replace(self.state, fill=found or self.state.fill, inverse=inverse)
            case b"G" | b"RG" | b"K" | b"SC" | b"SCN":
                self.state = replace(self.state, stroke=_colour(operands, inverse=False) or self.state.stroke)
            case _:
                pass

    def _paths(self, operator: bytes, operands: list[object]) -> None:
        match operator:
            case b"re" if (four := _numbers(operands, 4)) is not None:
                x, y, width, height = four
                self._path.append(_box_of(self.state.matrix, x, y, x + width, y + height))
            case b"m" | b"l" | b"c" | b"v" | b"y":
                numbers = _numbers(operands, len(operands)) or []
                self._points += [
                    _at(self.state.matrix, x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=False)
                ]
            case b"W" | b"W*":
                self._clips = True
            case b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" | b"S" | b"s" | b"n":
                for box in self._path if operator not in {b"S", b"s", b"n"} else ():
                    self._lay(box, self.state.fill)
                if self._clips:
                    self._clip()
                self._path, self._points, self._clips = [], [], False
            case _:
                pass

    def _clip(self) -> None:
        xs = [each for box in self._path for each in (box.left, box.right)] + [x for x, _ in self._points]
        ys = [each for box in self._path for each in (box.bottom, box.top)] + [y for _, y in self._points]
        if xs and ys:
            box = Box(min(xs), min(ys), max(xs), max(ys))
            self.state = replace(self.state, clip=box if self.state.clip is None else self.state.clip.common(box))

    def _external(self, found: object) -> None:
        settings = _dictionary(found)
        alpha = _numbers([settings.get("/ca")], 1)
        if alpha is not None:
            self.state = replace(self.state, alpha=alpha[0])
        if "/BM" in settings:
            self.state = replace(self.state, mixes=settings["/BM"] not in ("/Normal", "/Compatible"))

    def _lay(self, box: Box, colour: Colour | None) -> None:
        solid = self.state.alpha > 0.9 and not self.state.mixes
        if solid and min(box.right - box.left, box.top - box.bottom) >= _THIN:
            self.paints.append((box, colour))


def multiplied(one: Matrix, other: Matrix) -> Matrix:
    """The matrix that does one after the other."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _matrix(numbers: Sequence[float]) -> Matrix:
    return (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5])


def _at(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    return matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5]


def _box_of(matrix: Matrix, left: float, bottom: float, right: float, top: float) -> Box:
    corners = [_at(matrix, x, y) for x in (left, right) for y in (bottom, top)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return Box(min(xs), min(ys), max(xs), max(ys))


def _numbers(value: object, count: int) -> list[float] | None:
    found = cast("list[Any]", value) if isinstance(value, list) else []
    if count == 0 or len(found) < count or not all(isinstance(each, (int, float)) for each in found[:count]):
        return None
    return [max(-1e9, min(float(each), 1e9)) for each in found[:count]]


def _colour(operands: list[object], *, inverse: bool) -> Colour | None:
    numbers = [max(0.0, min(float(each), 1.0)) for each in operands if isinstance(each, (int, float))]
    match numbers:
        case [grey]:
            light = 255 * (1 - grey if inverse else grey)
            return (light, light, light, 1.0)
        case [red, green, blue]:
            return (red * 255, green * 255, blue * 255, 1.0)
        case [cyan, magenta, yellow, black]:
            red, green, blue = (255 * (1 - each) * (1 - black) for each in (cyan, magenta, yellow))
            return (red, green, blue, 1.0)
        case _:
            return None


def _dictionary(value: object) -> dict[str, object]:
    found = getattr(value, "get_object", lambda: value)()
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _named(resources: Mapping[str, object], kind: str, operands: list[object]) -> object:
    name = operands[-1] if operands else ""
    return _dictionary(resources.get(kind)).get(name) if isinstance(name, str) else None


def _is_ink(space: object) -> bool:
    found: object = getattr(space, "get_object", lambda: space)()
    listed = cast("list[object]", found) if isinstance(found, list) else []
    return bool(listed) and listed[0] in ("/Separation", "/DeviceN")


def _is_marked_off(operands: list[object], resources: Mapping[str, object], off: frozenset[int]) -> bool:
    if len(operands) < 2 or operands[0] != "/OC" or not isinstance(operands[1], str):
        return False
    return _is_off(_dictionary(resources.get("/Properties")).get(operands[1]), off)


def _is_off(group: object, off: frozenset[int]) -> bool:
    """Whether an optional content group is off, or all groups of a membership are."""
    if getattr(group, "idnum", None) in off:
        return True
    listed = _dictionary(group).get("/OCGs")
    members = cast("list[object]", listed) if isinstance(listed, list) else [listed]
    return bool(off) and all(getattr(each, "idnum", None) in off for each in members)
