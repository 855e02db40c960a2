"""Break the pure rooms on purpose, one small change at a time, and count which changes the rooms' own tests notice.

    python tools/mutants.py                      every mutant of the five rooms
    python tools/mutants.py --sample 150         a part, the same for the same --seed
    python tools/mutants.py --room meter --list  what would be tried

Ends with 3 if less than 85 % are noticed: in each room of a full run, in all of a sample. What the changes are stands in
`mutation.py`, how the tests are run in `mutation_trial.py`. A change that makes no difference is listed in
`mutants_equivalent.txt`, with the reason; it does not count, and an entry that fits no mutant any more is an error.
"""

import argparse
import ast
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutation import Mutant, mutants_of
from mutation_tree import Known, survey
from mutation_trial import PATIENCE, RehearsalFailed, Trial, Verdict, rehearse, tried

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("policy", "meter", "approval", "gate", "provenance")
LEAST = 85.0
SEED = 20
NOT_COPIED = (".git", ".venv", ".tools", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "htmlcov")
EQUIVALENT = Path("tools/mutants_equivalent.txt")


class Unusable(Exception):
    """What was asked for, or what stands in the list of equivalents, cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A change that makes no difference, found again by file, text of the line and change, and why it makes none."""

    path: str
    text: str
    change: str
    because: str
    line: int

    def fits(self, mutant: Mutant) -> bool:
        """Tell whether this is the mutant meant."""
        return (self.path, self.text, self.change) == (mutant.path, mutant.text, mutant.change)


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
            # A copy is tried: whoever works on the files meanwhile changes neither the mutants nor the tests.
            root = Path(scratch).resolve() / "project"
            shutil.copytree(options.root, root, ignore=shutil.ignore_patterns(*NOT_COPIED))
            chosen, excused, known = _chosen(root, options)
            if options.list:
                print(*(mutant for mutants in chosen.values() for mutant in mutants), sep="\n")
                return 0
            trials = _tried(root, chosen, known=known, options=options)
    except (RehearsalFailed, Unusable) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 1
    report = _report(trials, excused, seconds=time.monotonic() - began)
    print(json.dumps(report, indent=2) if options.json else _written(report))
    scores = [report["score"]] if options.sample is not None else [room["score"] for room in report["rooms"].values()]
    return 3 if min(scores) < LEAST else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, metavar="N", help="try only N mutants, drawn by the seed")
    parser.add_argument("--seed", type=int, default=SEED, metavar="S", help=f"what draws the sample (default {SEED})")
    parser.add_argument(
        "--room", action="append", metavar="ROOM", help=f"one room; may be repeated ({', '.join(ROOMS)})"
    )
    parser.add_argument("--list", action="store_true", help="say what would be tried, and try nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="how many are tried at a time (default 2)")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        metavar="S",
        help=f"seconds until a hang is one (default {PATIENCE:.0f})",
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="another project, with the same folders")
    return parser.parse_args(argv)


# What is tried --------------------------------------------------------------------------------------------------------


def _chosen(
    root: Path, options: argparse.Namespace
) -> tuple[dict[str, list[Mutant]], list[tuple[Mutant, Equivalent]], Known]:
    rooms = tuple(options.room or ROOMS)
    package = _package(root)
    known = _known(root / "src" / package)
    everything = {room: _mutants(root, package, room, known=known) for room in rooms}
    excused = _excused(everything, _equivalents(root / EQUIVALENT, rooms=rooms, package=package))
    left_out = {mutant for mutant, _ in excused}
    counted = [mutant for room in everything.values() for mutant in room if mutant not in left_out]
    if options.sample is not None:
        counted = random.Random(options.seed).sample(counted, min(max(0, options.sample), len(counted)))
    if not counted:
        raise Unusable("there is nothing to try")
    drawn = set(counted)
    return {room: [m for m in mutants if m in drawn] for room, mutants in everything.items()}, excused, known


def _package(root: Path) -> str:
    found = [path.parent.name for path in (root / "src").glob("*/__init__.py")]
    if len(found) != 1:
        raise Unusable(f"{root / 'src'} holds {len(found)} packages; expected one")
    return found[0]


