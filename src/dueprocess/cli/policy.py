"""`due policy`: draft, check, compare, decide, test and publish a policy file. Deciding is the matter of `policy` and `gate`."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import click

from dueprocess.cli import options
from dueprocess.cli.exits import Exit
from dueprocess.cli.inputs import read_input
from dueprocess.cli.needs import need_z3
from dueprocess.cli.output import print_json
from dueprocess.errors import FileInvalid, Problem, StoreUnavailable
from dueprocess.gate.explained import explained, explained_json
from dueprocess.gate.line import MAX_LINE, judge_line, read_line
from dueprocess.gate.trial import Trial, trial_json, try_tests
from dueprocess.policy import DEFAULT_ENVIRONMENT, Policy, load
from dueprocess.tool import ToolSpec
from dueprocess.tool.catalogue import read_catalogue
from dueprocess.values import Json
from dueprocess.values.foreign import visible

_LONGEST_PATH: Final = 4096  # PATH_MAX: a path is shown whole or nobody finds it
_PATH = click.Path(path_type=Path)
_policy = click.option("--policy", "policy_path", type=_PATH, required=True, metavar="FILE", help="The policy file.")
_tools = click.option("--tools", "tools_path", type=_PATH, required=True, metavar="FILE", help="The tools file.")
_or_project = click.option(
    "--tools",
    "tools_path",
    type=_PATH,
    metavar="FILE",
    help="The tools file. Without it: the tools of the agent whose policy it is, in the project beside or above it.",
)
_environment = click.option(
    "--environment", default=DEFAULT_ENVIRONMENT, show_default=True, metavar="NAME", help="Where the calls are made."
)
_identities = click.option(
    "--identities", "identities_path", type=_PATH, metavar="FILE", help="The people, to check quorums against."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def command() -> None:
    """Draft, check, compare, decide, explain, test and publish policies."""


@command.command()
@click.argument("policy_path", metavar="POLICY", type=_PATH)
@_or_project
@_identities
@_json
def check(*, policy_path: Path, tools_path: Path | None, identities_path: Path | None, as_json: bool) -> int:
    """Say everything that is wrong with POLICY.

    Ends with 0 if it loads, with 3 if it does not. Without tools, what needs their schemas is not checked.
    """
    content = read_input(policy_path)
    try:
        tools = _tools_for(policy_path, tools_path)
        policy = load(
            content,
            name=policy_path.name,
            tools=tools,
            groups=_groups(identities_path) if identities_path is not None else None,
        )
    except FileInvalid as error:
        if as_json:
            print_json({"ok": False, "file": error.name, "problems": _told(error.problems), "warnings": []})
        else:
            click.echo(str(error))
        return Exit.FAILED
    if as_json:
        print_json(
            {
                "ok": True,
                "file": policy.name,
                "digest": policy.digest,
                "tools": [*sorted(policy.tools)],
                "problems": [],
                "warnings": _told(policy.warnings),
            }
        )
        return Exit.OK
    for warning in policy.warnings:
        click.echo(f"warning: {warning}")
    against = "" if tools is not None else "; without --tools, arguments were not checked"
    click.echo(f"{policy.name} loads: {len(policy.tools)} tools, digest {policy.digest}{against}")
    return Exit.OK


@command.command(short_help="Decide calls, one line of JSON in, one out.")
@_policy
@_tools
@click.option("--calls", "calls_path", required=True, metavar="FILE", help="One call a line; - reads them from stdin.")
@_environment
@_json
def decide(*, policy_path: Path, tools_path: Path, calls_path: str, environment: str, as_json: bool) -> int:
    """Decide calls, one line of JSON in, one out; ends with 0 whatever is decided.

    A line is {"id", "tool", "arguments", "principal"?, "evidence"?, "citations"?}. Nothing is counted or remembered.
    """
    del as_json  # the output is JSON either way
    policy, tools = _both(policy_path, tools_path)
    if calls_path == "-":
        _decide(policy, tools, sys.stdin.buffer, environment)
        return Exit.OK
    with _opened(calls_path) as calls:
        _decide(policy, tools, calls, environment)
    return Exit.OK


@command.command(short_help="Show every rule that was asked about one call.")
@_policy
@_or_project
@click.option(
    "--call", "call_text", required=True, metavar="JSON", help="One call, as a line of --calls; - reads stdin."
)
@_environment
@_json
def explain(*, policy_path: Path, tools_path: Path | None, call_text: str, environment: str, as_json: bool) -> int:
    """Show every rule that was asked about one call, those that passed too."""
    policy, tools = _both(policy_path, tools_path)
    line = sys.stdin.buffer.read(MAX_LINE + 1) if call_text == "-" else call_text.encode("utf-8", "surrogateescape")
    found = explained(policy, tools, read_line(line, environment=environment))
    if as_json:
        print_json(explained_json(found))
    else:
        click.echo(str(found))
    return Exit.OK


@command.command()
@click.argument("policy_path", metavar="POLICY", type=_PATH)
@_or_project
@_json
def test(*, policy_path: Path, tools_path: Path | None, as_json: bool) -> int:
    """Run the tests that POLICY carries; ends with 3 if one fails."""
    policy, tools = _both(policy_path, tools_path)
    trials = try_tests(policy, tools)
    failed = [trial for trial in trials if not trial.passed]
    if as_json:
        print_json({"ok": not failed, "file": policy.name, "tests": [trial_json(trial) for trial in trials]})
    else:
        for trial in trials:
            _print_trial(trial)
        click.echo(f"{len(trials) - len(failed)} of {len(trials)} tests pass")
    return Exit.FAILED if failed else Exit.OK


@command.command(name="draft", short_help="Write a first policy for a set of tools.")
@_tools
def draft_file(*, tools_path: Path) -> int:
    """Write a first policy for a set of tools to standard output.

    Made from the schemas alone: every guess is commented and fails closed. Nobody has reviewed it but you.
    """
    from dueprocess.analysis.draft import draft

    click.echo(draft(_catalogue(tools_path)), nl=False)
    return Exit.OK


@command.command(name="lint", short_help="Find rules that cannot do what they seem to.")
@click.argument("policy_path", metavar="POLICY", type=_PATH)
@_or_project
@_identities
@_json
def lint_file(*, policy_path: Path, tools_path: Path | None, identities_path: Path | None, as_json: bool) -> int:
    """Say what is wrong with POLICY, and which of its rules cannot do what they seem to.

    Beyond `check`: conditions that never hold, always hold, or fail for a call that fits the schema; rules and thresholds
    that others cover. Ends with 3 for a problem; warnings do not count. Needs the extra analyze.
    """
    need_z3("due policy lint")
    from dueprocess.cli.lint import lint

    tools = _needed(policy_path, tools_path)
    groups = _groups(identities_path) if identities_path is not None else None
    return lint(read_input(policy_path), name=policy_path.name, tools=tools, groups=groups, as_json=as_json)


@command.command(name="diff", short_help="What a change lets through, with a call for each.")
@click.argument("before_path", metavar="OLD", type=_PATH)
@click.argument("after_path", metavar="NEW", type=_PATH)
@_or_project
@click.option("--allow-widening", is_flag=True, help="End with 0 although more may run.")
@_json
def diff_files(
    *, before_path: Path, after_path: Path, tools_path: Path | None, allow_widening: bool, as_json: bool
) -> int:
    """Show what NEW decides otherwise than OLD: for each rule a call, confirmed by the decider.

    Ends with 3 if something is widened, or may be: what was denied or held may now run. Needs the extra analyze.
    """
    need_z3("due policy diff")
    from dueprocess.cli.diff import diff

    # In a project either of the two may be the agent's own.
    tools = _tools_for(before_path, tools_path) or _needed(after_path, tools_path)
    before, after = (load(read_input(path), name=path.name, tools=tools) for path in (before_path, after_path))
    return diff(before, after, tools=tools, allow_widening=allow_widening, as_json=as_json)


@command.command(name="backtest", short_help="Decide recorded calls again under a policy.")
@click.argument("policy_path", metavar="POLICY", type=_PATH)
@click.option("--since", required=True, metavar="TIME", help="From when: RFC 3339, a date, or a duration such as 30d.")
@click.option("--agent", default="", metavar="NAME", help="Whose calls, where several agents have run.")
@options.folder
@_json
def backtest_file(*, policy_path: Path, since: str, agent: str, directory: Path, as_json: bool) -> int:
    """Decide recorded calls again under POLICY: what it would have let through, held and denied, and the money in it.

    Each is decided on what its run had read and done, and counters are counted again; what people said is taken as said. A call that cannot
    be decided from what was kept is listed, and so is one that depends on what nobody recorded.
    """
    # As publishing: only verbs with a store load it.
    from dueprocess.cli.backtest import backtest

    return backtest(policy_path, since=since, agent=agent, directory=directory, as_json=as_json)


@command.command(name="export", short_help="Write a policy in another language.")
@click.argument("policy_path", metavar="POLICY", type=_PATH)
@_or_project
@click.option("--to", "language", type=click.Choice(["cedar"]), required=True, help="The language.")
@click.option("--schema", "schema_path", type=_PATH, metavar="FILE", help="Write the schema for the policies to FILE.")
@click.option("--lossy", is_flag=True, help="Leave out what cannot be said, instead of forbidding the tool.")
def export_file(
    *, policy_path: Path, tools_path: Path | None, language: str, schema_path: Path | None, lossy: bool
) -> int:
    """Write POLICY in another language to standard output, as far as that can say it.

    What it cannot say is listed at the top and on standard error; a tool with such a restriction is forbidden there.
    """
    del language  # there is one
    from dueprocess.cli.export import export

    policy, tools = _both(policy_path, tools_path)
    return export(policy, tools, schema_path=schema_path, lossy=lossy)


@command.command(name="publish")
@click.argument("policy_path", metavar="POLICY", type=_PATH)
@click.option("--agent", required=True, metavar="NAME", help="The agent that it decides for.")
@options.token_file
@options.folder
@_json
def publish_file(*, policy_path: Path, agent: str, token_file: Path | None, directory: Path, as_json: bool) -> int:
    """Put POLICY in force for an agent, from the next decision on. Needs a token; its publisher cannot approve under it.

    Ends with 3, and publishes nothing, if a test that it carries fails.
    """
    # Only this verb has a store: the others stay fast.
    from dueprocess.cli.publish import publish

    return publish(policy_path, agent=agent, token_file=token_file, directory=directory, as_json=as_json)


def _print_trial(trial: Trial) -> None:
    click.echo(f"{'pass' if trial.passed else 'FAIL'}  {visible(trial.test.name)}")
    if not trial.passed:
        click.echo(f"      line {trial.test.line}: {trial.why}")


def _both(policy_path: Path, tools_path: Path | None) -> tuple[Policy, Mapping[str, ToolSpec]]:
    tools = _needed(policy_path, tools_path)
    return load(read_input(policy_path), name=policy_path.name, tools=tools), tools


def _needed(policy_path: Path, tools_path: Path | None) -> Mapping[str, ToolSpec]:
    tools = _tools_for(policy_path, tools_path)
    if tools is None:
        raise click.UsageError(
            f"--tools FILE is missing, and {visible(str(policy_path), limit=_LONGEST_PATH)} is no agent's policy in a project"
        )
    return tools


def _tools_for(policy_path: Path, tools_path: Path | None) -> Mapping[str, ToolSpec] | None:
    if tools_path is not None:
        return _catalogue(tools_path)
    # Only here is a project looked for: with a tools file the verbs stay fast.
    from dueprocess.wiring.build import tools_for

    return tools_for(policy_path)


def _catalogue(path: Path) -> Mapping[str, ToolSpec]:
    return read_catalogue(read_input(path), name=path.name)


def _groups(path: Path) -> Mapping[str, frozenset[str]]:
    from dueprocess.wiring.identity import IdentityFile

    if not path.exists():
        raise StoreUnavailable(f"{path} cannot be read: there is no such file")
    return IdentityFile.open(path).names()


def _opened(name: str) -> BinaryIO:
    # Only what goes wrong with this file is said of it: reading it and printing the answers take turns.
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise StoreUnavailable(f"{visible(name, limit=_LONGEST_PATH)} cannot be read: {error.strerror}") from None


def _decide(policy: Policy, tools: Mapping[str, ToolSpec], calls: BinaryIO, environment: str) -> None:
    for line in _lines(calls):
        click.echo(judge_line(policy, tools, line, environment=environment))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    # A line that is too long is cut there: it is denied for its length, and never held in memory whole.
    while line := stream.readline(MAX_LINE + 1):
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE + 1)
        yield line.removesuffix(b"\n")


def _told(problems: tuple[Problem, ...]) -> list[Json]:
    return [{"line": problem.line, "path": problem.path, "message": problem.message} for problem in problems]
