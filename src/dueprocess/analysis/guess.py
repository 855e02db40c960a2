"""What the schema of a tool alone lets one guess of it: effect, tier, egress, and what each argument does.

Nothing is known here: every guess carries its reason, and what is unclear is taken for the more dangerous. How the guesses
become a file is in `draft`.

Rule 1. Effect: read only where the tools file says so and the name does not say the contrary.
Rule 2. Every argument directs the effect (control) unless it is surely free text (content) or an amount of USD that the
        draft bounds (bounded). A text is content by its own name, and only where neither its schema nor its description
        says that it chooses, addresses or is run.
Rule 3. An amount is bounded only where a call cannot leave it out and its schema says that it is USD. One of an unknown
        currency stays control, and over a threshold it is held as well; one that may be left out stays control alone, since a threshold
        denies a call without an amount.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dueprocess.analysis.words import (
    ADDRESSES,
    AMOUNTS,
    CONTENT,
    DESTROYING,
    DIRECTING,
    DIRECTING_PHRASES,
    FORMATS_OUTSIDE,
    GRANTING,
    IRREVERSIBLE,
    MARKUP,
    MONEY,
    OTHER_MONEY,
    OTHER_UNITS,
    PAYING,
    PEOPLE,
    PLACES,
    REACHED_BY,
    RUNNING,
    SENDING,
    SURELY_WRITING,
    TITLES,
    WEB,
    WRITING,
    parts,
    words,
)
from dueprocess.tool import Effect, ToolSpec
from dueprocess.tool.schema import Kind, Type, type_of_arguments

_SHORT: Final = 40  # characters: a text that may not be longer is a code or a name, no prose
_CREATING: Final = frozenset(
    "add book compose create draft forward insert make new post publish reply schedule send write".split()
)
_MAIL: Final = frozenset({"email", "idn-email"})
_TEXT_OR_NULL: Final = frozenset({Kind.TEXT, Kind.NULL})
_CHOOSING: Final = ("enum", "const", "format", "pattern")


class Use(Enum):
    """What an argument is in the language: it directs, it is bounded, it is free text."""

    CONTROL = "control"
    BOUNDED = "bounded"
    CONTENT = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A guess and why."""

    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentGuess:
    """What an argument does."""

    name: str
    use: Use
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountGuess:
    """The argument that is money; `usd` where its schema says of which currency."""

    name: str
    usd: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolGuess:
    """All that is guessed of a tool. `amount`: the argument to bind; `egress`: why something leaves the house."""

    spec: ToolSpec
    tier: Said
    egress: str | None
    arguments: tuple[ArgumentGuess, ...]
    amount: AmountGuess | None = None

    @property
    def reads(self) -> bool:
        """Whether it is taken for a read."""
        return self.tier.value == "read"

    def named(self, use: Use) -> tuple[ArgumentGuess, ...]:
        """The arguments of one use, in the order of the schema."""
        return tuple(argument for argument in self.arguments if argument.use is use)


def guess(spec: ToolSpec) -> ToolGuess:
    """What the schema of a tool suggests. The same schema, the same guess."""
    tier = _tier(spec)
    typed = type_of_arguments(spec.parameters)
    names = [*spec.properties, *sorted((typed.names() or frozenset()) - spec.properties.keys())]
    amount = None if tier.value == "read" else _amount(spec, typed, names)
    runs = tier.value != "read" and bool(frozenset(parts(spec.name)) & RUNNING)
    arguments = tuple(_argument(spec, typed, name, amount=amount, runs=runs) for name in names)
    return ToolGuess(spec=spec, tier=tier, egress=_egress(spec, typed, tier), arguments=arguments, amount=amount)


def _tier(spec: ToolSpec) -> Said:
    of_name = parts(spec.name)
    verb = next((word for word in of_name if word in WRITING), None)
    acts = bool(of_name) and (of_name[0] in SURELY_WRITING or of_name[-1] in SURELY_WRITING)
    if spec.effect is Effect.READ and not (acts and not frozenset(of_name) & PEOPLE):
        return Said(value="read", why="the tools file says read")
    critical = _critical(spec, frozenset(of_name))
    if critical is not None:
        return Said(value="critical", why=critical)
    if spec.effect is Effect.READ:
        return Said(value="write", why="the tools file says read, but the name says that it acts")
    if verb is None:
        return Said(value="write", why="the effect is unclear, so it counts as a write")
    return Said(value="write", why=f"'{verb}' changes something")


def _critical(spec: ToolSpec, of_name: frozenset[str]) -> str | None:
    kinds = (
        (DESTROYING, "destroys or ends something"),
        (GRANTING, "is about access"),
        (RUNNING, "runs what it is given"),
        (PAYING, "moves money"),
    )
    for known, what in kinds:
        found = sorted(of_name & known)
        if found:
            return f"'{found[0]}' {what}"
    arguments = frozenset(word for name in spec.properties for word in parts(name))
    secret = sorted(arguments & (GRANTING - {"access", "key", "owner", "pin", "policy", "share", "auth"}))
    if secret:
        return f"an argument is about access: '{secret[0]}'"
    run = sorted(arguments & {"command", "cmd", "script", "shell", "sql"})
    if run:
        return f"an argument is run: '{run[0]}'"
    said = next((phrase for phrase in IRREVERSIBLE if phrase in spec.description.lower()), None)
    if said is not None:
        return f"its description says '{said}'"
    money = words(spec.description) & {"money", "payment", "refund"}
    return f"its description speaks of {min(money)}" if money and arguments & AMOUNTS else None


