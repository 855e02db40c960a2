"""What `due policy publish` does and prints. The verb itself stands with its siblings in `policy`: they need no store."""

from pathlib import Path

import click

from dueprocess.cli.commands import command as due
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import print_json, tell
from dueprocess.cli.person import person
from dueprocess.gate.trial import trial_json
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import access
from dueprocess.wiring.publish import Published, publish_policy


def publish(policy_path: Path, *, agent: str, token_file: Path | None, directory: Path, as_json: bool) -> int:
    """Publishes the policy of a file and prints what became of it."""
    with access(directory) as here:
        who = person(here, token_file)
        done = publish_policy(here, policy_path, agent=agent, person=who)
    if as_json:
        print_json(
            {
                "ok": not done.failed,
                "agent": agent,
                "digest": done.policy.digest,
                "author": who.id,
                "how": who.how,
                "changed": done.changed,
                "failed_tests": [trial_json(trial) for trial in done.failed],
                "stuck_runs": [*done.stuck],
            }
        )
    else:
        _print(done, agent=agent, author=who.id, directory=directory)
    return Exit.FAILED if done.failed else Exit.OK


def _print(done: Published, *, agent: str, author: str, directory: Path) -> None:
    if done.failed:
        tell(f"not published: {len(done.failed)} of its own tests fail")
        for trial in done.failed:
            click.echo(f"FAIL  {visible(trial.test.name)}")
            click.echo(f"      line {trial.test.line}: {trial.why}")
        return
    for warning in done.policy.warnings:
        tell(f"warning: {warning}")
    click.echo(done.policy.digest)
    if not done.changed:
        tell(f"in force for {agent} already, published by {author}")
        return
    tell(f"in force for {agent} from the next decision on; {author} published it and may not approve under it")
    for run in done.stuck:
        tell(
            f"{run} cannot go on under it: it does not load with the tools of its release; cancel it or publish another:"
        )
        tell(f"  {due(directory, 'runs', 'cancel', run)}")
