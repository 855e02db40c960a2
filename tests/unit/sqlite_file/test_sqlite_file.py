"""A SQLite file of ours, whichever of ours it is: made by whoever comes first, told apart, its connections lent to one at a time."""

import sqlite3
import threading
from pathlib import Path

import pytest

from dueprocess.errors import StoreUnavailable
from dueprocess.retrievers.sqlite.index import INDEX
from dueprocess.sqlite_file import Kind, SqliteFile
from dueprocess.stores.sqlite.store import LEDGER

OURS = pytest.mark.parametrize("kind", [LEDGER, INDEX], ids=["ledger", "index"])


@OURS
def test_a_file_that_another_process_is_still_making_is_waited_for(kind: Kind, tmp_path: Path):
    path = tmp_path / "ours.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.1, other.execute, ["COMMIT"])
    release.start()
    SqliteFile(path, kind=kind).close()
    release.join()
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_several_threads_may_make_one_file_at_once(tmp_path: Path):
    failures: list[StoreUnavailable] = []

    def make(at: int, start: threading.Barrier) -> None:
        start.wait()
        try:
            SqliteFile(tmp_path / f"ledger-{at}.db", kind=LEDGER).close()
        except StoreUnavailable as error:
            failures.append(error)

    for at in range(10):
        start = threading.Barrier(4)
        makers = [threading.Thread(target=make, args=(at, start)) for _ in range(4)]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
    assert failures == []


@OURS
def test_i2_a_file_of_another_program_is_refused_and_left_as_it_is(kind: Kind, tmp_path: Path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    expected = f"of another program; expected {kind.article} {kind.name} or a new file"
    with pytest.raises(StoreUnavailable, match=expected):
        SqliteFile(path, kind=kind)
    assert path.read_bytes() == before


def test_i2_a_file_of_one_kind_is_not_taken_for_one_of_another(tmp_path: Path):
    SqliteFile(tmp_path / "ours.db", kind=INDEX).close()
    before = (tmp_path / "ours.db").read_bytes()
    with pytest.raises(StoreUnavailable, match="expected a ledger or a new file"):
        SqliteFile(tmp_path / "ours.db", kind=LEDGER)
    assert (tmp_path / "ours.db").read_bytes() == before


@OURS
@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at " * 50, b"SQLite format 3\x00" + b"\xff" * 200]
)
def test_i2_a_file_that_is_no_database_is_refused_and_left_as_it_is(content: bytes, kind: Kind, tmp_path: Path):
    path = tmp_path / "ours.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=rf"ours\.db: .*; expected a readable and writable {kind.name} file"):
        SqliteFile(path, kind=kind)
    assert path.read_bytes() == content


@OURS
def test_i2_a_file_of_a_later_version_is_refused(kind: Kind, tmp_path: Path):
    path = tmp_path / "ours.db"
    SqliteFile(path, kind=kind).close()
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(StoreUnavailable, match=r"is of version 99; this program knows up to \d: update it"):
        SqliteFile(path, kind=kind)


@OURS
def test_i2_a_folder_in_place_of_the_file_and_a_file_in_place_of_the_folder_are_refused(kind: Kind, tmp_path: Path):
    (tmp_path / "ours.db").mkdir()
    with pytest.raises(StoreUnavailable, match=rf"ours\.db: .*; expected a readable and writable {kind.name} file"):
        SqliteFile(tmp_path / "ours.db", kind=kind)
    (tmp_path / "file").write_text("x")
    for folder in ("file", "nowhere"):
        with pytest.raises(StoreUnavailable, match="is not a folder"):
            SqliteFile(tmp_path / folder / "ours.db", kind=kind)


@OURS
def test_a_file_is_for_its_owner_only(kind: Kind, tmp_path: Path):
    file = SqliteFile(tmp_path / "ours.db", kind=kind)
    with file.lent() as connection:
        connection.execute("BEGIN IMMEDIATE")
        found = sorted(path.name for path in tmp_path.iterdir())
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        connection.execute("ROLLBACK")
    assert (found, modes) == (["ours.db", "ours.db-shm", "ours.db-wal"], {0o600})
    file.close()


