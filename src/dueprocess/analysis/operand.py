"""What an operator of the condition language is given: a symbol, a literal or a result, each as terms. What operators do is in `encode`."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dueprocess.analysis.symbol import Symbol
from dueprocess.analysis.terms import FALSE, TRUE, Term, integer, negated, real, text_term
from dueprocess.errors import BadValue
from dueprocess.tool.schema import Kind, kind
from dueprocess.values import Json

_NO_TEXT: Final = Term('""')
_NO_NUMBER: Final = Term("0.0")
_NO_LENGTH: Final = Term("0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """One value. `kinds` says of each kind it may have when it has it; the other terms hold where it is of their kind.

    `literal` is a text that is written out. `host`: it is the lower-case host of the address `text`, and no text of its own.
    """

    kinds: Mapping[Kind, Term]
    there: Term = TRUE
    text: Term = _NO_TEXT
    number: Term = _NO_NUMBER
    truth: Term = FALSE
    length: Term = _NO_LENGTH
    listed: tuple["Operand", ...] = ()
    symbol: Symbol | None = None
    literal: str | None = None
    host: bool = False

    def is_(self, each: Kind) -> Term:
        """It is of this kind."""
        return self.kinds.get(each, FALSE)

    @property
    def longest(self) -> int:
        """How many items it has at most."""
        return self.symbol.longest if self.symbol is not None else len(self.listed)

    def item(self, index: int) -> "Operand":
        """The item at a place below `longest`."""
        return of_symbol(self.symbol.item(index)) if self.symbol is not None else self.listed[index]

    def at(self, name: str) -> "Operand | None":
        """What stands under a name; None where nothing ever does."""
        below = self.symbol.at(name) if self.symbol is not None else None
        return of_symbol(below) if below is not None else None


def of_symbol(symbol: Symbol) -> Operand:
    """What stands at a place of the arguments."""
    symbol.used |= {Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.LIST} & symbol.type.kinds
    return Operand(
        kinds={each: symbol.is_(each) for each in symbol.type.kinds},
        there=symbol.there,
        text=symbol.text,
        number=symbol.number,
        truth=symbol.truth,
        length=symbol.length,
        symbol=symbol,
    )


def of_literal(value: Json) -> Operand:
    """A value that is written out.

    Raises:
        BadValue: it cannot be said in terms.
    """
    kinds = {kind(value): TRUE}
    match value:
        case None:
            return Operand(kinds=kinds)
        case bool():
            return of_truth(TRUE if value else FALSE)
        case int() | Decimal():
            return of_number(real(value))
        case str():
            return Operand(kinds=kinds, text=text_term(value), literal=value)
        case list():
            return of_list(tuple(map(of_literal, value)))
        case _:
            raise BadValue("an object that is written out")


def of_truth(truth: Term) -> Operand:
    """A boolean."""
    return Operand(kinds={Kind.BOOLEAN: TRUE}, truth=truth)


def of_number(number: Term) -> Operand:
    """A number."""
    return Operand(kinds={Kind.NUMBER: TRUE}, number=number)


def of_list(items: tuple[Operand, ...]) -> Operand:
    """A list that is written out."""
    return Operand(kinds={Kind.LIST: TRUE}, listed=items, length=integer(len(items)))


def of_host(address: Symbol) -> Operand:
    """The host of an address."""
    return Operand(kinds={Kind.TEXT: TRUE}, text=address.text, symbol=address, host=True)


def missing(of: Operand) -> Term:
    """Nothing stands there."""
    return negated(of.there)
