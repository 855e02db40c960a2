"""Recordings as lines of JSON, for the scripts that make them for `due replay`: read plain or packed with xz, written plain."""

import json
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def read_rows(path: Path) -> Iterator[Row]:
    """Every line of a file."""
    with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as lines:
        yield from map(json.loads, lines)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes one line for each, and says how many there are."""
    number = 0
    with path.open("w") as file:
        for number, row in enumerate(rows, start=1):  # noqa: B007 - counted
            file.write(json.dumps(row) + "\n")
    print(f"{path}: {number} lines")
