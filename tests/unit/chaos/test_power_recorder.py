"""The recorders: what they write down, replayed, gives the files that a program made; what they cannot see they say."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from chaos.power.disk import Disk, found_on, real_files
from chaos.power.facts import Fact, Told, facts_in
from chaos.power.recorder import FOLDER, LOG, Recorder, RecorderMissing, Recording, make_recorder
from chaos.power.trace import Kind, TraceUnusable, read_log

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="recording needs Linux")


@pytest.fixture
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    return make_recorder(tmp_path_factory.getbasetemp() / "recorder")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def record(recorder: Recorder, root: Path, program: str) -> Recording:
    head = f"import os, sys\nroot = {str(root)!r}\n"
    command = [sys.executable, "-c", head + textwrap.dedent(program)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = recorder.record(command, root=root, log=root.parent / "log", env=env, seconds=60)
    assert done.exit_code == 0, done.output
    return done


def assert_whole(root: Path, done: Recording, found: dict[str, tuple[int, bytes]] | None = None) -> None:
    disk = Disk(found)
    disk.replay(done.records)
    assert disk.files() == real_files(root)


SQLITE = """
    import sqlite3
    db = sqlite3.connect(root + "/a.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (a, b)")
    for number in range(30):
        db.execute("INSERT INTO t VALUES (?, ?)", (number, os.urandom(700)))
        if number % 10 == 9:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("DELETE FROM t WHERE a > 5")
    db.execute("VACUUM")
    os._exit(0)
