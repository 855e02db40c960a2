"""The SQLite file under everything that happens to files: another program's, a later version's, full, damaged, shared."""

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.unit.runtime.shop import POLICY, Shop

from dueprocess.errors import BackendError, CommitLost
from dueprocess.ledger import leaf_hash, root_of
from dueprocess.runtime.tables import GAUGES, GaugeRow
from dueprocess.sqlite_file import SqliteFile
from dueprocess.stores.journal import MemoryKeys
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.stores.sqlite.store import LEDGER
from dueprocess.stores.sqlite.writer import Writer
from dueprocess.testing.store_bench import draft, run_named
from dueprocess.testing.workbench import Line, Workbench, signing_key

ROOT = Path(__file__).parents[3]
SCRIPT = [Line(calls=(("pay", {"order_id": "A", "amount_usd": "20"}),)), Line(text="done")]


def opened(path: Path, keys: MemoryKeys | None = None) -> SqliteStore:
    return SqliteStore(path, keys=keys or MemoryKeys(), signing_key=signing_key(), origin="tests")


def filled(path: Path, *, events: int = 200) -> MemoryKeys:
    keys = MemoryKeys()
    store = opened(path, keys)
    store.open_run(run_named(1))
    for number in range(events):
        store.write(lambda tx, number=number: tx.append(draft(run_named(1), text=f"event {number}" * 9)), sync=False)
    store.close()
    return keys


def damaged(path: Path, table: str) -> None:
    """Overwrites the pages of one table."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = database.execute("PRAGMA page_size").fetchone()[0]
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    database.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xde" * size)


def test_i2_a_damaged_page_is_an_error_of_ours_and_nothing_is_dispatched(tmp_path: Path):
    path, shop = tmp_path / "ledger.db", Shop()
    keys = filled(path)
    damaged(path, "events")
    store = opened(path, keys)
    with pytest.raises(BackendError):
        store.read(lambda tx: tx.events(run_named(1)))
    with pytest.raises(BackendError):
        list(store.lines())
    with pytest.raises(BackendError):
        store.write(lambda tx: tx.append(draft(run_named(1))))
    store.close()
    store = opened(path, keys)
    with pytest.raises(BackendError):
        Workbench(tools=shop.tools(), policy=POLICY, script=SCRIPT, store=store)
    assert shop.paid == []
    store.close()


def test_i2_a_line_that_was_changed_does_not_decode_to_anything(tmp_path: Path):
    path = tmp_path / "ledger.db"
    keys = filled(path, events=2)
    with sqlite3.connect(path) as database:
        (line,) = database.execute("SELECT line FROM events WHERE leaf = 1").fetchone()
        database.execute("UPDATE events SET line = ? WHERE leaf = 1", (line.replace(b'"seq":2', b'"seq":3'),))
    database.close()
    store = opened(path, keys)
    with pytest.raises(BackendError):
        store.read(lambda tx: tx.events(run_named(1)))
    checkpoint, _ = store.checkpoint()
    assert root_of([leaf_hash(line) for line in store.lines()]) != checkpoint.root
    store.close()


def test_i9_a_deleted_wal_cannot_be_missed_by_whoever_kept_a_checkpoint(tmp_path: Path):
    path = tmp_path / "ledger.db"
    keys = MemoryKeys()
    store = opened(path, keys)
    store.open_run(run_named(1))
    for _ in range(20):
        store.write(lambda tx: tx.append(draft(run_named(1))))
    kept, _ = store.checkpoint()
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())  # the file as it is without its WAL
    store.close()
    again = opened(copy, keys)
    assert again.checkpoint()[0].size < kept.size
    again.close()


def test_i3_a_failed_commit_makes_every_member_unknown_and_the_next_one_goes_through(tmp_path: Path):
    """Another connection's trigger makes COMMIT itself fail: a deferred constraint."""
    path = tmp_path / "ledger.db"
    filled(path, events=1)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        database.execute("CREATE TABLE children (id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")
        database.execute(
            "CREATE TRIGGER fails AFTER INSERT ON gauges WHEN NEW.key = 'poison' "
            "BEGIN INSERT INTO children VALUES (7); END"
        )
    database.close()
    writer = Writer(SqliteFile(path, kind=LEDGER), keys=MemoryKeys(), signing_key=signing_key(), origin="tests")
    writer._connection.execute("PRAGMA foreign_keys = ON")
    entered, go_on = threading.Event(), threading.Event()
    ends: dict[str, object] = {}

    def put(key: str) -> None:
        def unit(tx: object) -> str:
            if key == "first":
                entered.set()
                go_on.wait(10)
            tx.put(GAUGES, GaugeRow(key=key, spent=1, reserved=0))
            return key

        try:
            ends[key] = writer.write(unit, sync=True)
        except CommitLost as error:
            ends[key] = error

    threads = {key: threading.Thread(target=put, args=(key,)) for key in ("first", "poison", "bystander")}
    threads["first"].start()
    assert entered.wait(10)
    for key in ("poison", "bystander"):
        threads[key].start()
    while writer._queue.qsize() < 2:
        threading.Event().wait(0.001)
    go_on.set()
    for thread in threads.values():
        thread.join()
    assert ends["first"] == "first"
    assert {type(ends[key]) for key in ("poison", "bystander")} == {CommitLost}
    put("after")
    assert ends["after"] == "after"
    writer.close()
    store = opened(path)
    assert [row.key for row in store.read(lambda tx: tx.find(GAUGES))] == ["after", "first"]
    store.close()


