"""Foreign text made fit to be shown: bounded, and with nothing in it that a terminal or a reader could obey.

Redaction is not here.
"""

from decimal import Decimal
from typing import Final

from dueprocess.values.canonical import Json, canonical, canonical_number
from dueprocess.values.digest import digest_bytes

_PLAINLY_SHOWN: Final = 10**40
SHOWN: Final = 80  # characters of one foreign value that a sentence can carry and still be read


def visible(text: str, *, limit: int = SHOWN) -> str:
    """The text with control, format, bidirectional and unassigned characters escaped, cut after `limit` characters."""
    if len(text) <= limit and text.isprintable():
        return text
    shown = text[:limit]
    if not shown.isprintable():
        shown = "".join(character if character.isprintable() else _escaped(character) for character in shown)
    return shown if len(text) <= limit else f"{shown}... ({len(text)} characters)"


def whole(text: str) -> str:
    """The text with every lone surrogate as its escape: as such it can be neither stored nor sent on."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def described(error: BaseException) -> str:
    """A foreign error in our words: its class, and a digest by which its text can be matched elsewhere (I10)."""
    return f"{type(error).__name__} ({digest_bytes(str(error).encode('utf-8', 'surrogatepass'))[:12]})"


def quoted(text: str, *, limit: int = SHOWN) -> str:
    """The visible text in single quotes."""
    return f"'{visible(text, limit=limit)}'"


def shown(value: Json, *, limit: int = SHOWN) -> Json:
    """A value as it may stand among compared values.

    Numbers and booleans exactly, text visible, containers as bounded text.
    """
    # Most values are short plain ones; the general way below says the same of them.
    plain = type(value)
    if plain is str:
        return visible(value, limit=limit)  # pyright: ignore[reportArgumentType]
    if plain is bool or (plain is int and abs(value) < _PLAINLY_SHOWN):  # pyright: ignore[reportArgumentType]
        return value
    match value:
        case None | bool():
            return value
        case int() | Decimal():
            text = canonical_number(value)
            return value if len(text) <= limit else visible(text, limit=limit)
        case str():
            return visible(value, limit=limit)
        case _:
            return visible(canonical(value), limit=limit)


def worded(value: Json, *, limit: int = SHOWN) -> str:
    """A value as it may stand in a sentence: text in quotes, everything else as JSON."""
    if isinstance(value, str):
        return quoted(value, limit=limit)
    return visible(canonical(value), limit=limit)


def kind_of(value: Json) -> str:
    """The word for the type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | Decimal():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"


def _escaped(character: str) -> str:
    code = f"{ord(character):04x}"
    return f"\\u{code}" if len(code) == len("ffff") else f"\\U{code:0>8}"
