"""The command of the measurements: `python -m bench`. Exit 0 whatever the figures are: no time is asserted anywhere."""

import argparse
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bench import deciding, flight, growth, verifying, vouching, writing
from bench.figures import Part
from bench.machine import machine, versions
from bench.report import as_json, as_table

_BUILD: Final = Path("build")
PARTS: Final = ("decide", "vouch", "write", "flight", "growth", "verify")


def main() -> int:
    """Measures, prints a table, writes `build/bench.json`."""
    given = _arguments()
    folder = _BUILD / "bench"
    found: list[Part] = []
    here = machine()
    for name in [given.only] if given.only else PARTS:
        shutil.rmtree(folder, ignore_errors=True)
        if not given.json:
            print(f"measuring: {name} ...", flush=True)
        found.append(measured(name, folder, quick=given.quick))
    shutil.rmtree(folder, ignore_errors=True)
    figures = as_json(found, machine=here, versions=versions(), quick=given.quick)
    _BUILD.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=2)
    (_BUILD / "bench.json").write_text(text + "\n")
    print(text if given.json else as_table(figures))
    return 0


def measured(name: str, folder: Path, *, quick: bool) -> Part:
    """The figures of one part."""
    match name:
        case "decide":
            return deciding.measure(deciding.QUICK if quick else deciding.FULL)
        case "vouch":
            return vouching.measure(vouching.QUICK if quick else vouching.FULL)
        case "write":
            return writing.measure(writing.QUICK if quick else writing.FULL, folder)
        case "flight":
            return flight.measure(flight.QUICK if quick else flight.FULL, folder, peer=_peer())
        case "growth":
            return growth.measure(growth.QUICK if quick else growth.FULL, folder)
        case _:
            return verifying.measure(verifying.QUICK if quick else verifying.FULL, folder)


def _peer() -> flight.Peer | None:
    if find_spec("langgraph") is None or find_spec("aiosqlite") is None:
        return None
    # Imported where it is known to be there: it is no dependency of anything else here.
    from bench.langgraph_peer import steps_per_second  # noqa: PLC0415

    return steps_per_second


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures beside floors and peers.")
    parser.add_argument("--quick", action="store_true", help="small counts: a smoke test, no figures to quote")
    parser.add_argument("--only", choices=PARTS, metavar="NAME", help=f"one part: {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
