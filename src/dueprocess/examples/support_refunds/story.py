"""The demo, act by act. Each act may be cut short at any moment and played again: it goes on from what the ledger says.

Rule 1. Nothing here keeps state of its own: what was done is asked of the ledger, the payments file and the identities.
Rule 2. Files for others (`ledger.jsonl`, `ledger.pub`, `summary.json`, the report) are written beside and renamed.
"""

from dataclasses import dataclass
from pathlib import Path

from dueprocess.agent import initial, refold
from dueprocess.errors import Conflict
from dueprocess.examples.support_refunds.agent import APPROVER, REQUESTER, SECOND_APPROVER, policy_text
from dueprocess.examples.support_refunds.inbox import Behaviour, Ticket
from dueprocess.examples.support_refunds.office import Office
from dueprocess.examples.support_refunds.people import person
from dueprocess.examples.support_refunds.tally import REFUND, events_of
from dueprocess.gate import (
    ActionDenied,
    ActionDispatched,
    ActionHeld,
    ApprovalGiven,
    ApprovalRefused,
    CallRecord,
    RawCall,
    judge,
)
from dueprocess.ledger import Broken, Event, Verified, verify_export
from dueprocess.policy import Policy, Principal, Verdict, load
from dueprocess.runtime import approve, introduce, submit
from dueprocess.runtime.journal import happened
from dueprocess.values import Money, parse, read_amount
from dueprocess.wiring.access import Access
from dueprocess.wiring.export import export as export_ledger
from dueprocess.wiring.report import report_on_action
from dueprocess.wiring.report_html import report_html
from dueprocess.wiring.whole import write_whole

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A refund that waits for people, or waited."""

    ticket: Ticket
    action: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One hold carried through: who was refused and why, who approved, and what a second approval came to."""

    hold: Hold
    refused: str
    approved_by: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A ticket whose refund another policy would decide differently."""

    ticket: Ticket
    before: Verdict
    after: Verdict


def submit_inbox(office: Office) -> None:
    """Takes every ticket as a task. A ticket that was taken before keeps its run."""
    introduce(office.shell, office.release)
    for ticket in office.inbox.tickets:
        submit(office.shell, office.release, task=office.task_of(ticket))


def holds(office: Office) -> tuple[Hold, ...]:
    """Every refund that was ever held, in the order of the tickets."""
    found: list[Hold] = []
    for ticket in office.inbox.tickets:
        for event in events_of(office, ticket):
            if isinstance(event.record, ActionHeld):
                amount = _amount(event.record.call)
                found.append(Hold(ticket=ticket, action=event.envelope.action, amount=amount))
    return tuple(found)


def carry_one(office: Office) -> Carried | None:
    """Takes the first hold through the people: the requester may not, finance may, and a second yes has no effect."""
    hold = next((hold for hold in holds(office) if hold.ticket.behaviour is Behaviour.REFUND_ABOVE), None)
    if hold is None:
        return None
    asked, finance, other = (person(office, name) for name in (REQUESTER, APPROVER, SECOND_APPROVER))
    said = office.shell.store.read(lambda tx: tx.lineage(hold.action))
    refused = next((e.record.reason for e in said if isinstance(e.record, ApprovalRefused)), "")
    if not refused:
        answered = approve(office.shell, hold.action, person=asked)
        refused = answered.refused.reason if answered.refused is not None else "was not refused"
    if not any(isinstance(event.record, ApprovalGiven) for event in said):
        approve(office.shell, hold.action, person=finance)
    try:
        approve(office.shell, hold.action, person=other)
        second = "counted"
    except Conflict:
        second = "no effect: it is closed"
    return Carried(hold=hold, refused=refused, approved_by=finance.id, second=second)


def what_if(office: Office, *, threshold: str) -> tuple[Change, ...]:
    """Decides every refund of the inbox again, on the recorded calls and evidence, under another threshold."""
    tools = office.release.config.tools
    text = policy_text().replace("require_approval_over_usd: 25", f"require_approval_over_usd: {threshold}")
    other = load(text.encode(), name=f"policy.yaml with {threshold}", tools=tools)
    changes: list[Change] = []
    for ticket in office.inbox.tickets:
        events = events_of(office, ticket)
        for call in _first_calls(events):
            before, after = (_decide(office, policy, call, ticket, events) for policy in (office.release.policy, other))
            if before is not after:
                changes.append(Change(ticket=ticket, before=before, after=after))
                break
    return tuple(changes)


def export(office: Office) -> Path:
    """Writes the whole ledger and the public key for a stranger to check."""
    folder = office.place.folder
    path = folder / "ledger.jsonl"
    export_ledger(office.home, path)
    write_whole(folder / "ledger.pub", f"{office.home.verifier}\n".encode())
    return path


def report(office: Office, carried: Carried | None) -> Path | None:
    """Writes the audit report of the hold that was carried through: one page that stands alone."""
    if carried is None:
        return None
    path = office.place.folder / "report.html"
    here = Access(folder=office.place.folder, home=office.home, project=None, shell=office.shell)
    write_whole(path, report_html(report_on_action(here, carried.hold.action)).encode())
    return path


def check(office: Office, exported: Path) -> Verified | Broken:
    """Checks the export as a stranger would: the file and the public key."""
    with exported.open("rb") as file:
        return verify_export(iter(lambda: file.read(_PIECE), b""), key=office.home.verifier)


def check_with_one_byte_changed(office: Office, exported: Path) -> tuple[int, Verified | Broken]:
    """Changes one byte in the middle of a copy and checks that. Returns the line that was changed, counted from 1."""
    lines = exported.read_bytes().split(b"\n")
    number = len(lines) // 2
    line = bytearray(lines[number])
    place = line.index(b'"body":"') + len(b'"body":"') + 20
    line[place] = ord("A") if line[place] != ord("A") else ord("B")
    lines[number] = bytes(line)
    return number + 1, verify_export([b"\n".join(lines)], key=office.home.verifier)


def _first_calls(events: list[Event]) -> list[CallRecord]:
    calls: dict[tuple[int, int], CallRecord] = {}
    for event in events:
        record = event.record
        if isinstance(record, (ActionDenied, ActionHeld, ActionDispatched)) and record.call.tool == REFUND:
            calls.setdefault((record.call.cause, record.call.index), record.call)
    return list(calls.values())


def _decide(office: Office, policy: Policy, call: CallRecord, ticket: Ticket, events: list[Event]) -> Verdict:
    state = initial(office.release.config, office.run_of(ticket))
    state, _ = refold(state, tuple(happened(event) for event in events))
    raw = RawCall(
        tool=call.tool,
        arguments=call.arguments,
        principal=Principal(id=call.principal, on_behalf_of=call.on_behalf_of or None),
        environment=office.release.manifest.environment,
        evidence=state.evidence,
        citations=parse(call.citations) if call.citations else None,
    )
    return judge(policy, office.release.config.tools, call=raw).verdict


def _amount(call: CallRecord) -> Money:
    arguments = parse(call.arguments)
    found = read_amount(arguments.get("amount_usd")) if isinstance(arguments, dict) else None
    return found if found is not None else Money(0)
