"""Whether a value is vouched, and by what; else where it was seen. What follows is decided in the gate.

Rule 1. Matching only ever grants. A value vouches if the same token stands, whole, among what vouches (see `entered`);
        what is transformed, split, encoded or invented stands nowhere.
Rule 2. A strong token (e-mail, link, IBAN, phone, date) needs no more. A number or a word must be *named*: in quotes; a
        name (each word of it with a capital; not what a sentence usually begins with); an id (four characters or more
        with a digit or a joint in it, but a hyphen alone joins plain words too); what the tool's schema lists for the
        argument, in several words; a number just behind or before a word of its role: of the argument or the tool it
        directs; a plain word just behind or before one of the argument ("channel: press", "the press channel"). Words that any sentence
        is full of ("to", "of") name no role and are none.
Rule 3. Money vouches only money, and what vouches money is no id: a sum is told by its currency, its decimals, its own
        argument or a word for money beside it, or by what it follows at once ("refund 50", but not "refund order 98765").
Rule 4. Of several places the first that is free is taken. A place that overlaps a used one is used: "Ann" is not named
        once more where "Ann Lee" was.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from dueprocess.provenance.active import MIN_PHONE
from dueprocess.provenance.entered import Entered, excerpt
from dueprocess.provenance.place import Place, places
from dueprocess.provenance.standing import Endorsed, Standing
from dueprocess.provenance.token import PHONE, Kind, Token, token_of
from dueprocess.provenance.words import GAP, Words
from dueprocess.values import Json
from dueprocess.values.trust import Integrity

_STRONG: Final = frozenset({Kind.EMAIL, Kind.LINK, Kind.IBAN, Kind.PHONE, Kind.DATE})
_OF_SUM: Final = 10  # characters to each side in which a currency is looked for
_AROUND: Final = 48  # characters to each side in which words of the role are looked for
_BEFORE: Final = 3  # words
_LONG_ENOUGH: Final = 4  # characters: shorter ids collide (measured)
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_QUOTES: Final = {
    "'": "'",
    '"': '"',
    "`": "`",
    "\u2018": "\u2019",
    "\u201c": "\u201d",
    "\u00ab": "\u00bb",
    "\u201e": "\u201c",
}
_CURRENCY_SIGNS: Final = frozenset("$€£¥")
_CURRENCIES: Final = frozenset("usd eur gbp chf jpy dollar euro pound franc yen".split())
_MONEY_WORDS: Final = _CURRENCIES | frozenset("amount price sum total cost fee money rent budget limit".split())
_NO_ROLE: Final = frozenset(
    "a an and as at by for from in into is it of off on or the this to up with be are was were been do does did have has had can could "
    "will would should that there here what which who when how not no yes all any so just now then please i you we he "
    "she they me my your our his her their its but if".split()
)
_IN_NAMES: Final = frozenset("of and the & de del der den di la le van von zu".split())
_OF_IDS: Final = frozenset(
    "account box code id invoice item no number nr order page ref reference ticket year zip".split()
)
_OPENERS: Final = frozenset(
    "a add after again all also although an and any are as ask at be because before book buy by call can cancel change "
    "check close could create dear delete did do does draft each every fetch find first for forward from get give go "
    "good great has have he hello help here hey hi how i if in invite is it just kindly let list look mail make may me "
    "message my need next no not note now of ok okay on one open or our pay please post put read refund remind remove "
    "reply request reschedule respond save schedule search see send set she should show since so some sorry start stop "
    "summarise summarize tell thank thanks that the their then there these they thing this those to transfer try "
    "update upload use using visit we were what when where which while who why will with would write yes you your".split()
)  # with a capital where a sentence begins; whoever is called so has to be named otherwise
_WORD_BEFORE = re.compile(r"\b([^\W\d_]\w*)['.]?(?: (?:de|del|der|la|le|of|van|von|zu))? $")
_WORD_AFTER = re.compile(r" (?:(?:de|del|der|la|le|of|van|von|zu) )?([^\W\d_]\w*)")
_APART = re.compile(r"[.!?](?:\s|$)")
_CENTS = re.compile(r"[.,]\d{2}$")
_SEVERAL_PHRASES = re.compile(r"[.!?;:()](?:\s|$)|^[^\w#@&/'\"+-]|[^\w)'\"%+-]$")
_RUN = re.compile(r"\w[\w@./:#+&~\\-]*")
_ID_MARKS: Final = frozenset("-_./#:@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What an argument directs: its name, the words beside a value of it, whether it is money, the values its schema lists."""

    argument: str
    words: frozenset[str]
    is_money: bool
    listed: frozenset[Token]


