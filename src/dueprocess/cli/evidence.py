"""`due evidence`: documents that agents may cite, kept in the folder's index. How they are read is in `wiring.evidence`."""

from pathlib import Path

import click

from dueprocess.cli import options
from dueprocess.cli.commands import command as due
from dueprocess.cli.output import foreign_lines, print_json, print_table, tell
from dueprocess.evidence import MAX_LIMIT, PUBLIC, Access, Document, Listed, Retrieved, Viewer, Visibility, passages
from dueprocess.metric import CitationRate
from dueprocess.values import Json
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import access
from dueprocess.wiring.citing import citation_rates
from dueprocess.wiring.evidence import FORMATS, found_json, open_evidence, read_file

_SHOWN = 300

_kind = click.option(
    "--format", "kind", type=click.Choice(FORMATS), help="What the file is; without it, as its name says."
)


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """Keep the documents that agents may cite: add, read, search, list and remove them. See how often they cite none."""


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--access", "names", multiple=True, metavar="NAME", help="Who may see it: user:, group: or agent:; may be repeated."
)
@click.option("--everyone", is_flag=True, help="Everyone may see it.")
@click.option("--id", "name", default="", metavar="ID", help="What citations call it; without it, the path as given.")
@click.option(
    "--trusted", is_flag=True, help="What a person sees of it may be taken at its word; what is hidden never."
)
@_kind
@options.folder
@options.as_json
def add(
    files: tuple[Path, ...],
    *,
    names: tuple[str, ...],
    everyone: bool,
    name: str,
    trusted: bool,
    kind: str | None,
    directory: Path,
    as_json: bool,
) -> None:
    """Add files, each in place of the document of the same id. Say who may see them.

    Reads text, Markdown, HTML, e-mail and PDF. What a person does not see in them is kept apart and marked.
    """
    if everyone == bool(names):
        raise click.UsageError("say who may see it: --everyone, or --access NAME")
    if name and len(files) > 1:
        raise click.UsageError("--id names one document; give one file")
    seen_by = PUBLIC if everyone else Access.of(*names)
    # All are read before the first is kept: a file that cannot be read leaves nothing half done.
    documents = [read_file(file, access=seen_by, name=name, kind=kind or "", trusted=trusted) for file in files]
    with open_evidence(directory, make=True) as index:
        done = [(document, index.add(document)) for document in documents]
    if as_json:
        print_json({"documents": [{**_counts(document), "changed": changed} for document, changed in done]})
        return
    for document, changed in done:
        what = "kept" if changed else "unchanged"
        click.echo(f"{visible(document.id, limit=_SHOWN)} {what}: {_told(document)}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@_kind
@options.as_json
def read(file: Path, *, kind: str | None, as_json: bool) -> None:
    """Show what is read of FILE, part by part, and keep nothing."""
    document = read_file(file, access=PUBLIC, kind=kind or "")
    if as_json:
        parts: list[Json] = [
            {
                "start": start,
                "end": start + len(part.text),
                "visibility": part.visibility.value,
                "why": part.why,
                "text": part.text,
            }
            for start, part in document.spans()
        ]
        print_json({**_counts(document), "parts": parts})
        return
    for start, part in document.spans():
        why = f", {part.why}" if part.why else ""
        tell(f"{start} to {start + len(part.text)}, {part.visibility.value}{why}:")
        click.echo(foreign_lines(part.text, indent="  "))


@command.command()
@click.argument("query")
@click.option("--agent", default="", metavar="agent:NAME", help="The agent that asks.")
@click.option("--for", "person", default="", metavar="user:NAME", help="The person it acts for.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group of that person; may be repeated.")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, MAX_LIMIT), help="Chunks at most.")
@click.option("--hidden", "with_hidden", is_flag=True, help="Show the text of what a person does not see, too.")
@options.folder
@options.as_json
def search(
    query: str,
    *,
    agent: str,
    person: str,
    groups: tuple[str, ...],
    limit: int,
    with_hidden: bool,
    directory: Path,
    as_json: bool,
) -> None:
    """Search as an agent would, for a person or for nobody: only what they may see is found."""
    viewer = Viewer.of(agent, on_behalf_of=person, groups=groups)
    with open_evidence(directory) as index:
        found = index.search(query, principal=viewer, limit=limit)
    if as_json:
        print_json(found_json(found, with_hidden=with_hidden))
        return
    if not found:
        tell(f"nothing that {visible(str(viewer))} may see; list all: {due(directory, 'evidence', 'list')}")
    for each in found:
        _show(each, with_text=with_hidden or each.visibility is Visibility.VISIBLE)