@OURS
def test_i3_every_connection_syncs_what_it_commits_and_wipes_what_it_deletes(kind: Kind, tmp_path: Path):
    file = SqliteFile(tmp_path / "ours.db", kind=kind)
    own = file.connect()
    with file.lent() as lent, file.reading() as reading:
        for connection in (own, lent, reading):
            told = [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "secure_delete")
            ]
            assert told == ["wal", 2, 1]
    own.close()
    file.close()


def test_migrations_are_applied_all_or_none_and_each_of_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    scripts = tmp_path / "things_of_a_test" / "migrations"
    scripts.mkdir(parents=True)
    (scripts.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    kind = Kind(article="a", name="thing", application_id=b"duet", package="things_of_a_test")
    path = tmp_path / "ours.db"

    (scripts / "0001_one.sql").write_text("CREATE TABLE one (x);\nINSERT INTO one\n  VALUES (1);\n")
    (scripts / "0002_two.sql").write_text("CREATE TABLE two (x);\nCREATE TABLE one (x);\n")
    with pytest.raises(StoreUnavailable, match="already exists; expected a readable and writable thing file"):
        SqliteFile(path, kind=kind)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    database.close()

    (scripts / "0002_two.sql").unlink()
    SqliteFile(path, kind=kind).close()
    (scripts / "0002_two.sql").write_text("CREATE TABLE two (x);\nINSERT INTO two SELECT x + 1 FROM one;\n")
    SqliteFile(path, kind=kind).close()
    file = SqliteFile(path, kind=kind)
    with file.reading() as connection:
        assert connection.execute("SELECT x FROM one UNION ALL SELECT x FROM two").fetchall() == [(1,), (2,)]
    file.close()


def test_a_connection_is_lent_to_one_at_a_time_and_then_to_the_next(tmp_path: Path):
    file = SqliteFile(tmp_path / "ours.db", kind=LEDGER)
    with file.lent() as one, file.lent() as other:
        assert one is not other
    with file.lent() as again, file.lent() as and_again:
        assert {again, and_again} == {one, other}
    file.close()


def test_what_is_read_together_is_of_one_moment_and_ends_also_when_it_fails(tmp_path: Path):
    file = SqliteFile(tmp_path / "ours.db", kind=LEDGER)
    count, stop = "SELECT count(*) FROM stops", "INSERT INTO stops VALUES ('acme', ?, 'user:ops', 7)"
    with file.reading() as reader:
        assert reader.execute(count).fetchone() == (0,)
        with file.lent() as writer:
            writer.execute(stop, ("tool:pay",))
        assert reader.execute(count).fetchone() == (0,)
    with pytest.raises(LookupError), file.reading() as reader:
        raise LookupError
    assert reader.in_transaction is False
    with file.reading() as reader:
        assert reader.execute(count).fetchone() == (1,)
    file.close()


def test_i2_an_error_of_sqlite_is_one_of_ours_and_the_connection_is_lent_again(tmp_path: Path):
    file = SqliteFile(tmp_path / "ours.db", kind=LEDGER)
    expected = "no such table: unknown; expected a readable and writable ledger file"
    with pytest.raises(StoreUnavailable, match=expected), file.lent() as failed:
        failed.execute("SELECT * FROM unknown")
    with file.lent() as again:
        assert again is failed
    file.close()


def test_a_closed_file_lends_nothing_and_closes_what_comes_back(tmp_path: Path):
    file = SqliteFile(tmp_path / "ours.db", kind=LEDGER)
    with file.lent() as lent:
        file.close()
        assert lent.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        lent.execute("SELECT 1")
    with pytest.raises(StoreUnavailable, match=r"ours\.db is closed; open it again"), file.lent():
        pass
    with pytest.raises(StoreUnavailable, match="is closed; open it again"):
        file.require_open()
