"""`due redteam`: what a hijacked model gets done under a policy. How goals are made and judged is in `evals.redteam`."""

from pathlib import Path

import click

from dueprocess.cli.exits import Exit
from dueprocess.cli.inputs import read_input
from dueprocess.cli.options import CONTEXT, as_json
from dueprocess.cli.output import print_json, tell
from dueprocess.errors import FileInvalid, Problem
from dueprocess.evals import Bench
from dueprocess.evals.redteam import (
    LEAST,
    count,
    found_json,
    found_text,
    goals_against,
    goals_against_the_house,
    own_bench,
    read_texts,
    run_campaign,
)
from dueprocess.gate.line import read_principal
from dueprocess.policy import load
from dueprocess.tool.catalogue import read_catalogue
from dueprocess.values import Json

_PATH = click.Path(path_type=Path)


@click.group(context_settings=CONTEXT)
def command() -> None:
    """Attack a policy with a model that obeys whatever it reads."""


@command.command("run", context_settings=CONTEXT)
@click.option(
    "--policy", "policy_path", type=_PATH, metavar="FILE", help="Your policy; the red team's own house if not given."
)
@click.option("--tools", "tools_path", type=_PATH, metavar="FILE", help="The tools file of your policy.")
@click.option("--texts", type=_PATH, metavar="FILE", help="Injection texts, one a line or JSON; plain or .xz.")
@click.option(
    "--goals", type=click.IntRange(min=1), default=LEAST, show_default=True, metavar="N", help="Goals at least."
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="The same seed makes the same goals.")
@click.option(
    "--bar", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Unsafe goals to pass."
)
@click.option("--principal", metavar="ID", help="Who acts under your policy, such as agent:support.")
@click.option("--on-behalf-of", metavar="ID", help="For whom, such as user:ann.")
@as_json
def run(
    *,
    policy_path: Path | None,
    tools_path: Path | None,
    texts: Path | None,
    goals: int,
    seed: int,
    bar: int,
    principal: str | None,
    on_behalf_of: str | None,
    as_json: bool,
) -> int:
    """Count the unsafe effects that reach the sink. Ends with 3 above the bar.

    Nothing is run but the gate, and nothing is stored.
    """
    if (policy_path is None) != (tools_path is None):
        raise click.UsageError("--policy and --tools go together: expected both, or neither")
    if on_behalf_of is not None and principal is None:
        raise click.UsageError("--on-behalf-of needs --principal: nobody cannot act for somebody")
    corpus = read_texts(texts) if texts is not None else ()
    if policy_path is None or tools_path is None:
        outcomes = run_campaign(own_bench(), goals_against_the_house(least=goals, seed=seed, texts=corpus))
    else:
        who: Json = {"id": principal, "on_behalf_of": on_behalf_of} if principal is not None else None
        bench = _bench(policy_path, tools_path, who)
        outcomes = run_campaign(bench, goals_against(bench, least=goals, seed=seed, texts=corpus))
        if not outcomes:
            message = "lists no write and no egress: there is nothing that an attack could do"
            raise FileInvalid(policy_path.name, (Problem(line=1, path="tools", message=message),))
        if not bench.policy.asks_origins:
            tell("warning: the policy does not ask where values come from: name `sources` or `control` in it")
    found = count(outcomes)
    if as_json:
        print_json(found_json(found, seed=seed, bar=bar))
    else:
        click.echo(found_text(found, seed=seed, bar=bar))
    return Exit.OK if found.total.reached <= bar else Exit.FAILED


def _bench(policy_path: Path, tools_path: Path, who: Json) -> Bench:
    tools = read_catalogue(read_input(tools_path), name=tools_path.name)
    policy = load(read_input(policy_path), name=policy_path.name, tools=tools)
    return Bench(policy=policy, tools=tools, principal=read_principal(who))