@command.command(name="list")
@options.folder
@options.as_json
def list_documents(*, directory: Path, as_json: bool) -> None:
    """List the documents, who may see them, and how much of each a person does not see."""
    with open_evidence(directory) as index:
        documents = index.documents()
    if as_json:
        print_json({"documents": [_listed(each) for each in documents]})
        return
    print_table(
        [
            (
                visible(each.id, limit=_SHOWN),
                each.digest[:12],
                str(each.passages),
                str(each.hidden),
                each.integrity.value,
                ", ".join(_names(each.access)) or "nobody",
            )
            for each in documents
        ],
        header=("document", "digest", "chunks", "hidden", "integrity", "access"),
    )


@command.command()
@click.argument("name", metavar="ID")
@options.folder
@options.as_json
def remove(name: str, *, directory: Path, as_json: bool) -> None:
    """Forget the document ID and every trace of its text in the index. What runs retrieved stays in their ledger."""
    with open_evidence(directory) as index:
        removed = index.remove(name)
    if as_json:
        print_json({"id": name, "removed": removed})
        return
    click.echo(f"{visible(name, limit=_SHOWN)} {'removed' if removed else 'was not there'}")


@command.command()
@click.option("--agent", default="", metavar="NAME", help="Of one agent.")
@options.folder
@options.as_json
def rate(*, agent: str, directory: Path, as_json: bool) -> None:
    """Show how many of the citations that agents named resolve to nothing they had retrieved: made up, or not read.

    Told from the events of the runs. That a citation resolves does not say that the claim follows from it.
    """
    with access(directory) as here:
        found = here.home.store.read(lambda tx: citation_rates(tx, tenant=here.tenant, agent=agent))
    if as_json:
        print_json({"agents": [{"agent": name, **_rate_json(told)} for name, told in sorted(found.items())]})
        return
    if not found:
        tell("no run yet")
    print_table(
        [
            (visible(name), str(told.calls), str(told.without), str(told.named), str(told.hallucinated), _percent(told))
            for name, told in sorted(found.items())
        ],
        header=("agent", "calls", "uncited", "citations", "hallucinated", "rate"),
    )


def _percent(told: CitationRate) -> str:
    if told.rate is None:
        return "-"
    tenths = round(told.rate * 1000)
    return f"{tenths // 10}.{tenths % 10} %"


def _rate_json(told: CitationRate) -> dict[str, Json]:
    return {
        "calls": told.calls,
        "without": told.without,
        "named": told.named,
        "resolved": told.resolved,
        "hallucinated": told.hallucinated,
    }


def _show(each: Retrieved, *, with_text: bool) -> None:
    chunk = each.chunk
    hidden = each.visibility is not Visibility.VISIBLE
    mark = f", {each.visibility.value}: {each.why}" if hidden else f", {each.why}" if each.why else ""
    click.echo(f"{visible(chunk.document, limit=_SHOWN)} {chunk.start} to {chunk.end}, {chunk.digest[:12]}{mark}")
    if with_text:
        click.echo(foreign_lines(chunk.text, indent="  "))


def _told(document: Document) -> str:
    parts, hidden = len(document.parts), document.hidden
    reasons = ", ".join(dict.fromkeys(part.why or part.visibility.value for part in hidden))
    withheld = f", of which {len(hidden)} not seen ({visible(reasons, limit=_SHOWN)})" if hidden else ""
    return f"{len(passages(document))} chunks, {parts} parts{withheld}"


def _counts(document: Document) -> dict[str, Json]:
    return {
        "id": document.id,
        "digest": document.digest,
        "source": document.source,
        "access": [*_names(document.access)],
        "integrity": document.integrity.value,
        "passages": len(passages(document)),
        "hidden_parts": len(document.hidden),
    }


def _listed(each: Listed) -> Json:
    return {
        "id": each.id,
        "digest": each.digest,
        "source": each.source,
        "access": [*_names(each.access)],
        "integrity": each.integrity.value,
        "passages": each.passages,
        "hidden": each.hidden,
    }


def _names(access: Access) -> tuple[str, ...]:
    return ("everyone",) if access.everyone else tuple(sorted(access.names))
