"""The story of a run as JSON: the same fields as in `runtime.lineage`, instants in RFC 3339, money in USD as text."""

from dataclasses import fields, is_dataclass
from typing import Any, Final

from dueprocess.runtime.lineage import ActionStory, RunStory
from dueprocess.values import FOR_EVER, Instant, Json, Money, rfc3339

_INSTANTS: Final = frozenset(
    ("at", "submitted_at", "last_at", "wake_at", "expires_at", "execute_by", "deadline", "settled_at")
)


def story_json(story: RunStory | ActionStory) -> dict[str, Json]:
    """A story as JSON. An instant that is not set, or never comes, is null."""
    return _record(story)


def _record(value: Any) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for field in fields(value):
        item: Any = getattr(value, field.name)
        found[field.name] = instant_json(item) if field.name in _INSTANTS else _json(item)
    return found


def instant_json(instant: Instant) -> str | None:
    """An instant in RFC 3339; None where it is not set or never comes."""
    return rfc3339(instant) if 0 < instant < FOR_EVER else None


def _json(value: Any) -> Json:
    match value:
        case Money():
            return str(value)
        case tuple() | list():
            items: Any = value
            return [_json(item) for item in items]
        case _ if is_dataclass(value):
            return _record(value)
        case _:
            return value
