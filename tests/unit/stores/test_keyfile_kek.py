"""The key-encryption key: from a file that is made if it is missing, or from a text in the environment."""

import base64
import fcntl
import os
import threading
from pathlib import Path

import pytest

from dueprocess.errors import BadValue, StoreUnavailable
from dueprocess.stores.kek import Kek, KekFile, KekSource, KekText, publish, sync_folder


def test_a_missing_file_is_made_with_random_bytes_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "kek"
    kek = KekFile(path=path).load()
    assert path.read_bytes() == kek.secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert KekFile(path=tmp_path / "other").load() != kek
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kek", "other"]


def test_a_file_that_is_there_is_read_and_left_alone(tmp_path: Path):
    source: KekSource = KekFile(path=tmp_path / "kek")
    assert source.load() == source.load()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_touch_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int):
    path = tmp_path / "kek"
    KekFile(path=path).load()
    path.chmod(mode)
    with pytest.raises(BadValue, match=f"mode {mode:04o}.*chmod 600"):
        KekFile(path=path).load()


@pytest.mark.parametrize("size", [0, 31, 33, 1000])
def test_a_file_of_another_size_is_refused_and_not_made_anew(tmp_path: Path, size: int):
    path = tmp_path / "kek"
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(BadValue, match=f"holds {size} bytes: expected 32"):
        KekFile(path=path).load()
    assert path.stat().st_size == size


def test_a_place_that_cannot_be_is_told(tmp_path: Path):
    with pytest.raises(StoreUnavailable, match="No such file"):
        KekFile(path=tmp_path / "none" / "kek").load()
    with pytest.raises(StoreUnavailable, match="directory"):
        KekFile(path=tmp_path).load()


def test_a_text_is_read_as_base64():
    secret = bytes(range(32))
    text = base64.b64encode(secret).decode()
    assert KekText(text=text, name="DUE_KEK").load() == Kek(secret=secret)


@pytest.mark.parametrize(
    "text", ["", "A", "AAAA", "A" * 44, "A" * 43, " " + "A" * 43 + "=", "A" * 43 + "=\n", "A" * 42 + "B=", "é" * 44]
)
def test_a_text_that_is_not_exactly_32_bytes_in_base64_is_refused_and_not_shown(text: str):
    with pytest.raises(BadValue, match="DUE_KEK is not the base64 of 32 bytes") as caught:
        KekText(text=text, name="DUE_KEK").load()
    assert len(text) < 4 or text not in str(caught.value)


def test_a_key_shows_nothing_of_itself():
    assert "secret" not in repr(Kek(secret=b"s" * 32))
    assert "AAAA" not in repr(KekText(text="AAAA", name="DUE_KEK"))
    assert b"s" * 8 not in Kek(secret=b"s" * 32).check()


def test_keys_are_told_apart_by_their_check():
    assert Kek(secret=b"s" * 32).check() == Kek(secret=b"s" * 32).check()
    assert Kek(secret=b"s" * 32).check() != Kek(secret=b"t" * 32).check()


def test_a_file_is_synced_before_it_has_its_name_and_its_folder_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, seen = tmp_path / "file", list[tuple[bytes, bool]]()
    sync = os.fsync

    def watched(descriptor: int) -> None:
        fresh = tmp_path / "file.new"
        seen.append((fresh.read_bytes() if fresh.exists() else b"", path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    publish(path, content=lambda: b"content")
    assert seen == [(b"content", False), (b"", True)]


def test_what_a_killed_process_left_half_written_is_not_used(tmp_path: Path):
    (tmp_path / "file.new").write_bytes(b"half, and longer than what is to come")
    publish(tmp_path / "file", content=lambda: b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert not (tmp_path / "file.new").exists()


def test_of_several_that_make_a_file_one_wins_and_nothing_is_left_over(tmp_path: Path):
    path, start = tmp_path / "file", threading.Barrier(8)

    def make(number: int) -> None:
        start.wait()
        publish(path, content=lambda: b"%d" % number * 1000)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    content = path.read_bytes()
    assert content == content[:1] * 1000
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("renamed", [True, False])
def test_who_waited_for_the_winner_takes_what_the_winner_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, renamed: bool
):
    path, fresh = tmp_path / "file", tmp_path / "file.new"
    lock = fcntl.flock

    def lock_after_the_winner(descriptor: int, how: int) -> None:
        # While this one waits for the lock, the winner gives the file its name: the very file waited for, or another.
        if renamed:
            fresh.rename(path)
        path.write_bytes(b"winner")
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", lock_after_the_winner)
    asked: list[bool] = []
    publish(path, content=lambda: asked.append(True) or b"late")
    assert path.read_bytes() == b"winner"
    assert asked == []
    assert not fresh.exists()


def test_a_folder_that_cannot_be_synced_because_nothing_can_be_written_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refusing(number: int):
        def sync(_: int) -> None:
            raise OSError(number, os.strerror(number))

        return sync

    monkeypatch.setattr(os, "fsync", refusing(30))
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", refusing(5))
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)
