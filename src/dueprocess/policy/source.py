"""The bytes of a policy file as a tree of nodes with line numbers: the strict part of YAML 1.2.

What the keys mean is not known here.

Rule 1. One document in UTF-8, at most 1 MiB, at most 32 levels. Nothing is guessed and nothing is built but text,
        numbers, booleans, null, lists and mappings.
Rule 2. Refused: duplicate keys, keys that are not text, tags, anchors, aliases, merge keys, other YAML versions, .nan
        and .inf.
Rule 3. Plain scalars are resolved by the core schema of YAML 1.2: `yes` is text, `010` is ten, numbers are exact
        decimals.
Rule 4. What a person and the parser would read differently is refused: raw bidirectional controls, and the line breaks
        that YAML 1.1 knows and 1.2 does not.

The parser is always the one written in Python: two parsers are two readings of one file. It gives events, so that no
depth of nesting recurses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from dueprocess.errors import BadValue, FileInvalid, Problem
from dueprocess.values import MAX_DEPTH, Json, parse
from dueprocess.values.foreign import quoted, visible

MAX_BYTES: Final = 1 << 20  # a policy is written by people; above this the exact parser takes longer than anybody waits
MAX_NUMBER_LENGTH: Final = 400  # as for JSON: a longer literal is an attack on the parser
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MISLEADING = re.compile("[\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value. `text` is what was written; `plain`: without quotes."""

    line: int
    value: bool | int | Decimal | str | None
    text: str
    plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list."""

    line: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A mapping, in file order; `lines` is where each key stands."""

    line: int
    items: dict[str, "Node"]
    lines: dict[str, int]


Node = Scalar | Listing | Table


@dataclass(slots=True, kw_only=True)
class _Open:
    """A container that is being read; `key` waits for its value."""

    line: int
    items: list[Node] | dict[str, Node]
    lines: dict[str, int]
    key: str | None = None


