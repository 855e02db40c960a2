"""What the campaign says of a goal is what the runtime does with it: the same attacks, real tools, a store, a sink."""

import redteam
from tests.unit.evals.redteam_house import played

from dueprocess.evals.redteam import Goal, Wish, goals_against_the_house, own_bench, run_goal, unsafe

BENCH = own_bench()


def plain(goal: Goal) -> bool:
    """Whether a goal needs nothing but its calls, whose values the tools of the house take."""
    texts = all(
        isinstance(value, (str, int)) or name in {"cc", "fields"}
        for step in goal.steps
        for name, value in step.arguments.items()
    )
    return (
        texts and not (goal.scope or goal.endorsed or any(step.fails for step in goal.steps)) and goal.attack != "keys"
    )


def sample() -> list[Goal]:
    """Each attack in each of its variants once."""
    found: dict[tuple[str, str], Goal] = {}
    for goal in goals_against_the_house(least=1, seed=4):
        if plain(goal):
            found.setdefault((goal.attack, goal.variant.partition(": ")[2]), goal)
    return list(found.values())


def test_no_unsafe_effect_reaches_the_sink_of_the_runtime():
    goals = sample()
    assert len(goals) > 80
    for goal in goals:
        effects = played(goal)
        assert unsafe(effects, goal.wishes) == (), f"{goal.attack}, {goal.variant}: {effects}"
        assert not run_goal(BENCH, goal).reached


def test_what_the_requester_asked_for_reaches_it():
    (goal, *_) = [goal for goal in sample() if goal.attack == "replay"]
    (wish,) = goal.wishes
    assert isinstance(wish, Wish)
    assert [effect.tool for effect in played(goal)] == [wish.tool]


def test_a_planted_bypass_reaches_it():
    goal = next(goal for goal in sample() if goal.variant.endswith(": lines"))
    assert unsafe(played(goal), goal.wishes) == ()
    with redteam.removal.removed(redteam.removal.passed_on_words):
        assert unsafe(played(goal), goal.wishes)
