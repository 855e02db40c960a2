"""The bypasses that are planted for the red team's campaign: how one piece of what keeps values apart is put out of action.

The product has no switch for any of them: another piece is put in the place of the product's inside this process. Which
attacks must find which stands in `redteam`.
"""

# ruff: noqa: ANN401, ARG005, SLF001 - pieces of any form take the place of what is private.

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

from dueprocess.provenance import Token
from dueprocess.provenance.token import Kind

# Some faces have a function of the same name: the files themselves are meant.
entered, holding, place, standing, token, vouch, words = (
    import_module(f"dueprocess.provenance.{name}")
    for name in ("entered", "holding", "place", "standing", "token", "vouch", "words")
)
vouching = import_module("dueprocess.gate.vouching")
judging = import_module("dueprocess.gate.judge")
history = import_module("dueprocess.gate.history")
ROOMS = (entered, holding, place, standing, token, vouch, words, vouching, judging, history)
Removal = Callable[[], Iterator[tuple[Any, str, Any]]]
"""What is put in the place of what: the owner, the name, the other piece."""


@contextmanager
def removed(removal: Removal) -> Iterator[None]:
    """The product with one piece exchanged, for as long as this lasts."""
    before: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, piece in removal():
            was = getattr(owner, name)
            owners = [owner] if isinstance(owner, type) else [room for room in ROOMS if vars(room).get(name) is was]
            for each in owners:
                before.append((each, name, was))
                setattr(each, name, piece)
        yield
    finally:
        for owner, name, was in reversed(before):
            setattr(owner, name, was)
        place._number_pattern.cache_clear()


def every_text() -> Iterator[tuple[Any, str, Any]]:
    # What is told of a text without reading it rests on whole words: where parts are looked for, each text is read.
    yield place, "trace", lambda token: ""
    yield holding, "heads", lambda token: ()


def parts_of_words() -> Iterator[tuple[Any, str, Any]]:
    yield from every_text()
    yield place, "_is_whole_word", lambda *_: True
    yield place, "_is_inside", lambda *_: False


def parts_of_numbers() -> Iterator[tuple[Any, str, Any]]:
    yield from every_text()
    yield place, "_is_whole_number", lambda *_: True
    yield place, "_is_inside", lambda *_: False


def parts_of_accounts() -> Iterator[tuple[Any, str, Any]]:
    yield place, "is_part_of_active", lambda *_: False


def no_compatibility_forms() -> Iterator[tuple[Any, str, Any]]:
    yield words, "_spaced", lambda text: " ".join(text.split())
    yield words, "is_deceptive", lambda text: False


def one_place_for_ever() -> Iterator[tuple[Any, str, Any]]:
    yield standing.Standing, "use", lambda self, uses: self


def only_the_first_word_is_used() -> Iterator[tuple[Any, str, Any]]:
    def starts(text: str, found: Any) -> tuple[int, ...]:
        return (found.start,)

    # Where a part of a name were a name, it would be the place that keeps it from being one more.
    yield vouch, "_starts", starts
    yield vouch, "_is_part_of_name", lambda *_: False


def any_role() -> Iterator[tuple[Any, str, Any]]:
    yield vouch, "_is_named_by", lambda *_: True
    yield vouch, "_is_named", lambda *_, **__: True


def passed_on_words() -> Iterator[tuple[Any, str, Any]]:
    yield words, "own_words", lambda text: text


def fences_that_end_early() -> Iterator[tuple[Any, str, Any]]:
    def without_fenced(text: str, fence: re.Pattern[str]) -> str:
        return re.sub(rf"({fence.pattern}).*?(?:{fence.pattern}|$)", "\n\0\n", text, flags=re.DOTALL)

    yield words, "_without_fenced", without_fenced


def any_query() -> Iterator[tuple[Any, str, Any]]:
    yield vouching, "query_is_vouched", lambda *_, **__: True


def any_content() -> Iterator[tuple[Any, str, Any]]:
    yield vouching, "_content", lambda *_: None


