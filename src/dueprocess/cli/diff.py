"""What `due policy diff` does and prints. What differs is found in `analysis`; the verb itself stands with its siblings in `policy`."""

from collections.abc import Mapping, Sequence

import click

from dueprocess.analysis.difference import Difference, NotDecided, differences
from dueprocess.analysis.structure import Structural, structural
from dueprocess.analysis.symbol import LONGEST
from dueprocess.analysis.way import Way
from dueprocess.analysis.witness import Decided
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import in_ascii, print_json, print_pairs, tell
from dueprocess.gate.line import finding_json
from dueprocess.policy import Policy
from dueprocess.tool import ToolSpec
from dueprocess.values import Json, canonical
from dueprocess.values.foreign import visible

_SHOWN = 2000  # characters of a call or a value that a person is shown; --json cuts nothing
Change = Difference | NotDecided | Structural


def diff(before: Policy, after: Policy, *, tools: Mapping[str, ToolSpec], allow_widening: bool, as_json: bool) -> int:
    """Compares two policies and prints what changed; ends with 3 if something is widened and that is not allowed."""
    found: tuple[Change, ...] = (*differences(before, after, tools), *structural(before, after, tools))
    widened = [change for change in found if _way(change) is Way.WIDENING]
    if as_json:
        told = {"ok": not widened or allow_widening, "widened": bool(widened), "lists_up_to": LONGEST}
        print_json({**told, "changes": [_json(change) for change in found]})
    else:
        for change in found:
            _print(change)
        tell(_summary(found))
    return Exit.FAILED if widened and not allow_widening else Exit.OK


def _way(change: Change) -> Way:
    return Way.WIDENING if isinstance(change, NotDecided) else change.way


def _summary(found: Sequence[Change]) -> str:
    open_ = sum(isinstance(change, NotDecided) for change in found)
    counts = {way: sum(_way(change) is way for change in found) for way in Way}
    said = f"{counts[Way.WIDENING]} widening, {counts[Way.NARROWING]} narrowing, {counts[Way.NEUTRAL]} neutral"
    doubt = f"; {open_} not decided, counted as widening" if open_ else ""
    return f"{said}{doubt}; lists were looked at up to {LONGEST} items"


def _print(change: Change) -> None:
    match change:
        case NotDecided():
            click.echo(f"widening   {visible(change.place)}: not decided: {visible(change.why, limit=_SHOWN)}")
        case Structural():
            values = " -> ".join("not there" if each is None else _text(each) for each in (change.before, change.after))
            click.echo(f"{change.way.value:<9}  {visible(change.place, limit=_SHOWN)}: {values}")
        case Difference():
            turn = f"{change.before.verdict.value} -> {change.after.verdict.value}"
            click.echo(f"{change.way.value:<9}  {visible(change.place)}: {turn}")
            who = change.witness.principal
            for_ = f" for {who.on_behalf_of}" if who is not None and who.on_behalf_of is not None else ""
            cited = ", with a citation that resolves" if change.witness.cited else ""
            print_pairs(
                (
                    ("call", f"{visible(change.witness.tool)} {_text(dict(change.witness.arguments))}"),
                    ("by", f"{who.id if who is not None else 'nobody'}{for_} in {change.witness.environment}{cited}"),
                    ("before", _said(change.before)),
                    ("after", _said(change.after)),
                ),
                indent="           ",
            )


def _text(value: Json) -> str:
    return visible(in_ascii(canonical(value)), limit=_SHOWN)


def _said(decided: Decided) -> str:
    lines = [f"{finding.rule}: {finding.reason}" for finding in decided.findings if not finding.advisory]
    return "\n".join([decided.verdict.value, *(visible(line, limit=_SHOWN) for line in lines)])


def _json(change: Change) -> dict[str, Json]:
    told: dict[str, Json] = {"way": _way(change).value, "place": change.place}
    match change:
        case NotDecided():
            return {**told, "not_decided": change.why}
        case Structural():
            return {**told, "before": change.before, "after": change.after}
        case Difference():
            call = {"call": change.witness.line(), "environment": change.witness.environment}
            return {**told, **call, "before": _decided_json(change.before), "after": _decided_json(change.after)}


def _decided_json(decided: Decided) -> dict[str, Json]:
    return {"decision": decided.verdict.value, "findings": [finding_json(each) for each in decided.findings]}
