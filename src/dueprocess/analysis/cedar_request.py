"""A call as the two requests that exported policies are asked. What they say is `cedar`'s matter.

Rule 1. The amount is in whole cents, and is left out where it is none: the policies deny then. So are the keys of an update
        that is no object.
Rule 2. Of the arguments only those go along whose type Cedar has. A number beyond 63 bits has no request.
"""

from collections.abc import Mapping
from typing import Final

from dueprocess.analysis.cedar_condition import cedar_type
from dueprocess.errors import BadValue
from dueprocess.policy import PolicyCall, ToolPolicy
from dueprocess.policy.arguments import Missing, find
from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import Type, type_of_arguments
from dueprocess.values import Json, amount_micros

_CENTS: Final = 10_000  # micros
_LARGEST: Final = 2**63 - 1
NOBODY: Final = "nobody"
"""The principal of a call that nobody makes; no member is called so, each is agent:NAME or user:NAME."""

ACTIONS: Final = ("request", "run")


def cedar_requests(tool: ToolPolicy, spec: ToolSpec, call: PolicyCall) -> tuple[dict[str, Json], dict[str, Json]]:
    """The requests `request:TOOL` and `run:TOOL` for one call that fits the tool's schema.

    Raises:
        BadValue: a number that Cedar does not have (rule 2), or a call through sub-agents: a request has one principal.
    """
    who = call.principal
    if who is not None and who.through:
        raise BadValue(
            f"a call through {', '.join(who.through)}; expected a request for each of {', '.join(who.chain)}"
        )
    context: dict[str, Json] = {
        "cited": call.resolved >= 1,
        "args": _record(call.arguments, type_of_arguments(spec.parameters)),
    }
    if who is not None and who.on_behalf_of is not None:
        context["on_behalf_of"] = who.on_behalf_of
    amount = find(call.arguments, tool.amount) if tool.amount is not None else None
    micros = None if isinstance(amount, Missing) else amount_micros(amount)
    if micros is not None:
        context["amount_cents"] = micros // _CENTS
    update = find(call.arguments, tool.fields) if tool.fields else None
    if isinstance(update, dict):
        context["update_keys"] = [*update]
    return _request(ACTIONS[0], call, context), _request(ACTIONS[1], call, context)


def _request(action: str, call: PolicyCall, context: dict[str, Json]) -> dict[str, Json]:
    return {
        "principal": {"type": "Principal", "id": call.principal.member if call.principal is not None else NOBODY},
        "action": {"type": "Action", "id": f"{action}:{call.tool}"},
        "resource": {"type": "Environment", "id": call.environment},
        "context": context,
    }


def _record(values: Mapping[str, Json], type_: Type) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in values.items():
        below = type_.field(name)
        written = cedar_type(below) if below is not None else None
        if below is None or written is None:
            continue
        found[name] = _record(value, below) if isinstance(value, dict) else _value(value)
    return found


def _value(value: Json) -> Json:
    match value:
        case bool() | str():
            return value
        case list():
            return [_value(item) for item in value]
        case None | dict():
            raise BadValue("a value that Cedar does not have")
        case _:
            whole = int(value)
            if whole != value or abs(whole) > _LARGEST:
                raise BadValue("a number that Cedar does not have")
            return whole