def _argument(spec: ToolSpec, typed: Type, name: str, *, amount: AmountGuess | None, runs: bool) -> ArgumentGuess:
    def said(use: Use, why: str) -> ArgumentGuess:
        return ArgumentGuess(name=name, use=use, why=why)

    if amount is not None and amount.name == name:
        return said(Use.BOUNDED if amount.usd else Use.CONTROL, amount.why)
    of_name = parts(name)
    last = of_name[-1] if of_name else ""
    if last in MARKUP and len(of_name) > 1:
        last = of_name[-2]
    if last not in CONTENT | TITLES:
        return said(Use.CONTROL, "it directs the effect, or is unclear")
    against = _no_content(spec, typed, name, last=last, runs=runs)
    return said(Use.CONTROL, against) if against else said(Use.CONTENT, "free text by its name")


def _no_content(spec: ToolSpec, typed: Type, name: str, *, last: str, runs: bool) -> str | None:
    """Why a text that is called like content may direct all the same; None where nothing speaks against it."""
    field = typed.field(name)
    if runs:
        return "what this tool is given may be run"
    if field is None or not field.kinds <= _TEXT_OR_NULL:
        return "called like a text, but its schema admits more"
    for schema in field.parts():
        chosen = next((key for key in _CHOOSING if key in schema and schema[key] is not None), None)
        if chosen is not None:
            return f"called like a text, but its schema has {chosen}"
        longest = schema.get("maxLength")
        if isinstance(longest, int) and longest <= _SHORT:
            return f"called like a text, but at most {longest} characters"
    told = " ".join(said for schema in field.parts() if isinstance(said := schema.get("description"), str)).lower()
    directs = sorted(words(told) & DIRECTING)
    phrase = next((phrase for phrase in DIRECTING_PHRASES if phrase in told), None)
    if directs or phrase:
        return f"called like a text, but its description says '{directs[0] if directs else phrase}'"
    if last in TITLES and not frozenset(parts(spec.name)) & (_CREATING | PAYING | SENDING):
        return "a title may be what something is found by"
    return None


def _amount(spec: ToolSpec, typed: Type, names: list[str]) -> AmountGuess | None:
    needed = spec.parameters.get("required")
    required = (
        frozenset(name for name in needed if isinstance(name, str)) if isinstance(needed, list) else frozenset[str]()
    )
    for name in names:
        of_name = frozenset(parts(name))
        field = typed.field(name)
        if field is None or not of_name & AMOUNTS or of_name & OTHER_UNITS or field.kinds - {Kind.NUMBER}:
            continue
        if name not in required or "." in name or any(sign in name for sign in " []\"'$"):
            continue
        told = words(" ".join((spec.name, spec.description, *_descriptions(field))))
        if "usd" in of_name or (_dollars(field, told) and not (told | of_name) & OTHER_MONEY):
            return AmountGuess(name=name, usd=True, why="USD by its name or description")
        if (told | of_name - {"amount"}) & (MONEY - {"amount", "total"}):
            return AmountGuess(name=name, usd=False, why="money, but nothing says that it is USD")
    return None


def _dollars(field: Type, told: frozenset[str]) -> bool:
    return bool(told & {"usd", "dollar", "dollars"}) or any("US$" in text for text in _descriptions(field))


def _descriptions(field: Type) -> tuple[str, ...]:
    return tuple(said for schema in field.parts() if isinstance(said := schema.get("description"), str))


def _egress(spec: ToolSpec, typed: Type, tier: Said) -> str | None:
    of_name = frozenset(parts(spec.name))
    place = next((name for name in spec.properties if _is_place(name, typed)), None)
    if tier.value == "read":
        web = sorted((of_name | words(spec.description)) & WEB)
        if web and spec.properties:
            return f"'{web[0]}': its arguments leave the house"
        return f"'{place}' names a place outside" if place is not None else None
    sends = sorted(of_name & (SENDING | WEB))
    if sends:
        return f"'{sends[0]}' sends outside"
    outside = place or next((name for name in spec.properties if _is_address(name, typed)), None)
    return f"'{outside}' names somebody or some place outside" if outside is not None else None


def _is_place(name: str, typed: Type) -> bool:
    return bool(frozenset(parts(name)) & PLACES) or _has_format(name, typed, FORMATS_OUTSIDE - _MAIL)


def _is_address(name: str, typed: Type) -> bool:
    of_name, field = frozenset(parts(name)), typed.field(name)
    told = words(" ".join(_descriptions(field))) if field is not None else frozenset[str]()
    return _has_format(name, typed, _MAIL) or bool(of_name & ADDRESSES and (told | of_name) & REACHED_BY)


def _has_format(name: str, typed: Type, formats: frozenset[str]) -> bool:
    field = typed.field(name)
    found = [schema.get("format") for schema in (*field.parts(), *field.item().parts())] if field is not None else []
    return any(isinstance(each, str) and each in formats for each in found)
