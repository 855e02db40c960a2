"""Which keys of an update lie outside the allowed fields. Which argument the update is was bound at load.

Rule 1. A listed field allows the whole value under it.
Rule 2. A key that contains a dot matches no path: `{"a.b": 1}` is not the field a.b.
Rule 3. An empty container counts as a key: with only `a.b` listed, `{"a": {}}` is outside.
Rule 4. Paths lead through objects only; a list is a value.
"""

from collections.abc import Callable, Iterator, Mapping

from dueprocess.policy.document import ArgumentPath
from dueprocess.values import Json


def excess(allowed: tuple[ArgumentPath, ...]) -> Callable[[Mapping[str, Json]], tuple[ArgumentPath, ...]]:
    """What finds the keys of an update, as paths, that no allowed field covers."""
    paths = frozenset(allowed)
    names = frozenset(path[0] for path in allowed if len(path) == 1 and "." not in path[0])

    def over(update: Mapping[str, Json]) -> tuple[ArgumentPath, ...]:
        # Most updates hold nothing but fields that are listed whole.
        return () if update.keys() <= names else tuple(_excess(update, paths, ()))

    return over


def _excess(
    update: Mapping[str, Json], allowed: frozenset[ArgumentPath], above: ArgumentPath
) -> Iterator[ArgumentPath]:
    for key, value in update.items():
        path = (*above, key)
        if "." not in key and path in allowed:
            continue
        leads_on = "." not in key and any(field[: len(path)] == path for field in allowed)
        if leads_on and isinstance(value, dict) and value:
            yield from _excess(value, allowed, path)
        else:
            yield path
