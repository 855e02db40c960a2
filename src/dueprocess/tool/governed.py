"""A function under the gate. How one is made is in `tool.function`, when it acts is in `runtime`.

Rule 1. A Tool cannot be called: its function acts only from `runtime.perform`, on what was decided (I1).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from dueprocess.errors import NotAllowed
from dueprocess.tool.attempt import Attempt, Done
from dueprocess.tool.signature import Signature
from dueprocess.tool.spec import ToolSpec
from dueprocess.values import Json

Function = Callable[..., object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Companion:
    """A function beside a tool: reconcile, dry run or compensate. It asks by name for arguments of the tool.

    `names` are those it declares, `attempt` is its parameter that takes the `Attempt`, `done` that of a compensate which
    takes the `Done`, `is_async` whether to await it.
    """

    function: Function
    names: tuple[str, ...]
    attempt: str | None
    done: str | None
    is_async: bool

    def arguments(
        self, arguments: Mapping[str, object], *, attempt: Attempt, done: Done | None = None
    ) -> dict[str, object]:
        """The keyword arguments for the function, picked from those that `Tool.arguments_from` made."""
        found = {name: arguments[name] for name in self.names if name in arguments}
        told = ((self.attempt, attempt), (self.done, done))
        return {**found, **{name: value for name, value in told if name is not None}}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """A typed function, what it promises, and the functions beside it.

    `function` is for the runtime and for unit tests of the function itself; everything else acts through the gate.
    `importable` is (module, qualified name) where another process can find the tool again, None for a local function.
    The module `__main__` is found by its file, not by its name. `validate`: what may object to a citation of a call.
    """

    spec: ToolSpec
    function: Function
    signature: Signature
    reconcile: Companion | None = None
    dry_run: Companion | None = None
    compensate: Companion | None = None
    validate: Function | None = None
    is_async: bool
    importable: tuple[str, str] | None

    @property
    def name(self) -> str:
        """The name that models, policies and the ledger use."""
        return self.spec.name

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuses: nothing acts around the gate."""
        raise NotAllowed(
            f"{self.name} is a tool: it acts only through the gate. Wrap it with guard({self.name}, policy=..., "
            f"store=...) or let the runtime perform it; a unit test of the function calls {self.name}.function(...)"
        )

    def arguments_from(self, arguments: Mapping[str, Json]) -> dict[str, object]:
        """Turns exact JSON arguments into the function's keyword arguments, all but the `Attempt`.

        Raises:
            BadValue: an argument is undeclared, missing or of another shape.
        """
        return self.signature.arguments_from(arguments)

    def keywords(self, arguments: Mapping[str, object], *, attempt: Attempt) -> dict[str, object]:
        """The arguments with the `Attempt` added, where the function asks for it: what it is to be called with."""
        if self.signature.attempt is None:
            return dict(arguments)
        return {**arguments, self.signature.attempt: attempt}

    def bind_positional(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, Json]:
        """Turns a Python call of the function into named, exact JSON arguments.

        Raises:
            BadValue: the call does not fit the signature, or a value is not one JSON can carry.
        """
        return self.signature.bind_positional(args, kwargs)
