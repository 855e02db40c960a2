"""The key file: one key per run, durable before it is used, gone for good when it is erased."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dueprocess.errors import BadValue, CallerError, NotFound, RecordInvalid, StoreUnavailable
from dueprocess.ledger.seal import Erased, Missing, RunKey, SealBroken
from dueprocess.stores.kek import Kek
from dueprocess.stores.keyfile import SLOT_BYTES, KeyFile, KeyFileInvalid, WrongKek

KEK = Kek(secret=b"k" * 32)
RUNS = ["run_a", "run_b", "run_c"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def opened(path: Path) -> KeyFile:
    return KeyFile.open(path, KEK)


def test_a_key_that_was_made_is_found_again_by_every_other_opening(path: Path):
    made = opened(path).create(RUNS)
    again = opened(path)
    assert [again.get(run) for run in RUNS] == [made[run] for run in RUNS]
    assert len({key.secret for key in made.values() if isinstance(key, RunKey)}) == 3


def test_an_open_file_sees_what_another_opening_made_and_erased_since(path: Path):
    first, second = opened(path), opened(path)
    assert first.get("run_a") == Missing(run="run_a")
    made = second.create(["run_a"])
    assert first.get("run_a") == made["run_a"]
    second.erase("run_a")
    assert first.get("run_a") == Erased(run="run_a")


def test_a_run_without_a_key_is_missing_and_not_erased(path: Path):
    assert opened(path).get("run_x") == Missing(run="run_x")


def test_making_a_key_again_gives_the_same_one(path: Path):
    keys = opened(path)
    made = keys.create(["run_a", "run_a"])
    assert keys.create(["run_a"]) == made
    assert opened(path).create(["run_a", "run_b"])["run_a"] == made["run_a"]
    assert path.stat().st_size == 3 * SLOT_BYTES


def test_an_erased_key_stays_erased_for_everybody(path: Path):
    keys = opened(path)
    made = keys.create(RUNS)
    keys.erase("run_b")
    for each in (keys, opened(path)):
        assert each.get("run_b") == Erased(run="run_b")
        assert each.create(["run_b"]) == {"run_b": Erased(run="run_b")}
        assert each.get("run_a") == made["run_a"]
        assert each.get("run_c") == made["run_c"]


def test_erasing_leaves_nothing_of_the_wrapped_key(path: Path):
    keys = opened(path)
    keys.create(RUNS)
    before = path.read_bytes()
    keys.erase("run_b")
    slot = path.read_bytes()[2 * SLOT_BYTES : 3 * SLOT_BYTES]
    assert slot[48:120] == bytes(72)
    assert before[2 * SLOT_BYTES + 48 : 2 * SLOT_BYTES + 108] not in path.read_bytes()


def test_erasing_again_is_no_change(path: Path):
    keys = opened(path)
    keys.create(RUNS)
    keys.erase("run_b")
    once = path.read_bytes()
    keys.erase("run_b")
    opened(path).erase("run_b")
    assert path.read_bytes() == once


def test_the_memory_holds_few_keys_and_no_erased_one(path: Path):
    keys = opened(path)
    runs = [f"run_{number}" for number in range(1100)]
    made = keys.create(runs)
    assert {run: keys.get(run) for run in runs} == made
    assert 0 < len(keys._unwrapped) <= 1024
    assert keys.get(runs[-1]) is keys.get(runs[-1]), "the same slot was unwrapped again"
    kept = len(keys._unwrapped)
    keys.erase(runs[-1])
    assert len(keys._unwrapped) == kept - 1


def test_a_run_that_stands_twice_in_the_file_is_erased_in_both_places(path: Path):
    # No writer makes such a file, but two that were put together might be one.
    made = opened(path).create(["run_a"])
    path.write_bytes(path.read_bytes() + path.read_bytes()[SLOT_BYTES:])
    keys = opened(path)
    assert keys.get("run_a") == made["run_a"]
    keys.erase("run_a")
    assert path.read_bytes().count(b"erased!\n") == 2
    assert opened(path).get("run_a") == keys.get("run_a") == Erased(run="run_a")


def test_a_run_that_never_had_a_key_cannot_be_erased(path: Path):
    with pytest.raises(NotFound, match="run_x"):
        opened(path).erase("run_x")


def test_neither_keys_nor_names_of_runs_stand_in_the_file(path: Path):
    made = opened(path).create(["user:ann"])
    key = made["user:ann"]
    assert isinstance(key, RunKey)
    content = path.read_bytes()
    assert key.secret not in content
    assert b"ann" not in content
    assert KEK.secret not in content


def test_only_the_owner_may_read_the_file(path: Path):
    opened(path)
    assert path.stat().st_mode & 0o077 == 0


def test_a_key_works_and_shows_nothing_of_itself(path: Path):
    key = opened(path).create(["run_a"])["run_a"]
    assert isinstance(key, RunKey)
    sealed = key.seal(b"body", nonce=bytes(12), run="run_a", seq=1, kind="a.b")
    again = opened(path).get("run_a")
    assert isinstance(again, RunKey)
    assert again.unseal(sealed, run="run_a", seq=1, kind="a.b") == b"body"
    assert repr(key.secret)[2:-1] not in repr(opened(path))


def test_the_wrong_key_encryption_key_is_told_at_once_even_by_an_empty_file(path: Path):
    opened(path)
    with pytest.raises(WrongKek, match="another key-encryption key") as caught:
        KeyFile.open(path, Kek(secret=b"l" * 32))
    assert isinstance(caught.value, CallerError)


def test_another_version_of_the_key_encryption_key_is_told_by_its_number(path: Path):
    opened(path).create(["run_a"])
    other = KeyFile.open(path, Kek(secret=KEK.secret, version=2))
    with pytest.raises(WrongKek, match="version 1 of the key-encryption key: got version 2"):
        other.get("run_a")


def test_a_key_moved_to_another_run_does_not_open(path: Path):
    opened(path).create(["run_a", "run_b"])
    content = bytearray(path.read_bytes())
    one, two = slice(SLOT_BYTES + 48, SLOT_BYTES + 108), slice(2 * SLOT_BYTES + 48, 2 * SLOT_BYTES + 108)
    content[one] = content[two]
    path.write_bytes(with_checksum(content, SLOT_BYTES))
    with pytest.raises(SealBroken, match="run_a"):
        opened(path).get("run_a")


def with_checksum(content: bytearray, at: int) -> bytes:
    from hashlib import sha256

    content[at + 108 : at + 120] = sha256(content[at : at + 108]).digest()[:12]
    return bytes(content)


def test_a_slot_of_other_making_is_no_slot(path: Path):
    from hashlib import sha256

    opened(path).create(["run_a"])
    content = bytearray(path.read_bytes())
    content[SLOT_BYTES : SLOT_BYTES + 4] = b"SLOT"
    content[SLOT_BYTES + 40 : SLOT_BYTES + 48] = sha256(content[SLOT_BYTES : SLOT_BYTES + 40]).digest()[:8]
    path.write_bytes(with_checksum(content, SLOT_BYTES))
    assert opened(path).get("run_a") == Missing(run="run_a")


@pytest.mark.parametrize("content", [b"", b"x", b"dueprocess keys\n", bytes(SLOT_BYTES), b"{}" * 1000])
def test_what_is_no_key_file_is_refused_and_left_alone(path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(KeyFileInvalid, match="not a key file") as caught:
        opened(path)
    assert isinstance(caught.value, RecordInvalid)
    assert path.read_bytes() == content


def test_a_file_of_another_form_is_refused(path: Path):
    from hashlib import sha256

    opened(path)
    content = bytearray(path.read_bytes())
    content[19] = 2
    content[112:128] = sha256(content[:112]).digest()[:16]
    path.write_bytes(bytes(content))
    with pytest.raises(KeyFileInvalid, match="form 2 with slots of 128"):
        opened(path)


def test_a_changed_byte_of_a_slot_never_gives_another_key(path: Path):
    made = opened(path).create(RUNS)
    content = path.read_bytes()
    for at in range(2 * SLOT_BYTES, 3 * SLOT_BYTES):
        bent = bytearray(content)
        bent[at] ^= 1
        path.write_bytes(bytes(bent))
        keys = opened(path)
        # The eight bytes of the mark are zeros while the key lives; any other value means that erasing had begun.
        expected = Erased(run="run_b") if at >= 2 * SLOT_BYTES + 120 else Missing(run="run_b")
        assert keys.get("run_b") == expected
        assert (keys.get("run_a"), keys.get("run_c")) == (made["run_a"], made["run_c"])


def test_a_slot_damaged_while_the_file_is_open_is_told(path: Path):
    keys = opened(path)
    keys.create(RUNS)
    content = bytearray(path.read_bytes())
    content[SLOT_BYTES + 60] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(KeyFileInvalid, match=f"slot of run 'run_a' at byte {SLOT_BYTES}"):
        keys.get("run_a")
    assert isinstance(keys.get("run_b"), RunKey)


def test_a_file_that_goes_away_is_told_and_not_made_anew(path: Path):
    keys = opened(path)
    keys.create(["run_a"])
    path.unlink()
    for act in (lambda: keys.get("run_a"), lambda: keys.create(["run_b"]), lambda: keys.erase("run_a")):
        with pytest.raises(StoreUnavailable, match="No such file"):
            act()
    assert not path.exists()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(StoreUnavailable, match="No such file"):
        opened(tmp_path / "none" / "keys")


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path):
    with pytest.raises(StoreUnavailable, match="directory"):
        opened(tmp_path)


def test_keys_can_be_read_where_nothing_can_be_written(path: Path, monkeypatch: pytest.MonkeyPatch):
    made = opened(path).create(["run_a"])
    open_there = os.open

    def read_only(name: Path, flags: int, mode: int = 0o777) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(30, "Read-only file system", str(name))
        return open_there(name, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    keys = opened(path)
    assert keys.get("run_a") == made["run_a"]
    for act in (lambda: keys.create(["run_b"]), lambda: keys.erase("run_a")):
        with pytest.raises(StoreUnavailable, match="Read-only"):
            act()


def test_a_full_disk_hands_out_no_key_and_the_next_try_does(path: Path, monkeypatch: pytest.MonkeyPatch):
    keys = opened(path)
    made = keys.create(["run_a"])
    write = os.pwrite

    def full(descriptor: int, content: bytes, offset: int) -> int:
        if offset >= 3 * SLOT_BYTES:
            raise OSError(28, "No space left on device")
        return write(descriptor, content, offset)

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            keys.create(["run_b", "run_c"])
    later = keys.create(["run_a", "run_b", "run_c"])
    assert later["run_a"] == made["run_a"]
    assert opened(path).create(RUNS) == later


def test_a_disk_that_takes_a_part_at_a_time_gets_all_of_it(path: Path, monkeypatch: pytest.MonkeyPatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, content, offset: write(descriptor, content[:7], offset))
    made = opened(path).create(RUNS)
    assert opened(path).create(RUNS) == made


def test_many_threads_on_one_file_make_one_key_a_run(path: Path):
    keys = opened(path)
    made: list[object] = []
    start = threading.Barrier(6)

    def make() -> None:
        start.wait()
        made.extend(keys.create([f"run_{number}"])[f"run_{number}"] for number in range(5))

    threads = [threading.Thread(target=make) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(made) == 30
    assert len({key.secret for key in made if isinstance(key, RunKey)}) == 5
    assert path.stat().st_size == 6 * SLOT_BYTES


def _make_keys(place: str, number: int) -> dict[str, str]:
    keys = KeyFile.open(Path(place), KEK)
    shown: dict[str, str] = {}
    for run in [f"shared_{each}" for each in range(8)] + [f"own_{number}_{each}" for each in range(4)]:
        key = keys.create([run])[run]
        assert isinstance(key, RunKey)
        shown[run] = key.keyed_digest(label="test", data=b"")
    return shown


@pytest.mark.slow
def test_several_processes_on_one_new_file_make_one_key_a_run(path: Path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answers = pool.starmap(_make_keys, [(str(path), number) for number in range(3)])
    keys = opened(path)
    for answer in answers:
        for run, shown in answer.items():
            key = keys.get(run)
            assert isinstance(key, RunKey)
            assert key.keyed_digest(label="test", data=b"") == shown
    assert path.stat().st_size == (1 + 8 + 12) * SLOT_BYTES


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_lock_holds_across_fork(path: Path):
    # A lock on a descriptor that parent and child share would let both in: each writer opens one of its own.
    keys = opened(path)
    child = os.fork()
    if child == 0:
        ended_badly = True
        try:
            keys.create(["child"])
            ended_badly = False
        finally:
            os._exit(ended_badly)  # the child must not go on with the other tests
    keys.create(["parent"])
    assert os.waitpid(child, 0)[1] == 0
    assert isinstance(opened(path).get("child"), RunKey)
    assert isinstance(opened(path).get("parent"), RunKey)
    assert path.stat().st_size == 3 * SLOT_BYTES


WRITER = """
import json, sys
from pathlib import Path
from dueprocess.stores.kek import Kek
from dueprocess.stores.keyfile import KeyFile
keys = KeyFile.open(Path(sys.argv[1]), Kek(secret=b"k" * 32))
for number in range(int(sys.argv[2]), 100000):
    runs = [f"run_{number}_{each}" for each in range(3)]
    made = keys.create(runs)
    print(json.dumps({run: made[run].keyed_digest(label="test", data=b"") for run in runs}), flush=True)
    if number % 2:
        keys.erase(runs[0])
        print(json.dumps({runs[0]: ""}), flush=True)
"""


@pytest.mark.slow
def test_what_a_killed_writer_had_been_told_is_there(path: Path):
    told: dict[str, str] = {}
    for life in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(life * 1000)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(3 + 4 * life):
            told.update(json.loads(writer.stdout.readline()))
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout.read().splitlines(keepends=True):
            told.update(json.loads(line) if line.endswith("\n") else {})
        writer.wait()
        writer.stdout.close()
        keys = opened(path)
        for run, shown in told.items():
            key = keys.get(run)
            if shown and not isinstance(key, Erased):
                assert isinstance(key, RunKey)
                assert key.keyed_digest(label="test", data=b"") == shown
            else:
                assert key == Erased(run=run)


def test_a_key_encryption_key_has_its_size():
    with pytest.raises(BadValue, match="31 bytes"):
        Kek(secret=bytes(31))
