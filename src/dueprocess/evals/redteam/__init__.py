"""A red team against the gate: a scripted model that obeys whatever it reads, goals from a seed, an oracle of its own, figures."""

from dueprocess.evals.redteam.campaign import Outcome, run_campaign, run_goal
from dueprocess.evals.redteam.carriers import read_texts
from dueprocess.evals.redteam.generate import LEAST, goals_against_the_house
from dueprocess.evals.redteam.goal import Endorsement, Goal, Step, Wish
from dueprocess.evals.redteam.oracle import unsafe
from dueprocess.evals.redteam.report import Found, Tally, count, found_json, found_text
from dueprocess.evals.redteam.schemas import goals_against
from dueprocess.evals.redteam.world import own_bench

__all__ = [
    "LEAST",
    "Endorsement",
    "Found",
    "Goal",
    "Outcome",
    "Step",
    "Tally",
    "Wish",
    "count",
    "found_json",
    "found_text",
    "goals_against",
    "goals_against_the_house",
    "own_bench",
    "read_texts",
    "run_campaign",
    "run_goal",
    "unsafe",
]
