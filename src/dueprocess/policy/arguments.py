"""Values found in a call's arguments by path, and what of them may be shown. Nothing is judged here.

Rule 1. A path is a tuple of keys; a key with a dot in it, a list or a missing step is reached by no path.
Rule 2. What lies at, under or around a redacted path is shown as `[redacted]`, nothing of it more.
"""

from collections.abc import Callable, Mapping
from typing import Final

from dueprocess.policy.document import ArgumentPath
from dueprocess.values import Json, canonical, read_amount
from dueprocess.values.foreign import shown

REDACTED: Final = "[redacted]"


class Missing:
    """The type of `MISSING`, which stands where a path leads nowhere."""


MISSING: Final = Missing()


def find(arguments: Mapping[str, Json], path: ArgumentPath) -> Json | Missing:
    """The value at a path (rule 1)."""
    found: Json | Mapping[str, Json] = arguments
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return MISSING
        found = found[key]
    return found  # pyright: ignore[reportReturnType] - a path has at least one key


def written(path: ArgumentPath) -> str:
    """A path as the file writes it, without `$.`."""
    return ".".join(path)


def hidden(path: ArgumentPath, redact: tuple[ArgumentPath, ...]) -> bool:
    """Whether nothing at this path may be shown (rule 2)."""
    return any(path[: len(secret)] == secret[: len(path)] for secret in redact)


def reader(path: ArgumentPath) -> Callable[[Mapping[str, Json]], Json | Missing]:
    """`find` for one path, made once."""
    match path:
        case (name,):
            return lambda arguments: arguments.get(name, MISSING)
        case _:
            return lambda arguments: find(arguments, path)


def comparing(
    paths: tuple[ArgumentPath, ...], redact: tuple[ArgumentPath, ...]
) -> Callable[[Mapping[str, Json]], dict[str, Json]]:
    """What makes the compared values of these paths: each with what it holds, none where it holds nothing (rule 2)."""
    asked = tuple((written(path), hidden(path, redact), reader(path)) for path in paths)

    def compared(arguments: Mapping[str, Json]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for name, secret, read in asked:
            value = read(arguments)
            if not isinstance(value, Missing):
                found[name] = REDACTED if secret else shown(value)
        return found

    return compared


def with_plain_amount(arguments: Mapping[str, Json], amount: ArgumentPath | None) -> Mapping[str, Json]:
    """The arguments with the amount as an exact number: 25, 25.00 and "25.00" are one amount, hence one key."""
    if amount is None:
        return arguments
    first, rest = amount[0], amount[1:]
    value = arguments.get(first)
    if rest:
        return {**arguments, first: {**with_plain_amount(value, rest)}} if isinstance(value, dict) else arguments
    read = read_amount(value)
    return arguments if read is None else {**arguments, first: read.decimal}


def key_text(arguments: Mapping[str, Json], paths: tuple[ArgumentPath, ...]) -> str | ArgumentPath:
    """The canonical text of the values at these paths, or the first path that holds nothing or null."""
    values: list[Json] = []
    for path in paths:
        value = find(arguments, path)
        if isinstance(value, Missing) or value is None:
            return path
        values.append(value)
    return canonical(values)
