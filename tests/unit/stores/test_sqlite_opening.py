import sqlite3
import threading

import pytest

from dueprocess.errors import StoreUnavailable
from dueprocess.stores.sqlite.file import prepare


def test_a_file_that_another_process_is_still_making_is_waited_for(tmp_path):
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.1, other.execute, ["COMMIT"])
    release.start()
    prepare(path)
    release.join()
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_several_threads_may_make_one_file_at_once(tmp_path):
    failures: list[StoreUnavailable] = []

    def make(at: int, start: threading.Barrier) -> None:
        start.wait()
        try:
            prepare(tmp_path / f"ledger-{at}.db")
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


def test_an_sqlite_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreUnavailable, match="of another program"):
        prepare(path)
