"""Judges what a power loss has left, before anything is repaired: whether it is whole, and all there that was told.

Rule 1. The store opens. SQLite finds its file in order. The ledger is a chain, a tree, and what its own checkpoint signs.
Rule 2. Every event opens: the key of a run outlives its events, unless the ledger says that the run was erased.
Rule 3. The tables are what the ledger says (I8).
Rule 4. Every fact told before the power went is there (I3).
Rule 5. Every effect at the sink has its intent in the ledger (I3), and nothing was done twice (I4).
"""

import io
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos.power.facts import Fact, Told
from chaos.power.shop import home_below, sink_below
from dueprocess.errors import DueProcessError, NotAuthenticated
from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.gate import ActionDispatched, ActionSettled, ApprovalGiven
from dueprocess.ledger import (
    Broken,
    Checkpoint,
    Erased,
    Event,
    RunKey,
    SigningKey,
    decode_line,
    export_log,
    leaf_hash,
    verify_export,
)
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.stores.journal import opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.values import RunId
from dueprocess.wiring.home import Home, open_home

_ERASED: Final = "run.erased"


@dataclass(slots=True, kw_only=True)
class Findings:
    """What is wrong with an image, in words."""

    violations: list[str] = field(default_factory=list[str])

    def expect(self, holds: object, violation: str) -> None:
        """Notes a violation unless something holds."""
        if not holds:
            self.violations.append(violation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that a store holds, read once."""

    lines: tuple[bytes, ...]
    events: tuple[Event, ...]
    erased: frozenset[str]

    def of(self, kind: type) -> list[Event]:
        """The events with a record of this kind."""
        return [event for event in self.events if isinstance(event.record, kind)]


def check_image(root: Path, facts: Sequence[Fact]) -> list[str]:
    """Every violation found below this folder."""
    found = Findings()
    if not home_below(root).is_dir():
        found.expect(not facts, f"the store is gone, and {len(facts)} facts had been told")
        return found.violations
    try:
        home = open_home(home_below(root), {})
    except DueProcessError as error:
        # Nothing may be left of a store that nobody had been told of; it must open all the same.
        return [f"the store does not open: {error}"]
    try:
        check_home(home, facts, found, sink=Sink(sink_below(root)))
    except DueProcessError as error:
        found.violations.append(f"reading the store ended by {type(error).__name__}: {error}")
    finally:
        home.store.close()
    return found.violations


def check_home(home: Home, facts: Sequence[Fact], found: Findings, *, sink: Sink) -> None:
    """Rules 1 to 5 on an open store."""
    _check_database(home, found)
    ledger = _read(home, found)
    if ledger is None:
        return
    _check_signed(home, ledger, facts, found)
    _check_tables(home, ledger, found)
    _check_facts(home, ledger, facts, found, sink=sink)
    _check_effects(ledger, found, sink=sink)


def _check_database(home: Home, found: Findings) -> None:
    connection = sqlite3.connect(home.path / "ledger.db")
    try:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
        found.expect(answer == [("ok",)], f"SQLite says: {answer[:3]}")
    except sqlite3.DatabaseError as error:
        found.violations.append(f"SQLite cannot read the file: {error}")
    finally:
        connection.close()


def _read(home: Home, found: Findings) -> Ledger | None:
    lines = tuple(home.store.lines())
    envelopes = [decode_line(line) for line in lines]
    erased = frozenset(envelope.run for envelope in envelopes if envelope.kind == _ERASED)
    events: list[Event] = []
    for envelope in envelopes:
        key = home.keys.get(envelope.run)
        if not isinstance(key, RunKey) and not (isinstance(key, Erased) and envelope.run in erased):
            found.violations.append(
                f"event {envelope.leaf} ({envelope.kind}) of run {envelope.run} cannot be opened: {type(key).__name__}"
            )
            return None
        events.append(opened(envelope, home.keys))
    return Ledger(lines=lines, events=tuple(events), erased=erased)


def _check_signed(home: Home, ledger: Ledger, facts: Iterable[Fact], found: Findings) -> None:
    checkpoint, _ = home.store.checkpoint()
    found.expect(
        checkpoint.size == len(ledger.lines), f"{checkpoint.size} leaves are signed, {len(ledger.lines)} are there"
    )
    key = SigningKey.from_seed((home.path / "ledger.key").read_bytes(), name=home.verifier.name)
    out = io.BytesIO()
    export_log(lambda: iter(ledger.lines), out, checkpoint=checkpoint, key=key)
    anchors = [fact for fact in facts if fact.kind is Told.ANCHORED]
    newest = max(anchors, key=lambda fact: int(fact.subject), default=None)
    newer_than = None
    if newest is not None:
        newer_than = Checkpoint(origin=checkpoint.origin, size=int(newest.subject), root=bytes.fromhex(newest.detail))
    verdict = verify_export([out.getvalue()], key=home.verifier, newer_than=newer_than)
    found.expect(not isinstance(verdict, Broken), f"an export does not verify: {verdict}")


def _check_tables(home: Home, ledger: Ledger, found: Findings) -> None:
    scratch = MemoryStore(signing_key=SigningKey.from_seed(bytes(32), name="scratch"))
    rebuilt, stored = replay_into(iter(ledger.events), scratch), snapshot(home.store)
    for table, rows in stored.items():
        found.expect(rows == rebuilt[table], f"table {table} is not what the ledger says")


def _check_facts(home: Home, ledger: Ledger, facts: Iterable[Fact], found: Findings, *, sink: Sink) -> None:
    hashes = [leaf_hash(line).hex() for line in ledger.lines]
    runs = {event.envelope.run for event in ledger.events}
    approved = {(event.envelope.action, _by(event)) for event in ledger.of(ApprovalGiven)}
    settled = {(event.envelope.action, _outcome(event)) for event in ledger.of(ActionSettled)}
    gone = {event.envelope.action for event in ledger.events if event.envelope.run in ledger.erased}
    paid = {(refund.key, refund.order_id) for refund in sink.refunds()}
    for fact in facts:
        pair = (fact.subject, fact.detail)
        match fact.kind:
            case Told.OPENED:
                holds = fact.subject == str(home.verifier)
            case Told.NAMED:
                holds = _is_named(home, fact)
            case Told.COMMITTED:
                holds = hashes[int(fact.subject) : int(fact.subject) + 1] == [fact.detail]
            case Told.SUBMITTED:
                holds = fact.subject in runs
            case Told.APPROVED:
                holds = pair in approved or fact.subject in gone
            case Told.SETTLED:
                holds = pair in settled or fact.subject in gone
            case Told.PAID:
                holds = pair in paid
            case Told.ERASED:
                holds = isinstance(home.keys.get(RunId(fact.subject)), Erased)
            case Told.ANCHORED:
                continue
        found.expect(holds, f"told, and gone: {fact.kind.value} {fact.subject} {fact.detail}")


def _is_named(home: Home, fact: Fact) -> bool:
    try:
        return home.identities.authenticate(fact.subject).id == fact.detail
    except NotAuthenticated:
        return False


def _check_effects(ledger: Ledger, found: Findings, *, sink: Sink) -> None:
    intents = dict(_intents(ledger))
    refunds = sink.refunds()
    for refund in refunds:
        if refund.key not in intents:
            found.violations.append(
                f"{refund.order_id} was paid under {refund.key}, and the ledger has no intent for it"
            )
    for order, times in Counter(refund.order_id for refund in refunds).items():
        found.expect(times == 1, f"{order} was paid {times} times")


def _intents(ledger: Ledger) -> Iterator[tuple[str, str]]:
    for event in ledger.of(ActionDispatched):
        record = event.record
        if isinstance(record, ActionDispatched):
            yield record.sink_key, event.envelope.action


def _by(event: Event) -> str:
    return event.record.approval.by if isinstance(event.record, ApprovalGiven) else ""


def _outcome(event: Event) -> str:
    return event.record.outcome.value if isinstance(event.record, ActionSettled) else ""
