"""Characters that nobody sees and a model reads: taken out of a text, told apart, and decoded where they spell something.

Rule 1. What is left is what a person sees, with line feeds as line ends. A join or a selector that a script or an emoji needs
        stays where it is needed, alone.
Rule 2. What was taken out becomes hidden parts, one for each kind, in the order of the text: decoded where it spells
        ASCII, else as escapes.
Rule 3. A byte order mark at the beginning and a carriage return before a line feed say nothing and are dropped.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dueprocess.evidence.document import Part, Visibility

TAGS: Final = "tag characters"
SELECTORS: Final = "variation selectors"
ZERO_WIDTH: Final = "zero-width characters"
BIDIRECTIONAL: Final = "bidirectional controls"
CONTROLS: Final = "control characters"
SPELLS: Final = ", which spell a text"

_LEAST_SPELLED: Final = 3  # characters: fewer may come out by chance
_MOST_SHOWN: Final = 500  # undecoded characters told as escapes; the rest is more of the same
_MOST_DECODED: Final = 200_000
_INVISIBLE = re.compile(
    "(?P<tag>[\U000e0000-\U000e007f]+)"
    "|(?P<selector>[\ufe00-\ufe0f\U000e0100-\U000e01ef]+)"
    "|(?P<bidi>[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+)"
    "|(?P<zero>[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]+)"
    "|(?P<control>[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]+)"
)
_KINDS: Final = {"tag": TAGS, "selector": SELECTORS, "bidi": BIDIRECTIONAL, "zero": ZERO_WIDTH, "control": CONTROLS}
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_REGION = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")  # UTS 51: a flag of a region
_FLAG: Final = "\U0001f3f4"
_SELECTS_LOOK: Final = "\ufe0e\ufe0f"
_JOINS: Final = frozenset("\u200c\u200d")


def lay_bare(text: str) -> tuple[str, tuple[Part, ...]]:
    """What a person sees of a text, and what stands in it besides (rules 1 to 3)."""
    text = _LINE_END.sub("\n", text.removeprefix("\ufeff"))
    if text.isascii() and text.isprintable():
        return text, ()
    taken: dict[str, list[str]] = {}

    def take(found: re.Match[str]) -> str:
        kept = _kept(found)
        gone = found[0][len(kept) :]
        if gone:
            taken.setdefault(_KINDS[found.lastgroup or "control"], []).append(gone)
        return kept

    bare = _INVISIBLE.sub(take, text)
    return bare, tuple(part for kind, runs in taken.items() for part in _told(kind, runs))


def bare_parts(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts with all invisible characters taken out, and those as parts of their own, each after where it stood."""
    found: list[Part] = []
    for part in parts:
        text, more = lay_bare(part.text)
        if text.strip():
            found.append(Part(text=text.strip("\n"), visibility=part.visibility, why=part.why))
        found.extend(more)
    return tuple(found)


def smuggled(text: str) -> str:
    """Why a text that cannot be changed must not be shown: it spells or reorders what nobody sees; empty if it does not."""
    _, parts = lay_bare(text)
    return next((part.why for part in parts if part.why.endswith(SPELLS) or part.why in (TAGS, BIDIRECTIONAL)), "")


def _kept(found: re.Match[str]) -> str:
    """What of a run must stay, from its first character on."""
    run, text = found[0], found.string
    before = text[found.start() - 1] if found.start() else ""
    after = text[found.end()] if found.end() < len(text) else ""
    match found.lastgroup:
        case "tag" if before == _FLAG:
            region = _REGION.match(run)
            return region[0] if region else ""
        case "selector" if _selects(before, run[0]):
            return run[0]
        case "zero" if len(run) == 1 and run in _JOINS and _joins(before, after):
            return run
        case _:
            return ""


