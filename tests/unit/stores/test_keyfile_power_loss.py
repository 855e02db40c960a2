"""The key file after power loss: writes are torn at every byte, and what was not synced may be there or not.

The calls that write and sync are recorded while keys are made and erased. Then the disk is rebuilt as it may look when
the machine stops at any moment, and opened: what had been returned before must hold.
"""

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest

from dueprocess.ledger.seal import Erased, Missing, RunKey
from dueprocess.stores.kek import Kek
from dueprocess.stores.keyfile import SLOT_BYTES, KeyFile

KEK = Kek(secret=b"k" * 32)


@dataclass
class Disk:
    """What was asked of it, in order, and what had been returned to the caller by then."""

    steps: list[tuple[int, bytes] | None] = field(default_factory=list)
    """A write (where, what), or None for a sync."""
    promised: list[tuple[int, str, RunKey | Erased]] = field(default_factory=list)
    """After how many steps which run was known to have which key."""
    begun: list[tuple[int, str]] = field(default_factory=list)
    """After how many steps an erasure had been asked for."""
    folder_syncs: list[int] = field(default_factory=list)
    """After how many steps the folder was synced."""

    def at(self, moment: int) -> tuple[bytearray, list[tuple[int, bytes]]]:
        """What is surely on the disk when this many steps were done, and the writes that may be."""
        synced = max((at + 1 for at in range(moment) if self.steps[at] is None), default=0)
        sure = bytearray()
        for step in self.steps[:synced]:
            if step is not None:
                put(sure, *step)
        return sure, [step for step in self.steps[synced:moment] if step is not None]


def put(image: bytearray, offset: int, content: bytes) -> None:
    if not content:
        return
    image.extend(bytes(max(0, offset - len(image))))
    image[offset : offset + len(content)] = content


def images(disk: Disk, *, every: int = 1) -> Iterator[tuple[int, bytes]]:
    """Every way the disk may look, with the moment it stopped: the last write torn at each byte, from either side."""
    for moment in range(len(disk.steps) + 1):
        sure, unsure = disk.at(moment)
        *others, last = unsure or [(0, b"")]
        for kept in itertools.product((False, True), repeat=len(others)):
            base = bytearray(sure)
            for step in itertools.compress(others, kept):
                put(base, *step)
            offset, content = last
            for cut in {*range(0, len(content) + 1, every), len(content)}:
                for image, start, piece in (
                    (bytearray(base), offset, content[:cut]),
                    (bytearray(base), offset + cut, content[cut:]),
                ):
                    put(image, start, piece)
                    yield moment, bytes(image)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    kept = Disk()
    write, sync = os.pwrite, os.fsync

    def recorded_write(descriptor: int, content: memoryview, offset: int) -> int:
        kept.steps.append((offset, bytes(content)))
        return write(descriptor, content, offset)

    def recorded_sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            kept.folder_syncs.append(len(kept.steps))
        else:
            kept.steps.append(None)
        sync(descriptor)

    monkeypatch.setattr(os, "pwrite", recorded_write)
    monkeypatch.setattr(os, "fsync", recorded_sync)
    return kept


def lived(path: Path, disk: Disk) -> None:
    """A short life of a key file, with what was promised when. Its first steps make the file."""
    keys = KeyFile.open(path, KEK)

    def make(*runs: str) -> None:
        made = keys.create(runs)
        disk.promised.extend((len(disk.steps), run, made[run]) for run in runs)

    def erase(run: str) -> None:
        disk.begun.append((len(disk.steps), run))
        keys.erase(run)
        disk.promised.append((len(disk.steps), run, Erased(run=run)))

    disk.steps.clear()
    disk.steps.extend([(0, path.read_bytes()), None])
    make("a")
    make("b", "c", "d")
    erase("b")
    make("e")
    erase("e")
    make("b", "f")


def unsynced(_: int) -> None:
    """Rebuilding thousands of disks need not be durable."""


def wrapped_key(disk: Disk, run: str) -> bytes:
    """The wrapped key as it was first written for this run."""
    digest = sha256(run.encode()).digest()
    return next(step[1][48:108] for step in disk.steps if step and step[1][8:40] == digest)


def holds(path: Path, disk: Disk, *, moment: int) -> None:
    known = {run: key for at, run, key in disk.promised if at <= moment}
    asked = {run for at, run in disk.begun if at < moment}
    image = path.read_bytes()
    for run, key in known.items():
        assert isinstance(key, RunKey) or wrapped_key(disk, run) not in image
    keys = KeyFile.open(path, KEK)
    for run in "abcdef":
        found = keys.get(run)
        if run not in known:
            assert not isinstance(found, Erased)
        elif run not in asked or found != Erased(run=run):
            assert found == known[run]


def campaign(path: Path, disk: Disk, *, every: int = 1) -> int:
    """Opens every image of the disk behind the moment when the file itself is durable (`publish` has its own tests)."""
    tried = 0
    for moment, image in images(disk, every=every):
        if moment >= 2:
            path.write_bytes(image)
            holds(path, disk, moment=moment)
            tried += 1
    return tried


@pytest.mark.slow
def test_wherever_the_power_fails_no_promised_key_is_lost_and_no_erased_one_comes_back(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
):
    lived(tmp_path / "keys", disk)
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", unsynced)
    assert campaign(tmp_path / "after", disk) > 2000


