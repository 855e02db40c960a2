"""Every retriever that ships keeps the contract, and one that breaks a promise is found out."""

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dueprocess.evidence import PUBLIC, Document, Retriever, Visibility, passages
from dueprocess.retrievers.llamaindex import LlamaIndexRetriever
from dueprocess.retrievers.sqlite import SqliteIndex
from dueprocess.testing import retriever_contract as contract
from dueprocess.testing.retriever_contract import Feature
from dueprocess.values.trust import Integrity


class SqliteBench:
    features = frozenset(Feature)

    def __init__(self, folder: Path) -> None:
        self._path = folder / "evidence.db"

    @contextmanager
    def serving(self, documents: Sequence[Document]) -> Generator[Retriever]:
        index = SqliteIndex(self._path)
        for each in documents:
            index.add(each)
        yield index
        index.close()


class LlamaIndexBench:
    """The nodes that a splitter makes of the documents, found by the words in them."""

    features = frozenset[Feature]()

    @contextmanager
    def serving(self, documents: Sequence[Document]) -> Generator[Retriever]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what foreign packages say while they are loaded
            from llama_index.core.base.base_retriever import BaseRetriever
            from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode

        def node(document: Document, passage) -> TextNode:
            access = document.access
            return TextNode(
                id_=passage.id,
                text=passage.text,
                start_char_idx=passage.start,
                end_char_idx=passage.end,
                metadata={
                    "access": "everyone" if access.everyone else sorted(access.names),
                    "visibility": passage.visibility.value,
                },
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document.id)},
            )

        nodes = [node(document, passage) for document in documents for passage in passages(document)]

        class ByWords(BaseRetriever):
            def _retrieve(self, query_bundle):
                words = query_bundle.query_str.lower().split()
                return [
                    NodeWithScore(node=each, score=1.0) for each in nodes if any(word in each.text for word in words)
                ]

        texts = {document.id: document.text for document in documents}
        yield LlamaIndexRetriever(ByWords(), text_of=texts.get, integrity=Integrity.OPERATOR)


@pytest.mark.parametrize("check", contract.checks_for(SqliteBench.features), ids=str)
def test_the_sqlite_index_keeps_the_contract(check: contract.Check, tmp_path: Path):
    check.run(SqliteBench(tmp_path))


@pytest.mark.parametrize("check", contract.checks_for(LlamaIndexBench.features), ids=str)
def test_a_retriever_of_llamaindex_keeps_the_contract(check: contract.Check):
    check.run(LlamaIndexBench())


def test_a_check_is_left_out_only_where_the_retriever_does_not_offer_what_it_needs():
    every = {check.name for check in contract.checks_for(frozenset(Feature))}
    searching = {check.name for check in contract.checks_for(frozenset())}
    assert len(every) == 16
    assert len(searching) == 9


def is_found_out(bench: type[SqliteBench], folder: Path) -> bool:
    found_out = False
    for check in contract.checks_for(bench.features):
        place = folder / str(check)
        place.mkdir()
        try:
            check.run(bench(place))
        except AssertionError:
            found_out = True
    return found_out


def shows_everything_to_all(found, search, principal):
    return search(replace(principal, groups=frozenset({"group:finance"}), on_behalf_of="user:carol"))


def tells_who_else_may_see(found, search, principal):
    return tuple(replace(each, access=(*each.access, "user:carol")) for each in found)


def shifts_by_one(found, search, principal):
    return tuple(
        replace(each, chunk=replace(each.chunk, start=each.chunk.start + 1, end=each.chunk.end + 1)) for each in found
    )


def forgets_the_marks(found, search, principal):
    return tuple(replace(each, visibility=Visibility.VISIBLE) for each in found)


def trusts_what_is_hidden(found, search, principal):
    return tuple(replace(each, integrity=Integrity.OPERATOR) for each in found)


def names_the_digest_of_the_document(found, search, principal):
    return tuple(replace(each, chunk=replace(each.chunk, digest=each.chunk.document_digest)) for each in found)


def finds_one_more(found, search, principal):
    return (*found, *found[:1])


def finds_nothing(found, search, principal):
    return ()


@pytest.mark.parametrize(
    "breaks",
    [
        shows_everything_to_all,
        tells_who_else_may_see,
        shifts_by_one,
        forgets_the_marks,
        trusts_what_is_hidden,
        names_the_digest_of_the_document,
        finds_one_more,
        finds_nothing,
    ],
    ids=lambda breaks: breaks.__name__,
)
def test_a_retriever_that_breaks_a_promise_is_found_out(breaks, tmp_path: Path):
    class Broken(SqliteBench):
        features = frozenset[Feature]()

        @contextmanager
        def serving(self, documents):
            with super().serving(documents) as index:
                search = index.search

                def broken(query, *, principal, limit=5):
                    found = search(query, principal=principal, limit=limit)
                    return breaks(found, lambda other: search(query, principal=other, limit=limit), principal)

                index.search = broken
                yield index

    assert is_found_out(Broken, tmp_path)


def keeps_what_is_removed(index: SqliteIndex) -> None:
    removed = set()
    index.remove = lambda name: name not in removed and not removed.add(name)


def keeps_the_old_access(index: SqliteIndex) -> None:
    add = index.add
    index.add = lambda document: add(replace(document, access=PUBLIC))


def lists_everything_to_all(index: SqliteIndex) -> None:
    documents = index.documents

    def all_of_them(*, principal=None):
        return documents()

    index.documents = all_of_them


def answers_after_closing(index: SqliteIndex) -> None:
    index.close = lambda: None


@pytest.mark.parametrize(
    "breaks",
    [keeps_what_is_removed, keeps_the_old_access, lists_everything_to_all, answers_after_closing],
    ids=lambda breaks: breaks.__name__,
)
def test_an_index_that_breaks_a_promise_is_found_out(breaks, tmp_path: Path):
    class Broken(SqliteBench):
        @contextmanager
        def serving(self, documents):
            with super().serving(documents) as index:
                close = index.close
                breaks(index)
                yield index
                close()

    assert is_found_out(Broken, tmp_path)
