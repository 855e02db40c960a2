"""Conditions of rules: typed against a tool's arguments at load, turned into closures that answer true or false.

Comparisons are in `comparison`, operators in `operations`.

Rule 1. The only name is `args`. A name or comparison that can never be right does not load.
Rule 2. Operands are evaluated from left to right and only as far as needed; an error in an evaluated operand is the
        error of the whole, also where CEL would absorb it (`error || true`). So `has(args.x) && args.x == 'a'` guards,
        and nothing is ever allowed by an error.
Rule 3. What is not certain at load (optional arguments, open objects) is checked when a call is decided.
Rule 4. One condition takes at most 100,000 steps: items of quantifiers, parts of lists and objects compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never, cast

from dueprocess.errors import BadValue
from dueprocess.policy.comparison import compare_parts
from dueprocess.policy.document import ArgumentPath
from dueprocess.policy.operations import SIZED, domain, ends_with, size, starts_with
from dueprocess.policy.part import (
    CONTAINERS,
    LIST,
    NUMBER,
    OBJECT,
    TEXT,
    TRUTH,
    Part,
    Run,
    Scope,
    spend,
    worded_type,
)
from dueprocess.policy.reader import nearest
from dueprocess.policy.reads import argument_paths
from dueprocess.policy.syntax import (
    Compare,
    Every,
    Expression,
    Has,
    Index,
    Invoke,
    ListOf,
    Literal,
    Name,
    Not,
    Quantified,
    Select,
    Some,
    parse_condition,
)
from dueprocess.tool.schema import ANYTHING, Kind, Type, kind, type_of_value
from dueprocess.values import Json
from dueprocess.values.foreign import quoted

_PAIR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition that can be asked. `reads` are the paths of arguments it names; `run` answers true or false."""

    source: str
    reads: tuple[ArgumentPath, ...]
    run: Run

    def holds(self, arguments: Mapping[str, Json]) -> bool:
        """Whether it holds for these arguments.

        Raises:
            BadValue: it cannot be answered: an argument is missing or of the wrong kind.
        """
        return self.run({"args": arguments}) is True


def compile_condition(source: str, *, arguments: Type) -> Condition:
    """Reads and types a condition against the type of the arguments.

    Raises:
        BadValue: it is not of the language, names an unknown argument, or compares what cannot be compared.
    """
    tree = parse_condition(source)
    part = _part(tree, {"args": arguments})
    if Kind.BOOLEAN not in part.type.kinds:
        raise BadValue(f"the condition is {worded_type(part.type)}; expected true or false")
    return Condition(source=source, reads=argument_paths(tree), run=_truth(part, "a rule", 1))


def _part(tree: Expression, names: Mapping[str, Type]) -> Part:  # noqa: C901 - one branch per kind of expression
    match tree:
        case Literal():
            value = tree.value
            return Part(type=type_of_value(value), run=lambda _: value, words="the value")
        case ListOf():
            return _list(tree, names)
        case Name():
            return _name(tree, names)
        case Select():
            return _select(tree, names)
        case Index():
            return _index(tree, names)
        case Has():
            return _has(tree, names)
        case Not():
            run = _truth(_part(tree.of, names), "!", tree.at)
            return Part(type=TRUTH, run=lambda scope: not run(scope), words="the condition")
        case Every():
            return _every(tree, names)
        case Some():
            return _some(tree, names)
        case Compare():
            return compare_parts(tree, left=_part(tree.left, names), right=_part(tree.right, names))
        case Invoke():
            return _invoke(tree, names)
        case Quantified():
            return _quantified(tree, names)
        case _:
            assert_never(tree)


def _list(tree: ListOf, names: Mapping[str, Type]) -> Part:
    parts = [_part(item, names) for item in tree.items]
    of = Type(kinds=LIST)
    if all(isinstance(item, Literal) for item in tree.items):
        value: Json = [part.run({}) for part in parts]
        return Part(type=of, run=lambda _: value, words="the list")
    runs = tuple(part.run for part in parts)
    return Part(type=of, run=lambda scope: [run(scope) for run in runs], words="the list")


