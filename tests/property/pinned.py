"""A symbol tied to one concrete value, so that an encoding can be asked about one call."""

from decimal import Decimal

from dueprocess.analysis.symbol import Symbol
from dueprocess.analysis.terms import Term, both, equals, integer, negated, real, text_term
from dueprocess.policy.arguments import MISSING, Missing
from dueprocess.tool.schema import kind
from dueprocess.values import Json


def pinned(symbol: Symbol, value: Json | Missing) -> Term:
    """The symbol is this value."""
    if isinstance(value, Missing):
        return equals(symbol.code, integer(0))
    found = [symbol.is_(kind(value))]
    match value:
        case bool():
            found.append(symbol.truth if value else negated(symbol.truth))
        case int() | Decimal():
            found.append(equals(symbol.number, real(value)))
        case str():
            found.append(equals(symbol.text, text_term(value)))
        case list():
            assert len(value) <= symbol.longest
            found.append(equals(symbol.length, integer(len(value))))
            found += [pinned(item, value[at] if at < len(value) else MISSING) for at, item in enumerate(symbol.items)]
        case dict():
            names = set(symbol.known())
            found += [pinned(below, value.get(name, MISSING)) for name, below in symbol.fields.items()]
            found.append(symbol.extra if value.keys() - names else negated(symbol.extra))
        case _:
            pass
    return both(*found)
