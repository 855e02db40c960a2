"""The exit codes of `due`. What leads to which is each verb's matter."""

from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told."""

    OK = 0
    ERROR = 1
    USAGE = 2
    FAILED = 3
    DENIED = 4
    WAITING = 5
    UNAUTHORISED = 6
    INTERRUPTED = 130
