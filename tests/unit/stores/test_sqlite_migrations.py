"""A ledger file of an earlier version is brought to this one when it is opened, with all that was in force."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from dueprocess.runtime.tables import POLICIES, RELEASES, RUNS, STOPS, WAITS, StopRow, WaitRow
from dueprocess.stores.journal import MemoryKeys
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.testing.workbench import signing_key

FIRST = files("dueprocess.stores.sqlite") / "migrations" / "0001_ledger.sql"
RUN = "INSERT INTO runs VALUES (?, 'acme', 'a', 'r', 'p', 'q', '', ?, 0, 9, ?, 1, 0, 1, 1)"


def test_i8_what_was_in_force_in_a_store_of_the_first_version_is_in_force_for_its_tenant(tmp_path: Path):
    path = tmp_path / "ledger.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(FIRST.read_text("utf-8"))
    old.execute("PRAGMA user_version = 1")
    old.execute(f"PRAGMA application_id = {0x64756531}")
    old.execute(RUN, ("s_acme", "system", ""))
    old.execute(RUN, ("r_1", "other_action", "a_1"))
    old.execute("INSERT INTO stops VALUES ('tool:pay', 'user:ops', 7)")
    old.execute("INSERT INTO policies VALUES ('a', 'd', 'user:fin', 3, 8)")
    old.execute("INSERT INTO releases VALUES ('d', 'a', 4)")
    old.close()
    store = SqliteStore(path, keys=MemoryKeys(), signing_key=signing_key(), origin="tests")
    try:
        assert store.read(lambda tx: tx.find(STOPS)) == [StopRow(tenant="acme", target="tool:pay", by="user:ops", at=7)]
        policy = store.read(lambda tx: tx.get(POLICIES, "acme", "a"))
        assert (policy.digest, policy.author, policy.seq) == ("d", "user:fin", 3)
        assert store.read(lambda tx: tx.get(RELEASES, "acme", "d")).seq == 4
        assert store.read(lambda tx: tx.find(WAITS)) == [WaitRow(action="a_1", run="r_1")]
        assert store.read(lambda tx: tx.get(RUNS, "r_1")).waits_for == "a_1"
    finally:
        store.close()
