"""The files of a store: who may read them, whether they can be written, whether there is room. What is in them comes later."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dueprocess.wiring.symptom import Symptom, fail, fine, warn

_SECRETS: Final = ("kek", "ledger.key", "keys.due")
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_LITTLE: Final = 200 << 20  # bytes free below which somebody should look
_NONE: Final = 10 << 20  # bytes free below which a commit may fail at any moment


def check_files(home: Path) -> Iterator[Symptom]:
    """Permissions, writability and room."""
    yield from _permissions(home)
    if os.access(home, os.W_OK | os.X_OK):
        yield fine("writable", f"{home} can be written to")
    else:
        yield fail("writable", f"{home} cannot be written to", todo=f"give this user the right to: chmod u+rwx {home}")
    free = shutil.disk_usage(home).free
    said = f"{free >> 20} MiB free"
    if free < _NONE:
        yield fail("disk", said, todo="make room: commits fail when the disk is full")
    elif free < _LITTLE:
        yield warn("disk", said, todo="make room soon")
    else:
        yield fine("disk", said)


def _permissions(home: Path) -> Iterator[Symptom]:
    open_ = [home / name for name in _SECRETS if (home / name).exists() and _mode(home / name) & _OTHERS]
    for path in open_:
        yield fail("permissions", f"{path} can be read by others (mode {_mode(path):04o})", todo=f"chmod 600 {path}")
    if _mode(home) & _OTHERS_WRITE:
        yield fail(
            "permissions", f"{home} can be written to by others (mode {_mode(home):04o})", todo=f"chmod go-w {home}"
        )
    elif not open_:
        yield fine("permissions", "keys are their owner's alone")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
