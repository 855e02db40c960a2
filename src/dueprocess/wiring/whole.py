"""Files that are whole or not there: written beside, synced, renamed. What is in them is the caller's."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dueprocess.errors import StoreUnavailable
from dueprocess.stores.kek import sync_folder


@contextmanager
def whole_file(path: Path) -> Generator[BinaryIO, None, None]:
    """Opens a file to be written; it takes the place of `path` when the block ends well, and leaves nothing behind if not.

    Raises:
        StoreUnavailable: the folder or the disk refuses; whatever was at `path` is unchanged.
    """
    # The true path: renaming over a symbolic link would put the new file beside the one that is meant.
    true = Path(os.path.realpath(path))
    if true.exists() and not true.is_file():
        raise StoreUnavailable(f"{path} is no regular file; expected the name of a file, new or to be replaced")
    beside = true.with_name(f".{true.name}.{secrets.token_hex(4)}.new")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(true)
        sync_folder(true.parent)
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be written: {error.strerror}; expected a folder that can be written to and free disk space"
        ) from None
    finally:
        beside.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a whole file.

    Raises:
        StoreUnavailable: as `whole_file`.
    """
    with whole_file(path) as file:
        file.write(content)


def read_bounded(path: Path, *, most: int, what: str) -> bytes:
    """The content of a small file; `what` it is expected to hold, for the message.

    Raises:
        StoreUnavailable: it cannot be read, or is larger than `most` bytes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise StoreUnavailable(f"{path} has more than {most} bytes; expected {what}")
    return content
