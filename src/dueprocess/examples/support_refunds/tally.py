"""What came of the inbox, counted from the ledger and the payments file alone. How it is shown is the command's matter."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from dueprocess.agent.records import BudgetOverrun, ModelReplied
from dueprocess.examples.support_refunds.inbox import Ticket
from dueprocess.examples.support_refunds.office import Office
from dueprocess.examples.support_refunds.plain_loop import PlainResult
from dueprocess.gate import ActionDispatched, ActionState
from dueprocess.ledger import Event, Reader
from dueprocess.runtime import RESTING, TERMINAL, RunStatus
from dueprocess.runtime.tables import ACTIONS, RUNS, ActionRow, RunRow
from dueprocess.values import ZERO, Json, Money

REFUND = "issue_refund"
_OPEN = frozenset({ActionState.DISPATCHED.value, ActionState.UNKNOWN.value, ActionState.UNSETTLED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one ticket stands."""

    ticket: Ticket
    run: RunRow

    @property
    def completed(self) -> bool:
        """The run finished with an answer."""
        return self.run.status == RunStatus.FINISHED.value

    @property
    def held(self) -> bool:
        """It rests until people, or another run, have done something."""
        return self.run.status in RESTING

    @property
    def settled(self) -> bool:
        """Nothing happens to it until somebody does something."""
        return self.run.status in TERMINAL or (
            self.held and self.run.status != RunStatus.TIMER.value and not self.run.due
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The figures of a demo, by the names under which `summary.json` gives them."""

    tasks: int
    completed: int
    held: int
    handed_off: int
    denied_actions: int
    effects_settled: int
    effects_in_sink: int
    double_effects: int
    budget_overruns: int
    unknown_outcomes: int
    refunded: Money
    cost: Money
    model_cost: Money
    ledger_events: int
    ledger_verified: bool
    without_gate: PlainResult

    def to_json(self) -> dict[str, Json]:
        """The form of `summary.json`. Amounts are exact decimals."""
        plain = self.without_gate
        return {
            "tasks": self.tasks,
            "completed": self.completed,
            "held": self.held,
            "handed_off": self.handed_off,
            "denied_actions": self.denied_actions,
            "effects_settled": self.effects_settled,
            "effects_in_sink": self.effects_in_sink,
            "double_effects": self.double_effects,
            "budget_overruns": self.budget_overruns,
            "unknown_outcomes": self.unknown_outcomes,
            "refunded_usd": self.refunded.decimal,
            "cost_usd": self.cost.decimal,
            "ledger_events": self.ledger_events,
            "ledger_verified": self.ledger_verified,
            "without_gate": {
                "double_effects": plain.double_effects,
                "refunded_usd": plain.refunded.decimal,
                "overspent_usd": plain.overspent.decimal,
            },
        }


def standings(office: Office) -> tuple[Standing, ...]:
    """Where every submitted ticket stands, in the order they came."""

    def query(tx: Reader) -> list[Standing]:
        rows = ((ticket, tx.get(RUNS, office.run_of(ticket))) for ticket in office.inbox.tickets)
        return [Standing(ticket=ticket, run=row) for ticket, row in rows if row is not None]

    return tuple(office.shell.store.read(query))


def tally(office: Office, plain: PlainResult, *, verified: bool) -> Tally:
    """Counts everything anew."""
    stood = standings(office)
    actions = office.shell.store.read(lambda tx: tx.find(ACTIONS))
    refunds = office.sink.refunds()
    per_order = Counter(refund.order_id for refund in refunds)
    model, fees, overruns = _costs(office)
    completed, held = sum(s.completed for s in stood), sum(s.held for s in stood)
    return Tally(
        tasks=len(stood),
        completed=completed,
        held=held,
        handed_off=len(stood) - completed - held,
        denied_actions=sum(action.state == ActionState.DENIED.value for action in actions),
        effects_settled=sum(_is_paid(action) for action in actions),
        effects_in_sink=len(refunds),
        double_effects=sum(count - 1 for count in per_order.values()),
        budget_overruns=overruns,
        unknown_outcomes=sum(action.state in _OPEN for action in actions),
        refunded=sum((refund.amount for refund in refunds), start=ZERO),
        cost=model + fees,
        model_cost=model,
        ledger_events=office.shell.store.checkpoint()[0].size,
        ledger_verified=verified,
        without_gate=plain,
    )


def events_of(office: Office, ticket: Ticket) -> list[Event]:
    """All events of a ticket's run."""
    run = office.run_of(ticket)
    return office.shell.store.read(lambda tx: tx.events(run))


def _costs(office: Office) -> tuple[Money, Money, int]:
    model, fees, overruns = ZERO, ZERO, 0
    for event in _all_events(office):
        match event.record:
            case ModelReplied(cost_micros=cost):
                model += Money(cost)
            case ActionDispatched(fee_micros=fee):
                fees += Money(fee)
            case BudgetOverrun():
                overruns += 1
            case _:
                pass
    return model, fees, overruns


def _all_events(office: Office) -> Iterator[Event]:
    for ticket in office.inbox.tickets:
        yield from events_of(office, ticket)


def _is_paid(action: ActionRow) -> bool:
    return action.tool == REFUND and action.state == ActionState.SUCCEEDED.value