@pytest.mark.slow
def test_the_campaign_fails_if_any_single_sync_is_left_out(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch):
    # The negative control: each sync is there for a reason that some image shows.
    lived(tmp_path / "keys", disk)
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", unsynced)
    syncs = [at for at, step in enumerate(disk.steps) if step is None and at > 1]
    assert len(syncs) == 8
    for left_out in syncs:
        steps = [(0, b"") if at == left_out else step for at, step in enumerate(disk.steps)]
        with pytest.raises(AssertionError):
            campaign(tmp_path / "after", replace(disk, steps=steps), every=64)


@pytest.mark.slow
def test_after_any_power_failure_keys_can_be_made_and_read_again(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
):
    lived(tmp_path / "keys", disk)
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", unsynced)
    path = tmp_path / "after"
    for moment, image in itertools.islice(images(disk), 0, None, 7):
        if moment >= 2:
            path.write_bytes(image)
            made = KeyFile.open(path, KEK).create([*"abcdef", "new"])
            again = KeyFile.open(path, KEK)
            assert {run: again.get(run) for run in made} == made
            assert isinstance(made["new"], RunKey)


def test_the_name_of_the_file_is_durable_before_the_first_key_is_returned(tmp_path: Path, disk: Disk):
    path = tmp_path / "keys"
    KeyFile.open(path, KEK)
    for opening in (KeyFile.open(path, KEK), KeyFile.open(path, KEK)):
        disk.folder_syncs.clear()
        opening.create(["a"])
        assert len(disk.folder_syncs) == 1, "whoever made the file may have died before its name was durable"
        opening.create(["b"])
        assert len(disk.folder_syncs) == 1


def torn(whole: bytes, cut: int) -> list[bytes]:
    """The last slot written up to `cut`: the file ends there, or goes on with zeros, or only the other end arrived."""
    before, last = whole[:-SLOT_BYTES], whole[-SLOT_BYTES:]
    return [before + last[:cut], before + last[:cut] + bytes(SLOT_BYTES - cut), before + bytes(cut) + last[cut:]]


def test_a_last_slot_torn_at_any_byte_is_passed_over_and_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "fsync", unsynced)
    path = tmp_path / "keys"
    made = KeyFile.open(path, KEK).create(["a", "b"])
    whole = path.read_bytes()
    for cut in range(SLOT_BYTES):
        for image in torn(whole, cut):
            path.write_bytes(image)
            keys = KeyFile.open(path, KEK)
            # The last eight bytes are zeros in a living slot: with only those missing, and zeros there, it is whole.
            complete = image[:-SLOT_BYTES] + image[-SLOT_BYTES:] == whole
            assert keys.get("a") == made["a"]
            assert keys.get("b") == (made["b"] if complete else Missing(run="b"))
            anew = keys.create(["b", "c"])
            assert (anew["b"] == made["b"]) == complete
            assert path.stat().st_size == 4 * SLOT_BYTES
            again = KeyFile.open(path, KEK)
            assert [again.get(run) for run in "abc"] == [made["a"], anew["b"], anew["c"]]


def test_an_erasure_torn_at_any_byte_is_finished_by_the_next_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "fsync", unsynced)
    path = tmp_path / "keys"
    keys = KeyFile.open(path, KEK)
    made = keys.create(["a", "b"])
    alive = path.read_bytes()
    keys.erase("a")
    erased = path.read_bytes()
    marked = alive[: SLOT_BYTES + 120] + b"erased!\n" + alive[2 * SLOT_BYTES :]
    stages = [*between(alive, marked), *between(marked, erased)]
    for image in stages:
        path.write_bytes(image)
        found = KeyFile.open(path, KEK)
        assert found.get("b") == made["b"]
        assert found.get("a") == (made["a"] if image == alive else Erased(run="a"))
        assert path.read_bytes() == (alive if image == alive else erased)
    assert len(stages) > 150


def between(old: bytes, new: bytes) -> Iterator[bytes]:
    for cut in range(len(old) + 1):
        if cut == 0 or old[cut - 1] != new[cut - 1] or old[cut - 1 : cut] == b"":
            yield new[:cut] + old[cut:]
            yield old[:cut] + new[cut:]


def test_opening_a_file_whose_erasures_are_finished_writes_nothing(tmp_path: Path, disk: Disk):
    lived(tmp_path / "keys", disk)
    disk.steps.clear()
    KeyFile.open(tmp_path / "keys", KEK)
    assert disk.steps == []


def test_a_slot_of_a_writer_that_died_before_its_sync_is_synced_before_its_key_is_given(tmp_path: Path, disk: Disk):
    path = tmp_path / "keys"
    KeyFile.open(path, KEK).create(["a"])
    slot = path.read_bytes()[SLOT_BYTES:]
    disk.steps.clear()
    keys = KeyFile.open(path, KEK)
    keys.create(["a"])
    # Written again, so that it is part of the sync that follows, and then not a second time.
    assert (SLOT_BYTES, slot) in disk.steps
    assert disk.steps[-1] is None
    disk.steps.clear()
    keys.create(["a"])
    assert disk.steps == []


def test_a_sync_that_fails_hands_out_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from dueprocess.errors import StoreUnavailable

    path = tmp_path / "keys"
    keys = KeyFile.open(path, KEK)
    calls: list[Callable[[], object]] = [lambda: keys.create(["a"]), lambda: keys.create(["b", "a"])]

    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    for call in calls:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", failing)
            with pytest.raises(StoreUnavailable, match="Input/output error"):
                call()
    # The disk dropped the pages that it could not write: the next call finds nothing, and writes everything anew.
    path.write_bytes(path.read_bytes()[:SLOT_BYTES])
    made = keys.create(["a", "b"])
    assert [KeyFile.open(path, KEK).get(run) for run in "ab"] == [made["a"], made["b"]]
