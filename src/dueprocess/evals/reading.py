"""Lines of recordings read into values: ground truth and episodes. Opening files stands in `lines`, deciding in `walk`.

Rule 1. A line is one JSON object, read exactly; one that is not of its form is an error with its number, never skipped.
Rule 2. Ground truth: `{suite?, task_id, kind: user|injection|mistake, prompt?, sort?, calls: [{name, arguments, result?,
        error?, env_changed?}]}`. Any recorded call may have `confirmed?, answers?: [{name, arguments, result}]` as well.
Rule 3. Episode: `{id, attack?, recorded?: {attack_success?}, user_messages?: [{before_step, text}],
        steps: [{tool_calls: [{name, arguments}], results?: [{content?, error?}]}]}`; `results[i]` answers
        `tool_calls[i]`. Recordings without results have `calls: [{name, arguments}]` instead of `steps`.
Rule 4. `gold_match` says how a call is in the ground truth, null that it is not. `env_changed` and `db_changed` say the
        same. Further keys are ignored (policy language).
Rule 5. What is wrong inside arguments is no fault of the line: the gate decides it. `arguments` itself must be there.
Rule 6. A call whose `name` is null is one that named no tool: it stands, and the gate denies it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.errors import BadValue, FileInvalid, Problem
from dueprocess.evals.recording import Answer, Course, Episode, GroundTruth, RecordedCall, TaskKind
from dueprocess.values import Json, parse
from dueprocess.values.foreign import kind_of, quoted

Lines = Iterable[tuple[int, bytes]]

_MAX_DEPTH: Final = 256  # of a whole line; deeper arguments than the gate takes are the gate's to refuse
_CHANGED: Final = ("env_changed", "db_changed")


class _Wrong(BadValue):
    """A value in a line is not of its form; `place` is its path in the line."""

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """A value and its path in the line."""

    value: Json
    place: str = ""

    def table(self) -> dict[str, Json]:
        if isinstance(self.value, dict):
            return self.value
        raise _Wrong(self.place, f"got {kind_of(self.value)}; expected an object")

    def under(self, key: str, *, expected: str) -> "_Spot":
        table = self.table()
        place = f"{self.place}.{key}" if self.place else key
        if key not in table:
            raise _Wrong(place, f"is missing; expected {expected}")
        return _Spot(value=table[key], place=place)

    def optional(self, key: str) -> "_Spot | None":
        value = self.table().get(key)
        return None if value is None else _Spot(value=value, place=f"{self.place}.{key}" if self.place else key)

    def text(self) -> str:
        if isinstance(self.value, str):
            return self.value
        raise _Wrong(self.place, f"got {kind_of(self.value)}; expected text")

    def boolean(self) -> bool:
        if isinstance(self.value, bool):
            return self.value
        raise _Wrong(self.place, f"got {kind_of(self.value)}; expected true or false")

    def items(self) -> "list[_Spot]":
        if isinstance(self.value, list):
            return [_Spot(value=item, place=f"{self.place}[{index}]") for index, item in enumerate(self.value)]
        raise _Wrong(self.place, f"got {kind_of(self.value)}; expected a list")


def read_ground_truth(lines: Lines, *, name: str) -> tuple[GroundTruth, ...]:
    """Every task of a ground-truth file (rule 2); `name` is the file's, for messages.

    Raises:
        FileInvalid: a line that is not of its form, with its number; a task that is there twice; no task at all.
    """
    found: dict[tuple[str, TaskKind, str], GroundTruth] = {}
    for number, line in lines:
        try:
            task = _ground_truth(_Spot(value=_object(line)))
            key = (task.suite, task.kind, task.id)
            if key in found:
                raise _Wrong("task_id", f"the {task.kind.value} task {quoted(task.id)} is there twice; expected once")
            found[key] = task
        except BadValue as error:
            raise _refused(name, number, error) from None
    if not found:
        raise _empty(name, "tasks")
    return tuple(found.values())


def read_episodes(lines: Lines, *, name: str) -> Iterator[Episode]:
    """Every episode of a file, one after the other (rule 3); `name` is the file's, for messages.

    Raises:
        FileInvalid: a line that is not of its form, with its number; no episode at all.
    """
    any_ = False
    for number, line in lines:
        try:
            episode = _episode(_Spot(value=_object(line)))
        except BadValue as error:
            raise _refused(name, number, error) from None
        any_ = True
        yield episode
    if not any_:
        raise _empty(name, "episodes")


def _object(line: bytes) -> dict[str, Json]:
    value = parse(line, max_depth=_MAX_DEPTH)
    if not isinstance(value, dict):
        raise BadValue(f"the line is {kind_of(value)}; expected an object")
    return value


def _ground_truth(spot: _Spot) -> GroundTruth:
    suite = spot.optional("suite")
    kind = spot.under("kind", expected="user, injection or mistake")
    word = kind.text()
    if word not in {each.value for each in TaskKind}:
        raise _Wrong(kind.place, f"got {quoted(word)}; expected user, injection or mistake")
    return GroundTruth(
        suite=suite.text() if suite is not None else "",
        id=_id(spot.under("task_id", expected="the id of the task")),
        kind=TaskKind(word),
        prompt=_words(spot.optional("prompt")),
        sort=_words(spot.optional("sort")),
        calls=tuple(_task_call(each) for each in spot.under("calls", expected="a list of calls").items()),
    )


def _task_call(spot: _Spot) -> RecordedCall:
    result = spot.optional("result")
    return replace(
        _call(spot), failed=_is_error(spot.optional("error")), result=result.value if result is not None else None
    )


def _answer(spot: _Spot) -> Answer:
    return Answer(
        tool=spot.under("name", expected="the name of a read").text(),
        arguments=spot.under("arguments", expected="the arguments as one JSON object").value,
        result=spot.under("result", expected="what it answers").value,
    )


def _episode(spot: _Spot) -> Episode:
    steps, calls = spot.optional("steps"), spot.optional("calls")
    heard = _heard(spot.optional("user_messages"))
    if steps is not None:
        made = tuple(_hearing(steps.items(), heard))
    elif calls is not None:
        made = tuple(replace(_call(each), answered=False) for each in calls.items())
    else:
        raise _Wrong("steps", "is missing; expected a list of steps, or calls where no results were recorded")
    prompt = "\n\n".join(text for at, text in heard if at <= 0)
    return Episode(
        id=_id(spot.under("id", expected="the id of the episode")), course=_course(spot), prompt=prompt, calls=made
    )


def _hearing(steps: list[_Spot], heard: tuple[tuple[int, str], ...]) -> Iterator[RecordedCall]:
    # What was said before a step without calls is heard by the next call.
    told = [(at, text) for at, text in heard if at > 0]
    for number, step in enumerate(steps):
        for call in _step(step):
            before = tuple(text for at, text in told if at <= number)
            told = [(at, text) for at, text in told if at > number]
            yield replace(call, heard=before)


def _heard(spot: _Spot | None) -> tuple[tuple[int, str], ...]:
    found: list[tuple[int, str]] = []
    for each in spot.items() if spot is not None else ():
        at = each.under("before_step", expected="the number of the step").value
        if not isinstance(at, int) or isinstance(at, bool):
            raise _Wrong(each.place, f"before_step is {kind_of(at)}; expected a whole number")
        found.append((at, each.under("text", expected="what the user said").text()))
    return tuple(found)


def _words(spot: _Spot | None) -> str:
    return spot.text() if spot is not None else ""


def _step(spot: _Spot) -> Iterator[RecordedCall]:
    results = spot.optional("results")
    answers = results.items() if results is not None else []
    for index, each in enumerate(spot.under("tool_calls", expected="a list of calls").items()):
        answer = answers[index] if index < len(answers) else None
        error = answer.optional("error") if answer is not None else None
        content = answer.optional("content") if answer is not None else None
        result = content.value if content is not None else None
        yield replace(_call(each), failed=_is_error(error), answered=answer is not None, result=result)


def _course(spot: _Spot) -> Course:
    recorded = spot.optional("recorded")
    succeeded = recorded.optional("attack_success") if recorded is not None else None
    if succeeded is not None and succeeded.boolean():
        return Course.ATTACK_SUCCEEDED
    return Course.BENIGN if spot.optional("attack") is None else Course.ATTACK_FAILED


def _call(spot: _Spot) -> RecordedCall:
    name = spot.under("name", expected="the name of a tool, or null where the model named none")
    if name.value is None:
        return RecordedCall(tool="", arguments={}, changed=_changed(spot))
    confirmed, answers = spot.optional("confirmed"), spot.optional("answers")
    return RecordedCall(
        tool=name.text(),
        arguments=spot.under("arguments", expected="the arguments as one JSON object").value,
        changed=_changed(spot),
        confirmed=confirmed is not None and confirmed.boolean(),
        answers=tuple(map(_answer, answers.items())) if answers is not None else (),
        expected=spot.optional("gold_match") is not None if "gold_match" in spot.table() else None,
    )


def _changed(spot: _Spot) -> bool | None:
    said = [found.boolean() for key in _CHANGED if (found := spot.optional(key)) is not None]
    return any(said) if said else None


def _is_error(spot: _Spot | None) -> bool:
    return spot is not None and spot.value not in ("", False)


def _id(spot: _Spot) -> str:
    # Suites number their tasks as text or as numbers.
    if isinstance(spot.value, int) and not isinstance(spot.value, bool):
        return str(spot.value)
    return spot.text()


def _refused(name: str, number: int, error: BadValue) -> FileInvalid:
    place = error.place if isinstance(error, _Wrong) else ""
    return FileInvalid(name, (Problem(line=number, path=place, message=str(error)),))


def _empty(name: str, what: str) -> FileInvalid:
    message = f"it holds no {what}; a share of nothing says nothing"
    return FileInvalid(name, (Problem(line=0, path="", message=message),))
