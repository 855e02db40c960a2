"""`due approvals`: what is held, shown as a card, and the answers of people to it. Who may answer is decided by policy and approval."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from dueprocess.cli import options
from dueprocess.cli.cards import card_json, print_card
from dueprocess.cli.commands import command as due
from dueprocess.cli.exits import Exit
from dueprocess.cli.output import print_json, print_table, tell
from dueprocess.cli.person import person
from dueprocess.cli.standing import approvers_text, confirming, escalated_to, go_on, reminders_of, then_text
from dueprocess.errors import BadValue
from dueprocess.ledger import Reader
from dueprocess.runtime import Answered, HoldCard, approve, card, edit, reject
from dueprocess.runtime.answers import confirm, endorse
from dueprocess.runtime.journal import is_own
from dueprocess.runtime.lineage import ActionStory
from dueprocess.runtime.tables import HOLDS
from dueprocess.values import Instant, Json, parse, rfc3339
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import Access, access
from dueprocess.wiring.told import Told
from dueprocess.wiring.told import tell as retold
from dueprocess.wiring.wording import call_text

_CALL_SHOWN: Final = 70
_PAIR: Final = "NAME=VALUE"


@click.group(context_settings=options.CONTEXT)
def command() -> None:
    """See what is held for approval and answer it. Answers need a token: DUE_TOKEN or --token-file."""


@command.command(name="list")
@options.folder
@options.as_json
def list_holds(*, directory: Path, as_json: bool) -> None:
    """List what is held for approval now, the oldest first."""
    with access(directory) as here:
        found = here.home.store.read(lambda tx: _open(tx, here))
        if as_json:
            print_json({"holds": [card_json(here, hold, told=told) for hold, told in found]})
            return
        rows = [_row(hold, told) for hold, told in found]
    if not rows:
        tell("nothing is held for approval")
    print_table(rows, header=("ACTION", "CALL", "APPROVERS", "UNTIL"))
    if rows:
        tell(f"see one: {due(directory, 'approvals', 'show', 'ACTION')}")


@command.command(short_help="Show the card of ACTION.")
@click.argument("action")
@options.folder
@options.as_json
def show(action: str, *, directory: Path, as_json: bool) -> None:
    """Show the card of ACTION: what would run, for whom, why it is held, who may approve it, and the digest they approve."""
    with access(directory) as here:
        hold, told = here.home.store.read(lambda tx: _card(tx, here, action))
        if as_json:
            print_json(card_json(here, hold, told=told))
        else:
            print_card(here, hold, told=told)


@command.command(name="approve")
@click.argument("action")
@click.option("--digest", metavar="DIGEST", help="What you were shown; if it has changed, the approval does not count.")
@options.token_file
@options.folder
@options.as_json
def approve_hold(action: str, *, digest: str | None, token_file: Path | None, directory: Path, as_json: bool) -> int:
    """Approve ACTION, once, exactly as it is held. The requester and the policy's publisher may not."""
    return _answer(
        action,
        directory,
        as_json=as_json,
        done="approved",
        say=lambda here: approve(here.shell, action, person=person(here, token_file), digest=digest),
    )


@command.command(name="reject")
@click.argument("action")
@options.reason
@options.token_file
@options.folder
@options.as_json
def reject_hold(action: str, *, reason: str, token_file: Path | None, directory: Path, as_json: bool) -> int:
    """Reject ACTION for good: it never runs."""
    return _answer(
        action,
        directory,
        as_json=as_json,
        done="rejected",
        say=lambda here: reject(here.shell, action, person=person(here, token_file), reason=reason),
    )


@command.command(name="confirm", short_help="Say yes to ACTION as whoever it is done for.")
@click.argument("action")
@click.option("--digest", metavar="DIGEST", help="What you were shown; if it has changed, your word does not count.")
@options.token_file
@options.folder
@options.as_json
def confirm_hold(action: str, *, digest: str | None, token_file: Path | None, directory: Path, as_json: bool) -> int:
    """Say yes to ACTION, once, exactly as it is held, as the person on whose behalf it is done.

    Where the policy asks for it (`confirm`), nobody else can say it, and no approval stands for it. ACTION is then decided
    again: approvers are asked for what else it is held for.
    """
    return _answer(
        action,
        directory,
        as_json=as_json,
        done="confirmed",
        say=lambda here: confirm(here.shell, action, person=person(here, token_file), digest=digest),
    )


@command.command(name="endorse", short_help="Vouch for a value of ACTION.")
@click.argument("action")
@click.argument("argument")
@options.token_file
@options.folder
@options.as_json
def endorse_value(action: str, argument: str, *, token_file: Path | None, directory: Path, as_json: bool) -> int:
    """Vouch for the value that ACTION has in ARGUMENT, for the rest of its run. ACTION is then decided again.

    Where a hold says that a value comes from nobody who may vouch for it, this says that it is right: not only for this
    action, but wherever the run uses it in this argument. What else ACTION is held for stays.
    """
    return _answer(
        action,
        directory,
        as_json=as_json,
        done="endorsed",
        say=lambda here: endorse(here.shell, action, person=person(here, token_file), argument=argument),
    )