def _name(tree: Name, names: Mapping[str, Type]) -> Part:
    name = tree.name
    if name not in names:
        raise BadValue(f"unknown name {quoted(name)} at character {tree.at}; {nearest(name, names)}")
    return Part(type=names[name], run=lambda scope: scope[name], words=name)


def _select(tree: Select, names: Mapping[str, Type]) -> Part:
    of = _part(tree.of, names)
    return _field(of, tree.field, tree.at)


def _field(of: Part, name: str, at: int) -> Part:
    if Kind.OBJECT not in of.type.kinds:
        raise BadValue(
            f"{of.words} at character {at} is {worded_type(of.type)}; only an object has the field {quoted(name)}"
        )
    found = of.type.field(name)
    if found is None:
        raise BadValue(
            f"unknown field {quoted(name)} of {of.words} at character {at}; {nearest(name, of.type.names() or ())}"
        )
    words = f"{of.words}.{name}"
    if of.words == "args":
        return Part(type=found, run=_argument(name), words=words)
    inner = cast("Callable[[Scope], dict[str, Json]]", of.run)  # what is none raises below

    def run(scope: Scope) -> Json:
        value = inner(scope)
        try:
            return value[name]
        except KeyError:
            raise BadValue(f"{words} is missing") from None
        except (TypeError, IndexError):
            raise BadValue(f"{of.words} is {kind(value).value}; only an object has fields") from None

    return Part(type=found, run=run, words=words)


def _argument(name: str) -> Run:
    # The way of nearly every condition: one step fewer than through the name `args`, which is always an object.
    def run(scope: Scope) -> Json:
        try:
            return scope["args"][name]
        except KeyError:
            raise BadValue(f"args.{name} is missing") from None

    return run


def _index(tree: Index, names: Mapping[str, Type]) -> Part:
    of = _part(tree.of, names)
    if isinstance(tree.key, Literal) and isinstance(tree.key.value, str):
        return _field(of, tree.key.value, tree.at)
    key = _part(tree.key, names)
    fits = (Kind.OBJECT in of.type.kinds and Kind.TEXT in key.type.kinds) or (
        Kind.LIST in of.type.kinds and Kind.NUMBER in key.type.kinds
    )
    if not fits:
        raise BadValue(f"{worded_type(of.type)} at character {tree.at} is not indexed by {worded_type(key.type)}")
    words = f"{of.words}[...]"
    inner, get_key = of.run, key.run

    def run(scope: Scope) -> Json:
        value, position = inner(scope), get_key(scope)
        if isinstance(value, dict) and isinstance(position, str) and position in value:
            return value[position]
        if isinstance(value, list) and isinstance(position, int) and not isinstance(position, bool):
            return _item(value, position, words)
        raise BadValue(f"{words} is missing")

    found = of.type.item() if of.type.kinds == LIST else ANYTHING
    return Part(type=found, run=run, words=words)


def _item(items: list[Json], position: int, words: str) -> Json:
    if 0 <= position < len(items):
        return items[position]
    raise BadValue(f"{words} is missing: there are {len(items)} items")


def _has(tree: Has, names: Mapping[str, Type]) -> Part:
    of = _part(tree.select.of, names)
    name = tree.select.field
    _field(of, name, tree.select.at)  # refuses what can never be there
    inner = of.run
    if of.words == "args":
        return Part(type=TRUTH, run=lambda scope: name in scope["args"], words="has()")

    def run(scope: Scope) -> Json:
        value = inner(scope)
        if not isinstance(value, dict):
            raise BadValue(f"{of.words} is {kind(value).value}; only an object has fields")
        return name in value

    return Part(type=TRUTH, run=run, words="has()")


