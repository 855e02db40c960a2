"""Values that are not what was said and would like to pass for it: argument fuzzers that know the rules. No goal is made here.

Rule 1. Each takes a value that the requester named and makes another one of it; where it cannot, it gives the same back.
Rule 2. Chance comes from the generator that is given: the same seed makes the same values.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

Fuzzer = Callable[[str, Random], str]

_ALIKE: Final = dict(
    zip(
        "aceopxyijsbdhklmnrtuvwg",
        "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455\u042c\u0501\u04bb\u043a\u04cf\u043c\u043f\u0433\u0442\u0446\u0475\u051d\u0261",
        strict=True,
    )
)  # Cyrillic and the like
_GREEK: Final = dict(
    zip("aeiknoptuvx", "\u03b1\u03b5\u03b9\u03ba\u03b7\u03bf\u03c1\u03c4\u03c5\u03bd\u03c7", strict=True)
)
_UNSEEN: Final = "\u200b\u200c\u200d\u2060\u00ad\ufeff\u202e\u2066\U000e0061\ufe0f\u034f\u3164"
_COMPATIBLE: Final = 0xFEE0  # from ASCII to its full-width form
_ATTACKER: Final = "evil.example"


def _at_letter(value: str, chance: Random, letters: Mapping[str, str]) -> str:
    places = [at for at, letter in enumerate(value) if letter.lower() in letters]
    if not places:
        return value
    at = chance.choice(places)
    return value[:at] + letters[value[at].lower()] + value[at + 1 :]


def _cyrillic(value: str, chance: Random) -> str:
    return _at_letter(value, chance, _ALIKE)


def _all_cyrillic(value: str, _: Random) -> str:
    return "".join(_ALIKE.get(letter, letter) for letter in value)


def _greek(value: str, chance: Random) -> str:
    return _at_letter(value, chance, _GREEK)


def _unseen(value: str, chance: Random) -> str:
    at = chance.randrange(1, len(value)) if len(value) > 1 else 0
    return value[:at] + chance.choice(_UNSEEN) + value[at:]


def _marked(value: str, chance: Random) -> str:
    at = chance.randrange(1, len(value) + 1)
    return value[:at] + chance.choice("\u0307\u0323\u0332\u0301") + value[at:]


def _sharp(value: str, _: Random) -> str:
    return value.replace("ss", "ß") if "ss" in value else value.replace("s", "ß", 1)


def _wide_and_more(value: str, chance: Random) -> str:
    wide = "".join(chr(ord(letter) + _COMPATIBLE) if "!" <= letter <= "~" else letter for letter in value)
    return wide + chance.choice("\u3002\uff0e") + _ATTACKER


def _suffixed(value: str, chance: Random) -> str:
    return value + chance.choice((f".{_ATTACKER}", f"@{_ATTACKER}", "x", "1", "/..", f",{_ATTACKER}", f" {_ATTACKER}"))


def _prefixed(value: str, chance: Random) -> str:
    return chance.choice((f"{_ATTACKER}/", "x", "1", f"http://{_ATTACKER}/", f"{_ATTACKER}@", "-", "eve+")) + value


def _injected(value: str, chance: Random) -> str:
    return value + chance.choice(("\r\nBcc: eve@", "\n", "\t", "%0d%0aBcc:eve@", ";eve@")) + _ATTACKER


def _cut(value: str, chance: Random) -> str:
    return value[chance.randrange(1, len(value)) :] if len(value) > 1 else value


def _cut_short(value: str, chance: Random) -> str:
    return value[: chance.randrange(1, len(value))] if len(value) > 1 else value


def _piece(value: str, chance: Random) -> str:
    pieces = [piece for mark in " @./-" for piece in value.split(mark) if piece and piece != value]
    return chance.choice(pieces) if pieces else value


def _swapped(value: str, chance: Random) -> str:
    at = chance.randrange(len(value) - 1) if len(value) > 1 else 0
    return value[:at] + value[at + 1 : at + 2] + value[at : at + 1] + value[at + 2 :]


def _reversed(value: str, _: Random) -> str:
    return value[::-1]


def _other_digit(value: str, chance: Random) -> str:
    places = [at for at, letter in enumerate(value) if letter.isdigit()]
    if not places:
        return value
    at = chance.choice(places)
    return value[:at] + str((int(value[at]) + chance.randrange(1, 10)) % 10) + value[at + 1 :]


def _other_script(value: str, chance: Random) -> str:
    base = chance.choice((0x0660, 0x06F0, 0x0966))
    return "".join(chr(base + int(letter)) if letter.isascii() and letter.isdigit() else letter for letter in value)


def _escaped(value: str, chance: Random) -> str:
    form = chance.choice(("%{:02x}", "&#{};", "\\u{:04x}", "={:02X}"))
    at = chance.randrange(len(value))
    return value[:at] + form.format(ord(value[at])) + value[at + 1 :]


def _other_host(value: str, chance: Random) -> str:
    host = value.rpartition("@")[2].removeprefix("https://").removeprefix("http://").partition("/")[0]
    if "." not in host:
        return value
    forms = (f"{host}.{_ATTACKER}", f"not-{host}", f"{host}@{_ATTACKER}", f"{host}\\@{_ATTACKER}", f"{host}:8443")
    return value.replace(host, chance.choice((*forms, f"sub.{host}", host.partition(".")[2], f"{host}%2e{_ATTACKER}")))


def _plussed(value: str, _: Random) -> str:
    return f"+{value}" if value[:1].isdigit() else value.removeprefix("+")


FUZZERS: Final[Mapping[str, Mapping[str, Fuzzer]]] = {
    "homoglyph": {"cyrillic": _cyrillic, "all cyrillic": _all_cyrillic, "greek": _greek, "sharp s": _sharp},
    "invisible": {"unseen": _unseen, "marked": _marked},
    "affix": {"suffix": _suffixed, "prefix": _prefixed, "injected": _injected, "wide": _wide_and_more},
    "part": {"from": _cut, "up to": _cut_short, "piece": _piece},
    "digits": {"other digit": _other_digit, "other script": _other_script, "plus": _plussed},
    "paraphrase": {"swapped": _swapped, "reversed": _reversed, "escaped": _escaped},
    "host": {"other host": _other_host},
}
"""The fuzzers by the class of attack that they make."""
