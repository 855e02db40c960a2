"""Driving one run: fold its events, do what it wants, append what happened, until it rests or has ended. Who drives when is the engine's.

Rule 1. One command after the other; each leaves the run changed, at rest, or over. A run that wants nothing is a defect.
Rule 2. A run rests or ends only in a transaction that has seen every event before it: no message is slept through (I11).
Rule 3. Effects are made only by `perform`, from intents that this drive committed (I1).
"""

from collections.abc import Callable

from dueprocess.agent import (
    Act,
    AskClarification,
    AskModel,
    AwaitClarification,
    Cancel,
    Command,
    DeclareLost,
    Expire,
    Finish,
    GiveUpSettling,
    HandOff,
    Hold,
    Phase,
    Reconcile,
    Stop,
    Wait,
)
from dueprocess.agent.commands import EndSubAgent, Notify, RecordPlan, StartSubAgent
from dueprocess.agent.records import ClarificationAsked, PlanMade, Suspension
from dueprocess.errors import Defect
from dueprocess.runtime import act, delegate, question
from dueprocess.runtime.journal import Claim, Item
from dueprocess.runtime.rest import end, rest, shown
from dueprocess.runtime.run import Run
from dueprocess.runtime.shell import Loaded, Shell
from dueprocess.values import FOR_EVER, ActionId, Instant


def drive(shell: Shell, loaded: Loaded, *, claim: Claim, yields: Callable[[], bool] = lambda: False) -> None:
    """Drives a claimed run until it rests or has ended. `yields` is asked between commands: true gives the run back.

    Raises:
        LeaseLost: another driver took the run. CommitLost, StoreUnavailable: the store failed; the run is taken up again.
    """
    policy = shell.policies.find(shell, release=loaded, digest=claim.policy)
    run = Run(shell, loaded, claim, policy=policy)
    run.refold()
    act.settle_lost_reads(run)
    while not run.over and run.state.phase is not Phase.ENDED:
        if yields():
            rest(run, Suspension.YIELDED, until=run.now())
            continue
        if not run.commands:
            raise Defect(f"run {claim.run} wants nothing in phase {run.state.phase.value} at event {run.state.seq}")
        _do(run, run.commands[0])


def _do(run: Run, command: Command) -> None:  # noqa: C901 - one branch per command
    match command:
        case AskModel():
            question.ask_model(run, command)
        case RecordPlan():
            run.record(Item(record=PlanMade(plan=command.plan)), fresh=True)
        case Act():
            act.act(run, command.actions)
        case Reconcile():
            act.reconcile(run, command.actions)
        case DeclareLost():
            act.declare_lost(run, command.actions)
        case GiveUpSettling():
            act.give_up_settling(run, command.actions)
        case Expire():
            act.expire(run, command.actions)
        case Notify():
            act.notify(run, command.actions)
        case StartSubAgent() | EndSubAgent():
            delegate.delegate(run, command)
        case Hold():
            _rest(run, Suspension.HELD, until=command.until, others=command.others)
        case Wait():
            reason = Suspension.OTHER_ACTION if command.others else Suspension.TIMER
            _rest(run, reason, until=command.until, others=command.others)
        case AskClarification():
            run.record(Item(record=ClarificationAsked(question=shown(run, command.question))), fresh=True)
        case AwaitClarification():
            _rest(run, Suspension.CLARIFICATION, until=FOR_EVER)
        case Finish() | HandOff() | Stop() | Cancel():
            end(run, command)


def _rest(run: Run, reason: Suspension, *, until: Instant, others: tuple[ActionId, ...] = ()) -> None:
    # A clock that does not stand still (`clock: include_suspension`) may have run out while the run rested. A run that is
    # ending has said so already, and waits for what is under way.
    is_ending = run.state.phase is Phase.ENDING
    if not is_ending and run.policy.agent.clock_includes_suspension and not act.within_time(run):
        return
    rest(run, reason, until=until, others=others)
