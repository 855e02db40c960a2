import os
import signal
from random import Random

from chaos.campaign import Result
from chaos.kill import plans_for
from chaos.orders import Order, Trait, mixed_orders
from chaos.points import KILLED_AT, Hit, Notes, Plan, Point, Spot, Striker


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
