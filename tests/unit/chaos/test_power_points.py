"""The moments at which the power is cut: spread over all calls, more of them where something is made durable."""

from collections import Counter
from random import Random

import pytest
from chaos.power.points import Aim, Place, choose, label, place_of
from chaos.power.trace import Kind, Record

STORE = "shop/.due"


def records() -> list[Record]:
    found: list[Record] = []

    def add(kind: Kind, path: str = "") -> None:
        found.append(Record(kind=kind, path=path, end=len(found) + 1))

    add(Kind.MKDIR, "shop")
    add(Kind.CREATE, f"{STORE}/keys.due")
    for number in range(200):
        for _ in range(20):
            add(Kind.WRITE, f"{STORE}/ledger.db-wal")
        add(Kind.SYNC, f"{STORE}/ledger.db-wal")
        add(Kind.TOLD)
        if number % 50 == 0:
            add(Kind.WRITE, f"{STORE}/ledger.db")
            add(Kind.SYNC, f"{STORE}/keys.due")
            add(Kind.WRITE, "shop/payments.jsonl")
    return found


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", Place.FOLDER),
        ("shop", Place.FOLDER),
        (STORE, Place.FOLDER),
        (f"{STORE}/ledger.db", Place.DATABASE),
        (f"{STORE}/ledger.db-wal", Place.WAL),
        (f"{STORE}/ledger.db-shm", Place.INDEX),
        (f"{STORE}/ledger.db-journal", Place.JOURNAL),
        (f"{STORE}/keys.due", Place.KEYS),
        (f"{STORE}/keys.due.new", Place.KEYS),
        (f"{STORE}/kek", Place.KEYS),
        (f"{STORE}/ledger.key", Place.KEYS),
        (f"{STORE}/ledger.pub", Place.KEYS),
        (f"{STORE}/identities.yaml.new", Place.IDENTITIES),
        ("shop/payments.jsonl", Place.SINK),
        ("shop/other", Place.NOWHERE),
    ],
)
def test_each_file_of_a_shop_has_its_place(path: str, place: Place):
    assert place_of(Record(kind=Kind.SYNC, path=path, end=1)) is place


def test_a_call_is_named_by_what_it_did_to_what():
    assert label(Record(kind=Kind.SYNC, path=f"{STORE}/ledger.db-wal", end=1)) == "sync wal"
    assert label(Record(kind=Kind.TOLD, end=1)) == "told"


def test_the_moments_are_in_order_and_within_the_recording():
    moments = choose(records(), 300, random=Random("1"))
    assert len(moments) == 300
    assert moments == sorted(moments)
    assert moments[0] >= 1
    assert moments[-1] <= len(records())


def test_the_same_seed_gives_the_same_moments_and_another_others():
    first, again, other = (choose(records(), 50, random=Random(seed)) for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


def test_what_is_rare_and_durable_is_aimed_at_more_often_than_it_happens():
    calls = records()
    moments = choose(calls, 1000, random=Random("1"))
    hit = Counter(place_of(calls[moment - 1]) for moment in moments)
    every = Counter(place_of(call) for call in calls)
    for place in (Place.KEYS, Place.SINK, Place.DATABASE):
        assert hit[place] / 1000 > 5 * every[place] / len(calls)
    assert hit[Place.WAL] > 100, "the bulk is still cut into"


def test_a_recording_without_some_kind_of_call_still_gives_all_its_images():
    only = [Record(kind=Kind.WRITE, path=f"{STORE}/ledger.db-wal", end=at) for at in range(1, 20)]
    assert len(choose(only, 40, random=Random("1"))) == 40


def test_the_shares_of_the_aims_are_of_a_hundred():
    assert sum(aim.value for aim in Aim) == 100
