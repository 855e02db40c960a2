"""The lines of a file of recordings, plain or xz. What stands in a line is read in `reading`.

Rule 1. Lines are read one at a time and at most 16 MiB each: a file may be larger than memory, packed or not.
Rule 2. Whether a file is packed is told by its first bytes, not by its name. Blank lines are passed over, and counted.
"""

import lzma
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, Final

from dueprocess.errors import FileInvalid, Problem, StoreUnavailable

MAX_LINE: Final = 16 << 20  # bytes; the longest real episode seen is a hundredth of it
_XZ: Final = b"\xfd7zXZ\x00"
_BOM: Final = b"\xef\xbb\xbf"


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, without its end, and its number from 1.

    Raises:
        FileInvalid: a line is too long, or the packed data is damaged or cut.
        StoreUnavailable: the file cannot be read.
    """
    number = 0
    try:
        with path.open("rb") as stream, _unpacked(stream) as unpacked:
            while line := unpacked.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise _refused(path, number, f"longer than {MAX_LINE} bytes; expected one task or episode a line")
                text = (line.removeprefix(_BOM) if number == 1 else line).strip()
                if text:
                    yield number, text
    except (lzma.LZMAError, EOFError) as error:
        raise _refused(path, number + 1, f"the packed data is damaged or cut: {error}; expected a whole .xz") from None
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror or error}") from None


def _unpacked(stream: BufferedReader) -> IO[bytes]:
    # Looked at, not read: a pipe gives each byte once.
    return lzma.open(stream) if stream.peek(len(_XZ)).startswith(_XZ) else stream


def _refused(path: Path, line: int, message: str) -> FileInvalid:
    return FileInvalid(path.name, (Problem(line=line, path="", message=message),))
