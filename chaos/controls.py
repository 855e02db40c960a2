"""Builds with one safeguard removed. The campaign must find each of them out, or it proves nothing.

They are made inside an agent's process, by putting another piece in the place of the product's; the product has no
switch for any of them. A safeguard that stands in several layers is removed in all of them: what is shown is that the
campaign would see it missing, not that one layer alone is all there is.
"""

from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import Final

from chaos.orders import HookedSink
from chaos.points import Point, Spot
from dueprocess.agent import Happened, RunState, fold
from dueprocess.agent.state import Status
from dueprocess.examples.support_refunds.sink import Refund
from dueprocess.gate import ActionDispatched, ApprovalGiven, life
from dueprocess.gate.life import ActionState
from dueprocess.ledger import Event, Reader, Transaction
from dueprocess.meter import Gauge
from dueprocess.runtime import act, answers, ask, governed, journal, project_action, run
from dueprocess.runtime.tables import RunRow
from dueprocess.tool import Attempt
from dueprocess.values import Money, parse, read_amount


class Control(Enum):
    """Which safeguard is removed."""

    NONE = "none"
    NO_INTENT = "no-intent"  # the money moves before the intent is committed
    NO_EPOCH = "no-epoch"  # an append does not ask whose the run is
    NO_GRANT = "no-grant"  # an intent does not consume the grant: another yes is another effect
    NO_RESERVATION = "no-reservation"  # what is reserved is not counted against a limit


REMOVED: Final = tuple(control for control in Control if control is not Control.NONE)
"""What the campaign removes in turn."""

WANTED: Final = MappingProxyType(
    {
        Control.NO_INTENT: "double effects",
        Control.NO_EPOCH: "double effects",
        Control.NO_GRANT: "double effects",
        Control.NO_RESERVATION: "overruns",
    }
)
"""The violation that shows what each safeguard is for; another one alone does not count as found out."""


def remove_safeguard(control: Control) -> None:
    """Removes the safeguard from this process."""
    match control:
        case Control.NO_EPOCH:
            _ask_for_no_epoch()
        case Control.NO_GRANT:
            _consume_no_grant()
        case Control.NO_RESERVATION:
            _count_no_reservation()
        case Control.NONE | Control.NO_INTENT:
            pass  # without an intent the sink is another one: `EagerSink`


class EagerSink(HookedSink):
    """The payments file of the build without intents: the money moves while the intent is only being written down."""

    def move_before(self, event: Event) -> None:
        """Pays as soon as the intent is appended, before anything is committed."""
        record = event.record
        if not isinstance(record, ActionDispatched) or record.effect != "write":
            return
        arguments = parse(record.call.arguments)
        assert isinstance(arguments, dict)
        amount = read_amount(arguments["amount_usd"])
        assert amount is not None
        self.take(key=record.sink_key, order_id=str(arguments["order_id"]), amount=amount)
        spot = Spot(action=event.envelope.action, attempt=event.envelope.attempt, key=record.sink_key)
        self._hooks.at(Point.AFTER_EFFECT, spot)

    def take_for(self, attempt: Attempt, *, order_id: str, amount: Money) -> Refund:
        """Finds what was paid already."""
        return next(refund for refund in self.refunds() if refund.key == attempt.key)


def _ask_for_no_epoch() -> None:
    def anybody(tx: Reader, claim: journal.Claim) -> RunRow:
        return journal.run_row(tx, claim.run)

    for module in (journal, act, governed, run):
        module.owned = anybody  # type: ignore[attr-defined]


def _count_no_reservation() -> None:
    counted = ask._gauge  # noqa: SLF001 - a test build is what it is

    def spent_only(tx: Reader, key: str) -> Gauge:
        return Gauge(spent=counted(tx, key).spent)

    ask._gauge = spent_only  # noqa: SLF001 - as above


def _consume_no_grant() -> None:
    # The row stays open and every yes makes a grant, a grant is good in any state of the action, and the table lets it.
    # Handlers stand in tables: those are what is changed.
    looked = answers.card

    def never_granted(tx: Reader, action: str, *, tenant: str) -> answers.HoldCard:
        found = looked(tx, action, tenant=tenant)
        return replace(found, row=replace(found.row, open=1, execute_by=0), given=())

    def always_granted(state: RunState, event: Happened, record: ApprovalGiven) -> RunState:
        item = state.find(event.action)
        return state if item is None or not record.execute_by else state.change(replace(item, status=Status.GRANTED))

    def never_closed(tx: Transaction, action: str) -> None:
        pass

    answers.card = never_granted
    fold.HANDLERS[ApprovalGiven] = always_granted  # type: ignore[index]
    allowed = {**life.MOVES, ActionState.SUCCEEDED: frozenset({ActionState.DISPATCHED})}
    life.MOVES = allowed  # type: ignore[misc]
    project_action._close_hold = never_closed  # noqa: SLF001 - as above
