import json
import os
import subprocess
import sys
from random import Random

import bootstrap
import pytest
from chaos.approve import CLICKERS, click_round
from chaos.campaign import find_out
from chaos.controls import REMOVED, WANTED, Control
from chaos.kill import kill_round, plans_for
from chaos.orphan import Child, orphan_round
from chaos.points import KILLED_AT, Point
from chaos.report import as_table, control_as_json, control_as_text
from chaos.zombie import Sleep, zombie_round

pytestmark = pytest.mark.slow


def test_agents_that_die_once_at_every_point_leave_nothing_wrong_behind(tmp_path):
    done = kill_round(tmp_path / "round", seed=4, plans=plans_for(KILLED_AT, Random(4)))
    assert done.verdict.violations == []
    assert done.hits.total() >= len(KILLED_AT) // 2
    assert not (tmp_path / "round").exists()


def test_two_drivers_of_one_store_die_and_leave_nothing_wrong_behind(tmp_path):
    plans = plans_for([Point.AFTER_EFFECT, Point.INSIDE_TOOL, Point.RANDOM], Random(5))
    done = kill_round(tmp_path / "round", seed=5, plans=plans, workers=2)
    assert done.verdict.violations == []
    assert done.scenario == "two drivers"


@pytest.mark.parametrize(
    "point", [Point.RECOVERING, Point.GUARDING, Point.COMMANDING, Point.FULL_DISK, Point.EVERYBODY]
)
def test_whoever_dies_at_another_point_leaves_nothing_wrong_behind(tmp_path, point):
    done = kill_round(tmp_path / "round", seed=7, plans=plans_for([point] * 3, Random(8)))
    assert done.verdict.violations == []
    assert done.hits[point] >= 1


@pytest.mark.parametrize("sleep", [Sleep.THINKING, Sleep.OVERLAP, Sleep.TAKES_BACK, Sleep.GUARDED])
def test_a_zombie_is_refused_by_store_and_sink(tmp_path, sleep):
    done = zombie_round(tmp_path / "round", seed=2, sleep=sleep)
    assert done.verdict.violations == []
    assert done.is_confirmed
    assert done.counts["appends refused by the epoch"] == 1
    assert done.counts["payments refused by the void line"] == int(sleep is not Sleep.THINKING)


@pytest.mark.parametrize("child", Child)
def test_a_child_that_outlives_its_worker_pays_once_or_is_refused(tmp_path, child):
    done = orphan_round(tmp_path / "round", seed=1, child=child)
    assert done.verdict.violations == []
    assert done.is_confirmed
    assert done.refused == (child is Child.LATE)


def test_one_of_all_clicks_counts(tmp_path):
    done = click_round(tmp_path / "round", seed=1)
    assert done.verdict.violations == []
    assert (done.clicks, done.completed) == (2 * CLICKERS, 1)


@pytest.mark.parametrize("control", REMOVED)
def test_a_build_without_a_safeguard_is_found_out(tmp_path, control):
    figures = control_as_json(control, find_out(tmp_path, control, seed=1), wanted=WANTED[control])
    assert figures["found_out"], figures
    assert "found out" in control_as_text(figures)


def test_the_build_that_lacks_nothing_is_not_found_out(tmp_path):
    assert find_out(tmp_path, Control.NONE, seed=1).violations == []


def test_the_command_kills_at_one_point_and_writes_what_it_found(tmp_path):
    command = [sys.executable, "-m", "chaos", "--runs", "1", "--point", "after-effect", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(bootstrap.ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures == json.loads((tmp_path / "build" / "chaos.json").read_text())
    assert figures["confirmed_hits"]["after-effect"] >= 1
    assert figures["violations"] == []
    assert "killed after-effect" in as_table(figures)
