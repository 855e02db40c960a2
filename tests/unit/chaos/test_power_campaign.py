"""The campaign as a whole, on builds without a safeguard: they are found out. That the product passes is `make chaos-power`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from chaos.power.controls import Control, left_of
from chaos.power.trace import Kind, Record

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="recording needs Linux")]


def campaign(build: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "chaos.power", "--build", str(build), "--jobs", "2", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=110)


def test_builds_without_a_safeguard_are_found_out_and_their_images_kept(tmp_path: Path):
    done = campaign(tmp_path, "--control", "no-sink-sync", "--control", "blind-recovery")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "chaos-power-controls.json").read_text())["controls"]
    assert [each["control"] for each in report] == ["no-sink-sync", "blind-recovery"]
    kept = report[0]["violations"][0]["kept"]
    again = subprocess.run(
        [sys.executable, "-m", "chaos.power", "--again", kept], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert again.returncode == 3
    assert again.stdout.splitlines() == report[0]["violations"][0]["violations"]


def test_a_build_that_syncs_no_names_lacks_exactly_those_syncs():
    calls = [
        Record(kind=Kind.MKDIR, path="d", end=1),
        Record(kind=Kind.SYNC, path="d", end=2),
        Record(kind=Kind.SYNC, path="", end=3),
        Record(kind=Kind.SYNC, path="d/payments.jsonl", end=4),
        Record(kind=Kind.WRITE, path="d/payments.jsonl", end=5),
    ]
    assert [call.end for call in left_of(calls, Control.NO_FOLDER_SYNC)] == [1, 4, 5]
    assert [call.end for call in left_of(calls, Control.NO_SINK_SYNC)] == [1, 2, 3, 5]
    assert left_of(calls, Control.NONE) == calls
