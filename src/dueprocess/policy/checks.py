"""`checks` of a tool as the file writes them: typed predicates over what reads have answered. They are asked in the gate.

Rule 1. A check names the read it rests on, with which arguments it was called (`where`), and what must hold of its answer
        (`assert`, over `args` and `result`). Its tool must be one that may be called, and a read.
Rule 2. An answer older than `max_age` at the decision is asked for again.
Rule 3. `given` names further reads; what one of them has answered in this run is known to `assert` under that name, and to
        `where` as `$NAME`. A check may rest on these alone.
"""

from collections.abc import Mapping
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.policy.document import Check, Given
from dueprocess.policy.expression import Condition, compile_assertion
from dueprocess.policy.origins import tool_names
from dueprocess.policy.part import ARGUMENTS, RESULT
from dueprocess.policy.reader import Spot
from dueprocess.policy.where import read_where_given
from dueprocess.tool import Effect, ToolSpec
from dueprocess.tool.schema import ANYTHING, Type, type_of_arguments
from dueprocess.values.foreign import quoted

_KEYS: Final = ("name", "from", "where", "given", "assert", "max_age")
_OF_A_READ: Final = ("where", "max_age")


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
    keys = spot.table(_KEYS, required=("name", "assert"))
    name = keys["name"].name() if "name" in keys else None
    given = _given(keys.get("given"), tools)
    source = _source(spot, keys, tools)
    named = frozenset(each.name for each in given or ())
    where = read_where_given(keys["where"], arguments, given=named) if "where" in keys else ()
    max_age = keys["max_age"].duration() if "max_age" in keys else None
    condition = _assertion(keys, arguments, named if source is None else named | {RESULT})
    spec = tools.get(source) if tools is not None and source is not None else None
    if spec is not None:
        _fits(keys["from"], spec)
        _declared(keys, spec, where or ())
    if name is None or given is None or where is None or condition is None:
        return None
    assertion = condition.source
    check = Check(name=name, source=source, where=where, given=given, assertion=assertion, max_age=max_age)
    return check, condition


def _source(spot: Spot, keys: Mapping[str, Spot], tools: Mapping[str, ToolSpec] | None) -> str | None:
    if "from" in keys:
        named = tool_names(keys["from"], tools)
        if named is not None and len(named) != 1:
            keys["from"].wrong("a check rests on the answer of one read; name the others under given")
        return next(iter(named), None) if named is not None else None
    if "given" not in keys:
        spot.wrong("it rests on no answer; expected from, or given")
    for key in _OF_A_READ:
        if key in keys:
            keys[key].wrong(f"{key} speaks of the read under from; there is none")
    return None


def _given(spot: Spot | None, tools: Mapping[str, ToolSpec] | None) -> tuple[Given, ...] | None:
    if spot is None:
        return ()
    entries = spot.entries()
    if entries is None:
        return None
    if not entries:
        spot.wrong("names nothing; expected a name with one read or a list of reads")
        return None
    found: list[Given] = []
    for name, entry in entries.items():
        if not name.isidentifier() or not name.isascii() or name in {ARGUMENTS, RESULT}:
            entry.wrong(f"{quoted(name)} cannot name an answer; expected letters, digits and _, not args or result")
            continue
        sources = tool_names(entry, tools)
        for source in sources or ():
            spec = tools.get(source) if tools is not None else None
            if spec is not None:
                _fits(entry, spec)
        if sources is not None:
            found.append(Given(name=name, sources=sources))
    return tuple(found) if len(found) == len(entries) else None


def _assertion(keys: Mapping[str, Spot], arguments: Type | None, names: frozenset[str]) -> Condition | None:
    source = keys["assert"].text("a condition") if "assert" in keys else None
    if source is None:
        return None
    try:
        return compile_assertion(source, arguments=arguments or ANYTHING, answers=names)
    except BadValue as error:
        keys["assert"].wrong(str(error))
        return None


def _fits(spot: Spot, spec: ToolSpec) -> None:
    if spec.effect is not Effect.READ:
        spot.wrong(f"{quoted(spec.name)} is a write; a check rests on what a read answers")


def _declared(keys: Mapping[str, Spot], spec: ToolSpec, where: tuple[tuple[str, object], ...]) -> None:
    known = type_of_arguments(spec.parameters).names()
    for name, _ in where:
        if known is not None and name not in known:
            keys["where"].unknown("argument", name, known)