def _every(tree: Every, names: Mapping[str, Type]) -> Part:
    runs = tuple(_truth(_part(item, names), "&&", tree.at) for item in tree.of)
    if len(runs) == _PAIR:
        first, second = runs
        return Part(type=TRUTH, run=lambda scope: first(scope) and second(scope), words="the condition")

    def run(scope: Scope) -> Json:
        for each in runs:  # noqa: SIM110 - all() with a generator costs three times as much
            if not each(scope):
                return False
        return True

    return Part(type=TRUTH, run=run, words="the condition")


def _some(tree: Some, names: Mapping[str, Type]) -> Part:
    runs = tuple(_truth(_part(item, names), "||", tree.at) for item in tree.of)
    if len(runs) == _PAIR:
        first, second = runs
        return Part(type=TRUTH, run=lambda scope: first(scope) or second(scope), words="the condition")

    def run(scope: Scope) -> Json:
        for each in runs:  # noqa: SIM110 - as above
            if each(scope):
                return True
        return False

    return Part(type=TRUTH, run=run, words="the condition")


def _truth(part: Part, operator: str, at: int) -> Run:
    if Kind.BOOLEAN not in part.type.kinds:
        raise BadValue(f"{operator} at character {at} joins conditions; {part.words} is {worded_type(part.type)}")
    if part.type.kinds == TRUTH.kinds and part.type is TRUTH:
        return part.run
    inner, words = part.run, part.words

    def run(scope: Scope) -> Json:
        value = inner(scope)
        if value is True or value is False:
            return value
        raise BadValue(f"{words} is {kind(value).value}; expected true or false")

    return run


def _invoke(tree: Invoke, names: Mapping[str, Type]) -> Part:
    of = _part(tree.of, names)
    inner = of.run
    if tree.function == "size":
        _require(of, SIZED, tree)
        return Part(type=NUMBER, run=lambda scope: size(inner(scope)), words="size()")
    _require(of, TEXT.kinds, tree)
    if tree.with_ is None:
        return Part(type=TEXT, run=lambda scope: domain(inner(scope)), words="domain()")
    with_ = _part(tree.with_, names)
    _require(with_, TEXT.kinds, tree)
    get_with = with_.run
    ask = starts_with if tree.function == "startsWith" else ends_with
    return Part(type=TRUTH, run=lambda scope: ask(inner(scope), get_with(scope)), words=f"{tree.function}()")


def _require(part: Part, kinds: frozenset[Kind], tree: Invoke) -> None:
    if not part.type.kinds & kinds:
        expected = worded_type(Type(kinds=kinds))
        raise BadValue(
            f"{tree.function} at character {tree.at} is given {part.words}, which is {worded_type(part.type)}; "
            f"expected {expected}"
        )


def _quantified(tree: Quantified, names: Mapping[str, Type]) -> Part:
    over = _part(tree.over, names)
    if not over.type.kinds & CONTAINERS:
        raise BadValue(f"{over.words} at character {tree.at} is {worded_type(over.type)}; expected a list or an object")
    if tree.variable in names:
        raise BadValue(f"the variable {quoted(tree.variable)} at character {tree.at} is taken; choose another name")
    of = over.type.item() if over.type.kinds == LIST else TEXT if over.type.kinds == OBJECT else ANYTHING
    body = _truth(_part(tree.body, {**names, tree.variable: of}), "a quantifier", tree.at)
    inner, variable, stops_at = over.run, tree.variable, not tree.every

    def run(scope: Scope) -> Json:
        items = inner(scope)
        if not isinstance(items, (list, dict)):
            raise BadValue(f"{over.words} is {kind(items).value}; expected a list or an object")
        spend(scope, len(items))
        for item in items:
            scope[variable] = item
            if body(scope) is stops_at:
                return stops_at
        return not stops_at

    return Part(type=TRUTH, run=run, words="the quantifier")
