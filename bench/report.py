"""What a run found, as JSON for a program and as a table for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.figures import GOALS, Part, verdicts


def as_json(
    parts: Sequence[Part], *, machine: Mapping[str, object], versions: Mapping[str, str], quick: bool
) -> dict[str, Any]:
    """Every figure that has a goal under its own name, None where it was not measured; then what is behind them."""
    figures: dict[str, float | None] = dict.fromkeys(GOALS)
    absolute: dict[str, float] = {}
    repeats: dict[str, int] = {}
    for part in parts:
        figures |= part.figures
        absolute |= part.absolute
        repeats |= part.repeats
    met = verdicts(figures)
    return {
        **{key: _rounded(value) for key, value in figures.items()},
        "goals": {key: {"goal": goal.text, "met": met[key]} for key, goal in GOALS.items()},
        "absolute": {key: _rounded(value) for key, value in absolute.items()},
        "repeats": repeats,
        "missing": [part.missing for part in parts if part.missing],
        "quick": quick,
        "machine": dict(machine),
        "versions": dict(versions),
    }


def as_table(figures: Mapping[str, Any]) -> str:
    """The figures beside their goals, then the absolute ones."""
    lines = [f"{'':34}{'measured':>12}  {'goal':30}"]
    for key in GOALS:
        goal = figures["goals"][key]
        said = {True: "met", False: "MISSED", None: ""}[goal["met"]]
        lines.append(f"{key:34}{_shown(figures[key]):>12}  {goal['goal']:30}{said}".rstrip())
    lines.append("")
    absolute = figures["absolute"]
    for key, value in absolute.items():
        if not key.endswith(("_q1", "_q3")):
            low, high = absolute.get(f"{key}_q1"), absolute.get(f"{key}_q3")
            between = f"  {_shown(low)} .. {_shown(high)}" if low is not None else ""
            lines.append(f"  {key:32}{_shown(value):>12}{between}")
    lines += ["", *(f"not measured: {each}" for each in figures["missing"])]
    if figures["quick"]:
        lines.append("quick: the counts are too small for figures to quote")
    return "\n".join(lines).rstrip()


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
