"""The loop's one pure function: a state and an event give a state and commands. Nothing is read, waited for or done here."""

from dueprocess.agent.commands import Command
from dueprocess.agent.fold import fold
from dueprocess.agent.happened import Happened
from dueprocess.agent.state import AgentConfig, RunState
from dueprocess.agent.todo import todo
from dueprocess.values import RunId


def initial(config: AgentConfig, run: RunId) -> RunState:
    """The state of a run before its first event."""
    return RunState(config=config, run=run)


def step(state: RunState, event: Happened) -> tuple[RunState, tuple[Command, ...]]:
    """The state after this event, and what the run wants done next."""
    after = fold(state, event)
    return after, todo(after)


def refold(state: RunState, events: tuple[Happened, ...]) -> tuple[RunState, tuple[Command, ...]]:
    """The state after these events, and what the run wants done then. Equal to stepping through them one by one."""
    for event in events:
        state = fold(state, event)
    return state, todo(state)
