"""The card of a hold: what an approver must see to say yes to exactly this. Redacted as the policy says, and escaped."""

from typing import Final

import click

from dueprocess.cli.commands import command as due
from dueprocess.cli.output import print_pairs
from dueprocess.cli.standing import approvers_text, confirming, escalated_to, reminders_of
from dueprocess.ledger import Reader
from dueprocess.runtime import HoldCard
from dueprocess.runtime.answers import unvouched
from dueprocess.runtime.lineage import ActionStory
from dueprocess.runtime.policies import publisher
from dueprocess.values import Instant, Json, rfc3339
from dueprocess.values.foreign import quoted, visible, worded
from dueprocess.wiring.access import Access
from dueprocess.wiring.story_json import instant_json, story_json
from dueprocess.wiring.told import Told
from dueprocess.wiring.wording import (
    LONG,
    asked_by,
    duration_text,
    notice_text,
    preview_text,
    quoted_lines,
    values_text,
)

_TASK_SHOWN: Final = 1000
_ARGUMENT_SHOWN: Final = 1000  # an approver must see what they approve; what is longer says so


def state_of(hold: HoldCard, story: ActionStory | None, *, now: Instant) -> str:
    """Where the hold stands, in words."""
    if not hold.row.open:
        return "closed"
    if hold.row.execute_by:
        return "approved, not run yet"
    if now > hold.row.expires_at:
        return "expired"
    return "waits for a confirmation" if story is not None and confirming(story) else "held for approval"


def print_card(here: Access, hold: HoldCard, *, told: Told) -> None:
    """Prints the card."""
    story, row, now = told.story.action(hold.row.action), hold.row, here.shell.clock.now()
    if story is None:
        return
    ended = "" if row.open else f": the action is {story.state}"
    click.echo(f"{row.action}  {visible(row.tool)}  {state_of(hold, story, now=now)}{ended}")
    print_pairs(
        (
            ("arguments", arguments_text(story.arguments)),
            ("dry run", preview_text(story.preview) if story.preview is not None else ""),
            ("why", _why(story)),
            ("evidence", _evidence(story)),
            ("asked by", _asked_by(story)),
            ("task", "\n".join(quoted_lines(told.story.task, limit=_TASK_SHOWN))),
            ("its part", _sub_task(told, story)),
            ("run", f"{row.run} of agent {row.agent}"),
            ("to confirm", f"{visible(confirming(story))}, for whom it is done" if confirming(story) else ""),
            ("approvers", "" if confirming(story) else approvers_text(story)),
            ("so far", "\n".join(_said(story)) or "nobody has answered"),
            ("overdue", "\n".join(map(notice_text, story.hold.notices)) if story.hold is not None else ""),
            ("may not", "" if confirming(story) else ", ".join(_excluded(here, hold))),
            ("editable", _editable(story)),
            ("until", _until(row.expires_at, now) if row.open and not row.execute_by else ""),
            ("to run by", _until(row.execute_by, now) if row.open and row.execute_by else ""),
            ("instead of", f"{story.replaces} (an earlier revision)" if story.replaces else ""),
            ("digest", row.digest),
        )
    )
    if row.open and not row.execute_by:
        verb = "confirm" if confirming(story) else "approve"
        click.echo("")
        click.echo(f"{verb}:  {due(here.folder, 'approvals', verb, row.action, '--digest', row.digest)}")
        for argument in unvouched(hold.held):
            click.echo(f"vouch:    {due(here.folder, 'approvals', 'endorse', row.action, argument)}")
        click.echo(f"reject:   {due(here.folder, 'approvals', 'reject', row.action, '--reason', 'WHY')}")


def card_json(here: Access, hold: HoldCard, *, told: Told) -> dict[str, Json]:
    """The card as JSON."""
    row, story = hold.row, told.story.action(hold.row.action)
    return {
        "action": row.action,
        "run": row.run,
        "agent": row.agent,
        "tool": row.tool,
        "state": state_of(hold, story, now=here.shell.clock.now()),
        "open": bool(row.open),
        "digest": row.digest,
        "asked_at": instant_json(Instant(row.asked_at)),
        "expires_at": instant_json(Instant(row.expires_at)),
        "execute_by": instant_json(Instant(row.execute_by)),
        "reminded": reminders_of(story) if story is not None else 0,
        "escalated_to": (escalated_to(story) or None) if story is not None else None,
        "excluded": [*_excluded(here, hold)],
        "endorsable": [*unvouched(hold.held)],
        "task": told.story.task,
        "lineage": story_json(story) if story is not None else None,
    }


def arguments_text(arguments: Json) -> str:
    """One argument a line, each escaped."""
    if not isinstance(arguments, dict):
        return worded(arguments, limit=_ARGUMENT_SHOWN)
    return "\n".join(f"{visible(name)} = {worded(value, limit=_ARGUMENT_SHOWN)}" for name, value in arguments.items())


def _why(story: ActionStory) -> str:
    lines: list[str] = []
    for finding in story.decisions[-1].findings if story.decisions else ():
        values = values_text(finding.compared)
        lines.append(f"{visible(finding.rule)}: {visible(finding.reason, limit=LONG)}")
        lines += [f"  {values}"] if values else []
    return "\n".join(lines)


def _evidence(story: ActionStory) -> str:
    return "\n".join(
        f"{visible(each.document)} {each.start}-{each.end}: "
        + (quoted(each.text, limit=LONG) if each.text else f"does not resolve: {visible(each.reason, limit=LONG)}")
        for each in story.evidence
    )


def _asked_by(story: ActionStory) -> str:
    return asked_by(story.principal, through=story.through, on_behalf_of=story.on_behalf_of)


def _sub_task(told: Told, story: ActionStory) -> str:
    """What the agent gave the sub-agent to do that asked for this: a model's words, not the requester's."""
    task = next((each.task for each in told.story.sub_agents if each.action == story.frame), "")
    return "\n".join(quoted_lines(task, limit=_TASK_SHOWN)) if task else ""


def _said(story: ActionStory) -> list[str]:
    return [
        f"{each.what} by {visible(each.by)} ({visible(each.how) or 'not said how known'}) {rfc3339(each.at)}"
        + (f": {visible(each.rule)}" if each.rule else "")
        for each in story.answers
    ]


def _excluded(here: Access, hold: HoldCard) -> tuple[str, ...]:
    """Who may not approve: the requesters, and the publisher of the policy in force."""

    def query(tx: Reader) -> str:
        return publisher(tx, hold.row.agent, tenant=here.tenant)

    published = here.home.store.read(query)
    named = (*hold.request.requesters, *((published,) if published.startswith("user:") else ()))
    return tuple(dict.fromkeys(visible(name) for name in named))


def _editable(story: ActionStory) -> str:
    names = story.hold.editable if story.hold is not None else ()
    return f"{', '.join(map(visible, names))} (to lower it while approving)" if names else ""


def _until(end: int, now: Instant) -> str:
    left = f"in {duration_text(end - now)}" if end > now else "expired"
    return f"{rfc3339(Instant(end))} ({left})"
