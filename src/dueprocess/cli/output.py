"""How results are printed: data on stdout, all else on stderr, colour only for a terminal. What is said is each verb's.

Rule 1. JSON is one line of ASCII: every other character is escaped, so that it is exact and cannot act on a terminal (I10).
Rule 2. Text of models, tools and requesters is shown line by line, each made visible; ids are never cut.
"""

import os
import re
from collections.abc import Iterable, Sequence
from typing import Final

import click

from dueprocess.values import Json, canonical
from dueprocess.values.foreign import visible

_BEYOND_ASCII = re.compile("[^ -~]")
_WHOLE: Final = 1 << 30  # a result is data: it is shown in full


def in_ascii(text: str) -> str:
    """JSON text with everything beyond ASCII escaped (rule 1)."""
    return _BEYOND_ASCII.sub(_escaped, text)


def print_json(value: Json) -> None:
    """Prints a value as one line of JSON."""
    click.echo(in_ascii(canonical(value)))


def tell(message: str) -> None:
    """Says something that is not data."""
    click.echo(message, err=True)


def paint(text: str, colour: str) -> str:
    """The text in a colour, where colours are wanted (NO_COLOR); a stream that is no terminal drops it by itself."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)


def foreign_lines(text: str, *, indent: str = "") -> str:
    """A foreign text in full, its lines kept and each made visible (rule 2)."""
    return "\n".join(indent + visible(line, limit=_WHOLE) for line in text.split("\n"))


def print_table(rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> None:
    """Prints columns, each as wide as its widest entry; nothing is cut. The header is no data: it goes to stderr."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in (*rows, *([header] if header else []))) for column in range(len(rows[0]))]
    if header:
        tell(_line(header, widths))
    for row in rows:
        click.echo(_line(row, widths))


def print_pairs(pairs: Iterable[tuple[str, str]], *, indent: str = "  ") -> None:
    """Prints names and values; what is empty is left out, and a value of several lines is indented below its name."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = value.split("\n")
        click.echo(f"{indent}{name:<{width}}  {first}")
        for line in rest:
            click.echo(f"{indent}{'':<{width}}  {line}")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _escaped(found: re.Match[str]) -> str:
    # JSON writes what lies beyond the first plane as two halves (RFC 8259, section 7).
    halves = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{halves[at : at + 2].hex()}" for at in range(0, len(halves), 2))