@command.command(name="edit", short_help="Change the arguments of ACTION.")
@click.argument("action")
@click.option("--set", "pairs", multiple=True, metavar=_PAIR, help="Change one argument; VALUE is JSON, else text.")
@click.option("--arguments", "whole", metavar="JSON", help="All arguments anew, as one JSON object.")
@options.token_file
@options.folder
@options.as_json
def edit_hold(
    action: str,
    *,
    pairs: tuple[str, ...],
    whole: str | None,
    token_file: Path | None,
    directory: Path,
    as_json: bool,
) -> int:
    """Change the arguments of ACTION: a new action, decided from the start.

    An edit that only lowers what the policy calls editable counts as your approval; any other makes you a requester.
    """
    if bool(pairs) == (whole is not None):
        raise click.UsageError("give the change either as --set NAME=VALUE or as --arguments JSON")

    def say(here: Access) -> Answered:
        who = person(here, token_file)
        hold = here.home.store.read(lambda tx: card(tx, action, tenant=here.tenant))
        return edit(here.shell, action, person=who, arguments=_edited(hold, pairs, whole))

    return _answer(action, directory, as_json=as_json, done="edited", say=say)


def _answer(
    action: str,
    directory: Path,
    *,
    as_json: bool,
    done: str,
    say: Callable[[Access], Answered],
) -> int:
    with access(directory) as here:
        answered = say(here)
        hold, told = here.home.store.read(lambda tx: _card(tx, here, action))
        resume, then = go_on(here, told), then_text(here, told)
    refused = answered.refused
    if as_json:
        print_json(
            {
                "action": action,
                "run": hold.row.run,
                "answer": "refused" if refused is not None else done,
                "complete": answered.complete,
                "refused": None if refused is None else {"rule": refused.rule, "reason": refused.reason},
                "next": [resume] if resume and refused is None else [],
            }
        )
    elif refused is not None:
        tell(f"refused, {refused.rule}: {visible(refused.reason, limit=400)}")
    else:
        click.echo(f"{action} {done}")
        _tell_next(hold, told, answered, done=done, then=then)
    return Exit.UNAUTHORISED if refused is not None else Exit.OK


def _tell_next(hold: HoldCard, told: Told, answered: Answered, *, done: str, then: str) -> None:
    if done == "approved" and not answered.complete:
        story = told.story.action(hold.row.action)
        needs = approvers_text(story) if story is not None else ""
        tell(f"more people are needed: {len(hold.given)} so far, of {needs}")
        return
    if done == "approved":
        tell(f"it runs once, by {rfc3339(Instant(hold.row.execute_by))}")
    if done in ("endorsed", "confirmed"):
        tell("it is decided again, and held only for what else speaks against it")
    if done == "edited":
        tell("the edit counts as your approval" if answered.complete else "it is decided anew; you are a requester now")
    tell(then)


def _open(tx: Reader, here: Access) -> list[tuple[HoldCard, Told]]:
    rows = sorted(tx.find(HOLDS, equal=(("open", 1),)), key=lambda row: (row.asked_at, row.action))
    return [_card(tx, here, row.action) for row in rows if is_own(tx, row.run, tenant=here.tenant)]


def _card(tx: Reader, here: Access, action: str) -> tuple[HoldCard, Told]:
    hold = card(tx, action, tenant=here.tenant)
    return hold, retold(tx, hold.row.run, tenant=here.tenant)


def _row(hold: HoldCard, told: Told) -> tuple[str, str, str, str]:
    story = told.story.action(hold.row.action)
    call = call_text(hold.row.tool, story.arguments if story is not None else None)
    approvers = approvers_text(story) if story is not None else ""
    if story is not None and confirming(story):
        approvers = f"{visible(confirming(story))}, to confirm"
    if hold.row.execute_by:
        approvers = "approved, not run yet"
    elif hold.given:
        approvers += f" ({len(hold.given)} so far)"
    if story is not None and not hold.row.execute_by:
        approvers += _overdue(story)
    until = Instant(hold.row.execute_by or hold.row.expires_at)
    return hold.row.action, visible(call, limit=_CALL_SHOWN), approvers, rfc3339(until)


def _overdue(story: ActionStory) -> str:
    times, to = reminders_of(story), escalated_to(story)
    reminded = f", reminded {times} time{'s' if times > 1 else ''}" if times else ""
    return reminded + (f", escalated to {to}" if to else "")


def _edited(hold: HoldCard, pairs: tuple[str, ...], whole: str | None) -> dict[str, Json]:
    if whole is not None:
        value = parse(whole)
        if not isinstance(value, dict):
            raise BadValue("--arguments is no JSON object; expected all arguments by name")
        return value
    before = parse(hold.held.call.arguments)
    changed: dict[str, Json] = dict(before) if isinstance(before, dict) else {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadValue(f"--set {pair[:40]!a} is not {_PAIR}; expected an argument's name and its new value")
        changed[name] = _value(text, changed.get(name))
    return changed


def _value(text: str, before: Json) -> Json:
    # A number in place of a text stays text: amounts are written either way, and the schema says which.
    if isinstance(before, str):
        return text
    try:
        return parse(text)
    except BadValue:
        return text
