"""Recorded runs of agents decided again by the gate: two measures of a policy. Nothing runs, nothing is stored."""

from dueprocess.evals.lines import numbered_lines
from dueprocess.evals.measure import replay_episodes, replay_ground_truth
from dueprocess.evals.reading import read_episodes, read_ground_truth
from dueprocess.evals.recording import Course, Episode, GroundTruth, RecordedCall, TaskKind
from dueprocess.evals.report import AssumeBreach, Autonomy, CapEffect, Report, RuleEffect, report_json, report_text
from dueprocess.evals.walk import Bench, Cap, Counters, Ruled, Walk, walk, walk_again

__all__ = [
    "AssumeBreach",
    "Autonomy",
    "Bench",
    "Cap",
    "CapEffect",
    "Counters",
    "Course",
    "Episode",
    "GroundTruth",
    "RecordedCall",
    "Report",
    "RuleEffect",
    "Ruled",
    "TaskKind",
    "Walk",
    "numbered_lines",
    "read_episodes",
    "read_ground_truth",
    "replay_episodes",
    "replay_ground_truth",
    "report_json",
    "report_text",
    "walk",
    "walk_again",
]