def _selects(base: str, selector: str) -> bool:
    if not base:
        return False
    if selector in _SELECTS_LOOK:  # UTS 51: text or emoji
        return base in "#*0123456789\u00a9\u00ae" or unicodedata.category(base) in {"So", "Sm", "Sk", "Po", "Pd"}
    ideograph = unicodedata.name(base, "").startswith("CJK UNIFIED IDEOGRAPH")
    return ideograph or (selector == "\ufe00" and unicodedata.category(base) == "Sm")  # UTS 37, StandardizedVariants


def _joins(before: str, after: str) -> bool:
    if not before or not after:
        return False
    emoji = {"So", "Sk", "Mn"}  # a selector or a skin tone may stand before the join
    if unicodedata.category(before) in emoji and unicodedata.category(after) in emoji:
        return True
    # Scripts that join or stack their letters: beyond Latin, Greek and Cyrillic, before the East Asian ones.
    return "\u0590" <= before < "\u1100" and "\u0590" <= after < "\u1100"


def _told(kind: str, runs: Sequence[str]) -> Iterator[Part]:
    spelled = _spelled(kind, runs)
    if spelled:
        yield Part(text=spelled, visibility=Visibility.HIDDEN, why=f"{kind}{SPELLS}")
        return
    everything = "".join(runs)
    more = f" and {len(everything) - _MOST_SHOWN} more" if len(everything) > _MOST_SHOWN else ""
    escapes = "".join(_escape(each) for each in everything[:_MOST_SHOWN])
    yield Part(text=f"{escapes}{more}", visibility=Visibility.HIDDEN, why=kind)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def _spelled(kind: str, runs: Sequence[str]) -> str:
    everything = "".join(runs)[:_MOST_DECODED]
    match kind:
        case "tag characters":
            return _if_read("".join(chr(ord(each) - 0xE0000) for each in everything if each >= "\U000e0020"), 1)
        case "variation selectors":
            return _if_read(_bytes_of(everything), _LEAST_SPELLED)
        case "zero-width characters":
            # Bits may stand in one run or be scattered between letters: each run by itself, else all together.
            apart = [_bits(run) for run in runs if len(run) >= _LEAST_SPELLED * 7]
            return " ".join(each for each in apart if each) or _bits(everything)
        case _:
            return ""


def _bytes_of(selectors: str) -> str:
    numbers = (ord(each) - 0xFE00 if each <= "\ufe0f" else ord(each) - 0xE0100 + 16 for each in selectors)
    return bytes(numbers).decode("utf-8", "replace")


def _bits(marks: str) -> str:
    """What marks spell as zeros and ones of seven, eight or sixteen bits, or divided by a third mark; empty if nothing."""
    distinct = sorted(set(marks))
    if len(distinct) == 2:  # noqa: PLR2004 - a zero and a one
        return _binary(marks, distinct)
    if len(distinct) == 3:  # noqa: PLR2004 - and a divider
        for divider in distinct:
            groups = [group for group in marks.split(divider) if group]
            for zero, one in _orders([each for each in distinct if each != divider]):
                spelled = _letters(groups, zero, one)
                if spelled:
                    return spelled
    return ""


def _binary(marks: str, distinct: Sequence[str]) -> str:
    for width in (8, 7, 16):
        groups = [marks[at : at + width] for at in range(0, len(marks) - len(marks) % width, width)]
        for zero, one in _orders(distinct):
            spelled = _letters(groups, zero, one)
            if spelled:
                return spelled
    return ""


def _orders(pair: Sequence[str]) -> tuple[tuple[str, str], tuple[str, str]]:
    return (pair[0], pair[1]), (pair[1], pair[0])


def _letters(groups: Sequence[str], zero: str, one: str) -> str:
    if any(len(group) > 16 for group in groups):  # noqa: PLR2004 - no letter has more bits
        return ""
    table = str.maketrans({zero: "0", one: "1"})
    return _if_read("".join(chr(int(group.translate(table), 2)) for group in groups), _LEAST_SPELLED)


def _if_read(text: str, least: int) -> str:
    printable = text.isascii() and all(each.isprintable() or each in "\n\t" for each in text)
    return text if len(text) >= least and printable and text.strip() else ""
