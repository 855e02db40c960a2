"""What a check of `due doctor` found: how bad it is, in words, and what to do."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is. `FAIL`: something that was promised does not hold, or nothing can run."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One finding of one check. `todo` is empty where all is well."""

    check: str
    level: Level
    said: str
    todo: str = ""


def fine(check: str, said: str) -> Symptom:
    """All is well."""
    return Symptom(check=check, level=Level.OK, said=said)


def warn(check: str, said: str, *, todo: str) -> Symptom:
    """Somebody should look at it."""
    return Symptom(check=check, level=Level.WARN, said=said, todo=todo)


def fail(check: str, said: str, *, todo: str) -> Symptom:
    """It does not hold."""
    return Symptom(check=check, level=Level.FAIL, said=said, todo=todo)
