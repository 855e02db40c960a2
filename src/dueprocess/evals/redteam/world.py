"""The house that the red team attacks by itself: its tools and its policy, as they ship. What is tried there is in `attacks`."""

from importlib.resources import files

from dueprocess.evals.walk import Bench
from dueprocess.policy import load
from dueprocess.tool.catalogue import read_catalogue


def own_bench() -> Bench:
    """The house's policy over its tools; nobody in particular acts."""
    room = files("dueprocess.evals.redteam")
    tools = read_catalogue(room.joinpath("tools.json").read_bytes(), name="tools.json")
    return Bench(policy=load(room.joinpath("policy.yaml").read_bytes(), name="policy.yaml", tools=tools), tools=tools)
