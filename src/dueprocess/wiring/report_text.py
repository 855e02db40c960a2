"""The audit report as text for a person. Whatever model, tool or requester wrote is redacted, escaped and cut (I10)."""

from collections.abc import Iterator
from typing import Final

from dueprocess.ledger import leaf_hash
from dueprocess.runtime.lineage import (
    ActionStory,
    AnswerStory,
    AttemptStory,
    DecisionStory,
    FindingStory,
    RunStory,
    SubAgentStory,
)
from dueprocess.values import FOR_EVER, Instant, Json, canonical, rfc3339
from dueprocess.values.foreign import quoted, visible, worded
from dueprocess.wiring.plan_text import plan_lines
from dueprocess.wiring.report import Publication, Report, ReportedAction, ReportedRun
from dueprocess.wiring.wording import (
    DIGEST_SHOWN,
    asked_by,
    duration_text,
    notice_text,
    preview_text,
    quoted_lines,
    values_text,
)

_TEXT: Final = 1000  # characters of one foreign text in a report
DECISIONS: Final = {
    "allow": "allowed",
    "hold": "held for approval",
    "deny": "denied",
    "reuse": "not run again: the outcome of the earlier call was returned",
    "wait": "waits for the same call that is under way",
}


def report_text(report: Report) -> str:
    """The report as text."""
    return "\n".join([*_head(report), *(line for run in report.runs for line in _run(report, run))]) + "\n"


def when(instant: Instant) -> str:
    """An instant, or a dash where there is none."""
    return rfc3339(instant) if 0 < instant < FOR_EVER else "-"


def known(by: str, how: str) -> str:
    """A person and how they were known."""
    return f"{visible(by)} ({visible(how) or 'not said how known'})"


def arguments_lines(arguments: Json) -> list[str]:
    """One argument a line."""
    if isinstance(arguments, dict):
        return [f"{visible(name)} = {worded(value, limit=_TEXT)}" for name, value in arguments.items()]
    return [worded(arguments, limit=_TEXT)] if arguments is not None else []


def finding_word(decision: DecisionStory, finding: FindingStory) -> str:
    """What a finding asked for; that of a hold that people have approved says so."""
    approved = decision.decision == "allow" and finding.decision == "hold" and not finding.advisory
    return "hold, approved" if approved else finding.decision


def answer_line(answer: AnswerStory) -> str:
    """What a person said, in words."""
    groups = f", of {', '.join(map(visible, answer.groups))}" if answer.groups else ""
    refused = f"answer of {known(answer.by, answer.how)} refused: {visible(answer.rule)}"
    line = refused if answer.what == "refused" else f"{answer.what} by {known(answer.by, answer.how)}{groups}"
    return f"{line}: {visible(answer.reason, limit=_TEXT)}" if answer.reason else line


def people_lines(story: ActionStory) -> list[tuple[Instant, str]]:
    """What people were told of a hold and what they said to it, in order."""
    told = [(each.at, notice_text(each)) for each in story.hold.notices] if story.hold is not None else []
    said = [(each.at, answer_line(each)) for each in story.answers]
    return sorted([*told, *said], key=lambda line: line[0])


def attempt_line(attempt: AttemptStory) -> str:
    """What became of an attempt, in words."""
    granted = f" (approved by {', '.join(map(visible, attempt.granted_by))})" if attempt.granted_by else ""
    outcome = attempt.outcome or "no outcome yet"
    by = f", told by {visible(attempt.settled_by)}" if attempt.settled_by not in {"", "tool"} else ""
    error = f": {visible(attempt.error, limit=_TEXT)}" if attempt.error else ""
    after = f" after {duration_text(attempt.settled_at - attempt.at)}" if attempt.settled_at else ""
    return f"attempt {attempt.number}{granted}: {outcome}{after}{by}{error}"


def result_text(result: Json) -> str:
    """What a tool brought back, as JSON."""
    return visible(canonical(result), limit=_TEXT) if result is not None else ""


def publication_text(publication: Publication) -> str:
    """A policy and who put it in force."""
    who = known(publication.author, publication.how) if publication.author else "nobody known"
    return f"{publication.digest[:DIGEST_SHOWN]}, put in force by {who} {when(publication.at)}"


def cost_text(story: RunStory) -> str:
    """What a run cost."""
    tokens = sum(model.input_tokens for model in story.models), sum(model.output_tokens for model in story.models)
    total = story.model_cost + story.fees
    return f"{total} USD: model {story.model_cost} ({len(story.models)} answers, {tokens[0]}+{tokens[1]} tokens), fees {story.fees}"


def _head(report: Report) -> Iterator[str]:
    yield f"AUDIT REPORT on {visible(report.subject)}"
    yield f"tenant {report.tenant}, made {when(report.made_at)}"
    checkpoint = report.proofs.checkpoint
    yield f"ledger {visible(checkpoint.origin)}: {checkpoint.size} events, root {checkpoint.root.hex()}"
    yield f"key {report.key}"
    if not report.runs:
        yield ""
        yield "Nothing happened."


