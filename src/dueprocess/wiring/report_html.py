"""The audit report as one HTML file: no script, no picture, nothing from elsewhere. It reads without a network and prints.

Rule 1. Every text goes through `_t`: made visible, bounded, escaped. No markup is ever made of a value (I10).
Rule 2. The page forbids itself to load or run anything, should rule 1 ever fail.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from dueprocess.ledger import leaf_hash
from dueprocess.runtime.lineage import ActionStory, EventRef, SubAgentStory
from dueprocess.values.foreign import visible
from dueprocess.wiring.plan_text import plan_lines
from dueprocess.wiring.report import Report, ReportedAction, ReportedRun
from dueprocess.wiring.report_style import STYLE
from dueprocess.wiring.report_text import (
    DECISIONS,
    arguments_lines,
    attempt_line,
    cost_text,
    finding_word,
    known,
    people_lines,
    publication_text,
    result_text,
    when,
)
from dueprocess.wiring.wording import DIGEST_SHOWN, asked_by, duration_text, preview_text, values_text

_TEXT: Final = 4000  # characters of one foreign text: a page may carry more than a terminal
_ASKED: Final = 160  # characters of a task in the table of runs
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_TONES: Final = {
    "succeeded": "good",
    "finished": "good",
    "denied": "bad",
    "failed": "bad",
    "stopped": "bad",
    "held": "open",
    "unknown": "open",
    "unsettled": "open",
    "handed_off": "open",
}


def report_html(report: Report) -> str:
    """The report as a whole HTML file."""
    title = f"Audit report: {report.subject}"
    body = "\n".join([*_head(report), *(line for run in report.runs for line in _run(report, run))])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_t(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _t(text: str) -> str:
    return escape(visible(text, limit=_TEXT))


def _lines(text: str) -> str:
    # The lines of a foreign text, each made visible; the style keeps their ends.
    return escape("\n".join(visible(line, limit=_TEXT) for line in text[:_TEXT].rstrip().split("\n")))


def _shown(text: str) -> str:
    # Made visible by the words of the text report already; only HTML is left to escape.
    return escape(text)


def _head(report: Report) -> Iterator[str]:
    checkpoint = report.proofs.checkpoint
    yield "<header>"
    yield f"<p class=over>Audit report</p><h1>{_t(report.subject)}</h1>"
    yield _facts(
        (
            ("tenant", _t(report.tenant)),
            ("made", _t(when(report.made_at))),
            ("ledger", f"{_t(checkpoint.origin)}, {checkpoint.size} events"),
            ("root", f"<code>{checkpoint.root.hex()}</code>"),
            ("public key", f"<code>{_t(report.key)}</code>"),
        )
    )
    yield f"<details><summary>signed checkpoint</summary><pre>{escape(report.proofs.note.decode())}</pre></details>"
    if len(report.runs) > 1:
        yield "<table><thead><tr><th>run<th>status<th>asked<th>actions</tr></thead><tbody>"
        for run in report.runs:
            story = run.story
            link = f'<a href="#{_t(story.run)}"><code>{_t(story.run)}</code></a>'
            states = Counter(action.story.state for action in run.actions)
            told = ", ".join(f"{count} {state}" for state, count in states.items()) or "-"
            asked = escape(visible(" ".join(story.task.split()), limit=_ASKED))
            yield f"<tr><td>{link}<td>{_chip(story.status)}<td>{asked}<td>{_t(told)}</tr>"
        yield "</tbody></table>"
    if not report.runs:
        yield "<p>Nothing happened.</p>"
    yield "</header>"


def _run(report: Report, run: ReportedRun) -> Iterator[str]:
    story = run.story
    behalf = f", on behalf of <b>{_t(story.on_behalf_of)}</b>" if story.on_behalf_of else ""
    yield f'<section class=run id="{_t(story.run)}">'
    yield f"<h2>Run <code>{_t(story.run)}</code> {_chip(story.status)}</h2>"
    erased = story.erased
    facts = (
        [("erased", f"by {_shown(known(erased.by, erased.how))} {_t(when(erased.at))} {_t(erased.reason)}")]
        if erased
        else []
    )
    if story.principal:
        facts += [
            ("who", f"<code>{_t(story.principal)}</code>{behalf}"),
            ("asked", f"<q>{_lines(story.task)}</q>"),
            (
                "when",
                f"{when(story.submitted_at)} to {when(story.last_at)}, {duration_text(story.active)} of its own time",
            ),
            ("release", f"<code>{_t(story.release)}</code>"),
            ("model", f"{_t(run.model)}, environment {_t(run.environment)}"),
            ("cost", _t(cost_text(story))),
        ]
    facts += [("plan", f"<pre>{_shown(chr(10).join(plan_lines(story.plan)))}</pre>")] if story.plan is not None else []
    facts += [("policy", _shown(publication_text(policy))) for policy in run.policies]
    facts += [("takes back", f"<code>{_t(run.takes_back)}</code>")] if run.takes_back else []
    facts += [("outcome", f"<q>{_lines(story.outcome)}</q>")] if story.outcome else []
    yield _facts(facts)
    for sub_agent in run.sub_agents:
        yield from _sub_agent(report, sub_agent)
    for action in run.actions:
        yield from _action(report, action)
    if not run.actions:
        yield _proof(report, story.events)
    yield "</section>"


def _sub_agent(report: Report, story: SubAgentStory) -> Iterator[str]:
    yield f'<article id="{_t(story.action)}">'
    yield f"<h3>{_t(story.sub_agent)} {_chip(story.how or 'at work')}</h3><p class=id><code>{_t(story.action)}</code></p>"
    said = "said" if story.how in {"", "answered"} else "why"
    facts = [("was asked", f"<q>{_lines(story.task)}</q>")] if story.task else []
    facts += [(said, f"<q>{_lines(story.told)}</q>")] if story.told else []
    facts += [("when", f"{when(story.at)} to {when(story.ended_at)}, {story.turns} turns, model {story.cost} USD")]
    yield _facts(facts)
    yield _proof(report, story.events)
    yield "</article>"


def _action(report: Report, action: ReportedAction) -> Iterator[str]:
    story = action.story
    yield f'<article id="{_t(story.action)}">'
    yield f"<h3>{_t(story.tool)} {_chip(story.state)}</h3><p class=id><code>{_t(story.action)}</code></p>"
    lines = arguments_lines(story.arguments)
    if lines:
        yield f"<pre>{_shown(chr(10).join(lines))}</pre>"
    yield from _links(action)
    yield "<h4>Decided</h4><table class=decided><thead><tr><th class=when>when<th>decision<th>rule<th>why<th>compared</tr></thead><tbody>"
    yield from _decisions(story)
    yield from _passed(action)
    yield "</tbody></table>"
    yield from _evidence(story)
    yield from _people(story)
    yield from _attempts(story)
    yield _proof(report, story.events)
    yield "</article>"


def _attempts(story: ActionStory) -> Iterator[str]:
    if not story.attempts:
        return
    yield "<h4>Done</h4><table><thead><tr><th class=when>when<th>attempt<th>key at the sink<th>fee</tr></thead><tbody>"
    for attempt in story.attempts:
        unclear = "".join(f"<br>the sink could not tell: {_t(reason)}" for reason in attempt.unclear)
        yield (
            f"<tr><td>{when(attempt.at)}<td>{_shown(attempt_line(attempt))}{unclear}"
            f"<td><code>{_t(attempt.sink_key)}</code><td>{attempt.fee} USD</tr>"
        )
        if attempt.result is not None:
            yield f"<tr><td><td colspan=3><pre>{_shown(result_text(attempt.result))}</pre></tr>"
    yield "</tbody></table>"


def _links(action: ReportedAction) -> Iterator[str]:
    story = action.story
    by = asked_by(story.principal, through=story.through, on_behalf_of=story.on_behalf_of)
    said = [f"asked by {_shown(by)}"] if story.through else []
    said += [f"instead of <code>{_t(story.replaces)}</code>"] if story.replaces else []
    said += [f"edited by {_t(', '.join(story.edited_by))}"] if story.edited_by else []
    said += [f"replaced by <code>{_t(story.replaced_by)}</code>"] if story.replaced_by else []
    said += [f"the outcome of <code>{_t(story.reused_from)}</code> was returned"] if story.reused_from else []
    said += [_t(story.ended)] if story.ended else []
    said += [
        f"taken back: {_t(state or 'not decided yet')}, in run <code>{_t(run)}</code>"
        for run, state in action.taken_back
    ]
    if said:
        yield f"<p>{'; '.join(said)}</p>"


def _decisions(story: ActionStory) -> Iterator[str]:
    for decision in story.decisions:
        chip = _chip(
            {"allow": "succeeded", "deny": "denied"}.get(decision.decision, "held"), DECISIONS[decision.decision]
        )
        policy = f"<br><small>policy {_t(decision.policy[:DIGEST_SHOWN])}</small>"
        if not decision.findings:
            yield f"<tr><td>{when(decision.at)}<td>{chip}{policy}<td>-<td>nothing spoke against it<td>-</tr>"
        for finding in decision.findings:
            approved = " <small>(approved)</small>" if "approved" in finding_word(decision, finding) else ""
            shadow = " <small>(shadow: said, not enforced)</small>" if finding.advisory else ""
            yield (
                f"<tr><td>{when(decision.at)}<td>{chip}{policy}<td><code>{_t(finding.rule)}</code>{approved}{shadow}"
                f"<td>{_t(finding.reason)}<td>{_shown(values_text(finding.compared)) or '-'}</tr>"
            )


def _passed(action: ReportedAction) -> Iterator[str]:
    for rule in action.passed:
        yield (
            f"<tr class=passed><td><td>passed <small>asked again</small><td><code>{_t(rule.rule)}</code><td>"
            f"<td>{_shown(values_text(rule.compared)) or '-'}</tr>"
        )


def _evidence(story: ActionStory) -> Iterator[str]:
    if not story.evidence:
        return
    yield "<h4>Evidence</h4><table><thead><tr><th>document<th>span<th>text</tr></thead><tbody>"
    for each in story.evidence:
        text = f"<q>{_t(each.text)}</q>" if each.text else f"does not resolve: {_t(each.reason)}"
        yield f"<tr><td>{_t(each.document)}<td>{each.start} to {each.end}<td>{text}</tr>"
    yield "</tbody></table>"


def _people(story: ActionStory) -> Iterator[str]:
    hold = story.hold
    if hold is None and not story.answers:
        return
    yield "<h4>People</h4>"
    if hold is not None:
        wanted = _t(", ".join((*hold.any_of, *hold.all_of)))
        yield f"<p>{hold.quorum} of {wanted}, until {when(hold.expires_at)}, for exactly <code>{_t(hold.digest)}</code>; "
        yield f"not {_t(', '.join(hold.requesters))}</p>"
    if story.preview is not None:
        yield f"<p>Its dry run: {_shown(preview_text(story.preview))}</p>"
    lines = people_lines(story)
    if lines:
        yield "<table><tbody>"
        for at, line in lines:
            yield f"<tr><td>{when(at)}<td>{_shown(line)}</tr>"
        yield "</tbody></table>"


def _proof(report: Report, refs: Iterable[EventRef]) -> str:
    rows: list[str] = []
    for ref in refs:
        proven = report.proofs.events.get(ref.leaf)
        if proven is None:
            continue
        path = " ".join(b64encode(step).decode() for step in proven.path)
        rows.append(
            f"<tr><td>{when(ref.at)}<td>{_t(ref.kind)}<td>{ref.leaf}<td><code>{leaf_hash(proven.line).hex()}</code>"
            f"<br><small>path: <code>{path or 'none'}</code></small></tr>"
        )
    if not rows:
        return ""
    return (
        f"<details><summary>proof: {len(rows)} events under the signed root</summary>"
        "<table class=proof><thead><tr><th class=when>when<th>event<th>leaf<th>hash</tr></thead><tbody>"
        + "\n".join(rows)
        + "</tbody></table></details>"
    )


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{name}<dd>{value}" for name, value in pairs) + "</dl>"


def _chip(state: str, words: str = "") -> str:
    return f'<span class="chip {_TONES.get(state, "plain")}">{_t(words or state.replace("_", " "))}</span>'
