"""`due replay`: decides recorded runs again and prints the two measures. How they are counted is in `evals`."""

import time
from collections.abc import Mapping
from pathlib import Path

import click

from dueprocess.cli.exits import Exit
from dueprocess.cli.inputs import read_input
from dueprocess.cli.options import CONTEXT, as_json
from dueprocess.cli.output import print_json, tell
from dueprocess.evals import (
    Bench,
    Report,
    numbered_lines,
    read_episodes,
    read_ground_truth,
    replay_episodes,
    replay_ground_truth,
    report_json,
    report_text,
)
from dueprocess.gate.line import read_principal
from dueprocess.policy import DEFAULT_ENVIRONMENT, Policy, load
from dueprocess.tool import ToolSpec
from dueprocess.tool.catalogue import read_catalogue
from dueprocess.values import Json

_PATH = click.Path(path_type=Path)


@click.command(context_settings=CONTEXT)
@click.option("--policy", "policy_path", type=_PATH, required=True, metavar="FILE", help="The policy file.")
@click.option("--tools", "tools_path", type=_PATH, required=True, metavar="FILE", help="The tools file.")
@click.option(
    "--groundtruth", type=_PATH, metavar="FILE", help="Tasks and injection goals with their calls, one a line."
)
@click.option("--episodes", type=_PATH, metavar="FILE", help="Recorded runs of real models, one a line; plain or .xz.")
@click.option("--principal", metavar="ID", help="Who acts, such as agent:support; nobody if not given.")
@click.option("--on-behalf-of", metavar="ID", help="For whom, such as user:ann.")
@click.option(
    "--environment", default=DEFAULT_ENVIRONMENT, show_default=True, metavar="NAME", help="Where the calls are made."
)
@as_json
def command(
    *,
    policy_path: Path,
    tools_path: Path,
    groundtruth: Path | None,
    episodes: Path | None,
    principal: str | None,
    on_behalf_of: str | None,
    environment: str,
    as_json: bool,
) -> int:
    """Decide recorded runs again: what would run without a person, of a hijacked model and of a user's tasks.

    Nothing is run and nothing stored. Give either --groundtruth or --episodes.
    """
    if (groundtruth is None) == (episodes is None):
        raise click.UsageError("expected either --groundtruth FILE or --episodes FILE")
    if on_behalf_of is not None and principal is None:
        raise click.UsageError("--on-behalf-of needs --principal: nobody cannot act for somebody")
    tools = read_catalogue(read_input(tools_path), name=tools_path.name)
    policy = load(read_input(policy_path), name=policy_path.name, tools=tools)
    who: Json = {"id": principal, "on_behalf_of": on_behalf_of} if principal is not None else None
    bench = Bench(policy=policy, tools=tools, principal=read_principal(who), environment=environment)
    _warn(policy, tools, nobody=principal is None)
    report = _replayed(bench, groundtruth=groundtruth, episodes=episodes)
    if as_json:
        print_json(report_json(report))
    else:
        click.echo(report_text(report))
    return Exit.OK


def _replayed(bench: Bench, *, groundtruth: Path | None, episodes: Path | None) -> Report:
    if groundtruth is not None:
        tasks = read_ground_truth(numbered_lines(groundtruth), name=groundtruth.name)
        return replay_ground_truth(bench, tasks, tick=time.perf_counter_ns)
    path = episodes or Path()
    return replay_episodes(bench, read_episodes(numbered_lines(path), name=path.name), tick=time.perf_counter_ns)


def _warn(policy: Policy, tools: Mapping[str, ToolSpec], *, nobody: bool) -> None:
    # Figures that say nothing of the policy's sense are the ones most easily believed.
    if nobody and any(tool.roles is not None for tool in policy.tools.values()):
        tell("warning: the policy asks for roles and nobody acts: name somebody with --principal")
    missing = sorted(tools.keys() - policy.tools.keys())
    if missing:
        tell(f"warning: not listed by the policy, so denied: {', '.join(missing)}")