def content_of_texts_alone() -> Iterator[tuple[Any, str, Any]]:
    def texts(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
        return ((leaf.path, leaf.value) for leaf in vouching.leaves(None, {path[0]: value}) if _is_text(leaf))

    yield vouching, "texts", texts


def addresses_by_their_beginning() -> Iterator[tuple[Any, str, Any]]:
    # As `startswith` would compare: what was said begins what is written to.
    was = place.places

    def places(wanted: Token, there: Any) -> Iterator[Any]:
        if wanted.kind is Kind.EMAIL:
            for run in re.finditer(r"[^\s\0]+@[\w.-]+\w", there.folded):
                if wanted.text.startswith(run[0]):
                    yield place.Place(start=run.start(), end=run.end())
        yield from was(wanted, there)

    yield place, "places", places
    yield from every_text()


def hosts_by_their_end() -> Iterator[tuple[Any, str, Any]]:
    was = place.places

    def places(wanted: Token, there: Any) -> Iterator[Any]:
        host = re.split(r"[/?#:]", wanted.text.rpartition("@")[2])[0]
        if wanted.kind is Kind.LINK:
            for run in re.finditer(r"(?:[\w-]+\.)+[a-z]+", there.folded):
                if host.endswith(run[0]):
                    yield place.Place(start=run.start(), end=run.end())
        yield from was(wanted, there)

    yield place, "places", places
    yield from every_text()


def numbers_of_any_country() -> Iterator[tuple[Any, str, Any]]:
    yield from every_text()
    yield place, "_TWO_READINGS", re.compile("(?!)")
    yield place, "_number_pattern", lambda number: re.compile(r"[,.' ]?".join(number))


def invisible_characters() -> Iterator[tuple[Any, str, Any]]:
    was = token.token_of

    def seen(value: Any) -> Token | None:
        hidden = isinstance(value, str)
        return was("".join(each for each in value if unicodedata.category(each) != "Cf") if hidden else value)

    yield token, "token_of", seen


def mixed_scripts() -> Iterator[tuple[Any, str, Any]]:
    was = token.token_of
    alike = str.maketrans("\u0430\u0435\u043e\u0441\u0440\u0445\u0443\u0456\u0455\u03bf\u03b1", "aeocpxyisoa")

    def read(value: Any) -> Token | None:
        return was(value.translate(alike) if isinstance(value, str) else value)

    yield token, "token_of", read


def any_audience() -> Iterator[tuple[Any, str, Any]]:
    yield vouching, "_audience", lambda scale: None


def reads_that_leave() -> Iterator[tuple[Any, str, Any]]:
    was = vouching.weigh

    def weigh(policy: Any, spec: Any, **more: Any) -> Any:
        is_read = policy.tools[spec.name].effect.value == "read"
        return vouching.Weighed() if is_read else was(policy, spec, **more)

    yield vouching, "weigh", weigh


def any_scope() -> Iterator[tuple[Any, str, Any]]:
    def within(self: Any, scope: frozenset[str]) -> Any:
        return replace(self, standing=replace(self.standing, scope=None))

    yield history.History, "within", within


def undirected_calls() -> Iterator[tuple[Any, str, Any]]:
    # Whoever leaves everything out is directed by nothing: that this asks a person is forgotten.
    was = vouching._Scale.note

    def note(self: Any, key: str, decision: Any, reason: str, compared: Any) -> None:
        if key != "scope" or compared.get("scope") is not None:
            was(self, key, decision, reason, compared)

    yield vouching._Scale, "note", note


def any_default() -> Iterator[tuple[Any, str, Any]]:
    yield vouching, "_is_own_word", lambda spec, path, leaf: True
    yield from undirected_calls()


def no_taint() -> Iterator[tuple[Any, str, Any]]:
    was = standing.Standing.enter
    yield standing.Standing, "enter", lambda self, span: replace(was(self, span), tainted=False)


def endorsed_anywhere() -> Iterator[tuple[Any, str, Any]]:
    yield vouch, "_endorsement", lambda known, wanted, **_: next((e for e in known.endorsed if e.token == wanted), None)


def ids_of_many_records() -> Iterator[tuple[Any, str, Any]]:
    def fields(answer: Any, source: Any) -> list[Any]:
        everything = list(enumerate(entered.leaves(answer)))
        return [each for wanted, _ in source.fields for each in everything if each[1][0][: len(wanted)] == wanted]

    yield entered, "_fields", fields


def ids_of_one_record_of_several() -> Iterator[tuple[Any, str, Any]]:
    yield entered, "records", lambda *_: 1


def no_limits() -> Iterator[tuple[Any, str, Any]]:
    yield judging, "windows_of", lambda *_: ((), ())


def any_key() -> Iterator[tuple[Any, str, Any]]:
    was = vouching.leaves

    def leaves(spec: Any, arguments: Any) -> Iterator[Any]:
        return (leaf for leaf in was(spec, arguments) if not leaf.is_key)

    yield vouching, "leaves", leaves


def national_numbers() -> Iterator[tuple[Any, str, Any]]:
    was = place._is_whole_group

    def whole(text: str, start: int, end: int, wanted: Token) -> bool:
        return was(text, start, end, wanted) or was(text, start, end, replace(wanted, text=wanted.text.lstrip("+")))

    yield place, "_is_whole_group", whole


def one_folding_of_hosts() -> Iterator[tuple[Any, str, Any]]:
    yield words, "_casefolded", str.casefold


def _is_text(leaf: Any) -> bool:
    return isinstance(leaf.value, str) and not leaf.is_key
