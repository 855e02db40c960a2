"""The command of the kill campaign: `python -m chaos`. Exit 0 if nothing was violated, 3 if something was.

With `--control` or `--controls` it runs builds without a safeguard, and exits 0 only if each of them was found out.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from chaos.campaign import campaign, find_out
from chaos.controls import REMOVED, WANTED, Control
from chaos.points import KILLED_AT, Point
from chaos.report import as_json, as_table, control_as_json, control_as_text, save

_BUILD: Final = Path("build")
_VIOLATED: Final = 3


def main() -> int:
    given = _arguments()
    if given.controls or given.control is not None:
        return _control(given)
    result = campaign(_BUILD / "chaos", runs=given.runs, seed=given.seed, only=given.point)
    figures = as_json(result)
    save(figures, _BUILD / "chaos.json")
    print(json.dumps(figures, indent=2) if given.json else as_table(figures))
    return _VIOLATED if result.violations else 0


def _control(given: argparse.Namespace) -> int:
    controls = REMOVED if given.controls else (given.control,)
    found = []
    for control in controls:
        verdict = find_out(_BUILD / "chaos", control, seed=given.seed)
        figures = control_as_json(control, verdict, wanted=WANTED[control])
        found.append(figures)
        if not given.json:
            print(control_as_text(figures), flush=True)
    save(found, _BUILD / "chaos-controls.json")
    if given.json:
        print(json.dumps(found, indent=2))
    return 0 if all(figures["found_out"] for figures in found) else _VIOLATED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description="Kills agents at every named point and checks what is left."
    )
    parser.add_argument("--runs", type=int, default=5, help="confirmed hits per point")
    parser.add_argument("--seed", type=int, default=1, help="what varies orders, deaths and instants")
    parser.add_argument("--point", type=Point, choices=KILLED_AT, help="kill at this point only", metavar="POINT")
    parser.add_argument(
        "--control", type=Control, choices=tuple(WANTED), help="a build without one safeguard", metavar="CONTROL"
    )
    parser.add_argument("--controls", action="store_true", help="all of these builds, one after the other")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
