"""The text of one PDF page, divided into what is painted so that a person can read it and what is not, with the reason.

The operations of the page are walked once to tell of each piece of text whether it is seen (`pdf_paint`); then `pypdf`
is given the page with only those pieces, for each reason anew, and puts the text together.

Rule 1. Of what lies below text only filled rectangles are known: text in white on an image counts as white on white.
Rule 2. Forms painted on the page are walked like it, each at most a few levels deep, and told after it.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from dueprocess.retrievers.ingest.limits import Budget, Unreadable
from dueprocess.retrievers.ingest.pdf_paint import Box, Painter, State

if TYPE_CHECKING:
    from pypdf import PdfReader

Operation = tuple[Any, bytes]

_MOST_OPERATIONS: Final = 1_000_000
_MOST_FORMS: Final = 500
_DEEPEST: Final = 8
_SHOWS: Final = frozenset({b"Tj", b"TJ", b"'", b'"'})
_MOST_TEXT: Final = 200_000


def dictionary_of(value: object) -> dict[str, object]:
    """A PDF dictionary, through a reference; empty for anything else."""
    found = getattr(value, "get_object", lambda: value)()
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def list_of(value: object) -> list[object]:
    """A PDF array, through a reference; empty for anything else."""
    found = getattr(value, "get_object", lambda: value)()
    return list(cast("list[object]", found)) if isinstance(found, list) else []


def text_of(value: object) -> str:
    """A PDF string or name as text, bounded; empty for anything else."""
    found: object = getattr(value, "get_object", lambda: value)()
    if isinstance(found, bytes):
        return found[:_MOST_TEXT].decode("latin-1")
    return found[:_MOST_TEXT].encode("utf-8", "replace").decode() if isinstance(found, str) else ""


class Page:
    """One page, ready to be read."""

    def __init__(self, page: object, reader: "PdfReader", budget: Budget, *, off: frozenset[int]) -> None:
        self._page = page
        self._reader = reader
        self._budget = budget
        self._off = off
        self._forms = 0
        self._found: dict[str, list[str]] = {}
        self.said: list[str] = []
        """What stands in place of what is painted, for those who do not see it; known after `texts`."""

    def texts(self) -> Iterator[tuple[str, str]]:
        """What is seen, with an empty reason, then what is not, by reason."""
        page: Any = self._page
        box = page.cropbox
        bounds = Box(*(float(each) for each in (box.left, box.bottom, box.right, box.top)))
        painter = Painter(bounds=bounds, off=self._off)
        resources = dictionary_of(page).get("/Resources")
        contents = dictionary_of(page).get("/Contents")
        operations = self._operations(contents)
        self._walk(operations, resources, painter, depth=0)
        for why in sorted(self._found):  # the empty reason first
            yield why, "\n".join(each for each in self._found[why] if each.strip())

    def _operations(self, stream: object) -> list[Operation]:
        from pypdf.generic import ContentStream

        if stream is None:
            return []
        found: list[Operation] = ContentStream(stream, self._reader, "bytes").operations
        if len(found) > _MOST_OPERATIONS:
            raise Unreadable(f"a page of {len(found)} operations; expected at most {_MOST_OPERATIONS}")
        return found

    def _walk(self, operations: Sequence[Operation], resources: object, painter: Painter, *, depth: int) -> None:
        known = dictionary_of(resources)
        forms: list[tuple[dict[str, object], State, object]] = []
        reasons: dict[int, str] = {}
        placed: dict[int, int] = {}
        for index, (operands, operator) in enumerate(operations):
            self._budget.spend()
            if operator == b"BDC":
                self._say(operands, known)
            if operator in _SHOWS:
                reasons[index], placed[index] = painter.show(operator, operands)
            elif operator == b"Do":
                thing = dictionary_of(known.get("/XObject")).get(text_of(next(iter(list_of(operands)), "")))
                form = dictionary_of(thing)
                if form.get("/Subtype") == "/Form":
                    forms.append((form, painter.entered(form), thing))
                else:
                    painter.paint_image()
            else:
                painter.apply(operator, operands, resources=known)
        for index, place in placed.items():
            reasons[index] = reasons[index] or painter.covered(place, self._budget)
        self._tell(operations, reasons, resources)
        for form, state, reference in forms:
            self._enter(form, state, reference, painter, resources, depth=depth)

    def _say(self, operands: object, known: dict[str, object]) -> None:
        """Notes what marked content says in place of what is painted."""
        properties = list_of(operands)[1:2]
        named = properties[0] if properties else None
        said = dictionary_of(dictionary_of(known.get("/Properties")).get(named) if isinstance(named, str) else named)
        self.said += [text for key in ("/ActualText", "/Alt", "/E") if (text := text_of(said.get(key)))]

    def _enter(
        self, form: dict[str, object], state: State, reference: object, painter: Painter, above: object, *, depth: int
    ) -> None:
        self._forms += 1
        if self._forms > _MOST_FORMS or depth >= _DEEPEST:
            raise Unreadable(f"more than {_MOST_FORMS} forms or {_DEEPEST} levels on a page; expected fewer")
        resources = form.get("/Resources", above)
        self._walk(self._operations(reference), resources, painter.inside(state), depth=depth + 1)

    def _tell(self, operations: Sequence[Operation], reasons: dict[int, str], resources: object) -> None:
        for why in dict.fromkeys(reasons.values()):
            chosen = [
                operation if reasons.get(index, why) == why else (operation[0], b"T*")
                for index, operation in enumerate(operations)
                if operation[1] != b"Do"
                and (index not in reasons or reasons[index] == why or operation[1] in {b"'", b'"'})
            ]
            self._found.setdefault(why, []).append(self._extracted(chosen, resources))

    def _extracted(self, operations: list[Operation], resources: object) -> str:
        from pypdf import PageObject
        from pypdf.generic import ContentStream, NameObject

        stream = ContentStream(None, self._reader, "bytes")
        stream.operations = operations
        page = PageObject(self._reader)
        page[NameObject("/Resources")] = cast("Any", resources)
        page[NameObject("/Contents")] = stream

        def look_at_the_clock(_operator: object, _operands: object, _matrix: object, _text: object) -> None:
            self._budget.spend()

        text = page.extract_text(visitor_operand_before=look_at_the_clock)
        return text.encode("utf-8", "replace").decode()
