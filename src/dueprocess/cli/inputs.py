"""Files that are named on the command line: how much is read of one. What stands in them is read elsewhere.

Rule 1. No more is read than tells a file that is too large for whoever reads it, so that no name can fill the memory.
"""

from pathlib import Path
from typing import Final

from dueprocess.errors import StoreUnavailable
from dueprocess.tool.catalogue import MAX_BYTES

_MOST: Final = MAX_BYTES + 1  # the largest of them is a tools file; a policy's own limit is far below


def read_input(path: Path) -> bytes:
    """The content of a policy or tools file, cut where it is too large anyway (rule 1).

    Raises:
        StoreUnavailable: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}") from None