def _known(package: Path) -> Known:
    return survey(ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py")))


def _mutants(root: Path, package: str, room: str, *, known: Known) -> list[Mutant]:
    files = sorted((root / "src" / package / room).rglob("*.py"))
    if not files:
        raise Unusable(f"no room {room!r} in src/{package}; there are: {', '.join(ROOMS)}")
    return [
        mutant
        for path in files
        for mutant in mutants_of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"), known)
    ]


def _equivalents(path: Path, *, rooms: tuple[str, ...], package: str) -> list[Equivalent]:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    blocks: list[dict[str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        word, _, rest = line.strip().partition(": ")
        if not line.strip() or line.startswith("#"):
            continue
        if word == "file":
            blocks.append({"number": str(number)})
        if word not in {"file", "line", "change", "because"} or not blocks or word in blocks[-1] or not rest:
            raise Unusable(f"{path}:{number}: {line!r}; expected `file: `, then `line: `, `change: ` and `because: `")
        blocks[-1][word] = rest
    for block in blocks:
        if len(block) < 5:
            raise Unusable(f"{path}:{block['number']}: an entry needs file, line, change and because")
    listed = [
        Equivalent(path=b["file"], text=b["line"], change=b["change"], because=b["because"], line=int(b["number"]))
        for b in blocks
    ]
    return [entry for entry in listed if any(entry.path.startswith(f"src/{package}/{room}/") for room in rooms)]


def _excused(everything: dict[str, list[Mutant]], listed: list[Equivalent]) -> list[tuple[Mutant, Equivalent]]:
    mutants = [mutant for room in everything.values() for mutant in room]
    found = [(mutant, entry) for entry in listed for mutant in mutants if entry.fits(mutant)]
    for entry in listed:
        if entry not in {used for _, used in found}:
            raise Unusable(
                f"{EQUIVALENT}:{entry.line}: no mutant of {entry.path} is `{entry.change}` in `{entry.text}`; "
                "remove the entry, or write it as `--list` does"
            )
    return found


def _tried(
    root: Path, chosen: dict[str, list[Mutant]], *, known: Known, options: argparse.Namespace
) -> dict[str, list[Trial]]:
    suites = {room: rehearse(root, _package(root), room) for room, mutants in chosen.items() if mutants}
    for room, suite in suites.items():
        print(f"{room}: {len(suite.seconds)} tests in {sum(suite.seconds.values()):.1f} s", file=sys.stderr)
    room_of = {mutant: room for room, mutants in chosen.items() for mutant in mutants}
    jobs = [(suites[room], mutant) for mutant, room in room_of.items()]
    trials: dict[str, list[Trial]] = {room: [] for room in chosen}
    ended = tried(jobs, known, workers=options.workers, patience=options.patience)
    for done, trial in enumerate(ended, start=1):
        trials[room_of[trial.mutant]].append(trial)
        if done % 100 == 0 or done == len(jobs):
            print(f"{done} of {len(jobs)} tried", file=sys.stderr)
    return trials


# What is said ---------------------------------------------------------------------------------------------------------


def _report(
    trials: dict[str, list[Trial]], excused: list[tuple[Mutant, Equivalent]], *, seconds: float
) -> dict[str, Any]:
    def told(verdict: Verdict) -> list[dict[str, object]]:
        found = [trial for room in trials.values() for trial in room if trial.verdict is verdict]
        return [
            _place(trial.mutant) for trial in sorted(found, key=lambda trial: (trial.mutant.path, trial.mutant.line))
        ]

    rooms = {room: _counted([trial.verdict for trial in done]) for room, done in trials.items() if done}
    return {
        **_counted([trial.verdict for done in trials.values() for trial in done]),
        "rooms": rooms,
        "seconds": round(seconds, 1),
        "survivors": told(Verdict.SURVIVED),
        "timeouts": told(Verdict.TIMED_OUT),
        "equivalents": [{**_place(mutant), "because": entry.because} for mutant, entry in excused],
    }


def _counted(verdicts: list[Verdict]) -> dict[str, Any]:
    noticed = sum(verdict is not Verdict.SURVIVED for verdict in verdicts)
    return {
        "mutants": len(verdicts),
        "killed": verdicts.count(Verdict.KILLED),
        "timed_out": verdicts.count(Verdict.TIMED_OUT),
        "survived": verdicts.count(Verdict.SURVIVED),
        "score": round(100 * noticed / len(verdicts), 2) if verdicts else 0.0,
    }


def _place(mutant: Mutant) -> dict[str, object]:
    return {"path": mutant.path, "line": mutant.line, "text": mutant.text, "change": mutant.change}


def _written(report: dict[str, Any]) -> str:
    lines = [f"{'room':10} {'mutants':>8} {'killed':>8} {'timed out':>10} {'survived':>9} {'score':>8}"]
    for room, counted in [*report["rooms"].items(), ("all", report)]:
        lines.append(
            f"{room:10} {counted['mutants']:>8} {counted['killed']:>8} {counted['timed_out']:>10} "
            f"{counted['survived']:>9} {counted['score']:>6.2f} %"
        )
    lines.append(f"{len(report['equivalents'])} more make no difference ({EQUIVALENT}); {report['seconds']:.0f} s")
    for word, title in (("survivors", "survived"), ("timeouts", "timed out, counted as killed")):
        if report[word]:
            lines += ["", f"{title}:", *(f"{one['path']}:{one['line']}: {one['change']}" for one in report[word])]
    return "\n".join(lines)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets would be another in every run: what a test notices would be too.
        again = [sys.executable, *sys.argv]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - this very program
    sys.exit(main())
