"""What a campaign says in the end: a table for people, JSON for programs. Nothing is judged here."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from chaos.campaign import Result
from chaos.controls import Control
from chaos.orphan import Child
from chaos.points import KILLED_AT
from chaos.verdict import Verdict
from chaos.zombie import Sleep


def as_json(result: Result) -> dict[str, Any]:
    """All figures of a campaign."""
    kinds = Counter(what for what, _ in result.violations)
    refused = sum((zombie.counts for zombie in result.zombies), Counter[str]())
    return {
        "seed": result.seed,
        "runs": result.runs,
        "seconds": round(result.seconds, 1),
        "rounds": len(result.rounds),
        "rounds_with_two_drivers": sum(round_.scenario == "two drivers" for round_ in result.rounds),
        "confirmed_hits": {point.value: result.hits[point] for point in KILLED_AT if point in result.hits},
        "zombies": {
            sleep.value: sum(zombie.is_confirmed and zombie.sleep is sleep for zombie in result.zombies)
            for sleep in Sleep
        },
        "zombie_appends_refused": refused["appends refused by the epoch"],
        "zombie_payments_refused": refused["payments refused by the void line"],
        "orphans": {
            child.value: sum(orphan.is_confirmed and orphan.child is child for orphan in result.orphans)
            for child in Child
        },
        "orphan_payments_refused": sum(orphan.refused for orphan in result.orphans),
        "double_clicks": len(result.clicks),
        "double_effects": kinds["double effects"],
        "lost_tasks": kinds["lost tasks"],
        "overruns": kinds["overruns"],
        "ledger_invalid": kinds["ledger"] + kinds["tables"],
        "violations": [{"what": what, "said": said} for what, said in result.violations],
        "counts": dict(sorted(result.counts.items())),
    }


def as_table(figures: dict[str, Any]) -> str:
    """The figures for a person."""
    counts = figures["counts"]
    rows = [(f"killed {point}", hits) for point, hits in figures["confirmed_hits"].items()]
    rows += [(f"frozen {sleep}", hits) for sleep, hits in figures["zombies"].items() if hits]
    rows += [(f"orphaned child pays {child}", hits) for child, hits in figures["orphans"].items() if hits]
    rows += [
        ("late appends of zombies refused", figures["zombie_appends_refused"]),
        ("late payments of zombies refused", figures["zombie_payments_refused"]),
        ("late payments of orphans refused", figures["orphan_payments_refused"]),
        ("rounds with two drivers", figures["rounds_with_two_drivers"]),
        ("double clicks from 8 processes", figures["double_clicks"]),
        ("tasks / events", f"{counts.get('tasks', 0)} / {counts.get('events', 0)}"),
        (
            "attempts / lost with a worker",
            f"{counts.get('attempts', 0)} / {counts.get('attempts lost with a worker', 0)}",
        ),
        (
            "effects settled / in the sink",
            f"{counts.get('effects settled', 0)} / {counts.get('effects in the sink', 0)}",
        ),
        ("double effects", figures["double_effects"]),
        ("lost tasks", figures["lost_tasks"]),
        ("overruns", figures["overruns"]),
        ("ledgers or tables that are wrong", figures["ledger_invalid"]),
        ("violations in all", len(figures["violations"])),
    ]
    lines = [f"{name:<36} {value!s:>16}" for name, value in rows]
    lines += [f"VIOLATION {each['what']}: {each['said']}" for each in figures["violations"]]
    lines.append(f"seed {figures['seed']}, {figures['seconds']:g} s")
    return "\n".join(lines)


def control_as_json(control: Control, verdict: Verdict, *, wanted: str) -> dict[str, Any]:
    """What was found out about a build without a safeguard."""
    return {
        "control": control.value,
        "found_out": any(what == wanted for what, _ in verdict.violations),
        "by": wanted,
        "violations": [{"what": what, "said": said} for what, said in verdict.violations],
    }


def control_as_text(figures: dict[str, Any]) -> str:
    """The same for a person."""
    found = next((each["said"] for each in figures["violations"] if each["what"] == figures["by"]), "NOTHING WAS FOUND")
    return f"{figures['control']:<16} {'found out' if figures['found_out'] else 'MISSED':<10} {figures['by']}: {found}"


def save(figures: object, path: Path) -> None:
    """Writes JSON where other programs look for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")
