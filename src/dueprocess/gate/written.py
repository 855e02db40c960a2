"""What stands in an argument: its plain values, the keys that the model chose, and all that a person may read of it.

What of it is vouched is decided in `vouching`.

Rule 1. A key is declared where the tool's schema names it; below a key that is not, none is. What is not declared was
        chosen as a value is, and says nothing of the role of what stands under it.
Rule 2. An empty object or list is a value: it may empty what stood there. Nothing is as good as not there only at a
        place that the schema declares and does not require; blanks are not nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import Type, type_of_arguments
from dueprocess.values import Json, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A plain value in an argument, or a key that was chosen; `declared`: its path as far as the schema declares it."""

    path: tuple[str, ...]
    declared: tuple[str, ...]
    value: Json
    is_key: bool = False
    is_required: bool = False

    @property
    def is_left_out(self) -> bool:
        """Whether it is as good as not there (rule 2)."""
        is_nothing = self.value is None or self.value in ("", [], {})
        return is_nothing and self.path == self.declared and not self.is_required


def leaves(spec: ToolSpec | None, arguments: Mapping[str, Json]) -> Iterator[Leaf]:
    """The plain values of some arguments of a tool and the keys that were chosen in them; without a schema all of them."""
    whole: Type | None = None
    required = spec.parameters.get("required") if spec is not None else None
    names = required if isinstance(required, list) else []
    for name, value in arguments.items():
        if isinstance(value, (dict, list)) and spec is not None:
            whole = whole or type_of_arguments(spec.parameters)
        declared = whole.field(name) if whole is not None else None
        yield from _leaves(Leaf(path=(name,), declared=(name,), value=value, is_required=name in names), declared)


def _leaves(at: Leaf, declared: Type | None) -> Iterator[Leaf]:
    match at.value:
        case dict() | list() if not at.value:
            yield at
        case list(items):
            for item in items:
                below = declared.item() if declared is not None else None
                yield from _leaves(replace(at, value=item), below)
        case dict(entries):
            names = (declared.names() if declared is not None else None) or frozenset()
            for key, item in entries.items():
                path, is_named = (*at.path, key), key in names
                known = path if is_named else at.declared
                if not is_named:
                    yield Leaf(path=path, declared=known, value=key, is_key=True)
                field = declared.field(key) if declared is not None and is_named else None
                yield from _leaves(Leaf(path=path, declared=known, value=item), field)
        case _:
            yield at


def texts(path: tuple[str, ...], value: Json) -> Iterator[tuple[tuple[str, ...], str]]:
    """All that somebody may read in a value: texts, numbers, and keys."""
    match value:
        case str():
            yield path, value
        case bool() | None:
            return
        case dict():
            for key, item in value.items():
                yield (*path, key), key
                yield from texts((*path, key), item)
        case list():
            for item in value:
                yield from texts(path, item)
        case _:
            yield path, canonical(value)
