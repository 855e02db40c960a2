"""What the record says of a sub-agent: that it was given its task, and how it came to its end. What follows is the fold's.

Rule 1. Neither is an act: nothing leaves the run. Both are committed only in a state that has seen every event, so that a
        cancellation or an answer is never overtaken.
"""

from dueprocess.agent.commands import EndSubAgent, StartSubAgent
from dueprocess.agent.records import SubAgentEnded, SubAgentStarted
from dueprocess.agent.sub_agents import principal_of
from dueprocess.runtime.journal import Item
from dueprocess.runtime.run import Run


def delegate(run: Run, command: StartSubAgent | EndSubAgent) -> None:
    """Records the beginning or the end of a sub-agent's work, under the action that its agent asked for."""
    name = principal_of(run.state.config.agent, command.name)
    match command:
        case StartSubAgent():
            record: object = SubAgentStarted(sub_agent=name, task=command.task)
        case EndSubAgent():
            record = SubAgentEnded(sub_agent=name, how=command.how, turns=command.turns, reason=command.reason)
    # Not synced: what a power loss takes back is folded and recorded again, and the next question is synced anyway.
    run.record(Item(record=record, action=command.action), fresh=True, sync=False)
