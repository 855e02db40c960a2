"""The root of `due`: finds the verb, loads only its file, turns errors into messages and exit codes. No verb is written here."""

import sys
from collections.abc import Callable
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final

import click

from dueprocess.cli.exits import Exit
from dueprocess.errors import DueProcessError, NotAllowed, NotAuthenticated
from dueprocess.values.foreign import quoted, visible, whole

_LINE_SHOWN: Final = 800  # characters of one line of an error
_EXITS: Final = (
    "Exit codes: 0 done, 1 error, 2 wrong words, 3 a check, test or verification failed, 4 denied by policy, "
    "5 waits for a person, 6 not authorised, 130 interrupted."
)
_VERBS: Final = {
    "demo": ("demo", "Watch a support inbox with and without the gate."),
    "init": ("init", "Write a small project that works."),
    "run": ("run", "Give a task to an agent, or drive what is due."),
    "runs": ("runs", "List runs, show one, cancel or answer it."),
    "approvals": ("approvals", "See what is held, approve, reject or edit it."),
    "actions": ("actions", "Settle outcomes that only a person can tell."),
    "identity": ("identity", "Add and list the people who may approve."),
    "policy": ("policy", "Draft, check, compare, decide, test and publish policies."),
    "evidence": ("evidence", "Keep the documents that agents may cite."),
    "replay": ("replay", "Decide recorded runs again under a policy."),
    "redteam": ("redteam", "Attack a policy with a model that obeys whatever it reads."),
    "ledger": ("ledger", "Verify, export and prove the ledger; erase a run."),
    "audit": ("audit", "Report why the agent did what it did."),
    "stop": ("stop", "The kill switch: a tool, an agent or all."),
    "doctor": ("doctor", "Check files, keys, ledger and what waits."),
}


class LazyGroup(click.Group):
    """A group whose verbs are imported when they are used, so that `due --help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, without loading one."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One verb, its file loaded now."""
        if cmd_name not in _VERBS:
            return None
        module = import_module(f"dueprocess.cli.{_VERBS[cmd_name][0]}")
        return getattr(module, "command")  # noqa: B009 - each verb's file calls its entry `command`

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words of the command line; one that is no text is refused: it can be neither looked up nor recorded."""
        for word in args:
            if whole(word) != word:
                raise click.UsageError(f"{quoted(word)} is not UTF-8; expected whole Unicode text", ctx)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their summaries from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _VERBS.items()])


@click.group(
    cls=LazyGroup, epilog=_EXITS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="dueprocess")
def due() -> None:
    """Due process for AI agents: decided, held where it must be, done once, and on a record a stranger can check."""


def main() -> None:
    """Runs `due`. Exit codes: 0 ok, 1 error, 2 usage, 3 check failed, 4 denied, 5 waiting, 6 not authorised, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character gets its escape
    sys.exit(run(due.main))


def run(entry: Callable[..., Any]) -> int:
    """Runs a click entry point and maps what it raises to an exit code; a user's mistake never shows a traceback."""
    try:
        result = entry(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (NotAuthenticated, NotAllowed) as error:
        _tell(error)
        return Exit.UNAUTHORISED
    except DueProcessError as error:
        _tell(error)
        return Exit.ERROR
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.ERROR
    except OSError as error:
        click.echo(
            f"error: {error.strerror or error}; expected files and folders that can be read and written", err=True
        )
        return Exit.ERROR
    return result if isinstance(result, int) else Exit.OK


def _tell(error: DueProcessError) -> None:
    # A message names what was given, which may be anything: each line is made visible and bounded (I10).
    lines = [visible(line, limit=_LINE_SHOWN) for line in str(error).split("\n")]
    click.echo("\n".join((f"error: {lines[0]}", *lines[1:])), err=True)