def role_of(tool: str, path: tuple[str, ...], *, listed: Collection[Json] = ()) -> Role:
    """The role of an argument, from its own name and the tool's; `listed` are the values that its schema admits, if told."""
    values = frozenset(token for value in listed if (token := token_of(value)) is not None)
    argument = ".".join(path)
    told = _known_words if len(tool) + len(argument) <= _SHORT else _words_of
    words, is_money = told(tool, argument, path)
    return Role(argument=argument, words=words, is_money=is_money, listed=values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A value that is vouched: by whom, and the place, where it is one that can be used up: where each of its words begins.

    `starts`: as `Entered.place_of` tells them.
    """

    by: Integrity
    origin: str
    span: int = -1
    starts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A value that would be vouched, but every place of it has been used. `action`: by whom, the last one."""

    action: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where a value that is not vouched was seen: the source, and what stands around it."""

    origin: str
    source: str
    integrity: Integrity
    excerpt: str


def vouch(
    standing: Standing, token: Token, *, role: Role, tool: str, taken: Collection[tuple[int, int]] = ()
) -> Vouched | Spent | None:
    """What vouches a value in a role; `taken` are places that the same action uses already."""
    endorsed = _endorsement(standing, token, role=role, tool=tool)
    if endorsed is not None:
        return Vouched(by=Integrity.ENDORSED, origin=endorsed.by)
    used = {(use.span, use.start): use.action for use in standing.used} | dict.fromkeys(taken, "")
    spent: Spent | None = None
    for number, span in _holding(standing, token):
        for place in _naming(span, token, role):
            if span.lasts:
                return Vouched(by=span.label.integrity, origin=span.origin)
            starts = tuple(map(span.place_of, _starts(span.vouching.folded, place)))
            users = [used[number, start] for start in starts if (number, start) in used]
            if not users:
                return Vouched(by=_integrity(span), origin=span.origin, span=number, starts=starts)
            spent = Spent(action=users[-1], origin=span.origin)
    return spent


def _starts(text: str, place: Place) -> tuple[int, ...]:
    found = tuple(run.start() for run in _RUN.finditer(text, place.start, place.end))
    return found or (place.start,)


def _endorsement(standing: Standing, token: Token, *, role: Role, tool: str) -> Endorsed | None:
    wanted = (tool, role.argument, token)
    return next((each for each in standing.endorsed if (each.tool, each.argument, each.token) == wanted), None)


def is_known(standing: Standing, token: Token, *, role: Role, tool: str) -> bool:
    """Whether a value stands anywhere among what vouches, used or not: enough for what has no effect of its own."""
    return _endorsement(standing, token, role=role, tool=tool) is not None or any(
        True for _, span in _holding(standing, token) for _ in _naming(span, token, role)
    )


def is_mentioned(standing: Standing, token: Token) -> bool:
    """Whether an active token stands anywhere among what vouches, in whatever role."""
    return any(each.token == token for each in standing.endorsed) or any(
        True for _, span in _holding(standing, token) for _ in places(token, span.vouching)
    )


def seen(standing: Standing, token: Token) -> Seen | None:
    """Where a value was last seen among all that entered the run."""
    for number in standing.texts.holding(token, latest_first=True):
        span = standing.entered[number]
        for place in places(token, span.words):
            return Seen(
                origin=span.origin,
                source=span.source,
                integrity=span.label.integrity,
                excerpt=excerpt(span.words, place.start, place.end),
            )
    return None


def _holding(standing: Standing, token: Token) -> Iterator[tuple[int, Entered]]:
    """The spans that vouch and may hold the token."""
    for at in standing.vouching_texts.holding(token):
        number = standing.vouching[at]
        yield number, standing.entered[number]


def _integrity(span: Entered) -> Integrity:
    return span.label.integrity if span.label.integrity is not Integrity.UNTRUSTED else Integrity.SYSTEM_ID


def _naming(span: Entered, token: Token, role: Role) -> Iterator[Place]:
    if span.is_prose:
        for place in places(token, span.vouching):
            if _is_named_by(span.vouching, token, place, role):
                yield place
        return
    text = span.vouching.folded
    for place in places(token, span.vouching):
        path, start, end = span.piece(place.start)
        if token_of(text[start:end]) != token:
            continue  # it is part of a longer value
        told = _stems((span.source, *path))
        # A phrase that is a whole value by its place is no accident of a sentence.
        is_phrase = token.kind is Kind.WORDS and " " in token.text and len(token.text) >= _LONG_ENOUGH
        whole = Place(start=start, end=end)
        if token.kind in _STRONG or is_phrase or _is_named(span.vouching, token, whole, role, told=told):
            yield whole


def _is_named_by(words: Words, token: Token, place: Place, role: Role) -> bool:
    if token.kind in _STRONG:
        return True
    text = words.folded
    ahead, behind = _beside(text, place.start, place.end, reach=_AROUND)
    before = _WORD.findall(_APART.split(ahead)[-1])[-_BEFORE:]
    after = _WORD.findall(_APART.split(behind)[0])[:1]
    if token.kind is Kind.NUMBER and role.is_money:
        return _is_sum(text, place.start, place.end) or _is_amount(before, after, role)
    told = [word for word in before if word not in _NO_ROLE][-1:]
    return _is_named(words, token, place, role, told=frozenset(map(_stem, (*told, *after))))


def _beside(text: str, start: int, end: int, *, reach: int) -> tuple[str, str]:
    """What stands before and behind a place, up to the next gap: another value, or what was taken out, says nothing of it."""
    return text[max(0, start - reach) : start].rpartition(GAP)[2], text[end : end + reach].partition(GAP)[0]


def _is_amount(before: list[str], after: list[str], role: Role) -> bool:
    of_money = _MONEY_WORDS | _stems((role.argument,))
    last = {_stem(word) for word in before[-1:]}
    beside = {_stem(word) for word in (*before, *after)}
    return not (last & _OF_IDS) and bool(of_money & beside or role.words & last)


def _is_named(words: Words, token: Token, place: Place, role: Role, *, told: frozenset[str]) -> bool:
    """Rules 2 and 3, of what is not strong. `told`: the words beside it that say what it is."""
    text, start, end = words.folded, place.start, place.end
    if token.kind is Kind.NUMBER:
        is_sum = _is_sum(text, start, end)
        if role.is_money:
            return is_sum or bool((_MONEY_WORDS | _stems((role.argument,))) & told)
        return not is_sum and (bool(role.words & told) or sum(map(str.isdigit, token.text)) >= _LONG_ENOUGH)
    if _is_quoted(text, start, end):
        return True
    if _SEVERAL_PHRASES.search(token.text) or _is_part_of_name(words, place):
        return False
    if " " in token.text:
        # A number to call without its country is found as it was written, in groups; its parts are no values.
        is_called = sum(map(str.isdigit, token.text)) >= MIN_PHONE and PHONE.fullmatch(token.text) is not None
        return is_called or token in role.listed or _is_name(words, place, role)
    if _is_id(token.text) or _is_name(words, place, role):
        return True
    is_common = bool({token.text, _stem(token.text)} & (_NO_ROLE | role.words))
    return bool(_stems((role.argument,)) - _NO_ROLE & told) and not is_common


def _is_sum(text: str, start: int, end: int) -> bool:
    before, after = _beside(text, start, end, reach=_OF_SUM)
    if {before.rstrip()[-1:], after.lstrip()[:1]} & _CURRENCY_SIGNS or _CENTS.search(text, start, end):
        return True
    return not _CURRENCIES.isdisjoint(map(_stem, (*_WORD.findall(before)[-1:], *_WORD.findall(after)[:1])))


def _is_quoted(text: str, start: int, end: int) -> bool:
    return _QUOTES.get(text[start - 1 : start]) == text[end : end + 1]


def _is_id(text: str) -> bool:
    if len(text) < _LONG_ENOUGH:
        return False
    if not any(map(str.isalpha, text)) and not set(text) & set("-_/#"):
        return False  # a sum, a time: what is written with digits alone is a number, or none
    return any(map(str.isdigit, text)) or any(mark in text.strip("".join(_ID_MARKS)) for mark in _ID_MARKS - {"-"})


def _is_name(words: Words, place: Place, role: Role) -> bool:
    written = words.plain[place.start : place.end]
    parts = written.split()
    named = [word for word in parts if word.lower() not in _IN_NAMES]
    if not named or not all(word[:1].isupper() or word[:1].isdigit() for word in (*named, parts[0], parts[-1])):
        return False
    if len(named) > 1:
        digits = [word[:1].isdigit() for word in named]
        return named[0].lower() not in _OPENERS and not any(map(all, pairwise(digits)))
    return not any(map(str.isdigit, written)) and not {written.lower(), _stem(written.lower())} & (
        _OPENERS | role.words
    )


def _is_part_of_name(words: Words, place: Place) -> bool:
    """Whether a name goes on before or after: "Ann" is not whole in "Ann Lee"."""
    plain = words.plain
    if not plain[place.start : place.start + 1].isupper():
        return False
    before, after = _WORD_BEFORE.search(plain, place.start - _AROUND, place.start), _WORD_AFTER.match(plain, place.end)
    return any(
        each is not None and each[1][0].isupper() and each[1].lower() not in _OPENERS for each in (before, after)
    )


def _stems(names: Collection[str]) -> frozenset[str]:
    return _NONE.union(*(_known_stems(name) if len(name) <= _SHORT else _stems_of(name) for name in names))


def _stems_of(name: str) -> frozenset[str]:
    return frozenset(map(_stem, _WORD.findall(_CAMEL.sub(" ", name).lower())))


_NONE: Final[frozenset[str]] = frozenset()
_SHORT: Final = 64  # characters of a name that is remembered: a stranger's may be of any length
_known_stems = lru_cache(maxsize=256)(_stems_of)


def _words_of(tool: str, argument: str, path: tuple[str, ...]) -> tuple[frozenset[str], bool]:
    return _stems((tool, *path)) - _NO_ROLE, bool(_MONEY_WORDS & _stems((argument,)))


_known_words = lru_cache(maxsize=256)(_words_of)


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) >= _LONG_ENOUGH else word