FULL = """
import json, resource, signal, sys
from pathlib import Path
from tests.unit.runtime.shop import POLICY, Shop
from dueprocess.errors import BackendError
from dueprocess.runtime.tables import ACTIONS
from dueprocess.stores.journal import MemoryKeys
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.testing.workbench import Line, Workbench, signing_key

how, free = sys.argv[2], resource.RLIM_INFINITY
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
script = [Line(calls=(("pay", {"order_id": "A" * 900, "amount_usd": "20"}),))] * 7 + [Line(text="done")]


def limit(store, path, pages):
    if how == "pages":
        connection = store._writer._connection
        now = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {1000000 if pages is None else now + pages}")
    else:
        size = Path(f"{path}-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (free if pages is None else size + pages * 4096, free))


def tried(pages):
    path = Path(sys.argv[1]) / f"ledger-{pages}.db"
    store, shop = SqliteStore(path, keys=MemoryKeys(), signing_key=signing_key(), origin="tests"), Shop()
    bench = Workbench(tools=shop.tools(), policy=POLICY, script=script, store=store)
    told = ""
    limit(store, path, pages)
    try:
        bench.submit("task")
        bench.work()
    except BackendError as error:
        told = type(error).__name__
    limit(store, path, None)
    paid, dispatched = len(shop.paid), len(store.read(lambda tx: tx.find(ACTIONS)))
    bench.clock.advance(seconds=60)
    run = bench.submit("task")
    bench.work()
    bench.advance(5)
    ended = bench.status(run).value
    bench.close()
    store.close()
    keys = len({key for key, _, _ in shop.paid})
    return {"told": told, "paid": paid, "dispatched": dispatched, "ended": ended, "total": len(shop.paid), "keys": keys}


print(json.dumps([tried(int(pages)) for pages in sys.argv[3:]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "steps"), [("pages", "0 1 2 4 8"), ("file", "1 6 12 30 60")])
def test_i2_a_full_disk_stops_the_run_before_it_acts_and_it_goes_on_when_there_is_room(
    how: str, steps: str, tmp_path: Path
):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), how, *steps.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for each in told:
        # What was paid had its intent on disk before, and nothing was paid twice.
        assert each["paid"] <= each["dispatched"]
        assert each["total"] == each["keys"]
        assert each["ended"] in {"finished", "handed_off"}
    assert sum(each["told"] in {"StoreUnavailable", "CommitLost"} for each in told) >= 2


OTHER = """
import sys
from pathlib import Path
from dueprocess.runtime.tables import GAUGES, GaugeRow
from dueprocess.stores.kek import KekText
from dueprocess.stores.keyfile import KeyFile
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.testing.store_bench import draft, run_named
from dueprocess.testing.workbench import signing_key

folder, name = Path(sys.argv[1]), sys.argv[2]
keys = KeyFile.open(folder / "keys.due", KekText(text="A" * 43 + "=", name="tests").load())
store = SqliteStore(folder / "ledger.db", keys=keys, signing_key=signing_key(), origin="tests")
store.open_run(run_named(1))
def add(tx):
    tx.append(draft(run_named(1), text=name))
    row = tx.get(GAUGES, "both") or GaugeRow(key="both", spent=0, reserved=0)
    tx.put(GAUGES, GaugeRow(key="both", spent=row.spent + 1, reserved=0))
for _ in range(40):
    store.write(add)
store.close()
"""


@pytest.mark.slow
def test_two_processes_write_one_log_and_none_of_it_is_lost(tmp_path: Path):
    running = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER, str(tmp_path), name], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for name in ("one", "two", "three")
    ]
    errors = [process.communicate(timeout=100)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    store = opened(tmp_path / "ledger.db")
    both = store.read(lambda tx: tx.get(GAUGES, "both"))
    lines = list(store.lines())
    checkpoint, _ = store.checkpoint()
    assert (both.spent, len(lines), checkpoint.size) == (120, 120, 120)
    assert checkpoint.root == root_of([leaf_hash(line) for line in lines])
    store.close()
