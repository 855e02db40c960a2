"""`checks` of a tool as the file writes them: typed predicates over what reads have answered. They are asked in the gate.

Rule 1. A check names the read it rests on, with which arguments it was called (`where`), and what must hold of its answer
        (`assert`, over `args` and `result`). Its tool must be one that may be called, and a read.
Rule 2. An answer older than `max_age` at the decision is asked for again.
"""

from collections.abc import Mapping

from dueprocess.errors import BadValue
from dueprocess.policy.document import Check
from dueprocess.policy.expression import Condition, compile_assertion
from dueprocess.policy.origins import tool_name
from dueprocess.policy.reader import Spot
from dueprocess.policy.where import read_where
from dueprocess.tool import Effect, ToolSpec
from dueprocess.tool.schema import ANYTHING, Type, type_of_arguments
from dueprocess.values.foreign import quoted


def read_checks(
    spot: Spot | None, *, arguments: Type | None, tools: Mapping[str, ToolSpec] | None
) -> tuple[tuple[Check, ...], tuple[Condition, ...]]:
    """The checks of a tool's entry, and their assertions ready to be compiled, in the same order."""
    conditions: list[Condition] = []
    seen: set[str] = set()

    def read(item: Spot) -> Check | None:
        found = _check(item, arguments, tools)
        if found is None:
            return None
        check, condition = found
        if check.name in seen:
            item.wrong(f"the check {quoted(check.name)} is there twice; expected each name once")
        seen.add(check.name)
        conditions.append(condition)
        return check

    checks = (spot.listed(read, empty=True) if spot is not None else None) or ()
    return checks, tuple(conditions)


def _check(spot: Spot, arguments: Type | None, tools: Mapping[str, ToolSpec] | None) -> tuple[Check, Condition] | None:
    keys = spot.table(("name", "from", "where", "assert", "max_age"), required=("name", "from", "assert"))
    name = keys["name"].name() if "name" in keys else None
    source = tool_name(keys["from"], tools) if "from" in keys else None
    where = read_where(keys["where"], arguments) if "where" in keys else ()
    max_age = keys["max_age"].duration() if "max_age" in keys else None
    condition = _assertion(keys, arguments)
    spec = tools.get(source) if tools is not None and source is not None else None
    if spec is not None:
        _fits(keys, spec, where or ())
    if name is None or source is None or where is None or condition is None:
        return None
    return Check(name=name, source=source, where=where, assertion=condition.source, max_age=max_age), condition


def _assertion(keys: Mapping[str, Spot], arguments: Type | None) -> Condition | None:
    source = keys["assert"].text("a condition") if "assert" in keys else None
    if source is None:
        return None
    try:
        return compile_assertion(source, arguments=arguments or ANYTHING)
    except BadValue as error:
        keys["assert"].wrong(str(error))
        return None


def _fits(keys: Mapping[str, Spot], spec: ToolSpec, where: tuple[tuple[str, object], ...]) -> None:
    if spec.effect is not Effect.READ:
        keys["from"].wrong(f"{quoted(spec.name)} is a write; a check rests on what a read answers")
    known = type_of_arguments(spec.parameters).names()
    for name, _ in where:
        if known is not None and name not in known:
            keys["where"].unknown("argument", name, known)
