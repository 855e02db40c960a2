"""Builds with one safeguard removed. The campaign must find each of them out, or it proves nothing.

Some are made inside the recorded program, by putting another piece in the place of the product's. Others are made in the
log: a build without a sync asks the disk for the same and only lacks the sync.
"""

from collections.abc import Iterable
from enum import Enum

from chaos.power.trace import Kind, Record
from dueprocess.examples.support_refunds.sink import Refund, Sink
from dueprocess.gate import ActionDispatched
from dueprocess.ledger import Event
from dueprocess.stores.keyfile import KeyFile
from dueprocess.stores.sqlite.writer import Writer
from dueprocess.values import Money, parse, read_amount


class Control(Enum):
    """Which safeguard is removed."""

    NONE = "none"
    NO_FSYNC = "no-fsync"  # SQLite syncs nothing
    LAZY_COMMIT = "lazy-commit"  # no write asks to be durable before somebody is told
    NO_INTENT = "no-intent"  # the money is moved before the intent is committed
    LATE_KEY = "late-key"  # the key of a run is synced after its first events
    NO_FOLDER_SYNC = "no-folder-sync"  # names are never synced
    NO_SINK_SYNC = "no-sink-sync"  # the payments file tells before it syncs
    BLIND_RECOVERY = "blind-recovery"  # recovery takes every payment whose outcome was lost for not made

    @property
    def is_in_the_program(self) -> bool:
        """Whether a program of its own has to be recorded for it."""
        return self in {Control.NO_FSYNC, Control.LAZY_COMMIT, Control.NO_INTENT, Control.LATE_KEY}


def remove_safeguard(control: Control) -> None:
    """Removes the safeguard from this process."""

    def never_sync(self: Writer, level: str) -> None:
        self._connection.execute("PRAGMA synchronous = OFF")

    def sync_later(self: KeyFile, descriptor: int) -> None:
        pass

    if control is Control.NO_FSYNC:
        Writer._set_synchronous = never_sync  # noqa: SLF001 - as above
    elif control is Control.LATE_KEY:
        KeyFile._sync = sync_later  # noqa: SLF001 - as above


def left_of(records: Iterable[Record], control: Control) -> list[Record]:
    """The log as a build without the safeguard would have left it."""
    match control:
        case Control.NO_FOLDER_SYNC:
            folders = {record.path for record in records if record.kind is Kind.MKDIR} | {""}
            return [record for record in records if record.kind is not Kind.SYNC or record.path not in folders]
        case Control.NO_SINK_SYNC:
            return [r for r in records if r.kind is not Kind.SYNC or not r.path.endswith("payments.jsonl")]
        case _:
            return list(records)


class EagerSink(Sink):
    """A payments file for the build without intents: the money moves while the intent is only being written down."""

    def move_before(self, event: Event) -> None:
        """Pays as soon as the intent is appended, before anything is committed."""
        record = event.record
        if not isinstance(record, ActionDispatched) or record.call.tool not in {"pay", "pay_once"}:
            return
        arguments = parse(record.call.arguments)
        amount = read_amount(arguments["amount_usd"]) if isinstance(arguments, dict) else None
        if isinstance(arguments, dict) and amount is not None:
            super().take(key=record.sink_key, order_id=str(arguments["order_id"]), amount=amount)

    def take(self, *, key: str, order_id: str, amount: Money) -> Refund:
        """Finds what was paid already."""
        return next((refund for refund in self.refunds() if refund.key == key), None) or super().take(
            key=key, order_id=order_id, amount=amount
        )
