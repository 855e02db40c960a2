"""Laws of retrieval, tried on documents, accesses and changes made up at random."""

import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from dueprocess.evidence import (
    PUBLIC,
    Access,
    Citation,
    Document,
    Part,
    Viewer,
    Visibility,
    bare_parts,
    passages,
    resolve,
    retrieved,
)
from dueprocess.retrievers.sqlite import SqliteIndex
from dueprocess.retrievers.sqlite.terms import match_of
from dueprocess.retrievers.tool import told
from dueprocess.values import Instant, digest_text
from dueprocess.values.trust import Integrity

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300).filter(lambda text: text.strip())
WORDS = st.lists(st.sampled_from(["refund", "gift", "card", "within", "30", "days.", "\n\n", "—", "退款"]), min_size=1)
PARTS = st.lists(
    st.builds(
        Part,
        text=st.one_of(TEXT, WORDS.map(" ".join).filter(lambda text: text.strip())),
        visibility=st.sampled_from(Visibility),
        why=st.sampled_from(["", "x"]),
    ),
    min_size=1,
    max_size=5,
).map(tuple)
NAMES = [f"{kind}:{name}" for kind in ("user", "group", "agent") for name in "abc"]
ACCESS = st.one_of(
    st.just(PUBLIC), st.frozensets(st.sampled_from(NAMES), max_size=4).map(lambda names: Access(names=names))
)
VIEWERS = st.builds(
    Viewer.of,
    st.sampled_from(["agent:a@1", "agent:b@2", "agent:c", "", "everyone"]),
    on_behalf_of=st.sampled_from([None, "user:a", "user:b", "group:c", "agent:c"]),
    groups=st.frozensets(st.sampled_from(["a", "group:b"])),
)
IDS = st.sampled_from(["kb/1", "kb/2", "kb/3"])


DOCUMENTS = st.builds(Document, id=IDS, parts=PARTS, access=ACCESS, integrity=st.sampled_from(Integrity))


@given(DOCUMENTS, st.integers(min_value=40, max_value=400))
def test_passages_are_exactly_what_stands_at_their_span(document: Document, size: int):
    cut = passages(document, size=size)
    parts = [(start, start + len(part.text), part) for start, part in document.spans()]
    for each in cut:
        assert document.text[each.start : each.end] == each.text
        assert 0 < len(each.text) <= size
        (inside,) = [part for start, end, part in parts if start <= each.start and each.end <= end]
        assert (each.visibility, each.why) == (inside.visibility, inside.why)
        if each.visibility is not Visibility.VISIBLE:
            assert each.integrity is Integrity.UNTRUSTED
    assert cut == passages(document, size=size)
    assert all(one.end <= other.start for one, other in pairwise(cut))
    # Nothing but blanks is left out.
    covered = {at for each in cut for at in range(each.start, each.end)}
    assert all(at in covered or character.isspace() for at, character in enumerate(document.text))
    assert document.digest == digest_text(document.text)


@given(PARTS)
def test_nothing_invisible_is_left_and_nothing_seen_is_lost(parts):
    bare = bare_parts(parts)
    assert bare == bare_parts(bare)
    for before in parts:
        letters = [each for each in before.text if each.isalnum() and each.isascii()]
        assert any(letters == [x for x in after.text if x.isalnum() and x.isascii()] for after in bare) or not letters


@given(st.text())
def test_any_query_is_words_and_nothing_else(query: str):
    words = match_of(query).split(" OR ")
    assert all(not word or (word.count('"') == 2 and word[0] == word[-1] == '"') for word in words)


@settings(max_examples=30)
@given(st.lists(DOCUMENTS, max_size=3), VIEWERS, st.text(max_size=20))
def test_what_is_found_may_be_seen_verifies_and_can_be_cited(kept, viewer: Viewer, words: str):
    with tempfile.TemporaryDirectory() as folder:
        index = SqliteIndex(Path(folder) / "evidence.db", chunk_size=60)
        latest = {}
        for document in kept:
            index.add(document)
            latest[document.id] = document
        found = index.search(f"refund gift 30 退款 {words}", principal=viewer, limit=50)
        listed = {each.id for each in index.documents(principal=viewer)}
        index.close()
    may_see = {name for name, document in latest.items() if document.access.seen_by(viewer)}
    assert listed == may_see
    for each in found:
        document = latest[each.chunk.document]
        assert document.id in may_see
        assert each.access == document.access.seen_by(viewer)
        assert document.text[each.chunk.start : each.chunk.end] == each.chunk.text
        assert each.chunk.document_digest == document.digest
    for each in retrieved(told(found), by=viewer, at=Instant(5)):
        named = Citation(document=each.document, start=each.start, end=each.end, digest=each.digest)
        (own,) = resolve([named], [each], principal=viewer, since=Instant(5))
        assert own.chunk is each
        (other,) = resolve([named], [each], principal=Viewer(agent="agent:other"))
        assert other.chunk is None
    seen = [each for each in found if each.visibility is Visibility.VISIBLE]
    assert len(told(found)["chunks"]) == len(seen)


class Changing(RuleBasedStateMachine):
    """Adding, replacing and removing in any order: what is found is what is kept, for those who may see it."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._index = SqliteIndex(Path(self._folder.name) / "evidence.db")
        self._kept: dict[str, Document] = {}

    def teardown(self) -> None:
        self._index.close()
        self._folder.cleanup()

    @rule(name=IDS, word=st.sampled_from(["alpha", "beta", "gamma"]), access=ACCESS)
    def add(self, name: str, word: str, access: Access) -> None:
        document = Document(id=name, parts=(Part(text=f"refund {word}"),), access=access)
        assert self._index.add(document) is (self._kept.get(name) != document)
        self._kept[name] = document

    @rule(name=IDS)
    def remove(self, name: str) -> None:
        assert self._index.remove(name) is (self._kept.pop(name, None) is not None)

    @rule(viewer=VIEWERS, word=st.sampled_from(["alpha", "beta", "gamma", "refund"]))
    def search(self, viewer: Viewer, word: str) -> None:
        found = {each.chunk.document for each in self._index.search(word, principal=viewer)}
        assert found == {name for name, kept in self._kept.items() if word in kept.text and kept.access.seen_by(viewer)}

    @invariant()
    def what_is_listed_is_kept(self) -> None:
        assert {each.id: each.digest for each in self._index.documents()} == {
            name: kept.digest for name, kept in self._kept.items()
        }


TestChanging = Changing.TestCase
TestChanging.settings = settings(max_examples=15, stateful_step_count=15)
