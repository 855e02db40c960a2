"""At which moments the power is cut: spread over all calls, more often where something is made durable."""

from collections.abc import Mapping, Sequence
from enum import Enum
from random import Random
from typing import Final

from chaos.power.trace import Kind, Record

_NAMES: Final = frozenset({Kind.CREATE, Kind.RENAME, Kind.UNLINK, Kind.LINK, Kind.MKDIR, Kind.RMDIR})


class Place(Enum):
    """What a call was made on."""

    DATABASE = "database"
    WAL = "wal"
    JOURNAL = "journal"
    INDEX = "wal index"
    KEYS = "keys"
    SINK = "sink"
    IDENTITIES = "identities"
    FOLDER = "folder"
    NOWHERE = "nowhere"


class Aim(Enum):
    """Kinds of moments, and how many of a hundred images are made there."""

    COMMIT = 28
    CHECKPOINT = 18
    KEYS = 16
    SINK = 20
    NAMES = 10
    ANY = 8


_REACH: Final[Mapping[Aim, tuple[int, int]]] = {Aim.COMMIT: (2, 3), Aim.SINK: (1, 8)}
"""How many calls before and after one belong to its moment: what follows an effect is the commit of its outcome."""


_ENDS: Final = (
    (".db", Place.DATABASE),
    ("-wal", Place.WAL),
    ("-journal", Place.JOURNAL),
    ("-shm", Place.INDEX),
    (".jsonl", Place.SINK),
    (".due", Place.KEYS),  # keys.due; the store's folder is told apart before
    (".key", Place.KEYS),
    (".pub", Place.KEYS),
    (".new", Place.KEYS),
    ("kek", Place.KEYS),
)


def place_of(record: Record) -> Place:
    """What the call was made on."""
    if record.kind is Kind.TOLD:
        return Place.NOWHERE
    name = record.path.rpartition("/")[2]
    if name.startswith("identities"):
        return Place.IDENTITIES
    if record.kind is Kind.MKDIR or name in {"", "shop", ".due"}:
        return Place.FOLDER
    return next((place for end, place in _ENDS if name.endswith(end)), Place.NOWHERE)


def label(record: Record) -> str:
    """The call in words, for the report."""
    place = place_of(record)
    return record.kind.name.lower() if place is Place.NOWHERE else f"{record.kind.name.lower()} {place.value}"


def choose(records: Sequence[Record], count: int, *, random: Random) -> list[int]:
    """So many moments, in order; moment k is after the first k calls. The same moment may come more than once."""
    moments = {aim: _moments(records, aim) for aim in Aim}
    aims = [aim for aim in Aim if moments[aim]]
    drawn = random.choices(aims, weights=[aim.value for aim in aims], k=count)
    return sorted(random.choice(moments[aim]) for aim in drawn)


def _moments(records: Sequence[Record], aim: Aim) -> list[int]:
    if aim is Aim.ANY:
        return list(range(1, len(records) + 1))
    before, after = _REACH.get(aim, (1, 1))
    found: set[int] = set()
    for at, record in enumerate(records):
        if _is_aimed_at(record, aim):
            found.update(range(max(1, at + 1 - before), min(len(records), at + 1 + after) + 1))
    return sorted(found)


def _is_aimed_at(record: Record, aim: Aim) -> bool:
    place = place_of(record)
    match aim:
        case Aim.COMMIT:
            return place is Place.WAL and record.kind is Kind.SYNC
        case Aim.CHECKPOINT:
            return place is Place.DATABASE
        case Aim.KEYS:
            return place in {Place.KEYS, Place.IDENTITIES}
        case Aim.SINK:
            return place is Place.SINK
        case Aim.NAMES:
            return record.kind in _NAMES or place is Place.FOLDER
        case Aim.ANY:
            return True
