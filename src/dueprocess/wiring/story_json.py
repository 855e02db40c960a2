"""The story of a run as JSON: the same fields as in `runtime.lineage`, instants in RFC 3339, money in USD as text."""

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Final, cast

from dueprocess.runtime.lineage import ActionStory, RunStory, SubAgentStory
from dueprocess.values import FOR_EVER, Instant, Json, Money, rfc3339

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_INSTANTS: Final = frozenset(
    (
        "at",
        "due_at",
        "submitted_at",
        "last_at",
        "ended_at",
        "wake_at",
        "expires_at",
        "escalate_at",
        "execute_by",
        "deadline",
        "settled_at",
    )
)


def story_json(story: RunStory | ActionStory | SubAgentStory) -> dict[str, Json]:
    """A story as JSON. An instant that is not set, or never comes, is null."""
    return _record(story)


def _record(value: "DataclassInstance") -> dict[str, Json]:
    found: dict[str, Json] = {}
    for field in fields(value):
        item: object = getattr(value, field.name)
        found[field.name] = instant_json(cast("Instant", item)) if field.name in _INSTANTS else _json(item)
    return found


def instant_json(instant: Instant) -> str | None:
    """An instant in RFC 3339; None where it is not set or never comes."""
    return rfc3339(instant) if 0 < instant < FOR_EVER else None


def _json(value: object) -> Json:
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, tuple):
        return [_json(item) for item in cast("tuple[object, ...]", value)]
    if is_dataclass(value) and not isinstance(value, type):
        return _record(value)
    return cast("Json", value)  # what is left in a story is JSON already
