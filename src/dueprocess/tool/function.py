"""How a typed function becomes a tool. It is never called here: the runtime does that, after the gate has decided.

Rule 1. A Tool cannot be called: its function acts only from `runtime.perform` (I1).
Rule 2. What it does to the world is said, never guessed: `effect` has no default.
Rule 3. What could not be kept is refused when the tool is made, not when it runs.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NoReturn, TypeVar, get_args

from dueprocess.errors import BadValue, NotAllowed, ToolInvalid
from dueprocess.tool.attempt import Attempt, Found, Unclear, Voided
from dueprocess.tool.signature import Signature, read_signature, type_hints
from dueprocess.tool.spec import Effect, Idempotency, ToolSpec
from dueprocess.values import ZERO, Json, Money, usd

Function = Callable[..., object]
_E = TypeVar("_E", bound=Enum)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)  # what every provider takes as a function's name
_ANSWERS: Final = (Found, Voided, Unclear)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Companion:
    """A function beside a tool: reconcile, dry run or compensate. It asks by name for arguments of the tool.

    `names` are those it declares, `attempt` is its parameter that takes the `Attempt`, `is_async` whether to await it.
    """

    function: Function
    names: tuple[str, ...]
    attempt: str | None
    is_async: bool

    def arguments(self, arguments: Mapping[str, object], *, attempt: Attempt) -> dict[str, object]:
        """The keyword arguments for the function, picked from those that `Tool.arguments_from` made."""
        found = {name: arguments[name] for name in self.names if name in arguments}
        return found if self.attempt is None else {**found, self.attempt: attempt}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tool:
    """A typed function, what it promises, and the functions beside it.

    `function` is for the runtime and for unit tests of the function itself; everything else acts through the gate.
    `importable` is (module, qualified name) where another process can find the tool again, None for a local function.
    The module `__main__` is found by its file, not by its name.
    """

    spec: ToolSpec
    function: Function
    signature: Signature
    reconcile: Companion | None = None
    dry_run: Companion | None = None
    compensate: Companion | None = None
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


def tool(
    *,
    effect: Effect | Literal["read", "write"],
    name: str | None = None,
    idempotency: Idempotency | Literal["none", "sink"] = Idempotency.NONE,
    reversible: bool = False,
    dry_run: Function | None = None,
    reconcile: Function | None = None,
    compensate: Function | None = None,
    fee: str | Money = ZERO,
    retrieves: bool = False,
) -> Callable[[Function], Tool]:
    """Makes a tool of the typed function below it, sync or async.

    `effect`: "write" if anything outside changes. `idempotency`: "sink" if the sink itself refuses a second use of
    `Attempt.key`. `reconcile` tells whether a lost effect took place, and fences its key. `dry_run` shows what would
    happen, `compensate` takes an effect back. `fee` is USD per dispatched attempt. `retrieves`: a read whose results
    are documents that citations may point into.

    Raises (when the function is decorated):
        ToolInvalid: the function cannot be a tool as it stands; says where and what to write instead.
    """

    def decorate(function: Function) -> Tool:
        where = _where(function)
        what = _member(Effect, effect, f"{where}: effect")
        signature = read_signature(function, effect=what, where=where)
        _check_promises(where, what, retrieves=retrieves, beside=(dry_run, reconcile, compensate))
        spec = ToolSpec(
            name=_checked_name(where, function.__name__ if name is None else name),
            description=signature.description,
            parameters=signature.parameters,
            effect=what,
            idempotency=_member(Idempotency, idempotency, f"{where}: idempotency"),
            reversible=reversible,
            dry_run=dry_run is not None,
            reconcile=reconcile is not None,
            compensate=compensate is not None,
            retrieves=retrieves,
            fee=_fee(where, fee),
        )
        return Tool(
            spec=spec,
            function=function,
            signature=signature,
            reconcile=_reconcile(reconcile, signature, where),
            dry_run=_companion(dry_run, signature, f"{where}: dry_run"),
            compensate=_companion(compensate, signature, f"{where}: compensate"),
            is_async=inspect.iscoroutinefunction(function),
            importable=None if "<" in function.__qualname__ else (function.__module__, function.__qualname__),
        )

    return decorate


def _where(function: Function) -> str:
    if not inspect.isfunction(function):
        raise ToolInvalid(f"{function!r} is not a function; expected one made with def or async def")
    where = f"{function.__module__}.{function.__qualname__}"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolInvalid(f"{where} is a generator; expected a function that returns its result once")
    return where


def _checked_name(where: str, name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ToolInvalid(
            f"{where}: {name!a} is no name for a tool; expected a letter, then letters, digits, - and _, at most 64"
        )
    return name


def _fee(where: str, fee: str | Money) -> Money:
    if isinstance(fee, Money):
        return fee
    try:
        return usd(fee)
    except BadValue as error:
        raise ToolInvalid(f"{where}: fee: {error}") from None


def _member(kind: type[_E], value: object, at: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        known = " or ".join(f'"{member.value}"' for member in kind)
        raise ToolInvalid(f"{at} is {value!a}; expected {known}") from None


def _check_promises(where: str, effect: Effect, *, retrieves: bool, beside: tuple[Function | None, ...]) -> None:
    if effect is Effect.READ and any(function is not None for function in beside):
        raise ToolInvalid(f"{where}: a read changes nothing: it has no dry_run, reconcile or compensate")
    if effect is Effect.WRITE and retrieves:
        raise ToolInvalid(f"{where}: a write retrieves no documents; use a read of its own")


def _reconcile(function: Function | None, signature: Signature, where: str) -> Companion | None:
    at = f"{where}: reconcile"
    companion = _companion(function, signature, at)
    if companion is None:
        return None
    if companion.attempt is None:
        raise ToolInvalid(f"{at} takes no Attempt; expected a parameter of that type: its key says what to look for")
    answer = type_hints(companion.function, where=at).get("return")
    if not set(get_args(answer) or (answer,)) <= set(_ANSWERS):
        raise ToolInvalid(f"{at} is not annotated to return Found | Voided | Unclear")
    return companion


def _companion(function: Function | None, signature: Signature, at: str) -> Companion | None:
    if function is None:
        return None
    _where(function)
    hints = type_hints(function, where=at)
    names: list[str] = []
    attempt: str | None = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise ToolInvalid(
                f"{at}({name}): {parameter.kind.description}; expected a parameter that can be given by name"
            )
        if hints.get(name) is Attempt:
            attempt = name
        elif name in signature.shapes:
            if name not in signature.required and parameter.default is inspect.Parameter.empty:
                raise ToolInvalid(
                    f"{at}({name}): the tool has a default for it, so it may be missing; give it one here too"
                )
            names.append(name)
        else:
            raise ToolInvalid(
                f"{at}({name}): not an argument of the tool; expected {', '.join(signature.shapes)} or an Attempt"
            )
    return Companion(
        function=function, names=tuple(names), attempt=attempt, is_async=inspect.iscoroutinefunction(function)
    )
