"""One governed write at a time beside its floor: two synced commits of the same bytes, made by `sqlite3` alone."""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Part, in_turns, ratio, spread
from bench.ledger_copy import Recorded, commit, copy, leaves, recorded
from bench.refunds import opened

_WARM: Final = 20  # writes before the first that counts: statements prepared, modules loaded, pages there


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many writes a turn, and how many turns."""

    each: int
    repeats: int


FULL: Final = Sizes(each=25, repeats=40)
QUICK: Final = Sizes(each=10, repeats=5)


def measure(sizes: Sizes, folder: Path) -> Part:
    """Times both in turns; the floor writes what the governed writes of the same turn left behind."""
    with opened(folder, runs=1) as desk:
        for number in range(_WARM):
            desk.write(0, f"warm-{number}")
        floor_file = copy(desk.ledger, folder / "floor.db")
        made: list[Recorded] = []

        def ours(repeat: int) -> float:
            first = leaves(desk.ledger)
            start = time.perf_counter()
            for number in range(sizes.each):
                desk.write(0, f"order-{repeat}-{number}")
            took = _ms(start, sizes.each)
            made[:] = recorded(desk.ledger, first=first)
            return took

        def floor(repeat: int) -> float:
            start = time.perf_counter()
            for write in made:
                for each in write.commits:
                    commit(floor_file, (each,))
            return _ms(start, len(made))

        written, raw = in_turns(sizes.repeats, ours, floor)
        floor_file.close()
    absolute = spread("write_ms_1", written) | spread("write_floor_ms_1", raw)
    absolute["write_line_bytes"] = median(write.line_bytes for write in made)
    return Part(
        figures={
            "write_vs_floor_1": ratio(written, raw),
            "write_extra_ms_1": absolute["write_ms_1"] - absolute["write_floor_ms_1"],
        },
        absolute=absolute,
        repeats={"write": sizes.repeats, "write_each": sizes.each},
    )


def _ms(start: float, count: int) -> float:
    return (time.perf_counter() - start) / count * 1e3
