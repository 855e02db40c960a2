"""A tool's signature: its schema, and how arguments get in. How it is read from a function is in `tool.inspection`."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from dueprocess.errors import BadValue
from dueprocess.tool.result import argument_to_json
from dueprocess.tool.shape import Shape, convert
from dueprocess.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The parameters of a tool function. `attempt` names the one that takes the `Attempt`, if any."""

    description: str
    parameters: dict[str, Json]
    shapes: Mapping[str, Shape]
    required: frozenset[str]
    attempt: str | None
    python: inspect.Signature

    def arguments_from(self, arguments: Mapping[str, Json]) -> dict[str, object]:
        """Turns exact JSON arguments into the keyword arguments of the function, all but the `Attempt`.

        Raises:
            BadValue: an argument is undeclared, missing, or of another shape; names the place and what was expected.
        """
        unknown = arguments.keys() - self.shapes.keys()
        if unknown:
            raise BadValue(f"{len(unknown)} undeclared arguments; expected {', '.join(self.shapes) or 'none'}")
        missing = [name for name in self.shapes if name in self.required and name not in arguments]
        if missing:
            raise BadValue(f"missing arguments: {', '.join(missing)}")
        return {name: convert(self.shapes[name], value, at=name) for name, value in arguments.items()}

    def bind_positional(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, Json]:
        """Turns a Python call into named JSON arguments. Defaults are not filled in: what was not said is not decided.

        Raises:
            BadValue: too many or unknown arguments, one given twice, the `Attempt` given, or a value JSON cannot carry.
        """
        try:
            bound = self.python.bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            raise BadValue(f"{error}; expected {', '.join(self.shapes) or 'no arguments'}") from None
        if self.attempt in bound:
            raise BadValue(f"{self.attempt} is handed in by the runtime; leave it out")
        return {name: argument_to_json(cast("object", value), at=name) for name, value in bound.items()}
