"""Which arguments a tool's keys speak of, found in the tool's schema at load. What is done with them is in `compile`.

Rule 1. Amount: `bind.amount`, else the one argument named `amount_usd`; none or several does not load.
Rule 2. Fields: `bind.fields`, else the one argument that is an object; none or several does not load.
Rule 3. Without the tool's schema the amount is taken to be `amount_usd`; fields cannot be bound and deny every call.
Rule 4. A path names declared arguments; below an open object anything may stand.
"""

from collections.abc import Mapping
from typing import Final

from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.reader import Spot, nearest
from dueprocess.tool.schema import EVERY_KIND, Kind, Type
from dueprocess.values.foreign import quoted

AMOUNT: Final = "amount_usd"
_BINDINGS: Final = ("amount", "fields", "subject")
_AMOUNT_KINDS: Final = frozenset({Kind.NUMBER, Kind.TEXT})


def read_bindings(spot: Spot | None, arguments: Type | None) -> Mapping[str, ArgumentPath]:
    """The paths of `bind`, each a declared argument of a fitting type."""
    if spot is None:
        return {}
    found: dict[str, ArgumentPath] = {}
    for key, entry in spot.table(_BINDINGS).items():
        path = path_to(entry, arguments)
        if path is None:
            continue
        type_ = arguments.at(path) if arguments is not None else None
        if key == "amount" and type_ is not None and not type_.kinds & _AMOUNT_KINDS:
            entry.wrong(f"{_dollar(path)} is neither a number nor text; an amount is one of them")
        if key == "fields" and type_ is not None and Kind.OBJECT not in type_.kinds:
            entry.wrong(f"{_dollar(path)} is not an object; the fields are the keys of one")
        found[key] = path
    return found


def path_to(spot: Spot, arguments: Type | None) -> ArgumentPath | None:
    """A path to a declared argument (rule 4)."""
    path = spot.path_to()
    if path is None or arguments is None:
        return path
    for depth, name in enumerate(path):
        above = arguments.at(path[:depth])
        if above is None:
            return None
        if Kind.OBJECT not in above.kinds:
            spot.wrong(f"{_dollar(path[:depth])} is not an object; nothing lies under it")
            return None
        if above.field(name) is None:
            spot.wrong(f"unknown argument {quoted(_dollar(path[: depth + 1]))}; {nearest(name, above.names() or ())}")
            return None
    return path


def paths(spot: Spot | None, arguments: Type | None) -> tuple[ArgumentPath, ...]:
    """A list of paths to declared arguments."""
    if spot is None:
        return ()
    return spot.distinct(lambda item: path_to(item, arguments)) or ()


def amount_of(spot: Spot, bind: Mapping[str, ArgumentPath], arguments: Type | None) -> ArgumentPath | None:
    """The argument that is the amount (rules 1 and 3)."""
    if "amount" in bind:
        return bind["amount"]
    if arguments is None:
        return (AMOUNT,)
    places = arguments.paths_to(AMOUNT)
    if places == ((AMOUNT,),):
        type_ = arguments.field(AMOUNT)
        if type_ is not None and not type_.kinds & _AMOUNT_KINDS:
            spot.wrong(f"the argument {AMOUNT} is neither a number nor text; an amount is one of them")
        return (AMOUNT,)
    if not places:
        close = nearest(AMOUNT, arguments.names() or ())
        spot.wrong(
            f"the amount is missing: no argument is named {AMOUNT} ({close}); say which one it is, "
            "bind: {amount: $.NAME}"
        )
    else:
        named = ", ".join(_dollar(place) for place in places)
        spot.wrong(f"the amount is ambiguous: {named}; say which one it is, bind: {{amount: $.NAME}}")
    return None


def fields_of(
    spot: Spot, allowed: tuple[ArgumentPath, ...], *, bind: Mapping[str, ArgumentPath], arguments: Type | None
) -> ArgumentPath | None:
    """The argument whose keys are the fields (rules 2 and 3); notes listed fields that it does not declare."""
    if arguments is None:
        return bind.get("fields")
    path = bind.get("fields") or _one_object(spot, arguments)
    type_ = arguments.at(path) if path is not None else None
    if type_ is None:
        return path
    for field in allowed:
        above = type_
        for depth, name in enumerate(field):
            below = above.field(name)
            if below is None:
                known = above.names() or ()
                spot.wrong(f"unknown field {quoted('.'.join(field[: depth + 1]))}; {nearest(name, known)}")
                break
            above = below
    return path


def _one_object(spot: Spot, arguments: Type) -> ArgumentPath | None:
    names = sorted(arguments.names() or ())
    kinds = {name: (arguments.field(name) or arguments).kinds for name in names}
    # An argument of any type may hold an object: with it, the one object is no longer the only one.
    objects = [name for name in names if Kind.OBJECT in kinds[name]]
    sure = [name for name in objects if kinds[name] != EVERY_KIND]
    if len(objects) == 1 and sure:
        return (objects[0],)
    found = f"several: {', '.join(objects)}" if len(objects) > 1 else "none is surely one"
    spot.wrong(
        f"which argument holds the fields is open: expected one object, {found}; say it, bind: {{fields: $.NAME}}"
    )
    return None


def _dollar(path: ArgumentPath) -> str:
    return ".".join(("$", *path))
