"""A disk that is full for a moment, for one process: none of its files may grow any more, then they may again, then it is killed.

A limit of the process stands for the disk: a write that would pass it is cut short, and the next one fails.
"""

import resource
import time
from pathlib import Path
from random import Random
from typing import Final

from chaos.points import Spot, Striker

_FULL_S: Final = 0.3
_ROOM_S: Final = 0.2
_LEFT: Final = 12_000  # bytes that at most are left: some two commits


def fill(folder: Path, striker: Striker, *, delay_s: float, random: Random) -> None:
    """Waits, fills the disk in the middle of whatever goes on, makes room again, and kills this process."""
    time.sleep(delay_s)
    striker.tell(Spot(part="full"))
    _limit(_longest(folder) + random.randrange(_LEFT))
    time.sleep(_FULL_S)
    _limit(resource.RLIM_INFINITY)
    time.sleep(_ROOM_S)
    striker.strike()


def _longest(folder: Path) -> int:
    # The WAL as a rule: a limit below it would fail what is written over, not what is added.
    return max((_size(path) for path in folder.rglob("*") if path.is_file()), default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _limit(size: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
