"""An agent with a sub-agent, and a model that plays both: each of them says its own lines, one after the other."""

from collections.abc import Sequence

from dueprocess.agent.sub_agents import SubAgent
from dueprocess.model import ModelRequest, Role
from dueprocess.providers.scripted import Arguments, Line, Script

FINDER = SubAgent(name="finder", prompt="You find facts.", describe="Finds facts.", tools=("look", "pay"), max_turns=4)
NAME = "agent:support/finder"


def both(agent: Sequence[Line], finder: Sequence[Line]) -> Script:
    """What the agent says in each of its turns, and the sub-agent in each of its own, of every task anew."""

    def script(request: ModelRequest, run: str, turn: int) -> Line:
        said = sum(message.role is Role.ASSISTANT for message in request.messages)
        lines = finder if request.messages[0].text == FINDER.prompt else agent
        return lines[min(said, len(lines) - 1)]

    return script


def find(task: str = "find it", *, times: int = 1) -> Line:
    """The agent gives its sub-agent a task."""
    return calls(*[("finder", {"task": task})] * times)


def calls(*wanted: tuple[str, Arguments]) -> Line:
    """Whoever speaks asks for these."""
    return Line(calls=wanted)


def told(request: ModelRequest) -> list[str]:
    """What tools, people and sub-agents have answered in what the model is shown."""
    return [message.text for message in request.messages if message.role is Role.TOOL]
