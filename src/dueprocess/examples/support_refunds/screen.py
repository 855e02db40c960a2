"""What the demo shows, in at most thirty lines. Every figure is counted elsewhere; foreign text is never shown."""

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import click

from dueprocess.examples.support_refunds.agent import APPROVER
from dueprocess.examples.support_refunds.inbox import Inbox
from dueprocess.examples.support_refunds.office import Office
from dueprocess.examples.support_refunds.people import token_file
from dueprocess.examples.support_refunds.plain_loop import PlainResult
from dueprocess.examples.support_refunds.story import Carried, Change, Hold
from dueprocess.examples.support_refunds.tally import Standing, Tally
from dueprocess.ledger import Broken, Verified
from dueprocess.runtime.tables import HOLDS

_SHOWN_HOLDS: Final = 3


class Screen:
    """Prints the demo as it goes; `quiet` prints nothing but what is asked for as JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not quiet
        self._drawn = ""
        self._same = ""

    def opening(self, inbox: Inbox, *, model: str, scripted: bool) -> None:
        """The title, and what the model is."""
        # In the script it is known that the refund comes which the worker does not survive; a real model may not ask for it.
        killed = "script through the gate, the worker killed with -9 in the middle of a refund"
        self._same = killed if scripted else "inbox through the gate"
        said = "a script: no network, no chance, the same every time" if scripted else f"{model}, a real one"
        self._title(f"A support inbox of {len(inbox.tickets)} tickets (seed {inbox.seed}). The model is {said}.")

    def plain(self, result: PlainResult) -> None:
        """What the plain loop did."""
        self._say("")
        self._title("1  A plain tool loop with retries")
        self._say(
            f"   {result.refunds} refunds, {result.refunded} USD; "
            + self._bad(
                f"{result.double_effects} paid twice or more, {result.overspent} USD over the cap of single refunds"
            )
        )

    def progress(self, stood: tuple[Standing, ...], deaths: int) -> None:
        """One line that is drawn over while the worker works."""
        if not self._live:
            return
        done = sum(standing.settled for standing in stood)
        died = f", worker killed {deaths}x and resumed" if deaths else ""
        text = f"   working: {done} of {len(stood)} tickets at rest{died}"
        if text != self._drawn:
            click.echo(f"\r\x1b[2K{text}", nl=False, err=True)
            self._drawn = text

    def gate(self, office: Office, figures: Tally) -> None:
        """What the gate did, counted from ledger and payments file."""
        self._wipe()
        self._say("")
        self._title(f"2  The same {self._same}")
        self._say(
            f"   {figures.tasks} tickets: {figures.completed} completed, {figures.held} held for people, "
            f"{figures.handed_off} handed to people; {figures.denied_actions} actions denied"
        )
        self._say(
            f"   {figures.effects_in_sink} refunds, {figures.refunded} USD; "
            + self._good(
                f"{figures.double_effects} paid twice, {figures.budget_overruns} budgets overrun, "
                f"{figures.unknown_outcomes} outcomes unknown"
            )
        )
        self._say(f"   cost {figures.cost} USD: model {figures.model_cost} and fees of the payment processor")

    def people(self, office: Office, *, carried: Carried | None, held: tuple[Hold, ...]) -> None:
        """One hold carried through, and how the others go on."""
        self._say("")
        self._title("3  People decide what waits for people")
        if carried is None:
            self._say("   nothing is held")
            return
        hold = carried.hold
        self._say(f"   {hold.ticket.id}: {hold.amount} USD for {hold.ticket.order.id}, action {hold.action}")
        self._say(f"   the requester approves:  refused: {carried.refused}")
        self._say(f"   finance approves:        {carried.approved_by}; paid once")
        self._say(f"   a second approval:       {carried.second}")
        still = [other for other in held if other.action != hold.action and _is_open(office, other)]
        if still:
            self._say(f"   {len(still)} more wait; each goes on like this, then run the demo again:")
            folder = office.place.folder
            token = token_file(office, APPROVER)
            self._say(f"     {_due()} approvals approve {still[0].action} --dir {folder} --token-file {token}")

    def changes(self, changes: tuple[Change, ...]) -> None:
        """What another threshold would change."""
        self._say("")
        self._title("4  What if people were asked from 10 USD instead of 25?")
        kinds = Counter((change.before.value, change.after.value) for change in changes)
        told = ", ".join(f"{count} from {before} to {after}" for (before, after), count in sorted(kinds.items()))
        self._say(f"   {len(changes)} tickets change: {told or 'none'}")
        if changes:
            self._say(f"   {' '.join(change.ticket.id for change in changes)}")

    def ledger(self, exported: Path, *, verified: Verified | Broken, changed: tuple[int, Verified | Broken]) -> None:
        """The ledger as a stranger checks it, whole and with one byte changed."""
        self._say("")
        self._title("5  The record, checked with the public key alone")
        if isinstance(verified, Verified):
            self._say(f"   {exported}: {verified.lines} events, " + self._good("all as signed"))
        line, broken = changed
        if isinstance(broken, Broken):
            self._say(
                f"   one byte changed in line {line}: {self._bad('found')}: event {broken.leaf} "
                f"({broken.kind} of run {broken.run})"
            )

    def report(self, path: Path | None) -> None:
        """Where one audit report is."""
        if path is not None:
            self._say(f"   the story of one refund, for an auditor: {path}")

    def closing(self, path: Path, summary: str) -> None:
        """Where the figures are."""
        if self._quiet:
            click.echo(summary)
            return
        self._say("")
        self._say(f"All figures: {path}")

    def _title(self, text: str) -> None:
        self._say(click.style(text, bold=True))

    def _good(self, text: str) -> str:
        return click.style(text, fg="green")

    def _bad(self, text: str) -> str:
        return click.style(text, fg="red")

    def _say(self, text: str) -> None:
        if not self._quiet:
            click.echo(text)

    def _wipe(self) -> None:
        if self._live and self._drawn:
            click.echo("\r\x1b[2K", nl=False, err=True)
            self._drawn = ""


def _due() -> str:
    """How this command is called here: by its name where it is on the path, else as it was called."""
    return "due" if shutil.which("due") else sys.argv[0]


def _is_open(office: Office, hold: Hold) -> bool:
    row = office.shell.store.read(lambda tx: tx.get(HOLDS, hold.action))
    return row is not None and bool(row.open)
