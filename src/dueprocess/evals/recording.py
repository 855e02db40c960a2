"""What was recorded of agents elsewhere, as values: calls, tasks, episodes. Nothing is read or decided here."""

from dataclasses import dataclass
from enum import Enum

from dueprocess.gate import ActionState
from dueprocess.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a read would answer just before a call: for the reads that the gate makes itself."""

    tool: str
    arguments: Json
    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call as it was made. `arguments` is exact JSON, or the text that a model wrote.

    `changed`: whether it was recorded to change the environment, None where nothing says so. `failed`: its result was
    an error. `answered`: a result was recorded at all. `result`: what it was, as text or data. `heard`: what the user
    said just before it. `confirmed`: whoever it was made for had said yes to exactly this call. `answers`: what reads
    would answer then. `expected`: whether whoever knows the answer would have made it too, None where nobody said.
    """

    tool: str
    arguments: Json
    changed: bool | None = None
    failed: bool = False
    answered: bool = True
    result: Json = None
    heard: tuple[str, ...] = ()
    confirmed: bool = False
    answers: tuple[Answer, ...] = ()
    expected: bool | None = None

    def outcome(self, *, is_write: bool) -> ActionState:
        """What became of it, as strict as the gate is: a write that failed may have acted, unless known not to."""
        lost = self.failed or not self.answered
        if is_write and lost:
            return ActionState.FAILED if self.changed is False else ActionState.UNKNOWN
        return ActionState.FAILED if self.failed else ActionState.SUCCEEDED


class TaskKind(Enum):
    """Whose task it is: the user's, the goal of an injection, or what a model does wrong by itself, told by nobody."""

    USER = "user"
    INJECTION = "injection"
    MISTAKE = "mistake"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundTruth:
    """The calls that do one task, as somebody who knows the answer made them; `prompt` is the task in words.

    `sort`: what a goal has in common with others, for counting; empty where nothing says so.
    """

    suite: str
    id: str
    kind: TaskKind
    prompt: str = ""
    sort: str = ""
    calls: tuple[RecordedCall, ...]


class Course(Enum):
    """How an episode went: nobody attacked, an attack succeeded, or one failed (or nobody recorded whether it did)."""

    BENIGN = "benign"
    ATTACK_SUCCEEDED = "attack_succeeded"
    ATTACK_FAILED = "attack_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One run of a real model, call by call in order. `prompt`: what the user said before the first of them."""

    id: str
    course: Course
    prompt: str = ""
    calls: tuple[RecordedCall, ...]
