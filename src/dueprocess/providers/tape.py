"""The text of a tape: its lines, and where a question differs from the recorded one. Files are in `cassette`.

Rule 1. A tape is JSON Lines in UTF-8. Line 1 is the header, every other line one answered question, in canonical JSON.
Rule 2. A line ends with a newline. A last line without one is torn, even if it parses: nobody was given its reply.
Rule 3. Unknown keys of the header, a line or a reply are left for later versions; in a request they are a difference.
Rule 4. A tape holds what was said, in clear text, and the price. It has no headers, no keys, no failures, no deadline.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from dueprocess.errors import BadValue, FileInvalid, Problem
from dueprocess.model import ModelReply, ModelRequest, Price, shown
from dueprocess.values import Json, canonical, of_python, parse

FORMAT: Final = "dueprocess.cassette"
VERSION: Final = 1
MAX_DEPTH: Final = 64  # a tool's schema may nest as deep as arguments do, and stands a few levels inside the line
_SHOWN: Final = 60  # characters of a difference that a person needs to recognise it
_MESSAGE: Final = 200  # characters of a reason why a line does not load
_BEFORE: Final = 10  # of these, before the first one that differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answered question. `price` is the price of the requested model when it was asked; `line` where it stands."""

    run: str
    turn: int
    asked: dict[str, Json]
    reply: ModelReply
    price: Price | None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    format: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    run: str
    turn: int
    request: dict[str, object]
    reply: ModelReply
    price: Price | None = None


def asked(request: ModelRequest) -> dict[str, Json]:
    """What of a request is compared: all but its timeout, which follows the clock and so differs at every replay.

    Raises:
        BadValue: it cannot be written as JSON.
    """
    exact = of_python(
        {"model": request.model, "max_output_tokens": request.max_output_tokens, **shown(request)}, max_depth=MAX_DEPTH
    )
    return exact if isinstance(exact, dict) else {}


def header() -> bytes:
    """The first line of a tape."""
    return canonical({"format": FORMAT, "version": VERSION}).encode() + b"\n"


def written(entry: Entry) -> bytes:
    """An entry as its line.

    Raises:
        BadValue: the reply cannot be written as JSON.
    """
    reply = of_python(msgspec.to_builtins(entry.reply))
    price = of_python(msgspec.to_builtins(entry.price))
    line: dict[str, Json] = {
        "run": entry.run,
        "turn": entry.turn,
        "request": entry.asked,
        "reply": reply,
        "price": price,
    }
    return canonical(line).encode() + b"\n"


def read(name: str, content: bytes) -> tuple[Entry, ...]:
    """The entries of a tape; none for an empty file.

    Raises:
        FileInvalid: a line is torn, is not JSON, or is not of its form; a question stands there twice. All are named.
    """
    *lines, torn = content.split(b"\n")
    problems: list[Problem] = []
    entries: dict[tuple[str, int], Entry] = {}
    for number, line in enumerate(lines, start=1):
        try:
            if number == 1:
                _check_header(line)
                continue
            entry = _entry(line, number)
            first = entries.setdefault((entry.run, entry.turn), entry)
            if first is not entry:
                raise BadValue(
                    f"run {entry.run[:80]!a} turn {entry.turn} stands on line {first.line} already; remove one"
                )
        except (BadValue, msgspec.ValidationError) as error:
            problems.append(Problem(line=number, path="", message=_plain(str(error), limit=_MESSAGE)))
    if torn:
        message = f"torn: {len(torn)} bytes without a newline. Nobody was given its reply: remove these bytes"
        problems.append(Problem(line=len(lines) + 1, path="", message=message))
    if problems:
        raise FileInvalid(name, tuple(problems))
    return tuple(entries.values())


def difference(expected: Json, got: Json) -> str | None:
    """The first place where two values differ, with both, bounded and escaped; None where they are equal JSON."""
    return _difference(expected, got, "$")


def _difference(expected: Json, got: Json, path: str) -> str | None:
    match expected, got:
        case dict(), dict():
            return _of_objects(expected, got, path)
        case list(), list():
            return _of_lists(expected, got, path)
        case str(), str() if expected != got:
            alike = zip(expected, got, strict=False)
            shorter = min(len(expected), len(got))
            at = next((index for index, (one, other) in enumerate(alike) if one != other), shorter)
            return f"at {path} expected {_cut(expected, at)}, got {_cut(got, at)}"
        # By their text: 25 is 25.0, but true is not 1.
        case _ if canonical(expected) != canonical(got):
            return f"at {path} expected {_told(expected)}, got {_told(got)}"
        case _:
            return None


def _of_objects(expected: dict[str, Json], got: dict[str, Json], path: str) -> str | None:
    for key in sorted(expected.keys() | got.keys()):
        place = f"{path}.{key}" if key.isidentifier() and key.isascii() else f"{path}[{_cut(key)}]"
        if key not in got:
            return f"at {place} expected {_told(expected[key])}, got nothing"
        if key not in expected:
            return f"at {place} expected nothing, got {_told(got[key])}"
        if found := _difference(expected[key], got[key], place):
            return found
    return None


def _of_lists(expected: list[Json], got: list[Json], path: str) -> str | None:
    for index, (one, other) in enumerate(zip(expected, got, strict=False)):
        if found := _difference(one, other, f"{path}[{index}]"):
            return found
    shorter = min(len(expected), len(got))
    if len(expected) > shorter:
        return f"at {path}[{shorter}] expected {_told(expected[shorter])}, got nothing"
    if len(got) > shorter:
        return f"at {path}[{shorter}] expected nothing, got {_told(got[shorter])}"
    return None


def _check_header(line: bytes) -> None:
    found = msgspec.convert(parse(line), _Header)
    if found.format != FORMAT:
        raise BadValue(f"format {_cut(found.format)}; expected {FORMAT}: this file is no tape")
    if found.version != VERSION:
        raise BadValue(f"version {found.version}; expected {VERSION}: record the tape anew")


def _entry(line: bytes, number: int) -> Entry:
    value = parse(line, max_depth=MAX_DEPTH + 2)
    found = msgspec.convert(value, _Line)
    request = value["request"] if isinstance(value, dict) else None
    usage = found.reply.usage
    if found.turn < 1:
        raise BadValue(f"turn {found.turn}; expected 1 or more")
    if min(usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) < 0:
        raise BadValue("negative usage; expected tokens, 0 or more")
    if found.price is not None and min(found.price.input, found.price.output).micros < 0:
        raise BadValue("a negative price; expected micro-USD, 0 or more")
    return Entry(
        run=found.run,
        turn=found.turn,
        asked=request if isinstance(request, dict) else {},
        reply=found.reply,
        price=found.price,
        line=number,
    )


def _told(value: Json) -> str:
    return _cut(value) if isinstance(value, str) else _plain(canonical(value), limit=_SHOWN)


def _cut(text: str, at: int = 0) -> str:
    """A piece of a text around a place, quoted, every unusual character escaped."""
    start = max(0, at - _BEFORE)
    piece = text[start : start + _SHOWN]
    return f"{'...' if start else ''}{piece!a}{'...' if start + len(piece) < len(text) else ''}"


def _plain(text: str, *, limit: int) -> str:
    shown = (char if char.isascii() and char.isprintable() else ascii(char)[1:-1] for char in text[:limit])
    return "".join(shown) + ("..." if len(text) > limit else "")
