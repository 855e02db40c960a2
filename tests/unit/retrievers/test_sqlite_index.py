"""The default index beyond the contract: real deletion, several processes, foreign files, words of any script."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dueprocess.errors import BadValue, StoreUnavailable
from dueprocess.evidence import PUBLIC, Access, Document, Part, Viewer, Visibility
from dueprocess.retrievers.sqlite import SqliteIndex
from dueprocess.retrievers.sqlite.terms import match_of, terms_of

ANN = Viewer.of("agent:support@r1", on_behalf_of="user:ann")


def document(name: str, text: str, *, access: Access = PUBLIC) -> Document:
    return Document(id=name, parts=(Part(text=text),), access=access)


def found(index: SqliteIndex, query: str) -> list[str]:
    return [each.chunk.document for each in index.search(query, principal=ANN)]


def files_with(folder: Path, word: bytes) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if word in path.read_bytes())


@pytest.fixture
def index(tmp_path: Path):
    made = SqliteIndex(tmp_path / "evidence.db")
    yield made
    made.close()


def test_a_removed_text_is_in_no_file_any_more(index: SqliteIndex, tmp_path: Path):
    index.add(document("secret", "the word is xyzzyplugh, said once"))
    for number in range(30):
        index.add(document(f"kb/{number}", f"filler of number {number} " * 30))
    assert files_with(tmp_path, b"xyzzyplugh")

    assert index.remove("secret")

    # Neither the text nor the word in a list of words, which the file keeps apart from the text and by their beginnings.
    assert files_with(tmp_path, b"xyzzyplugh") == []
    assert files_with(tmp_path, b"zzyplugh") == []


def test_a_replaced_text_is_in_no_file_any_more(index: SqliteIndex, tmp_path: Path):
    index.add(document("kb", "the word is xyzzyplugh"))
    index.add(document("kb", "the word is gone"))

    assert files_with(tmp_path, b"zzyplugh") == []
    assert found(index, "gone") == ["kb"]


def test_a_text_that_a_reader_still_holds_is_told_of(
    index: SqliteIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dueprocess.sqlite_file.BUSY_SECONDS", 0.05)
    index.add(document("kb", "the word is xyzzyplugh"))
    index.close()
    impatient = SqliteIndex(tmp_path / "evidence.db")
    reader = sqlite3.connect(tmp_path / "evidence.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM documents").fetchone()

    with pytest.raises(StoreUnavailable, match="still stands in the file's log"):
        impatient.remove("kb")
    assert found(impatient, "xyzzyplugh") == []

    reader.close()
    assert impatient.remove("kb") is False
    assert files_with(tmp_path, b"zzyplugh") == []
    impatient.close()


def test_a_change_that_fails_leaves_what_was_there(index: SqliteIndex, monkeypatch: pytest.MonkeyPatch):
    index.add(document("kb", "the old words"))

    def fails(text: str) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("dueprocess.retrievers.sqlite.index.terms_of", fails)
        with pytest.raises(KeyboardInterrupt):
            index.add(document("kb", "the new words"))

    assert found(index, "old") == ["kb"]
    assert found(index, "new") == []


def test_several_processes_add_to_one_file(tmp_path: Path):
    program = """
import sys
from pathlib import Path
from dueprocess.evidence import PUBLIC, Document, Part
from dueprocess.retrievers.sqlite import SqliteIndex
index = SqliteIndex(Path(sys.argv[1]))
for number in range(10):
    part = Part(text=f"refund of {sys.argv[2]} number {number}")
    index.add(Document(id=f"{sys.argv[2]}/{number}", parts=(part,), access=PUBLIC))
    index.add(Document(id="shared", parts=(part,), access=PUBLIC))
index.close()
"""
    path = tmp_path / "evidence.db"
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("a", "b", "c")]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]

    index = SqliteIndex(path)
    assert {each.id for each in index.documents()} == {"shared", *(f"{n}/{i}" for n in "abc" for i in range(10))}
    assert len(index.search("refund", principal=ANN, limit=100)) == 31
    index.close()


def test_threads_share_an_index(index: SqliteIndex):
    def work(name: int) -> None:
        for number in range(5):
            index.add(document(f"{name}/{number}", f"refund {name} {number}"))
            index.search("refund", principal=ANN)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(index.documents()) == 20


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Refunds are given", "refund"),
        ("STRASSE und Größe", "straße"),
        ("Café crème", "cafe"),
        ("\uff32efund full width", "refund"),
        ("退款政策适用于所有订单", "退款"),
        ("東京都の天気予報", "天気"),
        ("นโยบายการคืนเงิน", "คืนเงิน"),
        ("سياسة الاسترداد", "الاسترداد"),
        ("वापसी नीति", "नीति"),
        ("order O-1234 was sent", "O-1234"),
        ("don't panic", "don't"),
    ],
)
def test_words_of_any_script_are_found(index: SqliteIndex, text: str, query: str):
    index.add(document("kb", text))
    index.add(document("other", "quite another thing"))
    assert found(index, query) == ["kb"]


def test_words_in_a_row_of_a_script_without_blanks_must_stand_in_a_row(index: SqliteIndex):
    index.add(document("kb", "款项退回"))
    assert found(index, "退款") == []


def test_the_query_language_of_the_file_has_no_power():
    assert match_of('NEAR("a" b, 2) OR -c*') == '"near" OR "a" OR "b" OR "2" OR "or" OR "c"'
    assert match_of('"""') == ""
    assert match_of("退款 x") == '"退 款" OR "x"'
    assert terms_of("Ab_c\ufb01") == "ab cfi"


def test_a_huge_query_is_cut(index: SqliteIndex):
    index.add(document("kb", "refund"))
    assert found(index, "refund " + " ".join(f"w{n}" for n in range(100_000))) == ["kb"]
    assert match_of(" ".join(f"w{n}" for n in range(1000))).count(" OR ") == 63


def test_what_ranks_better_comes_first(index: SqliteIndex):
    index.add(document("much", "refund refund refund policy"))
    index.add(document("little", "a long text about other things in which refund stands once " * 2))
    for number in range(20):
        index.add(document(f"filler/{number}", "nothing of the kind"))
    assert found(index, "refund policy") == ["much", "little"]


def test_a_limit_that_is_none_is_refused(index: SqliteIndex):
    for limit in (0, 101, True):
        with pytest.raises(BadValue, match="expected 1 to 100"):
            index.search("x", principal=ANN, limit=limit)


def test_another_mark_on_the_same_text_is_a_change(index: SqliteIndex):
    seen = Document(id="kb", parts=(Part(text="refund"),), access=PUBLIC)
    hidden = Document(id="kb", parts=(Part(text="refund", visibility=Visibility.HIDDEN, why="x"),), access=PUBLIC)
    assert seen.digest == hidden.digest
    index.add(seen)
    assert index.add(hidden)
    (told,) = index.search("refund", principal=ANN)
    assert told.visibility is Visibility.HIDDEN
