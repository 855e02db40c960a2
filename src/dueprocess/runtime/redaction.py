"""What of a run may be shown: the policy's `redact`, applied to every rendering. The encrypted bodies are never touched.

Rule 1. At a redacted path of a tool's arguments stands `[redacted]`, and at the same path of its result. Where arguments
        do not have the shape that the path speaks of (a list, a text), that is hidden: what cannot be told apart is not shown.
Rule 2. The values found at redacted paths are hidden wherever else in the run they occur: in the task, in what the model
        said. Values shorter than four characters are hidden at their paths only: they would tear up every text.
Rule 3. What a run may show is decided by every policy that decided in it, and the one in force. If one of them cannot be
        read, nothing of arguments, results and texts is shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from dueprocess.agent.records import ModelReplied, PlanMade
from dueprocess.errors import BadValue
from dueprocess.gate import (
    ActionDenied,
    ActionDispatched,
    ActionEdited,
    ActionHeld,
    ActionReused,
    ActionWaiting,
    CallRecord,
)
from dueprocess.ledger import Event
from dueprocess.policy import ArgumentPath, Policy
from dueprocess.policy.arguments import REDACTED
from dueprocess.runtime.planned import plan_shown, planned_calls
from dueprocess.values import Json, canonical, canonical_number, parse
from dueprocess.values.canonical import parse_or

_LEAST: Final = 4  # rule 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What is hidden. `paths` by tool; `secrets`, the longest first; `all_hidden`: rule 3."""

    paths: Mapping[str, frozenset[ArgumentPath]] = field(default_factory=dict[str, frozenset[ArgumentPath]])
    secrets: tuple[str, ...] = ()
    all_hidden: bool = False

    @classmethod
    def of(cls, policies: Iterable[Policy | None], events: Iterable[Event]) -> Self:
        """The redaction of a run by these policies, None for one that cannot be read."""
        known = tuple(policies)
        if any(policy is None for policy in known):
            return cls(all_hidden=True)
        paths: dict[str, frozenset[ArgumentPath]] = {}
        for policy in known:
            for name, tool in policy.tools.items() if policy is not None else ():
                if tool.redact:
                    paths[name] = paths.get(name, frozenset()) | frozenset(tool.redact)
        found = {text for event in events for text in _secrets(event.record, paths)} if paths else set[str]()
        return cls(paths=paths, secrets=tuple(sorted(found, key=lambda text: (-len(text), text))))

    def arguments(self, tool: str, text: str) -> Json:
        """JSON text of a tool's arguments, as it may be shown; text that is no JSON is shown as text."""
        return self._shown(tool, text, otherwise=REDACTED)

    def result(self, tool: str, text: str) -> Json:
        """JSON text of what a tool brought back, as it may be shown."""
        return self._shown(tool, text, otherwise=None)

    def _shown(self, tool: str, text: str, *, otherwise: str | None) -> Json:
        # `otherwise` stands in the place of what has not the shape that a path speaks of; None leaves it (rule 1).
        if self.all_hidden:
            return REDACTED
        try:
            value = parse(text)
        except BadValue:
            return otherwise if otherwise is not None and tool in self.paths else self.text(text)
        for path in self.paths.get(tool, ()):
            value = _without(value, path, otherwise=otherwise)
        return self._masked(value)

    def plan(self, text: str) -> Json:
        """JSON text of a plan, as it may be shown."""
        return REDACTED if self.all_hidden else plan_shown(text, arguments=self.arguments, masked=self._masked)

    def text(self, text: str) -> str:
        """A text as it may be shown."""
        if self.all_hidden:
            return REDACTED if text else ""
        for secret in self.secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def _masked(self, value: Json) -> Json:
        if not self.secrets:
            return value
        match value:
            case str():
                return self.text(value)
            case list():
                return [self._masked(item) for item in value]
            case dict():
                return {self.text(key): self._masked(item) for key, item in value.items()}
            case None | bool():
                return value
            case _:
                return REDACTED if canonical_number(value) in self.secrets else value


def _without(value: Json, path: ArgumentPath, *, otherwise: str | None) -> Json:
    if not path:
        return REDACTED
    if not isinstance(value, dict):
        return value if otherwise is None else otherwise
    if path[0] not in value:
        return value
    return {**value, path[0]: _without(value[path[0]], path[1:], otherwise=otherwise)}


def _secrets(record: object, paths: Mapping[str, frozenset[ArgumentPath]]) -> list[str]:
    calls: list[tuple[str, str]] = []
    match record:
        case ModelReplied(requests=requests, text=text):
            calls = [*((request.name, request.arguments) for request in requests), *planned_calls(text)]
        case PlanMade(plan=plan):
            calls = [*planned_calls(plan)]
        case (
            ActionDenied(call=CallRecord() as call)
            | ActionHeld(call=CallRecord() as call)
            | ActionDispatched(call=CallRecord() as call)
            | ActionReused(call=CallRecord() as call)
            | ActionWaiting(call=CallRecord() as call)
        ):
            calls = [(call.tool, call.arguments)]
        case ActionEdited(arguments=arguments):
            # Which tool it edits stands in another event: every path counts.
            calls = [(tool, arguments) for tool in paths]
        case _:
            pass
    return [text for tool, arguments in calls for text in _at_paths(arguments, paths.get(tool, frozenset()))]


def _at_paths(arguments: str, paths: Iterable[ArgumentPath]) -> list[str]:
    value = parse_or(arguments)
    found: list[str] = []
    for path in paths:
        hidden: Json = value
        for key in path:
            hidden = hidden.get(key) if isinstance(hidden, dict) else hidden
        found.extend(text for text in _leaves(hidden) if len(text) >= _LEAST)
    return found


def _leaves(value: Json) -> list[str]:
    match value:
        case None | bool():
            return []
        case str():
            # As it stands, and as it stands inside JSON text.
            return [*dict.fromkeys((value, canonical(value)[1:-1]))]
        case list():
            return [text for item in value for text in _leaves(item)]
        case dict():
            return [text for item in value.values() for text in _leaves(item)]
        case _:
            return [canonical_number(value)]