def read_nodes(content: bytes, *, name: str) -> Table:
    """Reads a file into its top mapping.

    Raises:
        FileInvalid: what rules 1 to 4 refuse, with line and reason; the first of them, since what follows it may be
        misread.
    """
    text = _decoded(content, name)
    try:
        top = _Builder(name).read(_events(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _refused(name, line, f"not YAML: {_said(error)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise _refused(name, 0, f"not YAML: {quoted(str(error))}") from None
    if top is None or (isinstance(top, Scalar) and top.value is None):
        raise _refused(name, 0, "the file is empty; expected a mapping with keys")
    if not isinstance(top, Table):
        raise _refused(name, top.line, "expected a mapping with keys")
    return top


def plain_json(node: Node) -> Json:
    """The node as exact JSON, for places where a file carries data: arguments of tests."""
    match node:
        case Scalar():
            return node.value
        case Listing():
            return [plain_json(item) for item in node.items]
        case Table():
            return {key: plain_json(item) for key, item in node.items.items()}


def _decoded(content: bytes, name: str) -> str:
    if len(content) > MAX_BYTES:
        raise _refused(name, 0, f"{len(content)} bytes; expected at most {MAX_BYTES}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(name, line, f"not UTF-8: byte {content[error.start]:#04x}; save the file as UTF-8") from None
    misleading = _MISLEADING.search(text)
    if misleading is not None:
        line = text.count("\n", 0, misleading.start()) + 1
        raise _refused(
            name,
            line,
            f"the character U+{ord(misleading[0]):04X} makes the file look other than it reads; "
            'write it as an escape in double quotes, such as "\\u202E"',
        )
    return text


def _events(text: str) -> Iterator[Event]:
    return cast("Iterator[Event]", yaml.parse(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]


class _Builder:
    """Puts events together; a stack instead of recursion."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: list[_Open] = []
        self._top: Node | None = None
        self._documents = 0

    def read(self, events: Iterator[Event]) -> Node | None:
        for event in events:
            match event:
                case DocumentStartEvent():
                    self._document(event)
                case AliasEvent():
                    raise self._refuse(
                        event, f"the alias {quoted(str(event.anchor))}; write the value out where it is meant"
                    )
                case ScalarEvent():
                    self._bare(event)
                    self._scalar(event)
                case SequenceStartEvent():
                    self._bare(event)
                    self._open(event, [])
                case MappingStartEvent():
                    self._bare(event)
                    self._open(event, {})
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._close()
                case _:
                    pass  # the stream's own start and end, the end of the document
        return self._top

    def _document(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._refuse(event, "a second document; expected one document in one file")
        if event.version is not None and tuple(event.version) != (1, 2):
            raise self._refuse(event, f"YAML {'.'.join(map(str, event.version))}; expected YAML 1.2")
        if event.tags:
            raise self._refuse(event, "a %TAG directive; tags are not read here")

    def _bare(self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent) -> None:
        if event.tag is not None:
            raise self._refuse(event, f"the tag {quoted(event.tag)}; tags are not read here, write the value plainly")
        if event.anchor is not None:
            raise self._refuse(event, f"the anchor {quoted(event.anchor)}; write the value out where it is meant")

    def _scalar(self, event: ScalarEvent) -> None:
        plain = event.style is None
        text = self._whole(event, str(event.value))
        if self._expects_key():
            self._key(event, text, plain=plain)
            return
        value = self._resolved(event, text) if plain else text
        self._put(Scalar(line=_line(event), value=value, text=text, plain=plain))

    def _whole(self, event: Event, text: str) -> str:
        # JSON, which is YAML, writes a character beyond U+FFFF as two escapes, and the parser leaves them two.
        if not _SURROGATE.search(text):
            return text
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise self._refuse(event, "half of a surrogate pair; expected whole Unicode characters") from None

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].items, dict) and self._stack[-1].key is None

    def _key(self, event: ScalarEvent, text: str, *, plain: bool) -> None:
        inside = self._stack[-1]
        if plain and text == "<<":
            raise self._refuse(event, "a merge key <<; write the keys out where they are meant")
        if plain and not isinstance(self._resolved(event, text), str):
            raise self._refuse(event, f"the key {quoted(text)} is not text; put it in quotes if it is meant")
        inside.key = text
        if text in inside.lines:
            raise self._refuse(event, f"the key {quoted(text)} occurs twice; first in line {inside.lines[text]}")
        inside.lines[text] = _line(event)

    def _resolved(self, event: ScalarEvent, text: str) -> bool | int | Decimal | str | None:
        if _NULL.fullmatch(text):
            return None
        truth = _BOOL.fullmatch(text)
        if truth is not None:
            return truth[1] is not None
        if _NO_NUMBER.fullmatch(text):
            raise self._refuse(event, f"{text} is no quantity; expected a finite number")
        based = _BASED.fullmatch(text)
        if based is None and _FLOAT.fullmatch(text) is None:
            return text
        if len(text) > MAX_NUMBER_LENGTH:
            raise self._refuse(event, f"a number of {len(text)} characters; expected at most {MAX_NUMBER_LENGTH}")
        if based is not None:
            return int(text, 0)
        if _INT.fullmatch(text):
            return int(text)
        return Decimal(text) if "e" not in text.lower() else self._scientific(event, text)

    def _scientific(self, event: Event, text: str) -> int | Decimal:
        # Through the reader of JSON, which keeps a number with an exponent from ever being read as money.
        try:
            value = parse(text)
        except BadValue as error:
            raise self._refuse(event, f"the number {quoted(text)} cannot be read: {error}") from None
        if isinstance(value, (int, Decimal)):
            return value
        raise self._refuse(event, f"{quoted(text)} is no number")

    def _open(self, event: SequenceStartEvent | MappingStartEvent, items: list[Node] | dict[str, Node]) -> None:
        if self._expects_key():
            raise self._refuse(event, "a key that is a list or a mapping; expected text")
        if len(self._stack) >= MAX_DEPTH:
            raise _refused(self._name, _line(event), f"nested too deep; expected at most {MAX_DEPTH} levels")
        self._stack.append(_Open(line=_line(event), items=items, lines={}))

    def _close(self) -> None:
        done = self._stack.pop()
        if isinstance(done.items, dict):
            self._put(Table(line=done.line, items=done.items, lines=done.lines))
        else:
            self._put(Listing(line=done.line, items=tuple(done.items)))

    def _put(self, node: Node) -> None:
        if not self._stack:
            self._top = node
            return
        inside = self._stack[-1]
        if isinstance(inside.items, list):
            inside.items.append(node)
        elif inside.key is not None:
            inside.items[inside.key] = node
            inside.key = None

    def _refuse(self, event: Event, message: str) -> FileInvalid:
        return _refused(self._name, _line(event), message, path=self._path())

    def _path(self) -> str:
        steps: list[str] = []
        for inside in self._stack:
            if isinstance(inside.items, list):
                steps.append(f"[{len(inside.items)}]")
            elif inside.key is not None:
                steps.append(f".{visible(inside.key)}")
        return "".join(steps).removeprefix(".")


def _line(event: Event) -> int:
    return event.start_mark.line + 1


def _said(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return quoted(", ".join(parts)) if parts else "the parser cannot say why"


def _refused(name: str, line: int, message: str, *, path: str = "") -> FileInvalid:
    return FileInvalid(name, (Problem(line=line, path=path, message=message),))
