"""The model of a disk: what is surely on it, and what may be left when the power goes."""

import pytest
from chaos.power.disk import Disk
from chaos.power.image import SECTOR, Fate, Image, image
from chaos.power.trace import Kind, Record, TraceUnusable
from hypothesis import given
from hypothesis import strategies as st

SEEDS = [f"seed {number}" for number in range(120)]


class Calls:
    """Writes records as a program would cause them; each ends ten bytes after the one before."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    @property
    def now(self) -> int:
        return self.records[-1].end if self.records else 0

    def add(self, kind: Kind, path: str = "", **more) -> None:
        self.records.append(Record(kind=kind, path=path, end=self.now + 10, **more))

    def create(self, path: str, inode: int) -> None:
        self.add(Kind.CREATE, path, inode=inode)

    def write(self, path: str, inode: int, data: bytes, at: int = 0) -> None:
        self.add(Kind.WRITE, path, inode=inode, a=at, data=data)

    def sync(self, path: str, inode: int = 0) -> None:
        self.add(Kind.SYNC, path, inode=inode, a=self.now)

    def disk(self) -> Disk:
        disk = Disk()
        disk.replay(self.records)
        return disk

    def images(self) -> list[Image]:
        return [image(self.disk(), seed=seed) for seed in SEEDS]

    def contents(self, path: str) -> set[bytes | None]:
        return {each.files.get(path) for each in self.images()}


def a_durable_file(content: bytes = b"old") -> Calls:
    calls = Calls()
    calls.create("f", 1)
    calls.write("f", 1, content)
    calls.sync("f", 1)
    calls.sync("")
    return calls


def test_what_was_synced_is_left_whatever_happens():
    assert a_durable_file().contents("f") == {b"old"}


def test_a_file_whose_name_was_not_synced_may_be_missing_although_its_content_was():
    calls = Calls()
    calls.create("f", 1)
    calls.write("f", 1, b"new")
    calls.sync("f", 1)
    assert calls.contents("f") == {None, b"new"}


def test_a_name_that_was_synced_is_left_although_the_content_was_not():
    calls = Calls()
    calls.create("f", 1)
    calls.sync("")
    calls.write("f", 1, b"new")
    assert calls.contents("f") == {b"", b"new", b"\0\0\0"}


def test_a_write_after_the_last_sync_may_be_there_or_not():
    calls = a_durable_file()
    calls.write("f", 1, b"new")
    assert calls.contents("f") == {b"old", b"new"}


def test_a_sync_covers_only_what_was_recorded_when_it_began():
    calls = a_durable_file()
    began = calls.now
    calls.write("f", 1, b"new")
    calls.add(Kind.SYNC, "f", inode=1, a=began)
    assert calls.contents("f") == {b"old", b"new"}


def test_asking_for_writing_to_begin_makes_nothing_sure():
    calls = a_durable_file()
    calls.write("f", 1, b"new")
    calls.add(Kind.RANGE, "f", inode=1)
    assert calls.contents("f") == {b"old", b"new"}


def test_a_write_of_many_sectors_may_be_torn_between_any_of_them():
    calls = a_durable_file(b"o" * 4 * SECTOR)
    calls.write("f", 1, b"n" * 4 * SECTOR)
    torn = {content for content in calls.contents("f") if content}
    firsts = {bytes(content[at] for at in range(0, 4 * SECTOR, SECTOR)) for content in torn}
    assert {b"oooo", b"nnnn"} < firsts
    assert any(first not in {b"oooo", b"nnnn", b"nooo", b"nnoo", b"nnno"} for first in firsts), "only in order"


def test_a_sector_is_never_torn():
    calls = a_durable_file(b"o" * 4 * SECTOR)
    calls.write("f", 1, b"n" * 4 * SECTOR)
    for content in calls.contents("f"):
        for at in range(0, 4 * SECTOR, SECTOR):
            assert len(set((content or b"")[at : at + SECTOR])) == 1


def test_a_file_that_grew_may_be_too_long_for_what_arrived_and_too_short():
    calls = a_durable_file(b"o" * SECTOR)
    calls.write("f", 1, b"n" * SECTOR, at=SECTOR)
    calls.write("f", 1, b"m" * SECTOR, at=2 * SECTOR)
    contents = calls.contents("f")
    assert b"o" * SECTOR + bytes(SECTOR) + b"m" * SECTOR in contents, "a hole before what arrived"
    assert {len(content or b"") for content in contents} == {SECTOR, 2 * SECTOR, 3 * SECTOR}
    assert all((content or b"")[:SECTOR] == b"o" * SECTOR for content in contents)


def test_a_truncation_may_be_forgotten_but_a_synced_one_is_not():
    calls = a_durable_file(b"o" * SECTOR)
    calls.add(Kind.TRUNCATE, "f", inode=1, a=0)
    assert calls.contents("f") == {b"o" * SECTOR, b""}
    calls.sync("f", 1)
    assert calls.contents("f") == {b""}


def test_a_rename_over_a_file_leaves_the_old_or_the_new_whole():
    calls = a_durable_file(b"old")
    calls.create("f.new", 2)
    calls.write("f.new", 2, b"new")
    calls.sync("f.new", 2)
    calls.add(Kind.RENAME, "f.new", second="f", inode=2)
    assert calls.contents("f") == {b"old", b"new"}
    for each in calls.images():
        assert not (each.files["f"] == b"new" and "f.new" in each.files), "one file under both names"


def test_a_rename_of_a_file_that_was_not_synced_may_leave_it_empty():
    calls = a_durable_file(b"old")
    calls.create("f.new", 2)
    calls.write("f.new", 2, b"new")
    calls.add(Kind.RENAME, "f.new", second="f", inode=2)
    calls.sync("")
    assert calls.contents("f") == {b"", b"new", b"\0\0\0"}


def test_a_removed_file_comes_back_until_its_folder_is_synced():
    calls = a_durable_file()
    calls.add(Kind.UNLINK, "f")
    assert calls.contents("f") == {None, b"old"}
    calls.sync("")
    assert calls.contents("f") == {None}


def test_a_file_that_was_made_again_under_its_name_is_another_one():
    calls = a_durable_file()
    calls.add(Kind.UNLINK, "f")
    calls.create("f", 1)  # file systems give a number again as soon as it is free
    calls.write("f", 1, b"again")
    calls.sync("f", 1)
    assert calls.contents("f") == {None, b"old", b"again"}
    calls.sync("")
    assert calls.contents("f") == {b"again"}


def test_all_in_a_folder_is_lost_with_the_folders_own_name():
    calls = Calls()
    calls.add(Kind.MKDIR, "d", inode=5)
    calls.create("d/f", 1)
    calls.write("d/f", 1, b"old")
    calls.sync("d/f", 1)
    calls.sync("d", 5)
    assert calls.contents("d/f") == {None, b"old"}
    calls.sync("")
    assert calls.contents("d/f") == {b"old"}


def test_a_file_of_two_names_is_one_file():
    calls = a_durable_file()
    calls.add(Kind.LINK, "f", second="g", inode=1)
    calls.sync("")
    calls.write("f", 1, b"new")
    for each in calls.images():
        assert each.files["f"] == each.files["g"]


def test_a_file_that_was_there_before_is_sure():
    disk = Disk({"d/f": (7, b"old")})
    disk.take(Record(kind=Kind.WRITE, path="d/f", inode=7, end=10, data=b"N"))
    assert {image(disk, seed=seed).files["d/f"] for seed in SEEDS} == {b"old", b"Nld"}


def test_the_map_of_sqlite_is_missing_or_garbage():
    calls = Calls()
    calls.create("l.db-shm", 1)
    calls.sync("")
    contents = calls.contents("l.db-shm")
    assert None in contents
    assert len(contents) > 2


def test_the_same_seed_makes_the_same_image():
    calls = a_durable_file(b"o" * 4 * SECTOR)
    calls.write("f", 1, b"n" * 4 * SECTOR)
    calls.create("g", 2)
    assert calls.images() == calls.images()


def test_every_fate_is_drawn():
    calls = a_durable_file()
    calls.write("f", 1, b"new")
    assert {each.fate for each in calls.images()} == set(Fate)


def test_a_disk_that_keeps_the_order_has_no_later_write_without_the_earlier():
    calls = a_durable_file(b"o" * 2 * SECTOR)
    calls.write("f", 1, b"1" * SECTOR)
    calls.write("f", 1, b"2" * SECTOR, at=SECTOR)
    ordered = {each.files["f"] for each in calls.images() if each.fate is Fate.ORDER}
    firsts = {content[:1] + content[SECTOR : SECTOR + 1] for content in ordered}
    assert firsts == {b"oo", b"1o", b"12"}


@pytest.mark.parametrize(
    "record",
    [
        Record(kind=Kind.WRITE, path="nobody", inode=9, end=10, data=b"x"),
        Record(kind=Kind.RENAME, path="nobody", second="f", end=10),
        Record(kind=Kind.UNLINK, path="nobody", end=10),
        Record(kind=Kind.CREATE, path="no/folder", inode=9, end=10),
        Record(kind=Kind.UNSEEN, path="f", second="sendfile", end=10),
    ],
)
def test_a_record_that_does_not_fit_is_refused(record: Record):
    with pytest.raises(TraceUnusable):
        Disk().take(record)


def test_an_image_is_built_as_files_that_only_the_owner_reads(tmp_path):
    made = Image(fate=Fate.NOTHING, unit=SECTOR, unsure=0, files={"d/f": b"x"}, folders=("d",))
    made.build(tmp_path / "root")
    assert (tmp_path / "root/d/f").read_bytes() == b"x"
    assert (tmp_path / "root/d/f").stat().st_mode & 0o777 == 0o600


operations = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3000), st.binary(min_size=1, max_size=1500)),
        st.tuples(st.just("truncate"), st.integers(0, 3000), st.just(b"")),
        st.tuples(st.just("sync"), st.just(0), st.just(b"")),
    ),
    max_size=12,
)


@given(operations=operations, seed=st.text(max_size=5))
def test_a_sector_holds_what_it_held_at_some_moment_since_the_last_sync(operations, seed):
    calls = Calls()
    calls.create("f", 1)
    calls.sync("")
    content = bytearray()
    moments = [bytes(content)]
    for what, at, data in operations:
        if what == "write":
            calls.write("f", 1, data, at=at)
            content.extend(bytes(max(0, at - len(content))))
            content[at : at + len(data)] = data
        elif what == "truncate":
            calls.add(Kind.TRUNCATE, "f", inode=1, a=at)
            content.extend(bytes(max(0, at - len(content))))
            del content[at:]
        else:
            calls.sync("f", 1)
            moments = []
        moments.append(bytes(content))
    assert calls.disk().files()["f"] == bytes(content)
    left = image(calls.disk(), seed=seed)
    found = left.files["f"]
    assert len(found) <= max(len(moment) for moment in moments)
    if left.fate is Fate.ANY or any(what == "truncate" for what, _, _ in operations):
        return  # there a sector may mix moments: more than a disk does, and as hard for what reads it
    for start in range(0, len(found), SECTOR):
        seen = found[start : start + SECTOR]
        possible = {moment[start : start + SECTOR].ljust(SECTOR, b"\0")[: len(seen)] for moment in moments}
        assert seen in possible
