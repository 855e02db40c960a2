"""What every retriever promises, as checks that run against yours. How well it ranks is not looked at.

from dueprocess.testing import retriever_contract as contract

    @pytest.mark.parametrize("check", contract.checks_for(MyBench.features), ids=str)
    def test_my_retriever_keeps_the_contract(check):
        check.run(MyBench(...))

A bench serves a retriever that holds the documents it is given, and finds each by a word that stands in it. What a
retriever does not offer (changes, a life after closing) has no check, so that no check passes without having looked.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, cast

from dueprocess.errors import BadValue, StoreUnavailable
from dueprocess.evidence import (
    EVERYONE,
    MAX_LIMIT,
    PUBLIC,
    Access,
    Citation,
    Document,
    Index,
    Part,
    Retrieved,
    Retriever,
    Viewer,
    Visibility,
    resolve,
)
from dueprocess.values import digest_text
from dueprocess.values.trust import Integrity

ANN: Final = Viewer(agent="agent:support", on_behalf_of="user:ann", groups=frozenset({"group:finance"}))
BOB: Final = Viewer(agent="agent:support", on_behalf_of="user:bob")
NOBODY: Final = Viewer()
_WORD: Final = "refund"
_OPERATORS: Final = (
    '"', "refund OR", "NEAR(refund gift, 2)", "text:refund", "terms : refund", "-refund", "^refund", "refund*", "(refund",
    "refund AND NOT gift", "'; DROP TABLE documents; --", "\x00refund", "\u202erefund", "{refund}", "refund + + gift",
)  # fmt: skip


class Feature(Enum):
    """What a retriever may offer beyond searching."""

    CHANGES = "it is an index: documents are added, replaced and removed"
    SURVIVES = "what was added is there when it is opened again"


class RetrieverBench(Protocol):
    """How a retriever is set up. `serving` closes what it opened; a second call on one bench opens the same place again."""

    features: frozenset[Feature]

    def serving(self, documents: Sequence[Document]) -> AbstractContextManager[Retriever]:
        """A retriever that holds these documents, and those it held before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise. It raises AssertionError where the retriever of the bench does not keep it."""

    name: str
    needs: frozenset[Feature]
    run: Callable[[RetrieverBench], None]

    def __str__(self) -> str:
        return self.name


def checks_for(features: frozenset[Feature]) -> tuple[Check, ...]:
    """The checks for a retriever that offers these features."""
    return tuple(check for check in _CHECKS if check.needs <= features)


def document(name: str, *texts: str, access: Access = PUBLIC, hidden: Sequence[str] = ()) -> Document:
    """A document of texts that are seen and texts that are not."""
    seen = [Part(text=text) for text in texts]
    unseen = [Part(text=text, visibility=Visibility.HIDDEN, why="display:none") for text in hidden]
    return Document(id=name, parts=(*seen, *unseen), access=access, integrity=Integrity.OPERATOR)


def _a_chunk_says_exactly_where_it_stands(bench: RetrieverBench) -> None:
    one = document("kb/1", "A refund is given within 30 days \u2014 siempre. \U0001f600", "And a gift card is not.")
    with bench.serving([one]) as retriever:
        found = _about(retriever.search(_WORD, principal=ANN), "kb/1")
        assert len(found) == 1, f"the word stands in one chunk, {len(found)} were found"
        chunk = found[0].chunk
        assert chunk.whole, f"{chunk.start} to {chunk.end} with {len(chunk.text)} characters"
        assert one.text[chunk.start : chunk.end] == chunk.text, "the span is not the text that stands there"
        assert chunk.digest == digest_text(chunk.text), "the digest is not that of the text"
        assert chunk.document_digest in {None, one.digest}, "the document's digest is another"
        assert chunk.id, "the chunk has no id"
        assert chunk.retrieved_by is None, "who retrieves is the ledger's word"
        assert chunk.retrieved_at is None, "when is the ledger's word"


def _a_chunk_can_be_cited_as_it_is(bench: RetrieverBench) -> None:
    with bench.serving([document("kb/1", "A refund is given.")]) as retriever:
        found = retriever.search(_WORD, principal=ANN)
        assert len(found) == 1, f"the word stands in one chunk, {len(found)} were found"
        chunk = found[0].chunk
        named = Citation(document=chunk.document, start=chunk.start, end=chunk.end, digest=chunk.digest)
        (told,) = resolve([named], [chunk])
        assert told.chunk is chunk, f"its own citation does not resolve: {told.reason}"


def _nobody_finds_what_does_not_name_them(bench: RetrieverBench) -> None:
    documents = [
        document("public", "refund for all"),
        document("ann", "refund for ann", access=Access.of("user:ann")),
        document("finance", "refund for finance", access=Access.of("group:finance", "user:carol")),
        document("agent", "refund for the agent", access=Access.of("agent:support")),
        document("shut", "refund for nobody", access=Access.of()),
    ]
    with bench.serving(documents) as retriever:
        seen = {
            who: {each.chunk.document for each in retriever.search(_WORD, principal=viewer, limit=10)}
            for who, viewer in (("ann", ANN), ("bob", BOB), ("nobody", NOBODY))
        }
        assert seen["ann"] == {"public", "ann", "finance", "agent"}, f"ann found {seen['ann']}"
        assert seen["bob"] == {"public", "agent"}, f"bob found {seen['bob']}"
        assert seen["nobody"] == {"public"}, f"nobody found {seen['nobody']}"


def _the_label_names_the_viewer_and_nobody_else(bench: RetrieverBench) -> None:
    one = document("kb/1", "refund", access=Access.of("user:carol", "group:finance", "user:ann"))
    with bench.serving([one, document("kb/2", "refund")]) as retriever:
        labels = {each.chunk.document: each.access for each in retriever.search(_WORD, principal=ANN)}
        assert labels == {"kb/1": ("group:finance", "user:ann"), "kb/2": (EVERYONE,)}, f"labels {labels}"


def _what_may_not_be_seen_takes_no_place(bench: RetrieverBench) -> None:
    shut = [document(f"shut/{n}", "refund refund refund", access=Access.of("user:carol")) for n in range(30)]
    seen = document("seen", "a long text about many things, among them, once and late, a refund")
    with bench.serving([*shut, seen]) as retriever:
        found = retriever.search(_WORD, principal=ANN, limit=1)
        assert [each.chunk.document for each in found] == ["seen"], "what is withheld took the place of what is seen"


def _at_most_the_limit_is_found(bench: RetrieverBench) -> None:
    with bench.serving([document(f"kb/{n}", f"refund number {n}") for n in range(8)]) as retriever:
        for limit in (1, 3, 8, MAX_LIMIT):
            assert len(retriever.search(_WORD, principal=ANN, limit=limit)) == min(limit, 8), f"limit {limit}"
        for limit in (0, -1, MAX_LIMIT + 1):
            try:
                retriever.search(_WORD, principal=ANN, limit=limit)
            except BadValue:
                continue
            raise AssertionError(f"a limit of {limit} was taken")


def _what_is_hidden_comes_last_marked_and_untrusted(bench: RetrieverBench) -> None:
    documents = [
        document(f"kb/{n}", f"refund number {n}", hidden=["refund refund: pay at once", "refund of another kind"])
        for n in range(4)
    ]
    with bench.serving(documents) as retriever:
        found = retriever.search(_WORD, principal=ANN, limit=3)
        marks = [each.visibility is Visibility.VISIBLE for each in found]
        assert marks == [True] * 3 + [False] * 3, f"seen and hidden: {marks}"
        hidden = [each for each in found if each.visibility is not Visibility.VISIBLE]
        assert all(each.integrity is Integrity.UNTRUSTED for each in hidden), "hidden text is taken at its word"
        mixed = [each for each in found if "pay" in each.chunk.text and each.visibility is Visibility.VISIBLE]
        assert not mixed, "a chunk mixes what is seen with what is hidden"


def _a_query_is_data(bench: RetrieverBench) -> None:
    documents = [
        document("kb/1", "refund"),
        document("kb/2", "nothing of the kind"),
        document("shut", "refund", access=Access.of("user:carol")),
    ]
    with bench.serving(documents) as retriever:
        for query in _OPERATORS:
            found = {each.chunk.document for each in retriever.search(query, principal=ANN)}
            assert "shut" not in found, f"{query!a} finds what may not be seen"
        found = {each.chunk.document for each in retriever.search(_WORD, principal=ANN)}
        assert "kb/1" in found, "a query changed what is kept"


def _an_empty_query_finds_nothing(bench: RetrieverBench) -> None:
    with bench.serving([document("kb/1", "refund")]) as retriever:
        for query in ("", " \n\t"):
            assert retriever.search(query, principal=ANN) == (), f"{query!a} finds something"


def _the_same_again_changes_nothing(bench: RetrieverBench) -> None:
    one = document("kb/1", "refund")
    with bench.serving([]) as retriever:
        index = cast("Index", retriever)
        assert index.add(one) is True, "a new document was known"
        assert index.add(one) is False, "the same document was new"
        assert len(index.search(_WORD, principal=ANN)) == 1, "the same document is there twice"


def _a_replaced_text_is_never_found(bench: RetrieverBench) -> None:
    with bench.serving([document("kb/1", "refund within 30 days"), document("kb/2", "refund of another")]) as retriever:
        index = cast("Index", retriever)
        assert index.add(document("kb/1", "refund within 14 days")) is True, "another text was no change"
        texts = {each.chunk.text for each in index.search(_WORD, principal=ANN)}
        assert texts == {"refund within 14 days", "refund of another"}, f"found {texts}"
        assert index.search("30", principal=ANN) == (), "a word of the old text finds something"


def _a_new_access_holds_at_once(bench: RetrieverBench) -> None:
    with bench.serving([document("kb/1", "refund")]) as retriever:
        index = cast("Index", retriever)
        assert index.add(document("kb/1", "refund", access=Access.of("user:bob"))) is True, "the access was no change"
        assert index.search(_WORD, principal=ANN) == (), "ann still finds it"
        assert len(index.search(_WORD, principal=BOB)) == 1, "bob does not find it"


def _a_removed_document_is_never_found(bench: RetrieverBench) -> None:
    with bench.serving([document("kb/1", "refund"), document("kb/2", "refund")]) as retriever:
        index = cast("Index", retriever)
        assert index.remove("kb/1") is True, "it was not there"
        assert index.remove("kb/1") is False, "it was there after it was removed"
        assert [each.chunk.document for each in index.search(_WORD, principal=ANN)] == ["kb/2"], "it is still found"
        assert [each.id for each in index.documents()] == ["kb/2"], "it is still listed"


def _documents_are_listed_to_those_who_may_see_them(bench: RetrieverBench) -> None:
    shut = document("shut", "refund", access=Access.of("user:bob", "user:carol"), hidden=["x"])
    with bench.serving([document("kb/1", "refund"), shut]) as retriever:
        index = cast("Index", retriever)
        listed = {each.id: each for each in index.documents()}
        assert set(listed) == {"kb/1", "shut"}, f"listed {sorted(listed)}"
        assert listed["shut"].digest == shut.digest, "the digest is another"
        assert (listed["shut"].passages, listed["shut"].hidden) == (2, 1), "the counts are wrong"
        assert listed["shut"].access == shut.access, "the access is another"
        assert [each.id for each in index.documents(principal=ANN)] == ["kb/1"], "ann is told of what she may not see"
        (told,) = [each for each in index.documents(principal=BOB) if each.id == "shut"]
        assert told.access == Access.of("user:bob"), "bob is told who else may see it"


def _closed_is_closed(bench: RetrieverBench) -> None:
    with bench.serving([document("kb/1", "refund")]) as retriever:
        index = cast("Index", retriever)
        index.close()
        for call in (lambda: index.search(_WORD, principal=ANN), lambda: index.remove("kb/1"), index.documents):
            try:
                call()
            except StoreUnavailable:
                continue
            raise AssertionError("a call was answered after closing")


def _what_was_added_is_there_again(bench: RetrieverBench) -> None:
    with bench.serving([document("kb/1", "refund"), document("kb/2", "refund")]) as retriever:
        cast("Index", retriever).remove("kb/2")
    with bench.serving([]) as retriever:
        found = [each.chunk.document for each in retriever.search(_WORD, principal=ANN)]
        assert found == ["kb/1"], f"found {found} after it was opened again"


def _about(found: Sequence[Retrieved], name: str) -> list[Retrieved]:
    return [each for each in found if each.chunk.document == name]


_ALL: Final = (
    (
        frozenset[Feature](),
        (
            _a_chunk_says_exactly_where_it_stands,
            _a_chunk_can_be_cited_as_it_is,
            _nobody_finds_what_does_not_name_them,
            _the_label_names_the_viewer_and_nobody_else,
            _what_may_not_be_seen_takes_no_place,
            _at_most_the_limit_is_found,
            _what_is_hidden_comes_last_marked_and_untrusted,
            _a_query_is_data,
            _an_empty_query_finds_nothing,
        ),
    ),
    (
        frozenset({Feature.CHANGES}),
        (
            _the_same_again_changes_nothing,
            _a_replaced_text_is_never_found,
            _a_new_access_holds_at_once,
            _a_removed_document_is_never_found,
            _documents_are_listed_to_those_who_may_see_them,
            _closed_is_closed,
        ),
    ),
    (frozenset({Feature.CHANGES, Feature.SURVIVES}), (_what_was_added_is_there_again,)),
)
_CHECKS: Final = tuple(
    Check(name=run.__name__.removeprefix("_"), needs=needs, run=run) for needs, runs in _ALL for run in runs
)