"""

FILES = """
    with open(root + "/x.tmp", "wb") as file:
        file.write(b"hello" * 1000)
        file.seek(7)
        file.write(b"HELLO")
        file.flush()
        os.fsync(file.fileno())
    os.replace(root + "/x.tmp", root + "/x")
    os.mkdir(root + "/sub")
    os.link(root + "/x", root + "/y")
    inner = os.open(root + "/sub/z", os.O_RDWR | os.O_CREAT)
    again = os.dup(inner)
    os.pwrite(again, b"12345", 100)
    os.ftruncate(inner, 50)
    os.posix_fallocate(inner, 0, 200)
    os.write(again, b"begin")
    os.unlink(root + "/y")
    os.truncate(root + "/x", 9)
    log = os.open(root + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(20):
        os.write(log, b"%d\\n" % number)
    open(root + "/log2", "w").close()
    open(root + "/log2", "a").write("abc")
    open(root + "/log2", "w").write("d")
    folder = os.open(root, os.O_RDONLY)
    os.fsync(folder)
    os.mkdir(root + "/empty")
    os.rmdir(root + "/empty")
"""


@pytest.mark.parametrize("program", [SQLITE, FILES])
def test_what_was_recorded_gives_the_files_byte_for_byte(recorder: Recorder, root: Path, program: str):
    done = record(recorder, root, program)
    assert real_files(root), "the program made nothing"
    assert_whole(root, done)


def test_a_program_that_goes_on_with_files_is_recorded_from_there(recorder: Recorder, root: Path):
    (root / "sub").mkdir()
    (root / "sub/old").write_bytes(b"old content")
    found = found_on(root)
    done = record(
        recorder,
        root,
        """
        file = os.open(root + "/sub/old", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.write(file, b" and new")
        os.rename(root + "/sub/old", root + "/sub/new")
        """,
    )
    assert real_files(root) == {"sub/new": b"old content and new"}
    assert_whole(root, done, found)


def calls(done: Recording) -> list[tuple[str, str]]:
    return [(one.kind.name.lower(), one.path + (f" -> {one.second}" if one.second else "")) for one in done.records]


def test_each_call_is_recorded_once_and_in_order(recorder: Recorder, root: Path):
    # What bytes cannot show: a sync, and a change that a later one undoes.
    assert calls(record(recorder, root, FILES)) == [
        ("create", "x.tmp"),
        ("write", "x.tmp"),
        ("write", "x.tmp"),
        ("sync", "x.tmp"),
        ("rename", "x.tmp -> x"),
        ("mkdir", "sub"),
        ("link", "x -> y"),
        ("create", "sub/z"),
        ("write", "sub/z"),
        ("truncate", "sub/z"),
        ("allocate", "sub/z"),
        ("write", "sub/z"),
        ("unlink", "y"),
        ("truncate", "x"),
        ("create", "log"),
        *[("write", "log")] * 20,
        ("create", "log2"),
        ("write", "log2"),
        ("truncate", "log2"),
        ("write", "log2"),
        ("sync", ""),
        ("mkdir", "empty"),
        ("rmdir", "empty"),
    ]


COMMITS = """
    import sqlite3
    db = sqlite3.connect(root + "/a.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (a)")
    db.execute("PRAGMA synchronous = LEVEL")
    os.write(os.open(root + "/mark", os.O_WRONLY | os.O_CREAT), b"from here on")
    for number in range(5):
        db.execute("INSERT INTO t VALUES (?)", (number,))
    os._exit(0)
"""


BUSY = """
    import threading, time
    def fill(name):
        file = os.open(root + "/" + name, os.O_RDWR | os.O_CREAT)
        for at in range(0, 10**9, 1_000_000):
            os.pwrite(file, bytes(1_000_000), at)
    for name in ("a", "b", "c"):
        threading.Thread(target=fill, args=(name,), daemon=True).start()
    time.sleep(0.05)
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)"])
def test_a_process_that_ends_in_the_middle_of_its_calls_leaves_a_whole_log(recorder: Recorder, root: Path, end: str):
    for _ in range(3):
        assert_whole(root, record(recorder, root, f"{BUSY}    {end}\n"))
        shutil.rmtree(root)
        root.mkdir()
        (root.parent / "log").unlink()


@pytest.mark.parametrize(("level", "syncs"), [("OFF", 0), ("FULL", 5)])
def test_every_commit_that_sqlite_syncs_is_seen_to_be_synced(recorder: Recorder, root: Path, level: str, syncs: int):
    done = record(recorder, root, COMMITS.replace("LEVEL", level))
    begin = next(at for at, one in enumerate(done.records) if one.kind is Kind.WRITE and one.path == "mark")
    assert sum(one.kind is Kind.SYNC and one.path == "a.db-wal" for one in done.records[begin:]) == syncs


def test_a_sync_counts_what_came_before_it_and_not_what_came_while_it_ran(recorder: Recorder, root: Path):
    done = record(
        recorder,
        root,
        """
        file = os.open(root + "/x", os.O_RDWR | os.O_CREAT)
        os.write(file, b"1")
        os.fsync(file)
        os.write(file, b"2")
        """,
    )
    first, sync, second = (one for one in done.records if one.kind in {Kind.WRITE, Kind.SYNC})
    assert first.end <= sync.a < second.end


def test_threads_and_processes_that_append_are_recorded_in_the_order_of_the_file(recorder: Recorder, root: Path):
    done = record(
        recorder,
        root,
        """
        import threading

        def append(name):
            file = os.open(root + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for number in range(100):
                os.write(file, b"%d-%d\\n" % (name, number))

        child = os.fork()
        threads = [threading.Thread(target=append, args=(n + 10 * bool(child),)) for n in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        if child:
            os.waitpid(child, 0)
        """,
    )
    assert (root / "log").read_bytes().count(b"\n") == 800
    assert len({one.pid for one in done.records if one.kind is Kind.WRITE}) == 2
    assert_whole(root, done)


def test_a_program_that_another_program_starts_is_recorded_too(recorder: Recorder, root: Path):
    done = record(
        recorder,
        root,
        """
        import subprocess
        subprocess.run([sys.executable, "-c", f"open({root + '/x'!r}, 'w').write('child')"], check=True)
        """,
    )
    assert real_files(root) == {"x": b"child"}
    assert_whole(root, done)


def test_what_is_done_elsewhere_is_not_recorded(recorder: Recorder, root: Path):
    done = record(recorder, root, """open(root + "/../beside", "w").write("x"); open(root + "x", "w").write("x")""")
    assert done.records == []


def test_a_fact_stands_behind_all_that_promised_it(recorder: Recorder, root: Path):
    done = record(
        recorder,
        root,
        """
        from chaos.power.facts import Fact, Told
        from chaos.power.trace import tell
        log = os.open(os.environ["CHAOS_POWER_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        file = os.open(root + "/x", os.O_RDWR | os.O_CREAT)
        os.write(file, b"1")
        os.fsync(file)
        tell(log, Fact(kind=Told.PAID, subject="k", detail="O-1").text())
        os.write(file, b"2")
        """,
    )
    assert [one.kind for one in done.records] == [Kind.CREATE, Kind.WRITE, Kind.SYNC, Kind.TOLD, Kind.WRITE]
    assert facts_in(done.records) == (Fact(kind=Told.PAID, subject="k", detail="O-1"),)


@pytest.mark.parametrize(
    ("call", "program"),
    [
        (
            "copy_file_range|sendfile",
            """
            open(root + "/../from", "wb").write(b"x" * 100)
            a, b = os.open(root + "/../from", os.O_RDONLY), os.open(root + "/x", os.O_WRONLY | os.O_CREAT)
            os.sendfile(b, a, 0, 100)
            """,
        ),
        ("symlink", """os.symlink("/nowhere", root + "/x")"""),
        ("border", """open(root + "/x", "w"); os.rename(root + "/x", root + "/../x")"""),
    ],
)
def test_a_change_that_cannot_be_recorded_makes_the_log_unusable(recorder: Recorder, root: Path, call, program):
    with pytest.raises(TraceUnusable, match=call):
        record(recorder, root, program)


def test_a_store_through_a_shared_map_is_seen_by_comparing(recorder: Recorder, root: Path):
    done = record(
        recorder,
        root,
        """
        import mmap
        file = os.open(root + "/x", os.O_RDWR | os.O_CREAT)
        os.ftruncate(file, 100)
        mmap.mmap(file, 100)[:5] = b"12345"
        """,
    )
    disk = Disk()
    disk.replay(done.records)
    assert disk.files() != real_files(root)


def test_a_failed_call_is_not_recorded(recorder: Recorder, root: Path):
    done = record(
        recorder,
        root,
        """
        for call in (lambda: os.unlink(root + "/nobody"), lambda: os.rename(root + "/nobody", root + "/x")):
            try:
                call()
            except FileNotFoundError:
                pass
        """,
    )
    assert done.records == []


def test_a_log_that_was_cut_is_refused(recorder: Recorder, root: Path):
    record(recorder, root, FILES)
    log = root.parent / "log"
    log.write_bytes(log.read_bytes()[:-3])
    with pytest.raises(TraceUnusable, match="cut"):
        read_log(log, root=root)


def test_a_fact_that_is_none_is_refused():
    with pytest.raises(TraceUnusable, match="no fact"):
        Fact.parse('["nonsense", "a", "b"]')


def test_without_a_compiler_it_is_said_what_installs_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecorderMissing, match=r"tools/bootstrap\.py compiler"):
        make_recorder(tmp_path)


def test_the_library_is_compiled_once_for_each_source(recorder: Recorder, tmp_path: Path):
    made = make_recorder(tmp_path)
    stamp = made.library.stat().st_mtime_ns
    again = make_recorder(tmp_path)
    assert (again.library, again.library.stat().st_mtime_ns) == (made.library, stamp)


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_compiler_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    script(tmp_path / "cc", "echo no libc here >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecorderMissing, match="cc: no libc here"):
        make_recorder(tmp_path / "build")


def test_where_one_compiler_fails_the_next_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    script(tmp_path / "cc", "exit 1")
    script(tmp_path / "gcc", 'while [ "$1" != -o ]; do shift; done; echo made > "$2"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make_recorder(tmp_path / "build").library.read_text() == "made\n"


def test_the_library_says_so_when_its_log_cannot_be_written(recorder: Recorder, root: Path):
    env = {**os.environ, "LD_PRELOAD": str(recorder.library), FOLDER: str(root), LOG: str(root / "no/folder/log")}
    done = subprocess.run([sys.executable, "-c", ""], env=env, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "recorder:" in done.stderr
