"""`python -m chaos.power`: cut the power at many moments and see what is left. Ends with 3 if anything told is gone.

python -m chaos.power --images 500 --seed 1          the campaign; the report is build/chaos-power.json
python -m chaos.power --control no-fsync             the same on a build without a safeguard: 0 only if it is found out
python -m chaos.power --again FOLDER                 judge a kept image again
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Final

from chaos.power.campaign import CampaignBroken, Outcome, Plan, find_out, run
from chaos.power.controls import Control
from chaos.power.judge import judge_kept
from chaos.power.recorder import RecorderMissing, make_recorder
from chaos.power.trace import TraceUnusable

OK: Final = 0
BROKEN: Final = 1
FAILED: Final = 3
_IMAGES: Final = 500
_IMAGES_OF_CONTROL: Final = 200  # at most: the first that shows the missing safeguard is the last
_SHOWN: Final = 10
_REMOVED: Final = tuple(control for control in Control if control is not Control.NONE)


def main() -> int:
    """Runs what the arguments say and returns the exit code."""
    given = _arguments()
    if given.again is not None:
        verdict = judge_kept(given.again)
        print("\n".join(verdict.violations) or "nothing is wrong with this image")
        return FAILED if verdict.violations else OK
    controls: tuple[Control, ...] = _REMOVED if given.controls else tuple(given.control or ())
    build: Path = given.build.resolve() / "chaos-power"
    try:
        plan = Plan(
            images=given.images or (_IMAGES_OF_CONTROL if controls else _IMAGES),
            seed=given.seed,
            build=build,
            jobs=given.jobs,
            recorder=make_recorder(build),
        )
        return _find_out(plan, controls, given.build) if controls else _run(plan, given.build)
    except (CampaignBroken, RecorderMissing, TraceUnusable) as error:
        print(f"chaos.power: {error}", file=sys.stderr)
        return BROKEN


def _run(plan: Plan, build: Path) -> int:
    outcome = run(plan)
    _save(build / "chaos-power.json", summary(outcome))
    print(text(outcome))
    return FAILED if outcome.violations else OK


def _find_out(plan: Plan, controls: tuple[Control, ...], build: Path) -> int:
    outcomes = find_out(plan, controls)
    _save(build / "chaos-power-controls.json", {"controls": [summary(outcome) for outcome in outcomes]})
    for outcome in outcomes:
        found = (
            f"was found out: {outcome.violations[0].verdict.violations[0]}"
            if outcome.violations
            else "WAS NOT FOUND OUT"
        )
        print(f"{outcome.plan.control.value}, after {len(outcome.judged)} images: {found}")
    return OK if all(outcome.violations for outcome in outcomes) else FAILED


def _save(path: Path, report: dict[str, object]) -> None:
    path.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def summary(outcome: Outcome) -> dict[str, object]:
    """The report as JSON."""
    return {
        "control": outcome.plan.control.value,
        "seed": outcome.plan.seed,
        "images": len(outcome.judged),
        "recovered": sum(each.verdict.recovered for each in outcome.judged),
        "with_something_unsure": outcome.unsure,
        "images_with_violations": len(outcome.violations),
        "by_call": outcome.by_call(),
        "lives": [
            {
                "calls": len(life.records),
                "facts": len(life.told),
                "begins_on_an_image": bool(life.found),
                "seconds": round(life.seconds, 1),
            }
            for life in outcome.lives
        ],
        "violations": [
            {
                "life": each.cut.life,
                "moment": each.cut.moment,
                "at": each.cut.at,
                "fate": each.cut.fate.value,
                "seed": each.cut.seed,
                "kept": each.kept,
                "violations": list(each.verdict.violations),
            }
            for each in outcome.violations
        ],
        "seconds": round(outcome.seconds, 1),
    }


def text(outcome: Outcome) -> str:
    """The report for a person."""
    lines = [f"{count:6} images at: {at}" for at, count in outcome.by_call().items()]
    recovered = sum(each.verdict.recovered for each in outcome.judged)
    lines.append(
        f"{len(outcome.judged)} images of {len(outcome.lives)} lives, {outcome.unsure} with something unsure, "
        f"{recovered} recovered, "
        f"{len(outcome.violations)} with violations, {outcome.seconds:.0f} s"
    )
    lines += [
        f"  life {each.cut.life}, after call {each.cut.moment} ({each.cut.at}): {each.verdict.violations[0]}"
        for each in outcome.violations[:_SHOWN]
    ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos.power", description="Cut the power at many moments and see what is left."
    )
    parser.add_argument(
        "--images", type=int, help=f"how many images (default {_IMAGES}, {_IMAGES_OF_CONTROL} of a control)"
    )
    parser.add_argument("--seed", type=int, default=1, help="which images are made of a recording")
    removed = ", ".join(control.value for control in _REMOVED)
    parser.add_argument(
        "--control", type=Control, action="append", metavar="SAFEGUARD", help=f"remove one of: {removed}"
    )
    parser.add_argument("--controls", action="store_true", help="remove each of them in turn")
    parser.add_argument("--again", type=Path, metavar="FOLDER", help="judge a kept image again")
    parser.add_argument("--build", type=Path, default=Path("build"), help="where recordings and the report go")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="images judged at once")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
