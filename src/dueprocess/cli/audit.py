"""`due audit`: why did the agent do this? One report, written three ways. What is in it is put together in `wiring.report`."""

from pathlib import Path

import click

from dueprocess.cli import options
from dueprocess.cli.inputs import since_instant
from dueprocess.cli.output import in_ascii, print_json, tell
from dueprocess.values import canonical
from dueprocess.wiring.access import Access, access
from dueprocess.wiring.report import Report, report_on_action, report_on_run, report_since
from dueprocess.wiring.report_html import report_html
from dueprocess.wiring.report_json import report_json
from dueprocess.wiring.report_text import report_text
from dueprocess.wiring.whole import write_whole


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """Tell why the agent did what it did, with proofs."""


@command.command(short_help="Report on an action, a run or a time.")
@click.option("--action", metavar="ACTION", help="One action.")
@click.option("--run", metavar="RUN", help="One run and all its actions.")
@click.option("--since", metavar="TIME", help="Every run since then: RFC 3339, a date, or a duration such as 24h.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "html"]),
    help="How it is written.  [default: text, or what the name of --out says]",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it here.")
@options.folder
@options.as_json
def report(
    *,
    action: str | None,
    run: str | None,
    since: str | None,
    form: str | None,
    out: Path | None,
    directory: Path,
    as_json: bool,
) -> None:
    """Report on an action, a run or a time, with the proof that each event is in the ledger.

    Who acted, for whom; what was done; which rules decided, with which values, on what evidence; who approved; what came of
    it, and what it cost.
    """
    if sum(each is not None for each in (action, run, since)) != 1:
        raise click.UsageError("say what the report is about: --action ACTION, --run RUN or --since TIME")
    if as_json and out is None and form not in (None, "json"):
        raise click.UsageError(
            f"--json prints JSON and --format {form} does not; leave one out, or write to --out FILE"
        )
    form = form or _form_of(out, otherwise="json" if as_json else "text")
    with access(directory) as here:
        written = _written(_report(here, action, run, since), form)
    if out is None:
        click.echo(written, nl=False)
        return
    write_whole(out, written.encode())
    if as_json:
        print_json({"file": str(out), "format": form})
        return
    click.echo(out)
    tell(
        "each event in it carries the proof that it is in the ledger; check a proof file: due ledger prove, due ledger verify"
    )


def _report(here: Access, action: str | None, run: str | None, since: str | None) -> Report:
    if action is not None:
        return report_on_action(here, action)
    if run is not None:
        return report_on_run(here, run)
    return report_since(here, since_instant(since or "", now=here.shell.clock.now()))


def _form_of(out: Path | None, *, otherwise: str) -> str:
    endings = {".html": "html", ".htm": "html", ".json": "json", ".txt": "text"}
    return endings.get(out.suffix.lower(), otherwise) if out is not None else otherwise


def _written(made: Report, form: str) -> str:
    if form == "json":
        return in_ascii(canonical(report_json(made))) + "\n"
    return report_html(made) if form == "html" else report_text(made)
