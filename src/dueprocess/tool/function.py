"""How a typed function becomes a tool. It is never called here: the runtime does that, after the gate has decided.

Rule 1. What it does to the world is said, never guessed: `effect` has no default.
Rule 2. What could not be kept is refused when the tool is made, not when it runs.
"""

import inspect
import re
from collections.abc import Callable
from enum import Enum
from typing import Final, Literal, TypeVar, get_args

from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.tool.attempt import Attempt, Done, Found, Unclear, Voided
from dueprocess.tool.governed import Companion, Function, Tool
from dueprocess.tool.inspection import read_signature, type_hints
from dueprocess.tool.signature import Signature
from dueprocess.tool.spec import Effect, Idempotency, ToolSpec
from dueprocess.values import ZERO, Money, usd

_E = TypeVar("_E", bound=Enum)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)  # what every provider takes as a function's name
_ANSWERS: Final = (Found, Voided, Unclear)


def tool(
    *,
    effect: Effect | Literal["read", "write"],
    name: str | None = None,
    idempotency: Idempotency | Literal["none", "sink"] = Idempotency.NONE,
    reversible: bool = False,
    dry_run: Function | None = None,
    reconcile: Function | None = None,
    compensate: Function | None = None,
    validate: Function | None = None,
    fee: str | Money = ZERO,
    retrieves: bool = False,
) -> Callable[[Function], Tool]:
    """Makes a tool of the typed function below it, sync or async.

    `effect`: "write" if anything outside changes. `idempotency`: "sink" if the sink itself refuses a second use of
    `Attempt.key`. `reconcile` tells whether a lost effect took place, and fences its key. `dry_run` shows what would
    happen. `compensate` takes an effect back, when a person asks for it (`due actions compensate`); it is decided like any
    other action, as the tool `NAME.compensate`, which the policy must list. It may ask for a `Done`. `fee` is USD per
    dispatched attempt. `retrieves`: a read whose results are documents that citations may point into. `validate` is asked
    of each citation of a call that resolves, `validate(citation, chunk, arguments)`, and answers why it does not count, or
    None: it can take away, never add (`evidence.narrow`). It is asked while a call is decided, maybe more than once: quick,
    without I/O, the same answer every time.

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
            compensate=_companion(compensate, signature, f"{where}: compensate", takes_back=True),
            validate=_validator(validate, where),
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


def _validator(function: Function | None, where: str) -> Function | None:
    if function is not None and (not callable(function) or inspect.iscoroutinefunction(function)):
        raise ToolInvalid(
            f"{where}: validate is {function!r}; expected a function made with def: it is asked while a call is decided"
        )
    return function


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


def _companion(
    function: Function | None, signature: Signature, at: str, *, takes_back: bool = False
) -> Companion | None:
    if function is None:
        return None
    _where(function)
    hints = type_hints(function, where=at)
    names: list[str] = []
    attempt: str | None = None
    done: str | None = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise ToolInvalid(
                f"{at}({name}): {parameter.kind.description}; expected a parameter that can be given by name"
            )
        if hints.get(name) is Attempt:
            attempt = name
        elif takes_back and hints.get(name) is Done:
            done = name
        elif name in signature.shapes:
            if name not in signature.required and parameter.default is inspect.Parameter.empty:
                raise ToolInvalid(
                    f"{at}({name}): the tool has a default for it, so it may be missing; give it one here too"
                )
            names.append(name)
        else:
            raise ToolInvalid(
                f"{at}({name}): not an argument of the tool; expected {', '.join(signature.shapes)} or an Attempt"
                f"{' or a Done' if takes_back else ''}"
            )
    return Companion(
        function=function,
        names=tuple(names),
        attempt=attempt,
        done=done,
        is_async=inspect.iscoroutinefunction(function),
    )
