"""One thing a disk may be left with when the power goes: all that is sure, and a part of the rest. Chosen by seed alone.

Rule 1. What is sure is there, whole. Of what is unsure, any part may be: see `Fate`.
Rule 2. Bytes survive by sectors or pages, so a write may be torn; a change of names is there or is not.
Rule 3. A file may be longer than what survived of it (then it reads as zeros) or shorter (then bytes that arrived are cut
        off), within the sizes that it had or was asked to have: size and content reach a disk on different ways.
Rule 4. What SQLite maps (the WAL's index) was never written by a call: it is missing, or holds garbage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Final

from chaos.power.disk import SHARED_MEMORY, Change, Disk, File, Folder, Node, make, rename, walk

SECTOR: Final = 512
PAGE: Final = 4096
SHARED_BYTES: Final = 32768  # the first block of a WAL index


class Fate(Enum):
    """What becomes of that which is unsure."""

    NOTHING = "nothing of it is there"
    EVERYTHING = "all of it is there"
    ORDER = "all of it up to some moment, as a disk that keeps the order"
    MOMENTS = "each sector and each name as it was at some moment of its own"
    ANY = "any part of it, in any order"


_FATES: Final = (Fate.NOTHING, Fate.EVERYTHING, Fate.ORDER, Fate.MOMENTS, Fate.MOMENTS, Fate.ANY, Fate.ANY)
"""How often each fate is drawn: torn and reordered states are many, the others one or few for each moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The files and folders that are left, by path. `unsure`: how many changes could have been lost at that moment."""

    fate: Fate
    unit: int
    unsure: int
    files: Mapping[str, bytes]
    folders: Sequence[str] = field(default_factory=tuple[str, ...])

    def build(self, root: Path) -> None:
        """Writes the image below a new folder."""
        root.mkdir(mode=0o700)
        for folder in self.folders:
            (root / folder).mkdir(mode=0o700)
        for path, content in self.files.items():
            file = root / path
            file.write_bytes(content)
            file.chmod(0o600)


def image(disk: Disk, *, seed: str) -> Image:
    """What may be left of a disk now, for this seed."""
    random = Random(seed)
    dice = _Dice(random=random, fate=random.choice(_FATES), unit=random.choice((SECTOR, PAGE)))
    unsure = _moments(disk)
    dice.cut = random.choice([0, *sorted(unsure)])
    names = {id(folder): _names(folder, dice) for folder in _folders(disk)}
    files: dict[str, bytes] = {}
    folders: list[str] = []
    contents: dict[int, bytes] = {}
    for path, node in walk(disk.root, names=lambda folder: names[id(folder)]):
        if isinstance(node, Folder):
            folders.append(path)
        elif path.endswith(SHARED_MEMORY):
            if dice.random.random() < 1 / 2:
                files[path] = dice.random.randbytes(SHARED_BYTES)
        else:
            # A file of two names is one file.
            if id(node) not in contents:
                contents[id(node)] = _content(node, dice)
            files[path] = contents[id(node)]
    return Image(fate=dice.fate, unit=dice.unit, unsure=len(unsure), files=files, folders=folders)


@dataclass(slots=True, kw_only=True)
class _Dice:
    random: Random
    fate: Fate
    unit: int
    cut: int = 0

    def moment(self, moments: Sequence[int]) -> int:
        """Up to which moment a sector, a name or a size has arrived."""
        return self.random.choice([0, *moments])

    def survives(self, end: int, *, until: int, chance: float) -> bool:
        match self.fate:
            case Fate.NOTHING:
                return False
            case Fate.EVERYTHING:
                return True
            case Fate.ORDER:
                return end <= self.cut
            case Fate.MOMENTS:
                return end <= until
            case Fate.ANY:
                return self.random.random() < chance


def _moments(disk: Disk) -> set[int]:
    nodes: list[Node] = [disk.root, *(node for _, node in walk(disk.root, names=_ever))]
    return {change.end for node in nodes for change in node.unsure}


def _folders(disk: Disk) -> list[Folder]:
    return [disk.root, *(node for _, node in walk(disk.root, names=_ever) if isinstance(node, Folder))]


def _ever(folder: Folder) -> Mapping[str, Node]:
    # Every name that may be on the disk, the sure ones and all that were asked for since.
    found = dict(folder.sure)
    for number, naming in enumerate(folder.unsure):
        if naming.to is not None:
            found[f"{naming.to}#{number}"] = naming.node
    return found


def _names(folder: Folder, dice: _Dice) -> dict[str, Node]:
    names = dict(folder.sure)
    moments = [naming.end for naming in folder.unsure]
    chance = dice.random.random()
    for naming in folder.unsure:
        if dice.survives(naming.end, until=dice.moment(moments), chance=chance):
            rename(names, naming)
    return names


def _content(file: File, dice: _Dice) -> bytes:
    content = bytearray(file.sure)
    moments = [change.end for change in file.unsure]
    until: dict[int, int] = {}
    resized = dice.moment(moments)
    chance = dice.random.random()
    sizes = [len(content)]
    for change in file.unsure:
        if change.data is None:
            if dice.survives(change.end, until=resized, chance=chance):
                make(content, change)
                sizes = [len(content)]
            continue
        for part in _parts(change, dice.unit):
            sector = part.at // dice.unit
            if sector not in until:
                until[sector] = dice.moment(moments)
            if dice.survives(part.end, until=until[sector], chance=chance):
                make(content, part)
        sizes.append(change.size_after(len(content)))
    if dice.fate in {Fate.MOMENTS, Fate.ANY} and file.unsure and dice.random.random() < 1 / 3:
        size = dice.random.choice(sizes)
        make(content, Change(end=0, at=size))
    return bytes(content)


def _parts(change: Change, unit: int) -> list[Change]:
    data, at = change.data or b"", change.at
    parts: list[Change] = []
    while data:
        length = min(len(data), unit - at % unit)
        parts.append(Change(end=change.end, at=at, data=data[:length]))
        data, at = data[length:], at + length
    return parts
