"""INVARIANT I3 for each file by itself: cut at every call, whatever was told before is there (small programs, all moments)."""

import hashlib
import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chaos.power.check import check_image
from chaos.power.disk import Disk, real_files
from chaos.power.facts import Fact, Told, facts_in
from chaos.power.image import image
from chaos.power.recorder import make_recorder
from chaos.power.trace import Kind, Record

from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.ledger import Erased, RunKey
from dueprocess.stores.kek import Kek, KekFile
from dueprocess.stores.keyfile import KeyFile
from dueprocess.values import digest_bytes
from dueprocess.wiring.identity import IdentityFile

HEAD = """
import os
from pathlib import Path
from chaos.power.facts import Fact, Told
from chaos.power.trace import tell
log = os.open(os.environ["CHAOS_POWER_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
root = Path(os.environ["CHAOS_POWER_DIR"])

def told(kind, subject, detail=""):
    tell(log, Fact(kind=kind, subject=subject, detail=detail).text())
"""

Judge = Callable[[Path, tuple[Fact, ...]], None]


def recorded(tmp_path: Path, build: Path, program: str) -> list[Record]:
    root = tmp_path / "root"
    root.mkdir()
    command = [sys.executable, "-c", HEAD + textwrap.dedent(program)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = make_recorder(build).record(command, root=root, log=tmp_path / "log", env=env, seconds=60)
    assert done.exit_code == 0, done.output
    disk = Disk()
    disk.replay(done.records)
    assert disk.files() == real_files(root)
    return done.records


def cut_everywhere(records: list[Record], *, seeds: int, begin: int = 0) -> Iterator[tuple[Path, tuple[Fact, ...]]]:
    """Every image that differs from all others, or was promised more, as a folder in memory where there is one."""
    memory = Path("/dev/shm")
    seen: set[tuple[bytes, int]] = set()
    disk = Disk()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        for moment in range(len(records) + 1):
            disk.replay(records[moment - 1 : moment] if moment else ())
            facts = facts_in(records[:moment])
            for seed in range(seeds if moment >= begin else 0):
                made = image(disk, seed=f"{moment} {seed}")
                what = hashlib.sha256(repr(sorted(made.files.items())).encode()).digest()
                if (what, len(facts)) not in seen:
                    seen.add((what, len(facts)))
                    root = Path(scratch) / str(len(seen))
                    made.build(root)
                    yield root, facts


@pytest.fixture
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "recorder"


def judged(records: list[Record], judge: Judge, *, seeds: int = 4) -> int:
    """Judges every image; returns the number of facts that had been told at the end."""
    for root, facts in cut_everywhere(records, seeds=seeds):
        judge(root, facts)
    return len(facts_in(records))


def found_wrong(records: list[Record], *, begin: int = 0) -> list[str]:
    """What the checker of images finds in any of them, up to the first in which it finds something."""
    images = cut_everywhere(records, seeds=3, begin=begin)
    return next((wrong for root, facts in images if (wrong := check_image(root, facts))), [])


def promises(records: list[Record]) -> list[int]:
    """The moments at which something had just been told."""
    return [at + 1 for at, each in enumerate(records) if each.kind is Kind.TOLD]


def test_a_run_key_that_was_handed_out_is_there_and_an_erased_one_never_again(tmp_path: Path, build: Path):
    program = """
        from dueprocess.stores.kek import Kek
        from dueprocess.stores.keyfile import KeyFile
        from dueprocess.values import digest_bytes
        for life in range(2):
            keys = KeyFile.open(root / "keys.due", Kek(secret=bytes(32)))
            for group in (["a"], ["b", "c", "d"], ["e"], [f"{life}-{n}" for n in range(20)]):
                for run, key in keys.create(group).items():
                    if run != "a":
                        told(Told.SUBMITTED, run, digest_bytes(key.secret))
            keys.erase("a")
            told(Told.ERASED, "a")
    """

    def judge(root: Path, facts: tuple[Fact, ...]) -> None:
        keys = KeyFile.open(root / "keys.due", Kek(secret=bytes(32)))
        for fact in facts:
            key = keys.get(fact.subject)
            if fact.kind is Told.ERASED:
                assert isinstance(key, Erased)
            else:
                assert isinstance(key, RunKey)
                assert digest_bytes(key.secret) == fact.detail
        assert isinstance(keys.create(["new"])["new"], RunKey)

    assert judged(recorded(tmp_path, build, program), judge) > 40


def test_a_key_encryption_key_that_was_handed_out_is_there(tmp_path: Path, build: Path):
    program = """
        from dueprocess.stores.kek import KekFile
        from dueprocess.values import digest_bytes
        told(Told.OPENED, digest_bytes(KekFile(path=root / "kek").load().secret))
    """

    def judge(root: Path, facts: tuple[Fact, ...]) -> None:
        secret = KekFile(path=root / "kek").load().secret
        assert all(digest_bytes(secret) == fact.subject for fact in facts)

    assert judged(recorded(tmp_path, build, program), judge) == 1


def test_a_person_who_was_given_a_token_is_known_by_it(tmp_path: Path, build: Path):
    program = """
        from dueprocess.wiring.identity import IdentityFile
        for name in ("ann", "ben", "ann"):
            told(Told.NAMED, IdentityFile.open(root / "identities.yaml").add(name, groups=("finance",)), f"user:{name}")
    """

    def judge(root: Path, facts: tuple[Fact, ...]) -> None:
        people = IdentityFile.open(root / "identities.yaml")
        assert all(people.authenticate(fact.subject).id == fact.detail for fact in facts)
        people.add("eve")

    assert judged(recorded(tmp_path, build, program), judge) == 3


def test_a_payment_that_was_told_is_in_the_file_once(tmp_path: Path, build: Path):
    program = """
        from dueprocess.examples.support_refunds.sink import Sink
        from dueprocess.values import usd
        for number in range(8):
            taken = Sink(root / "payments.jsonl").take(key=f"k{number}", order_id=f"O-{number}", amount=usd("1"))
            told(Told.PAID, taken.key, taken.order_id)
        Sink(root / "payments.jsonl").void("k99")
    """

    def judge(root: Path, facts: tuple[Fact, ...]) -> None:
        sink = Sink(root / "payments.jsonl")
        paid = [refund.key for refund in sink.refunds()]
        assert len(paid) == len(set(paid))
        assert {fact.subject for fact in facts} <= set(paid)
        # Whatever is left of a line: to look settles it, and then it stays so.
        found = sink.void("k3")
        assert (found is not None) == ("k3" in [refund.key for refund in sink.refunds()])

    assert judged(recorded(tmp_path, build, program), judge) == 8


A_NEW_STORE = """
    from dueprocess.wiring import home
    {build}
    opened = home.open_home(root / "shop" / ".due", {{}})
    told(Told.OPENED, str(opened.verifier))
    os._exit(0)
"""


def test_a_store_that_was_opened_is_there_with_the_folders_above_it(tmp_path: Path, build: Path):
    assert found_wrong(recorded(tmp_path, build, A_NEW_STORE.format(build=""))) == []


def test_a_build_that_does_not_sync_the_folders_above_a_store_is_found_out(tmp_path: Path, build: Path):
    records = recorded(tmp_path, build, A_NEW_STORE.format(build="home.sync_folder = lambda folder: None"))
    assert found_wrong(records, begin=promises(records)[-1]) == ["the store is gone, and 1 facts had been told"]


CHECKPOINTS = """
    from dueprocess.ledger import Draft
    from dueprocess.runtime.system import StopOrdered
    from dueprocess.stores.sqlite import SqliteStore
    from dueprocess.values import Instant
    from dueprocess.wiring.home import open_home
    {build}
    home = open_home(root / "shop" / ".due", {{}})
    home.store.open_run("s_default")
    for number in range(3):
        record = StopOrdered(target=f"tool:{{number}}", by="user:ann", how="token")
        draft = Draft(run="s_default", tenant="default", record=record, at=Instant(1), release="", policy="")
        home.store.write(lambda tx: tx.append(draft), sync=number == 0)
        checkpoint, _ = home.store.checkpoint()
        told(Told.ANCHORED, str(checkpoint.size), checkpoint.root.hex())
    os._exit(0)
"""


def test_a_log_goes_on_from_every_checkpoint_that_was_handed_out(tmp_path: Path, build: Path):
    records = recorded(tmp_path, build, CHECKPOINTS.format(build=""))
    assert found_wrong(records, begin=promises(records)[0]) == []


def test_a_build_whose_checkpoints_wait_for_no_sync_is_found_out(tmp_path: Path, build: Path):
    records = recorded(tmp_path, build, CHECKPOINTS.format(build="SqliteStore._sync_wal = lambda self: None"))
    assert "the export is older than the checkpoint" in found_wrong(records, begin=promises(records)[1])[0]
