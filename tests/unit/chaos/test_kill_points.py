import json
import os
import signal
import threading
from pathlib import Path
from random import Random

from chaos.campaign import Result
from chaos.clock import SteppingClock, step
from chaos.full_disk import fill
from chaos.kill import plans_for
from chaos.orders import Order, Trait, mixed_orders
from chaos.points import KILLED_AT, Hit, Notes, Plan, Point, Spot, Striker

from dueprocess.values import seconds
from dueprocess.wiring.clock import SystemClock


def test_a_seed_makes_the_same_orders_and_the_same_deaths():
    assert mixed_orders(3) == mixed_orders(3)
    assert plans_for(KILLED_AT, Random(3)) == plans_for(KILLED_AT, Random(3))
    assert mixed_orders(3) != mixed_orders(4)


def test_a_round_has_an_order_of_every_trait_that_has_no_round_of_its_own():
    assert {order.trait for order in mixed_orders(1)} == set(Trait) - {Trait.PAIR, Trait.ORPHAN, Trait.LATE}


def test_the_lines_of_an_order_lead_back_to_it():
    for order in (*mixed_orders(1), Order(name="pair-1-0")):
        assert all(Order(name=line).trait is order.trait for line in order.lines)


def test_a_striker_strikes_once_at_the_planned_hit_of_the_planned_point(tmp_path):
    notes = Notes(tmp_path / "notes.jsonl")
    striker = Striker(Plan(point=Point.AFTER_INTENT, hit=2), notes)
    child = os.fork()
    if not child:
        for point in (Point.AFTER_EFFECT, Point.AFTER_INTENT, Point.AFTER_EFFECT):
            striker.at(point)
        notes.write("alive")
        striker.at(Point.AFTER_INTENT, Spot(action="a_1", attempt=1, key="k_1"))
        notes.write("not dead")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert notes.hits() == [Hit(point=Point.AFTER_INTENT, pid=child, spot=Spot(action="a_1", attempt=1, key="k_1"))]
    assert notes.of("alive")
    assert not notes.of("not dead")


def test_a_striker_without_a_plan_does_nothing(tmp_path):
    Striker(None, Notes(tmp_path / "notes.jsonl")).at(Point.AFTER_INTENT)
    assert not (tmp_path / "notes.jsonl").exists()


def test_a_line_that_a_death_has_cut_is_passed_over(tmp_path):
    notes = Notes(tmp_path / "notes.jsonl")
    notes.write("approved", action="a_1")
    notes.path.write_bytes(notes.path.read_bytes() + b'{"kind": "appro')
    assert [said["action"] for said in notes.of("approved")] == ["a_1"]


def test_a_point_that_was_not_hit_often_enough_is_a_violation():
    assert Result(seed=1, runs=5, unreached=["random: 5 hits missing"]).violations == [
        ("unreached", "random: 5 hits missing")
    ]


def test_who_is_killed_anywhere_tells_where_it_was(tmp_path):
    notes = Notes(tmp_path / "notes.jsonl")
    striker = Striker(Plan(point=Point.GUARDING, hit=2), notes)
    child = os.fork()
    if not child:
        striker.at(Point.BEFORE_INTENT)
        striker.at(Point.AFTER_EFFECT, Spot(action="a_1"))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert notes.hits() == [Hit(point=Point.GUARDING, pid=child, spot=Spot(action="a_1", part="after-effect"))]


def test_a_step_of_the_clock_is_seen_by_whoever_has_it_open(tmp_path):
    path = tmp_path / "clock"
    step(path, 0)
    clock, system = SteppingClock(path), SystemClock()
    assert abs(clock.now() - system.now()) < seconds(1000)
    step(path, seconds(5000))
    assert clock.now() - system.now() > seconds(4000)
    step(path, seconds(-10000))
    assert clock.now() - system.now() < seconds(-4000)
    assert abs(SteppingClock(tmp_path / "none").now() - system.now()) < seconds(1000)


def test_a_full_disk_cuts_a_write_short_and_has_room_again(tmp_path):
    (tmp_path / "wal").write_bytes(bytes(100_000))
    notes = Notes(tmp_path / "notes.jsonl")
    child = os.fork()
    if not child:
        striker = Striker(Plan(point=Point.FULL_DISK), notes)
        threading.Thread(target=fill, args=(tmp_path, striker), kwargs={"delay_s": 0.0, "random": Random(1)}).start()
        said: list[str] = []
        while True:
            told = "full" if not _grows(tmp_path / "wal") else "room"
            if said[-1:] != [told]:
                said.append(told)
                notes.write(told)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    told = [json.loads(line)["kind"] for line in notes.path.read_bytes().splitlines()]
    assert [each for each in told if each != "hit"][-2:] == ["full", "room"]


def _grows(path: Path) -> bool:
    try:
        with path.open("ab", buffering=0) as file:
            return file.write(b"x" * 1000) == 1000
    except OSError:
        return False