def _run(report: Report, run: ReportedRun) -> Iterator[str]:
    story = run.story
    yield ""
    yield f"RUN {story.run}: {story.status}"
    behalf = f", on behalf of {visible(story.on_behalf_of)}" if story.on_behalf_of else ""
    if story.erased is not None:
        erased = story.erased
        reason = f": {visible(erased.reason, limit=_TEXT)}" if erased.reason else ""
        yield f"  its content was erased by {known(erased.by, erased.how)} {when(erased.at)}{reason}"
    if story.principal:
        yield f"  who       {visible(story.principal, limit=_TEXT)}{behalf}"
        yield "  asked"
        yield from (f"    {line}" for line in quoted_lines(story.task, limit=_TEXT))
        yield f"  when      {when(story.submitted_at)} to {when(story.last_at)}; {duration_text(story.active)} of its own time"
        yield f"  release   {story.release}"
        yield f"  model     {visible(run.model)}, environment {visible(run.environment)}"
        yield f"  cost      {cost_text(story)}"
    if story.plan is not None:
        yield "  plan"
        yield from (f"    {line}" for line in plan_lines(story.plan))
    for policy in run.policies:
        yield f"  policy    {publication_text(policy)}"
    if run.takes_back:
        yield f"  it takes back action {run.takes_back}"
    if story.outcome:
        yield "  outcome"
        yield from (f"    {line}" for line in quoted_lines(story.outcome, limit=_TEXT))
    for sub_agent in run.sub_agents:
        yield from _sub_agent(report, sub_agent)
    for action in run.actions:
        yield from _action(report, action)
    if not run.actions:
        yield from _proof(report, [ref.leaf for ref in story.events])


def _sub_agent(report: Report, story: SubAgentStory) -> Iterator[str]:
    yield ""
    yield f"  SUB-AGENT {story.action}: {visible(story.sub_agent)}, {story.how or 'at work'}"
    if story.task:
        yield "    was asked"
        yield from (f"      {line}" for line in quoted_lines(story.task, limit=_TEXT))
    if story.told:
        yield "    said" if story.how in {"", "answered"} else "    why"
        yield from (f"      {line}" for line in quoted_lines(story.told, limit=_TEXT))
    yield f"    when      {when(story.at)} to {when(story.ended_at)}; {story.turns} turns, model {story.cost} USD"
    yield from _proof(report, [ref.leaf for ref in story.events])


def _action(report: Report, action: ReportedAction) -> Iterator[str]:
    story = action.story
    yield ""
    yield f"  ACTION {story.action}: {visible(story.tool)}, {story.state}"
    yield from (f"    {line}" for line in arguments_lines(story.arguments))
    if story.through:
        yield f"    asked by  {asked_by(story.principal, through=story.through, on_behalf_of=story.on_behalf_of)}"
    yield from (f"    {line}" for line in _links(story))
    yield from (f"    taken back: {state or 'not decided yet'}, in run {run}" for run, state in action.taken_back)
    for decision in story.decisions:
        yield from _decision(decision)
    if action.passed:
        yield "    rules that had nothing against it (asked again on what was recorded)"
        for rule in action.passed:
            values = values_text(rule.compared)
            yield f"      {visible(rule.rule)}{f' ({values})' if values else ''}"
    for evidence in story.evidence:
        found = quoted(evidence.text, limit=_TEXT) if evidence.text else f"does not resolve: {visible(evidence.reason)}"
        yield f"    evidence  {visible(evidence.document)} {evidence.start}-{evidence.end}: {found}"
    if story.hold is not None:
        hold = story.hold
        wanted = ", ".join(map(visible, (*hold.any_of, *hold.all_of)))
        yield f"    asked     {hold.quorum} of {wanted}, until {when(hold.expires_at)}; digest {hold.digest}"
    if story.preview is not None:
        yield f"    dry run   {preview_text(story.preview)}"
    for at, line in people_lines(story):
        yield f"    {when(at)}  {line}"
    for attempt in story.attempts:
        yield f"    {when(attempt.at)}  {attempt_line(attempt)}"
        yield f"      key at the sink {attempt.sink_key}, fee {attempt.fee} USD"
        if attempt.result is not None:
            yield f"      result {result_text(attempt.result)}"
        yield from (f"      the sink could not tell: {visible(reason)}" for reason in attempt.unclear)
    yield from _proof(report, [ref.leaf for ref in story.events])


def _links(story: ActionStory) -> Iterator[str]:
    if story.replaces:
        yield f"instead of {story.replaces}"
    if story.edited_by:
        yield f"edited by {', '.join(map(visible, story.edited_by))}"
    if story.replaced_by:
        yield f"replaced by {story.replaced_by}: {visible(story.ended)}"
    elif story.ended:
        yield visible(story.ended)
    if story.reused_from:
        yield f"the outcome of {story.reused_from} was returned"


def _decision(decision: DecisionStory) -> Iterator[str]:
    yield f"    {when(decision.at)}  {DECISIONS[decision.decision]}, policy {decision.policy[:DIGEST_SHOWN]}"
    for finding in decision.findings:
        values = values_text(finding.compared)
        shadow = " (shadow: said, not enforced)" if finding.advisory else ""
        yield f"      {finding_word(decision, finding)}  {visible(finding.rule)}: {visible(finding.reason, limit=_TEXT)}{shadow}"
        if values:
            yield f"        {values}"


def _proof(report: Report, leaves: list[int]) -> Iterator[str]:
    yield "    proof: events by leaf and hash, each with its path to the root"
    for leaf in leaves:
        proven = report.proofs.events.get(leaf)
        if proven is not None:
            yield f"      leaf {leaf}  {leaf_hash(proven.line).hex()}  path of {len(proven.path)}"
