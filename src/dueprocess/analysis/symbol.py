"""A call's arguments before they are known: which kind of value may stand at each path, and the terms that stand for it.

Rule 1. What the tool's schema excludes is excluded; what is not understood of a schema excludes nothing. So a value that is
        found may not fit and is checked; that there is none holds for every call that fits.
Rule 2. Lists have at most `LONGEST` items, or as many as their schema demands: a bound, told with every answer.
Rule 3. An open object has the keys that a policy names, and perhaps one that none names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from dueprocess.analysis.sample import conjuncts
from dueprocess.analysis.terms import (
    FALSE,
    TRUE,
    Script,
    Term,
    apply,
    both,
    either,
    equals,
    implies,
    integer,
    negated,
    real,
    text_term,
)
from dueprocess.errors import BadValue
from dueprocess.tool.schema import Kind, Type, kind
from dueprocess.values import Json

LONGEST: Final = 3  # items of a list: enough for two that differ and one between them
_DEMANDED: Final = 8  # items that a schema may demand before it is not looked at
_CODES: Final[Mapping[Kind, int]] = {each: code for code, each in enumerate(Kind, start=1)}
_NOT_THERE: Final = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Symbol:
    """What may stand at one place of the arguments. `code` is its kind, 0 where nothing stands there.

    `suggested`: texts worth trying first, which spare the solver a search.
    """

    script: Script
    facts: list[Term]
    type: Type
    code: Term
    text: Term
    number: Term
    truth: Term
    length: Term
    extra: Term
    longest: int
    fields: dict[str, "Symbol"] = field(default_factory=dict[str, "Symbol"])
    items: list["Symbol"] = field(default_factory=list["Symbol"])
    used: set[Kind] = field(default_factory=set[Kind])
    suggested: dict[str, None] = field(default_factory=dict[str, None])

    @property
    def there(self) -> Term:
        """Something stands there."""
        return negated(equals(self.code, integer(_NOT_THERE)))

    def is_(self, each: Kind) -> Term:
        """What stands there is of this kind."""
        return equals(self.code, integer(_CODES[each])) if each in self.type.kinds else FALSE

    def at(self, name: str) -> "Symbol | None":
        """What stands under a name; None where the object is closed and does not declare it."""
        if name not in self.fields:
            below = self.type.field(name)
            if below is None or Kind.OBJECT not in self.type.kinds:
                return None
            must = both(self.is_(Kind.OBJECT), TRUE if name in required(self.type) else FALSE)
            self.fields[name] = symbol(self.script, self.facts, below, possible=self.is_(Kind.OBJECT), required=must)
        return self.fields[name]

    def item(self, index: int) -> "Symbol":
        """The item of a list at a place below `longest`."""
        while len(self.items) <= index:
            inside = both(self.is_(Kind.LIST), apply("<", integer(len(self.items)), self.length))
            self.items.append(symbol(self.script, self.facts, self.type.item(), possible=inside, required=inside))
        return self.items[index]

    def known(self) -> tuple[str, ...]:
        """The names that its schema declares or a policy names."""
        return tuple(sorted((self.type.names() or frozenset()) | self.fields.keys()))

    @property
    def open(self) -> bool:
        """Whether it may hold names that nothing declares."""
        return self.type.names() is None


def symbol(script: Script, facts: list[Term], type_: Type, *, possible: Term, required: Term) -> Symbol:
    """A new symbol; what its schema says of it is added to the facts. Nothing stands there where it is not possible."""
    made = Symbol(
        script=script,
        facts=facts,
        type=type_,
        code=script.free("Int"),
        text=script.free("String"),
        number=script.free("Real"),
        truth=script.free("Bool"),
        length=script.free("Int"),
        extra=script.free("Bool"),
        longest=_longest(type_),
    )
    facts.append(
        either(equals(made.code, integer(_NOT_THERE)), *(made.is_(each) for each in sorted(type_.kinds, key=str)))
    )
    facts.append(implies(required, made.there))
    facts.append(implies(made.there, possible))
    facts.append(both(apply("<=", integer(0), made.length), apply("<=", made.length, integer(made.longest))))
    for schema in _certain(type_):
        facts.extend(implies(made.there, fact) for fact in _said(schema, made))
    return made


def arguments_symbol(script: Script, facts: list[Term], arguments: Type) -> Symbol:
    """The arguments as a whole: an object that is there."""
    return symbol(script, facts, arguments, possible=TRUE, required=TRUE)


def _certain(type_: Type) -> tuple[Mapping[str, Json], ...]:
    # Of several schemas that may apply, none is sure to.
    return conjuncts({**type_.schemas[0]}, type_.root) if len(type_.schemas) == 1 else ()


def required(type_: Type) -> frozenset[str]:
    """The names that every object of this type holds, as far as its schema surely says so."""
    found: set[str] = set()
    for schema in _certain(type_):
        names = schema.get("required")
        found.update(name for name in (names if isinstance(names, list) else []) if isinstance(name, str))
    return frozenset(found)


def _longest(type_: Type) -> int:
    least = max((_whole(schema.get("minItems")) or 0 for schema in _certain(type_)), default=0)
    return max(LONGEST, min(least, _DEMANDED))


def _said(schema: Mapping[str, Json], of: Symbol) -> list[Term]:
    found: list[Term] = []
    values = schema.get("enum")
    offered = values if isinstance(values, list) else [schema["const"]] if "const" in schema else None
    if offered is not None:
        found.append(either(*(_is_value(of, value) for value in offered)))
    if schema.get("type") == "integer" or _only_integers(schema.get("type")):
        found.append(implies(of.is_(Kind.NUMBER), apply("is_int", of.number)))
    for key, sign in (("minimum", ">="), ("maximum", "<="), ("exclusiveMinimum", ">"), ("exclusiveMaximum", "<")):
        bound = schema.get(key)
        written = _number(bound)
        if written is not None:
            found.append(implies(of.is_(Kind.NUMBER), apply(sign, of.number, written)))
    for key, sign, each in (
        ("minLength", ">=", Kind.TEXT),
        ("maxLength", "<=", Kind.TEXT),
        ("minItems", ">=", Kind.LIST),
        ("maxItems", "<=", Kind.LIST),
    ):
        bound = _whole(schema.get(key))
        if bound is not None:
            size = apply("str.len", of.text) if each is Kind.TEXT else of.length
            found.append(implies(of.is_(each), apply(sign, size, integer(bound))))
    return found


def _is_value(of: Symbol, value: Json) -> Term:
    """The symbol is this value, as far as it can be said; what cannot is left open (rule 1)."""
    try:
        match value:
            case None:
                return of.is_(Kind.NULL)
            case bool():
                return both(of.is_(Kind.BOOLEAN), of.truth if value else negated(of.truth))
            case int() | Decimal():
                return both(of.is_(Kind.NUMBER), equals(of.number, real(value)))
            case str():
                return both(of.is_(Kind.TEXT), equals(of.text, text_term(value)))
            case _:
                return of.is_(kind(value))
    except BadValue:
        return of.is_(kind(value))


def _number(bound: Json) -> Term | None:
    try:
        return real(bound) if isinstance(bound, (int, Decimal)) and not isinstance(bound, bool) else None
    except BadValue:
        return None


def _only_integers(declared: Json) -> bool:
    return isinstance(declared, list) and "integer" in declared and "number" not in declared


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
